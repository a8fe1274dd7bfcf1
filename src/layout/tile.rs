//! What a tile may be like: where it stands, how its picture fills it, what is around it.

use super::{Rect, even};
use serde::{Deserialize, Serialize};

/// A part of the program's width or height, 0 to 1, kept in millionths: finer than a pixel of any size, and equal
/// when it is the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fraction(u32);

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// All of it.
    pub const WHOLE: Self = Self(MILLION);
    /// One half.
    pub const HALF: Self = Self(MILLION / 2);

    /// `None` for what is no number from 0 to 1.
    pub fn new(value: f64) -> Option<Self> {
        // In range, so the conversion is exact to a millionth.
        (0.0..=1.0).contains(&value).then(|| Self((value * f64::from(MILLION)).round() as u32))
    }

    /// From hundredths.
    pub const fn percent(hundredths: u32) -> Self {
        Self(hundredths * (MILLION / 100))
    }

    /// The number, 0 to 1.
    pub fn value(self) -> f64 {
        f64::from(self.0) / f64::from(MILLION)
    }

    /// The nearest even number of pixels.
    pub const fn of(self, pixels: u32) -> u32 {
        let (own, million) = (self.0 as u64 * pixels as u64, MILLION as u64);
        // Half of it, rounded, and that twice. Not above `pixels` + 1.
        (((own + million) / (2 * million)) * 2) as u32
    }

    /// Both together, 1 at most.
    const fn and(self, other: Self) -> Self {
        let sum = self.0 + other.0;
        Self(if sum > MILLION { MILLION } else { sum })
    }
}

const MILLION: u32 = 1_000_000;

/// Where a tile stands, in parts of the program's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// From the left edge.
    pub x: Fraction,
    /// From the top.
    pub y: Fraction,
    pub width: Fraction,
    pub height: Fraction,
}

impl Area {
    /// In pixels of an output of this size (even): each edge goes to its nearest even pixel, so areas that touch have
    /// tiles that touch.
    pub fn rect(self, width: u32, height: u32) -> Rect {
        let span = |from: Fraction, size: Fraction, pixels: u32| {
            let first = from.of(pixels).min(pixels.saturating_sub(2));
            (first, from.and(size).of(pixels).min(pixels).max(first + 2) - first)
        };
        let (x, wide) = span(self.x, self.width, width);
        let (y, high) = span(self.y, self.height, height);
        Rect { x, y, width: wide, height: high }
    }
}

/// How a picture of another aspect fills its tile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Fit {
    /// All of it, as large as it goes.
    #[default]
    Contain,
    /// The tile is filled; what does not fit is cut on both sides.
    Cover,
}

/// A corner of the picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    #[default]
    BottomRight,
}

/// The edge of a tile, as it was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeSpec {
    /// Its width, of the program's height; zero: none.
    pub border: Fraction,
    /// 0xRRGGBB.
    pub colour: u32,
    /// The corners' radius, of the program's height; zero: none.
    pub radius: Fraction,
}

/// The edge of a tile on the pixel grid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Edge {
    /// Pixels, even; around the picture, inside the tile.
    pub border: u32,
    /// 0xRRGGBB.
    pub colour: u32,
    /// Pixels, even; of the border's outer side.
    pub radius: u32,
}

impl EdgeSpec {
    /// In pixels, for a tile of an output that is so high: something of the picture always remains.
    pub fn on(self, tile: Rect, height: u32) -> Edge {
        let half = tile.width.min(tile.height) / 2;
        Edge {
            border: self.border.of(height).min(even(half.saturating_sub(1))),
            colour: self.colour,
            radius: self.radius.of(height).min(even(half)),
        }
    }
}

impl Rect {
    /// Smaller by so many pixels (even) on each side; at least 2×2 remain.
    pub fn shrunk(self, by: u32) -> Self {
        let by = by.min(even((self.width.min(self.height).saturating_sub(2)) / 2));
        Self { x: self.x + by, y: self.y + by, width: self.width - 2 * by, height: self.height - 2 * by }
    }

    /// Larger by so many pixels on each side; it must have been [shrunk](Self::shrunk) by as many.
    pub fn grown(self, by: u32) -> Self {
        let (x, y) = (self.x.saturating_sub(by), self.y.saturating_sub(by));
        Self { x, y, width: self.width + 2 * by, height: self.height + 2 * by }
    }

    /// All of `other` is in it.
    pub const fn covers(&self, other: &Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && self.x + self.width >= other.x + other.width
            && self.y + self.height >= other.y + other.height
    }
}
