//! What is known of a cast: its phase, its program's in the worker, what waits.

use super::{files::Files, outputs::OutputRecord, switching::Switching, timed::TimedSwitch};
use crate::{
    control::{
        cast::{AudioChoice, CastState, Encoding, OutputView, Source},
        conference::{ask::Ticket, state::OutputKey, timeline::Timeline},
        error::ControlError,
    },
    ipc::{ProgramReport, SceneSpec},
};
use jiff::Timestamp;
use std::{collections::BTreeMap, time::Instant};

/// The conference's latest cast.
#[derive(Debug)]
pub(in super::super) struct CastRun {
    /// Which one it is; two may begin at the same time of the clock.
    pub(in super::super) number: u64,
    pub(super) phase: Phase,
    pub(in super::super) source: Source,
    pub(in super::super) audio: AudioChoice,
    pub(in super::super) encoding: Encoding,
    pub(in super::super) started_at: Timestamp,
    pub(in super::super) stopped_at: Option<Timestamp>,
    pub(in super::super) error: Option<String>,
    pub(in super::super) outputs: Vec<OutputRecord>,
    pub(in super::super) timeline: Timeline,
    /// The wall clock's time of the cast's zero, once known.
    pub(super) epoch: Option<Timestamp>,
    pub(super) program: ProgramPhase,
    /// The scene that the worker was told last, as far as it took it.
    pub(super) shown: Option<SceneSpec>,
    pub(super) switches: BTreeMap<u64, Switching>,
    /// Switches whose time has not come, in order of it.
    pub(super) timed: Vec<TimedSwitch>,
    pub(super) reflowing: bool,
    pub(super) files: Files,
    /// As the present worker was told: [`WorkerCommand::PaceRenditions`].
    pub(in super::super) paced: Vec<u8>,
    /// Counters of the workers before the present one.
    pub(in super::super) earlier: ProgramReport,
}

#[derive(Debug)]
pub(super) enum Phase {
    Starting { ticket: Ticket, deadline: Instant },
    Live,
    Stopping { outcome: Outcome, tickets: Vec<Ticket>, hub_ended: bool },
    Over(Ended),
}

/// How a cast is to end.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ended: Ended,
    /// A start that was not live yet, and what it is told.
    pub(super) start: Option<(Ticket, ControlError)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Stopped,
    Failed,
}

/// The program in the present worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProgramPhase {
    Off,
    Starting { deadline: Instant },
    On,
    Stopping { deadline: Instant },
}

impl CastRun {
    pub(in super::super) fn state(&self) -> CastState {
        match &self.phase {
            Phase::Starting { .. } => CastState::Starting,
            Phase::Live => CastState::Live,
            Phase::Stopping { .. } => CastState::Stopping,
            Phase::Over(Ended::Stopped) => CastState::Stopped,
            Phase::Over(Ended::Failed) => CastState::Failed,
        }
    }

    pub(in super::super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    pub(in super::super) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Over(_))
    }

    /// A program is to run.
    pub(in super::super) fn needs_worker(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. } | Phase::Live)
    }

    /// Its outputs, as the API shows them.
    pub(in super::super) fn output_views(&self) -> impl Iterator<Item = (OutputKey, OutputView)> {
        self.outputs.iter().map(|output| (output.key, output.view()))
    }

    /// The scenes of switches that are about to happen.
    pub(in super::super) fn coming(&self) -> impl Iterator<Item = &SceneSpec> {
        self.switches.values().map(|switching| &switching.scene)
    }

    /// Frames still belong to this cast.
    pub(super) fn is_open(&self) -> bool {
        match &self.phase {
            Phase::Starting { .. } | Phase::Live => true,
            Phase::Stopping { hub_ended, .. } => !hub_ended,
            Phase::Over(_) => false,
        }
    }

    pub(in super::super) fn next_deadline(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Starting { deadline, .. } => Some(*deadline),
            _ => None,
        };
        let program = match self.program {
            ProgramPhase::Starting { deadline } | ProgramPhase::Stopping { deadline } => Some(deadline),
            ProgramPhase::Off | ProgramPhase::On => None,
        };
        let waits = |switching: &&Switching| switching.ticket.is_some() || switching.cue.is_some();
        let switch = self.switches.values().filter(waits).map(|switching| switching.deadline).min();
        [phase, program, switch, self.next_asked()].into_iter().flatten().min()
    }
}
