//! Puts frames into the output picture: each is scaled once, straight to its place.
//!
//! A single frame that already has the output's size goes through untouched, and a picture whose layers
//! are those of the tick before is not drawn again.

use super::{
    blend, edges,
    fade::Share,
    frame::{self, Frame},
    overlay::sprite::Placed,
};
use crate::layout::{Edge, Fit, Rect};
use gst_video::{VideoFrameRef, VideoInfo, prelude::*};

mod scaler;

use scaler::Scaler;

/// One frame at its place. Later layers cover earlier ones.
#[derive(Debug, Clone)]
pub struct Layer {
    /// With its edge.
    pub rect: Rect,
    pub frame: Frame,
    /// With [`Fit::Contain`] the rectangle has the frame's aspect already.
    pub fit: Fit,
    pub edge: Edge,
    /// The name on it: it belongs to the layer, and is covered and fades with it.
    pub name: Option<Placed>,
}

impl Layer {
    /// A whole frame without an edge.
    pub fn plain(rect: Rect, frame: Frame) -> Self {
        Self { rect, frame, fit: Fit::Contain, edge: Edge::default(), name: None }
    }

    /// Where the frame itself goes.
    fn inner(&self) -> Rect {
        self.rect.shrunk(self.edge.border)
    }
}

/// Those that can be seen: not what one above it covers whole. (What several together cover is drawn: it is rare, and
/// costs no more than it would alone.)
pub fn seen(mut layers: Vec<Layer>) -> Vec<Layer> {
    let mut index = 0;
    while index < layers.len() {
        let (below, above) = (layers[index].rect, &layers[index + 1..]);
        if above.iter().any(|layer| layer.edge.radius == 0 && layer.rect.covers(&below)) {
            layers.remove(index);
        } else {
            index += 1;
        }
    }
    layers
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
    /// The colour it was made with.
    ground: Frame,
    /// What shows where no layer is.
    background: Frame,
    scalers: Vec<Option<Scaler>>,
    last: Option<(Vec<Layer>, gst::Buffer)>,
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
        let ground = Frame::plain(width, height, background);
        Ok(Self {
            info,
            pool: pool.upcast(),
            background: ground.clone(),
            ground,
            scalers: Vec::new(),
            last: None,
        })
    }

    /// Another one like it, with nothing on it.
    ///
    /// # Errors
    /// No memory for its buffers.
    pub fn another(&self) -> Result<Self, CanvasError> {
        let (width, height) = (self.info.width(), self.info.height());
        let mut another = Self::new(width, height, 0)?;
        another.ground = self.ground.clone();
        another.background = self.background.clone();
        Ok(another)
    }

    /// From now on this is what shows where no layer is: a picture of the canvas's size, or its own colour.
    pub fn set_background(&mut self, background: Option<Frame>) {
        self.background = background.unwrap_or_else(|| self.ground.clone());
        self.last = None;
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
            && layer.edge == Edge::default()
            && layer.name.is_none()
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
            if layers.first().is_none_or(|layer| layer.rect != whole || layer.edge.radius > 0) {
                let ground = VideoFrameRef::from_buffer_ref_readable(self.background.buffer(), &self.info)
                    .map_err(CanvasError::Map)?;
                ground.copy(&mut target).map_err(CanvasError::Map)?;
            }
            self.scalers.resize_with(self.scalers.len().max(layers.len()), || None);
            for (layer, slot) in layers.iter().zip(&mut self.scalers) {
                let scaler = Scaler::for_layer(slot, layer, &self.info)?;
                let source = VideoFrameRef::from_buffer_ref_readable(layer.frame.buffer(), &scaler.source)
                    .map_err(CanvasError::Map)?;
                let corners = edges::before(&mut target, layer.rect, layer.edge);
                scaler.converter.frame_ref(&source, &mut target);
                edges::after(&mut target, layer.rect, layer.edge, &corners);
                if let Some(name) = &layer.name {
                    name.lay_over(&mut target).map_err(CanvasError::Map)?;
                }
            }
        }
        self.last = Some((layers.to_vec(), buffer.clone()));
        Ok(shared(&buffer))
    }

    /// `share` of `above`, and of `below` the rest: pictures of the canvas's size. The buffer carries no timestamps yet.
    ///
    /// # Errors
    /// No buffer, or one that cannot be read.
    pub fn blend(
        &self,
        below: &gst::Buffer,
        above: &gst::Buffer,
        share: Share,
    ) -> Result<gst::Buffer, CanvasError> {
        let mut buffer = self.pool.acquire_buffer(None).map_err(CanvasError::Buffer)?;
        let read =
            |buffer| VideoFrameRef::from_buffer_ref_readable(buffer, &self.info).map_err(CanvasError::Map);
        let (below, above) = (read(below)?, read(above)?);
        {
            // Just taken from the pool: nobody else holds it.
            let mut target = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &self.info)
                .map_err(CanvasError::Map)?;
            for plane in 0..target.n_planes() {
                blend::plane(&below, &above, &mut target, plane, share).map_err(CanvasError::Map)?;
            }
        }
        drop((below, above));
        Ok(buffer)
    }

    /// A picture of the canvas's size with sprites over it, in their order. The buffer carries no timestamps yet.
    ///
    /// # Errors
    /// No buffer, or one that cannot be read.
    pub fn over(&self, below: &gst::Buffer, sprites: &[Placed]) -> Result<gst::Buffer, CanvasError> {
        let mut buffer = self.pool.acquire_buffer(None).map_err(CanvasError::Buffer)?;
        {
            let below =
                VideoFrameRef::from_buffer_ref_readable(below, &self.info).map_err(CanvasError::Map)?;
            // Just taken from the pool: nobody else holds it.
            let mut target = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &self.info)
                .map_err(CanvasError::Map)?;
            below.copy(&mut target).map_err(CanvasError::Map)?;
            for sprite in sprites {
                sprite.lay_over(&mut target).map_err(CanvasError::Map)?;
            }
        }
        Ok(buffer)
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
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            (a.rect, a.fit, a.edge) == (b.rect, b.fit, b.edge) && a.frame.is(&b.frame) && a.name == b.name
        })
}

#[cfg(test)]
mod tests;
