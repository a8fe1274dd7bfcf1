//! I420 pictures as plain bytes.

/// Where the three planes of an I420 picture lie in one buffer: strides are multiples of four bytes,
/// as everywhere in GStreamer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureSize {
    /// Pixels, even.
    pub width: usize,
    /// Pixels, even.
    pub height: usize,
}

impl PictureSize {
    /// Bytes from one line of luma to the next.
    pub const fn luma_stride(self) -> usize {
        self.width.next_multiple_of(4)
    }

    /// Bytes from one line of chroma to the next.
    pub const fn chroma_stride(self) -> usize {
        self.width.div_ceil(2).next_multiple_of(4)
    }

    /// Bytes of the luma plane.
    pub const fn luma_bytes(self) -> usize {
        self.luma_stride() * self.height
    }

    /// Bytes of one chroma plane.
    pub const fn chroma_bytes(self) -> usize {
        self.chroma_stride() * self.height.div_ceil(2)
    }

    /// Bytes of the picture.
    pub const fn bytes(self) -> usize {
        self.luma_bytes() + 2 * self.chroma_bytes()
    }
}

/// One plane of a picture, for reading.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// Bytes from one line to the next.
    pub stride: usize,
}

/// A decoded I420 picture, for reading.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Its size in luma pixels.
    pub size: PictureSize,
    /// Luma.
    pub y: Plane<'a>,
    /// Cb, half the size in both directions.
    pub u: Plane<'a>,
    /// Cr, half the size in both directions.
    pub v: Plane<'a>,
}

impl<'a> Picture<'a> {
    /// Reads a buffer laid out as [`PictureSize`] says; `None` when it is too short.
    pub fn new(size: PictureSize, data: &'a [u8]) -> Option<Self> {
        let data = data.get(..size.bytes())?;
        let (y, chroma) = data.split_at(size.luma_bytes());
        let (u, v) = chroma.split_at(size.chroma_bytes());
        let stride = size.chroma_stride();
        Some(Self {
            size,
            y: Plane { data: y, stride: size.luma_stride() },
            u: Plane { data: u, stride },
            v: Plane { data: v, stride },
        })
    }
}

impl Plane<'_> {
    /// The mean of the pixels whose centres lie inside the box (in pixels of this plane), of the
    /// nearest pixel when there is none; `None` outside the plane.
    pub fn mean(&self, x: [f32; 2], y: [f32; 2], columns: usize, rows: usize) -> Option<f32> {
        let (xs, ys) = (span(x, columns)?, span(y, rows)?);
        let mut sum = 0u64;
        for row in ys.clone() {
            let line = self.data.get(row * self.stride..)?.get(xs.clone())?;
            sum += line.iter().map(|pixel| u64::from(*pixel)).sum::<u64>();
        }
        Some(sum as f32 / (xs.len() * ys.len()) as f32)
    }
}

/// Pixels whose centres lie in `[from, to)`; the nearest one when none does.
fn span([from, to]: [f32; 2], length: usize) -> Option<std::ops::Range<usize>> {
    if length == 0 || !from.is_finite() || !to.is_finite() || to < 0.0 || from > length as f32 {
        return None;
    }
    let first = (from - 0.5).ceil().max(0.0) as usize;
    let last = ((to - 0.5).ceil().max(0.0) as usize).min(length);
    if first < last {
        return Some(first..last);
    }
    let nearest = (((from + to) / 2.0).max(0.0) as usize).min(length - 1);
    Some(nearest..nearest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_are_padded_to_four() {
        let size = PictureSize { width: 162, height: 90 };
        assert_eq!((size.luma_stride(), size.chroma_stride()), (164, 84));
        assert_eq!(size.bytes(), 164 * 90 + 2 * 84 * 45);
        assert!(Picture::new(size, &vec![0; size.bytes() - 1]).is_none());
    }

    #[test]
    fn a_box_takes_pixels_by_their_centres() {
        assert_eq!(span([1.0, 3.0], 10), Some(1..3));
        assert_eq!(span([1.6, 3.4], 10), Some(2..3));
        assert_eq!(span([2.6, 2.9], 10), Some(2..3), "the nearest pixel");
        assert_eq!(span([8.0, 12.0], 10), Some(8..10));
        assert_eq!(span([11.0, 12.0], 10), None);
        assert_eq!(span([f32::NAN, 1.0], 10), None);
    }
}
