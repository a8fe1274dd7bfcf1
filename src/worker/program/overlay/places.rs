//! Where things of an overlay stand, and how large they are, pure. All in pixels, all even.

use crate::{
    ipc::overlay::TitlePosition,
    layout::{Corner, Rect},
};

/// Between things and the edges of the frame, of its shorter side: as an inset's (20 pixels at 720p).
const MARGIN_DIVISOR: u32 = 36;
/// A title's letters, of the frame's height: 36 pixels at 720p.
const TITLE_DIVISOR: u32 = 20;
/// A clock's.
const CLOCK_DIVISOR: u32 = 24;
/// A name's letters, of its tile's height, and of the frame's at most: 24 pixels at 720p.
const NAME_OF_TILE: u32 = 12;
const NAME_OF_FRAME: u32 = 30;
/// Letters smaller than this cannot be read.
const MIN_PX: u32 = 10;

const fn even(value: u32) -> u32 {
    value & !1
}

/// The output's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub width: u32,
    pub height: u32,
}

impl Frame {
    fn margin(self) -> u32 {
        even(self.width.min(self.height) / MARGIN_DIVISOR)
    }

    /// The font's size of a title, and the room it has: most of the width, a third of the height.
    pub fn title(self) -> (u32, [u32; 2]) {
        let px = (self.height / TITLE_DIVISOR).max(MIN_PX);
        (px, [even(self.width - 2 * self.margin().min(self.width / 4)), even(self.height / 3)])
    }

    /// The font's size of a clock of so many characters, and its box's width.
    pub fn clock(self, characters: u32) -> (u32, u32) {
        let px = (self.height / CLOCK_DIVISOR).max(MIN_PX);
        // Digits of the usual fonts are 0.57 to 0.64 of their size wide, a colon less.
        (px, even(px * (characters * 5 + 5) / 8))
    }

    /// The font's size of a tile's name, and the room it has.
    pub fn name(self, tile: Rect) -> (u32, u32) {
        let px = (tile.height / NAME_OF_TILE).min(self.height / NAME_OF_FRAME).max(MIN_PX);
        (px, even(tile.width.saturating_sub(2 * self.gap())))
    }

    /// Between a name and its tile's edges.
    fn gap(self) -> u32 {
        even(self.margin() / 3)
    }

    /// The most that a logo may have of the height.
    pub fn logo_height(self) -> u32 {
        even(self.height - 2 * self.margin().min(self.height / 4))
    }

    /// Where a title of this size stands.
    pub fn place_title(self, position: TitlePosition, size: [u32; 2]) -> (u32, u32) {
        let x = even(self.width.saturating_sub(size[0]) / 2);
        match position {
            TitlePosition::Top => (x, self.margin()),
            TitlePosition::Bottom => (x, even(self.height.saturating_sub(size[1] + self.margin()))),
        }
    }

    /// Where something of this size stands in a corner, `beside` something that is as high there already.
    pub fn place_corner(self, corner: Corner, size: [u32; 2], beside: u32) -> (u32, u32) {
        let margin = self.margin();
        let off = if beside > 0 { beside + margin / 2 } else { 0 };
        let right = self.width.saturating_sub(size[0] + margin);
        let bottom = self.height.saturating_sub(size[1] + margin + off);
        let (x, y) = match corner {
            Corner::TopLeft => (margin, margin + off),
            Corner::TopRight => (right, margin + off),
            Corner::BottomLeft => (margin, bottom),
            Corner::BottomRight => (right, bottom),
        };
        (even(x), even(y))
    }

    /// Where a name as high as this stands in its tile.
    pub fn place_name(self, tile: Rect, height: u32) -> (u32, u32) {
        let gap = self.gap();
        let down = tile.height.saturating_sub(height + gap);
        (even(tile.x + gap.min(tile.width / 2)), even(tile.y + down))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { width: 1280, height: 720 };

    #[test]
    fn things_stand_in_their_corners_and_not_upon_each_other() {
        let at = |corner, beside| FRAME.place_corner(corner, [200, 100], beside);
        assert_eq!(at(Corner::TopLeft, 0), (20, 20));
        assert_eq!(at(Corner::TopRight, 0), (1060, 20));
        assert_eq!(at(Corner::BottomLeft, 0), (20, 600));
        assert_eq!(at(Corner::BottomRight, 0), (1060, 600));
        assert_eq!(at(Corner::TopRight, 60), (1060, 90));
        assert_eq!(at(Corner::BottomRight, 60), (1060, 530));
        assert_eq!(FRAME.place_title(TitlePosition::Bottom, [400, 60]), (440, 640));
        assert_eq!(FRAME.place_title(TitlePosition::Top, [400, 60]), (440, 20));
    }

    #[test]
    fn a_name_stands_in_its_tile_and_fits_it() {
        let tile = Rect { x: 644, y: 362, width: 636, height: 358 };
        assert_eq!(FRAME.name(tile), (24, 624));
        assert_eq!(FRAME.place_name(tile, 42), (650, 672));
        let small = Rect { x: 10, y: 10, width: 100, height: 56 };
        assert_eq!(FRAME.name(small).0, 10);
    }

    #[test]
    fn the_smallest_picture_has_no_place_outside_of_numbers() {
        let tiny = Frame { width: 16, height: 16 };
        tiny.title();
        tiny.clock(8);
        tiny.name(Rect::full(2, 2));
        tiny.logo_height();
        for corner in [Corner::TopLeft, Corner::TopRight, Corner::BottomLeft, Corner::BottomRight] {
            tiny.place_corner(corner, [500, 500], 500);
        }
        tiny.place_name(Rect::full(2, 2), 500);
        tiny.place_title(TitlePosition::Bottom, [500, 500]);
    }
}
