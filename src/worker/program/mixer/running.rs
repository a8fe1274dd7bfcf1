//! A program that runs: what it is made of, and where it stands.

use super::{StartProgram, lateness::Lateness};
use crate::{
    ids::RequestId,
    ipc::ProgramSpec,
    units::{FrameRate, MediaTime},
    worker::{
        encoder::EncoderInput,
        program::{
            crossfade::Crossfade, director::Director, frame::Frame, loudness::Loudness, motion::Motion,
            sound, standby::Standby,
        },
    },
};
use std::time::Duration;

/// The first frame waits so long for those who are in the first scene, whose decoders have rested: as switches to tiles
/// do. A start has seconds.
const START_PATIENCE: Duration = Duration::from_secs(1);

/// A running program.
pub(super) struct Running {
    pub(super) spec: ProgramSpec,
    pub(super) input: EncoderInput,
    pub(super) picture: Crossfade,
    pub(super) slate: Frame,
    pub(super) director: Director,
    pub(super) keyframe_wanted: bool,
    /// Who wants the next picture.
    pub(super) stills: Vec<RequestId>,
    pub(super) standby: Standby,
    /// The first frame waits until then at most.
    pub(super) begins: Option<MediaTime>,
    /// Time of frame 0 and number of the next frame.
    pub(super) start: MediaTime,
    pub(super) next: u64,
    /// The frame from which the distance of keyframes is counted: the encoder's first.
    pub(super) gop_begins: u64,
    pub(super) lateness: Lateness,
    /// The sound of the next frame starts with this sample.
    pub(super) next_sample: i64,
    pub(super) loudness: Option<Loudness>,
    /// Tiles are on their way.
    pub(super) motion: Option<Motion>,
}

impl Running {
    /// One that begins now, and shows sources as they were `delay` earlier.
    pub(super) fn new(start: StartProgram, now: MediaTime, delay: Duration) -> Self {
        let StartProgram { spec, input, canvas, slate } = start;
        Self {
            director: Director::new(spec.scene.clone()),
            input,
            picture: Crossfade::new(canvas),
            slate,
            keyframe_wanted: true,
            stills: Vec::new(),
            standby: Standby::new(spec.standby as usize),
            begins: Some(now + START_PATIENCE),
            start: now,
            next: 0,
            gop_begins: 0,
            lateness: Lateness::new(now),
            next_sample: sound::sample_before(now, delay),
            motion: None,
            loudness: Loudness::towards(spec.encoding.loudness_lufs),
            spec,
        }
    }

    /// The frame whose time is nearest.
    pub(super) fn frame_at(&self, pts: MediaTime) -> u64 {
        let since = pts.since(self.start).as_nanos() as u64;
        (since * u64::from(self.spec.encoding.fps) + 500_000_000) / 1_000_000_000
    }

    pub(super) fn time_of(&self, frame: u64) -> MediaTime {
        self.start + FrameRate(self.spec.encoding.fps).frame_time(frame).since(MediaTime::ZERO)
    }
}
