//! `/v1/sessions/{id}`: trickle ICE and hanging up (RFC 9725 §4.3, RFC 8840 §9).

use super::{
    extract::{InSession, content_type, read_body},
    problem::{HttpError, Problem},
    state::AppState,
};
use crate::{
    control::{conference::ConferenceRequest, error::ControlError},
    ids::SessionId,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use sha2::{Digest, Sha256};

/// RFC 8840 §9.
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// Candidates of one PATCH at most: a host with ten addresses has some dozens.
const MAX_CANDIDATES: usize = 100;

/// The strong ETag of a session. It names its ICE session (RFC 9725 §4.3.1), which never changes here
/// since ICE restarts are refused; so it is a function of the session's id and the offer's ufrag, and
/// nothing must be kept. Hashed, since an ETag may be logged where an id, a capability, may not.
pub fn entity_tag(session: &SessionId, ufrag: Option<&str>) -> String {
    format!("\"{}-{}\"", short_hash(session.as_str()), short_hash(ufrag.unwrap_or_default()))
}

/// 64 bits are plenty: who may ask at all knows the session's 128.
fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `If-Match` is this session's ETag; the hash of its ufrag, if so.
fn matched_ufrag_hash<'a>(session: &SessionId, if_match: &'a str) -> Option<&'a str> {
    let tag = if_match.trim().strip_prefix('"')?.strip_suffix('"')?;
    let (own, ufrag) = tag.split_once('-')?;
    (own == short_hash(session.as_str())).then_some(ufrag)
}

/// Send further ICE candidates. ICE restarts are refused. Grant: `publish`;
/// for a subscriber's session `subscribe`.
#[utoipa::path(patch, path = "/v1/sessions/{session}", tag = "whip", operation_id = "trickle",
    params(("session" = String, Path, description = "Session id"),
           ("If-Match" = String, Header, description = "the ETag of the 201 answer")),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag"), responses(
    (status = 204, description = "taken"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`session_not_found`"),
    (status = 412, body = Problem, description = "`precondition_failed`"),
    (status = 415, body = Problem, description = "`codec_unsupported`: not `application/trickle-ice-sdpfrag`"),
    (status = 422, body = Problem, description = "`sdp_invalid`, `ice_restart_unsupported`"),
    (status = 428, body = Problem, description = "`precondition_required`")))]
pub async fn trickle(
    State(app): State<AppState>,
    at: InSession,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, HttpError> {
    if content_type(&headers) != FRAGMENT {
        let detail = format!("the Content-Type must be {FRAGMENT}");
        return Err(ControlError::WrongContentType(detail).into());
    }
    let if_match = headers.get(header::IF_MATCH).ok_or(HttpError::PreconditionRequired)?;
    let if_match = if_match.to_str().map_err(|_| HttpError::PreconditionFailed)?;
    // RFC 9725 §4.3.2: that is how a restart is asked for; some clients quote the star.
    if matches!(if_match.trim(), "*" | "\"*\"") {
        return Err(HttpError::IceRestart);
    }
    let ufrag_hash = matched_ufrag_hash(&at.session, if_match).ok_or(HttpError::PreconditionFailed)?;

    let bytes =
        read_body(&headers, body, app.config.limits.max_sdp_bytes).await.map_err(|error| match error {
            HttpError::BodyTooLarge { max } => {
                ControlError::SdpInvalid(format!("it is longer than {max} bytes")).into()
            }
            other => other,
        })?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| ControlError::SdpInvalid("it is not UTF-8".to_owned()))?;
    let trickle = (app.sdp.trickle)(text)?;
    if trickle.ufrag.is_some_and(|ufrag| short_hash(&ufrag) != ufrag_hash) {
        return Err(HttpError::IceRestart);
    }
    if trickle.candidates.len() > MAX_CANDIDATES {
        let detail = format!("it has more than {MAX_CANDIDATES} candidates");
        return Err(ControlError::SdpInvalid(detail).into());
    }
    if !trickle.candidates.is_empty() {
        let InSession { session, conference } = at;
        let candidates = trickle.candidates;
        conference.ask(|answer| ConferenceRequest::Trickle { session, candidates, answer }).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Hang up. Grant: `publish`;
/// for a subscriber's session `subscribe`.
#[utoipa::path(delete, path = "/v1/sessions/{session}", tag = "whip", operation_id = "hang_up",
    params(("session" = String, Path, description = "Session id")), responses(
    (status = 200, description = "hung up"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`session_not_found`")))]
pub async fn hang_up(at: InSession) -> Result<StatusCode, HttpError> {
    let InSession { session, conference } = at;
    conference.ask(|answer| ConferenceRequest::HangUp { session, answer }).await?;
    Ok(StatusCode::OK)
}

/// Nothing to read here (RFC 9725 §4.2), but 404 tells that the session has ended. Grant: `publish`;
/// for a subscriber's session `subscribe`.
#[utoipa::path(get, path = "/v1/sessions/{session}", tag = "whip", operation_id = "session_nothing",
    params(("session" = String, Path, description = "Session id")), responses(
    (status = 204, description = "it is open"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`session_not_found`")))]
pub async fn nothing(_: InSession) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// What a session takes; needs no token.
#[utoipa::path(options, path = "/v1/sessions/{session}", tag = "whip", operation_id = "session_options",
    params(("session" = String, Path, description = "Session id")),
    responses((status = 200, description = "CORS and `Accept-Patch`")))]
pub async fn options() -> impl IntoResponse {
    (
        [
            (header::HeaderName::from_static("accept-patch"), FRAGMENT),
            (header::ALLOW, "DELETE,GET,HEAD,OPTIONS,PATCH"),
        ],
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_belongs_to_one_session_and_one_ufrag() {
        let (a, b) = (SessionId::generate(), SessionId::generate());
        let tag = entity_tag(&a, Some("u1"));
        assert_eq!(matched_ufrag_hash(&a, &tag), Some(short_hash("u1").as_str()));
        assert_eq!(matched_ufrag_hash(&b, &tag), None);
        assert_ne!(tag, entity_tag(&a, Some("u2")));
        assert!(!tag.contains(a.as_str()));
        for bad in ["", "\"\"", "W/\"x-y\"", "\"x\"", tag.trim_matches('"')] {
            assert_eq!(matched_ufrag_hash(&a, bad), None, "{bad}");
        }
    }
}
