//! How much of each stream the server can use right now, and when its sender is told: pure.
//!
//! A sender that knows keeps to it, which saves its uplink and our decoder. More is asked for at once, since it
//! is about to be seen; less only after a while, since an operator who switches away switches back.

use super::presence::SeatId;
use crate::{
    ids::{ParticipantId, SessionId, StreamName},
    units::Kbps,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A stream must be shown smaller for so long before its sender is told: each change is a keyframe, and a sender
/// that is told to send more needs up to a second to do so.
const LOWER_AFTER: Duration = Duration::from_secs(5);

/// The sizes that are asked for, by height, and what a camera's H.264 or VP8 needs for each at 30 frames a
/// second: about 0.08 bit for each pixel where there are few, 0.04 where there are many. What is scaled
/// down afterwards need not be better.
const LADDER: [(u32, u32); 9] = [
    (180, 200),
    (240, 300),
    (360, 700),
    (480, 1000),
    (540, 1300),
    (720, 2000),
    (1080, 3500),
    (1440, 6000),
    (2160, 9000),
];

/// What a sender may keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quality {
    /// Pixels, of the shorter side of a landscape picture.
    pub max_height: u32,
    /// For the picture.
    pub max_kbps: Kbps,
}

impl Quality {
    /// Enough for a picture that is shown `height` pixels high; `None`: as good as it can be.
    ///
    /// Tiles are a gap smaller than a size of the ladder: a sender need not take the next size for that.
    pub fn for_height(height: u32) -> Option<Self> {
        let rung = LADDER.iter().find(|(rung, _)| height <= rung + rung / 32)?;
        Some(Self { max_height: rung.0, max_kbps: Kbps(rung.1) })
    }
}

/// A stream whose sender can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where its owner hears.
    pub seat: SeatId,
    /// The publication: a new one knows nothing of what the former was told.
    pub session: SessionId,
    /// `None`: as good as it can be.
    pub quality: Option<Quality>,
}

/// A stream by its owner and name.
pub type StreamKey = (ParticipantId, StreamName);

/// What senders were told.
#[derive(Debug, Default)]
pub struct Hints {
    told: BTreeMap<StreamKey, Hint>,
}

#[derive(Debug)]
struct Hint {
    wanted: Wanted,
    /// Less is wanted, and told then.
    lower_at: Option<Instant>,
}

impl Hints {
    /// Takes what is wanted of every stream now; gives what is to be told, to which seat.
    pub fn settle(
        &mut self,
        now: Instant,
        wanted: BTreeMap<StreamKey, Wanted>,
    ) -> Vec<(SeatId, StreamName, Option<Quality>)> {
        self.told.retain(|key, _| wanted.contains_key(key));
        let mut tell = Vec::new();
        for (key, wanted) in wanted {
            let name = key.1.clone();
            let known = self.told.get_mut(&key);
            let known =
                known.filter(|hint| hint.wanted.seat == wanted.seat && hint.wanted.session == wanted.session);
            let Some(hint) = known else {
                if wanted.quality.is_some() {
                    tell.push((wanted.seat, name, wanted.quality));
                }
                self.told.insert(key, Hint { wanted, lower_at: None });
                continue;
            };
            if rank(wanted.quality) < rank(hint.wanted.quality) {
                let due = *hint.lower_at.get_or_insert(now + LOWER_AFTER);
                if due > now {
                    continue;
                }
            }
            hint.lower_at = None;
            if wanted.quality != hint.wanted.quality {
                hint.wanted.quality = wanted.quality;
                tell.push((wanted.seat, name, wanted.quality));
            }
        }
        tell
    }

    /// The seat listens on another connection now, which has heard nothing.
    pub fn forget(&mut self, seat: SeatId) {
        self.told.retain(|_, hint| hint.wanted.seat != seat);
    }

    /// When less is to be told.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.told.values().filter_map(|hint| hint.lower_at).min()
    }
}

/// No limit is the most.
fn rank(quality: Option<Quality>) -> u32 {
    quality.map_or(u32::MAX, |quality| quality.max_height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(height: u32) -> BTreeMap<StreamKey, Wanted> {
        let wanted = Wanted { seat: SeatId(1), session: "s".into(), quality: Quality::for_height(height) };
        BTreeMap::from([(("ann".parse().unwrap(), StreamName::default()), wanted)])
    }

    fn heights(told: Vec<(SeatId, StreamName, Option<Quality>)>) -> Vec<Option<u32>> {
        told.into_iter().map(|(.., quality)| quality.map(|quality| quality.max_height)).collect()
    }

    #[test]
    fn a_tile_asks_for_the_size_above_it() {
        let height = |shown| Quality::for_height(shown).map(|quality| quality.max_height);
        assert_eq!(height(356), Some(360));
        assert_eq!(height(370), Some(360), "3 % are not worth a size");
        assert_eq!(height(400), Some(480));
        assert_eq!(height(0), Some(180));
        assert_eq!(height(2160), Some(2160));
        assert_eq!(height(4000), None);
    }

    #[test]
    fn more_is_asked_for_at_once_and_less_after_a_while() {
        let (mut hints, start) = (Hints::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(heights(hints.settle(at(0), wanted(356))), [Some(360)]);
        assert_eq!(heights(hints.settle(at(1), wanted(720))), [Some(720)]);
        assert!(hints.settle(at(2), wanted(356)).is_empty());
        assert_eq!(hints.next_deadline(), Some(at(7)));
        assert!(hints.settle(at(3), wanted(720)).is_empty(), "back in time: nothing was told");
        assert_eq!(hints.next_deadline(), None);
        assert!(hints.settle(at(4), wanted(356)).is_empty());
        assert_eq!(heights(hints.settle(at(9), wanted(356))), [Some(360)]);
        assert_eq!(heights(hints.settle(at(9), wanted(4000))), [None], "as good as it can be");
    }

    #[test]
    fn who_comes_back_is_told_again() {
        let (mut hints, now) = (Hints::default(), Instant::now());
        hints.settle(now, wanted(356));
        hints.forget(SeatId(1));
        assert_eq!(heights(hints.settle(now, wanted(356))), [Some(360)]);
        let mut again = wanted(356);
        again.values_mut().for_each(|one| one.session = "t".into());
        assert_eq!(heights(hints.settle(now, again)), [Some(360)], "a new publication");
        assert!(hints.settle(now, BTreeMap::new()).is_empty());
        assert!(Hints::default().settle(now, wanted(4000)).is_empty(), "no limit is what it has anyway");
    }

    proptest! {
        #[test]
        fn a_sender_is_never_kept_below_what_is_shown(
            steps in proptest::collection::vec((0u32..3000, 0u64..7000), 1..60),
        ) {
            let (mut hints, mut now) = (Hints::default(), Instant::now());
            let mut told = u32::MAX;
            for (height, pause) in steps {
                now += Duration::from_millis(pause);
                for height in heights(hints.settle(now, wanted(height))) {
                    told = height.unwrap_or(u32::MAX);
                }
                prop_assert!(told >= rank(Quality::for_height(height)));
                hints.settle(now, wanted(height));
            }
            let last = hints.next_deadline();
            prop_assert!(last.is_none_or(|at| at <= now + LOWER_AFTER));
        }
    }
}
