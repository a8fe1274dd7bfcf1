//! What is not finished: the running era, and parts that wait for their sound.

use super::Era;
use crate::{
    media::{EncodedFrame, Track},
    units::MediaTime,
};
use std::{sync::Arc, time::Duration};

/// The running segment, its running part and the era they belong to.
#[derive(Debug)]
pub(super) struct OpenEra {
    pub(super) era: Arc<Era>,
    pub(super) lead: Track,
    /// When the era's first frame is shown; sound from before it has no place.
    pub(super) began: MediaTime,
    /// The segment's start.
    pub(super) start: MediaTime,
    pub(super) part_start: MediaTime,
    /// Length of the era's parts, whole frames.
    pub(super) part_length: Option<Duration>,
    /// The running part's.
    pub(super) frames: Vec<Arc<EncodedFrame>>,
    /// The running segment's.
    pub(super) bytes: usize,
    /// Nothing of the era is finished.
    pub(super) fresh: bool,
}

/// What waits for its turn, and for its sound.
#[derive(Debug)]
pub(super) enum Closing {
    Part(ClosingPart),
    SegmentEnd,
}

/// Where a part ends.
pub(super) struct CutPoint {
    /// So many frames of the running part are in it.
    pub(super) frames: usize,
    /// The following frame's times.
    pub(super) end: MediaTime,
    pub(super) lead_end: MediaTime,
    /// The segment ends too.
    pub(super) segment: bool,
}

/// A part whose picture is complete and whose sound may not be.
#[derive(Debug)]
pub(super) struct ClosingPart {
    pub(super) era: Arc<Era>,
    pub(super) lead: Track,
    pub(super) start: MediaTime,
    pub(super) end: MediaTime,
    /// Decoding time of the leading track's next frame.
    pub(super) lead_end: MediaTime,
    pub(super) independent: bool,
    pub(super) frames: Vec<Arc<EncodedFrame>>,
}

impl OpenEra {
    /// When the frame after the last one should be decoded.
    pub(super) fn decoded_until(&self) -> MediaTime {
        self.frames.last().map_or(self.part_start, |last| last.dts + Duration::from_nanos(last.duration.0))
    }
}
