//! What a publisher counts.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering},
};

/// A publisher's numbers at one moment, summed over all its sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublisherStats {
    /// Media flows now.
    pub connected: bool,
    /// Sessions that were connected, the present one included.
    pub sessions: u32,
    /// Encoded frames that went to the network.
    pub frames_sent: u64,
    /// Their bytes.
    pub video_bytes_sent: u64,
    /// Packets of sound (20 ms each) that went to the network.
    pub sound_packets_sent: u64,
    /// Frames that were not drawn because the machine was too slow.
    pub frames_skipped: u64,
    /// Keyframes the server asked for (and one for each session's start).
    pub keyframe_requests: u64,
    /// Why the last session ended, or could not begin.
    pub last_error: Option<String>,
}

/// Nothing passes.
const CLOSED: u8 = 0;
/// Sound passes, the picture from its next keyframe on.
const WAITING: u8 = 1;
/// Everything passes.
const OPEN: u8 = 2;

/// The counters behind [`PublisherStats`], and the gate before the network: shared with the
/// streaming threads, which only ever touch atomics here.
#[derive(Debug, Default)]
pub struct Counters {
    gate: AtomicU8,
    connected: AtomicBool,
    sessions: AtomicU32,
    frames_sent: AtomicU64,
    video_bytes_sent: AtomicU64,
    sound_packets_sent: AtomicU64,
    pub(super) frames_skipped: Arc<AtomicU64>,
    pub(super) keyframe_requests: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Counters {
    /// The numbers now.
    pub fn snapshot(&self) -> PublisherStats {
        PublisherStats {
            connected: self.connected.load(Ordering::Relaxed),
            sessions: self.sessions.load(Ordering::Relaxed),
            frames_sent: self.frames_sent.load(Ordering::Relaxed),
            video_bytes_sent: self.video_bytes_sent.load(Ordering::Relaxed),
            sound_packets_sent: self.sound_packets_sent.load(Ordering::Relaxed),
            frames_skipped: self.frames_skipped.load(Ordering::Relaxed),
            keyframe_requests: self.keyframe_requests.load(Ordering::Relaxed),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(super) fn open_gate(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        self.connected.store(true, Ordering::Relaxed);
        self.gate.store(WAITING, Ordering::Relaxed);
    }

    pub(super) fn close_gate(&self) {
        self.connected.store(false, Ordering::Relaxed);
        self.gate.store(CLOSED, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, error: String) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// A frame left the encoder; its packets follow on the same thread.
    pub(super) fn count_frame(&self, keyframe: bool, bytes: u64) {
        if keyframe {
            // Only a gate that waits for it: a closed one stays closed.
            let _ = self.gate.compare_exchange(WAITING, OPEN, Ordering::Relaxed, Ordering::Relaxed);
        }
        if self.pass_picture() {
            self.frames_sent.fetch_add(1, Ordering::Relaxed);
            self.video_bytes_sent.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn pass_picture(&self) -> bool {
        self.gate.load(Ordering::Relaxed) == OPEN
    }

    pub(super) fn pass_sound(&self) -> bool {
        let pass = self.gate.load(Ordering::Relaxed) != CLOSED;
        self.sound_packets_sent.fetch_add(u64::from(pass), Ordering::Relaxed);
        pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_begins_with_a_keyframe() {
        let counters = Counters::default();
        counters.count_frame(true, 100);
        assert!(!counters.pass_sound() && !counters.pass_picture());
        counters.open_gate();
        counters.count_frame(false, 10);
        assert!(counters.pass_sound() && !counters.pass_picture());
        counters.count_frame(true, 100);
        counters.count_frame(false, 10);
        assert!(counters.pass_picture());
        let stats = counters.snapshot();
        assert_eq!((stats.frames_sent, stats.video_bytes_sent, stats.sound_packets_sent), (2, 110, 1));
        assert_eq!((stats.sessions, stats.connected), (1, true));
        counters.close_gate();
        assert!(!counters.pass_picture() && !counters.snapshot().connected);
    }
}
