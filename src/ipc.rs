//! What control and a conference's worker say to each other: serde types only, no logic, no I/O
//! (the framing is in [`link`]).
//!
//! Control speaks of sources and labels, never of users' rights; the worker of pipelines, never of
//! users. Order is kept in each direction. A command with a `request` is answered by exactly one
//! [`WorkerEvent::Reply`].

pub mod file;
pub mod link;
mod offer;
pub mod overlay;
mod program;
mod report;

pub use offer::{Candidate, IngestOffer, OfferedAudio, OfferedVideo, VideoCodec};
pub use program::{
    CustomTile, EncodingSpec, PictureSpec, ProgramMode, ProgramSpec, RenditionSpec, SceneSpec, SlateSpec,
    SoundSpec, TileSpec,
};
pub use report::{LevelReport, ProgramReport, SourceReport, VideoReport, WorkerReport};

use crate::{
    ids::{Incarnation, PictureId, RequestId, SessionId, SourceId},
    media::{EncodedFrame, EncoderChoice, RenditionIndex, TrackConfig, VideoConfig},
    units::MediaTime,
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
    /// The deadline of a `Compose` passed, and the old scene stays; or a step of a negotiation took too long.
    #[error("it was not ready in time")]
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
