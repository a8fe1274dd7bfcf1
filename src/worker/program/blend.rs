//! Two pictures mixed point by point.

use super::fade::Share;
use gst_video::{VideoFrameRef, prelude::*};

type Readable<'a> = VideoFrameRef<&'a gst::BufferRef>;
type Writable<'a> = VideoFrameRef<&'a mut gst::BufferRef>;

/// Puts `share` of a plane of `above` and the rest of `below` into `target`: pictures of one size.
///
/// # Errors
/// No such plane.
pub(super) fn plane(
    below: &Readable<'_>,
    above: &Readable<'_>,
    target: &mut Writable<'_>,
    plane: u32,
    share: Share,
) -> Result<(), gst::glib::BoolError> {
    let stride = |strides: &[i32]| strides[plane as usize].unsigned_abs() as usize;
    let (from, over, to) =
        (stride(below.plane_stride()), stride(above.plane_stride()), stride(target.plane_stride()));
    // Of I420 chroma has half the columns and lines; sizes are even.
    let halves = u32::from(plane > 0);
    let (width, height) = (target.width() >> halves, target.height() >> halves);
    let rows = below.plane_data(plane)?.chunks(from).zip(above.plane_data(plane)?.chunks(over));
    for ((below, above), target) in
        rows.zip(target.plane_data_mut(plane)?.chunks_mut(to)).take(height as usize)
    {
        mix(below, above, target, width as usize, share);
    }
    Ok(())
}

/// `width` samples of a row, as slices of one length: so the compiler takes many at once.
fn mix(below: &[u8], above: &[u8], target: &mut [u8], width: usize, share: Share) {
    let width = width.min(below.len()).min(above.len()).min(target.len());
    let share = share.parts();
    for ((target, below), above) in target[..width].iter_mut().zip(&below[..width]).zip(&above[..width]) {
        // At most 255 * 256 + 128.
        *target = ((u16::from(*below) * (256 - share) + u16::from(*above) * share + 128) >> 8) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        units::FrameRate,
        worker::program::{canvas::Canvas, fade::Fade, frame::Frame},
    };
    use std::time::Duration;

    #[test]
    fn two_pictures_are_mixed_point_by_point() {
        gst::init().unwrap();
        // An odd number of chroma columns: strides are longer than rows.
        let canvas = Canvas::new(66, 34, 0).unwrap();
        let [dark, bright] = [0x204060, 0xd0b090].map(|colour| Frame::plain(66, 34, colour));
        let mut fade = Fade::new(Duration::from_secs(1), FrameRate(10)).unwrap();
        for n in 1..=10 {
            let mixed = canvas.blend(dark.buffer(), bright.buffer(), fade.advance()).unwrap();
            for plane in 0..3 {
                let seen = |buffer: &gst::Buffer| {
                    let frame = VideoFrameRef::from_buffer_ref_readable(buffer, canvas.info()).unwrap();
                    let stride = frame.plane_stride()[plane as usize] as usize;
                    let (width, height) = if plane == 0 { (66, 34) } else { (33, 17) };
                    let data = frame.plane_data(plane).unwrap();
                    [data[0], data[(height - 1) * stride + width - 1]].map(f64::from)
                };
                let part = f64::from(n) / 10.0;
                let pairs = seen(dark.buffer()).into_iter().zip(seen(bright.buffer())).zip(seen(&mixed));
                for ((dark, bright), mixed) in pairs {
                    assert!((dark + (bright - dark) * part - mixed).abs() <= 1.0, "{n} {plane} {mixed}");
                }
            }
        }
    }
}
