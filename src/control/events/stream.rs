//! One reader of `GET /v1/events`.

use super::{Board, Event, kind::EventKinds, lock};
use crate::{
    control::auth::Identity,
    ids::{ConferenceId, EventId},
};
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, Weak},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Which events a reader gets.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Only what this token covers.
    pub identity: Identity,
    /// Only of this conference.
    pub conference: Option<ConferenceId>,
    /// Only of these types.
    pub kinds: EventKinds,
}

impl Wanted {
    /// Whether `event` is one of them.
    pub fn takes(&self, event: &Event) -> bool {
        self.kinds.contains(event.kind)
            && self.conference.as_ref().is_none_or(|conference| *conference == event.conference)
            && self.identity.covers(&event.conference)
    }
}

/// What comes next on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// What the reader saw last is not known any more: some events are missing before the next one.
    Missed {
        after: EventId,
    },
    Event(Arc<Event>),
}

/// The stream. It ends when the reader is cut or the server ends.
#[derive(Debug)]
pub struct EventStream {
    missed: Option<EventId>,
    backlog: VecDeque<Arc<Event>>,
    queue: mpsc::Receiver<Arc<Event>>,
    _place: Place,
}

impl EventStream {
    pub(super) fn new(
        missed: Option<EventId>,
        backlog: VecDeque<Arc<Event>>,
        queue: mpsc::Receiver<Arc<Event>>,
        place: Place,
    ) -> Self {
        Self { missed, backlog, queue, _place: place }
    }

    /// What comes next; `None` at the end.
    pub async fn next(&mut self) -> Option<Told> {
        if let Some(after) = self.missed.take() {
            return Some(Told::Missed { after });
        }
        match self.backlog.pop_front() {
            Some(event) => Some(Told::Event(event)),
            None => self.queue.recv().await.map(Told::Event),
        }
    }
}

/// A reader's place; given back when it is dropped.
pub(super) struct Place {
    board: Weak<Mutex<Board>>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn new(board: Weak<Mutex<Board>>, number: u64, permit: OwnedSemaphorePermit) -> Self {
        Self { board, number, _permit: permit }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(board) = self.board.upgrade() {
            lock(&board).streams.remove(&self.number);
        }
    }
}
