//! `GET /hls/{conference}/…`: playlists and segments, for players and caches.
//!
//! Playlists change, so caches ask again each time (a 304 answers if nothing changed); what a segment's
//! or init segment's URL names never changes. Everything may be fetched from pages of any origin.
//!
//! With low latency, a request for what comes next is held until it is there ([`reload`]; the hinted part
//! the same). A held request is one waiting on the stream's edge and nothing else: it ends with its
//! client (the future is dropped), with the cast (drained at a shutdown), or after [`HOLD`]. Their number is
//! bounded by that of the connections.

use crate::{
    control::error::ControlError,
    egress::hls::{
        HlsLibrary,
        library::{LiveStream, StreamEdge},
        playlist::{init_name, part_name, segment_name},
        rendered::RenderedPlaylist,
    },
    ids::ConferenceId,
};
use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;
use tower_http::cors::{Any, CorsLayer};

pub(super) mod range;
mod reload;

use range::RequestedRange;
use reload::Directives;

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const INIT: &str = "video/mp4";
const SEGMENT: &str = "video/iso.segment";
const PROBLEM: &str = "application/problem+json";

/// A day: longer than any cache has use for a live segment. The URL never names anything else.
const FOREVER: &str = "public, max-age=86400, immutable";
/// Ask again each time.
const FRESH: &str = "no-cache";
/// A request is held for so many target durations at most, then answered 503 (rfc8216bis §6.2.5.2).
const HOLD: u32 = 3;
/// What a blocking reload brought may be cached for so many target durations: its URL is asked for by all
/// players within one of them, and by nobody later.
const RELOADED: u32 = 6;
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
    Part { rendition: &'a str, msn: u64, part: usize },
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
        if let Some(msn) = number("seg-", ".m4s").filter(|&msn| segment_name(msn) == file) {
            return Some(Self::Segment { rendition, msn });
        }
        let (msn, part) = file.strip_prefix("part-")?.strip_suffix(".m4s")?.split_once('.')?;
        let (msn, part) = (msn.parse().ok()?, part.parse().ok()?);
        (part_name(msn, part) == file).then_some(Self::Part { rendition, msn, part })
    }
}

async fn serve(
    State(library): State<HlsLibrary>,
    Path((conference, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
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
    fetch(&stream, resource, query.as_deref().unwrap_or_default(), &method, &headers).await
}

async fn fetch(
    stream: &LiveStream,
    resource: Resource<'_>,
    query: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let media = match resource {
        Resource::Multivariant => return playlist(stream.multivariant(), FRESH, headers),
        Resource::Media { rendition } => return media_playlist(stream, rendition, query, headers).await,
        Resource::Init { rendition, number } => Ok(stream.init(rendition, number).map(|data| (INIT, data))),
        Resource::Segment { rendition, msn } => {
            stream.segment(rendition, msn).await.map(|data| data.map(|data| (SEGMENT, data)))
        }
        Resource::Part { rendition, msn, part } => {
            // The one that is hinted at; it may also turn out that its segment ends without it.
            let hinted = |edge: &StreamEdge| (edge.playlist.next_msn, edge.playlist.parts) == (msn, part);
            if !hold(stream, rendition, |edge| !hinted(edge)).await {
                return problem(503, "part_not_ready", "this part is not complete yet; ask again");
            }
            stream.part(rendition, msn, part).await.map(|data| data.map(|data| (SEGMENT, data)))
        }
    };
    match media {
        Ok(Some((content_type, data))) => file(content_type, data, method, headers),
        Ok(None) => problem(404, "segment_not_found", "this segment has expired or is not there yet"),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a segment's file could not be read");
            refuse(&ControlError::Internal)
        }
    }
}

async fn media_playlist(stream: &LiveStream, rendition: &str, query: &str, headers: &HeaderMap) -> Response {
    let edge = stream.edge(rendition).map(|edge| edge.borrow().playlist);
    // Only low latency offers directives; nothing comes after the end, so they mean nothing there.
    let Some(edge) = edge.filter(|edge| edge.part_target.is_some() && edge.listed && !edge.ended) else {
        return playlist(stream.media(rendition), FRESH, headers);
    };
    let checked = Directives::parse(query).and_then(|directives| {
        directives.position.map_or(Ok(()), |position| position.check(&edge))?;
        Ok(directives)
    });
    let Directives { position, skip } = match checked {
        Ok(directives) => directives,
        Err(error) => return problem(400, "invalid_request", &error.to_string()),
    };
    let mut caching = FRESH.to_owned();
    if let Some(position) = position {
        if !hold(stream, rendition, |edge| position.is_in(&edge.playlist)).await {
            return problem(503, "playlist_not_ready", "what was asked for did not come in time; ask again");
        }
        // Not when the wait ended since the stream did.
        if stream.edge(rendition).is_some_and(|edge| position.is_in(&edge.borrow().playlist)) {
            caching = format!("public, max-age={}", RELOADED * edge.target_duration);
        }
    }
    let found = if skip { stream.media_delta(rendition) } else { stream.media(rendition) };
    playlist(found, &caching, headers)
}

/// Waits until the stream has got so far, or gets no further; false if neither is so in time.
async fn hold(stream: &LiveStream, rendition: &str, is_there: impl Fn(&StreamEdge) -> bool) -> bool {
    let Some(mut edge) = stream.edge(rendition) else { return true };
    let seconds = HOLD * edge.borrow().playlist.target_duration;
    let over = |edge: &StreamEdge| edge.removed || edge.playlist.ended || edge.playlist.part_target.is_none();
    let there = edge.wait_for(|edge| over(edge) || is_there(edge));
    tokio::time::timeout(Duration::from_secs(seconds.into()), there).await.is_ok()
}

fn playlist(playlist: Option<RenderedPlaylist>, caching: &str, headers: &HeaderMap) -> Response {
    let Some(playlist) = playlist else {
        return problem(404, "playlist_not_found", "there is no such playlist, or it has no segment yet");
    };
    // Weak: the same playlist, compressed or not.
    let tag = format!("W/\"{}\"", playlist.tag);
    let shared =
        [(header::CACHE_CONTROL, caching), (header::VARY, "accept-encoding"), (header::ETAG, tag.as_str())];
    if lists(headers, header::IF_NONE_MATCH, |item| item == tag || item == "*") {
        return (StatusCode::NOT_MODIFIED, shared).into_response();
    }
    let shared = (shared, [(header::CONTENT_TYPE, PLAYLIST)]);
    if accepts_gzip(headers) {
        (shared.0, shared.1, [(header::CONTENT_ENCODING, "gzip")], playlist.gzip()).into_response()
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
        let part = Resource::Part { rendition: "video", msn: 7, part: 0 };
        assert_eq!(Resource::parse("video/part-7.0.m4s"), Some(part));
        for path in [
            "",
            "video/part-7.m4s",
            "video/part-7.00.m4s",
            "video/part-7.0.0.m4s",
            "video/part-.0.m4s",
            "video/part-7.-1.m4s",
            "part-7.0.m4s",
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
