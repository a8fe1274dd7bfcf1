//! The lane to the worker for what has a time of its own, switches and cues: each is told when its time is near, one after
//! the other, for a newer switch takes the place of one that waits in the worker.

use super::{CastRun, ConferenceState, MAX_SWITCHES, Now, ProgramPhase, timed::TimedSwitch};
use crate::{
    control::{
        conference::rundown::{CueKey, Due},
        error::ControlError,
    },
    units::MediaTime,
};
use std::time::{Duration, Instant};

/// The worker hears of a switch so long before its time: enough for a keyframe of who is not decoded (0.3 s as a rule, 1 s
/// when the first request is lost). Until then tiles re-flow, and mutes are in the scene that it is told.
const LEAD: Duration = Duration::from_millis(1500);
/// A cue whose source is not ready has at least so long beyond its time, when the next one's has come as well.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);
/// A cue that could not be told for so long beyond its time, since there is no program to switch, has failed. A worker is
/// replaced in a second or two.
const LATE: Duration = Duration::from_secs(10);

/// Whose turn it is.
enum Turn {
    /// The first of the switches that wait.
    Switch,
    Cue(Due),
    /// A cue that cannot be shown; what comes after it counts from this time.
    Fail(CueKey, ControlError, MediaTime),
}

impl CastRun {
    /// Whether the worker can be told of a switch for `at`. What somebody waits for is not overtaken. A cue is by what comes
    /// before it, and has to wait again; or when it is not ready and the next one's time has come.
    fn lane_is_free(&self, at: MediaTime, now: MediaTime) -> bool {
        self.switches.values().all(|told| match (told.ticket, told.cue, told.at) {
            (Some(_), ..) => false,
            (None, None, _) => true,
            (None, Some(_), Some(told)) => told > at || (at <= now && told + PATIENCE <= now),
            (None, Some(_), None) => false,
        })
    }
}

impl ConferenceState {
    /// Tells the worker of everything whose time is near.
    pub(super) fn switch_in_time(&mut self, now: Now) {
        // One that fails makes room for the next at once.
        while let Some(turn) = self.turn(now) {
            match turn {
                Turn::Switch => {
                    let Some(run) = &mut self.cast else { return };
                    let TimedSwitch { ticket, switch, at } = run.timed.remove(0);
                    self.switch_at(now, ticket, switch, Some(at));
                }
                Turn::Cue(due) => self.tell_cue(now, due),
                Turn::Fail(key, error, at) => self.rundown.fail(key, &error, at),
            }
        }
    }

    /// The earliest that can be told now.
    fn turn(&self, now: Now) -> Option<Turn> {
        let run = self.live_cast().ok()?;
        let switch = run.timed.first().map(|timed| timed.at);
        let switch = switch.filter(|at| *at <= now.media + LEAD && run.lane_is_free(*at, now.media));
        let cue = self.cue_turn(now, run);
        let turns = [cue, switch.map(|at| (at, Turn::Switch))];
        turns.into_iter().flatten().min_by_key(|(at, _)| *at).map(|(_, turn)| turn)
    }

    fn cue_turn(&self, now: Now, run: &CastRun) -> Option<(MediaTime, Turn)> {
        let due = self.rundown.due(self.clock(now)).filter(|due| due.at <= now.media + LEAD)?;
        let fail = |error, at| Some((due.at, Turn::Fail(due.key, error, at)));
        match self.check_cue(self.rundown.cue(due.key)?) {
            // They may still come.
            Err(ControlError::ParticipantNotFound(_) | ControlError::StreamNotFound { .. })
                if now.media < due.at =>
            {
                None
            }
            Err(error) => fail(error, due.at),
            Ok(()) if due.at + LATE <= now.media => fail(ControlError::WorkerUnavailable, now.media),
            Ok(()) => {
                let free = run.program == ProgramPhase::On
                    && run.switches.len() < MAX_SWITCHES
                    && run.lane_is_free(due.at, now.media);
                free.then_some((due.at, Turn::Cue(due)))
            }
        }
    }

    /// When there may be something to tell, or a cue's time is over.
    pub(in super::super) fn lane_deadline(&self, now: Now) -> Option<Instant> {
        let due = self.rundown.due(self.clock(now)).map(|due| due.at);
        let mut times: Vec<MediaTime> = due.into_iter().collect();
        if let Ok(run) = self.live_cast() {
            times.extend(due.into_iter().flat_map(|at| [at - LEAD, at + LATE]));
            times.extend(run.timed.first().into_iter().flat_map(|timed| [timed.at - LEAD, timed.at]));
            let told = run.switches.values().filter(|told| told.cue.is_some());
            times.extend(told.filter_map(|told| told.at).map(|at| at + PATIENCE));
        }
        let next = times.into_iter().filter(|at| *at > now.media).min()?;
        Some(now.at + next.since(now.media))
    }
}
