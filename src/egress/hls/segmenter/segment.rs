//! What the segmenter hands on: frames, grouped, and what they have in common.

use crate::{
    media::{AudioConfig, EncodedFrame, VideoConfig},
    units::MediaTime,
};
use std::sync::Arc;

/// What the segments of one era have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Era {
    /// 0 for the first; every later one starts with a discontinuity.
    pub number: u32,
    /// The media time that is 0 in the segments. The same in all eras of a cast, so that timestamps go
    /// on rising over a discontinuity also for players that do not know the tag.
    pub base: MediaTime,
    pub video: Option<VideoConfig>,
    pub audio: Option<AudioConfig>,
    /// The smaller renditions' pictures; none for one that had not come when the era's first part went out.
    pub renditions: Vec<Option<VideoConfig>>,
}

/// Frames that become one fragment (`moof` + `mdat`), in decoding order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FrameRun {
    pub video: Vec<Arc<EncodedFrame>>,
    /// When the frame after the last one is decoded.
    pub video_end: MediaTime,
    pub audio: Vec<Arc<EncodedFrame>>,
    /// When the frame after the last one is decoded.
    pub audio_end: MediaTime,
}

/// A smaller rendition's pictures of one part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PictureRun {
    pub frames: Vec<Arc<EncodedFrame>>,
    /// When the frame after the last one is decoded.
    pub end: MediaTime,
}

/// What the segmenter says, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Cut {
    /// The running segment's next part; without low latency the whole segment.
    Part(Part),
    /// The parts since the last of these are a segment. One without parts is none.
    SegmentEnd,
}

/// A finished part of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub era: Arc<Era>,
    /// When its first frame is shown.
    pub start: MediaTime,
    /// When the next part's first frame is shown.
    pub end: MediaTime,
    /// It starts with a keyframe.
    pub independent: bool,
    pub run: FrameRun,
    /// The smaller renditions' pictures of the same time, in their order.
    pub renditions: Vec<PictureRun>,
}
