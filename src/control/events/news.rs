//! What is told, in the domain's types; [`crate::control::http::wire::event`] writes it.

use super::kind::EventKind;
use crate::{
    control::{
        cast::{CastView, CueView, OutputView, ShedRendition, Source, SourceState, SwitchResult},
        conference::{
            ConferenceSettings, ParticipantView,
            presence::{Absence, StreamTold},
        },
        overlay::{OverlayView, PictureView},
    },
    egress::recording::record::{Recording, RecordingState},
    ids::ParticipantId,
    media::EncoderKind,
    units::MediaTime,
};

/// Something that happened in a conference.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// `restored`: it was kept over a restart of the server.
    ConferenceCreated {
        settings: ConferenceSettings,
        kept: bool,
        restored: bool,
    },
    ConferenceEnded {
        reason: EndReason,
    },
    /// All that its overlay may name now.
    ConferencePictures(Vec<PictureView>),
    ParticipantConnected(ParticipantView),
    ParticipantDisconnected {
        participant: ParticipantId,
        reason: Departure,
    },
    StreamAdded {
        participant: ParticipantId,
        stream: StreamTold,
    },
    StreamRemoved {
        participant: ParticipantId,
        stream: StreamTold,
    },
    CastStarting(CastView),
    CastStarted(CastView),
    CastStopped(CastView),
    CastFailed(CastView),
    CastSwitched(SwitchResult),
    /// Somebody is on by speaking, since.
    CastSpeaker {
        participant: ParticipantId,
        at: MediaTime,
    },
    /// The run-down is another; an empty one is none.
    CastCues {
        count: usize,
    },
    CastCue(CueView),
    /// As it is by a change, which who made it was answered.
    CastOverlay(OverlayView),
    CastSourceState {
        source: Source,
        state: SourceState,
        age_ms: Option<u32>,
    },
    CastEncoderChanged {
        encoder: EncoderKind,
        previous: EncoderKind,
        fallbacks: u64,
    },
    OutputAdded(OutputView),
    OutputChanged(OutputView),
    OutputRemoved(OutputView),
    /// `store`: where it is, as the API calls it.
    Recording {
        recording: Recording,
        store: String,
    },
    /// `worse`: there is less room than before. `snapshots`: whether they are made.
    Load {
        worse: bool,
        snapshots: bool,
        renditions: Vec<ShedRendition>,
    },
    /// So many replacements in the conference's life.
    WorkerRestarted {
        restarts: u32,
    },
}

/// Why a conference ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Somebody deleted it.
    Deleted,
    /// Nobody was in for `conference.empty_timeout_s`.
    Empty,
    /// The server ends; a conference that is kept comes back with the next one.
    Shutdown,
    /// A fault of ours.
    Failed,
}

/// Why somebody is no longer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// As those inside are told.
    Absent(Absence),
    /// The conference is over.
    ConferenceEnded,
}

impl News {
    /// Its type.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::ConferenceCreated { .. } => EventKind::ConferenceCreated,
            Self::ConferenceEnded { .. } => EventKind::ConferenceEnded,
            Self::ConferencePictures(_) => EventKind::ConferencePictures,
            Self::ParticipantConnected(_) => EventKind::ParticipantConnected,
            Self::ParticipantDisconnected { .. } => EventKind::ParticipantDisconnected,
            Self::StreamAdded { .. } => EventKind::StreamAdded,
            Self::StreamRemoved { .. } => EventKind::StreamRemoved,
            Self::CastStarting(_) => EventKind::CastStarting,
            Self::CastStarted(_) => EventKind::CastStarted,
            Self::CastStopped(_) => EventKind::CastStopped,
            Self::CastFailed(_) => EventKind::CastFailed,
            Self::CastSwitched(_) => EventKind::CastSwitched,
            Self::CastSpeaker { .. } => EventKind::CastSpeaker,
            Self::CastCues { .. } => EventKind::CastCues,
            Self::CastCue(_) => EventKind::CastCue,
            Self::CastOverlay(_) => EventKind::CastOverlay,
            Self::CastSourceState { .. } => EventKind::CastSourceState,
            Self::CastEncoderChanged { .. } => EventKind::CastEncoderChanged,
            Self::OutputAdded(_) => EventKind::OutputAdded,
            Self::OutputChanged(_) => EventKind::OutputChanged,
            Self::OutputRemoved(_) => EventKind::OutputRemoved,
            Self::Recording { recording, .. } => match recording.state() {
                RecordingState::Failed => EventKind::RecordingFailed,
                _ => EventKind::RecordingReady,
            },
            Self::Load { worse: true, .. } => EventKind::LoadShed,
            Self::Load { worse: false, .. } => EventKind::LoadRestored,
            Self::WorkerRestarted { .. } => EventKind::WorkerRestarted,
        }
    }
}

impl EndReason {
    /// In JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Empty => "empty",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
        }
    }
}

impl Departure {
    /// In JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent(Absence::Left) => "left",
            Self::Absent(Absence::Lost) => "lost",
            Self::Absent(Absence::Removed) => "removed",
            Self::Absent(Absence::Conflict) => "conflict",
            Self::ConferenceEnded => "conference_ended",
        }
    }
}
