//! What a cast can show whose pictures pass through: one participant's H.264, since nothing is decoded.

use super::{ConferenceState, ProgramPhase};
use crate::{
    control::{
        cast::{Source, Transition},
        error::ControlError,
    },
    ipc::{ProgramMode, VideoCodec},
};

/// Whether a cast of this mode can change like this.
pub(super) fn check_transition(mode: ProgramMode, transition: Transition) -> Result<(), ControlError> {
    if mode == ProgramMode::Compose || transition == Transition::Cut {
        return Ok(());
    }
    Err(ControlError::invalid(
        if matches!(transition, Transition::Move(_)) { "animate_ms" } else { "transition.type" },
        "a cast whose pictures pass through can only cut, for nothing is drawn; allowed: cut",
    ))
}

/// Whether a cast of this mode can show such a source at all, whoever is there: one participant's picture passes through,
/// or that of whoever is followed.
pub(super) fn check_source(mode: ProgramMode, source: &Source) -> Result<(), ControlError> {
    match (mode, source) {
        (ProgramMode::Compose, _)
        | (ProgramMode::Passthrough, Source::Participant { .. } | Source::Follow { .. }) => Ok(()),
        (ProgramMode::Passthrough, _) => Err(ControlError::SourceUnsupported),
    }
}

impl ConferenceState {
    /// Whether a cast of this mode can show `source`, whose names are checked.
    pub(in super::super) fn check_mode(
        &self,
        mode: ProgramMode,
        source: &Source,
    ) -> Result<(), ControlError> {
        check_source(mode, source)?;
        let (participant, name) = match (mode, source) {
            (ProgramMode::Passthrough, Source::Participant { participant, stream }) => (participant, stream),
            // Of those who are followed, whom that can pass through.
            _ => return Ok(()),
        };
        let codec = self.roster.participant(participant)?.stream(name).and_then(|stream| stream.video);
        let sends = match codec {
            Some(VideoCodec::H264) => return Ok(()),
            Some(VideoCodec::Vp8) => "vp8",
            None => "no picture",
        };
        Err(ControlError::CodecUnsupported { participant: participant.clone(), stream: name.clone(), sends })
    }

    /// A cast runs whose pictures pass through: none of them is decoded.
    pub(in super::super) fn is_passing_through(&self) -> bool {
        let running = self.cast.as_ref().filter(|run| run.is_active());
        running.is_some_and(|run| run.encoding.mode == ProgramMode::Passthrough)
    }

    /// A program that is drawn is on in the present worker, or begins.
    pub(in super::super) fn is_composing(&self) -> bool {
        let program = self.cast.as_ref().map(|run| run.program);
        matches!(program, Some(ProgramPhase::Starting { .. } | ProgramPhase::On))
            && !self.is_passing_through()
    }
}
