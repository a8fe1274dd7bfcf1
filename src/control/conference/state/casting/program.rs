//! The cast's program in the worker: started, shown the scene, stopped, lost with the worker and begun again.

use super::{CastRun, ConferenceState, Now, ProgramPhase, media};
use crate::{
    control::{cast::Transition, conference::state::working::Expected, error::ControlError},
    ipc::{ProgramReport, ProgramSpec, ReplyError, ReplyOk, WorkerCommand},
};
use std::time::Duration;

/// From `StopProgram` to the worker's reply; beyond, the worker is killed. Together with the time that
/// outputs and the worker's own end have, it stays within `server.shutdown_timeout_s`.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

impl ConferenceState {
    pub(in super::super) fn reflow_reply(&mut self, result: Result<ReplyOk, ReplyError>) {
        let Some(run) = &mut self.cast else { return };
        run.reflowing = false;
        let waited = matches!(result, Err(ReplyError::MediaNotReady { .. } | ReplyError::Timeout));
        if waited || result == Err(ReplyError::Superseded) {
            // Should the switch that overtook it come to nothing, the tiles still have to re-flow.
            run.shown = None;
        }
    }

    pub(in super::super) fn program_started(&mut self, now: Now, result: Result<ReplyOk, ReplyError>) {
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

    pub(in super::super) fn program_stopped(&mut self) {
        if let Some(run) = &mut self.cast
            && let ProgramPhase::Stopping { .. } = run.program
        {
            run.program = ProgramPhase::Off;
        }
    }

    /// The worker is gone and the program with it. The cast goes on with the next worker.
    pub(in super::super) fn lose_program(&mut self, now: Now, report: Option<ProgramReport>) {
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
    pub(in super::super) fn program_is_on(&self) -> bool {
        self.cast.as_ref().is_some_and(|run| run.program == ProgramPhase::On)
    }

    /// Brings the program in the worker to where the cast wants it.
    pub(in super::super) fn drive_program(&mut self, now: Now) {
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

    /// How long tiles take to their places when somebody comes or goes.
    fn reflow_time(&self) -> Duration {
        Duration::from_millis(self.config.program.animate_ms.into())
    }
}

/// Counters of two workers' programs together, `b` the later one.
pub(in super::super) fn add(a: ProgramReport, b: ProgramReport) -> ProgramReport {
    ProgramReport {
        frames: a.frames + b.frames,
        repeated: a.repeated + b.repeated,
        dropped: a.dropped + b.dropped,
        rendition_dropped: a.rendition_dropped + b.rendition_dropped,
        encoder: b.encoder.or(a.encoder),
        encoder_fallbacks: a.encoder_fallbacks + b.encoder_fallbacks,
    }
}
