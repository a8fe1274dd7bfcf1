//! A source between the streaming threads that decode it and the program that shows it.
//!
//! [`SourceTap`] is the streaming threads' end: atomics and bounded channels, nothing that waits.
//! [`SourceFeed`] is the program's end.

use crate::{
    ids::{SessionId, SourceId},
    ipc::{SourceReport, VideoReport},
    units::MediaTime,
    worker::{coded::CodedPicture, forward::relay::PacketRelay, program::frame::Frame},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
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

/// What the worker's program takes of publishers' pictures: decoded ones, or coded ones and no decoder runs.
#[derive(Debug, Default)]
pub struct Demand {
    coded: AtomicBool,
}

impl Demand {
    /// From now on pictures are taken as they come (`true`), or decoded. Whoever changes back asks for keyframes:
    /// decoders go on with the next one.
    pub fn take_coded(&self, coded: bool) {
        self.coded.store(coded, Relaxed);
    }
}

/// What is known of a source without asking anybody.
#[derive(Debug)]
pub struct SourceMeter {
    has_video: bool,
    rtp_at: AtomicU64,
    picture_at: AtomicU64,
    pictures: AtomicU64,
    width: AtomicU32,
    height: AtomicU32,
    sound_at: AtomicU64,
    /// The peer's certificate is the one its offer named; before that no media is let in.
    trusted: AtomicBool,
    /// A coded picture was lost on the way: those that follow are of no use before the next IDR.
    coded_lost: AtomicBool,
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

    /// How long ago a picture was decoded; where nothing is decoded, came.
    pub fn picture_age_ms(&self, now: MediaTime) -> Option<u64> {
        age_ms(&self.picture_at, now)
    }

    /// How long ago sound was decoded.
    pub fn sound_age_ms(&self, now: MediaTime) -> Option<u64> {
        age_ms(&self.sound_at, now)
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
    demand: Arc<Demand>,
}

impl SourceTap {
    /// A picture was decoded at `now`. Left out when the program does not keep up.
    pub fn picture(&self, pts: MediaTime, frame: Frame, now: MediaTime) {
        if !self.meter.trusted.load(Relaxed) {
            return;
        }
        self.meter.pictured(Some((frame.width(), frame.height())), now);
        let _ = self.pictures.try_send((pts, frame));
    }

    /// Pictures are taken as they come, and not decoded.
    pub fn takes_coded(&self) -> bool {
        self.demand.coded.load(Relaxed)
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

    /// A picture came at `now` that is neither decoded nor of a codec that can pass through.
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
pub fn source(session: SessionId, has_video: bool, demand: Arc<Demand>) -> (SourceTap, SourceFeed) {
    let meter = Arc::new(SourceMeter {
        has_video,
        rtp_at: AtomicU64::new(NEVER),
        picture_at: AtomicU64::new(NEVER),
        pictures: AtomicU64::new(0),
        width: AtomicU32::new(0),
        height: AtomicU32::new(0),
        sound_at: AtomicU64::new(NEVER),
        trusted: AtomicBool::new(false),
        coded_lost: AtomicBool::new(false),
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
        demand,
    };
    (tap, SourceFeed { session, meter, pictures, coded, chunks })
}
