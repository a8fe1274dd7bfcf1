//! What comes of what happens to a conference.

use super::presence::Audience;
use crate::{
    control::{
        cast::{CueView, OutputSpec},
        conference::{
            ask::{Reply, Ticket},
            presence::{SeatEvent, SeatId},
        },
        error::ControlError,
        events::news::News,
        overlay::{KeptPicture, Overlay},
    },
    ids::{Incarnation, SessionId},
    ipc::WorkerCommand,
    media::{EncodedFrame, RenditionIndex, TrackConfig, VideoConfig},
};
use jiff::Timestamp;

/// What the runner is to do, in this order.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Answer a request; each ticket exactly once.
    Answer {
        ticket: Ticket,
        result: Result<Reply, ControlError>,
    },
    /// Launch a worker; there is none.
    LaunchWorker {
        incarnation: Incarnation,
        replacement: bool,
    },
    /// Let the worker go in order; nothing of it is waited for.
    ShutWorker,
    /// Kill the worker; nothing of it is waited for.
    KillWorker,
    /// Tell the worker.
    Command(WorkerCommand),
    /// A session can be found by its id from now on.
    SessionOpened(SessionId),
    /// And no longer.
    SessionClosed(SessionId),
    /// Tell those who listen.
    Tell {
        audience: Audience,
        event: SeatEvent,
    },
    /// Tell those outside.
    Announce(Box<News>),
    /// The run-down is another, or another of its cues is on: what a restart of the server is to find. `begun`: a cast is live.
    StoreCues {
        begun: bool,
        cues: Vec<CueView>,
    },
    /// The same of an overlay that was changed.
    StoreOverlay(Box<Overlay>),
    /// The same of pictures that were put or removed: all there are.
    StorePictures(Vec<KeptPicture>),
    /// The seat's listener hears nothing more.
    Unseat(SeatId),
    /// A new cast, a new hub.
    OpenHub {
        /// The smaller renditions' names.
        renditions: Vec<String>,
        /// See [`Hub::steady`](crate::egress::hub::Hub::steady).
        steady: bool,
    },
    /// Parameters, frames and breaks of the program, for the hub.
    Config(TrackConfig),
    Frame(EncodedFrame),
    RenditionConfig(RenditionIndex, VideoConfig),
    RenditionFrame(RenditionIndex, EncodedFrame),
    Discontinuity(Incarnation),
    /// The cast's last frame was passed on.
    EndHub,
    /// Make an output; the cast's zero is `epoch`. Answered by [`Input::OutputCreated`].
    CreateOutput {
        key: OutputKey,
        spec: OutputSpec,
        epoch: Timestamp,
    },
    /// Stop an output within bounded time. Answered by [`Input::OutputStopped`].
    StopOutput(OutputKey),
    /// It is over: let the worker go, then answer these with `Done`.
    Finish {
        answer: Vec<Ticket>,
    },
}

/// An output of a cast. Not its id: an id may come again after a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputKey(pub u64);
