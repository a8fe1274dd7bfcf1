//! WHEP out: `POST /v1/conferences/{c}/participants/{p}/whep`, a participant's media as it comes, and
//! `POST /v1/conferences/{c}/program/whep`, the program.

use super::{
    extract::{InConference, Named, ToSubscribe},
    problem::{HttpError, Problem},
    state::AppState,
    whip::{ACCEPT_POST, SDP, created, ice_ufrag, read_sdp, require_sdp},
};
use crate::{
    control::{
        admission::cost,
        conference::{ConferenceRequest, Subscribe, SubscribeTo, SubscriberOffers, Without},
        error::ControlError,
    },
    ids::ParticipantId,
    ipc::VideoCodec,
};
use axum::{
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which stream. Other parameters are left to whoever needs them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhepQuery {
    /// Which of the participant's streams; the camera, else the first, when absent.
    stream: Option<String>,
}

/// Receive a participant's media as it comes (WHEP): offer in, answer with all candidates out. The session ends
/// with the publication. Grant: `subscribe`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/participants/{participant}/whep", tag = "whep",
    params(("conference" = String, Path, description = "Conference id"),
           ("participant" = String, Path, description = "Participant id"), WhepQuery),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, body = String, content_type = "application/sdp", description = "the SDP answer",
     headers(("Location" = String, description = "the session: `/v1/sessions/{session}`"),
             ("ETag" = String, description = "for `If-Match` of a trickle PATCH"),
             ("Link" = String, description = "STUN and TURN servers, `rel=\"ice-server\"`"))),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem,
     description = "`conference_not_found`, `participant_not_found`, `stream_not_found`"),
    (status = 406, body = Problem, description = "`codec_unsupported`: the publisher's codec was not offered"),
    (status = 409, body = Problem, description = "`media_not_ready`"),
    (status = 415, body = Problem, description = "`codec_unsupported`: the body is not `application/sdp`"),
    (status = 422, body = Problem, description = "`sdp_invalid`, `invalid_id`"),
    (status = 429, body = Problem, description = "`too_many_subscribers`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`, `shutting_down`")))]
pub async fn subscribe(
    State(app): State<AppState>,
    at: InConference<ToSubscribe>,
    Named(participant): Named<ParticipantId>,
    query: Result<Query<WhepQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let Query(query) = query.map_err(|_| ControlError::InvalidRequest {
        detail: "the query could not be read; allowed: stream, once".to_owned(),
        field: None,
    })?;
    let stream = query.stream.map(|stream| stream.parse().map_err(ControlError::InvalidId)).transpose()?;
    open(&app, at, SubscribeTo::Participant { participant, stream }, &headers, body).await
}

/// Whose voice is not wanted. Other parameters are left to whoever needs them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProgramWhepQuery {
    /// Whose voice is left out of the sound, for participants who speak and listen to the program at once: somebody who is in. When
    /// absent, whom the token names, if they send anything.
    without: Option<String>,
}

/// Receive the program (WHEP), with sub-second delay: H.264 as it goes to the other outputs, and its sound in
/// Opus. Who speaks in the conference hears it without themselves. The session ends with the cast, or with the media worker. Grant: `subscribe`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/program/whep", tag = "whep",
    params(("conference" = String, Path, description = "Conference id"), ProgramWhepQuery),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, body = String, content_type = "application/sdp", description = "the SDP answer",
     headers(("Location" = String, description = "the session: `/v1/sessions/{session}`"),
             ("ETag" = String, description = "for `If-Match` of a trickle PATCH"),
             ("Link" = String, description = "STUN and TURN servers, `rel=\"ice-server\"`"))),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `participant_not_found`"),
    (status = 406, body = Problem, description = "`codec_unsupported`: H.264 was not offered"),
    (status = 409, body = Problem, description = "`cast_not_started`"),
    (status = 415, body = Problem, description = "`codec_unsupported`: the body is not `application/sdp`"),
    (status = 422, body = Problem, description = "`sdp_invalid`, `invalid_id`"),
    (status = 429, body = Problem, description = "`too_many_subscribers`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`, `shutting_down`")))]
pub async fn subscribe_to_program(
    State(app): State<AppState>,
    at: InConference<ToSubscribe>,
    query: Result<Query<ProgramWhepQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let Query(query) = query.map_err(|_| ControlError::InvalidRequest {
        detail: "the query could not be read; allowed: without, once".to_owned(),
        field: None,
    })?;
    let named = query.without.map(|id| id.parse().map_err(ControlError::InvalidId)).transpose()?;
    let without = match (named, &at.identity.participant) {
        (Some(named), _) => Without::Named(named),
        (None, Some(listener)) => Without::Listener(listener.clone()),
        (None, None) => Without::Nobody,
    };
    open(&app, at, SubscribeTo::Program { without }, &headers, body).await
}

async fn open(
    app: &AppState,
    at: InConference<ToSubscribe>,
    to: SubscribeTo,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    require_sdp(headers)?;
    let text = read_sdp(app, headers, body).await?;
    let offers = SubscriberOffers {
        h264: (app.sdp.subscriber)(&text, VideoCodec::H264),
        vp8: (app.sdp.subscriber)(&text, VideoCodec::Vp8),
    };
    // What is wrong for both is wrong whoever publishes.
    let any = offers.offer(None)?;
    let tag_ufrag = ice_ufrag(&any.sdp).map(str::to_owned);
    let conference = app.conferences.find(&at.conference).await?;
    let room = app.admission.admit(cost::SUBSCRIBER)?;
    let client = at.identity.participant.as_ref().map_or("subscriber", ParticipantId::as_str).to_owned();
    let subscribe = Subscribe { to, offers };
    let opened = conference.ask(|answer| ConferenceRequest::Subscribe { subscribe, answer }).await?;
    room.keep();
    created(app, opened, tag_ufrag.as_deref(), &client)
}

/// Nothing to read here: a success without content.
#[utoipa::path(get, path = "/v1/conferences/{conference}/participants/{participant}/whep", tag = "whep",
    operation_id = "whep_nothing",
    params(("conference" = String, Path, description = "Conference id"),
           ("participant" = String, Path, description = "Participant id")),
    responses((status = 204, description = "nothing to read here")))]
pub async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// What may be posted; needs no token.
#[utoipa::path(options, path = "/v1/conferences/{conference}/participants/{participant}/whep", tag = "whep",
    operation_id = "whep_options",
    params(("conference" = String, Path, description = "Conference id"),
           ("participant" = String, Path, description = "Participant id")),
    responses((status = 200, description = "CORS and `Accept-Post`")))]
pub async fn options() -> impl IntoResponse {
    ([(ACCEPT_POST, SDP), (header::ALLOW, "GET,HEAD,OPTIONS,POST")], "")
}

/// Nothing to read here: a success without content.
#[utoipa::path(get, path = "/v1/conferences/{conference}/program/whep", tag = "whep",
    operation_id = "program_whep_nothing", params(("conference" = String, Path, description = "Conference id")),
    responses((status = 204, description = "nothing to read here")))]
pub async fn program_nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// What may be posted; needs no token.
#[utoipa::path(options, path = "/v1/conferences/{conference}/program/whep", tag = "whep",
    operation_id = "program_whep_options", params(("conference" = String, Path, description = "Conference id")),
    responses((status = 200, description = "CORS and `Accept-Post`")))]
pub async fn program_options() -> impl IntoResponse {
    options().await
}
