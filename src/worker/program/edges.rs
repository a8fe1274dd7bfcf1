//! A tile's edge: the border around its picture, and round corners.
//!
//! Only the edge is touched. What is under a round corner is kept before the tile is drawn and put back afterwards, with a
//! soft line between: a corner of 32 pixels costs as much as 32×32 pixels, and whatever is underneath may move.

use super::frame::yuv;
use crate::layout::{Edge, Rect};
use gst_video::{VideoFrameRef, prelude::*};

type Target<'a> = VideoFrameRef<&'a mut gst::BufferRef>;

/// What was under a tile's corners: of each plane the four, row by row from the corner inwards.
#[derive(Debug, Default)]
pub(super) struct Corners([Vec<u8>; 3]);

/// I420: how many output pixels a plane's sample stands for, in each direction.
const fn step(plane: usize) -> u32 {
    if plane == 0 { 1 } else { 2 }
}

/// Before the picture is drawn: keeps what is under its corners, and draws the border.
pub(super) fn before(target: &mut Target<'_>, rect: Rect, edge: Edge) -> Corners {
    let mut corners = Corners::default();
    if edge.radius > 0 {
        for (plane, kept) in corners.0.iter_mut().enumerate() {
            each_corner(target, plane, rect, side(plane, edge.radius), |_, sample| kept.push(*sample));
        }
    }
    if edge.border > 0 {
        let (Rect { x, y, width, height }, border) = (rect, edge.border);
        let below = Rect { y: y + height - border, height: border, ..rect };
        let right = Rect { x: x + width - border, width: border, ..rect };
        for strip in [Rect { height: border, ..rect }, below, Rect { width: border, ..rect }, right] {
            fill(target, strip, edge.colour);
        }
    }
    corners
}

/// After the picture was drawn: rounds it inside the border, and all of it outside.
pub(super) fn after(target: &mut Target<'_>, rect: Rect, edge: Edge, corners: &Corners) {
    let inner = edge.radius.saturating_sub(edge.border);
    if edge.border > 0 && inner > 0 {
        let colour = yuv(edge.colour);
        for (plane, value) in colour.into_iter().enumerate() {
            round(target, plane, rect.shrunk(edge.border), inner, |_| value);
        }
    }
    if edge.radius > 0 {
        for (plane, kept) in corners.0.iter().enumerate() {
            // As many as were kept: the same corners.
            round(target, plane, rect, edge.radius, |index| kept.get(index).copied().unwrap_or_default());
        }
    }
}

/// Puts `beneath` back outside the arcs of a rectangle's corners.
fn round(target: &mut Target<'_>, plane: usize, rect: Rect, radius: u32, beneath: impl Fn(usize) -> u8) {
    let side = side(plane, radius);
    // Sizes of pictures are exact in f32.
    let radius = radius as f32 / step(plane) as f32;
    let inside: Vec<f32> = (0..side * side)
        .map(|index| {
            let from_centre = |cell: usize| radius - (cell as f32 + 0.5);
            let distance = from_centre(index % side).hypot(from_centre(index / side));
            // How much of the sample is inside, nearly: one pixel wide.
            (radius - distance + 0.5).clamp(0.0, 1.0)
        })
        .collect();
    each_corner(target, plane, rect, side, |index, sample| {
        let part = inside[index % (side * side)];
        if part < 1.0 {
            let under = f32::from(beneath(index));
            *sample = (under + (f32::from(*sample) - under) * part).round() as u8;
        }
    });
}

/// How many of a plane's samples a corner's radius takes.
fn side(plane: usize, radius: u32) -> usize {
    radius.div_ceil(step(plane)) as usize
}

/// A rectangle in a plane's own samples: left, top, width, height.
fn samples_of(plane: usize, rect: Rect) -> [usize; 4] {
    [rect.x, rect.y, rect.width, rect.height].map(|pixels| (pixels / step(plane)) as usize)
}

/// Every sample of the four corners of a rectangle, `side`×`side` each, from the corner inwards.
fn each_corner(
    target: &mut Target<'_>,
    plane: usize,
    rect: Rect,
    side: usize,
    mut visit: impl FnMut(usize, &mut u8),
) {
    let [left, top, wide, high] = samples_of(plane, rect);
    with_plane(target, plane, |stride, samples| {
        let mut index = 0;
        for (right, bottom) in [(false, false), (true, false), (false, true), (true, true)] {
            for row in 0..side {
                let y = if bottom { top + high - 1 - row } else { top + row };
                for column in 0..side {
                    let x = if right { left + wide - 1 - column } else { left + column };
                    if let Some(sample) = samples.get_mut(y * stride + x) {
                        visit(index, sample);
                    }
                    index += 1;
                }
            }
        }
    });
}

fn fill(target: &mut Target<'_>, rect: Rect, colour: u32) {
    for (plane, value) in yuv(colour).into_iter().enumerate() {
        let [left, top, wide, high] = samples_of(plane, rect);
        with_plane(target, plane, |stride, samples| {
            for row in samples.chunks_mut(stride).skip(top).take(high) {
                if let Some(span) = row.get_mut(left..left + wide) {
                    span.fill(value);
                }
            }
        });
    }
}

fn with_plane(target: &mut Target<'_>, plane: usize, work: impl FnOnce(usize, &mut [u8])) {
    let stride = usize::try_from(target.plane_stride()[plane]).unwrap_or_default();
    // The canvas' own picture has its three planes.
    if stride > 0
        && let Ok(samples) = target.plane_data_mut(plane as u32)
    {
        work(stride, samples);
    }
}
