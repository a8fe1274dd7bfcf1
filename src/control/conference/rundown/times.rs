//! When cues are: the clocks, and whether a list's times are in order.

use crate::{
    control::{
        cast::{Cue, CueTime, SwitchTime},
        conference::state::Now,
        error::ControlError,
    },
    units::MediaTime,
};
use std::time::Duration;

/// The clocks by which cues have their times.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub now: Now,
    /// Of the cast that is live, since the conference's epoch.
    pub zero: Option<MediaTime>,
}

impl Clock {
    /// A time that somebody wrote down, since the conference's epoch.
    pub fn media(&self, time: SwitchTime) -> Option<MediaTime> {
        match time {
            SwitchTime::Program(pts) => Some(self.zero? + Duration::from_nanos(pts.0)),
            SwitchTime::Wall(at) => {
                let ahead = at.duration_since(self.now.wall);
                let away = u64::try_from(ahead.as_nanos().unsigned_abs()).unwrap_or(u64::MAX);
                let (now, away) = (self.now.media, Duration::from_nanos(away));
                Some(if ahead.is_negative() { now - away } else { now + away })
            }
        }
    }
}

/// Times by one clock stand in order; with a cast that is live those of both clocks do, and none has passed. What is `settled`
/// has no time any more, and the time of what was `known` before may just pass.
pub(super) fn check_times(
    cues: &[Cue],
    clock: Clock,
    known: impl Fn(&Cue) -> bool,
    settled: impl Fn(&Cue) -> bool,
) -> Result<(), ControlError> {
    let mut last: [Option<(usize, SwitchTime)>; 2] = [None, None];
    let mut latest: Option<(usize, MediaTime)> = None;
    for (index, cue) in cues.iter().enumerate().filter(|(_, cue)| !settled(cue)) {
        let CueTime::At(time) = cue.when else { continue };
        let by = usize::from(matches!(time, SwitchTime::Wall(_)));
        let field = format!("cues[{index}].{}", time.field());
        let early = |before: usize| {
            ControlError::invalid(&field, format!("{field} is before the time of cues[{before}]"))
        };
        match (last[by], time) {
            (Some((before, SwitchTime::Program(last))), SwitchTime::Program(at)) if at < last => {
                return Err(early(before));
            }
            (Some((before, SwitchTime::Wall(last))), SwitchTime::Wall(at)) if at < last => {
                return Err(early(before));
            }
            _ => last[by] = Some((index, time)),
        }
        // Without a cast nobody knows yet where a time of the program is; what has passed is skipped.
        if let (Some(zero), Some(at)) = (clock.zero, clock.media(time)) {
            if at < clock.now.media && !known(cue) {
                let program = clock.now.media.since(zero).as_millis();
                let detail = format!("{field} has passed: the program is at {program} ms");
                return Err(ControlError::invalid(&field, detail));
            }
            if let Some((before, _)) = latest.filter(|(_, latest)| at < *latest) {
                return Err(early(before));
            }
            latest = Some((index, at));
        }
    }
    Ok(())
}
