//! Something small with transparency that is laid over the program's picture, in the form in which that costs least.
//!
//! It is made once. A frame pays for its rectangle only: a multiplication and an addition a sample, rows as slices of
//! one length, so that the compiler takes many at once.

use super::rgba::Rgba;
use crate::{layout::Rect, worker::program::frame::yuv};
use gst_video::{VideoFrameRef, prelude::*};
use std::sync::Arc;

/// One plane: rows of `width` samples.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plane {
    width: usize,
    /// Its own part of each sample.
    own: Vec<u8>,
    /// How much of what is under it remains, in 255ths.
    keep: Vec<u8>,
}

/// A sprite in the program's colours. Its size is even.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sprite {
    width: u32,
    height: u32,
    planes: [Plane; 3],
}

/// A sprite at its place; both numbers are even.
#[derive(Debug, Clone)]
pub struct Placed {
    pub x: u32,
    pub y: u32,
    pub sprite: Arc<Sprite>,
}

impl Placed {
    /// The same on a tile that is `to` instead of `from`: as far from its left and its lower edge. `None` where the tile has
    /// no room for it.
    pub fn moved(mut self, from: Rect, to: Rect) -> Option<Self> {
        let (left, up) = (self.x.checked_sub(from.x)?, (from.y + from.height).checked_sub(self.y)?);
        if left + self.sprite.width() > to.width || up > to.height {
            return None;
        }
        (self.x, self.y) = (to.x + left, to.y + to.height - up);
        Some(self)
    }
}

impl PartialEq for Placed {
    /// The same sprite at the same place.
    fn eq(&self, other: &Self) -> bool {
        (self.x, self.y) == (other.x, other.y) && Arc::ptr_eq(&self.sprite, &other.sprite)
    }
}

impl Sprite {
    /// Of a picture; an odd column or row gets a transparent one beside it.
    pub fn of(image: &Rgba) -> Self {
        let (width, height) = (image.width().next_multiple_of(2), image.height().next_multiple_of(2));
        let [mut luma, mut cb, mut cr] =
            [1, 2, 2].map(|step| Plane::empty((width / step) as usize, (height / step) as usize));
        for y in (0..height).step_by(2) {
            for x in (0..width).step_by(2) {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| {
                    let [r, g, b, a] = image.at(x + dx, y + dy);
                    let colour = yuv(u32::from_be_bytes([0, r, g, b]));
                    luma.push_own(colour[0], a, (x + dx) as usize, (y + dy) as usize);
                    (colour, u32::from(a))
                });
                // Chroma of four points: each counts as much as it is seen.
                let seen: u32 = four.iter().map(|(_, a)| a).sum();
                for (plane, part) in [(&mut cb, 1), (&mut cr, 2)] {
                    let sum: u32 = four.iter().map(|(colour, a)| u32::from(colour[part]) * a).sum();
                    // Four times 255 at most, each.
                    plane.set(
                        (x / 2) as usize,
                        (y / 2) as usize,
                        ((sum + 510) / 1020) as u8,
                        255 - (seen / 4) as u8,
                    );
                }
            }
        }
        Self { width, height, planes: [luma, cb, cr] }
    }

    /// Pixels across.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    pub const fn height(&self) -> u32 {
        self.height
    }
}

impl Plane {
    fn empty(width: usize, height: usize) -> Self {
        Self { width, own: vec![0; width * height], keep: vec![255; width * height] }
    }

    fn set(&mut self, x: usize, y: usize, own: u8, keep: u8) {
        let index = y * self.width + x;
        (self.own[index], self.keep[index]) = (own, keep);
    }

    fn push_own(&mut self, value: u8, opacity: u8, x: usize, y: usize) {
        let own = (u32::from(value) * u32::from(opacity) + 127) / 255;
        self.set(x, y, own as u8, 255 - opacity);
    }
}

impl Placed {
    /// Lays it over an I420 picture; what is outside of that is left out.
    ///
    /// # Errors
    /// No such plane.
    pub fn lay_over(
        &self,
        target: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<(), gst::glib::BoolError> {
        let (width, height) = (target.width() as usize, target.height() as usize);
        for (index, plane) in self.sprite.planes.iter().enumerate() {
            let step = if index == 0 { 1 } else { 2 };
            let (left, top) = (self.x as usize / step, self.y as usize / step);
            let (wide, high) = (width.div_ceil(step), height.div_ceil(step));
            if left >= wide || plane.width == 0 {
                continue;
            }
            let stride = target.plane_stride()[index].unsigned_abs() as usize;
            let samples = target.plane_data_mut(index as u32)?;
            let rows = samples.chunks_mut(stride.max(1)).take(high).skip(top);
            let own = plane.own.chunks(plane.width).zip(plane.keep.chunks(plane.width));
            for (row, (own, keep)) in rows.zip(own) {
                let end = wide.min(row.len());
                mix(&mut row[left..end], own, keep);
            }
        }
        Ok(())
    }
}

fn mix(target: &mut [u8], own: &[u8], keep: &[u8]) {
    let width = target.len().min(own.len()).min(keep.len());
    for ((target, own), keep) in target[..width].iter_mut().zip(&own[..width]).zip(&keep[..width]) {
        // Divided by 255 exactly: see "Alpha blending", Blinn 1994. At most 65,407.
        let under = u16::from(*target) * u16::from(*keep) + 128;
        *target = own.saturating_add(((under + (under >> 8)) >> 8) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::program::frame::{self, Frame};

    /// Y, Cb, Cr of a point of a plain picture with a sprite over it.
    fn over(ground: u32, image: &Rgba, place: (u32, u32), point: (usize, usize)) -> [u8; 3] {
        gst::init().unwrap();
        let info = frame::info(66, 34);
        let mut buffer = Frame::plain(66, 34, ground).buffer().copy_deep().unwrap();
        let placed = Placed { x: place.0, y: place.1, sprite: Arc::new(Sprite::of(image)) };
        let mut target = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &info).unwrap();
        placed.lay_over(&mut target).unwrap();
        std::array::from_fn(|plane| {
            let step = if plane == 0 { 1 } else { 2 };
            let stride = target.plane_stride()[plane] as usize;
            target.plane_data(plane as u32).unwrap()[point.1 / step * stride + point.0 / step]
        })
    }

    #[test]
    fn what_is_opaque_is_seen_what_is_not_leaves_what_was_there() {
        let red = Rgba::plain(10, 6, 0xff0000, 255);
        assert_eq!(over(0x204060, &red, (8, 4), (8, 4)), yuv(0xff0000));
        assert_eq!(over(0x204060, &red, (8, 4), (17, 9)), yuv(0xff0000));
        for outside in [(6, 4), (18, 4), (8, 2), (8, 10)] {
            assert_eq!(over(0x204060, &red, (8, 4), outside), yuv(0x204060));
        }
        assert_eq!(over(0x204060, &Rgba::plain(10, 6, 0xff0000, 0), (8, 4), (9, 5)), yuv(0x204060));
    }

    #[test]
    fn half_of_it_is_half_of_both() {
        for (ground, colour) in [(0x000000, 0xffffff), (0xffffff, 0x000000), (0x00ff00, 0xff00ff)] {
            let seen = over(ground, &Rgba::plain(4, 4, colour, 128), (0, 0), (1, 1));
            for (seen, (a, b)) in seen.into_iter().zip(yuv(ground).into_iter().zip(yuv(colour))) {
                let wanted = (f32::from(a) * 127.0 + f32::from(b) * 128.0) / 255.0;
                assert!((f32::from(seen) - wanted).abs() <= 1.5, "{seen} {wanted}");
            }
        }
    }

    #[test]
    fn what_reaches_beyond_the_picture_is_left_out() {
        let white = Rgba::plain(101, 101, 0xffffff, 255);
        assert_eq!(over(0, &white, (60, 30), (65, 33)), yuv(0xffffff));
        assert_eq!(over(0, &white, (60, 30), (59, 33))[0], 16);
        assert_eq!(over(0, &white, (200, 200), (65, 33))[0], 16);
    }

    #[test]
    fn an_edge_between_red_and_nothing_has_no_other_colour() {
        // Three of the four points of a chroma sample are transparent, and green.
        let mut image = Rgba::plain(2, 2, 0x00ff00, 0);
        image.put(&Rgba::plain(1, 1, 0xff0000, 255), 0, 0);
        let [_, cb, cr] = over(0x808080, &image, (0, 0), (0, 0));
        let [_, red_cb, red_cr] = yuv(0xff0000).map(f32::from);
        let quarter = |grey: f32, red: f32| grey * 0.75 + red * 0.25;
        assert!((f32::from(cb) - quarter(128.0, red_cb)).abs() <= 2.0, "{cb}");
        assert!((f32::from(cr) - quarter(128.0, red_cr)).abs() <= 2.0, "{cr}");
    }
}
