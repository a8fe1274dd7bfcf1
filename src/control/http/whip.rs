//! `POST /v1/conferences/{c}/whip`: WHIP (RFC 9725) in.

use super::{
    extract::{InConference, ToPublish, content_type, read_body},
    layers,
    problem::{HttpError, Problem},
    sessions::entity_tag,
    state::AppState,
};
use crate::{
    control::{
        admission::cost,
        conference::{ConferenceRequest, Publish, Published},
        error::ControlError,
        ice,
    },
    ids::StreamName,
};
use axum::{
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::IntoParams;

/// What kind of body a WHIP endpoint takes (RFC 9725 §4.2).
pub(super) const SDP: &str = "application/sdp";
/// `Accept-Post` (W3C LDP §7.1, used by RFC 9725 §4.2).
pub(super) const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// Whose stream it is. Other parameters are left to whoever needs them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhipQuery {
    /// In open mode: who publishes; made up when absent. With a token it is the token's `sub`, and a
    /// name here must be the same.
    participant: Option<String>,
    /// Which of the participant's streams; `camera` when absent.
    stream: Option<String>,
}

/// Publish (WHIP, RFC 9725): offer in, answer with all candidates out. Joins the participant and
/// creates the conference if needed. Grant: `publish`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/whip", tag = "whip",
    params(("conference" = String, Path, description = "Conference id"), WhipQuery),
    request_body(content = String, content_type = "application/sdp"), responses(
    (status = 201, body = String, content_type = "application/sdp", description = "the SDP answer",
     headers(("Location" = String, description = "the session: `/v1/sessions/{session}`"),
             ("ETag" = String, description = "for `If-Match` of a trickle PATCH"),
             ("Link" = String, description = "STUN and TURN servers, `rel=\"ice-server\"`"))),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 406, body = Problem, description = "`codec_unsupported`: no common codec"),
    (status = 415, body = Problem, description = "`codec_unsupported`: the body is not `application/sdp`"),
    (status = 422, body = Problem, description = "`sdp_invalid`, `invalid_id`"),
    (status = 429, body = Problem, description = "`too_many_participants`, `too_many_conferences`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`, `shutting_down`")))]
pub async fn publish(
    State(app): State<AppState>,
    at: InConference<ToPublish>,
    query: Result<Query<WhipQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, HttpError> {
    let Query(query) = query.map_err(|_| ControlError::InvalidRequest {
        detail: "the query could not be read; allowed: participant and stream, each once".to_owned(),
        field: None,
    })?;
    require_sdp(&headers)?;
    let named = query.participant.as_deref().map(str::parse).transpose().map_err(ControlError::InvalidId)?;
    let participant = at.identity.who(named.as_ref(), "?participant=")?;
    layers::name_participant(&participant);
    let stream = match query.stream {
        Some(stream) => stream.parse().map_err(ControlError::InvalidId)?,
        None => StreamName::default(),
    };
    let text = read_sdp(&app, &headers, body).await?;
    let offer = (app.sdp.offer)(&text)?;
    let tag_ufrag = ice_ufrag(&offer.sdp).map(str::to_owned);

    let room = app.admission.admit(cost::PUBLISHER)?;
    let conference = app.conferences.find_or_create(&at.conference).await?;
    let client = participant.to_string();
    let publish = Publish { participant, name: at.identity.name, stream, offer };
    let published = conference.ask(|answer| ConferenceRequest::Publish { publish, answer }).await?;
    room.keep();
    created(&app, published, tag_ufrag.as_deref(), &client)
}

/// Only an SDP is taken.
pub(super) fn require_sdp(headers: &HeaderMap) -> Result<(), HttpError> {
    if content_type(headers) == SDP {
        return Ok(());
    }
    Err(ControlError::WrongContentType(format!("the Content-Type must be {SDP}")).into())
}

/// The offer's text, of bounded length.
pub(super) async fn read_sdp(app: &AppState, headers: &HeaderMap, body: Body) -> Result<String, HttpError> {
    let max = app.config.limits.max_sdp_bytes;
    let bytes = read_body(headers, body, max).await.map_err(|error| match error {
        HttpError::BodyTooLarge { max } => {
            ControlError::SdpInvalid(format!("it is longer than {max} bytes")).into()
        }
        other => other,
    })?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| ControlError::SdpInvalid("it is not UTF-8".to_owned()))?;
    Ok(text.to_owned())
}

/// The answer to an offer (RFC 9725 §4.2).
pub(super) fn created(
    app: &AppState,
    published: Published,
    tag_ufrag: Option<&str>,
    client: &str,
) -> Result<Response, HttpError> {
    let mut response = (StatusCode::CREATED, published.answer).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut set = |name, value: String| {
        // Session ids, tags and checked ICE servers are printable ASCII; were one not, the answer
        // without it would be wrong.
        HeaderValue::from_str(&value)
            .map(|value| headers.append(name, value))
            .map_err(|_| HttpError::Control(ControlError::Internal))
    };
    set(header::LOCATION, format!("/v1/sessions/{}", published.session))?;
    set(header::ETAG, entity_tag(&published.session, tag_ufrag))?;
    for server in ice::servers(&app.config.webrtc, client) {
        set(header::LINK, server.link())?;
    }
    Ok(response)
}

/// The first `a=ice-ufrag`; a BUNDLE has one.
pub(super) fn ice_ufrag(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
}

/// Nothing to read here (RFC 9725 §4.2): a success without content.
#[utoipa::path(get, path = "/v1/conferences/{conference}/whip", tag = "whip",
    operation_id = "whip_nothing", params(("conference" = String, Path, description = "Conference id")),
    responses((status = 204, description = "nothing to read here")))]
pub async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// What may be posted; needs no token.
#[utoipa::path(options, path = "/v1/conferences/{conference}/whip", tag = "whip",
    operation_id = "whip_options", params(("conference" = String, Path, description = "Conference id")),
    responses((status = 200, description = "CORS and `Accept-Post`")))]
pub async fn options() -> impl IntoResponse {
    ([(ACCEPT_POST, SDP), (header::ALLOW, "GET,HEAD,OPTIONS,POST")], "")
}
