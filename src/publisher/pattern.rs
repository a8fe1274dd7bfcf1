//! The test picture: what it says can be read back from the far end of any chain of codecs.
//!
//! Positions are fractions of the picture, so a scaled or tiled copy reads the same:
//!
//! ```text
//! ┌──────────────────────────────────────────┐
//! │ ▓▓░░▓▓░░▓▓▓▓▓▓░░░░░░▓▓░░▓▓▓▓▓▓▓▓▓▓░░░░▓▓ │  counter bits 23…8
//! │ ░░░░▓▓▓▓▓▓░░▓▓░░▓▓░░░░░░░░▓▓▓▓░░▓▓▓▓░░▓▓ │  counter bits 7…0, CRC-8
//! │                                          │
//! │ ░░░░░░░   ALICE                          │  sync cell, name and time, plain background
//! │ ░░░░░░░   00:12                          │
//! │═══════════▌                              │  a bar that takes one second from left to right
//! └──────────────────────────────────────────┘
//! ```
//!
//! Frame `n` stands for media time `n / fps`. The sync cell is white for the first two frames of each
//! second: the flash to the sound's beep ([`super::tone`]).

use super::{
    glyphs,
    palette::Colour,
    planes::{Picture, PictureSize},
};
use crate::units::FrameRate;

/// The smallest picture that can be drawn, pixels. A quarter of it (40×22) can still be read.
pub const MIN_SIZE: PictureSize = PictureSize { width: 160, height: 90 };

/// The sync cell is white for so many frames at each full second.
pub const FLASH_FRAMES: u64 = 2;

/// The counter starts over after 2^24 frames: 155 hours at 30 frames a second.
pub const COUNTER_BITS: u32 = 24;

/// Limited-range black, white and no colour (ITU-R BT.601 §2.5.3).
const BLACK: u8 = 16;
const WHITE: u8 = 235;
const GREY_CHROMA: u8 = 128;

/// A cell darker than this is a 0, lighter than the other a 1; between the two it is a blend of two
/// pictures and nothing is read.
const DARK: f32 = 100.0;
const LIGHT: f32 = 151.0;

/// Code cells in a row; a margin of one cell is left on both sides.
const CODE_COLUMNS: usize = 16;
const CODE_ROWS: usize = 2;
const CELL: f32 = 1.0 / (CODE_COLUMNS + 2) as f32;

#[derive(Clone, Copy)]
struct Area {
    x: [f32; 2],
    y: [f32; 2],
}

const CODE: Area = Area { x: [CELL, 1.0 - CELL], y: [0.08, 0.52] };
const SYNC: Area = Area { x: [CELL, 4.0 * CELL], y: [0.62, 0.90] };
const TEXT: Area = Area { x: [4.5 * CELL, 12.5 * CELL], y: [0.60, 0.92] };
const PLAIN: Area = Area { x: [13.0 * CELL, 17.0 * CELL], y: [0.60, 0.92] };
const BAR: Area = Area { x: [0.0, 1.0], y: [0.96, 1.0] };

impl Area {
    /// Cell (`column`, `row`) of a grid laid over the area.
    fn cell(self, column: usize, columns: usize, row: usize, rows: usize) -> Self {
        let part = |[from, to]: [f32; 2], index: usize, count: usize| {
            let step = (to - from) / count as f32;
            [from + step * index as f32, from + step * (index + 1) as f32]
        };
        Self { x: part(self.x, column, columns), y: part(self.y, row, rows) }
    }

    /// The middle half: edges are where codecs and scalers leave their marks.
    fn core(self) -> Self {
        let core = |[from, to]: [f32; 2]| {
            let quarter = (to - from) / 4.0;
            [from + quarter, to - quarter]
        };
        Self { x: core(self.x), y: core(self.y) }
    }
}

/// What a size or a rate was refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Too small, too large or odd.
    #[error("width and height must be even, at least 160x90 and at most 3840x2160")]
    Size,
    /// Outside of what [`FrameRate`] allows.
    #[error("fps must be from 5 to 60")]
    Rate,
}

/// One participant's test picture, ready to be drawn for any frame number.
#[derive(Debug, Clone)]
pub struct Pattern {
    size: PictureSize,
    rate: FrameRate,
    /// Everything that does not change from frame to frame.
    still: Vec<u8>,
    text_luma: u8,
}

impl Pattern {
    /// Prepares the picture of a participant. Of `name`, so many characters are shown as fit.
    pub fn new(
        colour: Colour,
        name: &str,
        size: PictureSize,
        rate: FrameRate,
    ) -> Result<Self, InvalidPattern> {
        let PictureSize { width, height } = size;
        let allowed =
            |value: usize, min: usize, max: usize| (min..=max).contains(&value) && value.is_multiple_of(2);
        if !allowed(width, MIN_SIZE.width, 3840) || !allowed(height, MIN_SIZE.height, 2160) {
            return Err(InvalidPattern::Size);
        }
        if !(5..=60).contains(&rate.0) {
            return Err(InvalidPattern::Rate);
        }
        let [y, u, v] = colour.yuv();
        let mut still = vec![y; size.bytes()];
        still[size.luma_bytes()..][..size.chroma_bytes()].fill(u);
        still[size.luma_bytes() + size.chroma_bytes()..].fill(v);
        let text_luma = if y > 125 { BLACK } else { WHITE };
        let mut canvas = Canvas { size, data: &mut still };
        canvas.text(name, 0, text_luma);
        canvas.fill(CODE, BLACK);
        canvas.fill(SYNC, BLACK);
        canvas.fill(BAR, BLACK);
        Ok(Self { size, rate, still, text_luma })
    }

    /// The size it is drawn in.
    pub const fn size(&self) -> PictureSize {
        self.size
    }

    /// Frames a second.
    pub const fn rate(&self) -> FrameRate {
        self.rate
    }

    /// Draws frame `frame` into a buffer of [`PictureSize::bytes`] bytes; a shorter one is left alone.
    pub fn draw(&self, frame: u64, picture: &mut [u8]) {
        let Some(picture) = picture.get_mut(..self.still.len()) else { return };
        picture.copy_from_slice(&self.still);
        let mut canvas = Canvas { size: self.size, data: picture };
        let code = encode((frame % (1 << COUNTER_BITS)) as u32);
        for index in 0..CODE_COLUMNS * CODE_ROWS {
            if code >> (31 - index) & 1 == 1 {
                canvas.fill(code_cell(index), WHITE);
            }
        }
        let in_second = frame % u64::from(self.rate.0);
        if in_second < FLASH_FRAMES {
            canvas.fill(SYNC, WHITE);
        }
        let swept = (in_second + 1) as f32 / self.rate.0 as f32;
        canvas.fill(Area { x: [0.0, swept], ..BAR }, WHITE);
        let seconds = frame / u64::from(self.rate.0);
        canvas.text(&format!("{:02}:{:02}", seconds / 60, seconds % 60), 1, self.text_luma);
    }
}

fn code_cell(index: usize) -> Area {
    CODE.cell(index % CODE_COLUMNS, CODE_COLUMNS, index / CODE_COLUMNS, CODE_ROWS)
}

/// The rectangle a test picture covers within a larger one, pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tile {
    /// From the left edge.
    pub x: f32,
    /// From the top edge.
    pub y: f32,
    /// Its width.
    pub width: f32,
    /// Its height.
    pub height: f32,
}

impl Tile {
    /// The whole of a picture.
    pub fn whole(size: PictureSize) -> Self {
        Self { x: 0.0, y: 0.0, width: size.width as f32, height: size.height as f32 }
    }

    /// Where a `content` picture lies inside this tile when it is scaled to fit with bars around it.
    pub fn letterboxed(self, content: PictureSize) -> Self {
        let scale = (self.width / content.width as f32).min(self.height / content.height as f32);
        let (width, height) = (content.width as f32 * scale, content.height as f32 * scale);
        Self {
            x: self.x + (self.width - width) / 2.0,
            y: self.y + (self.height - height) / 2.0,
            width,
            height,
        }
    }
}

/// What a picture said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Whose picture it is; `None` when the background is no participant's colour.
    pub colour: Option<Colour>,
    /// The frame number modulo 2^24; `None` when the code cannot be read or its checksum is wrong.
    pub counter: Option<u32>,
    /// The sync cell is white.
    pub flash: bool,
    /// The background's mean Y, Cb, Cr: black is (16, 128, 128).
    pub background: [u8; 3],
}

impl Reading {
    /// The background is black, or so near that nobody would see a difference.
    pub const fn is_black(&self) -> bool {
        self.background[0] < 24
            && self.background[1].abs_diff(128) < 8
            && self.background[2].abs_diff(128) < 8
    }
}

/// Reads the test picture that covers `tile`; `None` when the tile does not lie in the picture.
pub fn read(picture: &Picture<'_>, tile: Tile) -> Option<Reading> {
    let luma = |area: Area| mean(picture, Channel::Y, area.core(), tile);
    let mut code = Some(0u32);
    for index in 0..CODE_COLUMNS * CODE_ROWS {
        let cell = luma(code_cell(index))?;
        let bit = if cell < DARK {
            Some(0)
        } else if cell > LIGHT {
            Some(1)
        } else {
            None
        };
        code = code.zip(bit).map(|(code, bit)| code << 1 | bit);
    }
    let plain = PLAIN.core();
    let background = [
        mean(picture, Channel::Y, plain, tile)?,
        mean(picture, Channel::U, plain, tile)?,
        mean(picture, Channel::V, plain, tile)?,
    ];
    Some(Reading {
        colour: Colour::classify(background),
        counter: code.and_then(decode),
        flash: luma(SYNC)? > (DARK + LIGHT) / 2.0,
        background: background.map(|value| value.round() as u8),
    })
}

enum Channel {
    Y,
    U,
    V,
}

fn mean(picture: &Picture<'_>, channel: Channel, area: Area, tile: Tile) -> Option<f32> {
    let (plane, scale) = match channel {
        Channel::Y => (picture.y, 1.0),
        Channel::U => (picture.u, 0.5),
        Channel::V => (picture.v, 0.5),
    };
    let x = area.x.map(|x| (tile.x + x * tile.width) * scale);
    let y = area.y.map(|y| (tile.y + y * tile.height) * scale);
    let size = |pixels: usize| if scale < 1.0 { pixels.div_ceil(2) } else { pixels };
    plane.mean(x, y, size(picture.size.width), size(picture.size.height))
}

/// The counter in the upper 24 bits, their CRC-8 below.
fn encode(counter: u32) -> u32 {
    counter << 8 | u32::from(crc8(counter))
}

fn decode(code: u32) -> Option<u32> {
    let counter = code >> 8;
    (crc8(counter) == code as u8).then_some(counter)
}

/// CRC-8 (x⁸+x²+x+1) over 24 bits, started at 0xff so that neither black nor white is a code word.
fn crc8(counter: u32) -> u8 {
    let mut crc = 0xffu8;
    for byte in &counter.to_be_bytes()[1..] {
        crc ^= byte;
        for _ in 0..8 {
            crc = if crc & 0x80 != 0 { crc << 1 ^ 0x07 } else { crc << 1 };
        }
    }
    crc
}

struct Canvas<'a> {
    size: PictureSize,
    data: &'a mut [u8],
}

impl Canvas<'_> {
    fn fill(&mut self, area: Area, luma: u8) {
        let PictureSize { width, height } = self.size;
        let px = |[from, to]: [f32; 2], length: usize| {
            let round = |f: f32| ((f * length as f32).round() as usize).min(length);
            (round(from), round(to))
        };
        self.fill_pixels(px(area.x, width), px(area.y, height), luma);
    }

    fn fill_pixels(&mut self, (left, right): (usize, usize), (top, bottom): (usize, usize), luma: u8) {
        let size = self.size;
        let (luma_plane, chroma) = self.data.split_at_mut(size.luma_bytes());
        for row in luma_plane.chunks_exact_mut(size.luma_stride()).take(bottom).skip(top) {
            row[left..right].fill(luma);
        }
        let (u, v) = chroma.split_at_mut(size.chroma_bytes());
        for plane in [u, v] {
            for row in plane.chunks_exact_mut(size.chroma_stride()).take(bottom.div_ceil(2)).skip(top / 2) {
                row[left / 2..right.div_ceil(2)].fill(GREY_CHROMA);
            }
        }
    }

    /// One of two lines of text; a dot is a whole number of pixels and at least one.
    fn text(&mut self, text: &str, line: usize, luma: u8) {
        const LINE_DOTS: usize = glyphs::ROWS + 2;
        let PictureSize { width, height } = self.size;
        let (left, top) = ((TEXT.x[0] * width as f32) as usize, (TEXT.y[0] * height as f32) as usize);
        let (columns, rows) = (
            ((TEXT.x[1] - TEXT.x[0]) * width as f32) as usize,
            ((TEXT.y[1] - TEXT.y[0]) * height as f32) as usize,
        );
        let dot = (rows / (2 * LINE_DOTS)).max(1);
        let advance = (glyphs::COLUMNS + 1) * dot;
        for (index, character) in text.chars().take(columns / advance).enumerate() {
            for (row, column) in
                (0..glyphs::ROWS).flat_map(|row| (0..glyphs::COLUMNS).map(move |column| (row, column)))
            {
                if glyphs::dot(character, column, row) {
                    let x = left + index * advance + column * dot;
                    let y = top + (line * LINE_DOTS + row + 1) * dot;
                    self.fill_pixels((x, x + dot), (y, y + dot), luma);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
