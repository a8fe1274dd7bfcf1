//! What control and a conference's worker say to each other: serde types only, no logic, no I/O
//! (the framing is in [`link`]).
//!
//! Control speaks of sources and labels, never of users' rights; the worker of pipelines, never of
//! users. Order is kept in each direction. A command with a `request` is answered by exactly one
//! [`WorkerEvent::Reply`].

pub mod file;
pub mod link;
pub mod overlay;

use crate::{
    ids::{Incarnation, PictureId, RequestId, SessionId, SourceId},
    layout::{Area, Corner, EdgeSpec, Fit, Fraction},
    media::{EncodedFrame, EncoderChoice, EncoderKind, RenditionIndex, TrackConfig, VideoConfig},
    units::{Dbov, MediaTime},
};
use bytes::Bytes;
use file::{FileAction, FileFault, FileReport, FileSpec};
use overlay::{OverlaySpec, PictureFile};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Control → worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WorkerCommand {
    /// The first command of a link, once. Answered by [`WorkerEvent::Ready`].
    Configure(WorkerSetup),
    /// Take a publisher in. Reply: [`ReplyOk::IngestOpened`].
    OpenIngest { request: RequestId, session: SessionId, source: SourceId, offer: IngestOffer },
    /// Trickled ICE candidates of the peer (`PATCH`); unknown sessions are ignored.
    AddCandidates { session: SessionId, candidates: Vec<Candidate> },
    /// Send a source's media to a subscriber as it comes, or the program. Reply: [`ReplyOk::ForwardOpened`].
    /// Of the program, the sound of sources in `without` is left out for this subscriber.
    OpenForward {
        request: RequestId,
        session: SessionId,
        of: ForwardOf,
        without: Vec<SourceId>,
        offer: IngestOffer,
        mutes: Mutes,
    },
    /// From now on what a subscriber of the program does not hear, who was opened with something left out.
    LeaveOut { session: SessionId, without: Vec<SourceId> },
    /// From now on what subscribers of the source do not get.
    MuteForwards { source: SourceId, mutes: Mutes },
    /// Hang a subscriber up. No `SessionEnded` follows. Unknown sessions are ignored.
    CloseForward { session: SessionId },
    /// Hang a publisher up. No `SessionEnded` follows. Unknown sessions are ignored.
    CloseIngest { session: SessionId },
    /// Start composing and encoding, or passing through. Reply: [`ReplyOk::ProgramStarted`], after the first encoded
    /// video keyframe. A second start is an error.
    StartProgram { request: RequestId, program: ProgramSpec },
    /// Show another scene. With `wait_ready` the sources in it must deliver decoded media first: whoever fills the frame,
    /// and for a second at most everybody on a tile whose pictures come (that is a switch; the old scene stays until
    /// then, and for good when `deadline_ms` passes); without, it is taken at the next frame (tiles re-flow because
    /// somebody came or left). `transition` says how; where pictures pass through it is a cut. (Without
    /// `wait_ready` it is no fade.) A switch with a time `at` is taken at the first frame that is not
    /// before it, and waits for its sources for `deadline_ms` from then on, if they are not there; ignored where pictures
    /// pass through. Reply: [`ReplyOk::Composed`], with the first frame that shows it.
    Compose {
        request: RequestId,
        scene: SceneSpec,
        wait_ready: bool,
        deadline_ms: u32,
        transition: TransitionSpec,
        at: Option<MediaTime>,
    },
    /// Open a media file, to be shown as `source` by the scene of a command that follows. Its first picture is on the frame that
    /// first shows it. It is closed when nothing shows it any more.
    OpenFile { source: SourceId, file: FileSpec },
    /// What is on the program, by a cut, at the first frame after the file's last one; without it the last picture stays. A
    /// later one replaces an earlier one. Unknown sources are ignored.
    AfterFile { source: SourceId, scene: SceneSpec },
    /// Pause, play, seek. Reply: [`ReplyOk::FileMoved`], at the first frame that shows it.
    ControlFile { request: RequestId, source: SourceId, action: FileAction },
    /// An output needs an IDR now (a player or server joined). Throttled by the worker.
    RequestKeyframe,
    /// Of each rendition encode every picture (1), every second … only, beside the IDRs; in the order of
    /// [`EncodingSpec::renditions`]. A new program begins with every picture. Without a program it is ignored.
    PaceRenditions { every: Vec<u8> },
    /// Tell [`WorkerEvent::Levels`] every so many milliseconds (50–10 000); a worker begins with
    /// [`LEVELS_EVERY_MS`].
    MeasureLevels { every_ms: u32 },
    /// The program's latest picture as JPEG. Reply: [`ReplyOk::Snapshot`].
    Snapshot { request: RequestId },
    /// From now on what is drawn over the program, and what its slate is, this one and those that follow. It is taken at one
    /// frame, when all of it is drawn. Reply: [`ReplyOk::Overlaid`], with that frame. To pictures that pass through only a
    /// picture as slate means something.
    SetOverlay { request: RequestId, overlay: OverlaySpec },
    /// Decode a picture once, and keep nothing of it. Reply: [`ReplyOk::PictureChecked`].
    CheckPicture { request: RequestId, file: PictureFile },
    /// Open a media file once, to see whether a slate can show it. Reply: [`ReplyOk::ClipChecked`].
    CheckClip { request: RequestId, file: FileSpec },
    /// Keep a picture that an overlay is about to name.
    AddPicture { picture: PictureId, file: PictureFile },
    /// No overlay names it any more. Unknown ones are ignored.
    RemovePicture { picture: PictureId },
    /// Stop encoding; ingest goes on. Reply: [`ReplyOk::ProgramStopped`], after the last frame.
    StopProgram { request: RequestId },
    /// End everything in order and exit with code 0.
    Shutdown,
}

/// How often a worker tells levels when nobody asked for more: for metrics.
pub const LEVELS_EVERY_MS: u32 = 1000;

/// How one scene follows another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransitionSpec {
    /// Between two frames.
    #[default]
    Cut,
    /// The new one comes over the old one, picture and sound together.
    Fade { ms: u32 },
    /// Who is in both moves from place to place; sound as with a cut.
    Move { ms: u32 },
}

/// What a worker must know before anything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerSetup {
    /// For log lines and the slate; never interpreted.
    pub conference: String,
    /// Which life of this conference's worker this is.
    pub incarnation: Incarnation,
    /// CLOCK_MONOTONIC nanoseconds that [`MediaTime`] zero stands for.
    pub epoch_ns: u64,
    /// How long between two [`WorkerEvent::Heartbeat`]s, milliseconds.
    pub heartbeat_ms: u32,
    /// WebRTC transport settings.
    pub webrtc: WebrtcSetup,
    /// Which encoder programs will be made with: with `Auto` the worker tries the hardware's at once, so that no start
    /// has to wait for that.
    pub encoder: EncoderChoice,
}

/// WebRTC transport settings of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebrtcSetup {
    /// First and last UDP port for media; `(0, 0)` = any.
    pub udp_ports: (u16, u16),
    /// Our public address behind 1:1 NAT: announced instead of the host candidates' own.
    pub public_ip: Option<IpAddr>,
    /// `stun://host:port`.
    pub stun_server: Option<String>,
    /// `turn://user:password@host:port`, any number.
    pub turn_servers: Vec<String>,
    /// Longest wait for a missing RTP packet, milliseconds; adds to the delay of everything.
    pub jitter_ms: u32,
    /// A publisher without RTP for so long is ended, milliseconds.
    pub inactivity_ms: u32,
}

/// What a subscriber gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForwardOf {
    /// A source's media, untranscoded.
    Source(SourceId),
    /// The program: its H.264, and its sound in Opus.
    Program,
}

/// What the server keeps from everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutes {
    /// The sound.
    pub audio: bool,
    /// The picture.
    pub video: bool,
}

/// A publisher's or subscriber's offer, already validated and normalised by control (`control::offer`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngestOffer {
    /// SDP with one codec per medium; `setup`, `ice-*` and `fingerprint` at media level only.
    pub sdp: String,
    /// SHA-256 of the peer's DTLS certificate in DER, which the worker compares after the handshake.
    pub fingerprint_sha256: [u8; 32],
    /// What is in the offer.
    pub video: Option<OfferedVideo>,
    /// Opus is in the offer.
    pub audio: Option<OfferedAudio>,
}

/// The one video codec that was chosen from an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedVideo {
    /// The codec.
    pub codec: VideoCodec,
    /// Its RTP payload type.
    pub payload_type: u8,
    /// The payload type of its RTX stream, where offered.
    pub rtx_payload_type: Option<u8>,
    /// The `extmap` id of transport-wide congestion control, where offered.
    pub transport_cc_id: Option<u8>,
    /// The m-line's index in the SDP.
    pub mline: u32,
}

/// The audio of an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedAudio {
    /// Opus' RTP payload type.
    pub payload_type: u8,
    /// The `extmap` id of transport-wide congestion control, where offered.
    pub transport_cc_id: Option<u8>,
    /// The `extmap` id of `ssrc-audio-level` (RFC 6464), where offered.
    pub audio_level_id: Option<u8>,
    /// The m-line's index in the SDP.
    pub mline: u32,
}

/// Video codecs a publisher may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VideoCodec {
    /// H.264, packetization-mode 1.
    H264,
    /// VP8.
    Vp8,
}

/// A trickled ICE candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// m-line index.
    pub mline: u32,
    /// `candidate:…`, validated in form by control.
    pub candidate: String,
}

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

/// Worker → control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WorkerEvent {
    /// GStreamer is initialised and commands are served.
    Ready { pid: u32, gstreamer: String },
    /// The answer to the command with the same `request`.
    Reply { request: RequestId, result: Result<ReplyOk, ReplyError> },
    /// A publisher's or subscriber's session ended by itself (never after `CloseIngest`, `CloseForward`).
    SessionEnded { session: SessionId, reason: SessionEndReason },
    /// A peer connection is up and its certificate is the offered one.
    SessionConnected { session: SessionId },
    /// Before the first frame of a track, and whenever it changes.
    Config(TrackConfig),
    /// One frame of the program.
    Frame(EncodedFrame),
    /// As [`WorkerEvent::Config`], of a smaller rendition's picture.
    RenditionConfig { rendition: RenditionIndex, config: VideoConfig },
    /// One picture of a smaller rendition: same times as the program's, keyframes at the same pictures.
    RenditionFrame { rendition: RenditionIndex, frame: EncodedFrame },
    /// Every `heartbeat_ms`: alive, with figures.
    Heartbeat(WorkerReport),
    /// How loud everything was since the last time.
    Levels(LevelReport),
    /// With the heartbeats: where each open file stands.
    File(FileReport),
    /// A file on the program ended (or broke off), and what comes after it is on since `pts`.
    FileEnded { source: SourceId, pts: MediaTime },
    /// A file cannot be played, or not any further.
    FileFailed { source: SourceId, fault: FileFault },
    /// The program failed and cannot go on; control replaces the worker.
    ProgramFailed { detail: String },
}

/// A successful reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ReplyOk {
    /// The SDP answer with all our candidates.
    IngestOpened { answer: String },
    /// The SDP answer with all our candidates.
    ForwardOpened { answer: String },
    /// Frames flow.
    ProgramStarted,
    /// The scene is on the program since `pts`; `took_ms` from command to that frame.
    Composed { pts: MediaTime, took_ms: u32 },
    /// A file stands there now.
    FileMoved(FileReport),
    /// No frame follows.
    ProgramStopped,
    /// A JPEG file in the program's size.
    Snapshot { jpeg: Bytes },
    /// The overlay is on the program since `pts`; `None`: no program runs that is drawn.
    Overlaid { pts: Option<MediaTime> },
    /// It can be decoded, and has this size in pixels.
    PictureChecked { width: u32, height: u32 },
    /// It has pictures that can be shown.
    ClipChecked,
}

/// A refused command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReplyError {
    /// webrtcbin would not have the offer.
    #[error("the offer was not accepted: {detail}")]
    OfferRefused { detail: String },
    /// A source of the scene has never delivered, or delivers nothing now.
    #[error("a source delivers no media")]
    MediaNotReady { which: SourceId },
    /// The deadline of a `Compose` passed; the old scene stays.
    #[error("the new source was not ready in time")]
    Timeout,
    /// A newer `Compose` overtook this one.
    #[error("a newer switch took its place")]
    Superseded,
    /// Not in this state (a second start, a compose without program).
    #[error("not possible now: {detail}")]
    WrongState { detail: String },
    /// A picture cannot be decoded.
    #[error("the picture cannot be used: {detail}")]
    PictureInvalid { detail: String },
    /// A slate cannot show this file.
    #[error("the clip cannot be shown: {fault}")]
    ClipInvalid { fault: FileFault },
    /// Our own fault.
    #[error("the worker failed: {detail}")]
    Internal { detail: String },
}

/// Why an ingest ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionEndReason {
    /// No RTP for `inactivity_ms`.
    Inactive,
    /// The peer closed, or ICE or DTLS failed.
    Disconnected,
    /// A subscriber's publisher is gone or was replaced, or the program it received has ended.
    SourceGone,
    /// The DTLS certificate is not the one the offer named.
    FingerprintMismatch,
    /// Our pipeline failed.
    PipelineError { detail: String },
}

/// How loud everything was within a stretch of time: the loudest twenty milliseconds or so of each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelReport {
    /// Of those whose sound comes, before mutes and gains.
    pub sources: Vec<(SourceId, Dbov)>,
    /// Of the program's sound; none without a program.
    pub program: Option<Dbov>,
}

/// A worker's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// Counters of the running program; zero without one.
    pub program: ProgramReport,
    /// One for each open source.
    pub sources: Vec<SourceReport>,
    /// Frames that the worker dropped since control did not read them in time.
    pub link_drops: u64,
}

/// Counters of a program since its start in this worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramReport {
    /// Video frames made.
    pub frames: u64,
    /// Frames of a live source that had to be shown again since no new one was there.
    pub repeated: u64,
    /// Frames left out since the encoder could not follow.
    pub dropped: u64,
    /// Pictures that smaller renditions left out, each counted, since their encoders could not follow.
    pub rendition_dropped: u64,
    /// What makes the pictures, or made them last; none before, and with [`ProgramMode::Passthrough`].
    pub encoder: Option<EncoderKind>,
    /// How often an encoder failed and the next one took its place.
    pub encoder_fallbacks: u64,
}

/// What a source delivers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source.
    pub source: SourceId,
    /// The session that feeds it.
    pub session: SessionId,
    /// Its pictures, `None` until the first.
    pub video: Option<VideoReport>,
    /// Milliseconds since the last sound, `None` until the first.
    pub audio_age_ms: Option<u32>,
}

/// A source's pictures: as they are decoded, or as they come while they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoReport {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames so far.
    pub frames: u64,
    /// Milliseconds since the last one.
    pub age_ms: u32,
    /// A decoder runs for them.
    pub decoded: bool,
}
