//! A conference's run-down, pure: which cue is when, which is next, what has become of each. It knows no worker: it is told
//! what was asked of one and what came of it.
//!
//! 1. A cue that is taken, or fails when it is its turn, leaves no cue before it waiting: those are skipped.
//! 2. By itself a cue is taken once. Only [`Rundown::take`] of an earlier one lets those after it wait again.
//! 3. Times of the clock are looked up anew each time; what is on the air has its time in the media's clock.

mod entry;
#[cfg(test)]
mod tests;
mod times;

pub use self::times::Clock;

use self::{
    entry::{Entry, Progress},
    times::check_times,
};
use crate::{
    control::{
        cast::{Cue, CueError, CueState, CueTime, SwitchTime},
        error::ControlError,
    },
    ids::CueId,
    units::MediaTime,
};
/// A newer switch may take the place of a cue that waits in the worker, which is then told again. So often; then something
/// else is wrong.
const MAX_TRIES: u8 = 8;

/// One cue, as long as it stands in the list unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CueKey(u64);

/// A cue whose time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub key: CueKey,
    /// Since the conference's epoch.
    pub at: MediaTime,
}

/// A cue as it is: for those who show it, tell of it or store it.
#[derive(Debug, Clone, PartialEq)]
pub struct CueNow {
    pub key: CueKey,
    pub cue: Cue,
    pub state: CueState,
    /// Since the conference's epoch.
    pub planned: Option<MediaTime>,
    pub program_pts: Option<MediaTime>,
    pub error: Option<CueError>,
}

/// What is stored of a cue.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredState {
    pub cue: Cue,
    pub state: CueState,
    pub program_pts: Option<MediaTime>,
    pub error: Option<CueError>,
}

/// The list. Empty is none.
#[derive(Debug, Clone, Default)]
pub struct Rundown {
    entries: Vec<Entry>,
    next_key: u64,
    /// Counts every change.
    revision: u64,
    /// Counts the lists.
    lists: u64,
    /// A cast is live: times of the program are its.
    begun: bool,
}

impl Rundown {
    /// A list that was stored. `begun`: in the middle of a cast, which is over by now.
    pub fn restored(begun: bool, cues: impl IntoIterator<Item = StoredState>) -> Self {
        let mut rundown = Self::default();
        for StoredState { cue, state, program_pts, error } in cues {
            let mut entry = rundown.entry(cue);
            entry.program_pts = program_pts;
            entry.progress = match (state, error) {
                (CueState::Waiting | CueState::Next, _) => Progress::Waiting,
                (CueState::On | CueState::Done, _) => Progress::Done,
                (CueState::Failed, Some(error)) => Progress::Failed(error),
                (CueState::Failed, None) | (CueState::Skipped, _) => Progress::Skipped,
            };
            rundown.entries.push(entry);
        }
        if begun {
            rundown.cast_over();
        }
        rundown
    }

    fn entry(&mut self, cue: Cue) -> Entry {
        self.next_key += 1;
        let key = CueKey(self.next_key);
        Entry { key, cue, progress: Progress::Waiting, settled: None, program_pts: None, tries: 0 }
    }

    /// Changes with everything in it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A cast is live in which it is taken.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Changes with each list that is put or cleared.
    pub fn lists(&self) -> u64 {
        self.lists
    }

    /// Another list takes the place of this one; an empty one is none. A cue that stands in both, unchanged, keeps what has
    /// become of it.
    ///
    /// # Errors
    /// `invalid_request`: times that are in no order, or have passed while a cast is live.
    pub fn put(&mut self, cues: Vec<Cue>, clock: Clock) -> Result<(), ControlError> {
        let former = |cue: &Cue| self.entries.iter().find(|entry| entry.cue == *cue);
        let settled = |cue: &Cue| former(cue).is_some_and(|entry| entry.progress.is_settled());
        check_times(&cues, clock, |cue| former(cue).is_some(), settled)?;
        let kept: Vec<Option<Entry>> = cues.iter().map(|cue| former(cue).cloned()).collect();
        let entries = cues.into_iter().zip(kept).map(|(cue, kept)| kept.unwrap_or_else(|| self.entry(cue)));
        self.entries = entries.collect();
        self.revision += 1;
        self.lists += 1;
        Ok(())
    }

    /// What is to be taken by that id.
    pub fn find(&self, id: &CueId) -> Option<CueKey> {
        self.entries.iter().find(|entry| entry.cue.id == *id).map(|entry| entry.key)
    }

    /// The cue.
    pub fn cue(&self, key: CueKey) -> Option<&Cue> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.cue)
    }

    /// The one that is taken next, by hand or by its time.
    pub fn next(&self) -> Option<CueKey> {
        self.entries.iter().find(|entry| entry.progress.is_open()).map(|entry| entry.key)
    }

    /// The next one that is taken by itself, among those whose times are known and of which the worker was not told: the
    /// earliest, and of two at once the one that stands first.
    pub fn due(&self, clock: Clock) -> Option<Due> {
        let planned = self.planned(clock);
        let mut armed = true;
        let mut due: Option<Due> = None;
        for (entry, at) in self.entries.iter().zip(planned) {
            // What comes after another one waits until that one is settled.
            let is_armed = armed || !matches!(entry.cue.when, CueTime::After(_));
            armed = entry.progress.is_settled();
            if let Some(at) = at.filter(|_| is_armed && entry.progress == Progress::Waiting)
                && due.is_none_or(|due| at < due.at)
            {
                due = Some(Due { key: entry.key, at });
            }
        }
        due
    }

    /// When each is to be taken, of those that are not, as far as it is known.
    fn planned(&self, clock: Clock) -> Vec<Option<MediaTime>> {
        let mut before: Option<MediaTime> = None;
        let plan = |entry: &Entry| {
            let planned = match entry.cue.when {
                CueTime::Manual => None,
                CueTime::At(time) => clock.media(time),
                CueTime::After(time) => before.map(|before| before + time),
            };
            let planned = planned.filter(|_| entry.progress.is_open());
            before = entry.settled.or(planned);
            planned
        };
        self.entries.iter().map(plan).collect()
    }

    fn index(&self, key: CueKey) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key == key)
    }

    /// The worker was told of a cue whose time is near.
    pub fn told(&mut self, key: CueKey) {
        self.step(key, Progress::Waiting, |entry| entry.progress = Progress::Told);
    }

    /// A cue of which the worker was told will not be taken by that: it waits again. `fault`: something took its place; else
    /// the worker was lost.
    pub fn untold(&mut self, key: CueKey, fault: Option<&ControlError>, at: MediaTime) {
        let mut lost_often = false;
        self.step(key, Progress::Told, |entry| {
            entry.progress = Progress::Waiting;
            entry.tries += u8::from(fault.is_some());
            lost_often = entry.tries >= MAX_TRIES;
        });
        if let Some(error) = fault.filter(|_| lost_often) {
            self.fail(key, error, at);
        }
    }

    /// Somebody asked for this one: the worker is told to switch to it at once.
    pub fn take(&mut self, key: CueKey) {
        let Some(index) = self.index(key) else { return };
        self.entries[index].reset();
        self.entries[index].progress = Progress::Taking;
        self.revision += 1;
    }

    /// It is on the program since `at`, which is `program_pts` for those who watch.
    pub fn on(&mut self, key: CueKey, at: MediaTime, program_pts: MediaTime, clock: Clock) {
        let Some(index) = self.index(key) else { return };
        let by_hand = self.entries[index].progress == Progress::Taking;
        self.skip_before(index, at);
        for entry in &mut self.entries {
            if entry.progress == Progress::On {
                entry.progress = Progress::Done;
            }
        }
        self.entries[index].settle(Progress::On, at);
        self.entries[index].program_pts = Some(program_pts);
        if by_hand {
            self.run_again_after(index, clock);
        }
        self.revision += 1;
    }

    /// It could not be shown.
    pub fn fail(&mut self, key: CueKey, error: &ControlError, at: MediaTime) {
        let Some(index) = self.index(key).filter(|index| !self.entries[*index].progress.is_settled()) else {
            return;
        };
        self.skip_before(index, at);
        self.entries[index].settle(Progress::Failed(error.into()), at);
        self.revision += 1;
    }

    /// What was asked of the worker for it came to nothing. `by_hand` tells which of two requests for the same cue that was:
    /// the one that counts is the last.
    pub fn failed(&mut self, key: CueKey, by_hand: bool, error: &ControlError, at: MediaTime) {
        let expected = if by_hand { Progress::Taking } else { Progress::Told };
        if self.index(key).is_some_and(|index| self.entries[index].progress == expected) {
            self.fail(key, error, at);
        }
    }

    /// A cast is live: what should have been on it by now is skipped.
    pub fn cast_begins(&mut self, clock: Clock) {
        self.begun = true;
        self.revision += u64::from(!self.entries.is_empty());
        self.expire(clock);
    }

    /// Skips what waits and whose time is over, while no cast is live or at the moment when one is.
    pub fn expire(&mut self, clock: Clock) {
        while let Some(Due { key, at }) = self.due(clock).filter(|due| due.at <= clock.now.media) {
            let Some(index) = self.index(key) else { return };
            // As if it had been taken then: what comes after it may still have its time.
            self.entries[index].settle(Progress::Skipped, at);
            self.revision += 1;
        }
    }

    /// The cast is over: what had its time by it will not be taken.
    pub fn cast_over(&mut self) {
        self.begun = false;
        let mut armed = false;
        for entry in &mut self.entries {
            match entry.progress {
                Progress::On => entry.progress = Progress::Done,
                Progress::Told | Progress::Taking => entry.progress = Progress::Waiting,
                _ => {}
            }
            let by_the_cast = match entry.cue.when {
                CueTime::Manual | CueTime::At(SwitchTime::Wall(_)) => false,
                CueTime::At(SwitchTime::Program(_)) => true,
                CueTime::After(_) => armed,
            };
            if by_the_cast && entry.progress == Progress::Waiting {
                entry.progress = Progress::Skipped;
            }
            entry.settled = None;
            armed = entry.progress.is_settled();
        }
        self.revision += u64::from(!self.entries.is_empty());
    }

    /// Each as it is.
    pub fn cues(&self, clock: Clock) -> Vec<CueNow> {
        let next = self.entries.iter().position(|entry| !entry.progress.is_settled());
        let planned = self.planned(clock);
        let now = |(index, (entry, planned)): (usize, (&Entry, Option<MediaTime>))| CueNow {
            key: entry.key,
            cue: entry.cue.clone(),
            state: match entry.progress {
                Progress::Waiting | Progress::Told | Progress::Taking if next == Some(index) => {
                    CueState::Next
                }
                Progress::Waiting | Progress::Told | Progress::Taking => CueState::Waiting,
                Progress::On => CueState::On,
                Progress::Done => CueState::Done,
                Progress::Failed(_) => CueState::Failed,
                Progress::Skipped => CueState::Skipped,
            },
            planned,
            program_pts: entry.program_pts,
            error: match &entry.progress {
                Progress::Failed(error) => Some(error.clone()),
                _ => None,
            },
        };
        self.entries.iter().zip(planned).enumerate().map(now).collect()
    }

    fn step(&mut self, key: CueKey, from: Progress, step: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key && entry.progress == from)
        {
            step(entry);
            self.revision += 1;
        }
    }

    fn skip_before(&mut self, index: usize, at: MediaTime) {
        for entry in self.entries[..index].iter_mut().filter(|entry| entry.progress.is_open()) {
            entry.settle(Progress::Skipped, at);
        }
    }

    /// Somebody went back: what comes after this one will be taken again, unless its time is over.
    fn run_again_after(&mut self, index: usize, clock: Clock) {
        for entry in self.entries[index + 1..].iter_mut().filter(|entry| entry.progress.is_settled()) {
            let ahead = match entry.cue.when {
                CueTime::Manual | CueTime::After(_) => true,
                CueTime::At(time) => clock.media(time).is_some_and(|at| at > clock.now.media),
            };
            if ahead {
                entry.reset();
            }
        }
    }
}
