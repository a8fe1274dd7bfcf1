//! The one media type that crosses rooms: encoded frames and what a decoder must know before them.

use crate::units::MediaTime;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Which of the program's two tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Track {
    /// H.264, one access unit a frame, length-prefixed NAL units (4 bytes, ISO 14496-15 "avc1").
    Video,
    /// AAC-LC, one raw frame (1024 samples, no ADTS header) a frame.
    Audio,
}

/// A smaller rendition's place in the cast's `encoding.renditions`. Its pictures are [`Track::Video`] too;
/// they travel beside the program's, never among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RenditionIndex(pub u8);

/// Which encoder makes a composed program's H.264.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderChoice {
    /// A hardware encoder that works, else x264, else OpenH264; the next of them when one fails.
    #[default]
    Auto,
    /// x264 or none.
    X264,
    /// OpenH264 or none.
    Openh264,
}

/// An encoder that can make a composed program's H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EncoderKind {
    /// NVIDIA's (`nvh264enc`).
    Nvenc,
    /// VA-API's, by GStreamer's newer plugin (`vah264enc`).
    Va,
    /// VA-API's, by the older plugin (`vaapih264enc`).
    Vaapi,
    /// A video device of the kernel (`v4l2h264enc`).
    V4l2,
    /// x264.
    X264,
    /// OpenH264.
    Openh264,
}

impl EncoderKind {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvenc => "nvenc",
            Self::Va => "va",
            Self::Vaapi => "vaapi",
            Self::V4l2 => "v4l2",
            Self::X264 => "x264",
            Self::Openh264 => "openh264",
        }
    }
}

/// One encoded frame of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodedFrame {
    /// Its track.
    pub track: Track,
    /// When it is shown or heard.
    pub pts: MediaTime,
    /// When it is decoded; equals `pts` as long as the encoder makes no B-frames.
    pub dts: MediaTime,
    /// How long it lasts.
    pub duration: MediaTime,
    /// Decoding can start here (IDR). Every audio frame is one.
    pub keyframe: bool,
    /// The bytes, in the format [`Track`] names.
    pub data: Bytes,
}

/// What a decoder needs before a track's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrackConfig {
    /// H.264.
    Video(VideoConfig),
    /// AAC.
    Audio(AudioConfig),
}

/// The video track's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoConfig {
    /// AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1).
    pub avcc: Bytes,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second; nominal where a participant sends them.
    pub fps: u32,
    /// The encoder's target, kbit/s: what RTMP metadata and HLS `BANDWIDTH` announce. 0: nobody knows, since the
    /// pictures come as a participant sends them.
    pub kbps: u32,
}

/// The audio track's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioConfig {
    /// AudioSpecificConfig (ISO 14496-3 §1.6.2.1).
    pub asc: Bytes,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u32,
    /// The encoder's target, kbit/s.
    pub kbps: u32,
}

impl TrackConfig {
    /// The track these parameters belong to.
    pub const fn track(&self) -> Track {
        match self {
            Self::Video(_) => Track::Video,
            Self::Audio(_) => Track::Audio,
        }
    }
}
