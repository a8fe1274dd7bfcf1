//! Switches with a time of their own: kept here until it is near, then given to the worker, which takes them at their frame.

use super::{CastRun, ConferenceState, MAX_SWITCHES, Now, switching::Switching};
use crate::{
    control::{
        cast::{Switch, SwitchTime},
        conference::ask::Ticket,
        error::ControlError,
    },
    ipc::ProgramMode,
    units::MediaTime,
};
use std::time::Duration;

/// What of a request's time is left for the answer, beyond the switch's own timeout.
const ANSWER: Duration = Duration::from_secs(2);

/// A switch whose time has not come.
#[derive(Debug)]
pub(super) struct TimedSwitch {
    pub(super) ticket: Ticket,
    pub(super) switch: Switch,
    pub(super) at: MediaTime,
}

impl CastRun {
    /// Earliest first; of the same time, in the order of asking.
    fn wait(&mut self, timed: TimedSwitch) {
        let place = self.timed.partition_point(|waiting| waiting.at <= timed.at);
        self.timed.insert(place, timed);
    }
}

impl ConferenceState {
    /// When a switch is to be on the program, since the conference's epoch; checked to be within what a request can wait.
    pub(super) fn time_of(&self, now: Now, switch: &Switch) -> Result<Option<MediaTime>, ControlError> {
        let Some(at) = switch.at else { return Ok(None) };
        let run = self.live_cast()?;
        // A live cast has its zero.
        let zero = run.timeline.zero().unwrap_or_default();
        let field = at.field();
        let time = match at {
            SwitchTime::Program(pts) => zero + Duration::from_nanos(pts.0),
            SwitchTime::Wall(at) => {
                let ahead = at.duration_since(now.wall);
                let passed = || passed(field, run.timeline.relative(now.media));
                now.media + Duration::try_from(ahead).map_err(|_| passed())?
            }
        };
        if run.encoding.mode != ProgramMode::Compose {
            return Err(ControlError::invalid(field, only_composed(field)));
        }
        if time < now.media {
            return Err(passed(field, run.timeline.relative(now.media)));
        }
        let timeout = Duration::from_millis(self.config.switching.switch_timeout_ms.into());
        let most = self.config.request_timeout().saturating_sub(timeout + ANSWER);
        let ahead = time.since(now.media);
        if ahead > most {
            let detail = format!(
                "{field} is {} ms ahead; allowed: up to {} ms, for the answer comes when it has happened",
                ahead.as_millis(),
                most.as_millis()
            );
            return Err(ControlError::invalid(field, detail));
        }
        Ok(Some(time))
    }

    /// Keeps a switch until its time is near. What is wrong with it now is said now.
    pub(super) fn put_off(&mut self, now: Now, ticket: Ticket, switch: Switch, at: MediaTime) {
        if let Err(error) = self.check_switch(&switch) {
            return self.refuse(ticket, error);
        }
        let Some(run) = &mut self.cast else { return };
        if run.timed.len() >= MAX_SWITCHES {
            return self.refuse(ticket, ControlError::Overloaded { retry_after: Duration::from_secs(1) });
        }
        run.wait(TimedSwitch { ticket, switch, at });
        self.switch_in_time(now);
    }

    /// A switch that was asked for meanwhile took the place in the worker of one whose time is still to come: that waits
    /// again, and is told when the other is done. False of any other, which is over.
    pub(super) fn put_back(&mut self, now: Now, told: &Switching) -> bool {
        let Some(run) = &mut self.cast else { return false };
        let (Some(ticket), None, Some(at)) = (told.ticket, told.cue, told.at) else { return false };
        if at <= now.media || !run.is_live() {
            return false;
        }
        let (source, transition) = (told.source.clone(), told.transition);
        // Its time is known since it was asked for, and not looked up again.
        let switch = Switch { source, audio: told.audio_asked, transition, at: None };
        run.wait(TimedSwitch { ticket, switch, at });
        true
    }
}

/// Why a cast whose pictures pass through takes nothing at a time of its own.
pub(super) fn only_composed(field: &str) -> String {
    format!("{field} goes with encoding.mode compose: what passes through changes at keyframes")
}

fn passed(field: &str, program: MediaTime) -> ControlError {
    ControlError::invalid(field, format!("{field} has passed: the program is at {} ms", program.as_millis()))
}
