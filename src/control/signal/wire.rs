//! The WebSocket's JSON: what comes in, read and checked; what goes out, written.

use super::message::{CallStep, ClientKey, ClientMessage, Hello, Request, ServerMessage, SignalBody};
use crate::{
    config::ice::Credentials,
    control::{
        conference::{
            calls::{CallMode, MAX_CALLS},
            presence::{ConferenceEvent, InputLevel, StreamTold},
        },
        error::ControlError,
        http::{
            problem::HttpError,
            wire::{
                cast::{CastJson, ShedJson},
                cue::CueJson,
                overlay::OverlayJson,
                participant::ParticipantJson,
                picture::PicturesJson,
            },
        },
        ice::IceServer,
    },
    ids::{CallId, ConferenceId, ParticipantId},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Longest message that is read, bytes: an SDP offer of the longest kind with its escapes.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;
/// Longest `user_data`, bytes of JSON: a name, a role, a picture's URL.
pub const MAX_USER_DATA_BYTES: usize = 4096;
/// Longest `ref`, bytes.
const MAX_REF_BYTES: usize = 64;

#[cfg(test)]
mod tests;

/// What could not be read, and what its answer is to be called, where that could be.
#[derive(Debug, PartialEq)]
pub struct Unreadable {
    pub reference: Option<String>,
    pub error: ControlError,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HelloJson {
    client: Option<String>,
    session: Option<String>,
    max_calls: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinJson {
    conference: String,
    #[serde(default)]
    user_data: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaveJson {
    conference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelsJson {
    conference: String,
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteJson {
    to: String,
    #[serde(default)]
    user_data: Value,
    mode: CallMode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallJson {
    call: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignalJson {
    call: String,
    #[serde(default, deserialize_with = "present")]
    sdp: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    candidate: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PingJson {}

/// `null` is a value here: the end of candidates.
fn present<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(reader).map(Some)
}

/// Reads a text message.
///
/// # Errors
/// `invalid_request`, `invalid_id`.
pub fn read(text: &str) -> Result<Request, Unreadable> {
    let nameless = |detail: &str| Unreadable {
        reference: None,
        error: ControlError::InvalidRequest { detail: detail.to_owned(), field: None },
    };
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else {
        return Err(nameless("a message must be one JSON object"));
    };
    let reference = match fields.remove("ref") {
        None => None,
        Some(Value::String(text)) if text.len() <= MAX_REF_BYTES => Some(text),
        Some(_) => return Err(nameless("ref must be a text of at most 64 bytes")),
    };
    let kind = fields.remove("type");
    let message = match kind.as_ref().and_then(Value::as_str) {
        Some(kind) => message(kind, fields),
        None => Err(ControlError::invalid("type", "type is missing: it says what the message is")),
    };
    match message {
        Ok(message) => Ok(Request { reference, message }),
        Err(error) => Err(Unreadable { reference, error }),
    }
}

fn message(kind: &str, fields: Map<String, Value>) -> Result<ClientMessage, ControlError> {
    let step = |fields, step| {
        body::<CallJson>(fields).map(|CallJson { call }| ClientMessage::Call { call: id(&call), step })
    };
    match kind {
        "hello" => body::<HelloJson>(fields).and_then(hello),
        "join" => {
            let JoinJson { conference, user_data } = body(fields)?;
            Ok(ClientMessage::Join { conference: conference.parse()?, user_data: bounded(user_data)? })
        }
        "leave" => {
            let LeaveJson { conference } = body(fields)?;
            Ok(ClientMessage::Leave { conference: conference.parse()? })
        }
        "levels" => {
            let LevelsJson { conference, on } = body(fields)?;
            Ok(ClientMessage::Levels { conference: conference.parse()?, on })
        }
        "call.invite" => {
            let InviteJson { to, user_data, mode } = body(fields)?;
            Ok(ClientMessage::Invite { to: to.parse()?, user_data: bounded(user_data)?, mode })
        }
        "call.accept" => step(fields, CallStep::Accept),
        "call.refuse" => step(fields, CallStep::Refuse),
        "call.cancel" => step(fields, CallStep::Cancel),
        "call.close" => step(fields, CallStep::Close),
        "call.connected" => step(fields, CallStep::Connected),
        "call.signal" => {
            let SignalJson { call, sdp, candidate } = body(fields)?;
            let body = match (sdp, candidate) {
                (Some(sdp), None) => SignalBody::Sdp(sdp),
                (None, Some(candidate)) => SignalBody::Candidate(candidate),
                _ => {
                    let detail = "call.signal carries either sdp or candidate";
                    return Err(ControlError::InvalidRequest { detail: detail.to_owned(), field: None });
                }
            };
            Ok(ClientMessage::Signal { call: id(&call), body })
        }
        "ping" => body::<PingJson>(fields).map(|_| ClientMessage::Ping),
        _ => Err(ControlError::invalid(
            "type",
            format!(
                "{kind:.64?} is no type; allowed: hello, join, leave, levels, call.invite, call.accept, call.refuse, \
                 call.cancel, call.close, call.connected, call.signal, ping"
            ),
        )),
    }
}

fn hello(HelloJson { client, session, max_calls }: HelloJson) -> Result<ClientMessage, ControlError> {
    let max_calls = max_calls.unwrap_or(1);
    if !(1..=MAX_CALLS).contains(&max_calls) {
        return Err(ControlError::invalid("max_calls", format!("max_calls must be from 1 to {MAX_CALLS}")));
    }
    let client = client.map(|text| text.parse()).transpose()?;
    Ok(ClientMessage::Hello(Hello { client, session: session.map(ClientKey::from), max_calls }))
}

fn body<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, ControlError> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let field = (path != ".").then_some(path);
        ControlError::InvalidRequest { detail: error.into_inner().to_string(), field }
    })
}

/// Any text: one that is none of ours is not found.
fn id(text: &str) -> CallId {
    CallId::from(text)
}

fn bounded(user_data: Value) -> Result<Value, ControlError> {
    if user_data.to_string().len() > MAX_USER_DATA_BYTES {
        let detail = format!("user_data is longer than {MAX_USER_DATA_BYTES} bytes of JSON");
        return Err(ControlError::invalid("user_data", detail));
    }
    Ok(user_data)
}

/// Writes a message. `base_url` stands before the paths of play URLs.
pub fn write(message: &ServerMessage, base_url: &str) -> String {
    value(message, base_url).to_string()
}

fn value(message: &ServerMessage, base_url: &str) -> Value {
    match message {
        ServerMessage::Welcome { client, key, resumed, ice_servers, limits } => json!({
            "type": "welcome",
            "client": client,
            "session": key.expose(),
            "resumed": resumed,
            "ice_servers": ice_servers.iter().map(ice_server).collect::<Vec<_>>(),
            "limits": {
                "max_participants": limits.max_participants,
                "max_message_bytes": limits.max_message_bytes,
                "max_calls": MAX_CALLS,
            },
        }),
        ServerMessage::Conflict => json!({"type": "conflict"}),
        ServerMessage::Pong => json!({"type": "pong"}),
        ServerMessage::Ok { reference, call } => match call {
            Some((call, state)) => json!({"type": "ok", "ref": reference, "call": call, "state": state}),
            None => json!({"type": "ok", "ref": reference}),
        },
        ServerMessage::Error { reference, error } => refusal(reference.as_deref(), error),
        ServerMessage::Conference(event) => event_value(&event.0, &event.1, base_url),
        ServerMessage::Incoming { call, from, mode, user_data } => json!({
            "type": "call.incoming", "call": call, "from": from, "mode": mode, "user_data": user_data,
        }),
        ServerMessage::CallState { call, state, by, reason, meeting } => {
            let mut value = json!({"type": "call.state", "call": call, "state": state});
            set(&mut value, "by", by.as_ref());
            set(&mut value, "reason", reason.as_ref());
            if let Some((conference, token)) = meeting {
                set(&mut value, "conference", Some(conference));
                set(&mut value, "token", token.as_ref().map(|token| token.expose()));
            }
            value
        }
        ServerMessage::Signal { call, from, body } => {
            let mut value = json!({"type": "call.signal", "call": call, "from": from});
            let (name, content) = match body {
                SignalBody::Sdp(content) => ("sdp", content),
                SignalBody::Candidate(content) => ("candidate", content),
            };
            set(&mut value, name, Some(content));
            value
        }
    }
}

/// An error carries a problem's fields; its `type` is the message's, so the problem's own stands in `problem`.
fn refusal(reference: Option<&str>, error: &ControlError) -> Value {
    let problem = HttpError::Control(error.clone()).problem();
    let mut value = json!({
        "type": "error",
        "problem": problem.kind,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    });
    set(&mut value, "field", problem.field.as_ref());
    set(&mut value, "ref", reference);
    value
}

fn event_value(conference: &ConferenceId, event: &ConferenceEvent, base_url: &str) -> Value {
    let (kind, mut value) = match event {
        ConferenceEvent::Joined { participants, cast } => {
            let participants: Vec<_> = participants.iter().map(ParticipantJson::from).collect();
            ("joined", json!({"participants": participants, "cast": CastJson::new(cast, base_url)}))
        }
        ConferenceEvent::Connected(view) => {
            ("participant.connected", json!({"participant": ParticipantJson::from(&**view)}))
        }
        ConferenceEvent::Disconnected { participant, reason } => {
            ("participant.disconnected", json!({"id": participant, "reason": reason}))
        }
        ConferenceEvent::StreamAdded { participant, stream } => {
            ("stream.added", stream_value(participant, stream))
        }
        ConferenceEvent::StreamRemoved { participant, stream } => {
            ("stream.removed", stream_value(participant, stream))
        }
        ConferenceEvent::CastChanged(cast) => {
            ("cast.changed", json!({"cast": CastJson::new(cast, base_url)}))
        }
        ConferenceEvent::Cues { count } => ("cast.cues", json!({"count": count})),
        ConferenceEvent::Cue(cue) => ("cast.cue", json!({"cue": CueJson::from(&**cue)})),
        ConferenceEvent::Overlay(view) => ("cast.overlay", json!({"overlay": OverlayJson::from(&**view)})),
        ConferenceEvent::Pictures(views) => ("conference.pictures", json!(PicturesJson::from(&views[..]))),
        ConferenceEvent::Quality { stream, quality } => {
            let mut value = json!({"stream": stream});
            set(&mut value, "max_height", quality.map(|quality| quality.max_height));
            set(&mut value, "max_kbps", quality.map(|quality| quality.max_kbps.0));
            ("quality", value)
        }
        ConferenceEvent::Load { worse, snapshots, renditions } => {
            let renditions: Vec<_> = renditions.iter().map(ShedJson::from).collect();
            let kind = if *worse { "load.shed" } else { "load.restored" };
            (kind, json!({"snapshots": snapshots, "renditions": renditions}))
        }
        ConferenceEvent::Levels { inputs, program } => {
            let input = |input: &InputLevel| {
                let InputLevel { participant, stream, level } = input;
                json!({"participant": participant, "stream": stream, "dbov": level})
            };
            let inputs: Vec<_> = inputs.iter().map(input).collect();
            ("levels", json!({"inputs": inputs, "program_dbov": program}))
        }
        ConferenceEvent::WorkerRestarted => ("worker.restarted", json!({})),
        ConferenceEvent::Ended { removed } => {
            ("ended", json!({"reason": if *removed { "removed" } else { "conference_ended" }}))
        }
    };
    set(&mut value, "type", Some(kind));
    set(&mut value, "conference", Some(conference));
    value
}

fn stream_value(participant: &ParticipantId, stream: &StreamTold) -> Value {
    let StreamTold { name, audio, video } = stream;
    json!({"participant": participant, "stream": name, "audio": audio, "video": video})
}

fn ice_server(server: &IceServer) -> Value {
    let url = &server.url;
    match &server.credentials {
        // Networks that let no UDP out are why there is TURN.
        Some(Credentials { user, password }) => json!({
            "urls": [url, format!("{url}?transport=tcp")],
            "username": user,
            "credential": password.expose(),
        }),
        None => json!({"urls": [url]}),
    }
}

/// Sets a field of an object, where there is something to set.
fn set(object: &mut Value, name: &str, content: Option<impl Serialize>) {
    // Ids, texts and values that came from JSON: writing them cannot fail.
    if let (Some(fields), Some(Ok(content))) = (object.as_object_mut(), content.map(serde_json::to_value)) {
        fields.insert(name.to_owned(), content);
    }
}
