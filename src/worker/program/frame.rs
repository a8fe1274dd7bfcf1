//! A raw picture: an I420 buffer with its size. Cloning shares the pixels.

use gst_video::{VideoFormat, VideoInfo};

/// What browsers and most cameras send; the program is labelled the same, so that nothing is converted.
/// (The label travels in the H.264 VUI, and players follow it.)
pub const COLORIMETRY: &str = "bt601";

/// An I420 picture.
#[derive(Debug, Clone)]
pub struct Frame {
    buffer: gst::Buffer,
    info: VideoInfo,
}

/// Full-range RGB to limited-range BT.601 Y, U, V.
pub(super) fn yuv(rgb: u32) -> [u8; 3] {
    let [_, r, g, b] = rgb.to_be_bytes().map(f32::from);
    [
        16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0,
        128.0 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255.0,
        128.0 + (112.0 * r - 93.786 * g - 18.214 * b) / 255.0,
    ]
    .map(|value| value.round() as u8)
}

/// I420 of this size in the program's colours. Sizes come validated: even, 2 to 4096.
pub fn info(width: u32, height: u32) -> VideoInfo {
    let builder = VideoInfo::builder(VideoFormat::I420, width, height).fps(gst::Fraction::new(30, 1));
    let colours = COLORIMETRY.parse::<gst_video::VideoColorimetry>();
    let info = match &colours {
        Ok(colours) => builder.colorimetry(colours).build(),
        Err(_) => builder.build(),
    };
    // I420 of a positive size always has an info; gst refuses only sizes beyond 2^31 bytes.
    info.expect("I420 of a validated size")
}

impl Frame {
    /// Wraps a buffer whose layout is `info`, or that says otherwise in its video meta.
    pub fn new(buffer: gst::Buffer, info: VideoInfo) -> Self {
        Self { buffer, info }
    }

    /// A decoded sample; `None` when it is no I420 picture of a sane size.
    pub fn from_sample(sample: &gst::Sample) -> Option<Self> {
        let given = VideoInfo::from_caps(sample.caps()?).ok()?;
        let sane = (2..=8192).contains(&given.width()) && (2..=8192).contains(&given.height());
        if given.format() != VideoFormat::I420 || !sane {
            return None;
        }
        Some(Self { buffer: sample.buffer_owned()?, info: given })
    }

    /// One colour, 0xRRGGBB.
    pub fn plain(width: u32, height: u32, rgb: u32) -> Self {
        let info = info(width, height);
        let mut bytes = vec![0; info.size()];
        let [y, u, v] = yuv(rgb);
        let [luma, cb, cr] = [0, 1, 2].map(|plane| info.offset()[plane]);
        bytes[luma..cb].fill(y);
        bytes[cb..cr].fill(u);
        bytes[cr..].fill(v);
        Self { buffer: gst::Buffer::from_slice(bytes), info }
    }

    /// The pixels.
    pub fn buffer(&self) -> &gst::Buffer {
        &self.buffer
    }

    /// Their layout.
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// Pixels across.
    pub fn width(&self) -> u32 {
        self.info.width()
    }

    /// Pixels down.
    pub fn height(&self) -> u32 {
        self.info.height()
    }

    /// Whether both are the same picture in memory.
    pub fn is(&self, other: &Self) -> bool {
        self.buffer.as_ptr() == other.buffer.as_ptr()
    }

    /// The brightness of every pixel, row by row, for tests.
    #[cfg(test)]
    pub fn luma(&self) -> Vec<u8> {
        use gst_video::prelude::*;
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(&self.buffer, &self.info).unwrap();
        let stride = frame.plane_stride()[0] as usize;
        let plane = frame.plane_data(0).unwrap();
        plane
            .chunks(stride)
            .take(self.height() as usize)
            .flat_map(|row| &row[..self.width() as usize])
            .copied()
            .collect()
    }
}
