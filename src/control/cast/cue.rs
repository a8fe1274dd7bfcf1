//! A run-down: what is to be on the program one after the other, and what has become of it.

use super::{AudioChoice, Source, Switch, SwitchTime, Transition};
use crate::{
    control::error::ControlError,
    ids::{ConferenceId, CueId},
    units::MediaTime,
};
use std::time::Duration;

/// One entry of a run-down, valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    pub id: CueId,
    /// For people; up to 100 characters.
    pub name: String,
    pub source: Source,
    /// `None` keeps the choice.
    pub audio: Option<AudioChoice>,
    pub transition: Transition,
    pub when: CueTime,
}

/// When a cue is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CueTime {
    /// When somebody says so.
    Manual,
    /// At the first frame that is not before.
    At(SwitchTime),
    /// The same, so long after the cue before it was taken.
    After(Duration),
}

/// What has become of a cue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CueState {
    Waiting,
    /// The first of those that wait, or the one that is just being taken.
    Next,
    /// The last one that was taken.
    On,
    Done,
    /// It could not be shown when it was its turn.
    Failed,
    /// Its time passed, or another one was taken before it was its turn.
    Skipped,
}

impl CueState {
    /// In JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Next => "next",
            Self::On => "on",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Why a cue failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CueError {
    /// As in a problem.
    pub code: String,
    pub detail: String,
}

impl From<&ControlError> for CueError {
    fn from(error: &ControlError) -> Self {
        Self { code: error.code_and_status().0.to_owned(), detail: error.to_string() }
    }
}

/// A cue, as read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct CueView {
    pub cue: Cue,
    pub state: CueState,
    /// On the cast's timeline: when it is to be taken, as far as that is known by now.
    pub planned_pts: Option<MediaTime>,
    /// The first program frame that showed it.
    pub program_pts: Option<MediaTime>,
    pub error: Option<CueError>,
}

/// A run-down, as read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct RundownView {
    pub conference: ConferenceId,
    pub cues: Vec<CueView>,
}

impl Cue {
    /// The switch that takes it, now or when its time comes.
    pub fn switch(&self) -> Switch {
        Switch { source: self.source.clone(), audio: self.audio, transition: self.transition, at: None }
    }
}

/// What is wrong with a cue of a list, with its place in it.
pub fn in_cue(index: usize, error: ControlError) -> ControlError {
    let place = format!("cues[{index}]");
    match error {
        ControlError::NotImplemented(what) => ControlError::NotImplemented(format!("{place}: {what}")),
        error => {
            let field = error.field().map_or_else(|| place.clone(), |field| format!("{place}.{field}"));
            ControlError::invalid(&field, format!("{place}: {error}"))
        }
    }
}
