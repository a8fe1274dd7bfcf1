//! `Cast`: what a cast tells about itself.

use super::{
    encoding::EncodingJson,
    media::FileJson,
    output::OutputJson,
    source::{AudioJson, SourceJson},
};
use crate::{
    control::cast::{CastState, CastView, ShedRendition, SourceState},
    media::EncoderKind,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A cast, as read at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Cast")]
pub struct CastJson {
    /// Whose program it is.
    pub conference: String,
    /// `idle`, `starting`, `live`, `stopping`, `stopped` or `failed`.
    #[schema(example = "live")]
    pub state: &'static str,
    /// What the program shows; `null` before the first start.
    pub source: Option<SourceJson>,
    /// `live`, `stalled` or `absent`.
    #[schema(example = "live")]
    pub source_state: &'static str,
    /// Where the media file on the program stands; `null` when it shows none.
    pub file: Option<FileJson>,
    /// Since the source's last frame; `null` when it never had one.
    pub source_age_ms: Option<u32>,
    /// Who is heard.
    pub audio: AudioJson,
    /// Who is on the program by speaking, where `source` follows the active speaker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// `null` before the first start.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// `null` while it runs.
    #[schema(format = DateTime)]
    pub stopped_at: Option<String>,
    /// `null` before the first start.
    pub encoding: Option<EncodingJson>,
    /// Where viewers go. These URLs outlive switches and workers.
    pub play: PlayJson,
    /// Where it is sent.
    pub outputs: Vec<OutputJson>,
    /// Smaller renditions that get fewer pictures than the program now, since the server uses more than
    /// `limits.max_load` allows; empty as a rule.
    pub shed: Vec<ShedJson>,
    /// The program's counters.
    pub program: ProgramJson,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// Where viewers go; `null` for what this cast does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlayJson {
    /// The multivariant playlist.
    pub hls: Option<String>,
    /// RTMP play: the address really bound, with the host of `server.public_url` where that is set. In token
    /// mode a player appends `?token=…` with the grant `subscribe`.
    #[schema(example = "rtmp://127.0.0.1:1935/live/123456")]
    pub rtmp: Option<String>,
    /// The program by WHEP.
    pub whep: Option<String>,
}

/// A rendition with fewer pictures than the program.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShedJson {
    /// As in its URL.
    #[schema(example = "360p")]
    pub rendition: String,
    /// Pictures a second that it gets: a half or a quarter of the program's.
    #[schema(example = 15.0)]
    pub fps: f64,
}

impl From<&ShedRendition> for ShedJson {
    fn from(shed: &ShedRendition) -> Self {
        Self { rendition: shed.name.clone(), fps: shed.fps }
    }
}

/// Frames since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProgramJson {
    /// Made.
    pub frames: u64,
    /// Shown again since the live source had no new one.
    pub repeated: u64,
    /// Left out since the encoder, or the machine, could not follow.
    pub dropped: u64,
    /// Pictures that smaller renditions left out for the same reason, all together.
    pub rendition_dropped: u64,
    /// What makes the pictures: `nvenc`, `va`, `vaapi`, `v4l2`, `x264` or `openh264`; `null` before the first picture and with
    /// `passthrough`.
    #[schema(example = "x264")]
    pub encoder: Option<&'static str>,
    /// How often an encoder failed and another took over, within the program.
    pub encoder_fallbacks: u64,
}

/// A cast's state in JSON.
pub const fn state_name(state: CastState) -> &'static str {
    match state {
        CastState::Idle => "idle",
        CastState::Starting => "starting",
        CastState::Live => "live",
        CastState::Stopping => "stopping",
        CastState::Stopped => "stopped",
        CastState::Failed => "failed",
    }
}

/// A source's state in JSON.
pub const fn source_state_name(state: SourceState) -> &'static str {
    match state {
        SourceState::Live => "live",
        SourceState::Stalled => "stalled",
        SourceState::Absent => "absent",
    }
}

impl CastJson {
    /// `base_url` stands before the paths of play URLs.
    pub fn new(cast: &CastView, base_url: &str) -> Self {
        let has_hls = cast.outputs.iter().any(|output| output.kind == "hls");
        // Every character that an id may have may stand in a path segment as it is (RFC 3986 §3.3).
        let hls = has_hls.then(|| format!("{base_url}/hls/{}/index.m3u8", cast.conference));
        let on = matches!(cast.state, CastState::Starting | CastState::Live);
        let whep = on.then(|| format!("{base_url}/v1/conferences/{}/program/whep", cast.conference));
        let rtmp = cast.outputs.iter().find_map(|output| output.status.play_url.clone());
        Self {
            conference: cast.conference.to_string(),
            state: state_name(cast.state),
            source: cast.source.as_ref().map(SourceJson::from),
            source_state: source_state_name(cast.source_state),
            file: cast.file.as_ref().map(FileJson::from),
            source_age_ms: cast.source_age_ms,
            audio: cast.audio.into(),
            speaker: cast.speaker.as_ref().map(ToString::to_string),
            started_at: cast.started_at.map(|at| at.to_string()),
            stopped_at: cast.stopped_at.map(|at| at.to_string()),
            encoding: cast.encoding.as_ref().map(EncodingJson::from),
            play: PlayJson { hls, rtmp, whep },
            outputs: cast.outputs.iter().map(OutputJson::from).collect(),
            shed: cast.shed.iter().map(ShedJson::from).collect(),
            program: ProgramJson {
                frames: cast.program.frames,
                repeated: cast.program.repeated,
                dropped: cast.program.dropped,
                rendition_dropped: cast.program.rendition_dropped,
                encoder: cast.program.encoder.map(EncoderKind::name),
                encoder_fallbacks: cast.program.encoder_fallbacks,
            },
            error: cast.error.clone(),
        }
    }
}
