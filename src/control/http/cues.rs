//! `/v1/conferences/{c}/cast/cues`: the run-down.

use super::{
    extract::{InConference, JsonBody, Named, ToCast, ToSubscribe},
    problem::{HttpError, Problem},
    state::AppState,
    wire::{
        cue::{RundownBody, RundownJson},
        switch::SwitchResultJson,
    },
};
use crate::{control::conference::ConferenceRequest, ids::CueId};
use axum::{Json, extract::State, http::StatusCode};

/// Put a run-down, in the place of the one there is. Needs no cast: what has a time is taken while one is live. Grant: `cast`.
///
/// A cue is taken by itself when its time comes, at the first frame that is not before; the worker is told a second and a half
/// before. One without a time is taken by `…/cues/next` or `…/cues/{cue}/go`. What cannot be shown when it is its turn has
/// `failed`, what is on the air stays, and the next one has its turn. A cue that is taken skips those before it. Switches by
/// hand change nothing in the list. To add one, put the list with it: who stands in both keeps what has become of it.
#[utoipa::path(post, path = "/v1/conferences/{conference}/cast/cues", tag = "cast", operation_id = "put_cues",
    params(("conference" = String, Path, description = "Conference id")), request_body = RundownBody, responses(
    (status = 200, body = RundownJson, description = "it is stored, where the conference is"),
    (status = 400, body = Problem, description = "`invalid_request`, which names the cue's place: `cues[3].source.focus`; \
        while a cast is live also of a time that has passed, and what `passthrough` cannot do"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`: the conference's"),
    (status = 501, body = Problem, description = "`not_implemented`")))]
pub async fn put(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    JsonBody(body): JsonBody<RundownBody>,
) -> Result<Json<RundownJson>, HttpError> {
    let cues = body.into_cues(&app.config.layouts)?;
    let conference = app.conferences.find(&at.conference).await?;
    let view = conference.ask(|answer| ConferenceRequest::PutCues { cues, answer }).await?;
    app.conferences.stored(&at.conference).await?;
    Ok(Json(RundownJson::from(&view)))
}

/// Read the run-down; without one, `cues` is empty. Grant: `subscribe`.
#[utoipa::path(get, path = "/v1/conferences/{conference}/cast/cues", tag = "cast", operation_id = "get_cues",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, body = RundownJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn get(
    State(app): State<AppState>,
    at: InConference<ToSubscribe>,
) -> Result<Json<RundownJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let view = conference.ask(|answer| ConferenceRequest::Cues { answer }).await?;
    Ok(Json(RundownJson::from(&view)))
}

/// Take the run-down away. What is on the air stays. Grant: `cast`.
#[utoipa::path(delete, path = "/v1/conferences/{conference}/cast/cues", tag = "cast", operation_id = "clear_cues",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 204, description = "there is none"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn clear(State(app): State<AppState>, at: InConference<ToCast>) -> Result<StatusCode, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    conference.ask(|answer| ConferenceRequest::PutCues { cues: Vec::new(), answer }).await?;
    app.conferences.stored(&at.conference).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take the next cue now, whatever its time. Answers when it is on the program. Grant: `cast`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/cast/cues/next", tag = "cast", operation_id = "next_cue",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, body = SwitchResultJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`; `participant_not_found`, `stream_not_found`: \
        the cue has failed, the one after it is the next"),
    (status = 409, body = Problem, description = "`no_next_cue`, `cast_not_started`, `switch_superseded`; \
        `media_not_ready`, `codec_unsupported`: the cue has failed"),
    (status = 422, body = Problem, description = "`invalid_id`, `source_unsupported`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`: the cue is still the next"),
    (status = 504, body = Problem, description = "`switch_timeout`: the old source stays, the cue has failed")))]
pub async fn next(
    State(app): State<AppState>,
    at: InConference<ToCast>,
) -> Result<Json<SwitchResultJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let result = conference.ask(|answer| ConferenceRequest::NextCue { answer }).await?;
    Ok(Json(SwitchResultJson::from(&result)))
}

/// Take a certain cue now. Those before it that wait are skipped; those after it that were taken, failed or skipped wait again,
/// unless their time is over. Answers when it is on the program. Grant: `cast`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/cast/cues/{cue}/go", tag = "cast", operation_id = "go_cue",
    params(("conference" = String, Path, description = "Conference id"), ("cue" = String, Path, description = "Cue id")),
    responses(
    (status = 200, body = SwitchResultJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `cue_not_found`; `participant_not_found`, \
        `stream_not_found`: the cue has failed"),
    (status = 409, body = Problem, description = "`cast_not_started`, `switch_superseded`; `media_not_ready`, \
        `codec_unsupported`: the cue has failed"),
    (status = 422, body = Problem, description = "`invalid_id`, `source_unsupported`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`: the cue is as it was"),
    (status = 504, body = Problem, description = "`switch_timeout`: the old source stays, the cue has failed")))]
pub async fn go(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    Named(cue): Named<CueId>,
) -> Result<Json<SwitchResultJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let result = conference.ask(|answer| ConferenceRequest::GoCue { cue, answer }).await?;
    Ok(Json(SwitchResultJson::from(&result)))
}
