//! `GET /v1/conferences/{c}/cast/snapshot.jpg`: the program as it looks now.

use super::{
    extract::{InConference, ToSubscribe},
    problem::{HttpError, Problem},
    state::AppState,
};
use crate::control::conference::ConferenceRequest;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

/// The program as it looks now: a JPEG in its size, at most a second old. Grant: `subscribe`.
#[utoipa::path(get, path = "/v1/conferences/{conference}/cast/snapshot.jpg", tag = "cast",
    operation_id = "snapshot", params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, content_type = "image/jpeg", body = Vec<u8>, description = "may be cached for a second"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 409, body = Problem, description = "`cast_not_started`, `snapshot_unavailable`: the cast is \
        a `passthrough` one, nothing is decoded"),
    (status = 422, body = Problem, description = "`invalid_id`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`")))]
pub async fn snapshot(
    State(app): State<AppState>,
    at: InConference<ToSubscribe>,
) -> Result<Response, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    app.admission.admit_trifle()?;
    let jpeg = conference.ask(|answer| ConferenceRequest::Snapshot { answer }).await?;
    let headers = [(header::CONTENT_TYPE, "image/jpeg"), (header::CACHE_CONTROL, "private, max-age=1")];
    Ok((headers, jpeg).into_response())
}
