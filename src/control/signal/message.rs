//! What goes over the WebSocket, as the server means it; as JSON it is in [`wire`](super::wire).

use crate::{
    control::{
        conference::{
            calls::{CallMode, CallState, CloseReason},
            presence::SeatEvent,
        },
        error::ControlError,
        ice::IceServer,
    },
    ids::{self, CallId, ConferenceId, ParticipantId},
    redacted::Redacted,
};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// What proves that a connection is the same client's as the one before: 128 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientKey(Redacted<String>);

impl ClientKey {
    /// A fresh key.
    pub fn generate() -> Self {
        Self::from(ids::unguessable())
    }

    /// For the client.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl From<String> for ClientKey {
    fn from(text: String) -> Self {
        Self(Redacted::new(text))
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey(****)")
    }
}

/// A message of a client, read and checked, with what its answer is to be called.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub reference: Option<String>,
    pub message: ClientMessage,
}

/// What a client says.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    Hello(Hello),
    Join {
        conference: ConferenceId,
        user_data: Value,
    },
    Leave {
        conference: ConferenceId,
    },
    /// To be told five times a second how loud everybody is in a conference where it sits, or no longer.
    Levels {
        conference: ConferenceId,
        on: bool,
    },
    Invite {
        to: ParticipantId,
        user_data: Value,
        mode: CallMode,
    },
    Call {
        call: CallId,
        step: CallStep,
    },
    Signal {
        call: CallId,
        body: SignalBody,
    },
    Ping,
}

/// The first thing a client says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hello {
    /// In open mode: who it is, unless the URL said so.
    pub client: Option<ParticipantId>,
    /// The key of the session that it had before, to go on with it.
    pub session: Option<ClientKey>,
    /// Calls at once, 1 to 4; beyond, callers hear `busy`. Default 1.
    pub max_calls: usize,
}

/// What an end of a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStep {
    Accept,
    Refuse,
    Cancel,
    Close,
    /// Its media is up.
    Connected,
}

/// A description or a candidate, passed on as it is: the browsers' business.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalBody {
    Sdp(Value),
    /// `null`: there are no more.
    Candidate(Value),
}

/// What a client may count on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_participants: usize,
    pub max_message_bytes: usize,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    Welcome {
        client: ParticipantId,
        key: ClientKey,
        /// Seats and calls of the session before are still there.
        resumed: bool,
        ice_servers: Vec<IceServer>,
        limits: Limits,
    },
    /// The same id signed in elsewhere.
    Conflict,
    Ok {
        reference: String,
        /// Of an invitation.
        call: Option<(CallId, CallState)>,
    },
    Error {
        reference: Option<String>,
        error: ControlError,
    },
    Conference(SeatEvent),
    Incoming {
        call: CallId,
        from: ParticipantId,
        mode: CallMode,
        user_data: Value,
    },
    CallState {
        call: CallId,
        state: CallState,
        by: Option<ParticipantId>,
        reason: Option<CloseReason>,
        /// Of a relayed call that was accepted: where both ends meet, and in token mode what opens it.
        meeting: Option<(ConferenceId, Option<Redacted<String>>)>,
    },
    Signal {
        call: CallId,
        from: ParticipantId,
        body: SignalBody,
    },
    Pong,
}
