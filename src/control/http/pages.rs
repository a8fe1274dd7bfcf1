//! The pages and the browser SDK: `web/dist`, carried by the binary.
//!
//! Everything a page loads comes from here and is named by the policy; nothing on it may come from elsewhere.

use super::problem::{self, HttpError, Problem};
use axum::{
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use files::{FILES, File};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::LazyLock};

mod files;

/// Scripts and styles from this server only; media from this server and from what a page makes itself
/// (`blob:` is how players feed a video element).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What these pages use, and no other page in a frame of theirs.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), autoplay=(self)";
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// A file and its tag.
struct Served {
    file: &'static File,
    tag: HeaderValue,
}

/// By name; the tags are made once.
static SERVED: LazyLock<HashMap<&'static str, Served>> = LazyLock::new(|| {
    let served = FILES.iter().map(|file| {
        let digest = Sha256::digest(file.content);
        let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        // Weak: the same file goes out plain and gzipped. Hexadecimal is always a valid header.
        let tag =
            HeaderValue::from_str(&format!("W/\"{hex}\"")).unwrap_or(HeaderValue::from_static("W/\"0\""));
        (file.name, Served { file, tag })
    });
    served.collect()
});

/// The studio: join, see everybody, direct the cast.
#[utoipa::path(get, path = "/", tag = "pages", responses((status = 200, content_type = "text/html")))]
pub async fn studio(headers: HeaderMap) -> Result<Response, HttpError> {
    serve("index.html", &headers).await
}

/// A viewer's page: waits for the program, plays it, says when it is over.
#[utoipa::path(get, path = "/watch/{conference}", tag = "pages",
    params(("conference" = String, Path, description = "Conference id")),
    responses((status = 200, content_type = "text/html")))]
pub async fn watch(headers: HeaderMap) -> Result<Response, HttpError> {
    serve("watch.html", &headers).await
}

/// Calls between two.
#[utoipa::path(get, path = "/call", tag = "pages", responses((status = 200, content_type = "text/html")))]
pub async fn call(headers: HeaderMap) -> Result<Response, HttpError> {
    serve("call.html", &headers).await
}

/// The browser SDK, `meetingcast.js`, and the faces for pages of other systems on top of it.
#[utoipa::path(get, path = "/sdk/{file}", tag = "pages",
    params(("file" = String, Path, description = "`meetingcast.js`, `wilddog.js`, `leancloud.js`, `cube.js`")),
    responses((status = 200, content_type = "text/javascript"),
              (status = 404, body = Problem, description = "`not_found`: there is no such file")))]
pub async fn sdk(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, HttpError> {
    serve(&format!("sdk/{file}"), &headers).await
}

/// What the pages load.
#[utoipa::path(get, path = "/assets/{file}", tag = "pages",
    params(("file" = String, Path, description = "Its name")),
    responses((status = 200, description = "scripts, styles, pictures"),
              (status = 404, body = Problem, description = "`not_found`: there is no such file")))]
pub async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, HttpError> {
    serve(&format!("assets/{file}"), &headers).await
}

async fn serve(name: &str, headers: &HeaderMap) -> Result<Response, HttpError> {
    let Some(Served { file, tag }) = SERVED.get(name) else { return Err(problem::route_not_found().await) };
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().as_bytes() == tag.as_bytes());
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { file.content.into_response() };
    let said = response.headers_mut();
    said.insert(header::ETAG, tag.clone());
    // The names stay from version to version, so caches ask each time; mostly a 304 answers.
    said.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    said.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    said.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    if file.kind == files::HTML {
        said.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        said.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        said.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
    }
    Ok(response)
}
