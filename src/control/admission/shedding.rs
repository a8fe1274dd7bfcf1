//! What runs costs less while there is no room: smaller renditions are given fewer pictures, step by step. Pure.

use std::time::{Duration, Instant};

/// From one step down to the next: by then the measured use, which is smoothed, shows what the last one gave.
const SHED_HOLD: Duration = super::state::SETTLE;
/// There must have been room for so long, since the last step too, before a step is taken back.
const RESTORE_HOLD: Duration = Duration::from_secs(30);
/// Below this part of what is allowed there is room: a step back costs less than what is missing to the limit.
const ROOM: f64 = 0.75;
/// Each rendition is halved so often: at a quarter it costs a quarter, and still moves.
const HALVINGS: usize = 2;

/// How the server does, as conferences hear it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// More is used than is allowed: snapshots are refused.
    pub pressed: bool,
    /// So many steps were taken; each halves the pictures of one rendition of each cast.
    pub steps: u8,
}

impl Load {
    /// Of which rendition of a cast only every so manieth picture is encoded; largest rendition first, as they are.
    /// The smallest gives first; none gives twice before all gave once. The program itself never does.
    pub fn paces(self, renditions: usize) -> Vec<u8> {
        let halved = |position: usize| {
            let behind = renditions - 1 - position;
            (0..HALVINGS).filter(|round| behind + round * renditions < usize::from(self.steps)).count()
        };
        (0..renditions).map(|position| 1 << halved(position)).collect()
    }
}

/// How many steps make a difference where the cast with most has so many renditions.
pub fn depth(renditions: usize) -> u8 {
    u8::try_from(renditions * HALVINGS).unwrap_or(u8::MAX)
}

/// A step was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Shed,
    Restored,
}

/// Decides about the steps.
#[derive(Debug, Default)]
pub struct Shedding {
    steps: u8,
    /// When the last one was taken, either way.
    stepped: Option<Instant>,
    /// Since when there has been room.
    room: Option<Instant>,
}

impl Shedding {
    pub const fn steps(&self) -> u8 {
        self.steps
    }

    /// `part` of what is allowed is used, smoothed; `pressed` as [`super::state::AdmissionState::is_pressed`]. More
    /// than `depth` steps change nothing.
    pub fn measured(&mut self, now: Instant, part: f64, pressed: bool, depth: u8) -> Option<Step> {
        // Casts that ended need no steps back.
        self.steps = self.steps.min(depth);
        if part < ROOM {
            self.room.get_or_insert(now);
        } else {
            self.room = None;
        }
        let rests = |hold: Duration, since: Option<Instant>| {
            since.is_none_or(|since| now.saturating_duration_since(since) >= hold)
        };
        let step = if pressed && part > 1.0 && self.steps < depth && rests(SHED_HOLD, self.stepped) {
            self.steps += 1;
            Step::Shed
        } else if !pressed
            && self.steps > 0
            && self.room.is_some()
            && rests(RESTORE_HOLD, self.room)
            && rests(RESTORE_HOLD, self.stepped)
        {
            self.steps -= 1;
            Step::Restored
        } else {
            return None;
        };
        self.stepped = Some(now);
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paces(steps: u8, renditions: usize) -> Vec<u8> {
        Load { pressed: true, steps }.paces(renditions)
    }

    #[test]
    fn the_smallest_gives_first_and_all_give_once_before_one_gives_twice() {
        let two: Vec<_> = (0..6).map(|steps| paces(steps, 2)).collect();
        assert_eq!(two, [[1, 1], [1, 2], [2, 2], [2, 4], [4, 4], [4, 4]]);
        assert_eq!(paces(3, 0), [0; 0]);
        assert_eq!(paces(255, 4), [4; 4]);
    }

    /// The steps there are after each second with such a part in use.
    fn run(
        shedding: &mut Shedding,
        start: Instant,
        seconds: std::ops::Range<u64>,
        part: f64,
    ) -> Vec<(u64, Step)> {
        let at = |second| start + Duration::from_secs(second);
        seconds
            .filter_map(|second| {
                shedding.measured(at(second), part, part > 0.95, 4).map(|step| (second, step))
            })
            .collect()
    }

    #[test]
    fn steps_are_taken_while_it_presses_and_taken_back_when_there_was_room_for_a_while() {
        let (start, mut shedding) = (Instant::now(), Shedding::default());
        assert_eq!(
            run(&mut shedding, start, 0..21, 1.2),
            [(0, Step::Shed), (10, Step::Shed), (20, Step::Shed)]
        );
        assert_eq!(run(&mut shedding, start, 21..120, 0.98), [], "what is just enough stays");
        assert_eq!(run(&mut shedding, start, 120..200, 0.8), [], "no room for what a step costs");
        let back = run(&mut shedding, start, 200..300, 0.5);
        assert_eq!(back, [(230, Step::Restored), (260, Step::Restored), (290, Step::Restored)]);
    }

    #[test]
    fn there_are_no_more_steps_than_make_a_difference() {
        let (start, mut shedding) = (Instant::now(), Shedding::default());
        assert_eq!(run(&mut shedding, start, 0..100, 2.0).len(), 4);
        assert_eq!(shedding.measured(start + Duration::from_secs(100), 2.0, true, 0), None);
        assert_eq!(shedding.steps(), 0, "the casts are over");
    }

    proptest! {
        #[test]
        fn a_cast_gives_in_order_and_gets_back_in_reverse(
            parts in proptest::collection::vec((0.0f64..2.0, any::<bool>(), 1u8..60), 1..120),
            renditions in 1usize..5,
        ) {
            let (mut now, mut shedding) = (Instant::now(), Shedding::default());
            let (mut before, mut last) = (vec![1; renditions], None::<(Instant, Step)>);
            for (part, pressed, times) in parts {
                for _ in 0..times {
                    now += Duration::from_secs(1);
                    let step = shedding.measured(now, part, pressed, depth(renditions));
                    let after = Load { pressed, steps: shedding.steps() }.paces(renditions);
                    let changed: Vec<_> = (0..renditions).filter(|one| before[*one] != after[*one]).collect();
                    match step {
                        None => prop_assert!(changed.is_empty()),
                        Some(step) => {
                            prop_assert_eq!(changed.len(), 1, "one rendition a step");
                            let one = changed[0];
                            let shed = step == Step::Shed;
                            let (less, more) = if shed { (&before, &after) } else { (&after, &before) };
                            prop_assert_eq!(more[one], less[one] * 2);
                            // All behind it gave as much already, all before it have not.
                            prop_assert!(less[..one].iter().all(|pace| *pace == less[one]));
                            prop_assert!(less[one + 1..].iter().all(|pace| *pace == more[one]));
                            let due = if shed { pressed && part > 1.0 } else { !pressed && part < ROOM };
                            prop_assert!(due, "{:?} at {}", step, part);
                            let hold = if shed { SHED_HOLD } else { RESTORE_HOLD };
                            prop_assert!(last.is_none_or(|(at, _)| now - at >= hold));
                            last = Some((now, step));
                        }
                    }
                    before = after;
                }
            }
        }
    }
}
