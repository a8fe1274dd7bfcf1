//! What was read from a recording, and what it means. Pure: the viewer feeds it, tests ask it.

mod report;

use super::{
    listener::{Heard, Listener},
    pattern::{self, Reading, Tile},
    planes::{Picture, PictureSize},
    tone::RATE,
};
pub use report::{AvOffset, Cadence, Report, Span, Switch, ToneChange};
use std::time::Duration;

/// A sound buffer that does not begin within so much of where the one before ended begins a new
/// stretch: more than a container that counts in milliseconds can be off.
const STEP_TOLERANCE_NS: i64 = 3_000_000;

/// Which test pictures to look for in each frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// One picture of this shape, as large as fits, in the middle.
    Single(PictureSize),
    /// These rectangles, in pixels of the recording.
    Tiles(Vec<Tile>),
}

impl Layout {
    fn tiles(&self, size: PictureSize) -> Vec<Tile> {
        match self {
            Self::Single(content) => vec![Tile::whole(size).letterboxed(*content)],
            Self::Tiles(tiles) => tiles.clone(),
        }
    }
}

/// One decoded frame.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoSample {
    /// When it is shown, nanoseconds.
    pub pts_ns: u64,
    /// What its tiles said, in the layout's order; `None` for a tile outside of the frame.
    pub tiles: Vec<Option<Reading>>,
}

/// Where on the timeline a stretch of sound begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Its first sample.
    pub sample: u64,
    /// When that is heard, nanoseconds.
    pub pts_ns: u64,
    /// How much later it begins than the stretch before ended, nanoseconds; negative: they overlap.
    pub step_ns: i64,
}

/// The sound of a recording, all channels mixed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AudioTrack {
    /// The findings, in samples.
    pub heard: Heard,
    /// The stretches; one, unless the timestamps jump. Empty when there is no sound.
    pub anchors: Vec<Anchor>,
}

impl AudioTrack {
    /// When a sample is heard, nanoseconds.
    pub fn time_ns(&self, sample: f64) -> u64 {
        let after = self.anchors.partition_point(|anchor| anchor.sample as f64 <= sample);
        match self.anchors.get(after.saturating_sub(1)) {
            Some(anchor) => {
                let offset = (sample - anchor.sample as f64) * 1e9 / f64::from(RATE);
                (anchor.pts_ns as f64 + offset).max(0.0) as u64
            }
            None => 0,
        }
    }

    /// Where the timestamps jump, and by how much (nanoseconds).
    pub fn steps(&self) -> impl Iterator<Item = &Anchor> {
        self.anchors.iter().skip(1)
    }
}

/// Everything that was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recording {
    /// The frames, in order of decoding.
    pub video: Vec<VideoSample>,
    /// The frame's size whenever it changed, with the time it did.
    pub sizes: Vec<(u64, PictureSize)>,
    /// The sound.
    pub audio: AudioTrack,
}

/// Takes frames and samples and keeps what they say.
#[derive(Debug)]
pub struct Recorder {
    layout: Layout,
    video: Vec<VideoSample>,
    sizes: Vec<(u64, PictureSize)>,
    listener: Listener,
    anchors: Vec<Anchor>,
    samples: u64,
}

impl Recorder {
    /// Looks for the pictures of `layout`.
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            video: Vec::new(),
            sizes: Vec::new(),
            listener: Listener::new(),
            anchors: Vec::new(),
            samples: 0,
        }
    }

    /// Takes a frame.
    pub fn frame(&mut self, pts_ns: u64, picture: &Picture<'_>) {
        if self.sizes.last().is_none_or(|(_, size)| *size != picture.size) {
            self.sizes.push((pts_ns, picture.size));
        }
        let tiles = self.layout.tiles(picture.size).into_iter();
        let tiles = tiles.map(|tile| pattern::read(picture, tile)).collect();
        self.video.push(VideoSample { pts_ns, tiles });
    }

    /// Takes sound: one channel at [`RATE`].
    pub fn sound(&mut self, pts_ns: u64, samples: &[f32]) {
        let step_ns = match self.anchors.last() {
            Some(anchor) => {
                let played = (self.samples - anchor.sample) as i64 * 1_000_000_000 / i64::from(RATE);
                pts_ns as i64 - (anchor.pts_ns as i64 + played)
            }
            None => 0,
        };
        if self.anchors.is_empty() || step_ns.abs() > STEP_TOLERANCE_NS {
            self.anchors.push(Anchor { sample: self.samples, pts_ns, step_ns });
        }
        self.listener.push(samples);
        self.samples += samples.len() as u64;
    }

    /// How much was taken: frames and samples, for a watchdog.
    pub fn taken(&self) -> (usize, u64) {
        (self.video.len(), self.samples)
    }

    /// How long the longer of the tracks is.
    pub fn length(&self) -> Duration {
        let sound = Duration::from_nanos(self.samples * 1_000_000_000 / u64::from(RATE));
        let first = self.video.first().map_or(0, |sample| sample.pts_ns);
        let last = self.video.last().map_or(0, |sample| sample.pts_ns);
        sound.max(Duration::from_nanos(last.saturating_sub(first)))
    }

    /// Everything that was read.
    pub fn finish(self) -> Recording {
        Recording {
            video: self.video,
            sizes: self.sizes,
            audio: AudioTrack { heard: self.listener.finish(), anchors: self.anchors },
        }
    }
}

#[cfg(test)]
mod tests;
