//! A cast's outputs: planned until the cast's zero is known, then running, then stopped.

use super::{
    CastRun, ConferenceState, ControlError, Effect, Now, OutputKey, OutputSpec, OutputStatus, Phase,
    ProgramPhase, Reply, Ticket,
};
use crate::{
    egress::{output::OutputState, rtmp::url::RtmpUrl},
    ids::OutputId,
    ipc::WorkerCommand,
};

/// An output of the cast.
#[derive(Debug)]
pub(in super::super) struct OutputRecord {
    pub(in super::super) key: OutputKey,
    pub(in super::super) spec: OutputSpec,
    pub(in super::super) status: OutputStatus,
    pub(super) stage: OutputStage,
    pub(super) adding: Option<Ticket>,
    pub(super) removing: Vec<Ticket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputStage {
    /// Waits for the cast's zero.
    Planned,
    Running {
        /// [`super::Input::OutputCreated`] told that it went well.
        created: bool,
        playable: bool,
    },
    Stopping,
    Stopped,
}

impl OutputRecord {
    /// A start need not wait for it any longer: RTMP is created, what is played is playable.
    pub(super) fn is_settled(&self) -> bool {
        match self.stage {
            OutputStage::Planned => false,
            OutputStage::Running { created, playable } => {
                created && (playable || !self.spec.kind.is_played())
            }
            OutputStage::Stopping | OutputStage::Stopped => true,
        }
    }
}

impl ConferenceState {
    /// Whether `output` may stand beside `others`.
    pub(super) fn check_output<'a>(
        &self,
        output: &OutputSpec,
        others: impl Iterator<Item = &'a OutputSpec>,
    ) -> Result<(), ControlError> {
        let max = self.config.limits.max_outputs;
        let mut count = 0;
        for other in others {
            count += 1;
            if other.id == output.id {
                return Err(ControlError::OutputExists(output.id.clone()));
            }
            if output.kind.excludes(&other.kind) {
                let why = format!("a cast has one output of type {} at most", output.kind.name());
                return Err(ControlError::invalid("outputs", why));
            }
            if output.kind.shares_stream_with(&other.kind) {
                return Err(ControlError::OutputUrlTaken(other.id.clone()));
            }
        }
        if count >= max {
            return Err(ControlError::TooManyOutputs { max });
        }
        let allowed = &self.config.cast.allowed_output_hosts;
        let is_allowed = |url: &&RtmpUrl| {
            allowed.is_empty() || allowed.iter().any(|host| host.eq_ignore_ascii_case(url.host()))
        };
        match output.kind.urls().find(|url| !is_allowed(url)) {
            Some(url) => Err(ControlError::OutputUrlForbidden(url.host().to_owned())),
            None => Ok(()),
        }
    }

    pub(super) fn plan_output(&mut self, now: Now, spec: OutputSpec, adding: Option<Ticket>) -> OutputRecord {
        OutputRecord {
            key: OutputKey(self.serial()),
            spec,
            status: OutputStatus::connecting(now.wall),
            stage: OutputStage::Planned,
            adding,
            removing: Vec::new(),
        }
    }

    /// Has every output made that waits, once the cast's zero is known.
    pub(super) fn create_planned_outputs(&mut self) {
        let Some(run) = &mut self.cast else { return };
        let (Some(epoch), true) = (run.epoch, run.needs_worker()) else { return };
        for output in run.outputs.iter_mut().filter(|output| output.stage == OutputStage::Planned) {
            output.stage = OutputStage::Running { created: false, playable: false };
            let (key, spec) = (output.key, output.spec.clone());
            self.out.push(Effect::CreateOutput { key, spec, epoch });
        }
    }

    pub(in super::super) fn output_created(
        &mut self,
        now: Now,
        key: OutputKey,
        result: Result<OutputStatus, String>,
    ) {
        let Some(run) = &mut self.cast else { return };
        let live = run.is_live();
        let Some(output) = run.outputs.iter_mut().find(|output| output.key == key) else { return };
        match result {
            Ok(status) => {
                output.status = status;
                if let OutputStage::Running { created, .. } = &mut output.stage {
                    *created = true;
                }
                let (adding, view) = (output.adding.take(), output.view());
                if let Some(ticket) = adding {
                    self.answer(ticket, Ok(Reply::Output(view)));
                    self.keyframe_wanted();
                }
            }
            Err(reason) => {
                output.stage = OutputStage::Stopped;
                output.status.enter(OutputState::Failed, now.wall);
                output.status.last_error = Some(reason.clone());
                if let Some(ticket) = output.adding.take() {
                    run.outputs.retain(|output| output.key != key);
                    self.refuse(ticket, ControlError::invalid("outputs", reason));
                } else if !live {
                    self.fail_cast(&reason);
                }
            }
        }
    }

    pub(in super::super) fn output_playable(&mut self, key: OutputKey, is_playable: bool) {
        let Some(output) = self.output_mut(key) else { return };
        let OutputStage::Running { playable, .. } = &mut output.stage else { return };
        *playable = is_playable;
        if !is_playable {
            let reason = format!("output {} ended before it was playable", output.spec.id);
            if self.cast.as_ref().is_some_and(|run| matches!(run.phase, Phase::Starting { .. })) {
                self.fail_cast(&reason);
            }
        }
    }

    pub(in super::super) fn output_stopped(&mut self, key: OutputKey, status: OutputStatus) {
        let Some(output) = self.output_mut(key) else { return };
        output.stage = OutputStage::Stopped;
        output.status = status;
        let waiting = std::mem::take(&mut output.removing);
        if !waiting.is_empty()
            && let Some(run) = &mut self.cast
        {
            run.outputs.retain(|output| output.key != key);
        }
        for ticket in waiting {
            self.answer(ticket, Ok(Reply::Done));
        }
    }

    /// How an output does now, for the views. The last word on a stopped one is its
    /// [`super::super::Input::OutputStopped`].
    pub fn observe_output(&mut self, key: OutputKey, status: OutputStatus) {
        if let Some(output) = self.output_mut(key) {
            output.status = status;
        }
    }

    fn output_mut(&mut self, key: OutputKey) -> Option<&mut OutputRecord> {
        self.cast.as_mut()?.outputs.iter_mut().find(|output| output.key == key)
    }

    pub(in super::super) fn add_output(&mut self, now: Now, ticket: Ticket, spec: OutputSpec) {
        let Some(run) = self.cast.as_ref().filter(|run| run.is_live()) else {
            return self.refuse(ticket, ControlError::CastNotStarted);
        };
        if let Err(error) = self.check_output(&spec, run.outputs.iter().map(|output| &output.spec)) {
            return self.refuse(ticket, error);
        }
        let output = self.plan_output(now, spec, Some(ticket));
        if let Some(run) = &mut self.cast {
            run.outputs.push(output);
        }
        self.create_planned_outputs();
    }

    pub(in super::super) fn remove_output(&mut self, ticket: Ticket, id: &OutputId) {
        let Some(run) = self.cast.as_mut().filter(|run| matches!(run.phase, Phase::Live)) else {
            return self.refuse(ticket, ControlError::CastNotStarted);
        };
        let Some(output) = run.outputs.iter_mut().find(|output| output.spec.id == *id) else {
            return self.refuse(ticket, ControlError::OutputNotFound(id.clone()));
        };
        match output.stage {
            OutputStage::Running { .. } => {
                let key = output.key;
                output.stage = OutputStage::Stopping;
                output.removing.push(ticket);
                self.out.push(Effect::StopOutput(key));
            }
            OutputStage::Stopping => output.removing.push(ticket),
            OutputStage::Planned | OutputStage::Stopped => {
                let key = output.key;
                run.outputs.retain(|output| output.key != key);
                self.answer(ticket, Ok(Reply::Done));
            }
        }
    }

    /// After the hub's end, so that outputs end behind the last frame.
    pub(super) fn stop_outputs(&mut self, now: Now) {
        let Some(run) = &mut self.cast else { return };
        for output in &mut run.outputs {
            match output.stage {
                OutputStage::Planned => {
                    output.stage = OutputStage::Stopped;
                    output.status.enter(OutputState::Stopped, now.wall);
                }
                OutputStage::Running { .. } => {
                    output.stage = OutputStage::Stopping;
                    self.out.push(Effect::StopOutput(output.key));
                }
                OutputStage::Stopping | OutputStage::Stopped => {}
            }
        }
    }

    /// An output joined or lost its peer and needs an IDR to go on.
    pub(in super::super) fn keyframe_wanted(&mut self) {
        // Also while the program starts: outputs are made at its first IDR, and may be connected before the worker's answer
        // is here. The worker makes the program first, then hears of this.
        let makes_frames =
            |run: &CastRun| matches!(run.program, ProgramPhase::On | ProgramPhase::Starting { .. });
        if self.cast.as_ref().is_some_and(makes_frames) {
            self.command(WorkerCommand::RequestKeyframe);
        }
    }
}
