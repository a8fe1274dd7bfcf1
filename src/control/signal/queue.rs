//! What waits to be written to a WebSocket: bounded, and a client that does not read is cut, so that nobody
//! else waits.

use super::message::ServerMessage;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Messages that wait. The largest burst is a join into a full conference, some dozens; half a minute of
/// trickled candidates on top of it.
pub const PLACES: usize = 256;

/// What goes out.
#[derive(Debug)]
pub enum Outgoing {
    Message(ServerMessage),
    /// The last: the socket is closed with this.
    Close(Closing),
}

/// Why a WebSocket is closed by us: its code (RFC 6455 §7.4.2: 4000–4999 are ours) and its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The session goes on on another socket.
    Resumed,
    /// The same id signed in elsewhere.
    Conflict,
    /// No `hello` in time.
    NoHello,
    /// It does not read what it is sent.
    TooSlow,
    /// It sends more than it may.
    TooMuch,
    /// No sign of life.
    Silent,
    /// The server ends.
    ShuttingDown,
}

impl Closing {
    /// The code and the reason.
    pub const fn code_and_words(self) -> (u16, &'static str) {
        match self {
            Self::Resumed => (4000, "the session goes on on another connection"),
            Self::Conflict => (4001, "the same id signed in elsewhere"),
            Self::NoHello => (4002, "no hello within 10 s"),
            Self::TooSlow => (4003, "messages were not read in time"),
            Self::TooMuch => (4004, "too many messages"),
            Self::Silent => (4005, "no sign of life for 45 s"),
            Self::ShuttingDown => (1001, "the server is shutting down"),
        }
    }
}

/// The end that is written to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SignalQueue {
    sender: mpsc::Sender<Outgoing>,
    cut: CancellationToken,
}

impl SignalQueue {
    /// A queue, the end that is read, and what is cancelled when the queue was full.
    pub fn new() -> (Self, mpsc::Receiver<Outgoing>, CancellationToken) {
        let (sender, receiver) = mpsc::channel(PLACES);
        let cut = CancellationToken::new();
        (Self { sender, cut: cut.clone() }, receiver, cut)
    }

    /// Never waits. A queue that nobody reads any more is no error: its client may come back.
    pub fn push(&self, item: Outgoing) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(item) {
            self.cut.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_cuts_its_reader_and_only_it() {
        let (queue, mut receiver, cut) = SignalQueue::new();
        (0..PLACES).for_each(|_| queue.push(Outgoing::Message(ServerMessage::Pong)));
        assert!(!cut.is_cancelled());
        queue.push(Outgoing::Message(ServerMessage::Pong));
        assert!(cut.is_cancelled());
        receiver.close();
        while receiver.try_recv().is_ok() {}
        let (gone, receiver, cut) = SignalQueue::new();
        drop(receiver);
        gone.push(Outgoing::Close(Closing::Silent));
        assert!(!cut.is_cancelled());
    }
}
