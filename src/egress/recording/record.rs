//! What is known of a recording, and kept beside its file.

use crate::ids::{ConferenceId, RecordingId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The file beside the movie that holds this.
pub const RECORD: &str = "recording.json";

/// A recording, as `recording.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    pub id: RecordingId,
    pub conference: ConferenceId,
    pub stage: Stage,
    /// Wall-clock time of its first frame.
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// From its first frame to the end of its last one.
    pub duration_ms: u64,
    /// Of its file.
    pub bytes: u64,
    /// Pixels; none without a picture.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Why it ended early; a sentence.
    pub error: Option<String>,
    /// The file is in the remote store, no longer on this disk.
    pub remote: bool,
    /// What its next stage waits for now; a sentence.
    #[serde(skip)]
    pub trouble: Option<String>,
}

/// How far a recording's file has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It grows; a fragmented file.
    Recording,
    /// It is made a plain file.
    Finishing,
    /// The plain file goes to the remote store.
    Uploading,
    /// Nothing is left to be done.
    Kept,
}

/// What the API calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingState {
    Recording,
    Finishing,
    Uploading,
    Ready,
    /// As ready, but it ended before its cast did: [`Recording::error`] says why.
    Failed,
}

impl Recording {
    /// A fresh one.
    pub fn begin(id: RecordingId, conference: ConferenceId, started_at: Timestamp) -> Self {
        Self {
            id,
            conference,
            stage: Stage::Recording,
            started_at,
            ended_at: None,
            duration_ms: 0,
            bytes: 0,
            width: None,
            height: None,
            error: None,
            remote: false,
            trouble: None,
        }
    }

    /// What the API calls it.
    pub fn state(&self) -> RecordingState {
        match (self.stage, &self.error) {
            (Stage::Recording, _) => RecordingState::Recording,
            (Stage::Finishing, _) => RecordingState::Finishing,
            (Stage::Uploading, _) => RecordingState::Uploading,
            (Stage::Kept, None) => RecordingState::Ready,
            (Stage::Kept, Some(_)) => RecordingState::Failed,
        }
    }

    /// The file is plain and has a playlist.
    pub fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Uploading | Stage::Kept)
    }

    /// Where it is in the list: newest first.
    pub fn order(&self) -> (std::cmp::Reverse<Timestamp>, RecordingId) {
        (std::cmp::Reverse(self.started_at), self.id.clone())
    }
}
