//! One publishing RTMP connection, sans-IO: bytes in with [`Session::handle_input`], bytes and events
//! out with [`Session::poll_output`]. No clock, no socket; a new connection is a new session.
//!
//! Commands go in the order of Adobe's encoder, which every ingest knows: `connect` → `releaseStream`
//! → `FCPublish` → `createStream` → `publish`; at the end `FCUnpublish` → `deleteStream`.
//!
//! What a server says that we do not know is passed over: unknown messages, events and commands,
//! commands that are cut short. What breaks the framing itself is a [`SessionError`], and the session
//! is over.

mod server_words;

use self::server_words::ServerWords;
use super::{
    amf0::Value,
    auth::Demand,
    chunk_reader::{ChunkError, Message},
    link::{self, ACKNOWLEDGEMENT, Link, LinkError, WINDOW},
    media_out::MediaOut,
    url::RtmpUrl,
};
use crate::{
    media::{EncodedFrame, TrackConfig},
    redacted::Redacted,
};
use bytes::Bytes;
use rml_rtmp::{
    chunk_io::ChunkSerializationError,
    handshake::{Handshake, HandshakeError, HandshakeProcessResult, PeerType},
};
use std::{collections::VecDeque, time::Instant};

/// Longest message a server may send. Answers have some hundred bytes, metadata some thousand.
const MAX_SERVER_MESSAGE: usize = 64 * 1024;
const FLASH_VERSION: &str = concat!("FMLE/3.0 (compatible; MeetingCast/", env!("CARGO_PKG_VERSION"), ")");

/// `capsEx`, Enhanced RTMP v2: the only capability we have.
const CAPS_RECONNECT: f64 = 1.0;

// Transaction ids of our commands; answers carry them back.
const CONNECT: f64 = 1.0;
const RELEASE_STREAM: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE_STREAM: f64 = 4.0;
const PUBLISH: f64 = 5.0;
const FC_UNPUBLISH: f64 = 6.0;
const DELETE_STREAM: f64 = 7.0;

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Waiting for the server's half of the handshake.
    Handshake,
    /// `connect` is sent.
    Connect,
    /// Connected; waiting for the server to take the stream.
    Publish,
    /// Media may flow.
    Live,
    /// Finished, refused or broken: nothing more goes in or out.
    Closed,
}

/// What [`Session::poll_output`] gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Bytes for the server, in order.
    Transmit(Bytes),
    Event(Event),
}

/// What the caller must know. `code` and `description` are the server's words, shortened, without
/// control characters and without our key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server takes the stream.
    Published,
    /// The server said no to `connect`, `createStream` or `publish`.
    Rejected { code: String, description: String },
    /// The server ended a stream it had taken.
    Ended { code: String, description: String },
    /// The server refused `connect` and wants user name and password, or has found them wrong.
    Authentication(Demand),
    /// The server is about to go away (Enhanced RTMP v2): the stream goes on until we connect anew,
    /// to `tc_url` if there is one.
    ReconnectRequested { tc_url: Option<Redacted<String>>, description: String },
    /// The server took `connect`, and nothing else was asked of it ([`Session::only_connect`]).
    Connected,
    /// The server has received so many bytes (wraps at 2³²).
    Acknowledged(u32),
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("the handshake failed")]
    Handshake(#[source] HandshakeError),
    #[error("the server's bytes are not RTMP")]
    Chunk(#[source] ChunkError),
    #[error("the server created no stream")]
    NoStreamId,
    #[error("a message could not be written")]
    Write(#[source] ChunkSerializationError),
}

impl From<LinkError> for SessionError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Chunk(error) => Self::Chunk(error),
            LinkError::Write(error) => Self::Write(error),
        }
    }
}

/// The session.
pub struct Session {
    stage: Stage,
    stage_since: Instant,
    reached: Stage,
    handshake: Handshake,
    link: Link,
    output: VecDeque<Output>,
    app: String,
    tc_url: String,
    key: Redacted<String>,
    /// Goes behind the application in `connect` (see `auth`).
    query: Option<Redacted<String>>,
    only_connect: bool,
    words: ServerWords,
    stream: u32,
    media: MediaOut,
}

impl Session {
    /// Begins the handshake.
    pub fn new(url: &RtmpUrl, now: Instant) -> Result<Self, SessionError> {
        let mut handshake = Handshake::new(PeerType::Client);
        let hello = handshake.generate_outbound_p0_and_p1().map_err(SessionError::Handshake)?;
        Ok(Self {
            stage: Stage::Handshake,
            stage_since: now,
            reached: Stage::Handshake,
            handshake,
            link: Link::new(MAX_SERVER_MESSAGE),
            output: VecDeque::from([Output::Transmit(hello.into())]),
            app: url.app().to_owned(),
            tc_url: url.tc_url(),
            key: url.key().clone(),
            query: None,
            only_connect: false,
            words: ServerWords::new(url),
            stream: 0,
            media: MediaOut::default(),
        })
    }

    /// Sends `query` behind the application: an answer to an earlier [`Event::Authentication`].
    #[must_use]
    pub fn authenticated(mut self, query: Option<Redacted<String>>) -> Self {
        self.query = query;
        self
    }

    /// Asks whether the server takes `connect`, and publishes nothing.
    #[must_use]
    pub fn only_connect(mut self) -> Self {
        self.only_connect = true;
        self
    }

    /// Where the session stands.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// When it got there: deadlines count from here.
    pub const fn stage_since(&self) -> Instant {
        self.stage_since
    }

    /// The last stage before [`Stage::Closed`]: what was going on when it ended.
    pub const fn reached(&self) -> Stage {
        self.reached
    }

    /// Live, and the next video frame that can be sent is a keyframe.
    pub fn awaits_keyframe(&self) -> bool {
        self.stage == Stage::Live && self.media.awaits_keyframe()
    }

    /// The next thing to do, in order. Poll until `None` after every other call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Takes bytes from the server, cut anywhere.
    ///
    /// # Errors
    /// When the framing is broken; the session is then [`Stage::Closed`].
    pub fn handle_input(&mut self, bytes: &[u8], now: Instant) -> Result<(), SessionError> {
        let result = self.take_input(bytes, now);
        if result.is_err() {
            self.enter(Stage::Closed, now);
        }
        result
    }

    /// Sets a track's parameters. They are sent before the next frame that needs them (as `onMetaData`
    /// and sequence header), and again only when they differ.
    pub fn send_config(&mut self, config: &TrackConfig) {
        self.media.set_config(config);
    }

    /// Sends a frame. Left out: everything before [`Stage::Live`], frames of a track without
    /// parameters, video until a keyframe, audio until the first picture (see `timeline`).
    ///
    /// # Errors
    /// When the frame is beyond RTMP's 16 MiB.
    pub fn send_frame(&mut self, frame: &EncodedFrame) -> Result<(), SessionError> {
        if self.stage != Stage::Live {
            return Ok(());
        }
        for message in self.media.frame(frame) {
            let bytes = self.link.write(message.kind, self.stream, message.timestamp, message.payload)?;
            self.transmit(bytes);
        }
        Ok(())
    }

    /// Another encoder's frames follow: video goes on at its first keyframe, time goes on as it is.
    pub fn discontinuity(&mut self) {
        self.media.need_keyframe();
    }

    /// Ends the stream: `FCUnpublish` and `deleteStream` are the last output.
    ///
    /// # Errors
    /// Never in practice: the messages have some hundred bytes.
    pub fn finish(&mut self, now: Instant) -> Result<(), SessionError> {
        if matches!(self.stage, Stage::Publish | Stage::Live) {
            let key = self.key_value();
            self.command("FCUnpublish", FC_UNPUBLISH, 0, [Value::Null, key])?;
            if self.stream != 0 {
                let stream = Value::Number(f64::from(self.stream));
                self.command("deleteStream", DELETE_STREAM, 0, [Value::Null, stream])?;
            }
        }
        self.enter(Stage::Closed, now);
        Ok(())
    }

    fn enter(&mut self, stage: Stage, now: Instant) {
        if self.stage != stage {
            self.stage = stage;
            self.stage_since = now;
            if stage != Stage::Closed {
                self.reached = stage;
            }
        }
    }

    fn take_input(&mut self, bytes: &[u8], now: Instant) -> Result<(), SessionError> {
        match self.stage {
            Stage::Closed => return Ok(()),
            Stage::Handshake => match self.handshake.process_bytes(bytes).map_err(SessionError::Handshake)? {
                HandshakeProcessResult::InProgress { response_bytes } => self.transmit(response_bytes.into()),
                HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                    self.transmit(response_bytes.into());
                    self.enter(Stage::Connect, now);
                    self.connect()?;
                    self.link.feed(&remaining_bytes);
                }
            },
            Stage::Connect | Stage::Publish | Stage::Live => self.link.feed(bytes),
        }
        while self.stage != Stage::Closed
            && let Some(message) = self.link.next_message()?
        {
            self.message(&message, now)?;
            let acknowledgement = self.link.acknowledge()?;
            acknowledgement.into_iter().for_each(|bytes| self.transmit(bytes));
        }
        Ok(())
    }

    fn message(&mut self, message: &Message, now: Instant) -> Result<(), SessionError> {
        let answer = self.link.control(message)?;
        answer.into_iter().for_each(|bytes| self.transmit(bytes));
        if message.kind == ACKNOWLEDGEMENT {
            let total = link::number(&message.payload);
            self.output.extend(total.map(|total| Output::Event(Event::Acknowledged(total))));
        }
        match link::command_values(message) {
            Some(values) => self.answer(&values, now),
            None => Ok(()),
        }
    }

    /// A command of the server: an answer to one of ours, or a status.
    fn answer(&mut self, values: &[Value], now: Instant) -> Result<(), SessionError> {
        let Some(name) = values.first().and_then(Value::as_str) else { return Ok(()) };
        let transaction = values.get(1).and_then(Value::as_number).unwrap_or(0.0);
        match (name, self.stage) {
            ("_result", Stage::Connect) if transaction == CONNECT => self.connected(now),
            ("_result", Stage::Publish) if transaction == CREATE_STREAM => self.publish(values.get(3)),
            // The answers to these two mean nothing: many servers do not know the commands.
            ("_error", _) if transaction == RELEASE_STREAM || transaction == FC_PUBLISH => Ok(()),
            ("_error", Stage::Connect | Stage::Publish) => {
                match Demand::read(values).filter(|_| self.stage == Stage::Connect) {
                    Some(demand) => {
                        self.output.push_back(Output::Event(Event::Authentication(demand)));
                        self.enter(Stage::Closed, now);
                    }
                    None => self.refused(values, now),
                }
                Ok(())
            }
            ("onStatus", _) => {
                self.status(values, now);
                Ok(())
            }
            ("close", _) => {
                self.refused(values, now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn status(&mut self, values: &[Value], now: Instant) {
        let info = values.iter().find(|value| value.get("code").is_some());
        let text = |name| info.and_then(|info| info.get(name)).and_then(Value::as_str).unwrap_or_default();
        match (text("code"), text("level"), self.stage) {
            ("NetStream.Publish.Start", _, Stage::Publish) if self.stream != 0 => {
                self.enter(Stage::Live, now);
                self.output.push_back(Output::Event(Event::Published));
            }
            ("NetConnection.Connect.ReconnectRequest", ..) => {
                let to = text("tcUrl");
                let tc_url = (!to.is_empty()).then(|| Redacted::new(to.to_owned()));
                let (_, description) = self.words.of(values);
                self.output.push_back(Output::Event(Event::ReconnectRequested { tc_url, description }));
            }
            ("NetStream.Unpublish.Success", _, Stage::Live)
            | ("NetStream.Publish.BadName" | "NetStream.Publish.Denied", ..)
            | (_, "error", Stage::Connect | Stage::Publish) => self.refused(values, now),
            // While live, an error may concern a recording or a relay of the server's; only these mean us.
            (code, "error", Stage::Live)
                if code.starts_with("NetStream.Publish.")
                    || code.starts_with("NetConnection.")
                    || code == "NetStream.Failed" =>
            {
                self.refused(values, now);
            }
            _ => {}
        }
    }

    /// The server will not have us (any longer).
    fn refused(&mut self, values: &[Value], now: Instant) {
        let (code, description) = self.words.of(values);
        let event = match self.stage {
            Stage::Live => Event::Ended { code, description },
            _ => Event::Rejected { code, description },
        };
        self.output.push_back(Output::Event(event));
        self.enter(Stage::Closed, now);
    }

    fn connect(&mut self) -> Result<(), SessionError> {
        let property = |name: &str, value: Value| (name.to_owned(), value);
        let with_query = |text: &str| match &self.query {
            Some(query) => Value::string(format!("{text}?{}", query.expose())),
            None => Value::string(text),
        };
        let object = Value::Object(vec![
            property("app", with_query(&self.app)),
            property("type", Value::string("nonprivate")),
            property("flashVer", Value::string(FLASH_VERSION)),
            property("swfUrl", Value::string(&self.tc_url)),
            property("tcUrl", with_query(&self.tc_url)),
            // Enhanced RTMP v2: we understand a ReconnectRequest.
            property("capsEx", Value::Number(CAPS_RECONNECT)),
        ]);
        self.command("connect", CONNECT, 0, [object])
    }

    fn connected(&mut self, now: Instant) -> Result<(), SessionError> {
        if self.only_connect {
            self.output.push_back(Output::Event(Event::Connected));
            self.enter(Stage::Closed, now);
            return Ok(());
        }
        self.enter(Stage::Publish, now);
        let bytes = self.link.announce_window(WINDOW)?;
        self.transmit(bytes);
        let bytes = self.link.announce_chunk_size()?;
        self.transmit(bytes);
        let key = self.key_value();
        self.command("releaseStream", RELEASE_STREAM, 0, [Value::Null, key.clone()])?;
        self.command("FCPublish", FC_PUBLISH, 0, [Value::Null, key])?;
        self.command("createStream", CREATE_STREAM, 0, [Value::Null])
    }

    fn publish(&mut self, stream: Option<&Value>) -> Result<(), SessionError> {
        let stream = stream.and_then(Value::as_number).unwrap_or(0.0);
        // Stream 0 is the connection itself; ids are whole numbers of 32 bits (§5.3.1.2).
        if !(1.0..=f64::from(u32::MAX)).contains(&stream) {
            return Err(SessionError::NoStreamId);
        }
        if self.stream != 0 {
            return Ok(());
        }
        self.stream = stream as u32;
        let key = self.key_value();
        self.command("publish", PUBLISH, self.stream, [Value::Null, key, Value::string("live")])
    }

    fn key_value(&self) -> Value {
        Value::string(self.key.expose())
    }

    fn command<const N: usize>(
        &mut self,
        name: &str,
        transaction: f64,
        stream: u32,
        arguments: [Value; N],
    ) -> Result<(), SessionError> {
        let bytes = self.link.command(name, transaction, stream, arguments)?;
        self.transmit(bytes);
        Ok(())
    }

    fn transmit(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.output.push_back(Output::Transmit(bytes));
        }
    }
}

#[cfg(test)]
mod tests;
