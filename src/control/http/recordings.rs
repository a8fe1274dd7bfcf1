//! `/v1/recordings`: list, read, download, play, delete.
//!
//! A recording needs the grant `cast` for its conference: it shows what the cast showed, also to those who
//! were not there, and whoever may start one may have it.

use super::{
    extract::{Holder, InRecording, ToCast},
    hls::range::RequestedRange,
    problem::{HttpError, Problem},
    state::AppState,
    wire::recording::{RecordingJson, RecordingsJson, RecordingsQuery},
};
use crate::{
    control::{auth::Grant, error::ControlError},
    egress::recording::{library::LibraryError, record::Recording},
};
use axum::{
    Json,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

const MOVIE: &str = "video/mp4";
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
/// What is asked for with a token is not for shared caches, and ends with a deletion.
const CACHE: &str = "private, no-cache";

impl From<LibraryError> for HttpError {
    fn from(error: LibraryError) -> Self {
        Self::Control(match &error {
            LibraryError::NotFound => ControlError::RecordingNotFound,
            LibraryError::Busy => ControlError::RecordingBusy,
            LibraryError::Remote(remote) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the recordings' store failed");
                ControlError::RecordingUnavailable(remote.sentence())
            }
            LibraryError::Disk(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a recording's file cannot be used"
                );
                ControlError::RecordingUnavailable("the disk does not give it".to_owned())
            }
        })
    }
}

/// List the recordings that the token covers, newest first, in pages. Grant: `cast`.
#[utoipa::path(get, path = "/v1/recordings", tag = "recordings", operation_id = "list_recordings",
    params(("conference" = Option<String>, Query, description = "only of this conference"),
           ("limit" = Option<usize>, Query, description = "1 to 1000 on a page; 100 when absent"),
           ("after" = Option<String>, Query, description = "`next` of the page before")),
    responses(
    (status = 200, body = RecordingsJson),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`recording_not_found`: the one named by `after`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn list(
    State(app): State<AppState>,
    holder: Holder<ToCast>,
    RawQuery(query): RawQuery,
) -> Result<Json<RecordingsJson>, HttpError> {
    let query = RecordingsQuery::parse(query.as_deref().unwrap_or_default())?;
    if let Some(conference) = &query.conference {
        holder.identity.require_in(Grant::Cast, conference)?;
    }
    let wanted = |recording: &Recording| {
        holder.identity.covers(&recording.conference)
            && query.conference.as_ref().is_none_or(|conference| *conference == recording.conference)
    };
    let mut found = app.recordings.list(wanted);
    if let Some(after) = &query.after {
        let at = found.iter().position(|recording| recording.id == *after);
        found.drain(..=at.ok_or(ControlError::RecordingNotFound)?);
    }
    let next = found.get(query.limit).and(found.get(query.limit - 1)).map(|last| last.id.to_string());
    found.truncate(query.limit);
    let recordings = found.iter().map(|recording| json(&app, recording)).collect();
    Ok(Json(RecordingsJson { recordings, next }))
}

/// Read a recording. Grant: `cast`.
#[utoipa::path(get, path = "/v1/recordings/{recording}", tag = "recordings", operation_id = "get_recording",
    params(("recording" = String, Path, description = "Recording id")), responses(
    (status = 200, body = RecordingJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`recording_not_found`")))]
pub async fn get(
    State(app): State<AppState>,
    at: InRecording<ToCast>,
) -> Result<Json<RecordingJson>, HttpError> {
    Ok(Json(json(&app, &at.recording)))
}

/// Delete a recording that is not being made, file and all. Grant: `cast`.
#[utoipa::path(delete, path = "/v1/recordings/{recording}", tag = "recordings", operation_id = "delete_recording",
    params(("recording" = String, Path, description = "Recording id")), responses(
    (status = 204, description = "it is gone"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`recording_not_found`"),
    (status = 409, body = Problem, description = "`recording_busy`: it is being made"),
    (status = 502, body = Problem, description = "`recording_unavailable`: it is still there")))]
pub async fn delete(State(app): State<AppState>, at: InRecording<ToCast>) -> Result<StatusCode, HttpError> {
    app.recordings.delete(&at.recording.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Download a recording: MP4, whole or in ranges. Grant: `cast`.
#[utoipa::path(get, path = "/v1/recordings/{recording}/file.mp4", tag = "recordings",
    operation_id = "download_recording",
    params(("recording" = String, Path, description = "Recording id"),
           ("Range" = Option<String>, Header, description = "one range of bytes")), responses(
    (status = 200, content_type = "video/mp4", description = "the file; while it grows, what is there"),
    (status = 206, content_type = "video/mp4", description = "the range"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`recording_not_found`"),
    (status = 416, body = Problem, description = "`range_not_satisfiable`"),
    (status = 502, body = Problem, description = "`recording_unavailable`")))]
pub async fn download(
    State(app): State<AppState>,
    at: InRecording<ToCast>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let media = app.recordings.movie(&at.recording.id).await?;
    let length = media.length;
    let etag = format!("\"{length:x}\"");
    let shared = [
        (header::CONTENT_TYPE, MOVIE.to_owned()),
        (header::CACHE_CONTROL, CACHE.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, etag.clone()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file_name(&at.recording))),
    ];
    // RFC 9110 §14.2: ranges are for GET. §13.1.5: another file than the client has the first part of is
    // sent whole; a recording changes its length when it grows and when it is finished.
    let same = headers.get(header::IF_RANGE).is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    let range = headers.get(header::RANGE).filter(|_| method == Method::GET && same);
    let (status, from, to) =
        match range.map_or(RequestedRange::Whole, |range| RequestedRange::parse(range.as_bytes(), length)) {
            RequestedRange::Whole => (StatusCode::OK, 0, length),
            RequestedRange::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last + 1),
            RequestedRange::Unsatisfiable => return Err(HttpError::RangeNotSatisfiable { length }),
        };
    let body = if method == Method::HEAD || from == to {
        Body::empty()
    } else {
        Body::from_stream(media.read(from..to).await?)
    };
    let mut response = (status, shared, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(to - from));
    if status == StatusCode::PARTIAL_CONTENT {
        let value = HeaderValue::try_from(format!("bytes {from}-{}/{length}", to - 1));
        value.into_iter().for_each(|value| {
            headers.insert(header::CONTENT_RANGE, value);
        });
    }
    Ok(response)
}

/// The HLS VOD playlist of a finished recording; it names byte ranges of `file.mp4`. Grant: `cast`.
#[utoipa::path(get, path = "/v1/recordings/{recording}/index.m3u8", tag = "recordings",
    operation_id = "play_recording",
    params(("recording" = String, Path, description = "Recording id")), responses(
    (status = 200, content_type = "application/vnd.apple.mpegurl"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`recording_not_found`"),
    (status = 409, body = Problem, description = "`recording_busy`: it is being made"),
    (status = 502, body = Problem, description = "`recording_unavailable`")))]
pub async fn playlist(State(app): State<AppState>, at: InRecording<ToCast>) -> Result<Response, HttpError> {
    let text = app.recordings.playlist(&at.recording.id).await?;
    Ok(([(header::CONTENT_TYPE, PLAYLIST), (header::CACHE_CONTROL, CACHE)], text).into_response())
}

fn json(app: &AppState, recording: &Recording) -> RecordingJson {
    RecordingJson::new(recording, app.recordings.store_name(recording), &app.base_url)
}

/// What a download is called: the conference and when. Only characters that every system takes.
fn file_name(recording: &Recording) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let conference: String = recording.conference.as_str().chars().map(plain).collect();
    let conference = conference.trim_start_matches('.');
    format!("{conference}-{}.mp4", recording.started_at.strftime("%Y%m%dT%H%M%SZ"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RecordingId;

    #[test]
    fn downloads_have_harmless_names() {
        let at = "2026-01-02T03:04:05.6Z".parse().unwrap();
        let name = |id: &str| file_name(&Recording::begin(RecordingId::generate(), id.parse().unwrap(), at));
        assert_eq!(name("room-1"), "room-1-20260102T030405Z.mp4");
        assert_eq!(name(".a:b@c"), "a-b-c-20260102T030405Z.mp4");
    }
}
