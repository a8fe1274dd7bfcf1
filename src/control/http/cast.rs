//! `/v1/conferences/{c}/cast`: the cast.

use super::{
    extract::{InConference, JsonBody, Named, ToCast, ToSubscribe},
    media,
    problem::{HttpError, Problem},
    state::AppState,
    wire::{
        cast::CastJson,
        output::{OutputBody, OutputJson, into_output},
        start_cast::StartCastBody,
        switch::{SwitchBody, SwitchResultJson},
    },
};
use crate::{
    control::{admission::CastRoom, cast::CastState, conference::ConferenceRequest, error::ControlError},
    ids::OutputId,
};
use axum::{Json, extract::State, http::StatusCode};

/// Read the cast, also before its first start (`idle`). Grant: `subscribe`.
#[utoipa::path(get, path = "/v1/conferences/{conference}/cast", tag = "cast", operation_id = "get_cast",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, body = CastJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn get(
    State(app): State<AppState>,
    at: InConference<ToSubscribe>,
) -> Result<Json<CastJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let cast = conference.ask(|answer| ConferenceRequest::Cast { answer }).await?;
    Ok(Json(CastJson::new(&cast, &app.base_url)))
}

/// Start the cast. Answers when the URLs in the answer can be played. Grant: `cast`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/cast/start", tag = "cast",
    operation_id = "start_cast", params(("conference" = String, Path, description = "Conference id")),
    request_body = StartCastBody, responses(
    (status = 201, body = CastJson),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`, `cast_disabled`, `output_url_forbidden`, `media_disabled`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `participant_not_found`, `stream_not_found`, \
        `file_not_found`"),
    (status = 409, body = Problem, description = "`cast_already_started`, `output_exists`, `media_not_ready`, \
        `codec_unsupported`: `passthrough` of who does not send H.264"),
    (status = 422, body = Problem, description = "`invalid_id`, `output_url_invalid`, \
        `source_unsupported`: `passthrough` of a layout, a file or the slate"),
    (status = 429, body = Problem, description = "`too_many_outputs`"),
    (status = 501, body = Problem, description = "`not_implemented`"),
    (status = 502, body = Problem, description = "`cast_failed`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`, `shutting_down`")))]
pub async fn start(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    JsonBody(body): JsonBody<StartCastBody>,
) -> Result<(StatusCode, Json<CastJson>), HttpError> {
    if !app.config.cast.enabled {
        return Err(ControlError::CastDisabled.into());
    }
    let start = body.into_start(&app.config)?;
    media::check(&app, &start.source).await?;
    let conference = app.conferences.find(&at.conference).await?;
    let room = CastRoom::new(app.admission.clone(), app.config.clone());
    let cast = conference.ask(|answer| ConferenceRequest::StartCast { start, room, answer }).await?;
    Ok((StatusCode::CREATED, Json(CastJson::new(&cast, &app.base_url))))
}

/// Switch the program. Answers when the new source is on it. Grant: `cast`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/cast/switch", tag = "cast",
    operation_id = "switch_cast", params(("conference" = String, Path, description = "Conference id")),
    request_body = SwitchBody, responses(
    (status = 200, body = SwitchResultJson),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`, `media_disabled`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `participant_not_found`, `stream_not_found`, \
        `file_not_found`"),
    (status = 409, body = Problem, description = "`cast_not_started`, `media_not_ready`, `switch_superseded`, \
        `codec_unsupported`: `passthrough` of who does not send H.264"),
    (status = 422, body = Problem, description = "`invalid_id`, `source_unsupported`: `passthrough` of a layout, a \
        file or the slate, `file_unsupported`: nothing in it can be played"),
    (status = 504, body = Problem, description = "`switch_timeout`: the old source stays")))]
pub async fn switch(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    JsonBody(body): JsonBody<SwitchBody>,
) -> Result<Json<SwitchResultJson>, HttpError> {
    let switch = body.into_switch(&app.config.layouts)?;
    media::check(&app, &switch.source).await?;
    let conference = app.conferences.find(&at.conference).await?;
    let result = conference.ask(|answer| ConferenceRequest::Switch { switch, answer }).await?;
    Ok(Json(SwitchResultJson::from(&result)))
}

/// Stop the cast: the playlist ends, RTMP ends cleanly. Grant: `cast`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/cast/stop", tag = "cast",
    operation_id = "stop_cast", params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, body = CastJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 409, body = Problem, description = "`cast_not_started`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn stop(
    State(app): State<AppState>,
    at: InConference<ToCast>,
) -> Result<Json<CastJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let cast = conference.ask(|answer| ConferenceRequest::StopCast { answer }).await?;
    Ok(Json(CastJson::new(&cast, &app.base_url)))
}

/// Add an output to a running cast. Grant: `cast`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/cast/outputs", tag = "cast",
    operation_id = "add_output", params(("conference" = String, Path, description = "Conference id")),
    request_body = OutputBody, responses(
    (status = 201, body = OutputJson),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`, `output_url_forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 409, body = Problem, description = "`cast_not_started`, `output_exists`"),
    (status = 422, body = Problem, description = "`invalid_id`, `output_url_invalid`"),
    (status = 429, body = Problem, description = "`too_many_outputs`"),
    (status = 501, body = Problem, description = "`not_implemented`")))]
pub async fn add_output(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    JsonBody(body): JsonBody<OutputBody>,
) -> Result<(StatusCode, Json<OutputJson>), HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    // The names in use now: a generated one must be free. The actor, which decides, checks again.
    let cast = conference.ask(|answer| ConferenceRequest::Cast { answer }).await?;
    let running = matches!(cast.state, CastState::Starting | CastState::Live);
    let existing = if running { cast.outputs.as_slice() } else { &[] };
    let output = into_output(body, existing, &app.config.cast.allowed_output_hosts)?;
    let view = conference.ask(|answer| ConferenceRequest::AddOutput { output, answer }).await?;
    Ok((StatusCode::CREATED, Json(OutputJson::from(&view))))
}

/// Remove an output from a running cast. Grant: `cast`.
#[utoipa::path(delete, path = "/v1/conferences/{conference}/cast/outputs/{output}", tag = "cast",
    operation_id = "remove_output", params(("conference" = String, Path, description = "Conference id"),
           ("output" = String, Path, description = "Output id")), responses(
    (status = 204, description = "it has ended"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `output_not_found`"),
    (status = 409, body = Problem, description = "`cast_not_started`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn remove_output(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    Named(output): Named<OutputId>,
) -> Result<StatusCode, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    conference.ask(|answer| ConferenceRequest::RemoveOutput { output, answer }).await?;
    Ok(StatusCode::NO_CONTENT)
}
