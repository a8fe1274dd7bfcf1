//! What control and worker say about media files that a program shows.

use crate::ids::SourceId;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A file to be played, once or again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// The folder that no file is outside of.
    pub dir: PathBuf,
    /// Below it; validated by control, and resolved within the folder by the worker.
    pub name: String,
    /// From its beginning again when it ends.
    pub repeat: bool,
    /// Where it begins, milliseconds.
    pub from_ms: u64,
    /// Stands still from the first picture on.
    pub paused: bool,
}

/// What can be asked of a file that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileAction {
    /// The picture stays, the sound is silent.
    Pause,
    /// On from there; from the beginning where it has ended.
    Play,
    /// To this position, milliseconds; it goes on to play, or stands still there.
    Seek { to_ms: u64 },
}

/// Where a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Which.
    pub source: SourceId,
    /// Milliseconds from the file's beginning.
    pub position_ms: u64,
    /// Its length, where it is known.
    pub duration_ms: Option<u64>,
    /// It stands still.
    pub paused: bool,
}

/// Why a file cannot be played, or not any further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum FileFault {
    /// Not there, no file, or outside of its folder.
    #[error("it is not there")]
    NotFound,
    /// Nothing in it can be played.
    #[error("{detail}")]
    Unsupported { detail: String },
}
