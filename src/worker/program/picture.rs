//! A source's picture as the program sees it, pure: which of its frames is shown at a tick.
//!
//! Source and program have frame rates and phases of their own, and frames arrive with jitter. Taking
//! "the newest frame that is due" would, with an unlucky phase, show one frame twice and skip the next
//! for every jitter of a millisecond. So frames are taken one per tick as long as they are no more than
//! half a frame early and less than one frame late: half a frame of hysteresis.

use std::collections::VecDeque;

/// Frames waiting at most: a quarter second at 60 fps. Older ones go first.
const CAPACITY: usize = 16;

/// The frames of one source, by presentation time in nanoseconds.
#[derive(Debug)]
pub struct PictureLine<F> {
    waiting: VecDeque<(u64, F)>,
    current: Option<Shown<F>>,
}

/// The frame on show.
#[derive(Debug, Clone)]
pub struct Shown<F> {
    /// The frame.
    pub frame: F,
    /// Its own time, nanoseconds.
    pub pts: u64,
    /// Due time of the tick that took it: what its age counts from.
    pub taken_at: u64,
}

impl<F> Default for PictureLine<F> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), current: None }
    }
}

impl<F> PictureLine<F> {
    /// A decoded frame arrived. Frames that go back in time restart the line.
    pub fn push(&mut self, pts: u64, frame: F) {
        let newest =
            self.waiting.back().map(|(pts, _)| *pts).or(self.current.as_ref().map(|shown| shown.pts));
        if newest.is_some_and(|newest| pts <= newest) {
            self.waiting.clear();
        }
        self.waiting.push_back((pts, frame));
        while self.waiting.len() > CAPACITY {
            self.waiting.pop_front();
        }
    }

    /// The tick at source time `due` (nanoseconds), frames of the program lasting `period`: moves on to
    /// the frame to show. True when it is a new one.
    pub fn advance(&mut self, due: u64, period: u64) -> bool {
        let early_limit = due + period / 2;
        if self.waiting.front().is_none_or(|(pts, _)| *pts > early_limit) {
            return false;
        }
        while self.waiting.get(1).is_some_and(|(pts, _)| *pts <= due) {
            self.waiting.pop_front();
        }
        self.current = self.waiting.pop_front().map(|(pts, frame)| Shown { frame, pts, taken_at: due });
        true
    }

    /// The frame on show.
    pub fn current(&self) -> Option<&Shown<F>> {
        self.current.as_ref()
    }

    /// The source is gone: nothing to show.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PERIOD: u64 = 33_333_333;

    #[test]
    fn nothing_is_shown_before_it_is_due() {
        let mut line = PictureLine::default();
        line.push(100_000_000, 'a');
        assert!(!line.advance(50_000_000, PERIOD));
        assert!(line.current().is_none());
        assert!(line.advance(90_000_000, PERIOD));
        assert_eq!(line.current().map(|shown| shown.frame), Some('a'));
    }

    #[test]
    fn late_frames_are_skipped_to_the_newest_due() {
        let mut line = PictureLine::default();
        for n in 0..5u64 {
            line.push(n * PERIOD, n);
        }
        assert!(line.advance(4 * PERIOD, PERIOD));
        assert_eq!(line.current().map(|shown| shown.frame), Some(4));
    }

    #[test]
    fn time_that_goes_back_restarts_the_line() {
        let mut line = PictureLine::default();
        line.push(1_000_000_000, 'a');
        line.advance(1_000_000_000, PERIOD);
        line.push(500_000_000, 'b');
        assert!(line.advance(1_033_000_000, PERIOD));
        assert_eq!(line.current().map(|shown| shown.frame), Some('b'));
    }

    proptest! {
        /// Same rate, any phase, jitter of up to 8 ms each way on the timestamps: after the start no frame
        /// is shown twice more than once, and none is skipped more than once (one slip of phase).
        #[test]
        fn cadence_survives_jitter(phase in 0u64..PERIOD, jitter in proptest::collection::vec(0u64..16_000_000, 300)) {
            let mut line = PictureLine::default();
            let frames: Vec<u64> =
                jitter.iter().enumerate().map(|(n, j)| 100_000_000 + phase + n as u64 * PERIOD + j).collect();
            let mut next = 0;
            let mut shown = Vec::new();
            for tick in 0..290u64 {
                let due = 100_000_000 + tick * PERIOD;
                // Frames arrive 60 ms before they are due.
                while next < frames.len() && frames[next] <= due + 60_000_000 {
                    line.push(frames[next], next);
                    next += 1;
                }
                line.advance(due, PERIOD);
                if let Some(current) = line.current() {
                    shown.push(current.frame);
                    prop_assert!(current.pts <= due + PERIOD / 2);
                }
            }
            let repeats = shown.windows(2).filter(|w| w[0] == w[1]).count();
            let skips: usize = shown.windows(2).map(|w| w[1].saturating_sub(w[0] + 1)).sum();
            prop_assert!(repeats <= 1 && skips <= 1, "{repeats} repeats, {skips} skips");
        }
    }
}
