//! What happens to a conference.

use super::effect::OutputKey;
use crate::{
    control::{
        admission::shedding::Load,
        conference::ask::{Ask, Ticket},
    },
    egress::output::OutputStatus,
    ipc::WorkerEvent,
    units::MediaTime,
};
use jiff::Timestamp;
use std::time::Instant;

/// One moment, on the three clocks that matter.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For deadlines.
    pub at: Instant,
    /// For people.
    pub wall: Timestamp,
    /// Since the conference's epoch, the clock that workers stamp frames with.
    pub media: MediaTime,
}

/// What happens to a conference.
#[derive(Debug)]
pub enum Input {
    /// Somebody asks.
    Ask { ticket: Ticket, ask: Ask },
    /// The worker tells.
    Worker(WorkerEvent),
    /// The worker is gone and reaped.
    WorkerGone,
    /// What came of [`Effect::CreateOutput`].
    OutputCreated { key: OutputKey, result: Result<OutputStatus, String> },
    /// An HLS output can be played, or ended before it could.
    OutputPlayable { key: OutputKey, playable: bool },
    /// What came of [`Effect::StopOutput`].
    OutputStopped { key: OutputKey, status: OutputStatus },
    /// An output asks for an IDR.
    KeyframeWanted,
    /// The server has less room than before, or more.
    Load(Load),
    /// [`ConferenceState::next_deadline`] has come.
    Tick,
}
