//! What a program is to be: how it is encoded, and the scene it shows.

use crate::{
    ids::SourceId,
    layout::{Area, Corner, EdgeSpec, Fit, Fraction},
    media::EncoderChoice,
};
use serde::{Deserialize, Serialize};

/// Where a program's pictures come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgramMode {
    /// Decoded, composed and encoded anew.
    #[default]
    Compose,
    /// One source's H.264 as it comes; only sound is coded. Scenes are [`PictureSpec::Full`] ones.
    Passthrough,
}

/// The program to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProgramSpec {
    /// Where its pictures come from.
    pub mode: ProgramMode,
    /// How to encode it.
    pub encoding: EncodingSpec,
    /// What to show first; sources that do not deliver yet are waited for as the scene says
    /// (slate, name tile), not by holding the start up.
    pub scene: SceneSpec,
    /// The slate.
    pub slate: SlateSpec,
    /// A stalled source's last frame stays so long, milliseconds, then the slate (full frame) or the
    /// name tile (grid).
    pub stall_hold_ms: u32,
    /// Sources that are on no tile but stay decoded, those first that are most likely next; 0–16. The others'
    /// decoders rest, and a switch to them waits for a keyframe. Means nothing with [`ProgramMode::Passthrough`].
    pub standby: u32,
}

/// The program's encoding, validated by control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncodingSpec {
    /// Pixels, even, 16–3840. With [`ProgramMode::Passthrough`] the slate's, until a stream's size is known.
    pub width: u32,
    /// Pixels, even, 16–2160. As `width`.
    pub height: u32,
    /// Frames a second, 5–60. With [`ProgramMode::Passthrough`] nominal: frames come as they were sent.
    pub fps: u32,
    /// Video target, kbit/s. Means nothing with [`ProgramMode::Passthrough`].
    pub video_kbps: u32,
    /// Audio target, kbit/s.
    pub audio_kbps: u32,
    /// What the sound is brought towards, LUFS, -31 to -10; as it is where absent.
    pub loudness_lufs: Option<i8>,
    /// Distance of IDRs, milliseconds; a whole number of frames. With [`ProgramMode::Passthrough`] the
    /// publisher is asked for one so often.
    pub keyframe_ms: u32,
    /// Fill up to the target rate (strict CBR) instead of sending less when less is enough.
    pub filler: bool,
    /// Which encoder. Means nothing with [`ProgramMode::Passthrough`].
    pub encoder: EncoderChoice,
    /// x264 speed preset; other encoders have none.
    pub preset: String,
    /// Smaller sizes of the same picture, each with an encoder of its own and IDRs at the same frames;
    /// [`RenditionIndex`] counts in this order.
    pub renditions: Vec<RenditionSpec>,
}

/// A smaller rendition of the program's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionSpec {
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
    /// Video target, kbit/s.
    pub video_kbps: u32,
}

/// What the program shows when there is nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlateSpec {
    /// 0xRRGGBB.
    pub colour: u32,
    /// Shown in the middle; never parsed as markup.
    pub text: String,
}

/// A composition: picture and sound, taken together at one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneSpec {
    /// The picture.
    pub picture: PictureSpec,
    /// The sound: every source heard, with its gain. Sources not listed are silent.
    pub sound: Vec<SoundSpec>,
}

/// How the picture is laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PictureSpec {
    /// Nobody.
    Slate,
    /// One source fills the frame, letterboxed.
    Full(TileSpec),
    /// Equal tiles, 1–16, row by row.
    Grid(Vec<TileSpec>),
    /// One large, the others in a strip.
    Speaker { focus: TileSpec, others: Vec<TileSpec> },
    /// One fills the frame, another stands above it in a corner; `size` is its part of the frame's width and height.
    Pip { focus: TileSpec, inset: TileSpec, corner: Corner, size: Fraction },
    /// Two halves.
    SideBySide { pair: [TileSpec; 2], fit: Fit },
    /// Anywhere, 0–25, later ones above earlier ones.
    Custom(Vec<CustomTile>),
}

impl PictureSpec {
    /// Every tile of it.
    pub fn tiles(&self) -> Vec<&TileSpec> {
        match self {
            Self::Slate => Vec::new(),
            Self::Full(tile) => vec![tile],
            Self::Grid(tiles) => tiles.iter().collect(),
            Self::Speaker { focus, others } => std::iter::once(focus).chain(others).collect(),
            Self::Pip { focus, inset, .. } => vec![focus, inset],
            Self::SideBySide { pair, .. } => pair.iter().collect(),
            Self::Custom(tiles) => tiles.iter().map(|custom| &custom.tile).collect(),
        }
    }
}

/// A tile of a layout of somebody's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomTile {
    /// Who.
    pub tile: TileSpec,
    /// Where.
    pub area: Area,
    /// How the picture fills it.
    pub fit: Fit,
    /// What is around it.
    pub edge: EdgeSpec,
}

/// One source in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TileSpec {
    /// `None`: a participant who has no stream (the tile shows the label).
    pub source: Option<SourceId>,
    /// Shown when the source has no picture; never parsed as markup.
    pub label: String,
    /// The picture is muted by the server: show the label.
    pub video_muted: bool,
}

/// One source in the sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SoundSpec {
    /// The source.
    pub source: SourceId,
    /// Linear gain, 1.0 = as it comes.
    pub gain: f32,
}
