//! A cast as control sees it: what was asked for, and what it tells about itself. Domain types; their
//! JSON faces are in `http::wire`.

mod arrangement;
mod cue;
mod file;

pub use arrangement::{Arrangement, Tile, Who};
pub use cue::{Cue, CueError, CueState, CueTime, CueView, RundownView, in_cue};
pub use file::{AfterFile, FileSource, FileView};

use crate::{
    egress::{output::OutputStatus, rtmp::url::RtmpUrl},
    ids::{ConferenceId, LayoutName, OutputId, ParticipantId, StreamName},
    ipc::{LevelReport, ProgramMode, ProgramReport, TransitionSpec},
    units::MediaTime,
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// What the program shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One participant, full frame.
    Participant { participant: ParticipantId, stream: StreamName },
    /// Equal tiles; `None` = everybody, in order of joining.
    Grid { participants: Option<Vec<ParticipantId>> },
    /// Whoever speaks, full frame; one stays for `hold` at least.
    Follow { hold: Duration },
    /// One large, the others in a strip.
    Speaker { focus: Focus },
    /// A participant's shared screen with his camera in a corner; without a screen the camera fills the frame.
    Screen { participant: ParticipantId },
    /// As somebody arranged it, perhaps under a name; `participants` fill its slots, `None` = everybody who is not on it by
    /// name, in order of joining.
    Arranged {
        name: Option<LayoutName>,
        arrangement: Arc<Arrangement>,
        participants: Option<Vec<ParticipantId>>,
    },
    /// A media file of the server's folder.
    File(FileSource),
    /// Nobody.
    Slate,
}

/// Who is large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Focus {
    Participant(ParticipantId),
    /// Whoever speaks; one stays for `hold` at least.
    ActiveSpeaker {
        hold: Duration,
    },
}

impl Source {
    /// How long one stays on it at least who comes on by speaking; `None` when nobody does.
    pub const fn follows(&self) -> Option<Duration> {
        match self {
            Self::Follow { hold } | Self::Speaker { focus: Focus::ActiveSpeaker { hold } } => Some(*hold),
            _ => None,
        }
    }
}

/// Who is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AudioChoice {
    /// Those who are on the picture.
    #[default]
    Source,
    /// Everybody.
    Mix,
}

/// How the program is encoded; complete and valid (`http::wire` fills defaults in).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    pub mode: ProgramMode,
    /// While pictures pass through: the newest stream's, once one is known; so is `height`.
    pub width: u32,
    pub height: u32,
    pub fps: u32,
    pub video_kbps: u32,
    pub audio_kbps: u32,
    pub keyframe_ms: u32,
    /// What the sound is brought towards; as it is when absent.
    pub loudness_lufs: Option<i8>,
    /// Smaller sizes of the same picture, for HLS; largest first.
    pub renditions: Vec<Rendition>,
}

/// A smaller rendition of the program's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendition {
    /// Pixels, even; the program's aspect.
    pub width: u32,
    /// Pixels, even, below the program's.
    pub height: u32,
    pub video_kbps: u32,
}

impl Rendition {
    /// What they are called in URLs: by their heights, and by their rates where two have the same.
    pub fn names(renditions: &[Self]) -> Vec<String> {
        let name = |one: &Self| {
            let alone = renditions.iter().filter(|other| other.height == one.height).count() == 1;
            let Self { height, video_kbps, .. } = one;
            if alone { format!("{height}p") } else { format!("{height}p-{video_kbps}k") }
        };
        renditions.iter().map(name).collect()
    }
}

/// A valid start.
#[derive(Debug, Clone, PartialEq)]
pub struct StartCast {
    pub source: Source,
    pub audio: AudioChoice,
    pub encoding: Encoding,
    /// At least one; ids are distinct.
    pub outputs: Vec<OutputSpec>,
}

/// A valid switch. `audio: None` keeps the choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Switch {
    pub source: Source,
    pub audio: Option<AudioChoice>,
    pub transition: Transition,
    /// At once when absent.
    pub at: Option<SwitchTime>,
}

/// When a switch is to be on the program: at the first frame that is not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchTime {
    /// On the cast's timeline, as `program_pts_ms` in answers.
    Program(MediaTime),
    /// By the server's clock.
    Wall(Timestamp),
}

impl SwitchTime {
    /// In JSON.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Program(_) => "at_pts_ms",
            Self::Wall(_) => "at",
        }
    }
}

/// How the program changes, picture and sound together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transition {
    /// Between two frames.
    #[default]
    Cut,
    /// The new source comes over the old one within so long.
    Fade(Duration),
    /// At once, and tiles move to their new places within so long.
    Move(Duration),
}

impl Transition {
    /// `cut`, `fade` or `animate`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Fade(_) => "fade",
            Self::Move(_) => "animate",
        }
    }

    /// Milliseconds; a cut takes none.
    pub fn length_ms(self) -> u32 {
        match self.spec() {
            TransitionSpec::Cut => 0,
            TransitionSpec::Fade { ms } | TransitionSpec::Move { ms } => ms,
        }
    }

    /// As the worker takes it.
    pub fn spec(self) -> TransitionSpec {
        // Validated: see `http::wire::switch`.
        let ms = |length: Duration| u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
        match self {
            Self::Cut => TransitionSpec::Cut,
            Self::Fade(length) => TransitionSpec::Fade { ms: ms(length) },
            Self::Move(length) => TransitionSpec::Move { ms: ms(length) },
        }
    }
}

/// An output to make.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSpec {
    pub id: OutputId,
    pub kind: OutputKind,
}

/// Where an output goes.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a few per cast, and never moved in numbers")]
pub enum OutputKind {
    /// `backup` is used while `url` is down.
    Rtmp { url: RtmpUrl, backup: Option<RtmpUrl> },
    Hls {
        /// In parts (low-latency HLS); the server's `hls.low_latency` when absent.
        low_latency: Option<bool>,
    },
    /// A file.
    Recording,
    /// Players pull it from our RTMP server.
    RtmpPlay,
}

impl OutputKind {
    /// A cast's start waits until it can be played.
    pub fn is_played(&self) -> bool {
        matches!(self, Self::Hls { .. } | Self::RtmpPlay)
    }

    /// `rtmp`, `hls`, `recording` or `rtmp_play`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rtmp { .. } => "rtmp",
            Self::Hls { .. } => "hls",
            Self::Recording => "recording",
            Self::RtmpPlay => "rtmp_play",
        }
    }

    /// Whether a cast has only one of them: both would stand at one address, or be one file twice.
    pub fn excludes(&self, other: &Self) -> bool {
        !matches!(self, Self::Rtmp { .. }) && self.name() == other.name()
    }

    /// The URLs it pushes to.
    pub fn urls(&self) -> impl Iterator<Item = &RtmpUrl> {
        let (url, backup) = match self {
            Self::Rtmp { url, backup } => (Some(url), backup.as_ref()),
            Self::Hls { .. } | Self::Recording | Self::RtmpPlay => (None, None),
        };
        url.into_iter().chain(backup)
    }

    /// Whether both push to the same stream of the same server, which takes one publisher.
    pub fn shares_stream_with(&self, other: &Self) -> bool {
        self.urls().any(|url| other.urls().any(|other| url.is_same_stream(other)))
    }
}

/// What a switch did.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitchResult {
    pub source: Source,
    pub took: Duration,
    /// The first program frame that shows the new source; of a fade, its first step.
    pub program_pts: MediaTime,
    pub transition: Transition,
}

/// A cast's life; only climbs, until a new start makes a new cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastState {
    Idle,
    Starting,
    Live,
    Stopping,
    Stopped,
    Failed,
}

/// Whether the chosen source delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceState {
    Live,
    /// It is there, but its media stalls.
    Stalled,
    /// It is not there.
    Absent,
}

/// The Cast object, as read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct CastView {
    pub conference: ConferenceId,
    pub state: CastState,
    /// `None` before the first start.
    pub source: Option<Source>,
    pub source_state: SourceState,
    /// Where the file stands that it shows, where it does.
    pub file: Option<FileView>,
    /// Milliseconds since the source's last frame, where it ever had one.
    pub source_age_ms: Option<u32>,
    pub audio: AudioChoice,
    /// Who is on by speaking, where the source follows the active speaker.
    pub speaker: Option<ParticipantId>,
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    /// `None` before the first start.
    pub encoding: Option<Encoding>,
    pub outputs: Vec<OutputView>,
    /// Renditions that the server has no room to give every picture.
    pub shed: Vec<ShedRendition>,
    pub program: ProgramReport,
    /// Publishers whose pictures are decoded for it.
    pub decoders: usize,
    /// How loud everything was last.
    pub levels: LevelReport,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// A rendition that gets fewer pictures than the program, for want of cores.
#[derive(Debug, Clone, PartialEq)]
pub struct ShedRendition {
    /// As in its URL.
    pub name: String,
    /// Pictures a second that it gets.
    pub fps: f64,
}

/// An output in a [`CastView`]. `url` is redacted already.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputView {
    pub id: OutputId,
    /// [`OutputKind::name`].
    pub kind: &'static str,
    pub url: Option<String>,
    /// Redacted like `url`.
    pub backup_url: Option<String>,
    pub status: OutputStatus,
}
