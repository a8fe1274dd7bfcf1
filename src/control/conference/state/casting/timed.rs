//! Switches with a time of their own: kept here until it is near, then given to the worker, which takes them at their frame.

use super::{CastRun, ConferenceState, MAX_SWITCHES, Now};
use crate::{
    control::{
        cast::{Switch, SwitchTime},
        conference::ask::Ticket,
        error::ControlError,
    },
    ipc::ProgramMode,
    units::MediaTime,
};
use std::time::{Duration, Instant};

/// The worker hears of a switch so long before its time: enough for a keyframe of who is not decoded (0.3 s as a rule, 1 s
/// when the first request is lost). Until then tiles re-flow, and mutes are in the scene that it is told.
const LEAD: Duration = Duration::from_millis(1500);
/// What of a request's time is left for the answer, beyond the switch's own timeout.
const ANSWER: Duration = Duration::from_secs(2);

/// A switch whose time has not come.
#[derive(Debug)]
pub(super) struct TimedSwitch {
    pub(super) ticket: Ticket,
    switch: Switch,
    at: MediaTime,
    /// When the worker is told.
    due: Instant,
}

impl CastRun {
    /// When the next switch is to be told, unless another one is under way for which somebody waits: after that it is.
    pub(super) fn next_timed(&self) -> Option<Instant> {
        let is_free = self.switches.values().all(|switching| switching.ticket.is_none());
        self.timed.first().filter(|_| is_free).map(|timed| timed.due)
    }
}

impl ConferenceState {
    /// When a switch is to be on the program, since the conference's epoch; checked to be within what a request can wait.
    pub(super) fn time_of(&self, now: Now, switch: &Switch) -> Result<Option<MediaTime>, ControlError> {
        let Some(at) = switch.at else { return Ok(None) };
        let run = self.live_cast()?;
        // A live cast has its zero.
        let zero = run.timeline.zero().unwrap_or_default();
        let (field, time) = match at {
            SwitchTime::Program(pts) => ("at_pts_ms", zero + Duration::from_nanos(pts.0)),
            SwitchTime::Wall(at) => {
                let ahead = at.duration_since(now.wall);
                let passed = || passed("at", run.timeline.relative(now.media));
                ("at", now.media + Duration::try_from(ahead).map_err(|_| passed())?)
            }
        };
        if run.encoding.mode != ProgramMode::Compose {
            let detail =
                format!("{field} goes with encoding.mode compose: what passes through changes at keyframes");
            return Err(ControlError::invalid(field, detail));
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
        let due = now.at + at.since(now.media).saturating_sub(LEAD);
        let place = run.timed.partition_point(|timed| timed.at <= at);
        run.timed.insert(place, TimedSwitch { ticket, switch, at, due });
        self.switch_in_time(now);
    }

    /// Tells the worker of the next switch whose time is near. One after the other: a newer switch would take the place of
    /// one that waits.
    pub(super) fn switch_in_time(&mut self, now: Now) {
        // One that is refused makes room for the next at once.
        while let Some(run) = &mut self.cast
            && run.next_timed().is_some_and(|due| due <= now.at)
        {
            let TimedSwitch { ticket, switch, at, .. } = run.timed.remove(0);
            self.switch_at(now, ticket, switch, Some(at));
        }
    }
}

fn passed(field: &str, program: MediaTime) -> ControlError {
    ControlError::invalid(field, format!("{field} has passed: the program is at {} ms", program.as_millis()))
}
