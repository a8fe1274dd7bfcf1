//! One WebSocket: reads messages, checks rights and rates, writes what its queue holds, and knows when the
//! other end is dead.

use super::{
    message::{ClientMessage, Hello, Request, ServerMessage},
    queue::{Closing, Outgoing, SignalQueue},
    switchboard::{Place, Switchboard, SwitchboardRequest, state::SignIn},
    wire::{self, Unreadable},
};
use crate::{
    config::Config,
    control::{
        auth::{Grant, Identity},
        error::ControlError,
        ice,
        signal::message::ClientKey,
    },
    ids::ParticipantId,
};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// The first message must have come within.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Distance of our pings (contract).
const PING_EVERY: Duration = Duration::from_secs(15);
/// A client that was silent for so long, pongs included, is dead (contract).
const DEAD_AFTER: Duration = Duration::from_secs(45);
/// One message must have been taken by the system within: at 10 kbit/s, the longest that we send.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Messages a second in the long run: two calls that trickle and renegotiate at the same time stay far below.
const RATE: f64 = 50.0;
/// Messages at once: four calls' candidates.
const BURST: f64 = 300.0;

/// What the upgrade request said.
#[derive(Debug)]
pub struct Caller {
    pub identity: Identity,
    /// `?participant=`, in open mode.
    pub asked: Option<ParticipantId>,
    pub config: Arc<Config>,
    pub base_url: Arc<str>,
}

/// A WebSocket from hello to its end.
pub struct Socket {
    socket: WebSocket,
    place: Place,
    switchboard: Switchboard,
    caller: Caller,
    queue: SignalQueue,
    waiting: mpsc::Receiver<Outgoing>,
    cut: CancellationToken,
    allowance: Allowance,
}

/// Why it is over: closed by us with these words, or gone.
enum Ending {
    Closed(Closing),
    Gone,
}

impl Socket {
    /// One that was just upgraded.
    pub fn new(socket: WebSocket, place: Place, switchboard: Switchboard, caller: Caller) -> Self {
        let (queue, waiting, cut) = SignalQueue::new();
        let allowance = Allowance { left: BURST, at: Instant::now() };
        Self { socket, place, switchboard, caller, queue, waiting, cut, allowance }
    }

    /// Serves until it ends.
    pub async fn run(mut self) {
        let closing = self.switchboard.closing().clone();
        let signed_in = tokio::select! {
            signed_in = self.sign_in() => signed_in,
            () = closing.cancelled() => Err(Ending::Closed(Closing::ShuttingDown)),
        };
        let ending = match signed_in {
            Ok(client) => {
                let span = tracing::info_span!("signal", participant = %client);
                let Err(ending) = self.exchange(&closing).instrument(span.clone()).await;
                let socket = self.place.socket;
                self.switchboard.tell(SwitchboardRequest::Gone { socket }).await;
                span.in_scope(|| match &ending {
                    Ending::Closed(why) => tracing::info!(reason = why.code_and_words().1, "client closed"),
                    Ending::Gone => tracing::info!("client gone"),
                });
                ending
            }
            Err(ending) => ending,
        };
        if let Ending::Closed(why) = ending {
            let (code, words) = why.code_and_words();
            let frame = CloseFrame { code, reason: words.into() };
            // Whoever does not take it is gone, which is what was wanted.
            let _ = timeout(WRITE_TIMEOUT, self.socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn sign_in(&mut self) -> Result<ParticipantId, Ending> {
        let until = Instant::now() + HELLO_TIMEOUT;
        loop {
            let received = timeout_at(until, self.socket.recv()).await;
            let received = received.map_err(|_| Ending::Closed(Closing::NoHello))?;
            let Some(text) = text_of(received)? else { continue };
            if !self.allowance.take() {
                return Err(Ending::Closed(Closing::TooMuch));
            }
            let (reference, result) = match wire::read(&text) {
                Ok(Request { reference, message: ClientMessage::Hello(hello) }) => {
                    let named = hello.client.as_ref().or(self.caller.asked.as_ref());
                    let client = self.caller.identity.who(named, "client");
                    (reference, client.map(|client| (client, hello)))
                }
                Ok(Request { reference, .. }) => {
                    (reference, Err(ControlError::invalid("type", "the first message must be hello")))
                }
                Err(Unreadable { reference, error }) => (reference, Err(error)),
            };
            match result {
                Ok((client, hello)) => {
                    self.told_in(client.clone(), hello, reference).await;
                    return Ok(client);
                }
                Err(error) => self.send(&ServerMessage::Error { reference, error }).await?,
            }
        }
    }

    async fn told_in(&mut self, client: ParticipantId, hello: Hello, reference: Option<String>) {
        let ice_servers = ice::servers(&self.caller.config.webrtc, client.as_str());
        let sign_in = SignIn {
            socket: self.place.socket,
            client,
            name: self.caller.identity.name.clone(),
            resume: hello.session,
            fresh: ClientKey::generate(),
            max_calls: hello.max_calls,
            ice_servers,
        };
        let queue = self.queue.clone();
        self.switchboard.tell(SwitchboardRequest::SignIn { sign_in, queue }).await;
        if let Some(reference) = reference {
            self.queue.push(Outgoing::Message(ServerMessage::Ok { reference, call: None }));
        }
    }

    /// Both directions, until one of them ends.
    async fn exchange(&mut self, closing: &CancellationToken) -> Result<Infallible, Ending> {
        let mut heard_at = Instant::now();
        let mut ping_at = heard_at + PING_EVERY;
        loop {
            tokio::select! {
                biased;
                () = self.cut.cancelled() => return Err(Ending::Closed(Closing::TooSlow)),
                () = closing.cancelled() => return Err(Ending::Closed(Closing::ShuttingDown)),
                () = sleep_until(heard_at + DEAD_AFTER) => return Err(Ending::Closed(Closing::Silent)),
                () = sleep_until(ping_at) => {
                    ping_at = Instant::now() + PING_EVERY;
                    self.write(Message::Ping(Default::default())).await?;
                }
                item = self.waiting.recv() => match item {
                    Some(Outgoing::Message(message)) => self.send(&message).await?,
                    Some(Outgoing::Close(why)) => return Err(Ending::Closed(why)),
                    // We hold the other end ourselves.
                    None => return Err(Ending::Gone),
                },
                received = self.socket.recv() => {
                    heard_at = Instant::now();
                    if let Some(text) = text_of(received)? {
                        self.said(&text).await?;
                    }
                }
            }
        }
    }

    async fn said(&mut self, text: &str) -> Result<(), Ending> {
        if !self.allowance.take() {
            return Err(Ending::Closed(Closing::TooMuch));
        }
        let (reference, error) = match wire::read(text) {
            Ok(request) => match self.allowed(&request.message) {
                Ok(()) => {
                    let socket = self.place.socket;
                    self.switchboard.tell(SwitchboardRequest::Said { socket, request }).await;
                    return Ok(());
                }
                Err(error) => (request.reference, error),
            },
            Err(Unreadable { reference, error }) => (reference, error),
        };
        self.send(&ServerMessage::Error { reference, error }).await
    }

    fn allowed(&self, message: &ClientMessage) -> Result<(), ControlError> {
        match message {
            ClientMessage::Join { conference, .. } => {
                self.caller.identity.require_in(Grant::Subscribe, conference)
            }
            _ => Ok(()),
        }
    }

    async fn send(&mut self, message: &ServerMessage) -> Result<(), Ending> {
        let text = wire::write(message, &self.caller.base_url);
        self.write(Message::Text(text.into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Ending> {
        match timeout(WRITE_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ending::Gone),
            Err(_) => Err(Ending::Closed(Closing::TooSlow)),
        }
    }
}

/// The text of what came, if it is one; pings are answered by the library.
fn text_of(received: Option<Result<Message, axum::Error>>) -> Result<Option<String>, Ending> {
    match received {
        Some(Ok(Message::Text(text))) => Ok(Some(text.to_string())),
        // Read as one, it is told what a message must be.
        Some(Ok(Message::Binary(_))) => Ok(Some(String::new())),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Ending::Gone),
    }
}

/// A token bucket.
#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    fn take(&mut self) -> bool {
        let now = Instant::now();
        self.left = (self.left + now.duration_since(self.at).as_secs_f64() * RATE).min(BURST);
        self.at = now;
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}
