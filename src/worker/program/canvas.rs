//! Puts frames into the output picture: each is scaled once, straight to its place.
//!
//! A single frame that already has the output's size goes through untouched, and a picture whose layers
//! are those of the tick before is not drawn again.

use super::frame::{self, Frame};
use crate::layout::Rect;
use gst_video::{VideoFrameRef, VideoInfo, prelude::*};

/// One frame at its place. Later layers cover earlier ones.
#[derive(Debug, Clone)]
pub struct Layer {
    pub rect: Rect,
    pub frame: Frame,
}

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum CanvasError {
    #[error("taking an output buffer")]
    Buffer(#[source] gst::FlowError),
    #[error("starting the output buffer pool")]
    Pool(#[source] gst::glib::BoolError),
    #[error("mapping a picture")]
    Map(#[source] gst::glib::BoolError),
    #[error("preparing to scale a picture")]
    Scale(#[source] gst::glib::BoolError),
}

/// The output picture.
pub struct Canvas {
    info: VideoInfo,
    pool: gst::BufferPool,
    background: Frame,
    scalers: Vec<Option<Scaler>>,
    last: Option<(Vec<Layer>, gst::Buffer)>,
}

struct Scaler {
    from: (u32, u32),
    to: Rect,
    source: VideoInfo,
    converter: gst_video::VideoConverter,
}

impl Canvas {
    /// A canvas of this size (even) on a background, 0xRRGGBB.
    pub fn new(width: u32, height: u32, background: u32) -> Result<Self, CanvasError> {
        let info = frame::info(width, height);
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        let caps = info.to_caps().map_err(CanvasError::Pool)?;
        // No upper bound: the encoder's queue bounds what is under way.
        config.set_params(Some(&caps), info.size() as u32, 4, 0);
        config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
        pool.set_config(config).map_err(CanvasError::Pool)?;
        pool.set_active(true).map_err(CanvasError::Pool)?;
        Ok(Self {
            info,
            pool: pool.upcast(),
            background: Frame::plain(width, height, background),
            scalers: Vec::new(),
            last: None,
        })
    }

    /// The output's layout.
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// Draws the layers over the background. The buffer carries no timestamps yet.
    pub fn draw(&mut self, layers: &[Layer]) -> Result<gst::Buffer, CanvasError> {
        let whole = Rect::full(self.info.width(), self.info.height());
        if let [layer] = layers
            && layer.rect == whole
            && (layer.frame.width(), layer.frame.height()) == (whole.width, whole.height)
        {
            self.last = None;
            return Ok(shared(layer.frame.buffer()));
        }
        if let Some((drawn, buffer)) = &self.last
            && same(drawn, layers)
        {
            return Ok(shared(buffer));
        }
        let mut buffer = self.pool.acquire_buffer(None).map_err(CanvasError::Buffer)?;
        {
            // Just taken from the pool: nobody else holds it.
            let target = buffer.make_mut();
            let mut target =
                VideoFrameRef::from_buffer_ref_writable(target, &self.info).map_err(CanvasError::Map)?;
            if layers.first().is_none_or(|layer| layer.rect != whole) {
                let ground = VideoFrameRef::from_buffer_ref_readable(self.background.buffer(), &self.info)
                    .map_err(CanvasError::Map)?;
                ground.copy(&mut target).map_err(CanvasError::Map)?;
            }
            self.scalers.resize_with(self.scalers.len().max(layers.len()), || None);
            for (layer, slot) in layers.iter().zip(&mut self.scalers) {
                let scaler = Scaler::for_layer(slot, layer, &self.info)?;
                let source = VideoFrameRef::from_buffer_ref_readable(layer.frame.buffer(), &scaler.source)
                    .map_err(CanvasError::Map)?;
                scaler.converter.frame_ref(&source, &mut target);
            }
        }
        self.last = Some((layers.to_vec(), buffer.clone()));
        Ok(shared(&buffer))
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        // Frees the pooled buffers as they come back.
        let _ = self.pool.set_active(false);
    }
}

/// The same pixels behind a header of its own, for timestamps of its own.
fn shared(buffer: &gst::Buffer) -> gst::Buffer {
    let mut copy = buffer.copy();
    if let Some(header) = copy.get_mut() {
        header.unset_flags(gst::BufferFlags::DISCONT | gst::BufferFlags::DELTA_UNIT);
    }
    copy
}

fn same(a: &[Layer], b: &[Layer]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.rect == b.rect && a.frame.is(&b.frame))
}

impl Scaler {
    /// The scaler of a layer, made anew when its size or place changed.
    fn for_layer<'a>(
        slot: &'a mut Option<Self>,
        layer: &Layer,
        out: &VideoInfo,
    ) -> Result<&'a Self, CanvasError> {
        let from = (layer.frame.width(), layer.frame.height());
        match slot {
            Some(scaler) if scaler.from == from && scaler.to == layer.rect => {}
            _ => *slot = Some(Self::new(from, layer.rect, out)?),
        }
        // Just made or found.
        Ok(slot.as_ref().expect("the slot was filled above"))
    }

    fn new(from: (u32, u32), to: Rect, out: &VideoInfo) -> Result<Self, CanvasError> {
        // The source is taken to be in the program's colours: see `frame::COLORIMETRY`.
        let source = frame::info(from.0, from.1);
        let mut config = gst_video::VideoConverterConfig::new();
        config.set_dest_x(to.x as i32);
        config.set_dest_y(to.y as i32);
        config.set_dest_width(Some(to.width as i32));
        config.set_dest_height(Some(to.height as i32));
        config.set_fill_border(false);
        config.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
        config.set_threads(1);
        let converter =
            gst_video::VideoConverter::new(&source, out, Some(config)).map_err(CanvasError::Scale)?;
        Ok(Self { from, to, source, converter })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout;

    fn pixel(buffer: &gst::Buffer, info: &VideoInfo, x: u32, y: u32) -> u8 {
        Frame::new(buffer.clone(), info.clone()).luma()[(y * info.width() + x) as usize]
    }

    #[test]
    fn tiles_stand_at_their_places_and_the_background_between() {
        gst::init().unwrap();
        let mut canvas = Canvas::new(640, 360, 0x000000).unwrap();
        let rects = layout::grid(4, 640, 360);
        let colours = [0xffffff, 0xff0000, 0x00ff00, 0x0000ff];
        let layers: Vec<Layer> = rects
            .iter()
            .zip(colours)
            .map(|(rect, colour)| Layer { rect: *rect, frame: Frame::plain(320, 180, colour) })
            .collect();
        let buffer = canvas.draw(&layers).unwrap();
        for (rect, colour) in rects.iter().zip(colours) {
            let expected = Frame::plain(2, 2, colour).luma()[0];
            for (x, y) in [(rect.x + 2, rect.y + 2), (rect.x + rect.width - 3, rect.y + rect.height - 3)] {
                let seen = pixel(&buffer, canvas.info(), x, y);
                assert!(seen.abs_diff(expected) <= 2, "{colour:06x} at {x},{y}: {seen} {expected}");
            }
        }
        assert_eq!(pixel(&buffer, canvas.info(), 0, 0), 16);
        assert_eq!(pixel(&buffer, canvas.info(), 320, 180), 16);
    }

    #[test]
    fn what_fits_is_not_touched_and_what_stays_is_not_drawn_again() {
        gst::init().unwrap();
        let mut canvas = Canvas::new(64, 64, 0).unwrap();
        let fits = Layer { rect: Rect::full(64, 64), frame: Frame::plain(64, 64, 0x123456) };
        let out = canvas.draw(std::slice::from_ref(&fits)).unwrap();
        assert_eq!(out.peek_memory(0).as_ptr(), fits.frame.buffer().peek_memory(0).as_ptr());
        let small = Layer { rect: Rect::full(64, 64).fit(32, 16), frame: Frame::plain(32, 16, 0x123456) };
        let first = canvas.draw(std::slice::from_ref(&small)).unwrap();
        let second = canvas.draw(&[small]).unwrap();
        assert_eq!(first.peek_memory(0).as_ptr(), second.peek_memory(0).as_ptr());
    }
}
