//! What a mixer that comes too late does without.

use crate::units::MediaTime;
use std::time::Duration;

/// The thread woke so late that catching up picture by picture would take longer than it is worth.
const TOO_LATE: Duration = Duration::from_secs(1);
/// However late: twice a second a picture goes out. On a machine without time a thread may stay too late for many
/// seconds, and a viewer is to see that the program lives.
const AT_LEAST: Duration = Duration::from_millis(500);

/// When the last picture was drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lateness {
    drawn: MediaTime,
}

impl Lateness {
    pub(super) fn new(now: MediaTime) -> Self {
        Self { drawn: now }
    }

    /// Whether the picture of `pts` is left out to catch up. Keyframes are not: segments begin with them, and there
    /// is one in two seconds.
    pub(super) fn leaves_out(&self, pts: MediaTime, keyframe: bool, now: MediaTime) -> bool {
        now.since(pts) > TOO_LATE && !keyframe && now.since(self.drawn) < AT_LEAST
    }

    /// A picture went to the encoder.
    pub(super) fn drew(&mut self, now: MediaTime) {
        self.drawn = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MediaTime {
        MediaTime(ms * 1_000_000)
    }

    #[test]
    fn who_is_in_time_leaves_nothing_out() {
        let lateness = Lateness::new(at(1900));
        assert!(!lateness.leaves_out(at(1000), false, at(2000)));
        assert!(lateness.leaves_out(at(1000), false, at(2001)));
    }

    #[test]
    fn a_thread_that_stays_too_late_shows_two_pictures_a_second_and_every_keyframe() {
        let mut lateness = Lateness::new(at(10_000));
        // Frames of 10 s ago, 30 a second by their times; each turn takes the 33 ms that its frame lasts.
        let drawn: Vec<u64> = (0..90)
            .filter(|n| {
                let (pts, now) = (at(n * 33), at(10_000 + n * 33));
                let goes = !lateness.leaves_out(pts, n % 60 == 0, now);
                if goes {
                    lateness.drew(now);
                }
                goes
            })
            .collect();
        assert_eq!(drawn, [0, 16, 32, 48, 60, 76]);
    }
}
