//! What a worker has to look at before it is taken (a picture, a clip): one after the other, and nobody waits for ever.

use super::{ConferenceState, Now};
use crate::{
    control::{conference::ask::Ticket, error::ControlError},
    ids::RequestId,
};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// A worker that has to be launched for it takes seconds on a busy machine, and what it looks at some more: a picture that does
/// not end five, a file that does not open eight.
const PATIENCE: Duration = Duration::from_secs(20);

/// What waits for a worker's judgement.
#[derive(Debug)]
pub(super) struct Judging<T> {
    /// The first is with the worker, if it has been told.
    waiting: VecDeque<Waiting<T>>,
    told: Option<RequestId>,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: Ticket,
    deadline: Instant,
    subject: T,
}

impl<T> Default for Judging<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), told: None }
    }
}

impl<T> Judging<T> {
    /// At the end of the queue. Its length is for the caller to bound.
    pub(super) fn wait(&mut self, now: Now, ticket: Ticket, subject: T) {
        self.waiting.push_back(Waiting { ticket, deadline: now.at + PATIENCE, subject });
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Somebody waits for a worker.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|one| one.deadline)
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().map(|one| &one.subject)
    }

    /// The tickets of those who have waited too long.
    pub(super) fn late(&mut self, now: Now) -> Vec<Ticket> {
        // All have the same patience: who came first is late first.
        let late = self.waiting.partition_point(|one| one.deadline <= now.at);
        if late > 0 {
            // What the worker says of the first later is nobody's.
            self.told = None;
        }
        self.waiting.drain(..late).map(|one| one.ticket).collect()
    }

    /// What a worker is to be told of, if it is not busy with another.
    pub(super) fn next(&self) -> Option<&T> {
        self.waiting.front().filter(|_| self.told.is_none()).map(|one| &one.subject)
    }

    /// The worker was told of the first.
    pub(super) fn tell(&mut self, request: RequestId) {
        self.told = Some(request);
    }

    /// What the worker's answer is about, and who waits for it.
    pub(super) fn judged(&mut self, request: RequestId) -> Option<(Ticket, T)> {
        self.told.take_if(|told| *told == request)?;
        self.waiting.pop_front().map(|one| (one.ticket, one.subject))
    }

    /// The worker is gone. What it looked at may be why: it is not given to the next one. Who waits for that.
    pub(super) fn lose(&mut self) -> Option<Ticket> {
        self.told.take()?;
        self.waiting.pop_front().map(|one| one.ticket)
    }

    fn abandon(&mut self) -> Vec<Ticket> {
        self.told = None;
        std::mem::take(&mut self.waiting).into_iter().map(|one| one.ticket).collect()
    }
}

impl ConferenceState {
    /// The conference ends: nothing is judged any more.
    pub(super) fn abandon_judging(&mut self, why: &ControlError) {
        let tickets = [self.pictures.uploads.abandon(), self.clips.abandon()].concat();
        tickets.into_iter().for_each(|ticket| self.refuse(ticket, why.clone()));
    }

    /// The worker is gone.
    pub(super) fn lose_judging(&mut self) {
        let tickets = [self.pictures.uploads.lose(), self.clips.lose()];
        tickets.into_iter().flatten().for_each(|ticket| self.refuse(ticket, ControlError::WorkerUnavailable));
    }

    /// Who has waited too long hears so.
    pub(super) fn expire_judging(&mut self, now: Now) {
        let tickets = [self.pictures.uploads.late(now), self.clips.late(now)].concat();
        tickets.into_iter().for_each(|ticket| self.refuse(ticket, ControlError::WorkerUnavailable));
    }
}
