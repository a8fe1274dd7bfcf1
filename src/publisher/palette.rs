//! The participants' colours: sixteen of them, far enough apart to be told after any codec.
//!
//! They were chosen by a max-min search over an RGB grid: every pair, and every colour against
//! black, white and four greys, lies at least 45 units apart in YUV (luma weighted 0.6), also when
//! one of the two went through a BT.601 ↔ BT.709 mix-up. A test keeps that true.

use std::{fmt, str::FromStr};

/// How many colours there are.
pub const COLOURS: usize = 16;

/// Half of the smallest distance between two colours: a reading further away from every colour is
/// none of them (a fade, a slate, black).
const MAX_DISTANCE: f32 = 22.0;

/// Luma counts less than chroma: gain, range mix-ups and quantisers change it first.
const LUMA_WEIGHT: f32 = 0.6;

const NAMED: [(&str, [u8; 3]); COLOURS] = [
    ("azure", [0x10, 0x70, 0xd0]),
    ("orange", [0xd0, 0x70, 0x10]),
    ("jade", [0x10, 0xa0, 0x70]),
    ("violet", [0x70, 0x10, 0xa0]),
    ("sand", [0xf0, 0xd0, 0x70]),
    ("red", [0xf0, 0x10, 0x10]),
    ("sky", [0x70, 0xd0, 0xf0]),
    ("pink", [0xf0, 0x70, 0xa0]),
    ("olive", [0x70, 0xa0, 0x10]),
    ("maroon", [0x70, 0x10, 0x10]),
    ("blue", [0x10, 0x10, 0xf0]),
    ("yellow", [0xf0, 0xf0, 0x10]),
    ("cyan", [0x10, 0xf0, 0xf0]),
    ("magenta", [0xf0, 0x10, 0xf0]),
    ("green", [0x10, 0xf0, 0x10]),
    ("sage", [0xa0, 0xd0, 0xa0]),
];

/// Luma coefficients of red and blue (ITU-R BT.601 §2.5.1, BT.709 §3.2).
const BT601: (f32, f32) = (0.299, 0.114);
const BT709: (f32, f32) = (0.2126, 0.0722);

/// One of the participants' colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Colour(u8);

/// A name that is not on the palette.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern must be one of {}", Colour::all().map(|c| c.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownColour;

impl Colour {
    /// The colour of the participant with this number; numbers past the palette start over.
    pub const fn of(participant: usize) -> Self {
        Self((participant % COLOURS) as u8)
    }

    /// All of them, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COLOURS).map(Self::of)
    }

    /// Its number, below [`COLOURS`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its name, for people and the command line.
    pub const fn name(self) -> &'static str {
        NAMED[self.0 as usize].0
    }

    /// Full-range RGB.
    pub const fn rgb(self) -> [u8; 3] {
        NAMED[self.0 as usize].1
    }

    /// BT.601 limited-range Y, Cb, Cr: what the test picture is drawn with.
    pub fn yuv(self) -> [u8; 3] {
        yuv(self.rgb(), BT601).map(|value| value.round() as u8)
    }

    /// The colour these mean Y, Cb, Cr values show, if any. Which matrix the stream was made with
    /// does not matter.
    pub fn classify(mean: [f32; 3]) -> Option<Self> {
        Self::all()
            .map(|colour| (colour.distance(mean), colour))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(distance, _)| *distance <= MAX_DISTANCE)
            .map(|(_, colour)| colour)
    }

    fn distance(self, mean: [f32; 3]) -> f32 {
        [BT601, BT709]
            .map(|matrix| distance(yuv(self.rgb(), matrix), mean))
            .into_iter()
            .fold(f32::MAX, f32::min)
    }
}

impl FromStr for Colour {
    type Err = UnknownColour;
    fn from_str(text: &str) -> Result<Self, UnknownColour> {
        Self::all().find(|colour| colour.name() == text).ok_or(UnknownColour)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn yuv(rgb: [u8; 3], (kr, kb): (f32, f32)) -> [f32; 3] {
    let [r, g, b] = rgb.map(f32::from);
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    [
        16.0 + y * 219.0 / 255.0,
        128.0 + (b - y) / (2.0 * (1.0 - kb)) * 224.0 / 255.0,
        128.0 + (r - y) / (2.0 * (1.0 - kr)) * 224.0 / 255.0,
    ]
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let [y, u, v] = [(a[0] - b[0]) * LUMA_WEIGHT, a[1] - b[1], a[2] - b[2]];
    (y * y + u * u + v * v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_lie_apart_in_every_matrix_and_from_black_white_and_grey() {
        for colour in Colour::all() {
            for other in Colour::all().filter(|other| *other != colour) {
                for matrix in [BT601, BT709] {
                    let d = other.distance(yuv(colour.rgb(), matrix));
                    assert!(d > 2.0 * MAX_DISTANCE, "{colour} and {other} are {d} apart");
                }
            }
            for grey in [16.0, 74.0, 126.0, 180.0, 235.0] {
                assert!(
                    colour.distance([grey, 128.0, 128.0]) > MAX_DISTANCE,
                    "{colour} looks like grey {grey}"
                );
            }
        }
    }

    #[test]
    fn names_are_unique_and_parse_back() {
        for colour in Colour::all() {
            assert_eq!(colour.name().parse(), Ok(colour));
            assert_eq!(Colour::of(colour.index() + COLOURS), colour);
        }
        let sentence = "mauve".parse::<Colour>().unwrap_err().to_string();
        assert!(sentence.starts_with("pattern must be one of azure, orange"), "{sentence}");
    }

    #[test]
    fn a_fade_and_a_slate_are_no_colour() {
        assert_eq!(Colour::classify([16.0, 128.0, 128.0]), None);
        assert_eq!(Colour::classify([235.0, 128.0, 128.0]), None);
        // The default slate, #101820.
        assert_eq!(Colour::classify(yuv([0x10, 0x18, 0x20], BT709)), None);
        let (red, blue) = (yuv([0xf0, 0x10, 0x10], BT601), yuv([0x10, 0x10, 0xf0], BT601));
        let half = std::array::from_fn(|i| (red[i] + blue[i]) / 2.0);
        assert_ne!(Colour::classify(half), "red".parse().ok());
        assert_ne!(Colour::classify(half), "blue".parse().ok());
    }
}
