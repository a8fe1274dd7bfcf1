//! When a publisher whose pictures pass through is asked for a keyframe, pure.

use crate::{units::MediaTime, worker::program::players::KEYFRAME_PATIENCE};
use std::time::Duration;

/// What the way to the publisher, its encoder and the way back are taken to need before it is known: they need
/// 50 ms on the same machine and 300 ms over a long way.
const FIRST_LEAD: Duration = Duration::from_millis(150);

/// Asks so early that keyframes are there every so often: the time from request to keyframe is learnt.
#[derive(Debug, Clone)]
pub struct Rhythm {
    every: Duration,
    lead: Duration,
    /// Time of the newest keyframe.
    newest: Option<MediaTime>,
    asked: Option<MediaTime>,
    /// One is needed out of turn.
    wanted: bool,
}

impl Rhythm {
    /// A keyframe at least every so often. The first one is asked for at once.
    pub fn new(every: Duration) -> Self {
        Self { every, lead: FIRST_LEAD.min(every / 2), newest: None, asked: None, wanted: true }
    }

    /// One is needed out of turn.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// The newest keyframe that came is of this time.
    pub fn came(&mut self, at: MediaTime) {
        if self.newest.is_some_and(|newest| at <= newest) {
            return;
        }
        self.newest = Some(at);
        self.wanted = false;
        if let Some(asked) = self.asked.take()
            && at > asked
        {
            let took = at.since(asked);
            // Rather too early than too late.
            self.lead = took.max((self.lead * 3 + took) / 4).min(self.every / 2);
        }
    }

    /// Whether to ask at `now`; the answer is taken as done.
    pub fn ask(&mut self, now: MediaTime) -> bool {
        if self.asked.is_some_and(|asked| now.since(asked) < KEYFRAME_PATIENCE) {
            return false;
        }
        let due = self.newest.is_none_or(|newest| now.since(newest) + self.lead >= self.every);
        if !due && !self.wanted {
            return false;
        }
        self.asked = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keyframes of a sender that answers `answer_ms` after it was asked, looked at every 33 ms.
    fn keyframes(every_ms: u64, answer_ms: u64, length_ms: u64) -> (Vec<u64>, usize) {
        let mut rhythm = Rhythm::new(Duration::from_millis(every_ms));
        let (mut came, mut due, mut asked) = (Vec::new(), None, 0);
        for now in (1000..1000 + length_ms).step_by(33) {
            if let Some(at) = due.take_if(|at| *at <= now) {
                came.push(at);
                rhythm.came(MediaTime::from_millis(at));
            }
            if rhythm.ask(MediaTime::from_millis(now)) {
                asked += 1;
                due.get_or_insert(now + answer_ms);
            }
        }
        (came, asked)
    }

    proptest! {
        #[test]
        fn keyframes_come_as_often_as_they_shall(every_ms in 1000u64..10_000, answer_ms in 20u64..450) {
            let (came, asked) = keyframes(every_ms, answer_ms, 60_000);
            let late = came.windows(2).map(|pair| pair[1] - pair[0]).skip(2).max().unwrap_or(0);
            // One look late, to ask and to see.
            prop_assert!(late <= every_ms + 66, "{late} ms");
            let soon = came.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(every_ms);
            prop_assert!(soon >= every_ms / 2, "{soon} ms");
            prop_assert!(asked <= came.len() + 1, "asked {asked} times for {}", came.len());
        }
    }

    #[test]
    fn a_silent_sender_is_asked_again_and_one_that_was_not_asked_is_left_alone() {
        let mut rhythm = Rhythm::new(Duration::from_secs(2));
        let asked: Vec<u64> = (0..1600).filter(|ms| rhythm.ask(MediaTime::from_millis(*ms))).collect();
        assert_eq!(asked, [0, 500, 1000, 1500]);
        for second in 2..10 {
            rhythm.came(MediaTime::from_millis(second * 1000));
            assert!(
                !rhythm.ask(MediaTime::from_millis(second * 1000 + 990)),
                "it sends one every second itself"
            );
        }
        rhythm.want();
        assert!(rhythm.ask(MediaTime::from_millis(10_000)));
    }
}
