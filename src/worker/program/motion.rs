//! Tiles on their way from where they were to where they will be, pure.

use crate::{
    ids::SourceId,
    layout::{Place, Rect},
    units::FrameRate,
};
use std::time::Duration;

/// A change of layout that is seen as a movement. Who is in both layouts moves; who is new grows out of the middle of their
/// place; who is no longer there is gone at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Motion {
    from: Vec<(SourceId, Rect)>,
    frames: u32,
    shown: u32,
}

impl Motion {
    /// From `places` (as they are by the movement `before`, where one is under way), as many frames as come nearest to
    /// `length`; `None` when that is one or none: a cut.
    pub fn new(
        places: &[Place<'_>],
        before: Option<&Self>,
        length: Duration,
        rate: FrameRate,
    ) -> Option<Self> {
        let frames = rate.frames_in(length);
        let at = |place: &Place<'_>| {
            let rect = before.map_or(place.rect, |before| before.rect(place.tile.source, place.rect));
            Some((place.tile.source?, rect))
        };
        let from = places.iter().filter_map(at).collect();
        (frames > 1).then_some(Self { from, frames, shown: 0 })
    }

    /// The next frame. False when it is the first that shows everything in its place.
    pub fn advance(&mut self) -> bool {
        self.shown = self.shown.saturating_add(1);
        self.shown < self.frames
    }

    /// Where a tile is that is going to `to`.
    pub fn rect(&self, source: Option<SourceId>, to: Rect) -> Rect {
        let middle =
            Rect { x: to.x + even(to.width / 2), y: to.y + even(to.height / 2), width: 2, height: 2 };
        let known = self.from.iter().find(|(known, _)| Some(*known) == source);
        let from = known.map_or(middle, |(_, rect)| *rect);
        let share = eased(f64::from(self.shown.min(self.frames)) / f64::from(self.frames));
        let between = |from: u32, to: u32| {
            let value = f64::from(from) + (f64::from(to) - f64::from(from)) * share;
            // Between two sizes of a picture: small, and not negative.
            2 * (value / 2.0).round() as u32
        };
        // By its edges, so that tiles that touch go on touching.
        let (x, y) = (between(from.x, to.x), between(from.y, to.y));
        let (right, bottom) =
            (between(from.x + from.width, to.x + to.width), between(from.y + from.height, to.y + to.height));
        Rect { x, y, width: right.saturating_sub(x).max(2), height: bottom.saturating_sub(y).max(2) }
    }
}

/// Slow at both ends.
fn eased(part: f64) -> f64 {
    part * part * (3.0 - 2.0 * part)
}

const fn even(value: u32) -> u32 {
    value & !1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ipc::{PictureSpec, TileSpec},
        layout::places,
    };
    use proptest::prelude::*;

    const RATE: FrameRate = FrameRate(30);

    fn tile(source: u32) -> TileSpec {
        TileSpec { source: Some(SourceId(source)), label: String::new(), video_muted: false }
    }

    fn grid(sources: &[u32]) -> PictureSpec {
        PictureSpec::Grid(sources.iter().map(|n| tile(*n)).collect())
    }

    fn motion(from: &PictureSpec, before: Option<&Motion>, ms: u64) -> Motion {
        Motion::new(&places(from, 1280, 720), before, Duration::from_millis(ms), RATE).unwrap()
    }

    #[test]
    fn a_tile_goes_from_its_place_to_its_place() {
        let (from, to) = (grid(&[1]), grid(&[1, 2]));
        let mut motion = motion(&from, None, 400);
        let goal = places(&to, 1280, 720)[0].rect;
        let mut widths = Vec::new();
        for frame in 1..=12 {
            assert_eq!(motion.advance(), frame < 12);
            widths.push(motion.rect(Some(SourceId(1)), goal).width);
        }
        assert!(widths.is_sorted_by(|a, b| a > b), "{widths:?}");
        assert_eq!(widths[5], even((1280 + goal.width) / 2), "half way at half time");
        assert_eq!(motion.rect(Some(SourceId(1)), goal), goal);
        let fresh = self::motion(&from, None, 400).rect(Some(SourceId(2)), goal);
        assert_eq!((fresh.width, fresh.height), (2, 2), "who is new is small at first");
    }

    #[test]
    fn the_next_movement_begins_where_this_one_is() {
        let (from, to) = (grid(&[1]), grid(&[1, 2]));
        let mut first = motion(&from, None, 400);
        (0..6).for_each(|_| assert!(first.advance()));
        let goal = places(&to, 1280, 720)[0].rect;
        let here = first.rect(Some(SourceId(1)), goal);
        let second = motion(&to, Some(&first), 400);
        assert_eq!(second.rect(Some(SourceId(1)), Rect::full(1280, 720)), here);
        assert_eq!(Motion::new(&[], None, Duration::from_millis(40), RATE), None, "a frame is a cut");
    }

    proptest! {
        #[test]
        fn tiles_stay_within_the_frame_and_on_even_pixels(
            from in 1usize..16, to in 1usize..16, steps in 0usize..40,
        ) {
            let numbers: Vec<u32> = (0..16).collect();
            let mut motion = motion(&grid(&numbers[..from]), None, 500);
            for _ in 0..steps {
                motion.advance();
            }
            for place in places(&grid(&numbers[..to]), 1280, 720) {
                let rect = motion.rect(place.tile.source, place.rect);
                prop_assert!([rect.x, rect.y, rect.width, rect.height].iter().all(|n| n % 2 == 0));
                prop_assert!(rect.width >= 2 && rect.x + rect.width <= 1280);
                prop_assert!(rect.height >= 2 && rect.y + rect.height <= 720);
                if steps >= 15 {
                    prop_assert_eq!(rect, place.rect);
                }
            }
        }
    }
}
