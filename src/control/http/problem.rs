//! `application/problem+json` (RFC 9457): the one way an error leaves the server.

use crate::control::error::ControlError;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What a request can end with: what control says, and what only HTTP knows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HttpError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("there is nothing at this path; /docs lists what there is")]
    RouteNotFound,
    #[error("this path does not take this method; the header Allow lists those it takes")]
    MethodNotAllowed,
    #[error("the body is too long: {max} bytes are allowed")]
    BodyTooLarge { max: usize },
    #[error("the body did not arrive within {} s", .0.as_secs())]
    BodyTimeout(Duration),
    #[error("the body could not be read to its end")]
    BodyBroken,
    #[error("the request could not be answered within {} s; what it asked for may still happen", .0.as_secs())]
    Timeout(Duration),
    #[error("the header If-Match is needed: send the ETag of the 201 answer")]
    PreconditionRequired,
    #[error("If-Match is not the ETag of this session")]
    PreconditionFailed,
    #[error("the range lies outside of the file's {length} bytes")]
    RangeNotSatisfiable { length: u64 },
    #[error("ICE restarts are not supported; DELETE the session and make a new one")]
    IceRestart,
}

impl HttpError {
    /// The stable code and the HTTP status.
    pub fn code_and_status(&self) -> (&'static str, StatusCode) {
        match self {
            Self::Control(error) => {
                let (code, status) = error.code_and_status();
                (code, StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            }
            Self::RouteNotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::BodyTooLarge { .. } => ("body_too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::BodyTimeout(_) => ("request_timeout", StatusCode::REQUEST_TIMEOUT),
            Self::BodyBroken => ("invalid_request", StatusCode::BAD_REQUEST),
            Self::Timeout(_) => ("request_timeout", StatusCode::GATEWAY_TIMEOUT),
            Self::PreconditionRequired => ("precondition_required", StatusCode::PRECONDITION_REQUIRED),
            Self::PreconditionFailed => ("precondition_failed", StatusCode::PRECONDITION_FAILED),
            Self::RangeNotSatisfiable { .. } => ("range_not_satisfiable", StatusCode::RANGE_NOT_SATISFIABLE),
            Self::IceRestart => ("ice_restart_unsupported", StatusCode::UNPROCESSABLE_ENTITY),
        }
    }

    /// What goes out.
    pub fn problem(&self) -> Problem {
        let (code, status) = self.code_and_status();
        Problem {
            kind: format!("urn:meetingcast:problem:{code}"),
            title: code.replace('_', " "),
            status: status.as_u16(),
            detail: self.to_string(),
            code: code.to_owned(),
            field: match self {
                Self::Control(error) => error.field().map(str::to_owned),
                _ => None,
            },
        }
    }

    /// When another try makes sense.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Control(ControlError::Overloaded { retry_after }) => Some(*retry_after),
            // A worker is replaced within a second or two; a server that ends is gone by then.
            Self::Control(ControlError::WorkerUnavailable | ControlError::ShuttingDown) => {
                Some(Duration::from_secs(2))
            }
            _ => None,
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let (_, status) = self.code_and_status();
        // Serializing strings and a number cannot fail; an empty body would be the worst of it.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, body).into_response();
        let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
        set(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after() {
            set(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if let Self::RangeNotSatisfiable { length } = &self
            && let Ok(value) = HeaderValue::try_from(format!("bytes */{length}"))
        {
            set(header::CONTENT_RANGE, value);
        }
        if status == StatusCode::UNAUTHORIZED {
            set(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An error (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:meetingcast:problem:<code>`.
    #[serde(rename = "type")]
    #[schema(example = "urn:meetingcast:problem:conference_not_found")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A sentence a person can act on.
    pub detail: String,
    /// Stable: programs decide by this.
    #[schema(example = "conference_not_found")]
    pub code: String,
    /// The field of the request at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// The answer to a path that is not there.
pub async fn route_not_found() -> HttpError {
    HttpError::RouteNotFound
}

/// The answer to a method that a path does not take.
pub async fn method_not_allowed() -> HttpError {
    HttpError::MethodNotAllowed
}
