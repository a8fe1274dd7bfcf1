//! What all pictures of a program are encoded with.

use super::EncoderError;
use crate::{
    ipc::EncodingSpec,
    media::EncoderKind,
    worker::pipeline_file::{ParamValue, PipelineFile},
};
use gst::prelude::*;

/// The longest distance of keyframes that VA-API's encoders have a property for (`vah264enc`); they are asked for each
/// keyframe anyway.
const VA_MAX_KEYFRAME_FRAMES: u64 = 1024;

/// An encoder and its settings, for pictures of any size.
#[derive(Debug, Clone, Copy)]
pub(super) struct VideoSettings<'a> {
    pub(super) kind: EncoderKind,
    pub(super) fps: u32,
    keyframe_ms: u32,
    preset: &'a str,
    filler: bool,
}

impl<'a> VideoSettings<'a> {
    pub(super) fn of(kind: EncoderKind, spec: &'a EncodingSpec) -> Self {
        Self { kind, fps: spec.fps, keyframe_ms: spec.keyframe_ms, preset: &spec.preset, filler: spec.filler }
    }

    /// For finding out whether an encoder works at all: 30 frames a second.
    pub(super) const fn trial(kind: EncoderKind) -> Self {
        Self { kind, fps: 30, keyframe_ms: 2000, preset: "veryfast", filler: false }
    }

    /// Puts the encoder into `pipeline`, between two elements of it.
    pub(super) fn encode(
        &self,
        pipeline: &gst::Pipeline,
        [before, behind]: &[gst::Element; 2],
        (width, height): (u32, u32),
        kbps: u32,
    ) -> Result<(), EncoderError> {
        let file = PipelineFile::of(self.kind.role())?;
        let bin = file.bin(&self.values(width, height, kbps))?;
        pipeline.add(&bin).map_err(EncoderError::Link)?;
        gst::Element::link_many([before, bin.upcast_ref(), behind]).map_err(EncoderError::Link)
    }

    /// The parameters of the encoder's pipeline file.
    fn values(&self, width: u32, height: u32, kbps: u32) -> Vec<(&'static str, ParamValue)> {
        let frames = u64::from(self.keyframe_ms) * u64::from(self.fps) / 1000;
        let keyframe_frames = |most: u64| ("keyframe_frames", ParamValue::Int(frames.min(most) as i64));
        let video_kbps = ("video_kbps", ParamValue::Int(kbps.into()));
        let bps = i64::from(kbps) * 1000;
        let threads = ("threads", ParamValue::Int(encoder_threads(width, height, self.fps)));
        match self.kind {
            EncoderKind::Nvenc => vec![video_kbps, keyframe_frames(u64::MAX)],
            EncoderKind::Va | EncoderKind::Vaapi => vec![video_kbps, keyframe_frames(VA_MAX_KEYFRAME_FRAMES)],
            EncoderKind::V4l2 => {
                // Drivers know one of the two names for the distance of keyframes, and pass over the other.
                let controls = format!(
                    "controls,video_bitrate={bps},video_gop_size={frames},h264_i_frame_period={frames},repeat_sequence_header=1"
                );
                vec![("controls", ParamValue::Text(controls))]
            }
            EncoderKind::Openh264 => vec![threads, ("video_bps", ParamValue::Int(bps))],
            EncoderKind::X264 => {
                let mut options = "scenecut=0:open-gop=0".to_owned();
                if self.filler {
                    options.push_str(":nal-hrd=cbr");
                }
                vec![
                    threads,
                    ("preset", ParamValue::Text(self.preset.to_owned())),
                    video_kbps,
                    keyframe_frames(u64::MAX),
                    ("options", ParamValue::Text(options)),
                ]
            }
        }
    }
}

/// Slices cost a little quality each; one thread encodes 720p30 in less than a third of a core.
fn encoder_threads(width: u32, height: u32, fps: u32) -> i64 {
    let pixels = u64::from(width) * u64::from(height) * u64::from(fps);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    // One thread for each 1080p30 (62 M pixels a second), as far as there are cores.
    pixels.div_ceil(64_000_000).clamp(1, cores) as i64
}
