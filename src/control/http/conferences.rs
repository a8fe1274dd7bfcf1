//! `/v1/conferences`: list, create or update, read, end.

use super::{
    extract::{Holder, InConference, OptionalJsonBody, ToAdminister, ToSubscribe},
    problem::{HttpError, Problem},
    state::AppState,
    wire::conference::{ConferenceBody, ConferenceJson, ConferenceLine, ConferencesJson},
};
use crate::control::conference::ConferenceRequest;
use axum::{Json, extract::State, http::StatusCode};
use futures::{StreamExt, stream};

/// Conferences that are asked at a time for the list: their actors answer at once, or are busy, and
/// then a few shall not hold all others up.
const ASKED_AT_ONCE: usize = 16;

/// List the conferences that the token covers. Grant: `subscribe`.
#[utoipa::path(get, path = "/v1/conferences", tag = "conferences", responses(
    (status = 200, body = ConferencesJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`")))]
pub async fn list(
    State(app): State<AppState>,
    holder: Holder<ToSubscribe>,
) -> Result<Json<ConferencesJson>, HttpError> {
    let mine = app.conferences.list().await.into_iter().filter(|found| holder.identity.covers(found.id()));
    let views = stream::iter(mine)
        .map(|conference| async move { conference.ask(|answer| ConferenceRequest::View { answer }).await })
        .buffered(ASKED_AT_ONCE);
    // One that ended in the meantime is not in the list any more.
    let conferences =
        views.filter_map(|view| async move { view.ok().as_ref().map(ConferenceLine::from) }).collect().await;
    Ok(Json(ConferencesJson { conferences }))
}

/// Create a conference, or change its settings. Grant: `admin`.
#[utoipa::path(put, path = "/v1/conferences/{conference}", tag = "conferences",
    params(("conference" = String, Path, description = "Conference id")),
    request_body = ConferenceBody, responses(
    (status = 201, body = ConferenceJson, description = "created"),
    (status = 200, body = ConferenceJson, description = "changed"),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 422, body = Problem, description = "`invalid_id`"),
    (status = 429, body = Problem, description = "`too_many_conferences`")))]
pub async fn put(
    State(app): State<AppState>,
    at: InConference<ToAdminister>,
    OptionalJsonBody(body): OptionalJsonBody<ConferenceBody>,
) -> Result<(StatusCode, Json<ConferenceJson>), HttpError> {
    let settings = body.into_settings(&app.config.limits)?;
    let (created, view) = app.conferences.put(&at.conference, settings).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(ConferenceJson::new(&view, &app.config.limits, &app.base_url))))
}

/// Read a conference. Grant: `subscribe`.
#[utoipa::path(get, path = "/v1/conferences/{conference}", tag = "conferences",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, body = ConferenceJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn get(
    State(app): State<AppState>,
    at: InConference<ToSubscribe>,
) -> Result<Json<ConferenceJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let view = conference.ask(|answer| ConferenceRequest::View { answer }).await?;
    Ok(Json(ConferenceJson::new(&view, &app.config.limits, &app.base_url)))
}

/// End a conference: everybody is disconnected, the cast is stopped. Grant: `admin`.
#[utoipa::path(delete, path = "/v1/conferences/{conference}", tag = "conferences",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 204, description = "it has ended"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn delete(
    State(app): State<AppState>,
    at: InConference<ToAdminister>,
) -> Result<StatusCode, HttpError> {
    app.conferences.end(&at.conference).await?;
    Ok(StatusCode::NO_CONTENT)
}
