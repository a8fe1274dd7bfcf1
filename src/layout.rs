//! Where tiles stand: pure geometry on the output's pixel grid. The worker draws by it, and control knows by it
//! how large a picture is shown.
//!
//! All coordinates are even, since I420 shares one colour sample among 2×2 pixels.

mod tile;

pub use tile::{Area, Corner, Edge, EdgeSpec, Fit, Fraction};

use crate::ipc::{PictureSpec, TileSpec};

/// A rectangle in output pixels; all four numbers are even.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// The space between tiles and around a strip, as a fraction of the output's shorter side: 1/90 is 8 pixels
/// at 720p, visible but cheap.
const GAP_DIVISOR: u32 = 90;

/// In the speaker layout, the strip's share of the height.
const STRIP_DIVISOR: u32 = 5;

/// Between an inset and the edges of the output, as a fraction of its shorter side: 20 pixels at 720p.
const INSET_DIVISOR: u32 = 36;

const fn even(value: u32) -> u32 {
    value & !1
}

impl Rect {
    /// The whole output.
    pub const fn full(width: u32, height: u32) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// The largest rectangle of the picture's aspect inside this one, centred (letterbox, pillarbox).
    /// Never empty as long as this rectangle is at least 2×2.
    pub fn fit(self, picture_width: u32, picture_height: u32) -> Self {
        if picture_width == 0 || picture_height == 0 {
            return self;
        }
        let (pw, ph) = (u64::from(picture_width), u64::from(picture_height));
        let (w, h) = (u64::from(self.width), u64::from(self.height));
        let (width, height) = if pw * h >= ph * w {
            (self.width, even(((w * ph + pw / 2) / pw) as u32).max(2))
        } else {
            (even(((h * pw + ph / 2) / ph) as u32).max(2), self.height)
        };
        Self {
            x: self.x + even((self.width - width) / 2),
            y: self.y + even((self.height - height) / 2),
            width,
            height,
        }
    }
}

/// What a rectangle shows, before it is known whether the source has a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Place<'a> {
    /// Where.
    pub rect: Rect,
    /// Who, and the name to show instead.
    pub tile: &'a TileSpec,
    /// It fills the frame: without a picture the slate stands in, not a name tile.
    pub main: bool,
    /// How the picture fills it.
    pub fit: Fit,
    /// What is around it.
    pub edge: Edge,
}

impl<'a> Place<'a> {
    /// Of a tile that shows the whole picture, without an edge.
    pub fn plain(rect: Rect, tile: &'a TileSpec) -> Self {
        Self { rect, tile, main: false, fit: Fit::Contain, edge: Edge::default() }
    }

    /// The same elsewhere, perhaps smaller: the edge keeps to what it has room for.
    pub fn moved(&self, rect: Rect) -> Self {
        let half = rect.width.min(rect.height) / 2;
        let edge = Edge {
            border: self.edge.border.min(even(half.saturating_sub(1))),
            radius: self.edge.radius.min(even(half)),
            ..self.edge
        };
        Self { rect, edge, ..self.clone() }
    }
}

/// The places of a picture, later ones above earlier ones.
pub fn places(picture: &PictureSpec, width: u32, height: u32) -> Vec<Place<'_>> {
    match picture {
        PictureSpec::Slate => Vec::new(),
        PictureSpec::Full(tile) => {
            vec![Place { main: true, ..Place::plain(Rect::full(width, height), tile) }]
        }
        PictureSpec::Grid(tiles) => grid(tiles.len(), width, height)
            .into_iter()
            .zip(tiles)
            .map(|(rect, tile)| Place::plain(rect, tile))
            .collect(),
        PictureSpec::Speaker { focus, others } => {
            let (large, strip) = speaker(others.len(), width, height);
            std::iter::once(Place::plain(large, focus))
                .chain(strip.into_iter().zip(others).map(|(rect, tile)| Place::plain(rect, tile)))
                .collect()
        }
        PictureSpec::Pip { focus, inset, corner, size } => vec![
            Place::plain(Rect::full(width, height), focus),
            Place { fit: Fit::Cover, ..Place::plain(corner_inset(*corner, *size, width, height), inset) },
        ],
        PictureSpec::SideBySide { pair, fit } => halves(width, height)
            .into_iter()
            .zip(pair)
            .map(|(rect, tile)| Place { fit: *fit, ..Place::plain(rect, tile) })
            .collect(),
        PictureSpec::Custom(tiles) => tiles
            .iter()
            .map(|custom| {
                let rect = custom.area.rect(width, height);
                let edge = custom.edge.on(rect, height);
                Place { fit: custom.fit, edge, ..Place::plain(rect, &custom.tile) }
            })
            .collect(),
    }
}

/// A small picture of the output's own aspect in one of its corners.
pub fn corner_inset(corner: Corner, size: Fraction, width: u32, height: u32) -> Rect {
    let margin = even(width.min(height) / INSET_DIVISOR);
    let inset = |pixels: u32| size.of(pixels).clamp(2, pixels.saturating_sub(2 * margin).max(2));
    let (wide, high) = (inset(width), inset(height));
    let far = |pixels: u32, size: u32| pixels.saturating_sub(size + margin);
    let (x, y) = match corner {
        Corner::TopLeft => (margin, margin),
        Corner::TopRight => (far(width, wide), margin),
        Corner::BottomLeft => (margin, far(height, high)),
        Corner::BottomRight => (far(width, wide), far(height, high)),
    };
    Rect { x, y, width: wide, height: high }
}

/// The left and the right half, with a gap between them.
pub fn halves(width: u32, height: u32) -> [Rect; 2] {
    let gap = even(width.min(height) / GAP_DIVISOR);
    let half = even(width.saturating_sub(gap) / 2).max(2);
    [0, width.saturating_sub(half)].map(|x| Rect { x, y: 0, width: half, height })
}

/// Equal tiles of the output's own aspect, row by row, the last row centred. The gap is between them only: around them
/// it would cost each tile more than a fiftieth of its size, and what senders know how to send (half the frame, a third)
/// would have to be scaled.
pub fn grid(count: usize, width: u32, height: u32) -> Vec<Rect> {
    if count <= 1 {
        return vec![Rect::full(width, height); count];
    }
    let count = count as u32;
    let columns = (1..).find(|n| n * n >= count).unwrap_or(1);
    let rows = count.div_ceil(columns);
    let gap = even(width.min(height) / GAP_DIVISOR);
    // Tiles keep the output's aspect, so both directions shrink by the larger of the two counts.
    let tile_width = even((width.saturating_sub(gap * (columns - 1))) / columns).max(2);
    let tile_height = even((height.saturating_sub(gap * (columns - 1))) / columns).max(2);
    let used_height = rows * tile_height + (rows - 1) * gap;
    let top = even(height.saturating_sub(used_height) / 2);
    (0..count)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let in_row = if row == rows - 1 { count - row * columns } else { columns };
            let used_width = in_row * tile_width + (in_row - 1) * gap;
            let left = even(width.saturating_sub(used_width) / 2);
            Rect {
                x: left + column * (tile_width + gap),
                y: top + row * (tile_height + gap),
                width: tile_width,
                height: tile_height,
            }
        })
        .collect()
}

/// One large tile above a centred strip of the others; alone, it fills the output. A strip too narrow for
/// all of them (tiny outputs only) holds the first ones.
pub fn speaker(others: usize, width: u32, height: u32) -> (Rect, Vec<Rect>) {
    if others == 0 {
        return (Rect::full(width, height), Vec::new());
    }
    let gap = even(width.min(height) / GAP_DIVISOR);
    let count = (others as u32).min(width.saturating_sub(gap) / (gap + 2)).max(1);
    let strip_height = even(height / STRIP_DIVISOR);
    let tile_height = strip_height.saturating_sub(2 * gap).max(2);
    let room = width.saturating_sub(gap * (count + 1)) / count;
    let tile_width = even((tile_height * width / height.max(1)).min(room)).max(2);
    let tile_height = even(tile_height.min(tile_width * height / width.max(1)).max(2));
    let used = count * tile_width + (count - 1) * gap;
    let left = even(width.saturating_sub(used) / 2);
    let strip = (0..count)
        .map(|index| Rect {
            x: left + index * (tile_width + gap),
            y: even(height - strip_height + (strip_height - tile_height) / 2),
            width: tile_width,
            height: tile_height,
        })
        .collect();
    (Rect { x: 0, y: 0, width, height: height - strip_height }, strip)
}

#[cfg(test)]
mod tests;
