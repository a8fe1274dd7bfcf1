//! One player's RTMP connection, sans-IO, the server's end of it: bytes in with [`PlayerSession::handle_input`],
//! bytes and events out with [`PlayerSession::poll_output`]. No clock, no socket.
//!
//! A player sends `connect` → `createStream` → `play`; answers are those of Adobe's server and nginx-rtmp.
//! What we do not know is passed over, or refused where an answer is awaited. A publisher is shown the
//! door. What breaks the framing itself is a [`PlayerError`], and the session is over.

use super::request::{Connected, PlayRequest};
use crate::{
    egress::rtmp::{
        amf0::{self, Value},
        chunk_reader::{ChunkError, Message},
        link::{self, DATA_AMF0, Link, LinkError, PING_REQUEST, SET_PEER_BANDWIDTH, WINDOW},
        media_out::MediaOut,
    },
    media::{EncodedFrame, TrackConfig},
};
use bytes::Bytes;
use rml_rtmp::{
    chunk_io::ChunkSerializationError,
    handshake::{Handshake, HandshakeError, HandshakeProcessResult, PeerType},
};
use std::{collections::VecDeque, time::Instant};

/// Longest message a player may send: the longest is `connect`, with a token in two of its texts.
const MAX_PLAYER_MESSAGE: usize = 64 * 1024;
/// The only message stream we give: a connection plays one thing at a time.
const STREAM: u32 = 1;
/// What Adobe's server calls itself; old players look at it.
const SERVER_VERSION: &str = "FMS/3,0,1,123";
/// Its capabilities, a bit field that nobody explains and everybody copies.
const CAPABILITIES: f64 = 31.0;
/// Set Peer Bandwidth's limit type: dynamic (§5.4.5).
const DYNAMIC: u8 = 2;

// User control events of a server, §7.1.7.
const STREAM_BEGIN: u16 = 0;
const STREAM_EOF: u16 = 1;

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayerStage {
    /// Waiting for the player's half of the handshake.
    Handshake,
    /// Waiting for `connect`.
    Connect,
    /// Connected; waiting for `play`.
    Idle,
    /// [`PlayerEvent::Play`] waits for [`PlayerSession::accept`] or [`PlayerSession::refuse`].
    Asked,
    /// Media flows.
    Playing,
    /// The player wants nothing just now.
    Paused,
    /// Finished, refused or broken: what is still in the output goes out, nothing more.
    Closed,
}

/// What [`PlayerSession::poll_output`] gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlayerOutput {
    /// Bytes for the player, in order.
    Transmit(Bytes),
    Event(PlayerEvent),
}

/// What the caller must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlayerEvent {
    /// It wants this. Answer with [`PlayerSession::accept`] or [`PlayerSession::refuse`].
    Play(PlayRequest),
    /// It has enough of what it played; it may ask for something else.
    Left,
    /// It wanted to publish; the session is closed.
    PublisherRefused,
}

/// Why a player does not get what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No such conference, or nothing of it is played here.
    NotFound,
    /// No token, or none that allows it.
    NotAllowed,
    /// The server has as many players as it may have.
    Full,
}

impl Refusal {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound => ("NetStream.Play.StreamNotFound", "there is no such stream"),
            Self::NotAllowed => {
                ("NetStream.Play.Failed", "a token with the grant subscribe for this conference is needed")
            }
            Self::Full => ("NetStream.Play.Failed", "the server has as many players as it may have"),
        }
    }
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PlayerError {
    #[error("the handshake failed")]
    Handshake(#[source] HandshakeError),
    #[error("the player's bytes are not RTMP")]
    Chunk(#[source] ChunkError),
    #[error("a message could not be written")]
    Write(#[source] ChunkSerializationError),
}

impl From<LinkError> for PlayerError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Chunk(error) => Self::Chunk(error),
            LinkError::Write(error) => Self::Write(error),
        }
    }
}

/// The session.
pub struct PlayerSession {
    stage: PlayerStage,
    stage_since: Instant,
    handshake: Handshake,
    link: Link,
    output: VecDeque<PlayerOutput>,
    connected: Connected,
    media: MediaOut,
}

impl PlayerSession {
    /// Waits for a player's first byte.
    pub fn new(now: Instant) -> Self {
        Self {
            stage: PlayerStage::Handshake,
            stage_since: now,
            handshake: Handshake::new(PeerType::Server),
            link: Link::new(MAX_PLAYER_MESSAGE),
            output: VecDeque::new(),
            connected: Connected::default(),
            media: MediaOut::to_player(),
        }
    }

    /// Where the session stands.
    pub const fn stage(&self) -> PlayerStage {
        self.stage
    }

    /// When it got there: deadlines count from here.
    pub const fn stage_since(&self) -> Instant {
        self.stage_since
    }

    /// The next thing to do, in order. Poll until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<PlayerOutput> {
        self.output.pop_front()
    }

    /// Takes bytes from the player, cut anywhere.
    ///
    /// # Errors
    /// When the framing is broken; the session is then [`PlayerStage::Closed`].
    pub fn handle_input(&mut self, bytes: &[u8], now: Instant) -> Result<(), PlayerError> {
        let result = self.take_input(bytes, now);
        if result.is_err() {
            self.enter(PlayerStage::Closed, now);
        }
        result
    }

    /// The player gets what it asked for.
    ///
    /// # Errors
    /// Never in practice: the messages have some hundred bytes.
    pub fn accept(&mut self, now: Instant) -> Result<(), PlayerError> {
        if self.stage != PlayerStage::Asked {
            return Ok(());
        }
        self.enter(PlayerStage::Playing, now);
        // What was played before on this connection has its own headers and its own time.
        self.media = MediaOut::to_player();
        self.event(STREAM_BEGIN)?;
        self.status("status", "NetStream.Play.Reset", "playing and resetting")?;
        self.status("status", "NetStream.Play.Start", "started playing")?;
        let access = [Value::string("|RtmpSampleAccess"), Value::Boolean(true), Value::Boolean(true)];
        // What Flash players wait for before they show anything; as nginx-rtmp sends it.
        let start = vec![("code".to_owned(), Value::string("NetStream.Data.Start"))];
        let start = [Value::string("onStatus"), Value::Object(start)];
        for data in [&access[..], &start] {
            let bytes = self.link.write(DATA_AMF0, STREAM, 0, amf0::write_all(data).into())?;
            self.transmit(bytes);
        }
        Ok(())
    }

    /// It does not, and the session is closed. What waited behind the question is not looked at.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn refuse(&mut self, why: Refusal, now: Instant) -> Result<(), PlayerError> {
        let (code, description) = why.words();
        self.status("error", code, description)?;
        self.enter(PlayerStage::Closed, now);
        Ok(())
    }

    /// Sets a track's parameters. They are sent before the next frame that needs them, and again only
    /// when they differ.
    pub fn send_config(&mut self, config: &TrackConfig) {
        self.media.set_config(config);
    }

    /// Sends a frame. Left out: everything unless [`PlayerStage::Playing`], frames of a track without
    /// parameters, video until a keyframe, audio until the first picture (see `timeline`).
    ///
    /// # Errors
    /// When the frame is beyond RTMP's 16 MiB.
    pub fn send_frame(&mut self, frame: &EncodedFrame) -> Result<(), PlayerError> {
        if self.stage != PlayerStage::Playing {
            return Ok(());
        }
        for message in self.media.frame(frame) {
            let bytes = self.link.write(message.kind, STREAM, message.timestamp, message.payload)?;
            self.transmit(bytes);
        }
        Ok(())
    }

    /// Another encoder's frames follow: video goes on at its first keyframe, time goes on as it is.
    pub fn discontinuity(&mut self) {
        self.media.need_keyframe();
    }

    /// Asks for a sign of life; `now_ms` comes back in the answer, at which nobody looks.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn ping(&mut self, now_ms: u32) -> Result<(), PlayerError> {
        let bytes = self.link.user_control(PING_REQUEST, &now_ms.to_be_bytes())?;
        self.transmit(bytes);
        Ok(())
    }

    /// Nothing follows: tells the player, if it plays, and closes.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn end(&mut self, now: Instant) -> Result<(), PlayerError> {
        if matches!(self.stage, PlayerStage::Playing | PlayerStage::Paused) {
            self.status("status", "NetStream.Play.UnpublishNotify", "the cast has ended")?;
            self.event(STREAM_EOF)?;
        }
        self.enter(PlayerStage::Closed, now);
        Ok(())
    }

    fn enter(&mut self, stage: PlayerStage, now: Instant) {
        if self.stage != stage {
            self.stage = stage;
            self.stage_since = now;
        }
    }

    fn take_input(&mut self, bytes: &[u8], now: Instant) -> Result<(), PlayerError> {
        match self.stage {
            PlayerStage::Closed => return Ok(()),
            PlayerStage::Handshake => {
                match self.handshake.process_bytes(bytes).map_err(PlayerError::Handshake)? {
                    HandshakeProcessResult::InProgress { response_bytes } => {
                        self.transmit(response_bytes.into());
                    }
                    HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                        self.transmit(response_bytes.into());
                        self.enter(PlayerStage::Connect, now);
                        self.link.feed(&remaining_bytes);
                    }
                }
            }
            _ => self.link.feed(bytes),
        }
        while !matches!(self.stage, PlayerStage::Handshake | PlayerStage::Closed)
            && let Some(message) = self.link.next_message()?
        {
            let answer = self.link.control(&message)?;
            answer.into_iter().for_each(|bytes| self.transmit(bytes));
            self.message(&message, now)?;
            let acknowledgement = self.link.acknowledge()?;
            acknowledgement.into_iter().for_each(|bytes| self.transmit(bytes));
        }
        Ok(())
    }

    fn message(&mut self, message: &Message, now: Instant) -> Result<(), PlayerError> {
        let Some(values) = link::command_values(message) else { return Ok(()) };
        let Some(name) = values.first().and_then(Value::as_str) else { return Ok(()) };
        // Transaction 0 awaits no answer (§7.2.1).
        let transaction = values.get(1).and_then(Value::as_number).unwrap_or(0.0);
        let text = values.get(3).and_then(Value::as_str);
        match (name, self.stage) {
            ("connect", PlayerStage::Connect) => self.connect(transaction, values.get(2), now),
            (_, PlayerStage::Connect) => Ok(()),
            ("createStream", _) => self.result(transaction, Value::Null, Value::Number(f64::from(STREAM))),
            ("getStreamLength", _) => self.result(transaction, Value::Null, Value::Number(0.0)),
            ("releaseStream" | "FCPublish" | "FCUnpublish" | "_checkbw", _) => {
                self.result(transaction, Value::Null, Value::Undefined)
            }
            ("FCSubscribe", _) => {
                self.status_by("onFCSubscribe", "status", "NetStream.Play.Start", "subscribed")
            }
            ("publish", _) => {
                self.status("error", "NetStream.Publish.BadName", "this server takes no publishers by RTMP")?;
                self.output.push_back(PlayerOutput::Event(PlayerEvent::PublisherRefused));
                self.enter(PlayerStage::Closed, now);
                Ok(())
            }
            ("play" | "play2", PlayerStage::Idle | PlayerStage::Playing | PlayerStage::Paused) => {
                // `play2` (§7.2.2.2) names its stream in an object, and any change begins anew here.
                let named = values.get(3).and_then(|what| what.get("streamName")).and_then(Value::as_str);
                let request = self.connected.play(text.or(named).unwrap_or_default());
                self.leave(now);
                self.enter(PlayerStage::Asked, now);
                self.output.push_back(PlayerOutput::Event(PlayerEvent::Play(request)));
                Ok(())
            }
            ("pause" | "pauseRaw", PlayerStage::Playing | PlayerStage::Paused) => {
                let wanted = !matches!(values.get(3), Some(Value::Boolean(false)));
                self.pause(wanted, now)
            }
            ("deleteStream" | "closeStream", _) => {
                self.leave(now);
                Ok(())
            }
            // An answer to something of ours, or what awaits no answer.
            ("_result" | "_error", _) => Ok(()),
            _ if transaction == 0.0 => Ok(()),
            _ => {
                let why = info("error", "NetConnection.Call.Failed", "this server does not know the command");
                let bytes = self.link.command("_error", transaction, 0, [Value::Null, Value::Object(why)])?;
                self.transmit(bytes);
                Ok(())
            }
        }
    }

    fn connect(&mut self, transaction: f64, object: Option<&Value>, now: Instant) -> Result<(), PlayerError> {
        let text =
            |name| object.and_then(|object| object.get(name)).and_then(Value::as_str).unwrap_or_default();
        let Some(connected) = Connected::read(text("app"), text("tcUrl")) else {
            let why = info("error", "NetConnection.Connect.InvalidApp", "the application is \"live\"");
            let bytes = self.link.command("_error", transaction, 0, [Value::Null, Value::Object(why)])?;
            self.transmit(bytes);
            self.enter(PlayerStage::Closed, now);
            return Ok(());
        };
        self.connected = connected;
        self.enter(PlayerStage::Idle, now);
        let bytes = self.link.announce_window(WINDOW)?;
        self.transmit(bytes);
        let bandwidth = [&WINDOW.to_be_bytes()[..], &[DYNAMIC]].concat();
        let bytes = self.link.write(SET_PEER_BANDWIDTH, 0, 0, bandwidth.into())?;
        self.transmit(bytes);
        let bytes = self.link.announce_chunk_size()?;
        self.transmit(bytes);
        let server = Value::Object(vec![
            ("fmsVer".to_owned(), Value::string(SERVER_VERSION)),
            ("capabilities".to_owned(), Value::Number(CAPABILITIES)),
        ]);
        let mut success = info("status", "NetConnection.Connect.Success", "connection succeeded");
        // Commands are AMF0, whatever the player would like.
        success.push(("objectEncoding".to_owned(), Value::Number(0.0)));
        self.result(transaction, server, Value::Object(success))
    }

    fn pause(&mut self, wanted: bool, now: Instant) -> Result<(), PlayerError> {
        if wanted {
            self.enter(PlayerStage::Paused, now);
            return self.status("status", "NetStream.Pause.Notify", "paused");
        }
        if self.stage == PlayerStage::Paused {
            // A live stream goes on where the program is, at its next keyframe.
            self.media.need_keyframe();
            self.enter(PlayerStage::Playing, now);
        }
        self.status("status", "NetStream.Unpause.Notify", "goes on")
    }

    fn leave(&mut self, now: Instant) {
        if matches!(self.stage, PlayerStage::Asked | PlayerStage::Playing | PlayerStage::Paused) {
            self.enter(PlayerStage::Idle, now);
            self.output.push_back(PlayerOutput::Event(PlayerEvent::Left));
        }
    }

    fn event(&mut self, event: u16) -> Result<(), PlayerError> {
        let bytes = self.link.user_control(event, &STREAM.to_be_bytes())?;
        self.transmit(bytes);
        Ok(())
    }

    fn result(&mut self, transaction: f64, first: Value, second: Value) -> Result<(), PlayerError> {
        let bytes = self.link.command("_result", transaction, 0, [first, second])?;
        self.transmit(bytes);
        Ok(())
    }

    fn status(&mut self, level: &str, code: &str, description: &str) -> Result<(), PlayerError> {
        self.status_by("onStatus", level, code, description)
    }

    fn status_by(
        &mut self,
        command: &str,
        level: &str,
        code: &str,
        description: &str,
    ) -> Result<(), PlayerError> {
        let arguments = [Value::Null, Value::Object(info(level, code, description))];
        let bytes = self.link.command(command, 0.0, STREAM, arguments)?;
        self.transmit(bytes);
        Ok(())
    }

    fn transmit(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.output.push_back(PlayerOutput::Transmit(bytes));
        }
    }
}

fn info(level: &str, code: &str, description: &str) -> Vec<(String, Value)> {
    [("level", level), ("code", code), ("description", description)]
        .map(|(name, text)| (name.to_owned(), Value::string(text)))
        .into()
}

#[cfg(test)]
mod tests;
