//! The WHIP client (RFC 9725): one request each to begin, to look after and to end a session.
//! Everything here blocks.

use crate::redacted::Redacted;
use std::time::Duration;
use ureq::{Agent, Body, http::Response};
use url::Url;

/// A request must have been answered within.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The longest answer we read: an SDP of two streams has 4 KB.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// Redirects (307, 308) we follow (RFC 9725 §4.5).
const MAX_REDIRECTS: usize = 3;
/// Of a refusal, so many characters are shown.
const MAX_DETAIL: usize = 300;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum WhipError {
    #[error("sending the {what} to the WHIP endpoint")]
    Request { what: &'static str, source: Box<ureq::Error> },
    #[error("the WHIP endpoint refused the {what} with {status}{detail}")]
    Refused { what: &'static str, status: u16, detail: String },
    #[error("the WHIP endpoint's answer has {fault}")]
    Answer { fault: &'static str },
}

impl WhipError {
    /// Asking again will not help: the request itself is not liked.
    pub const fn is_final(&self) -> bool {
        match self {
            // Not (yet) there, busy, or gone with a worker: that can change.
            Self::Refused { status, .. } => {
                matches!(*status, 400..=499) && !matches!(*status, 404 | 408 | 409 | 425 | 429)
            }
            _ => false,
        }
    }
}

/// A session at the server, from the answered offer on.
#[derive(Debug, Clone)]
pub struct WhipSession {
    agent: Agent,
    resource: Url,
    token: Option<Redacted<String>>,
}

/// Offers; gives the session and the server's answer (SDP).
pub fn offer(
    endpoint: &Url,
    token: Option<Redacted<String>>,
    sdp: &str,
) -> Result<(WhipSession, String), WhipError> {
    let config =
        Agent::config_builder().timeout_global(Some(TIMEOUT)).max_redirects(0).http_status_as_error(false);
    let agent = Agent::new_with_config(config.build());
    let mut url = endpoint.clone();
    for _ in 0..=MAX_REDIRECTS {
        let mut request = agent.post(url.as_str()).header("content-type", "application/sdp");
        // The token is for the origin it was given for, wherever that sends us.
        if let Some(token) = token.as_ref().filter(|_| url.origin() == endpoint.origin()) {
            request = request.header("authorization", format!("Bearer {}", token.expose()));
        }
        let what = "offer";
        let mut response =
            request.send(sdp).map_err(|source| WhipError::Request { what, source: Box::new(source) })?;
        match response.status().as_u16() {
            201 => {
                let resource = location(&response, &url)?;
                let answer =
                    body(&mut response).ok_or(WhipError::Answer { fault: "a body we cannot read" })?;
                if !answer.starts_with("v=0") {
                    return Err(WhipError::Answer { fault: "no SDP in its body" });
                }
                return Ok((WhipSession { agent, resource, token }, answer));
            }
            307 | 308 => url = location(&response, &url)?,
            _ => return Err(refused(what, &mut response)),
        }
    }
    Err(WhipError::Answer { fault: "too many redirects" })
}

impl WhipSession {
    /// Asks whether the server still knows the session. `None`: it did not say (no connection, or
    /// it answers such requests with an error).
    pub fn is_known(&self) -> Option<bool> {
        let request = self.authorised(self.agent.get(self.resource.as_str()));
        let status = request.call().ok()?.status().as_u16();
        match status {
            404 | 410 => Some(false),
            200..=299 => Some(true),
            _ => None,
        }
    }

    /// Hangs up. That the server does not know the session any more is fine.
    pub fn end(&self) -> Result<(), WhipError> {
        let what = "end";
        let request = self.authorised(self.agent.delete(self.resource.as_str()));
        let mut response =
            request.call().map_err(|source| WhipError::Request { what, source: Box::new(source) })?;
        match response.status().as_u16() {
            200..=299 | 404 | 410 => Ok(()),
            _ => Err(refused(what, &mut response)),
        }
    }

    fn authorised<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {}", token.expose())),
            None => request,
        }
    }
}

fn location(response: &Response<Body>, base: &Url) -> Result<Url, WhipError> {
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    let url = location.and_then(|location| base.join(location).ok());
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or(WhipError::Answer { fault: "no usable Location header" })
}

fn body(response: &mut Response<Body>) -> Option<String> {
    response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string().ok()
}

fn refused(what: &'static str, response: &mut Response<Body>) -> WhipError {
    let status = response.status().as_u16();
    let text = body(response).unwrap_or_default();
    // Problem details (RFC 9457) say it best; anything else is shown as it came.
    let problem = serde_json::from_str::<serde_json::Value>(&text).ok();
    let field = |name: &str| problem.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let detail = match (field("code"), field("detail").or_else(|| field("title"))) {
        (Some(code), Some(detail)) => format!("{code}: {detail}"),
        (None, Some(detail)) => detail,
        (Some(code), None) => code,
        (None, None) => text,
    };
    let mut detail: String = detail.chars().filter(|c| !c.is_control()).take(MAX_DETAIL).collect();
    if !detail.is_empty() {
        detail.insert_str(0, ": ");
    }
    WhipError::Refused { what, status, detail }
}

#[cfg(test)]
mod tests;
