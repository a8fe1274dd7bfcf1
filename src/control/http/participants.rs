//! `/v1/conferences/{c}/participants`: list, read, mute, remove.

use super::{
    extract::{InConference, JsonBody, Named, ToAdminister, ToSubscribe},
    layers,
    problem::{HttpError, Problem},
    state::AppState,
    wire::participant::{ParticipantBody, ParticipantJson, ParticipantsJson},
};
use crate::{control::conference::ConferenceRequest, ids::ParticipantId};
use axum::{Json, extract::State, http::StatusCode};

/// List the participants. Grant: `subscribe`.
#[utoipa::path(get, path = "/v1/conferences/{conference}/participants", tag = "participants",
    operation_id = "list_participants",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, body = ParticipantsJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn list(
    State(app): State<AppState>,
    at: InConference<ToSubscribe>,
) -> Result<Json<ParticipantsJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let view = conference.ask(|answer| ConferenceRequest::View { answer }).await?;
    let participants = view.participants.iter().map(ParticipantJson::from).collect();
    Ok(Json(ParticipantsJson { participants }))
}

/// Read a participant. Grant: `subscribe`.
#[utoipa::path(get, path = "/v1/conferences/{conference}/participants/{participant}", tag = "participants",
    operation_id = "get_participant",
    params(("conference" = String, Path, description = "Conference id"),
           ("participant" = String, Path, description = "Participant id")), responses(
    (status = 200, body = ParticipantJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `participant_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn get(
    State(app): State<AppState>,
    at: InConference<ToSubscribe>,
    Named(participant): Named<ParticipantId>,
) -> Result<Json<ParticipantJson>, HttpError> {
    layers::name_participant(&participant);
    let conference = app.conferences.find(&at.conference).await?;
    let view = conference.ask(|answer| ConferenceRequest::Participant { participant, answer }).await?;
    Ok(Json(ParticipantJson::from(&view)))
}

/// Mute a participant or change its gain, in the program and in forwards. Grant: `admin`.
#[utoipa::path(patch, path = "/v1/conferences/{conference}/participants/{participant}", tag = "participants",
    operation_id = "patch_participant",
    params(("conference" = String, Path, description = "Conference id"),
           ("participant" = String, Path, description = "Participant id")),
    request_body = ParticipantBody, responses(
    (status = 200, body = ParticipantJson),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `participant_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn patch(
    State(app): State<AppState>,
    at: InConference<ToAdminister>,
    Named(participant): Named<ParticipantId>,
    JsonBody(body): JsonBody<ParticipantBody>,
) -> Result<Json<ParticipantJson>, HttpError> {
    layers::name_participant(&participant);
    let patch = body.into_patch()?;
    let conference = app.conferences.find(&at.conference).await?;
    let view =
        conference.ask(|answer| ConferenceRequest::PatchParticipant { participant, patch, answer }).await?;
    Ok(Json(ParticipantJson::from(&view)))
}

/// Remove a participant: its sessions are hung up. Grant: `admin`.
#[utoipa::path(delete, path = "/v1/conferences/{conference}/participants/{participant}", tag = "participants",
    operation_id = "remove_participant",
    params(("conference" = String, Path, description = "Conference id"),
           ("participant" = String, Path, description = "Participant id")), responses(
    (status = 204, description = "removed"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `participant_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn remove(
    State(app): State<AppState>,
    at: InConference<ToAdminister>,
    Named(participant): Named<ParticipantId>,
) -> Result<StatusCode, HttpError> {
    layers::name_participant(&participant);
    let conference = app.conferences.find(&at.conference).await?;
    conference.ask(|answer| ConferenceRequest::RemoveParticipant { participant, answer }).await?;
    Ok(StatusCode::NO_CONTENT)
}
