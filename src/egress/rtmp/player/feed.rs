//! A cast as players join it: a fan-out that begins with the GOP so far.

use crate::{
    egress::hub::{Hub, HubItem, HubReader, QueueLimits},
    media::{EncodedFrame, Track},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// The GOP that is kept for players who come later; one that is longer is not kept, and they begin with the
/// next keyframe. The largest distance of keyframes that a cast may have (10 s) and a second for a keyframe
/// that is late; 11 s at 12 Mbit/s. The frames are shared, so this is what a cast costs, not a player.
const CACHE: QueueLimits = QueueLimits { bytes: 16 * 1024 * 1024, span: Duration::from_secs(11) };

/// One cast for all its players.
pub(super) struct Feed {
    gop: Mutex<Gop>,
    hub: Hub,
    limits: QueueLimits,
    /// How many play now.
    pub(super) players: watch::Sender<usize>,
    /// Bytes that sockets took, all players together.
    pub(super) bytes_sent: AtomicU64,
    /// Frames that slow players lost.
    pub(super) dropped: AtomicU64,
}

/// From the last keyframe on; empty when there is none, or when it has grown too long.
#[derive(Default)]
struct Gop {
    frames: Vec<Arc<EncodedFrame>>,
    bytes: usize,
    audio_only: bool,
}

impl Feed {
    /// `limits` are each player's queue, beyond the GOP that it begins with.
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            gop: Mutex::new(Gop { audio_only: true, ..Gop::default() }),
            hub: Hub::new(),
            limits,
            players: watch::Sender::new(0),
            bytes_sent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Passes an item of the cast's hub on. True: a player that comes now begins at once.
    pub(super) fn pass(&self, item: HubItem) -> bool {
        // Under this lock, so that a player who joins gets each frame once: from the GOP or from the hub.
        let mut gop = self.gop.lock().unwrap_or_else(PoisonError::into_inner);
        match item {
            HubItem::Config(config) => {
                if config.track() == Track::Video {
                    gop.audio_only = false;
                }
                gop.clear();
                self.hub.set_config((*config).clone());
            }
            HubItem::Frame(frame) => {
                gop.take(&frame);
                self.hub.push_shared(frame);
            }
            HubItem::Discontinuity(incarnation) => {
                gop.clear();
                self.hub.discontinuity(incarnation);
            }
            HubItem::End => self.hub.end(),
        }
        !gop.frames.is_empty()
    }

    /// A new player's queue.
    pub(super) fn join(&self) -> HubReader {
        let gop = self.gop.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = QueueLimits {
            // A queue keeps an eighth for sound.
            bytes: self.limits.bytes + gop.bytes / 7 * 8 + 8,
            span: self.limits.span + gop.frames.last().map_or(Duration::ZERO, |last| gop.span_to(last)),
        };
        self.hub.subscribe_behind(limits, &gop.frames)
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, frames: u64) {
        self.dropped.fetch_add(frames, Ordering::Relaxed);
    }
}

impl Gop {
    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    fn span_to(&self, frame: &EncodedFrame) -> Duration {
        self.frames.first().map_or(Duration::ZERO, |first| frame.dts.since(first.dts))
    }

    fn take(&mut self, frame: &Arc<EncodedFrame>) {
        let begins = match frame.track {
            Track::Video => frame.keyframe,
            // Sound alone has no GOP: a player begins with the last frame.
            Track::Audio => self.audio_only,
        };
        if begins {
            self.clear();
        } else if self.frames.is_empty() {
            return;
        }
        let span = self.span_to(frame);
        if self.bytes + frame.data.len() > CACHE.bytes || span > CACHE.span {
            self.clear();
            return;
        }
        self.bytes += frame.data.len();
        self.frames.push(frame.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::Incarnation,
        media::{TrackConfig, VideoConfig},
        units::MediaTime,
    };

    const LIMITS: QueueLimits = QueueLimits { bytes: 1 << 20, span: Duration::from_secs(5) };

    fn frame(track: Track, ms: u64, keyframe: bool, bytes: usize) -> HubItem {
        let at = MediaTime::from_millis(ms);
        let data = vec![0; bytes].into();
        HubItem::Frame(Arc::new(EncodedFrame {
            track,
            pts: at,
            dts: at,
            duration: MediaTime::ZERO,
            keyframe,
            data,
        }))
    }

    fn feed() -> Feed {
        let feed = Feed::new(LIMITS);
        let avcc = vec![1].into();
        let video = TrackConfig::Video(VideoConfig { avcc, width: 2, height: 2, fps: 30, kbps: 1 });
        assert!(!feed.pass(HubItem::Config(Arc::new(video))));
        feed
    }

    fn times(reader: &mut HubReader) -> Vec<u64> {
        std::iter::from_fn(|| reader.try_recv())
            .filter_map(|item| match item {
                HubItem::Frame(frame) => Some(frame.pts.as_millis()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_player_begins_with_the_gop_so_far_and_misses_nothing() {
        let feed = feed();
        assert!(!feed.pass(frame(Track::Audio, 0, true, 1)));
        assert!(feed.pass(frame(Track::Video, 0, true, 9)));
        feed.pass(frame(Track::Video, 33, false, 9));
        feed.pass(frame(Track::Video, 1000, true, 9));
        feed.pass(frame(Track::Audio, 1010, true, 1));
        feed.pass(frame(Track::Video, 1033, false, 9));
        let mut reader = feed.join();
        feed.pass(frame(Track::Video, 1066, false, 9));
        assert!(matches!(reader.try_recv(), Some(HubItem::Config(_))));
        assert_eq!(times(&mut reader), [1000, 1010, 1033, 1066]);
        assert_eq!(reader.dropped(), 0);
    }

    #[test]
    fn the_longest_gop_that_a_cast_may_have_is_kept_and_fits_the_queue_of_who_joins() {
        let feed = feed();
        (0..300).for_each(|at| {
            feed.pass(frame(Track::Video, at * 1000 / 30, at == 0, 40_000));
        });
        let mut reader = feed.join();
        feed.pass(frame(Track::Video, 10_000, true, 40_000));
        assert_eq!(times(&mut reader).len(), 301);
        assert_eq!(reader.dropped(), 0);
    }

    #[test]
    fn a_gop_that_is_too_long_or_of_another_worker_is_not_kept() {
        let feed = feed();
        feed.pass(frame(Track::Video, 0, true, CACHE.bytes - 1));
        assert!(!feed.pass(frame(Track::Video, 33, false, 2)));
        assert!(feed.pass(frame(Track::Video, 1000, true, 2)));
        assert!(!feed.pass(frame(Track::Video, 12_001, false, 2)));
        assert!(feed.pass(frame(Track::Video, 12_033, true, 2)));
        assert!(!feed.pass(HubItem::Discontinuity(Incarnation(2))));
        let mut reader = feed.join();
        feed.pass(frame(Track::Video, 12_066, false, 2));
        assert!(feed.pass(frame(Track::Video, 12_100, true, 2)));
        assert_eq!(times(&mut reader), [12_100]);
    }
}
