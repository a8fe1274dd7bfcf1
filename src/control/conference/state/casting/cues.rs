//! The run-down on a live cast: cues are taken by hand, or told to the worker when their times come.

use super::{
    ConferenceState, MAX_SWITCHES, Now, ProgramPhase,
    switching::{For, Origin},
};
use crate::{
    control::{
        cast::{Cue, CueTime, CueView, RundownView, Transition, in_cue},
        conference::{
            ask::{Reply, Ticket},
            rundown::{Clock, CueKey, CueNow, Due},
            state::{Effect, working::Expected},
        },
        error::ControlError,
    },
    ids::CueId,
    ipc::{ProgramMode, TransitionSpec, WorkerCommand},
};
use std::time::Duration;

impl ConferenceState {
    /// The clocks by which cues have their times now.
    pub(in super::super) fn clock(&self, now: Now) -> Clock {
        // A live cast has its zero.
        let zero = self.live_cast().ok().map(|run| run.timeline.zero().unwrap_or_default());
        Clock { now, zero }
    }

    pub(in super::super) fn answer_cues(&mut self, now: Now, ticket: Ticket) {
        let view = self.rundown_view(now);
        self.answer(ticket, Ok(Reply::Rundown(Box::new(view))));
    }

    pub(in super::super) fn put_cues(&mut self, now: Now, ticket: Ticket, cues: Vec<Cue>) {
        if let Err(error) = self.check_cues(&cues).and_then(|()| self.rundown.put(cues, self.clock(now))) {
            return self.refuse(ticket, error);
        }
        self.withdraw_cue();
        // Before the answer, which says that it is stored.
        self.store_cues(now);
        self.answer_cues(now, ticket);
    }

    /// What a live cast will not be able to show is said at once. Who is not there may still come.
    fn check_cues(&self, cues: &[Cue]) -> Result<(), ControlError> {
        let Ok(run) = self.live_cast() else { return Ok(()) };
        for (index, cue) in cues.iter().enumerate() {
            super::passthrough::check_source(run.encoding.mode, &cue.source)
                .and_then(|()| self.check_manner(cue))
                .map_err(|error| in_cue(index, error))?;
        }
        Ok(())
    }

    /// Whether the live cast can show a cue now, and change to it like that.
    pub(super) fn check_cue(&self, cue: &Cue) -> Result<(), ControlError> {
        self.check_switch(&cue.switch())?;
        self.check_manner(cue)
    }

    fn check_manner(&self, cue: &Cue) -> Result<(), ControlError> {
        let mode = self.live_cast()?.encoding.mode;
        let field = match cue.when {
            _ if mode == ProgramMode::Compose => return Ok(()),
            _ if cue.transition != Transition::Cut => {
                return super::passthrough::check_transition(mode, cue.transition);
            }
            CueTime::Manual => return Ok(()),
            CueTime::At(time) => time.field(),
            CueTime::After(_) => "after_ms",
        };
        Err(ControlError::invalid(field, super::timed::only_composed(field)))
    }

    pub(in super::super) fn next_cue(&mut self, now: Now, ticket: Ticket) {
        let next = self.live_cast().and_then(|_| self.rundown.next().ok_or(ControlError::NoNextCue));
        match next {
            Ok(key) => self.take_cue(now, ticket, key),
            Err(error) => self.refuse(ticket, error),
        }
    }

    pub(in super::super) fn go_cue(&mut self, now: Now, ticket: Ticket, id: &CueId) {
        let found = self
            .live_cast()
            .and_then(|_| self.rundown.find(id).ok_or_else(|| ControlError::CueNotFound(id.clone())));
        match found {
            Ok(key) => self.take_cue(now, ticket, key),
            Err(error) => self.refuse(ticket, error),
        }
    }

    /// Somebody wants it now, whatever its time.
    fn take_cue(&mut self, now: Now, ticket: Ticket, key: CueKey) {
        let Some(switch) = self.rundown.cue(key).map(Cue::switch) else {
            return self.refuse(ticket, ControlError::NoNextCue);
        };
        if let Err(error) = self.check_switch(&switch) {
            self.rundown.take(key);
            self.rundown.failed(key, true, &error, now.media);
            return self.refuse(ticket, error);
        }
        // That is no fault of the cue: it stays as it is.
        let can = match &self.cast {
            Some(run) if run.program != ProgramPhase::On => Err(ControlError::WorkerUnavailable),
            Some(run) if run.switches.len() >= MAX_SWITCHES => {
                Err(ControlError::Overloaded { retry_after: Duration::from_secs(1) })
            }
            _ => Ok(()),
        };
        if let Err(error) = can {
            return self.refuse(ticket, error);
        }
        self.rundown.take(key);
        // What was asked for it before does not count any more.
        if let Some(run) = &mut self.cast {
            run.switches.values_mut().filter(|told| told.cue == Some(key)).for_each(|told| told.cue = None);
        }
        self.compose(
            now,
            switch,
            None,
            For { ticket: Some(ticket), cue: Some(key), origin: Origin::Request },
        );
    }

    /// Its time is near.
    pub(super) fn tell_cue(&mut self, now: Now, due: Due) {
        self.rundown.told(due.key);
        let Some(switch) = self.rundown.cue(due.key).map(Cue::switch) else { return };
        self.compose(
            now,
            switch,
            Some(due.at),
            For { ticket: None, cue: Some(due.key), origin: Origin::Request },
        );
    }

    /// Cues that wait in the worker for a time before `at` are not ready, and another takes their place.
    pub(super) fn overtake_cues(&mut self, now: Now, at: crate::units::MediaTime) {
        let Some(run) = &mut self.cast else { return };
        let told = run.switches.values_mut().filter(|told| told.ticket.is_none());
        let stuck = told.filter(|told| told.at.is_some_and(|told| told <= at));
        for key in stuck.filter_map(|told| told.cue.take()).collect::<Vec<_>>() {
            let error = ControlError::MediaNotReady("the cue's source".to_owned());
            self.rundown.failed(key, false, &error, now.media);
        }
    }

    /// A cue of which the worker was told is not in the list any more: what is on the air takes its place there.
    fn withdraw_cue(&mut self) {
        let deadline_ms = self.config.switching.switch_timeout_ms;
        let Some(run) = &mut self.cast else { return };
        let (mut waits, mut somebody) = (false, false);
        for told in run.switches.values_mut() {
            let gone = told.cue.take_if(|key| self.rundown.cue(*key).is_none()).is_some();
            waits |= gone && told.ticket.is_none();
            somebody |= told.ticket.is_some();
        }
        // A switch that somebody waits for has taken its place already.
        if !waits || somebody || run.program != ProgramPhase::On {
            return;
        }
        let scene = run.scene(&self.roster);
        run.shown = Some(scene.clone());
        run.reflowing = true;
        let request = self.worker.expect(Expected::Reflow);
        // One that would not wait is no switch, and takes no switch's place.
        self.command(WorkerCommand::Compose {
            request,
            scene,
            wait_ready: true,
            deadline_ms,
            transition: TransitionSpec::Cut,
            at: None,
        });
    }

    /// Skips what is over, tells what is near, and notes when that is to be looked at again.
    pub(in super::super) fn mind_cues(&mut self, now: Now) {
        let clock = self.clock(now);
        if clock.zero.is_none() {
            self.rundown.expire(clock);
        }
        self.switch_in_time(now);
        self.lane_due = self.lane_deadline(now);
        self.store_cues(now);
    }

    /// What a restart of the server is to find.
    pub(in super::super) fn store_cues(&mut self, now: Now) {
        let revision = self.rundown.revision();
        if self.kept && self.stored_cues != revision {
            self.stored_cues = revision;
            self.out.push(Effect::StoreCues {
                begun: self.rundown.has_begun(),
                cues: self.rundown_view(now).cues,
            });
        }
    }

    fn rundown_view(&self, now: Now) -> RundownView {
        let cues = self.rundown.cues(self.clock(now)).into_iter().map(|cue| self.cue_view(cue)).collect();
        RundownView { conference: self.id.clone(), cues }
    }

    pub(in super::super) fn cue_view(&self, now: CueNow) -> CueView {
        let CueNow { key: _, cue, state, planned, program_pts, error } = now;
        let planned_pts =
            self.live_cast().ok().and_then(|run| planned.map(|planned| run.timeline.relative(planned)));
        CueView { cue, state, planned_pts, program_pts, error }
    }
}
