//! A source between the streaming threads that decode it and the program that shows it.
//!
//! [`SourceTap`] is the streaming threads' end: atomics and bounded channels, nothing that waits.
//! [`SourceFeed`] is the program's end.

use crate::{
    ids::{SessionId, SourceId},
    ipc::{SourceReport, VideoReport},
    units::{Dbov, MediaTime},
    worker::{coded::CodedPicture, forward::relay::PacketRelay, level::LevelMeter, program::frame::Frame},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    mpsc::{Receiver, SyncSender, sync_channel},
};

/// Decoded pictures under way to the program: it fetches them at every frame of its own.
const PICTURES: usize = 8;
/// Coded pictures under way to the program, which fetches them thirty times a second: a burst of two seconds.
const CODED: usize = 128;
/// Decoded chunks of sound under way (20 ms each as a rule; shortest 2.5 ms).
const CHUNKS: usize = 100;
/// No time yet.
const NEVER: u64 = u64::MAX;
/// A decoder runs when its last picture is not older: some frames of any rate from 2 fps up, milliseconds.
const RUNNING_MS: u64 = 1000;
/// What a publisher says of its loudness counts for so long, milliseconds: longer than the pauses of a sender that says
/// nothing while nobody speaks (Opus DTX: 400).
const TOLD_MS: u64 = 1000;
/// What rounding in a decoder may take off a picture's time, nanoseconds.
const ROUNDING: u64 = 1_000_000;

/// What the worker's program takes of a source's pictures. Sound is always decoded: it costs little, and who comes
/// on is heard at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Demand {
    /// None; its decoder rests.
    #[default]
    Nothing,
    /// Decoded ones. After a rest the decoder goes on with a keyframe, which somebody must ask for.
    Decoded,
    /// As they come; its decoder rests.
    Coded,
}

impl Demand {
    const fn of(code: u8) -> Self {
        match code {
            1 => Self::Decoded,
            2 => Self::Coded,
            _ => Self::Nothing,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Decoded => 1,
            Self::Coded => 2,
        }
    }
}

/// What is known of a source without asking anybody.
#[derive(Debug)]
pub struct SourceMeter {
    has_video: bool,
    rtp_at: AtomicU64,
    picture_at: AtomicU64,
    decoded_at: AtomicU64,
    pictures: AtomicU64,
    width: AtomicU32,
    height: AtomicU32,
    sound_at: AtomicU64,
    /// As the publisher says (RFC 6464), and when it last did.
    told: LevelMeter,
    told_at: AtomicU64,
    /// As it is decoded.
    heard: LevelMeter,
    /// The peer's certificate is the one its offer named; before that no media is let in.
    trusted: AtomicBool,
    /// A coded picture was lost on the way: those that follow are of no use before the next IDR.
    coded_lost: AtomicBool,
    /// A [`Demand`].
    demand: AtomicU8,
    /// Pictures were kept from the decoder: what it gets next must be a keyframe.
    starved: AtomicBool,
    /// Time of the keyframe that ended its last rest: what it gives out of before that is left over.
    resumed: AtomicU64,
}

impl SourceMeter {
    /// RTP came in at `now`.
    pub fn rtp(&self, now: MediaTime) {
        self.rtp_at.store(now.0, Relaxed);
    }

    /// From now on media may pass.
    pub fn trust(&self) {
        self.trusted.store(true, Relaxed);
    }

    /// Media of the right peer comes in.
    pub fn delivers(&self) -> bool {
        self.trusted.load(Relaxed) && self.rtp_at.load(Relaxed) != NEVER
    }

    /// Video is part of the offer.
    pub const fn has_video(&self) -> bool {
        self.has_video
    }

    /// How long ago RTP came in; `None` when none ever did.
    pub fn rtp_age_ms(&self, now: MediaTime) -> Option<u64> {
        age_ms(&self.rtp_at, now)
    }

    /// What the program takes of its pictures from now on.
    pub fn set_demand(&self, demand: Demand) {
        self.demand.store(demand.code(), Relaxed);
    }

    /// What the program takes of its pictures.
    pub fn demand(&self) -> Demand {
        Demand::of(self.demand.load(Relaxed))
    }

    /// Its decoder cannot go on before a keyframe.
    pub fn is_starved(&self) -> bool {
        self.starved.load(Relaxed)
    }

    /// Its decoder runs.
    pub fn is_decoded(&self, now: MediaTime) -> bool {
        self.demand() == Demand::Decoded && age_ms(&self.decoded_at, now).is_some_and(|age| age <= RUNNING_MS)
    }

    /// How long ago a picture was decoded; where nothing is decoded, came.
    pub fn picture_age_ms(&self, now: MediaTime) -> Option<u64> {
        age_ms(&self.picture_at, now)
    }

    /// How long ago sound was decoded.
    pub fn sound_age_ms(&self, now: MediaTime) -> Option<u64> {
        age_ms(&self.sound_at, now)
    }

    /// The publisher says how loud a packet is.
    pub fn told_level(&self, level: Dbov, now: MediaTime) {
        self.told.note(level);
        self.told_at.store(now.0, Relaxed);
    }

    /// How loud a decoded chunk is.
    pub fn heard_level(&self, level: Dbov) {
        self.heard.note(level);
    }

    /// The loudest since the last time: as the publisher says where it does, else as it is decoded. `None` where no sound
    /// comes.
    pub fn take_level(&self, now: MediaTime) -> Option<Dbov> {
        let (told, heard) = (self.told.take(), self.heard.take());
        let within = |at: &AtomicU64| age_ms(at, now).is_some_and(|age| age <= TOLD_MS);
        let known = if within(&self.told_at) { told } else { heard };
        known.or_else(|| within(&self.sound_at).then_some(Dbov::SILENCE))
    }

    /// A picture of this size (none: of the last one's) was there at `now`.
    fn pictured(&self, size: Option<(u32, u32)>, now: MediaTime) {
        if let Some((width, height)) = size {
            self.width.store(width, Relaxed);
            self.height.store(height, Relaxed);
        }
        self.pictures.fetch_add(1, Relaxed);
        self.picture_at.store(now.0, Relaxed);
    }

    /// The figures for control.
    pub fn report(&self, source: SourceId, session: SessionId, now: MediaTime) -> SourceReport {
        SourceReport {
            source,
            session,
            video: self.picture_age_ms(now).map(|age| VideoReport {
                width: self.width.load(Relaxed),
                height: self.height.load(Relaxed),
                frames: self.pictures.load(Relaxed),
                age_ms: age.min(u64::from(u32::MAX)) as u32,
                decoded: self.is_decoded(now),
            }),
            audio_age_ms: self.sound_age_ms(now).map(|age| age.min(u64::from(u32::MAX)) as u32),
        }
    }
}

fn age_ms(at: &AtomicU64, now: MediaTime) -> Option<u64> {
    let at = at.load(Relaxed);
    (at != NEVER).then(|| now.0.saturating_sub(at) / 1_000_000)
}

/// A decoded chunk of sound: interleaved 48 kHz stereo F32 in a buffer, and when it is heard.
pub type Chunk = (MediaTime, gst::Buffer);

/// The decoders' end.
#[derive(Debug, Clone)]
pub struct SourceTap {
    meter: Arc<SourceMeter>,
    pictures: SyncSender<(MediaTime, Frame)>,
    coded: SyncSender<(MediaTime, CodedPicture)>,
    chunks: SyncSender<Chunk>,
    relay: PacketRelay,
}

impl SourceTap {
    /// A picture was decoded at `now`. Left out when the program does not keep up.
    pub fn picture(&self, pts: MediaTime, frame: Frame, now: MediaTime) {
        if !self.meter.trusted.load(Relaxed) {
            return;
        }
        if pts.0 + ROUNDING < self.meter.resumed.load(Relaxed) {
            return;
        }
        self.meter.pictured(Some((frame.width(), frame.height())), now);
        self.meter.decoded_at.store(now.0, Relaxed);
        let _ = self.pictures.try_send((pts, frame));
    }

    /// A picture was kept from the decoder.
    pub fn starve(&self) {
        self.meter.starved.store(true, Relaxed);
    }

    /// The decoder goes on with a keyframe of this time.
    pub fn resume(&self, pts: Option<MediaTime>) {
        self.meter.resumed.store(pts.map_or(0, |pts| pts.0), Relaxed);
        self.meter.starved.store(false, Relaxed);
    }

    /// A coded picture came at `now`. One that finds no room takes those with it that refer to it.
    pub fn coded(&self, pts: MediaTime, picture: CodedPicture, now: MediaTime) {
        if !self.meter.trusted.load(Relaxed) {
            return;
        }
        self.meter.pictured(Some((picture.format.width, picture.format.height)), now);
        if !picture.idr && self.meter.coded_lost.load(Relaxed) {
            return;
        }
        let lost = self.coded.try_send((pts, picture)).is_err();
        self.meter.coded_lost.store(lost, Relaxed);
    }

    /// A picture came at `now` that is neither decoded nor passes through.
    pub fn unused_picture(&self, size: Option<(u32, u32)>, now: MediaTime) {
        if self.meter.trusted.load(Relaxed) {
            self.meter.pictured(size, now);
        }
    }

    /// Sound was decoded at `now`.
    pub fn sound(&self, pts: MediaTime, chunk: gst::Buffer, now: MediaTime) {
        if !self.meter.trusted.load(Relaxed) {
            return;
        }
        self.meter.sound_at.store(now.0, Relaxed);
        let _ = self.chunks.try_send((pts, chunk));
    }

    /// Where subscribers get its packets.
    pub const fn relay(&self) -> &PacketRelay {
        &self.relay
    }

    /// What is known of the source.
    pub fn meter(&self) -> &Arc<SourceMeter> {
        &self.meter
    }
}

/// The program's end.
#[derive(Debug)]
pub struct SourceFeed {
    /// Who feeds it: a later session of the same source replaces it.
    pub session: SessionId,
    /// What is known of it.
    pub meter: Arc<SourceMeter>,
    /// Decoded pictures.
    pub pictures: Receiver<(MediaTime, Frame)>,
    /// Coded pictures, while a program passes them through.
    pub coded: Receiver<(MediaTime, CodedPicture)>,
    /// Decoded sound.
    pub chunks: Receiver<Chunk>,
}

/// Both ends of a source.
pub fn source(session: SessionId, has_video: bool) -> (SourceTap, SourceFeed) {
    let meter = Arc::new(SourceMeter {
        has_video,
        rtp_at: AtomicU64::new(NEVER),
        picture_at: AtomicU64::new(NEVER),
        decoded_at: AtomicU64::new(NEVER),
        pictures: AtomicU64::new(0),
        width: AtomicU32::new(0),
        height: AtomicU32::new(0),
        sound_at: AtomicU64::new(NEVER),
        told: LevelMeter::default(),
        told_at: AtomicU64::new(NEVER),
        heard: LevelMeter::default(),
        trusted: AtomicBool::new(false),
        coded_lost: AtomicBool::new(false),
        demand: AtomicU8::new(Demand::default().code()),
        starved: AtomicBool::new(false),
        resumed: AtomicU64::new(0),
    });
    let (picture_in, pictures) = sync_channel(PICTURES);
    let (coded_in, coded) = sync_channel(CODED);
    let (chunk_in, chunks) = sync_channel(CHUNKS);
    let tap = SourceTap {
        meter: meter.clone(),
        pictures: picture_in,
        coded: coded_in,
        chunks: chunk_in,
        relay: PacketRelay::default(),
    };
    (tap, SourceFeed { session, meter, pictures, coded, chunks })
}
