//! What the mixer counts.

use crate::{ipc::ProgramReport, worker::level::LevelMeter};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters that anybody may read.
#[derive(Debug, Default)]
pub struct ProgramMeter {
    pub(super) frames: AtomicU64,
    /// Frames with or without a picture, of all programs.
    pub(super) turns: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) rendition_dropped: AtomicU64,
    /// Of the mixed sound.
    pub level: LevelMeter,
}

impl ProgramMeter {
    /// The figures for control.
    pub fn report(&self) -> ProgramReport {
        ProgramReport {
            frames: self.frames.load(Relaxed),
            repeated: self.repeated.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            rendition_dropped: self.rendition_dropped.load(Relaxed),
            // The encoder is not the mixer's.
            ..ProgramReport::default()
        }
    }

    /// As [`ProgramReport::frames`].
    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// Frames that the mixer has come to, whether or not it gave out a picture; never counted anew.
    pub fn turns(&self) -> u64 {
        self.turns.load(Relaxed)
    }

    pub(super) fn reset(&self) {
        for counter in [&self.frames, &self.repeated, &self.dropped, &self.rendition_dropped] {
            counter.store(0, Relaxed);
        }
    }
}
