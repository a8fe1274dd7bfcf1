//! Whether a program's pictures come out, and whose fault it is when they do not.
//!
//! A machine without time is nobody's fault: another encoder, or another worker, would have no more of it. So an
//! encoder is blamed only for pictures that it was given, and the mixer only when it does not move at all.

use crate::units::MediaTime;
use std::time::Duration;

/// Pictures that wait for so long are stuck in their encoder: another one takes over, or control replaces the worker.
const ENCODER: Duration = Duration::from_secs(2);
/// From the first picture to its coming out: encoders start in tens of milliseconds.
const FIRST: Duration = Duration::from_secs(5);
/// The mixer has not made a turn for so long, and makes one for each frame, also where it leaves the picture out. On a
/// machine whose two cores eighteen threads wanted, it waited 0.4 s for one.
const MIXER: Duration = Duration::from_secs(4);

/// What is seen of a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sight {
    /// Pictures that came out of the encoder.
    pub out: u64,
    /// Pictures that the mixer gave to it. Counted anew for each program, when the mixer begins with it.
    pub made: u64,
    /// What the mixer did, with or without a picture.
    pub turns: u64,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A picture came out since the last look.
    Flows,
    /// None did, which is all right so far.
    Waits,
    /// The encoder has had pictures for so long and gave none.
    EncoderStuck(Duration),
    /// The program's thread has stood still for so long.
    MixerStuck(Duration),
}

/// Looks at one program.
#[derive(Debug)]
pub(super) struct ProgramWatch {
    /// Pictures pass through: none may be missing for longer than this, and then some, whoever made them.
    passing: Option<Duration>,
    first: bool,
    last: Sight,
    /// Since when pictures have waited.
    waiting: Option<MediaTime>,
    turned: MediaTime,
}

impl ProgramWatch {
    /// Begins with a program. `passing`: how long it may be without a picture, where they pass through.
    pub(super) fn new(passing: Option<Duration>, now: MediaTime) -> Self {
        Self { passing, first: true, last: Sight::default(), waiting: passing.map(|_| now), turned: now }
    }

    /// Another encoder took over and gets its time, from the next picture on.
    pub(super) fn encoder_replaced(&mut self) {
        self.waiting = None;
    }

    /// Looks, a few times a second. What is wrong is told again after the same time.
    pub(super) fn look(&mut self, sight: Sight, now: MediaTime) -> Verdict {
        let last = std::mem::replace(&mut self.last, sight);
        if sight.turns != last.turns {
            self.turned = now;
        }
        if sight.out != last.out {
            self.first = false;
            self.waiting = self.passing.map(|_| now);
            return Verdict::Flows;
        }
        if sight.made != last.made {
            self.waiting.get_or_insert(now);
        }
        let patience = if self.first { FIRST } else { ENCODER } + self.passing.unwrap_or_default();
        if self.waiting.is_some_and(|since| now.since(since) >= patience) {
            self.waiting = Some(now);
            return Verdict::EncoderStuck(patience);
        }
        if now.since(self.turned) >= MIXER {
            self.turned = now;
            return Verdict::MixerStuck(MIXER);
        }
        Verdict::Waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> MediaTime {
        MediaTime(ms * 1_000_000)
    }

    /// Looks every 250 ms at what `sight` tells of the time, up to `until_ms`: all verdicts but `Waits`.
    fn verdicts(
        watch: &mut ProgramWatch,
        from_ms: u64,
        until_ms: u64,
        sight: impl Fn(u64) -> Sight,
    ) -> Vec<(u64, Verdict)> {
        (from_ms..=until_ms)
            .step_by(250)
            .map(|ms| (ms, watch.look(sight(ms), at(ms))))
            .filter(|(_, verdict)| *verdict != Verdict::Waits)
            .collect()
    }

    #[test]
    fn an_encoder_is_blamed_for_what_it_was_given_and_not_for_a_mixer_without_time() {
        let mut watch = ProgramWatch::new(None, at(0));
        assert_eq!(watch.look(Sight { out: 3, made: 4, turns: 4 }, at(250)), Verdict::Flows);
        // The mixer leaves out every picture for ten seconds.
        let starved = |ms| Sight { out: 4, made: 4, turns: ms };
        assert_eq!(verdicts(&mut watch, 500, 10_500, starved), [(500, Verdict::Flows)]);
        // Now it gives some, and none comes out.
        let stuck = |ms| Sight { out: 4, made: 5.min(ms), turns: ms };
        assert_eq!(
            verdicts(&mut watch, 10_750, 14_750, stuck),
            [(12_750, Verdict::EncoderStuck(ENCODER)), (14_750, Verdict::EncoderStuck(ENCODER))]
        );
        watch.encoder_replaced();
        let flows = |ms| Sight { out: ms, made: ms, turns: ms };
        assert!(
            verdicts(&mut watch, 15_250, 20_000, flows).iter().all(|(_, verdict)| *verdict == Verdict::Flows)
        );
    }

    #[test]
    fn the_first_picture_has_longer() {
        let mut watch = ProgramWatch::new(None, at(0));
        let made = |ms| Sight { out: 0, made: ms / 33, turns: ms };
        assert_eq!(verdicts(&mut watch, 250, 5_250, made), [(5_250, Verdict::EncoderStuck(FIRST))]);
    }

    #[test]
    fn a_mixer_that_does_not_move_is_stuck() {
        let mut watch = ProgramWatch::new(None, at(0));
        let still = |_| Sight { out: 7, made: 7, turns: 9 };
        assert_eq!(
            verdicts(&mut watch, 250, 4_500, still),
            [(250, Verdict::Flows), (4_250, Verdict::MixerStuck(MIXER))]
        );
    }

    #[test]
    fn pictures_that_pass_through_may_be_missing_as_long_as_the_last_one_is_held() {
        let hold = Duration::from_secs(3);
        let mut watch = ProgramWatch::new(Some(hold), at(0));
        let none = |ms| Sight { out: 5, made: 5, turns: ms };
        assert_eq!(
            verdicts(&mut watch, 250, 5_500, none),
            [(250, Verdict::Flows), (5_250, Verdict::EncoderStuck(ENCODER + hold))]
        );
    }

    proptest! {
        /// Whatever the looks are like: no encoder is blamed that was given nothing since its last picture.
        #[test]
        fn nobody_is_blamed_for_nothing(steps in prop::collection::vec((1u64..4000, 0u64..2, 0u64..3), 1..60)) {
            let mut watch = ProgramWatch::new(None, at(0));
            let (mut now, mut sight, mut owed) = (0, Sight::default(), false);
            for (pause, made, out) in steps {
                now += pause;
                sight = Sight { out: sight.out + out, made: sight.made + made, turns: sight.turns + 1 };
                owed = out == 0 && (owed || made > 0);
                let verdict = watch.look(sight, at(now));
                prop_assert!(owed || !matches!(verdict, Verdict::EncoderStuck(_)), "{verdict:?}");
                prop_assert!(!matches!(verdict, Verdict::MixerStuck(_)));
            }
        }
    }
}
