//! A cast from start to stop: its phases. What is known of it is in `run`, its program in the worker in `program`.

use super::{ConferenceState, Effect, Now, OutputKey};
use crate::{
    control::{
        cast::{OutputSpec, Rendition, StartCast},
        conference::{
            ask::{Reply, Ticket},
            scene,
            timeline::Timeline,
        },
        error::ControlError,
    },
    egress::output::OutputStatus,
    ipc::{ProgramMode, ProgramReport},
};
use std::{collections::BTreeMap, time::Duration};

mod cues;
mod files;
mod following;
mod lane;
mod media;
mod outputs;
mod passthrough;
mod program;
mod run;
mod switching;
mod timed;

pub(super) use self::{outputs::OutputRecord, program::add, run::CastRun};

use self::{
    files::Files,
    outputs::OutputStage,
    run::{Ended, Outcome, Phase, ProgramPhase},
};

/// Switches in flight. All but the newest are about to be superseded.
const MAX_SWITCHES: usize = 8;

impl ConferenceState {
    pub(super) fn start_cast(&mut self, now: Now, ticket: Ticket, start: StartCast) {
        if let Err(error) = self.check_start(&start) {
            return self.refuse(ticket, error);
        }
        let deadline = now.at + self.start_timeout();
        let StartCast { source, audio, encoding, outputs } = start;
        let renditions = Rendition::names(&encoding.renditions);
        let paced = vec![1; renditions.len()];
        let steady = encoding.mode == ProgramMode::Compose;
        let outputs = outputs.into_iter().map(|spec| self.plan_output(now, spec, None)).collect();
        let number = self.serial();
        self.cast = Some(CastRun {
            number,
            phase: Phase::Starting { ticket, deadline },
            source,
            audio,
            encoding,
            started_at: now.wall,
            stopped_at: None,
            error: None,
            outputs,
            timeline: Timeline::default(),
            epoch: None,
            program: ProgramPhase::Off,
            shown: None,
            switches: BTreeMap::new(),
            timed: Vec::new(),
            reflowing: false,
            files: Files::default(),
            paced,
            earlier: ProgramReport::default(),
        });
        self.out.push(Effect::OpenHub { renditions, steady });
    }

    fn check_start(&self, start: &StartCast) -> Result<(), ControlError> {
        if !self.config.cast.enabled {
            return Err(ControlError::CastDisabled);
        }
        if self.cast.as_ref().is_some_and(CastRun::is_active) {
            return Err(ControlError::CastAlreadyStarted);
        }
        if start.outputs.is_empty() {
            return Err(ControlError::invalid("outputs", "a cast needs at least one output"));
        }
        for (index, output) in start.outputs.iter().enumerate() {
            self.check_output(output, start.outputs[..index].iter())?;
        }
        scene::check(&start.source, &self.roster)?;
        self.check_file(&start.source)?;
        self.check_mode(start.encoding.mode, &start.source)
    }

    pub(super) fn stop_cast(&mut self, ticket: Ticket) {
        match self.cast.as_mut().map(|run| &mut run.phase) {
            None | Some(Phase::Over(_)) => self.refuse(ticket, ControlError::CastNotStarted),
            Some(Phase::Stopping { tickets, .. }) => tickets.push(ticket),
            Some(Phase::Starting { .. } | Phase::Live) => {
                self.begin_stop(Ended::Stopped, "it was stopped before it was live", Some(ticket));
            }
        }
    }

    pub(super) fn stop_deserted(&mut self) {
        self.begin_stop(Ended::Stopped, "nobody is in the conference", None);
    }

    pub(super) fn stop_for_the_end(&mut self) {
        self.begin_stop(Ended::Stopped, "the conference ended", None);
    }

    fn fail_cast(&mut self, reason: &str) {
        self.begin_stop(Ended::Failed, reason, None);
    }

    /// Whether it was live or only about to: everything is undone, in [`Self::drive_phase`].
    fn begin_stop(&mut self, ended: Ended, reason: &str, ticket: Option<Ticket>) {
        let Some(run) = &mut self.cast else { return };
        let was_live = run.is_live();
        let start = match &run.phase {
            Phase::Starting { ticket, .. } => Some((*ticket, ControlError::CastFailed(reason.to_owned()))),
            Phase::Live => None,
            Phase::Stopping { .. } | Phase::Over(_) => return,
        };
        if ended == Ended::Failed {
            run.error = Some(reason.to_owned());
        }
        run.phase = Phase::Stopping {
            outcome: Outcome { ended, start },
            tickets: ticket.into_iter().collect(),
            hub_ended: false,
        };
        let waiting = std::mem::take(&mut run.switches).into_values().filter_map(|one| one.ticket);
        let adding = run.outputs.iter_mut().filter_map(|output| output.adding.take());
        let timed = std::mem::take(&mut run.timed).into_iter().map(|one| one.ticket);
        let asked = std::mem::take(&mut run.files).into_asked();
        for ticket in waiting.chain(adding).chain(timed).chain(asked).collect::<Vec<_>>() {
            self.refuse(ticket, ControlError::CastNotStarted);
        }
        if was_live {
            self.rundown.cast_over();
        }
        self.lose_snapshot(&ControlError::CastNotStarted);
    }

    pub(super) fn expire_cast(&mut self, now: Now) {
        self.expire_snapshot(now);
        let Some(run) = &mut self.cast else { return };
        let mut late = Vec::new();
        for switching in run.switches.values_mut() {
            if switching.deadline <= now.at {
                late.push((switching.ticket.take(), switching.cue.take()));
            }
        }
        for (ticket, cue) in late {
            let error = ControlError::SwitchTimeout(self.config.switching.switch_timeout_ms);
            if let Some(key) = cue {
                self.rundown.failed(key, ticket.is_some(), &error, now.media);
            }
            if let Some(ticket) = ticket {
                self.refuse(ticket, error);
            }
        }
        self.expire_asked(now);
        self.switch_in_time(now);
        let Some(run) = &self.cast else { return };
        if let Phase::Starting { deadline, .. } = run.phase
            && deadline <= now.at
        {
            let reason = self.why_not_live();
            self.fail_cast(&reason);
            return;
        }
        match run.program {
            ProgramPhase::Starting { deadline } | ProgramPhase::Stopping { deadline }
                if deadline <= now.at =>
            {
                self.kill_worker(now);
            }
            _ => {}
        }
    }

    fn why_not_live(&self) -> String {
        let ms = self.config.cast.start_timeout_ms;
        let Some(run) = &self.cast else { return String::new() };
        let waiting = run.outputs.iter().find(|output| !output.is_settled());
        match waiting {
            Some(output) if run.epoch.is_some() && run.program == ProgramPhase::On => {
                format!("output {} was not playable within {ms} ms", output.spec.id)
            }
            _ => format!("the media worker did not start the program within {ms} ms"),
        }
    }

    /// Moves the cast on: to live when everything a start waits for is there, to its end when
    /// everything is undone.
    pub(super) fn drive_phase(&mut self, now: Now) {
        let Some(run) = &mut self.cast else { return };
        match &mut run.phase {
            Phase::Starting { ticket, .. } => {
                let ready = run.program == ProgramPhase::On
                    && run.epoch.is_some()
                    && run.outputs.iter().all(OutputRecord::is_settled);
                if ready {
                    let ticket = *ticket;
                    run.phase = Phase::Live;
                    self.rundown.cast_begins(self.clock(now));
                    self.answer(ticket, Ok(Reply::Cast(Box::new(self.cast_view(now)))));
                }
            }
            Phase::Stopping { hub_ended, .. } if run.program == ProgramPhase::Off => {
                if !std::mem::replace(hub_ended, true) {
                    self.out.push(Effect::EndHub);
                    self.stop_outputs(now);
                }
                self.conclude(now);
            }
            Phase::Stopping { .. } | Phase::Live | Phase::Over(_) => {}
        }
    }

    fn conclude(&mut self, now: Now) {
        let Some(run) = &mut self.cast else { return };
        if !run.outputs.iter().all(|output| output.stage == OutputStage::Stopped) {
            return;
        }
        let Phase::Stopping { outcome, tickets, .. } = &mut run.phase else { return };
        let (ended, start, tickets) = (outcome.ended, outcome.start.take(), std::mem::take(tickets));
        run.phase = Phase::Over(ended);
        run.stopped_at = Some(now.wall);
        run.earlier = add(run.earlier, self.worker.take_program());
        if let Some((ticket, error)) = start {
            self.refuse(ticket, error);
        }
        for ticket in tickets {
            self.answer(ticket, Ok(Reply::Cast(Box::new(self.cast_view(now)))));
        }
    }

    fn start_timeout(&self) -> Duration {
        Duration::from_millis(self.config.cast.start_timeout_ms.into())
    }
}
