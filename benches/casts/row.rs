//! What is cast.

use crate::clips::Clip;
use std::path::PathBuf;

/// How the program is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Tiled (one alone fills the frame), 720p30 in x264 veryfast at 2.5 Mbit/s, AAC at 128 kbit/s.
    Composed,
    /// One participant's H.264 as it comes, Opus made AAC.
    Passthrough,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    /// What a sender sends who knows nothing of his tile.
    pub clip: Clip,
    /// What he sends to us.
    pub told: Clip,
    pub people: usize,
    pub mode: Mode,
}

impl Row {
    /// What each participant sends to us.
    pub fn clips(&self) -> Vec<PathBuf> {
        (0..self.people).map(|number| self.told.file(number)).collect()
    }

    /// What each participant sends to somebody who tells him nothing.
    pub fn unhinted_clips(&self) -> Vec<PathBuf> {
        (0..self.people).map(|number| self.clip.file(number)).collect()
    }
}
