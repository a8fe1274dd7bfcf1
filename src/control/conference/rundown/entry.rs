//! A cue and how far it is.

use super::CueKey;
use crate::{
    control::cast::{Cue, CueError},
    units::MediaTime,
};

/// How far a cue is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Progress {
    Waiting,
    /// Its time is near: the worker was told.
    Told,
    /// Somebody asked for it: the worker was told to switch at once.
    Taking,
    On,
    Done,
    Failed(CueError),
    Skipped,
}

impl Progress {
    pub(super) fn is_settled(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Told | Self::Taking)
    }

    /// It can be taken as the next one.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Told)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: CueKey,
    pub(super) cue: Cue,
    pub(super) progress: Progress,
    /// When that was, since the conference's epoch: what comes "after" counts from here.
    pub(super) settled: Option<MediaTime>,
    pub(super) program_pts: Option<MediaTime>,
    pub(super) tries: u8,
}

impl Entry {
    pub(super) fn settle(&mut self, progress: Progress, at: MediaTime) {
        self.progress = progress;
        self.settled = Some(at);
    }

    pub(super) fn reset(&mut self) {
        self.progress = Progress::Waiting;
        (self.settled, self.program_pts, self.tries) = (None, None, 0);
    }
}
