//! A program that follows the active speaker: switches that nobody asked for.

use super::{
    CastRun, ConferenceState, Now, ProgramPhase,
    switching::{For, Origin},
};
use crate::{
    control::cast::{CastState, Switch, Transition},
    ids::ParticipantId,
    ipc::ReplyError,
};
use std::time::Duration;

impl CastRun {
    /// A switch is under way to a source that follows the active speaker: how long one stays on it.
    fn following_soon(&self) -> Option<Duration> {
        self.switches.values().find_map(|switching| switching.source.follows())
    }

    /// Somebody is coming on by speaking; who was on before.
    fn speaker_before(&self) -> Option<Option<&ParticipantId>> {
        self.switches.values().find_map(|switching| match &switching.origin {
            Origin::Speaker { before } => Some(before.as_ref()),
            Origin::Request => None,
        })
    }
}

impl ConferenceState {
    /// The program follows the active speaker, or is about to: how long one stays on it.
    pub(in super::super) fn follows(&self) -> Option<Duration> {
        let run = self.cast.as_ref().filter(|run| run.needs_worker())?;
        run.source.follows().or_else(|| run.following_soon())
    }

    /// Who is on by speaking, for those who look at the cast.
    pub(in super::super) fn speaker_on_air(&self) -> Option<ParticipantId> {
        let run = self.cast.as_ref().filter(|run| run.source.follows().is_some())?;
        if !matches!(run.state(), CastState::Starting | CastState::Live) {
            return None;
        }
        run.speaker_before().unwrap_or_else(|| self.roster.speaker()).cloned()
    }

    /// Puts on the program who speaks by now.
    pub(in super::super) fn follow_speaker(&mut self, now: Now) {
        let chosen = self.speaking.active().cloned().or_else(|| {
            // Before the first sound there is somebody already, and who is on stays.
            let known = self.roster.speaker().filter(|who| self.roster.participant(who).is_ok());
            let able = || self.roster.publishers().find(|one| self.can_be_shown(one));
            known.or_else(|| Some(&able().or_else(|| self.roster.publishers().next())?.id)).cloned()
        });
        if chosen.is_none() || chosen.as_ref() == self.roster.speaker() {
            return;
        }
        let run = self.cast.as_ref().filter(|run| run.needs_worker());
        let shows = run.is_some_and(|run| run.source.follows().is_some());
        let program = run.map_or(ProgramPhase::Off, |run| run.program);
        let changes = run.is_some_and(|run| !run.switches.is_empty() || run.reflowing);
        match program {
            // What the worker was told is taken back only when it has happened: the next look finds it.
            _ if self.follows().is_some() && changes => {}
            ProgramPhase::Starting { .. } | ProgramPhase::Stopping { .. } if shows => {}
            ProgramPhase::On if shows => self.switch_to_speaker(now, chosen),
            _ => drop(self.roster.set_speaker(chosen)),
        }
    }

    fn switch_to_speaker(&mut self, now: Now, speaker: Option<ParticipantId>) {
        let before = self.roster.set_speaker(speaker);
        let Some(run) = &self.cast else { return };
        if run.shown.as_ref() == Some(&run.scene(&self.roster)) {
            return;
        }
        let switch =
            Switch { source: run.source.clone(), audio: None, transition: Transition::Cut, at: None };
        self.compose(now, switch, None, For { ticket: None, cue: None, origin: Origin::Speaker { before } });
    }

    /// Who spoke did not come on: whoever was on before still is.
    pub(super) fn keep_speaker(&mut self, now: Now, before: Option<ParticipantId>, error: &ReplyError) {
        if self.cast.as_ref().is_some_and(|run| run.following_soon().is_some()) {
            // The switch that took this one's place goes to the same one.
            return;
        }
        let missed = self.roster.set_speaker(before.clone());
        if let (Some(missed), ReplyError::Timeout | ReplyError::MediaNotReady { .. }) = (missed, error) {
            self.speaking.bar(now, missed, before);
        }
    }
}
