//! Switches of a live cast: checked, told to the worker, answered when they happened.

use super::{
    CastRun, ConferenceState, MAX_SWITCHES, Now, ProgramPhase,
    files::{Playing, scene_of},
    lane::PATIENCE,
    passthrough,
};
use crate::{
    control::{
        cast::{AudioChoice, Source, Switch, SwitchResult, Transition},
        conference::{
            ask::{Reply, Ticket},
            rundown::CueKey,
            scene,
            state::working::Expected,
        },
        error::ControlError,
        events::news::News,
    },
    ids::{ParticipantId, RequestId},
    ipc::{ReplyError, ReplyOk, SceneSpec, WorkerCommand},
    units::MediaTime,
};
use std::time::{Duration, Instant};

/// The worker keeps a switch's deadline itself; only one that breaks it meets this.
const SWITCH_GRACE: Duration = Duration::from_secs(1);

/// Whose wish a switch is.
#[derive(Debug)]
pub(super) enum Origin {
    /// An operator's.
    Request,
    /// Nobody's: somebody else speaks. `before`: who was on by speaking.
    Speaker { before: Option<ParticipantId> },
}

/// A switch that the worker was told.
#[derive(Debug)]
pub(super) struct Switching {
    /// Who waits; `None` once the deadline has answered.
    pub(super) ticket: Option<Ticket>,
    pub(super) origin: Origin,
    /// Which cue of the run-down it is to take; `None` also once that came to nothing.
    pub(super) cue: Option<CueKey>,
    /// Its time, where it has one.
    pub(super) at: Option<MediaTime>,
    pub(super) source: Source,
    pub(super) audio: AudioChoice,
    /// As it was asked for: without, what is on the program by then goes on.
    pub(super) audio_asked: Option<AudioChoice>,
    pub(super) transition: Transition,
    pub(super) scene: SceneSpec,
    /// The file that it is to show.
    pub(super) file: Option<Playing>,
    pub(super) deadline: Instant,
}

/// For whom a switch is.
#[derive(Debug)]
pub(super) struct For {
    pub(super) ticket: Option<Ticket>,
    pub(super) cue: Option<CueKey>,
    pub(super) origin: Origin,
}

impl ConferenceState {
    pub(in super::super) fn switch(&mut self, now: Now, ticket: Ticket, switch: Switch) {
        match self.time_of(now, &switch) {
            Err(error) => self.refuse(ticket, error),
            Ok(None) => self.switch_at(now, ticket, switch, None),
            Ok(Some(at)) => self.put_off(now, ticket, switch, at),
        }
    }

    /// The cast that can be switched.
    pub(super) fn live_cast(&self) -> Result<&CastRun, ControlError> {
        self.cast.as_ref().filter(|run| run.is_live()).ok_or(ControlError::CastNotStarted)
    }

    /// Whether the live cast can show this, and change to it like that.
    pub(super) fn check_switch(&self, switch: &Switch) -> Result<(), ControlError> {
        let run = self.live_cast()?;
        scene::check(&switch.source, &self.roster)?;
        self.check_file(&switch.source)?;
        self.check_mode(run.encoding.mode, &switch.source)?;
        passthrough::check_transition(run.encoding.mode, switch.transition)
    }

    /// Tells the worker to switch, at once or at a time that is near.
    pub(super) fn switch_at(&mut self, now: Now, ticket: Ticket, switch: Switch, at: Option<MediaTime>) {
        if let Err(error) = self.check_switch(&switch) {
            return self.refuse(ticket, error);
        }
        let Some(run) = &self.cast else { return };
        if run.program != ProgramPhase::On {
            return self.refuse(ticket, ControlError::WorkerUnavailable);
        }
        if run.switches.len() >= MAX_SWITCHES {
            let retry_after = Duration::from_secs(1);
            return self.refuse(ticket, ControlError::Overloaded { retry_after });
        }
        self.compose(now, switch, at, For { ticket: Some(ticket), cue: None, origin: Origin::Request });
    }

    /// Tells the worker: what is asked for can be shown, and there is a program.
    pub(super) fn compose(&mut self, now: Now, switch: Switch, at: Option<MediaTime>, whose: For) {
        let timeout_ms = self.config.switching.switch_timeout_ms;
        if let Some(at) = at {
            self.overtake_cues(now, at);
        }
        let Some(run) = &mut self.cast else { return };
        let For { ticket, cue, origin } = whose;
        let audio = switch.audio.unwrap_or(run.audio);
        let file = self.open_file(&switch.source, audio);
        let player = file.as_ref().map(|playing| playing.player);
        let scene = scene_of(&switch.source, audio, &self.roster, player);
        let request = self.worker.expect(Expected::Switch);
        let Some(run) = &mut self.cast else { return };
        run.switches.insert(
            request.0,
            Switching {
                ticket,
                origin,
                cue,
                at,
                source: switch.source,
                audio,
                audio_asked: switch.audio,
                transition: switch.transition,
                scene: scene.clone(),
                file,
                deadline: now.at
                    + at.map_or(Duration::ZERO, |at| at.since(now.media))
                    + Duration::from_millis(timeout_ms.into())
                    + SWITCH_GRACE,
            },
        );
        let (deadline_ms, transition) = (timeout_ms, switch.transition.spec());
        self.command(WorkerCommand::Compose {
            request,
            scene,
            wait_ready: true,
            deadline_ms,
            transition,
            at,
        });
    }

    pub(in super::super) fn switch_reply(
        &mut self,
        now: Now,
        request: RequestId,
        result: Result<ReplyOk, ReplyError>,
    ) {
        let Some(run) = &mut self.cast else { return };
        let Some(switching) = run.switches.remove(&request.0) else { return };
        if let (Origin::Speaker { before }, Err(error)) = (&switching.origin, &result) {
            self.keep_speaker(now, before.clone(), error);
        }
        if matches!(result, Err(ReplyError::Superseded)) && self.put_back(now, &switching) {
            return self.switch_in_time(now);
        }
        let Some(run) = &mut self.cast else { return };
        let mut on = None;
        let answer = match result {
            Ok(ReplyOk::Composed { pts, .. }) if matches!(switching.origin, Origin::Speaker { .. }) => {
                run.shown = Some(switching.scene);
                let at = run.timeline.relative(pts);
                if let Some(participant) = self.roster.speaker().cloned().filter(|_| run.is_live()) {
                    self.announce(News::CastSpeaker { participant, at });
                }
                Ok(Reply::Done)
            }
            Ok(ReplyOk::Composed { pts, took_ms }) => {
                on = Some(pts);
                run.source = switching.source.clone();
                run.audio = switching.audio;
                run.shown = Some(switching.scene);
                let file = switching.file;
                let switched = SwitchResult {
                    source: switching.source,
                    took: Duration::from_millis(took_ms.into()),
                    program_pts: run.timeline.relative(pts),
                    transition: switching.transition,
                };
                self.file_is_on(file);
                self.announce(News::CastSwitched(switched.clone()));
                Ok(Reply::Switched(switched))
            }
            Ok(_) => Err(ControlError::Internal),
            Err(ReplyError::MediaNotReady { which }) if which.is_file() => {
                Err(switching.file_error(which).unwrap_or(ControlError::Internal))
            }
            Err(ReplyError::MediaNotReady { which }) => {
                let owner = self.roster.owner(which);
                let name = owner.map_or_else(|| "the source".to_owned(), |(who, _)| who.to_string());
                Err(ControlError::MediaNotReady(name))
            }
            Err(ReplyError::Timeout) => {
                Err(ControlError::SwitchTimeout(self.config.switching.switch_timeout_ms))
            }
            Err(ReplyError::Superseded) => Err(ControlError::SwitchSuperseded),
            Err(ReplyError::WrongState { .. }) => Err(ControlError::WorkerUnavailable),
            Err(
                ReplyError::OfferRefused { .. }
                | ReplyError::PictureInvalid { .. }
                | ReplyError::ClipInvalid { .. }
                | ReplyError::Internal { .. },
            ) => Err(ControlError::Internal),
        };
        if let Some(key) = switching.cue {
            let by_hand = switching.ticket.is_some();
            match (&answer, on) {
                (Ok(Reply::Switched(switched)), Some(pts)) => {
                    let (program_pts, clock) = (switched.program_pts, self.clock(now));
                    self.rundown.on(key, pts, program_pts, clock);
                }
                // Something else was switched to meanwhile: its own time is still to come.
                (Err(error @ (ControlError::SwitchSuperseded | ControlError::WorkerUnavailable)), _)
                    if !by_hand && switching.at.is_some_and(|at| now.media < at + PATIENCE) =>
                {
                    self.rundown.untold(key, Some(error), now.media);
                }
                (Err(error), _) => self.rundown.failed(key, by_hand, error, now.media),
                (Ok(_), _) => {}
            }
        }
        if let Some(ticket) = switching.ticket {
            self.answer(ticket, answer);
        }
        // The next one of those whose times are near may have waited for this one.
        self.switch_in_time(now);
    }
}
