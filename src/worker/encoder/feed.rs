//! What the encoder makes, for those in the worker who send it on themselves: its H.264 as it comes out, and the
//! sound as it goes in, since they code that otherwise.

use crate::{
    media::EncodedFrame,
    worker::{
        coded::CodedFormat,
        forward::relay::{Relay, RelayedMedium},
        program::sound,
        timeline::presented_at,
    },
};

/// Frames kept for a listener that is late: a second of pictures and the sound between them.
const FRAMES: usize = 64;

/// The way to the listeners.
pub type ProgramFeed = Relay<FedFrame, FRAMES>;

/// A picture, or the sound of one. Its timestamps are running time on the worker's timeline; pictures have their
/// caps, with the parameter sets in them.
#[derive(Debug, Clone)]
pub struct FedFrame {
    pub medium: RelayedMedium,
    pub frame: gst::Sample,
}

impl FedFrame {
    /// An access unit from x264, whose own timestamps count from elsewhere.
    pub(super) fn picture(sample: &gst::Sample) -> Option<Self> {
        let mut buffer = sample.buffer()?.copy();
        let pts = gst::ClockTime::from_nseconds(presented_at(sample)?.0);
        if let Some(header) = buffer.get_mut() {
            header.set_pts(pts);
            header.set_dts(pts);
        }
        let frame = gst::Sample::builder().buffer(&buffer).caps(&sample.caps_owned()?).build();
        Some(Self { medium: RelayedMedium::Video, frame })
    }

    /// An access unit that passes through.
    pub(super) fn coded(format: &CodedFormat, frame: &EncodedFrame) -> Option<Self> {
        let mut buffer = gst::Buffer::from_slice(frame.data.clone());
        if let Some(header) = buffer.get_mut() {
            header.set_pts(gst::ClockTime::from_nseconds(frame.pts.0));
            header.set_dts(gst::ClockTime::from_nseconds(frame.dts.0));
            if !frame.keyframe {
                header.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        let frame = gst::Sample::builder().buffer(&buffer).caps(&format.caps()).build();
        Some(Self { medium: RelayedMedium::Video, frame })
    }

    /// Interleaved samples with their time.
    pub fn sound(samples: gst::Buffer) -> Self {
        let frame = gst::Sample::builder().buffer(&samples).build();
        Self { medium: RelayedMedium::Audio, frame }
    }
}

/// How the program's sound is sampled.
pub fn sound_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved")
        .field("rate", sound::RATE as i32)
        .field("channels", sound::CHANNELS as i32)
        .build()
}
