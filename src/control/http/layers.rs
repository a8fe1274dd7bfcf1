//! What happens around every request: id, span, figures, panics, deadline, CORS.

use super::problem::HttpError;
use crate::control::error::ControlError;
use axum::{
    extract::{MatchedPath, Request},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use std::{
    any::Any,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};
use tracing::{Instrument, Span, field::Empty};

/// Names a request in answers and log lines.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken from a client.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Gives the request its id (the client's, if it is harmless in a log line), its span and its line
/// in the metrics. The span names the route, never the path or the query: session ids and tokens
/// stand in those.
pub async fn observe(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_request_id(id))
        .map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned);
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span =
        tracing::info_span!("request", request = %id, method, route, conference = Empty, participant = Empty);

    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let took = began.elapsed();
    span.in_scope(|| {
        let (status, took_ms) = (status.as_u16(), took.as_millis() as u64);
        if status >= 500 && status != 501 {
            tracing::warn!(status, took_ms, "request failed");
        } else {
            tracing::debug!(status, took_ms, "request answered");
        }
    });
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!("meetingcast_http_requests_total", &labels).increment(1);
    metrics::histogram!("meetingcast_http_request_duration_seconds", &labels[..2]).record(took.as_secs_f64());

    // An id is ASCII without control characters, by `is_request_id` or by construction.
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn is_request_id(text: &str) -> bool {
    (1..=MAX_REQUEST_ID_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:+/=@~".contains(&b))
}

/// A client may invent methods; a metric's label may not.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A panic is our bug: the request that met it gets `internal`, the others go on.
pub async fn catch_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            tracing::error!(error = panic_text(panic.as_ref()), "a handler panicked");
            HttpError::Control(ControlError::Internal).into_response()
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without text")
}

/// An answer within `limit`, or a problem.
pub async fn deadline(limit: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => HttpError::Timeout(limit).into_response(),
    }
}

/// CORS for everybody: rights come from tokens, never from cookies, so no page can borrow them. A
/// preflight (any `OPTIONS` to a path that is there) needs no token. Its `Allow` lists what the route
/// really takes; axum adds it outside of this layer.
pub async fn cors(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if preflight && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = StatusCode::OK.into_response();
    }
    let mut set = |name, value| response.headers_mut().insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "location, link, etag, allow, retry-after, accept-post, accept-patch, accept-ranges, content-disposition, \
         content-length, content-range, x-request-id",
    );
    if preflight {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        set(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, if-match, if-range, last-event-id, range, x-request-id",
        );
        // Two hours: the longest that Chromium keeps.
        set(header::ACCESS_CONTROL_MAX_AGE, "7200");
    }
    response
}

/// Whether gzip pays: JSON and pages; not SDP (its ETag is strong) and not media.
pub fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    /// Below, gzip's own header costs more than it saves.
    const LEAST_BYTES: u64 = 256;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    (kind.starts_with("application/json")
        || kind.starts_with("application/problem+json")
        // A stream of events goes out event by event; gzip would hold them back.
        || (kind.starts_with("text/") && !kind.starts_with("text/event-stream")))
        && length.is_none_or(|length: u64| length >= LEAST_BYTES)
}

/// The conference of this request, for its log lines.
pub fn name_conference(conference: &crate::ids::ConferenceId) {
    Span::current().record("conference", tracing::field::display(conference));
}

/// The participant of this request, for its log lines.
pub fn name_participant(participant: &crate::ids::ParticipantId) {
    Span::current().record("participant", tracing::field::display(participant));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_taken_when_harmless() {
        assert!(is_request_id("0af7651916cd43dd8448eb211c80319c"));
        for bad in ["", "a b", "a\"b", "ä", &"x".repeat(129)] {
            assert!(!is_request_id(bad), "{bad}");
        }
    }
}
