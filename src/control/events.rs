//! What happens in conferences, told to those outside of them: one list of [`Event`]s with one JSON form, sent
//! to webhooks ([`super::webhooks`]) and to whoever reads `GET /v1/events`.
//!
//! A conference publishes from its own task and waits for nobody: an event is numbered, written once, kept in
//! the bounded list of recent ones, and put into bounded queues. Whoever does not read is cut; what a webhook's
//! queue cannot take is counted and told.

pub mod kind;
pub mod news;
mod recent;
mod sequences;
pub mod stream;

use self::{
    kind::EventKind,
    news::News,
    recent::{Recent, Resumed},
    sequences::Sequences,
    stream::{EventStream, Place, Wanted},
};
use super::{error::ControlError, figures, http::wire::event, webhooks::Webhooks};
use crate::ids::{ConferenceId, EventId};
use bytes::Bytes;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Semaphore, mpsc};

/// Events that wait for a reader of `GET /v1/events`. A busy conference tells a few a second, so this is more
/// than a minute of a reader's silence; a Cast object has some 2 KiB, so it is half a megabyte at most.
const STREAM_QUEUE: usize = 256;

/// Something that happened, in its final form.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub kind: EventKind,
    pub at: Timestamp,
    pub conference: ConferenceId,
    /// One more than that of the conference's event before.
    pub sequence: u64,
    /// The JSON object, one line.
    pub body: Bytes,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}/{}", self.id, self.kind, self.conference, self.sequence)
    }
}

/// The one place that all events pass. Cheap to clone.
#[derive(Clone)]
pub struct Events(Arc<Shared>);

struct Shared {
    /// Before the paths of play URLs.
    base_url: Arc<str>,
    webhooks: Webhooks,
    /// Readers at once.
    places: Arc<Semaphore>,
    max_streams: usize,
    board: Arc<Mutex<Board>>,
}

/// Never locked over an await.
#[derive(Default)]
struct Board {
    sequences: Sequences,
    recent: Recent,
    streams: BTreeMap<u64, Reader>,
    next_stream: u64,
    closed: bool,
}

struct Reader {
    wanted: Wanted,
    queue: mpsc::Sender<Arc<Event>>,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    /// Without anything told yet. `base_url` stands before the paths of play URLs, `max_streams` is
    /// `limits.max_event_streams`.
    pub fn new(base_url: Arc<str>, webhooks: Webhooks, max_streams: usize) -> Self {
        let places = Arc::new(Semaphore::new(max_streams));
        Self(Arc::new(Shared { base_url, webhooks, places, max_streams, board: Arc::default() }))
    }

    /// Tells what happened in `conference`, at once and without waiting for anybody.
    pub fn publish(&self, conference: &ConferenceId, news: &News) {
        let mut board = self.board();
        // Numbered and handed on under one lock: every receiver sees a conference's events in this order.
        let sequence = board.sequences.next(conference);
        let event = Arc::new(event::write(conference, sequence, news, &self.0.base_url));
        board.recent.push(event.clone());
        board.streams.retain(|_, reader| {
            if !reader.wanted.takes(&event) {
                return true;
            }
            let kept = reader.queue.try_send(event.clone()).is_ok();
            if !kept {
                figures::event_stream_cut();
                tracing::warn!("a reader of events is cut since it does not follow");
            }
            kept
        });
        self.0.webhooks.take(&event);
    }

    /// A reader's stream; `after`: the last event it has seen.
    ///
    /// # Errors
    /// `too_many_event_streams`, `shutting_down`.
    pub fn stream(&self, wanted: Wanted, after: Option<&EventId>) -> Result<EventStream, ControlError> {
        let max = self.0.max_streams;
        let permit = self.0.places.clone().try_acquire_owned();
        let permit = permit.map_err(|_| ControlError::TooManyEventStreams { max })?;
        let mut board = self.board();
        if board.closed {
            return Err(ControlError::ShuttingDown);
        }
        let Resumed { missed, events } = after.map(|id| board.recent.after(id)).unwrap_or_default();
        let backlog = events.into_iter().filter(|event| wanted.takes(event)).collect();
        let (queue, receiver) = mpsc::channel(STREAM_QUEUE);
        let number = board.next_stream;
        board.next_stream += 1;
        board.streams.insert(number, Reader { wanted, queue });
        let place = Place::new(Arc::downgrade(&self.0.board), number, permit);
        let missed = missed.then(|| after.cloned()).flatten();
        Ok(EventStream::new(missed, backlog, receiver, place))
    }

    /// The receivers of webhooks.
    pub fn webhooks(&self) -> &Webhooks {
        &self.0.webhooks
    }

    /// Streams end behind what was told so far, and none begins.
    pub fn close(&self) {
        let mut board = self.board();
        board.closed = true;
        board.streams.clear();
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.0.board)
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    // Queues and counters: whole whatever panicked.
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
