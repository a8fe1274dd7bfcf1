//! What handlers take out of a request, checked: rights and conference ([`InConference`]), ids
//! ([`Named`]), JSON ([`JsonBody`]).

use super::{layers, problem::HttpError, state::AppState};
use crate::{
    control::{
        auth::{Grant, Identity},
        conference::Conference,
        error::ControlError,
    },
    egress::recording::record::Recording,
    ids::{ConferenceId, CueId, InvalidId, OutputId, ParticipantId, PictureName, RecordingId, SessionId},
};
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, header, request::Parts},
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use std::{marker::PhantomData, str::FromStr, time::Duration};

/// A body of at most 16 MiB in so long is 14 Mbit/s, one of default size 0.2 Mbit/s; slower is a
/// client that holds us up.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The grant that a route needs, as a type: a handler cannot forget to ask.
pub trait Needs: Send + Sync {
    /// The grant.
    const GRANT: Grant;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $grant:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl Needs for $name {
            const GRANT: Grant = Grant::$grant;
        }
    )*};
}

needs! {
    /// Reads.
    ToSubscribe = Subscribe;
    /// WHIP.
    ToPublish = Publish;
    /// The cast.
    ToCast = Cast;
    /// Conferences and participants.
    ToAdminister = Admin;
}

/// A request inside a conference (`{conference}` in the path) by somebody who holds `G` there.
#[derive(Debug)]
pub struct InConference<G> {
    /// From the path.
    pub conference: ConferenceId,
    /// From the token.
    pub identity: Identity,
    grant: PhantomData<G>,
}

impl<G: Needs> FromRequestParts<AppState> for InConference<G> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, HttpError> {
        // The token first: without one nobody learns what an id may be or which conferences exist.
        let identity = app.auth.identify(&parts.headers)?;
        let conference: ConferenceId = path_id(parts, "conference").await?;
        layers::name_conference(&conference);
        identity.require_in(G::GRANT, &conference)?;
        Ok(Self { conference, identity, grant: PhantomData })
    }
}

/// A request outside any conference by somebody who holds `G` somewhere.
#[derive(Debug)]
pub struct Holder<G> {
    /// From the token.
    pub identity: Identity,
    grant: PhantomData<G>,
}

impl<G: Needs> FromRequestParts<AppState> for Holder<G> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, HttpError> {
        let identity = app.auth.identify(&parts.headers)?;
        identity.require(G::GRANT)?;
        Ok(Self { identity, grant: PhantomData })
    }
}

/// A WHIP or WHEP session (`{session}` in the path) of somebody who may publish, or subscribe, in its
/// conference.
#[derive(Debug)]
pub struct InSession {
    /// From the path.
    pub session: SessionId,
    /// Where it is.
    pub conference: Conference,
}

impl FromRequestParts<AppState> for InSession {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, HttpError> {
        let identity = app.auth.identify(&parts.headers)?;
        let text = path_text(parts, "session").await?;
        // What `SessionId::generate` makes; anything else cannot be one of ours.
        let digits = text.strip_prefix('w').unwrap_or(&text);
        if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ControlError::SessionNotFound.into());
        }
        let session = SessionId::from(text.as_str());
        let conference = app.conferences.by_session(&session).await?;
        layers::name_conference(conference.id());
        let grant = if session.is_subscriber() { Grant::Subscribe } else { Grant::Publish };
        identity.require_in(grant, conference.id())?;
        Ok(Self { session, conference })
    }
}

/// A recording (`{recording}` in the path) of a conference in which somebody holds `G`.
#[derive(Debug)]
pub struct InRecording<G> {
    /// As it is now.
    pub recording: Recording,
    grant: PhantomData<G>,
}

impl<G: Needs> FromRequestParts<AppState> for InRecording<G> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, HttpError> {
        let identity = app.auth.identify(&parts.headers)?;
        identity.require(G::GRANT)?;
        // What `RecordingId` does not take cannot be one of ours.
        let id = path_text(parts, "recording").await?.parse::<RecordingId>();
        let found = id.ok().and_then(|id| app.recordings.find(&id));
        let recording = found.ok_or(ControlError::RecordingNotFound)?;
        layers::name_conference(&recording.conference);
        identity.require_in(G::GRANT, &recording.conference)?;
        Ok(Self { recording, grant: PhantomData })
    }
}

/// An id with a name of its own in the path. Must come after [`InConference`] in a handler.
#[derive(Debug)]
pub struct Named<T>(pub T);

/// What the path calls an id.
pub trait PathName {
    /// The parameter's name.
    const PARAM: &'static str;
}

impl PathName for ParticipantId {
    const PARAM: &'static str = "participant";
}

impl PathName for OutputId {
    const PARAM: &'static str = "output";
}

impl PathName for CueId {
    const PARAM: &'static str = "cue";
}

impl PathName for PictureName {
    const PARAM: &'static str = "picture";
}

impl<T> FromRequestParts<AppState> for Named<T>
where
    T: PathName + FromStr<Err = InvalidId> + Send,
{
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, HttpError> {
        path_id(parts, T::PARAM).await.map(Named)
    }
}

async fn path_id<T: FromStr<Err = InvalidId>>(parts: &mut Parts, name: &str) -> Result<T, HttpError> {
    Ok(path_text(parts, name).await?.parse().map_err(ControlError::InvalidId)?)
}

/// A path parameter, percent-decoded.
async fn path_text(parts: &mut Parts, name: &str) -> Result<String, HttpError> {
    let invalid =
        ControlError::InvalidId(InvalidId { what: "an id in the path", allowed: "percent-encoded UTF-8" });
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| invalid)?;
    let value = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    // A route that has no such parameter is a mistake of ours, found by the first request to it.
    value.ok_or(HttpError::Control(ControlError::Internal))
}

/// A JSON body.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, HttpError> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        let bytes = read_body(&parts.headers, body, app.config.limits.max_body_bytes).await?;
        Ok(Self(parse_json(&bytes)?))
    }
}

/// A JSON body that may be left out: then it is `{}`.
#[derive(Debug)]
pub struct OptionalJsonBody<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<AppState> for OptionalJsonBody<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, HttpError> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(&parts.headers, body, app.config.limits.max_body_bytes).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        require_json(&parts.headers)?;
        Ok(Self(parse_json(&bytes)?))
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), ControlError> {
    let kind = content_type(headers);
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        Ok(())
    } else {
        Err(ControlError::WrongContentType("the Content-Type must be application/json".to_owned()))
    }
}

/// The media type without its parameters, in lower case; empty when there is none.
pub fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// The whole body, if it has at most `max` bytes and arrives in time.
///
/// # Errors
/// `body_too_large`, `request_timeout` (408), `invalid_request`.
pub async fn read_body(headers: &HeaderMap, body: Body, max: usize) -> Result<Bytes, HttpError> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max as u64) {
        return Err(HttpError::BodyTooLarge { max });
    }
    let read = async {
        let mut chunks = body.into_data_stream();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| HttpError::BodyBroken)?;
            if bytes.len() + chunk.len() > max {
                return Err(HttpError::BodyTooLarge { max });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(BODY_TIMEOUT, read).await.unwrap_or(Err(HttpError::BodyTimeout(BODY_TIMEOUT)))
}

/// JSON as `T`. The error names the field; it never repeats a value, since that may be a stream key.
fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ControlError> {
    // serde would take a list for a struct, field by field.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let detail = "the body has a value that is not allowed; allowed: an object".to_owned();
        return Err(ControlError::InvalidRequest { detail, field: None });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        json_fault(&path, error.inner())
    })?;
    reader.end().map_err(|error| json_fault(".", &error))?;
    Ok(value)
}

fn json_fault(path: &str, error: &serde_json::Error) -> ControlError {
    use serde_json::error::Category;
    if error.classify() != Category::Data {
        let (line, column) = (error.line(), error.column());
        let detail = format!("the body is not JSON: fault at line {line}, column {column}");
        return ControlError::InvalidRequest { detail, field: None };
    }
    let text = error.to_string();
    let path = if path == "." { "" } else { path };
    // serde's sentences end with what was expected, in words of our own types; what stands before
    // may be the client's.
    let expected =
        text.rsplit_once(", expected ").map(|(_, rest)| rest.split(" at line ").next().unwrap_or(rest));
    let quoted = |start: &str| {
        text.strip_prefix(start)?.split('`').next().map(|name| name.chars().take(64).collect::<String>())
    };
    let (field, detail) = if let Some(name) = quoted("unknown field `") {
        let field = within(path, &name);
        let detail = match expected {
            Some(expected) => format!("unknown field {field}; allowed here: {}", plain(expected)),
            None => format!("unknown field {field}; no field is allowed here"),
        };
        (field, detail)
    } else if let Some(name) = quoted("missing field `") {
        let field = within(path, &name);
        let detail = format!("the field {field} is missing");
        (field, detail)
    } else if let Some(name) = quoted("duplicate field `") {
        let field = within(path, &name);
        let detail = format!("the field {field} stands twice");
        (field, detail)
    } else {
        let subject = if path.is_empty() { "the body" } else { path };
        let detail = match expected {
            Some(expected) => {
                format!("{subject} has a value that is not allowed; allowed: {}", plain(expected))
            }
            None => format!("{subject} has a value that is not allowed"),
        };
        (path.to_owned(), detail)
    };
    ControlError::InvalidRequest { detail, field: (!field.is_empty()).then_some(field) }
}

/// `name` inside `path`; serde's path ends with the name already where it could know it.
fn within(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        _ if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        _ => format!("{}.{name}", path.trim_end_matches(".?")),
    }
}

/// serde's words for types in a client's words.
fn plain(expected: &str) -> String {
    let expected = expected.trim_start_matches("one of ").replace("` or `", ", ").replace('`', "");
    match expected.as_str() {
        "a boolean" => "true or false".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a sequence" => "a list".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        _ => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        count: u32,
        #[allow(dead_code)]
        #[serde(default)]
        inner: Vec<Inner>,
        #[allow(dead_code)]
        mode: Option<Mode>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        url: String,
        #[allow(dead_code)]
        flag: Option<bool>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        Cut,
        Fade,
    }

    fn fault(text: &str) -> (Option<String>, String) {
        match parse_json::<Outer>(text.as_bytes()) {
            Err(ControlError::InvalidRequest { detail, field }) => (field, detail),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn faults_name_the_field_and_what_is_allowed() {
        for (text, field, detail) in [
            (
                "{\"count\":1,\"colour\":2}",
                "colour",
                "unknown field colour; allowed here: count, inner, mode",
            ),
            (
                "{\"count\":1,\"inner\":[{\"url\":\"\"},{\"url\":\"\",\"x\":1}]}",
                "inner[1].x",
                "unknown field inner[1].x; allowed here: url, flag",
            ),
            ("{}", "count", "the field count is missing"),
            ("{\"count\":1,\"count\":2}", "count", "the field count stands twice"),
            (
                "{\"count\":\"hush\"}",
                "count",
                "count has a value that is not allowed; allowed: a whole number, not negative",
            ),
            (
                "{\"count\":-1}",
                "count",
                "count has a value that is not allowed; allowed: a whole number, not negative",
            ),
            (
                "{\"count\":1,\"inner\":\"rtmp://h/a/hush, expected \"}",
                "inner",
                "inner has a value that is not allowed; allowed: a list",
            ),
            (
                "{\"count\":1,\"mode\":\"hush\"}",
                "mode",
                "mode has a value that is not allowed; allowed: cut, fade",
            ),
        ] {
            assert_eq!(fault(text), (Some(field.to_owned()), detail.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_by_its_place() {
        assert_eq!(
            fault("{\"count\":"),
            (None, "the body is not JSON: fault at line 1, column 9".to_owned())
        );
        assert_eq!(fault("{\"count\":1} x").1, "the body is not JSON: fault at line 1, column 13");
        assert_eq!(fault("[]").1, "the body has a value that is not allowed; allowed: an object");
        let deep = "[".repeat(100_000);
        assert!(fault(&deep).1.starts_with("the body"), "deep nesting is refused, not followed");
    }
}
