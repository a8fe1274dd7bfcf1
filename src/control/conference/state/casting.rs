//! A cast from start to stop: its phases, its program in the worker, its switches.

use super::{ConferenceState, Effect, Now, OutputKey, ProgramSpec, working::Expected};
use crate::{
    control::{
        cast::{
            AudioChoice, CastState, Encoding, OutputSpec, OutputView, Rendition, Source, StartCast,
            Transition,
        },
        conference::{
            ask::{Reply, Ticket},
            scene,
            timeline::Timeline,
        },
        error::ControlError,
    },
    egress::output::OutputStatus,
    ipc::{ProgramMode, ProgramReport, ReplyError, ReplyOk, SceneSpec, WorkerCommand},
};
use files::Files;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use switching::Switching;
use timed::TimedSwitch;

mod cues;
mod files;
mod following;
mod lane;
mod media;
mod outputs;
mod passthrough;
mod switching;
mod timed;

/// From `StopProgram` to the worker's reply; beyond, the worker is killed. Together with the time that
/// outputs and the worker's own end have, it stays within `server.shutdown_timeout_s`.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Switches in flight. All but the newest are about to be superseded.
const MAX_SWITCHES: usize = 8;

/// The conference's latest cast.
#[derive(Debug)]
pub(super) struct CastRun {
    /// Which one it is; two may begin at the same time of the clock.
    pub(super) number: u64,
    phase: Phase,
    pub(super) source: Source,
    pub(super) audio: AudioChoice,
    pub(super) encoding: Encoding,
    pub(super) started_at: Timestamp,
    pub(super) stopped_at: Option<Timestamp>,
    pub(super) error: Option<String>,
    pub(super) outputs: Vec<OutputRecord>,
    pub(super) timeline: Timeline,
    /// The wall clock's time of the cast's zero, once known.
    epoch: Option<Timestamp>,
    program: ProgramPhase,
    /// The scene that the worker was told last, as far as it took it.
    shown: Option<SceneSpec>,
    switches: BTreeMap<u64, Switching>,
    /// Switches whose time has not come, in order of it.
    timed: Vec<TimedSwitch>,
    reflowing: bool,
    files: Files,
    /// As the present worker was told: [`WorkerCommand::PaceRenditions`].
    pub(super) paced: Vec<u8>,
    /// Counters of the workers before the present one.
    pub(super) earlier: ProgramReport,
}

#[derive(Debug)]
enum Phase {
    Starting { ticket: Ticket, deadline: Instant },
    Live,
    Stopping { outcome: Outcome, tickets: Vec<Ticket>, hub_ended: bool },
    Over(Ended),
}

/// How a cast is to end.
#[derive(Debug)]
struct Outcome {
    ended: Ended,
    /// A start that was not live yet, and what it is told.
    start: Option<(Ticket, ControlError)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Stopped,
    Failed,
}

/// The program in the present worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProgramPhase {
    Off,
    Starting { deadline: Instant },
    On,
    Stopping { deadline: Instant },
}

/// An output of the cast.
#[derive(Debug)]
pub(super) struct OutputRecord {
    pub(super) key: OutputKey,
    pub(super) spec: OutputSpec,
    pub(super) status: OutputStatus,
    stage: OutputStage,
    adding: Option<Ticket>,
    removing: Vec<Ticket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputStage {
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

impl CastRun {
    pub(super) fn state(&self) -> CastState {
        match &self.phase {
            Phase::Starting { .. } => CastState::Starting,
            Phase::Live => CastState::Live,
            Phase::Stopping { .. } => CastState::Stopping,
            Phase::Over(Ended::Stopped) => CastState::Stopped,
            Phase::Over(Ended::Failed) => CastState::Failed,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    pub(super) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Over(_))
    }

    /// A program is to run.
    pub(super) fn needs_worker(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. } | Phase::Live)
    }

    /// Its outputs, as the API shows them.
    pub(super) fn output_views(&self) -> impl Iterator<Item = (OutputKey, OutputView)> {
        self.outputs.iter().map(|output| (output.key, output.view()))
    }

    /// The scenes of switches that are about to happen.
    pub(super) fn coming(&self) -> impl Iterator<Item = &SceneSpec> {
        self.switches.values().map(|switching| &switching.scene)
    }

    /// Frames still belong to this cast.
    fn is_open(&self) -> bool {
        match &self.phase {
            Phase::Starting { .. } | Phase::Live => true,
            Phase::Stopping { hub_ended, .. } => !hub_ended,
            Phase::Over(_) => false,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
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

    pub(super) fn reflow_reply(&mut self, result: Result<ReplyOk, ReplyError>) {
        let Some(run) = &mut self.cast else { return };
        run.reflowing = false;
        let waited = matches!(result, Err(ReplyError::MediaNotReady { .. } | ReplyError::Timeout));
        if waited || result == Err(ReplyError::Superseded) {
            // Should the switch that overtook it come to nothing, the tiles still have to re-flow.
            run.shown = None;
        }
    }

    pub(super) fn program_started(&mut self, now: Now, result: Result<ReplyOk, ReplyError>) {
        let Some(run) = &mut self.cast else { return };
        let ProgramPhase::Starting { .. } = run.program else { return };
        match result {
            Ok(_) => run.program = ProgramPhase::On,
            Err(_) if run.is_live() => self.kill_worker(now),
            Err(_) => {
                run.program = ProgramPhase::Off;
                self.fail_cast("the media worker could not start the program");
            }
        }
    }

    pub(super) fn program_stopped(&mut self) {
        if let Some(run) = &mut self.cast
            && let ProgramPhase::Stopping { .. } = run.program
        {
            run.program = ProgramPhase::Off;
        }
    }

    /// The worker is gone and the program with it. The cast goes on with the next worker.
    pub(super) fn lose_program(&mut self, now: Now, report: Option<ProgramReport>) {
        let Some(run) = &mut self.cast else { return };
        if run.program == ProgramPhase::Off {
            return;
        }
        run.program = ProgramPhase::Off;
        run.shown = None;
        run.reflowing = false;
        let report = report.unwrap_or_default();
        run.earlier = add(run.earlier, report);
        let asked = run.take_asked();
        for switching in std::mem::take(&mut run.switches).into_values() {
            let error = ControlError::WorkerUnavailable;
            match (switching.cue, switching.ticket) {
                (Some(key), Some(_)) => self.rundown.failed(key, true, &error, now.media),
                // The next worker is told.
                (Some(key), None) => self.rundown.untold(key, None, now.media),
                (None, _) => {}
            }
            if let Some(ticket) = switching.ticket {
                self.refuse(ticket, error);
            }
        }
        for ticket in asked {
            self.refuse(ticket, ControlError::WorkerUnavailable);
        }
        self.lose_snapshot(&ControlError::WorkerUnavailable);
    }

    /// The program runs in the present worker.
    pub(super) fn program_is_on(&self) -> bool {
        self.cast.as_ref().is_some_and(|run| run.program == ProgramPhase::On)
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

    /// Brings the program in the worker to where the cast wants it.
    pub(super) fn drive_program(&mut self, now: Now) {
        let start_timeout = self.start_timeout();
        let slate = self.slate();
        let begins = |run: &CastRun| run.program == ProgramPhase::Off && run.needs_worker();
        if self.worker.is_ready() && self.cast.as_ref().is_some_and(begins) {
            self.reopen_file(now);
        }
        let Some(run) = &mut self.cast else { return };
        let wanted = run.needs_worker();
        match run.program {
            ProgramPhase::Off if wanted && self.worker.is_ready() => {
                let scene = run.scene(&self.roster);
                run.timeline.take_over(self.worker.incarnation());
                run.program = ProgramPhase::Starting { deadline: now.at + start_timeout };
                run.shown = Some(scene.clone());
                // A new program gives every rendition every picture.
                run.paced.fill(1);
                let program = ProgramSpec {
                    mode: run.encoding.mode,
                    encoding: media::encoding_spec(&run.encoding, &self.config.encoding),
                    scene,
                    slate,
                    stall_hold_ms: self.config.program.stall_hold_ms,
                    standby: self.config.switching.hot(),
                };
                let request = self.worker.expect(Expected::StartProgram);
                self.command(WorkerCommand::StartProgram { request, program });
            }
            ProgramPhase::On if wanted && run.switches.is_empty() && !run.reflowing => {
                let scene = run.scene(&self.roster);
                if run.shown.as_ref() == Some(&scene) {
                    return self.keep_after();
                }
                run.shown = Some(scene.clone());
                run.reflowing = true;
                let request = self.worker.expect(Expected::Reflow);
                let deadline_ms = self.config.switching.switch_timeout_ms;
                self.command(WorkerCommand::Compose {
                    request,
                    scene,
                    wait_ready: false,
                    deadline_ms,
                    transition: Transition::Move(self.reflow_time()).spec(),
                    at: None,
                });
            }
            ProgramPhase::Starting { .. } | ProgramPhase::On if !wanted => {
                run.program = ProgramPhase::Stopping { deadline: now.at + STOP_TIMEOUT };
                let request = self.worker.expect(Expected::StopProgram);
                self.command(WorkerCommand::StopProgram { request });
            }
            _ => {}
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

    /// How long tiles take to their places when somebody comes or goes.
    fn reflow_time(&self) -> Duration {
        Duration::from_millis(self.config.program.animate_ms.into())
    }

    fn start_timeout(&self) -> Duration {
        Duration::from_millis(self.config.cast.start_timeout_ms.into())
    }
}

/// Counters of two workers' programs together, `b` the later one.
pub(super) fn add(a: ProgramReport, b: ProgramReport) -> ProgramReport {
    ProgramReport {
        frames: a.frames + b.frames,
        repeated: a.repeated + b.repeated,
        dropped: a.dropped + b.dropped,
        rendition_dropped: a.rendition_dropped + b.rendition_dropped,
        encoder: b.encoder.or(a.encoder),
        encoder_fallbacks: a.encoder_fallbacks + b.encoder_fallbacks,
    }
}
