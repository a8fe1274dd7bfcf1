use super::*;
use crate::{
    control::conference::{presence::Absence, quality::Quality},
    ids::{ParticipantId, StreamName},
};
use std::sync::Arc;

fn read_ok(text: &str) -> Request {
    read(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// The answer's name, the field and the detail of what cannot be read.
fn fault(text: &str) -> (Option<String>, Option<String>, String) {
    let Unreadable { reference, error } = read(text).expect_err(text);
    (reference, error.field().map(str::to_owned), error.to_string())
}

#[test]
fn what_the_contract_names_is_read() {
    let hello = read_ok(r#"{"type":"hello","ref":"1","client":"ann","session":"s3cret","max_calls":4}"#);
    assert_eq!(hello.reference.as_deref(), Some("1"));
    let ClientMessage::Hello(said) = hello.message else { panic!("{:?}", hello.message) };
    assert_eq!((said.client.unwrap().as_str(), said.max_calls), ("ann", 4));
    let key = said.session.unwrap();
    assert_eq!(key.expose(), "s3cret");
    assert!(!format!("{key:?}").contains("s3cret"));

    let join = read_ok(r#"{"type":"join","conference":"room","user_data":{"name":"Ann"}}"#);
    let conference: ConferenceId = "room".parse().unwrap();
    assert_eq!(join.message, ClientMessage::Join { conference, user_data: json!({"name": "Ann"}) });
    let invite = read_ok(r#"{"type":"call.invite","to":"bob","mode":"p2p"}"#);
    let to = "bob".parse().unwrap();
    assert_eq!(invite.message, ClientMessage::Invite { to, user_data: Value::Null, mode: CallMode::P2p });
    let last = read_ok(r#"{"type":"call.signal","call":"1","candidate":null}"#);
    let (call, body) = (CallId::from("1"), SignalBody::Candidate(Value::Null));
    assert_eq!(last.message, ClientMessage::Signal { call, body });
    for (kind, step) in [
        ("accept", CallStep::Accept),
        ("refuse", CallStep::Refuse),
        ("cancel", CallStep::Cancel),
        ("close", CallStep::Close),
        ("connected", CallStep::Connected),
    ] {
        let read = read_ok(&format!(r#"{{"type":"call.{kind}","call":"1"}}"#));
        assert_eq!(read.message, ClientMessage::Call { call: CallId::from("1"), step });
    }
    assert_eq!(read_ok(r#"{"type":"ping"}"#).message, ClientMessage::Ping);
}

#[test]
fn what_cannot_be_read_is_told_by_name() {
    let none = (None, None);
    for text in ["", "[]", "null", "{", "\u{0}"] {
        let (reference, field, detail) = fault(text);
        assert_eq!(
            ((reference, field), detail.as_str()),
            (none.clone(), "a message must be one JSON object")
        );
    }
    assert!(fault(r#"{"type":"ping","ref":7}"#).2.starts_with("ref must be"));
    assert_eq!(fault(r#"{"ref":"a"}"#).1.as_deref(), Some("type"));
    assert_eq!(fault(r#"{"ref":"a","type":"no"}"#).0.as_deref(), Some("a"));
    assert!(fault(r#"{"type":"join","conference":"room","x":1}"#).2.contains("`x`"));
    assert!(fault(r#"{"type":"join"}"#).2.contains("conference"));
    assert!(fault(r#"{"type":"join","conference":".."}"#).2.contains("conference id"));
    assert_eq!(fault(r#"{"type":"call.invite","to":"b","mode":"q"}"#).1.as_deref(), Some("mode"));
    assert_eq!(fault(r#"{"type":"hello","max_calls":5}"#).1.as_deref(), Some("max_calls"));
    assert!(fault(r#"{"type":"call.signal","call":"1"}"#).2.contains("either"));
    assert!(fault(r#"{"type":"call.signal","call":"1","sdp":1,"candidate":1}"#).2.contains("either"));
    let long = json!({"type": "join", "conference": "room", "user_data": "x".repeat(MAX_USER_DATA_BYTES)});
    assert_eq!(fault(&long.to_string()).1.as_deref(), Some("user_data"));
}

#[test]
fn what_is_written_has_the_contracts_names() {
    let written = |message: &ServerMessage| -> Value {
        serde_json::from_str(&write(message, "http://cast.example")).unwrap()
    };
    let ann: ParticipantId = "ann".parse().unwrap();
    let reference = Some("7".to_owned());
    let error = ControlError::TooManyParticipants { max: 16 };
    let refusal = written(&ServerMessage::Error { reference, error });
    assert_eq!(
        (&refusal["type"], &refusal["ref"], &refusal["code"], &refusal["status"]),
        (&json!("error"), &json!("7"), &json!("too_many_participants"), &json!(429))
    );
    let state = ServerMessage::CallState {
        call: CallId::from("1"),
        state: crate::control::conference::calls::CallState::Closed,
        by: None,
        reason: Some(crate::control::conference::calls::CloseReason::Timeout),
        meeting: None,
    };
    assert_eq!(
        written(&state),
        json!({"type": "call.state", "call": "1", "state": "closed", "reason": "timeout"})
    );
    let event = |event| ServerMessage::Conference(Arc::new(("room".parse().unwrap(), event)));
    let gone = event(ConferenceEvent::Disconnected { participant: ann.clone(), reason: Absence::Lost });
    assert_eq!(
        written(&gone),
        json!({"type": "participant.disconnected", "conference": "room", "id": "ann", "reason": "lost"})
    );
    let stream = crate::control::conference::presence::StreamTold {
        name: StreamName::default(),
        audio: true,
        video: false,
    };
    assert_eq!(
        written(&event(ConferenceEvent::StreamAdded { participant: ann, stream })),
        json!({"type": "stream.added", "conference": "room", "participant": "ann", "stream": "camera",
               "audio": true, "video": false})
    );
    let hint = |quality| written(&event(ConferenceEvent::Quality { stream: StreamName::default(), quality }));
    assert_eq!(
        hint(Quality::for_height(356)),
        json!({"type": "quality", "conference": "room", "stream": "camera", "max_height": 360, "max_kbps": 700})
    );
    // No limit: neither field.
    assert_eq!(hint(None), json!({"type": "quality", "conference": "room", "stream": "camera"}));
}
