//! A media file as what the program shows.

use crate::media_dir::MediaName;
use std::time::Duration;

/// A file to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSource {
    /// Below `media.dir`.
    pub name: MediaName,
    /// Again and again.
    pub repeat: bool,
    /// Where it begins.
    pub from: Duration,
    /// What comes when it ends.
    pub then: AfterFile,
}

/// What the program shows when a file ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterFile {
    /// What was on before the file, or before the files.
    #[default]
    Previous,
    /// The slate.
    Slate,
    /// The file's last picture.
    Hold,
}

/// Where the file on the program stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileView {
    /// From the file's beginning.
    pub position_ms: u64,
    /// Its length, where it is known.
    pub duration_ms: Option<u64>,
    /// It stands still.
    pub paused: bool,
}
