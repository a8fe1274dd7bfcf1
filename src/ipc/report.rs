//! A worker's figures.

use crate::{
    ids::{SessionId, SourceId},
    media::EncoderKind,
    units::Dbov,
};
use serde::{Deserialize, Serialize};

/// How loud everything was within a stretch of time: the loudest twenty milliseconds or so of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelReport {
    /// Of those whose sound comes, before mutes and gains.
    pub sources: Vec<(SourceId, Dbov)>,
    /// Of the program's sound; none without a program.
    pub program: Option<Dbov>,
}

/// A worker's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// Counters of the running program; zero without one.
    pub program: ProgramReport,
    /// One for each open source.
    pub sources: Vec<SourceReport>,
    /// Frames that the worker dropped since control did not read them in time.
    pub link_drops: u64,
}

/// Counters of a program since its start in this worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramReport {
    /// Video frames made.
    pub frames: u64,
    /// Frames of a live source that had to be shown again since no new one was there.
    pub repeated: u64,
    /// Frames left out since the encoder, or the machine, could not follow.
    pub dropped: u64,
    /// Pictures that smaller renditions left out, each counted, since their encoders could not follow.
    pub rendition_dropped: u64,
    /// What makes the pictures, or made them last; none before, and with [`ProgramMode::Passthrough`].
    pub encoder: Option<EncoderKind>,
    /// How often an encoder failed and the next one took its place.
    pub encoder_fallbacks: u64,
}

/// What a source delivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source.
    pub source: SourceId,
    /// The session that feeds it.
    pub session: SessionId,
    /// Its pictures, `None` until the first.
    pub video: Option<VideoReport>,
    /// Milliseconds since the last sound, `None` until the first.
    pub audio_age_ms: Option<u32>,
}

/// A source's pictures: as they are decoded, or as they come while they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoReport {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames so far.
    pub frames: u64,
    /// Milliseconds since the last one.
    pub age_ms: u32,
    /// A decoder runs for them.
    pub decoded: bool,
}
