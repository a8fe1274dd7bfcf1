//! `GET /hls/{conference}/…`: playlists and segments, for players and caches.
//!
//! Playlists change, so caches ask again each time (a 304 answers if nothing changed); what a segment's
//! or init segment's URL names never changes. Everything may be fetched from pages of any origin.

use crate::{
    control::error::ControlError,
    egress::hls::{
        HlsLibrary,
        library::LiveStream,
        playlist::{init_name, segment_name},
        store::RenderedPlaylist,
    },
    ids::ConferenceId,
};
use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;
use tower_http::cors::{Any, CorsLayer};

mod range;

use range::RequestedRange;

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const INIT: &str = "video/mp4";
const SEGMENT: &str = "video/iso.segment";
const PROBLEM: &str = "application/problem+json";

/// A day: longer than any cache has use for a live segment. The URL never names anything else.
const FOREVER: &str = "public, max-age=86400, immutable";
/// Ask again each time.
const FRESH: &str = "no-cache";
/// A segment that is not there may be there in a moment.
const NEVER: &str = "no-store";

/// The routes, with CORS. They need no token: who knows a conference's name may watch its cast.
pub fn router(library: HlsLibrary) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
        .allow_headers(Any)
        .expose_headers([
            header::ACCEPT_RANGES,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::DATE,
            header::ETAG,
        ])
        .max_age(Duration::from_secs(86_400))
        .vary([]);
    Router::new().route("/hls/{conference}/{*file}", get(serve)).layer(cors).with_state(library)
}

/// What a path below the conference names. Only the exact spellings of the playlists count.
#[derive(Debug, PartialEq, Eq)]
enum Resource<'a> {
    Multivariant,
    Media { rendition: &'a str },
    Init { rendition: &'a str, number: u64 },
    Segment { rendition: &'a str, msn: u64 },
}

impl<'a> Resource<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        if path == "index.m3u8" {
            return Some(Self::Multivariant);
        }
        let (rendition, file) = path.split_once('/')?;
        if file == "media.m3u8" {
            return Some(Self::Media { rendition });
        }
        let number = |prefix: &str, suffix: &str| -> Option<u64> {
            file.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()
        };
        if let Some(number) = number("init-", ".mp4").filter(|&number| init_name(number) == file) {
            return Some(Self::Init { rendition, number });
        }
        let msn = number("seg-", ".m4s").filter(|&msn| segment_name(msn) == file)?;
        Some(Self::Segment { rendition, msn })
    }
}

async fn serve(
    State(library): State<HlsLibrary>,
    Path((conference, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let conference: ConferenceId = match conference.parse() {
        Ok(conference) => conference,
        Err(error) => return refuse(&ControlError::InvalidId(error)),
    };
    let Some(stream) = library.find(&conference) else {
        return refuse(&ControlError::ConferenceNotFound(conference));
    };
    let Some(resource) = Resource::parse(&file) else {
        return problem(404, "not_found", "there is nothing of this name in an HLS stream");
    };
    fetch(&stream, resource, &method, &headers).await
}

async fn fetch(
    stream: &LiveStream,
    resource: Resource<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let media = match resource {
        Resource::Multivariant => return playlist(stream.multivariant(), headers),
        Resource::Media { rendition } => return playlist(stream.media(rendition), headers),
        Resource::Init { rendition, number } => stream.init(rendition, number).map(|data| (INIT, data)),
        Resource::Segment { rendition, msn } => match stream.segment(rendition, msn).await {
            Ok(data) => data.map(|data| (SEGMENT, data)),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a segment's file could not be read"
                );
                return refuse(&ControlError::Internal);
            }
        },
    };
    match media {
        Some((content_type, data)) => file(content_type, data, method, headers),
        None => problem(404, "segment_not_found", "this segment has expired or is not there yet"),
    }
}

fn playlist(playlist: Option<RenderedPlaylist>, headers: &HeaderMap) -> Response {
    let Some(playlist) = playlist else {
        return problem(404, "playlist_not_found", "there is no such playlist, or it has no segment yet");
    };
    // Weak: the same playlist, compressed or not.
    let tag = format!("W/\"{}\"", playlist.tag);
    let shared =
        [(header::CACHE_CONTROL, FRESH), (header::VARY, "accept-encoding"), (header::ETAG, tag.as_str())];
    if lists(headers, header::IF_NONE_MATCH, |item| item == tag || item == "*") {
        return (StatusCode::NOT_MODIFIED, shared).into_response();
    }
    let shared = (shared, [(header::CONTENT_TYPE, PLAYLIST)]);
    if accepts_gzip(headers) {
        (shared.0, shared.1, [(header::CONTENT_ENCODING, "gzip")], playlist.gzip).into_response()
    } else {
        (shared.0, shared.1, playlist.plain).into_response()
    }
}

fn file(content_type: &'static str, data: Bytes, method: &Method, headers: &HeaderMap) -> Response {
    let shared = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, FOREVER),
        (header::ACCEPT_RANGES, "bytes"),
    ];
    // RFC 9110 §14.2: ranges are for GET; §13.1.5: a validator that we never gave out matches nothing.
    let conditional = headers.contains_key(header::IF_RANGE);
    let range = headers.get(header::RANGE).filter(|_| method == Method::GET && !conditional);
    let len = data.len() as u64;
    match range.map_or(RequestedRange::Whole, |range| RequestedRange::parse(range.as_bytes(), len)) {
        RequestedRange::Whole => (shared, data).into_response(),
        RequestedRange::Part { first, last } => {
            let content_range = [(header::CONTENT_RANGE, format!("bytes {first}-{last}/{len}"))];
            // Both are below `len`, which came from a usize.
            let part = data.slice(first as usize..=last as usize);
            (StatusCode::PARTIAL_CONTENT, shared, content_range, part).into_response()
        }
        RequestedRange::Unsatisfiable => {
            let content_range = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            let detail = format!("the range lies outside of the file's {len} bytes");
            (content_range, problem(416, "range_not_satisfiable", &detail)).into_response()
        }
    }
}

/// Whether a comma-separated header holds an item that `is` right.
fn lists(headers: &HeaderMap, name: header::HeaderName, is: impl Fn(&str) -> bool) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| is(item.trim()))
}

/// RFC 9110 §12.5.3, as far as gzip is concerned: named (or `*`), and not with a weight of 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let weight = |item: &str, coding: &str| -> Option<f32> {
        let mut parts = item.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(coding) {
            return None;
        }
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
    };
    let wanted = |coding| lists(headers, header::ACCEPT_ENCODING, |item| weight(item, coding) > Some(0.0));
    let named = lists(headers, header::ACCEPT_ENCODING, |item| weight(item, "gzip").is_some());
    wanted("gzip") || (!named && wanted("*"))
}

fn refuse(error: &ControlError) -> Response {
    let (code, status) = error.code_and_status();
    problem(status, code, &error.to_string())
}

/// RFC 9457.
fn problem(status: u16, code: &str, detail: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM)),
        (header::CACHE_CONTROL, HeaderValue::from_static(NEVER)),
    ];
    (status, headers, Body::from(body.to_string())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_paths_name_something() {
        assert_eq!(Resource::parse("index.m3u8"), Some(Resource::Multivariant));
        assert_eq!(Resource::parse("video/media.m3u8"), Some(Resource::Media { rendition: "video" }));
        let init = Resource::Init { rendition: "video", number: 7 };
        assert_eq!(Resource::parse("video/init-7.mp4"), Some(init));
        let segment = Resource::Segment { rendition: "video", msn: 1_700_000_000 };
        assert_eq!(Resource::parse("video/seg-1700000000.m4s"), Some(segment));
        for path in [
            "",
            "/",
            "video",
            "video/",
            "media.m3u8",
            "video/index.m3u8",
            "video/seg-.m4s",
            "video/seg-+7.m4s",
            "video/seg-07.m4s",
            "video/seg-7.m4s/",
            "video/seg--7.m4s",
            "video/../video/seg-7.m4s",
            "video/seg-99999999999999999999.m4s",
            "video/init-7.m4s",
            "INDEX.m3u8",
            "index.m3u8 ",
        ] {
            assert_eq!(Resource::parse(path), None, "{path}");
        }
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let accepts = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            value.map(|value| headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value)));
            accepts_gzip(&headers)
        };
        for yes in ["gzip", "deflate, gzip;q=0.5, br", "GZIP", "*", "br, *;q=0.1", "gzip; q=1"] {
            assert!(accepts(Some(yes)), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzip;q=nonsense", "xgzip"] {
            assert!(!accepts(Some(no)), "{no}");
        }
        assert!(!accepts(None));
    }
}
