//! How far an encoder has come, and how the pictures of its successors take their place behind its own.

use crate::units::MediaTime;
use std::sync::{
    Arc,
    atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{AcqRel, Acquire},
    },
};

/// Marks that nothing more goes out. Times are below: 2⁶³ ns are 292 years.
const CLOSED: u64 = 1 << 63;

/// Up to where an encoder's pictures went out, until its successor has closed it. Nothing is told of no picture.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Before a picture goes out; false when it is its successor's.
    pub(super) fn claim(&self, pts: MediaTime) -> bool {
        let next = |now: u64| (now & CLOSED == 0).then_some((pts.0 + 1) & !CLOSED);
        self.0.fetch_update(AcqRel, Acquire, next).is_ok()
    }

    /// The time after its last picture; zero when there is none.
    pub(super) fn until(&self) -> MediaTime {
        MediaTime(self.0.load(Acquire) & !CLOSED)
    }

    /// No picture goes out any more. As [`Self::until`], for good.
    pub(super) fn close(&self) -> MediaTime {
        MediaTime(self.0.fetch_or(CLOSED, AcqRel) & !CLOSED)
    }
}

/// The encoders of one program that take over together: all tell their parameters before one gives out a picture, since
/// receivers that follow several sizes divide all of them at the same picture.
#[derive(Debug)]
pub(super) struct Together {
    encoders: usize,
    ready: AtomicUsize,
    told: AtomicUsize,
}

impl Together {
    pub(super) fn of(encoders: usize) -> Arc<Self> {
        Arc::new(Self { encoders, ready: AtomicUsize::new(0), told: AtomicUsize::new(0) })
    }

    /// One has its first picture.
    pub(super) fn is_ready(&self) {
        self.ready.fetch_add(1, AcqRel);
    }

    pub(super) fn all_ready(&self) -> bool {
        self.ready.load(Acquire) >= self.encoders
    }

    /// One has told its parameters.
    pub(super) fn has_told(&self) {
        self.told.fetch_add(1, AcqRel);
    }

    pub(super) fn all_told(&self) -> bool {
        self.told.load(Acquire) >= self.encoders
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_claimed_goes_out_and_what_comes_after_the_close_does_not() {
        let progress = Progress::default();
        assert_eq!(progress.until(), MediaTime::ZERO);
        assert!(progress.claim(MediaTime(0)));
        assert_eq!(progress.until(), MediaTime(1), "a picture at zero counts");
        assert!(progress.claim(MediaTime(40)));
        assert_eq!((progress.close(), progress.close()), (MediaTime(41), MediaTime(41)));
        assert!(!progress.claim(MediaTime(80)));
        assert_eq!(progress.until(), MediaTime(41));
    }
}
