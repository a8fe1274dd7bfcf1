//! The delivery log.

use super::delivery::Verdict;
use crate::{
    control::events::kind::EventKind,
    ids::{ConferenceId, EndpointId, EventId},
};
use jiff::Timestamp;
use std::{collections::VecDeque, time::Duration};

/// Attempts that are kept of each endpoint; some 300 bytes each.
pub const KEPT: usize = 500;

/// One attempt and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub endpoint: EndpointId,
    /// As people may see it.
    pub url: String,
    pub event: EventId,
    pub kind: EventKind,
    pub conference: ConferenceId,
    pub sequence: u64,
    /// 1 for the first of this event.
    pub number: u32,
    pub at: Timestamp,
    pub took: Duration,
    /// The status, or a sentence.
    pub result: Result<u16, String>,
    pub verdict: Verdict,
    /// With [`Verdict::Retry`].
    pub next_attempt_at: Option<Timestamp>,
}

/// The newest attempts of an endpoint.
#[derive(Debug, Default)]
pub struct AttemptLog(VecDeque<Attempt>);

impl AttemptLog {
    /// One more; the oldest makes room.
    pub fn push(&mut self, attempt: Attempt) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(attempt);
    }

    /// Newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Attempt> {
        self.0.iter().rev()
    }
}
