//! Stills of the program: one is made for all who ask within a second. Control passes the finished file on
//! and never looks into it.

use super::{ConferenceState, Now, working::Expected};
use crate::{
    control::{
        conference::ask::{Reply, Ticket},
        error::ControlError,
    },
    ids::RequestId,
    ipc::{ReplyError, ReplyOk, WorkerCommand},
};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// A picture so old is made anew; so at most one is made in this time.
const FRESH: Duration = Duration::from_secs(1);
/// The worker has two seconds for it, plus the way there and back.
const PATIENCE: Duration = Duration::from_secs(3);
/// Who may wait for one picture; beyond, the server is being flooded.
const MAX_WAITING: usize = 256;

/// The latest still, and who waits for the next.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// When it was asked for: the picture is not older.
    latest: Option<(Instant, Bytes)>,
    underway: Option<Underway>,
}

#[derive(Debug)]
struct Underway {
    /// An earlier one's late answer is nobody's.
    request: RequestId,
    since: Instant,
    waiting: Vec<Ticket>,
}

impl Snapshots {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.underway.as_ref().map(|underway| underway.since + PATIENCE)
    }
}

impl ConferenceState {
    pub(super) fn snapshot(&mut self, now: Now, ticket: Ticket) {
        if !self.cast.as_ref().is_some_and(super::casting::CastRun::is_live) {
            return self.refuse(ticket, ControlError::CastNotStarted);
        }
        if self.is_passing_through() {
            return self.refuse(ticket, ControlError::SnapshotUnavailable);
        }
        let fresh = self.snapshots.latest.as_ref().filter(|(at, _)| now.at < *at + FRESH);
        if let Some((_, jpeg)) = fresh {
            let jpeg = jpeg.clone();
            return self.answer(ticket, Ok(Reply::Snapshot(jpeg)));
        }
        if let Some(underway) = &mut self.snapshots.underway {
            if underway.waiting.len() >= MAX_WAITING {
                let retry_after = Duration::from_secs(1);
                return self.refuse(ticket, ControlError::Overloaded { retry_after });
            }
            underway.waiting.push(ticket);
            return;
        }
        if !self.program_is_on() {
            return self.refuse(ticket, ControlError::WorkerUnavailable);
        }
        let request = self.worker.expect(Expected::Snapshot);
        self.snapshots.underway = Some(Underway { request, since: now.at, waiting: vec![ticket] });
        self.command(WorkerCommand::Snapshot { request });
    }

    pub(super) fn snapshot_reply(&mut self, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        // Whoever waited for another was told by the deadline already.
        let awaited = self.snapshots.underway.take_if(|underway| underway.request == request);
        let Some(Underway { since, waiting, .. }) = awaited else { return };
        let answer = match result {
            Ok(ReplyOk::Snapshot { jpeg }) => {
                self.snapshots.latest = Some((since, jpeg.clone()));
                Ok(Reply::Snapshot(jpeg))
            }
            Err(ReplyError::WrongState { .. } | ReplyError::Timeout) => Err(ControlError::WorkerUnavailable),
            Ok(_) | Err(_) => Err(ControlError::Internal),
        };
        for ticket in waiting {
            self.answer(ticket, answer.clone());
        }
    }

    pub(super) fn expire_snapshot(&mut self, now: Now) {
        if self.snapshots.next_deadline().is_some_and(|deadline| deadline <= now.at) {
            self.lose_snapshot(&ControlError::WorkerUnavailable);
        }
    }

    /// Nothing will come, and what there was is of another program.
    pub(super) fn lose_snapshot(&mut self, why: &ControlError) {
        let Snapshots { underway, .. } = std::mem::take(&mut self.snapshots);
        for ticket in underway.into_iter().flat_map(|underway| underway.waiting) {
            self.refuse(ticket, why.clone());
        }
    }
}
