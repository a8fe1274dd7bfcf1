//! What those inside a conference are told by the signalling WebSocket: who comes, who goes, what can be
//! received, how the cast is.

use super::{ParticipantView, quality::Quality};
use crate::{
    control::{
        cast::{CastView, CueView, ShedRendition},
        overlay::{OverlayView, PictureView},
    },
    ids::{ConferenceId, ParticipantId, StreamName},
    units::Dbov,
};
use serde::Serialize;
use std::{fmt, sync::Arc};

/// One place of a client in a conference. A client that joins again has another seat, so that a late leave
/// of the former does not take the new one away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId(pub u64);

/// Why somebody is no longer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// Went by themselves.
    Left,
    /// The connection was lost and did not come back in time.
    Lost,
    /// Somebody with the right to do so removed them.
    Removed,
    /// The same id signed in elsewhere.
    Conflict,
}

/// A stream that can be received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTold {
    pub name: StreamName,
    pub audio: bool,
    pub video: bool,
}

/// How loud an input was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputLevel {
    pub participant: ParticipantId,
    pub stream: StreamName,
    pub level: Dbov,
}

/// Something that happened in a conference.
#[derive(Debug, Clone, PartialEq)]
pub enum ConferenceEvent {
    /// The first thing a seat hears: everybody else, and the cast.
    Joined { participants: Vec<ParticipantView>, cast: Box<CastView> },
    /// Somebody came in.
    Connected(Box<ParticipantView>),
    /// Somebody went.
    Disconnected { participant: ParticipantId, reason: Absence },
    /// Can be received from now on.
    StreamAdded { participant: ParticipantId, stream: StreamTold },
    /// And no longer.
    StreamRemoved { participant: ParticipantId, stream: StreamTold },
    /// State, source, outputs … changed; counters alone are no change.
    CastChanged(Box<CastView>),
    /// The run-down is another; an empty one is none.
    Cues { count: usize },
    /// A cue of the run-down is next, on, done, failed or skipped.
    Cue(Box<CueView>),
    /// What is drawn over the program was changed.
    Overlay(Box<OverlayView>),
    /// A picture for that was put or removed: all there are now.
    Pictures(Vec<PictureView>),
    /// To a stream's owner: what the server can use of it from now on; `None`: as much as it likes to send.
    Quality { stream: StreamName, quality: Option<Quality> },
    /// The server has less room than before (`worse`), or more. `snapshots`: whether they are made. `renditions`:
    /// all that get fewer pictures than the program now.
    Load { worse: bool, snapshots: bool, renditions: Vec<ShedRendition> },
    /// How loud every input and the program was, five times a second; to those who asked for it. Inputs before mutes and
    /// gains, the program's sound when a cast runs.
    Levels { inputs: Vec<InputLevel>, program: Option<Dbov> },
    /// The media worker was lost: whoever published does so again.
    WorkerRestarted,
    /// The seat is gone: the conference is over, or its holder was removed.
    Ended { removed: bool },
}

/// An event with its conference, shared by all who hear it.
pub type SeatEvent = Arc<(ConferenceId, ConferenceEvent)>;

/// Hears a seat's events. It never waits: whoever is too slow is cut by the one who listens.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(SeatEvent) + Send + Sync>);

impl Listener {
    /// `hear` is called in the conference's own task.
    pub fn new(hear: impl Fn(SeatEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(super) fn hear(&self, event: SeatEvent) {
        (self.0)(event);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
