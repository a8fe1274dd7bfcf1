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

/// Up to this reduction (9 : 4) two source pixels make each pixel of a tile, in each direction: they cover what the
/// pixel stands for, or all but a ninth of it, and there is a fast way for two. Beyond, what lies between would be left
/// out and shimmer.
const TWO_TAPS: (u32, u32) = (9, 4);

/// A picture that is larger than its tile, or than twice its tile, by no more than this part is cut at its edges
/// instead of scaled: a line in fifty at most. What is left is copied, or halved, which costs a fifth, and is not blurred
/// by a hundredth of a size. Tiles of a grid are smaller by its gaps than the sizes that cameras and senders know.
const TRIM: u32 = 50;

struct Scaler {
    from: (u32, u32),
    fit: Fit,
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

/// The part of a picture of the size `from` that goes into a tile of the size `to` (both even).
fn shown(from: (u32, u32), to: (u32, u32)) -> Rect {
    let near = |from: u32, to: u32| from >= to && (from - to) * TRIM <= from;
    // Chroma has half the lines and columns: what is cut at the left and the top is even.
    let cut = |from: u32, to: u32| ((from - to) / 2) & !1;
    [1, 2]
        .map(|times| (to.0 * times, to.1 * times))
        .into_iter()
        .find(|(width, height)| near(from.0, *width) && near(from.1, *height))
        .map_or(Rect::full(from.0, from.1), |(width, height)| Rect {
            x: cut(from.0, width),
            y: cut(from.1, height),
            width,
            height,
        })
}

/// The part of a picture of the size `from` that fills a tile of the size `to`: the middle of it.
fn filling(from: (u32, u32), to: (u32, u32)) -> Rect {
    // The largest of the tile's aspect; even, and cut evenly, for the chroma's sake.
    let part = |whole: u32, across: u32, to: u32, by: u32| {
        let exact = (u64::from(across) * u64::from(to) + u64::from(by)) / (2 * u64::from(by.max(1))) * 2;
        // Not above `whole`, which is a u32.
        exact.clamp(2, u64::from(whole)) as u32
    };
    let (width, height) = if u64::from(from.0) * u64::from(to.1) >= u64::from(from.1) * u64::from(to.0) {
        (part(from.0, from.1, to.0, to.1), from.1)
    } else {
        (from.0, part(from.1, from.0, to.1, to.0))
    };
    let (x, y) = (((from.0 - width) / 2) & !1, ((from.1 - height) / 2) & !1);
    let within = shown((width, height), to);
    Rect { x: x + within.x, y: y + within.y, ..within }
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
            Some(scaler) if (scaler.from, scaler.fit, scaler.to) == (from, layer.fit, layer.inner()) => {}
            _ => *slot = Some(Self::new(from, layer.fit, layer.inner(), out)?),
        }
        // Just made or found.
        Ok(slot.as_ref().expect("the slot was filled above"))
    }

    fn new(from: (u32, u32), fit: Fit, to: Rect, out: &VideoInfo) -> Result<Self, CanvasError> {
        // The source is taken to be in the program's colours: see `frame::COLORIMETRY`.
        let source = frame::info(from.0, from.1);
        let shown = match fit {
            Fit::Contain => shown(from, (to.width, to.height)),
            Fit::Cover => filling(from, (to.width, to.height)),
        };
        let mut config = gst_video::VideoConverterConfig::new();
        config.set_src_x(shown.x as i32);
        config.set_src_y(shown.y as i32);
        config.set_src_width(Some(shown.width as i32));
        config.set_src_height(Some(shown.height as i32));
        config.set_dest_x(to.x as i32);
        config.set_dest_y(to.y as i32);
        config.set_dest_width(Some(to.width as i32));
        config.set_dest_height(Some(to.height as i32));
        config.set_fill_border(false);
        config.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
        let few = |from: u32, to: u32| from * TWO_TAPS.1 <= to * TWO_TAPS.0;
        if few(shown.width, to.width) && few(shown.height, to.height) {
            config.set_resampler_taps(2);
        }
        config.set_threads(1);
        let converter =
            gst_video::VideoConverter::new(&source, out, Some(config)).map_err(CanvasError::Scale)?;
        Ok(Self { from, fit, to, source, converter })
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
            .map(|(rect, colour)| Layer::plain(*rect, Frame::plain(320, 180, colour)))
            .collect();
        let buffer = canvas.draw(&layers).unwrap();
        for (rect, colour) in rects.iter().zip(colours) {
            let expected = Frame::plain(2, 2, colour).luma()[0];
            for (x, y) in [(rect.x + 2, rect.y + 2), (rect.x + rect.width - 3, rect.y + rect.height - 3)] {
                let seen = pixel(&buffer, canvas.info(), x, y);
                assert!(seen.abs_diff(expected) <= 2, "{colour:06x} at {x},{y}: {seen} {expected}");
            }
        }
        // The gap is 4 pixels wide, in the middle.
        assert_eq!(pixel(&buffer, canvas.info(), 319, 90), 16);
        assert_eq!(pixel(&buffer, canvas.info(), 320, 180), 16);
    }

    #[test]
    fn what_is_a_little_too_large_is_cut_on_all_sides() {
        let whole = |width, height| Rect::full(width, height);
        assert_eq!(shown((640, 360), (632, 356)), Rect { x: 4, y: 2, width: 632, height: 356 });
        assert_eq!(shown((1280, 720), (632, 356)), Rect { x: 8, y: 4, width: 1264, height: 712 });
        assert_eq!(shown((632, 356), (632, 356)), whole(632, 356));
        assert_eq!(shown((480, 270), (632, 356)), whole(480, 270));
        assert_eq!(shown((1920, 1080), (632, 356)), whole(1920, 1080));
        // One direction fits, the other does not: nobody is cut to fit.
        assert_eq!(shown((640, 480), (632, 356)), whole(640, 480));
    }

    /// A picture with a bright column, and what becomes of it in a tile: how much brighter than the rest its place is.
    fn column(from: (u32, u32), at: u32, tile: Rect) -> u8 {
        let mut canvas = Canvas::new(1280, 720, 0x000000).unwrap();
        let info = frame::info(from.0, from.1);
        let mut buffer = Frame::plain(from.0, from.1, 0x202020).buffer().copy_deep().unwrap();
        {
            let mut picture = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &info).unwrap();
            let stride = picture.plane_stride()[0] as usize;
            for row in picture.plane_data_mut(0).unwrap().chunks_mut(stride) {
                row[at as usize..at as usize + 8].fill(235);
            }
        }
        let drawn = canvas.draw(&[Layer::plain(tile, Frame::new(buffer, info))]).unwrap();
        let times = (f64::from(from.0) / f64::from(tile.width)).round() as u32;
        let x = tile.x + (at + 4 - shown(from, (tile.width, tile.height)).x) / times;
        pixel(&drawn, canvas.info(), x, tile.y + tile.height / 2)
    }

    #[test]
    fn what_is_cut_is_copied_or_halved_and_stays_sharp() {
        gst::init().unwrap();
        let tile = layout::grid(4, 1280, 720)[3].fit(16, 9);
        assert_eq!((tile.width, tile.height), (632, 356));
        for from in [(640, 360), (1280, 720), (632, 356), (1264, 712)] {
            for at in [64, 320, 560] {
                assert!(column(from, at, tile) >= 233, "{from:?} at {at}: {}", column(from, at, tile));
            }
        }
    }

    #[test]
    fn what_fits_is_not_touched_and_what_stays_is_not_drawn_again() {
        gst::init().unwrap();
        let mut canvas = Canvas::new(64, 64, 0).unwrap();
        let fits = Layer::plain(Rect::full(64, 64), Frame::plain(64, 64, 0x123456));
        let out = canvas.draw(std::slice::from_ref(&fits)).unwrap();
        assert_eq!(out.peek_memory(0).as_ptr(), fits.frame.buffer().peek_memory(0).as_ptr());
        let small = Layer::plain(Rect::full(64, 64).fit(32, 16), Frame::plain(32, 16, 0x123456));
        let first = canvas.draw(std::slice::from_ref(&small)).unwrap();
        let second = canvas.draw(&[small]).unwrap();
        assert_eq!(first.peek_memory(0).as_ptr(), second.peek_memory(0).as_ptr());
    }

    #[test]
    fn what_fills_a_tile_is_the_middle_of_it() {
        let rect = |x, y, width, height| Rect { x, y, width, height };
        assert_eq!(filling((1280, 720), (640, 720)), rect(320, 0, 640, 720));
        assert_eq!(filling((640, 360), (320, 180)), rect(0, 0, 640, 360));
        assert_eq!(filling((640, 480), (640, 360)), rect(0, 60, 640, 360));
        assert_eq!(filling((180, 320), (320, 180)), rect(0, 108, 180, 102));
        // Nearly the size that is left: copied, as in a grid.
        assert_eq!(filling((1280, 720), (636, 716)), rect(322, 2, 636, 716));
        // Three columns of different brightness; the outer ones are cut off.
        gst::init().unwrap();
        let info = frame::info(1280, 720);
        let mut buffer = Frame::plain(1280, 720, 0).buffer().copy_deep().unwrap();
        {
            let mut picture = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &info).unwrap();
            for row in picture.plane_data_mut(0).unwrap().chunks_mut(1280) {
                row[320..960].fill(200);
            }
        }
        let mut canvas = Canvas::new(1280, 720, 0).unwrap();
        let tile = rect(640, 0, 640, 720);
        let layer = Layer { fit: Fit::Cover, ..Layer::plain(tile, Frame::new(buffer, info)) };
        let drawn = canvas.draw(&[layer]).unwrap();
        for (x, expected) in [(638, 16), (640, 200), (960, 200), (1279, 200)] {
            assert_eq!(pixel(&drawn, canvas.info(), x, 400), expected, "{x}");
        }
    }

    #[test]
    fn a_border_and_round_corners_leave_what_is_beside_them() {
        gst::init().unwrap();
        let mut canvas = Canvas::new(640, 360, 0x000000).unwrap();
        let tile = Rect { x: 100, y: 60, width: 200, height: 120 };
        let edge = Edge { border: 8, colour: 0xffffff, radius: 40 };
        let below =
            Layer::plain(Rect { x: 0, y: 0, width: 160, height: 360 }, Frame::plain(160, 360, 0x808080));
        let layer = Layer { edge, ..Layer::plain(tile, Frame::plain(320, 180, 0x0000ff)) };
        let drawn = canvas.draw(&[below, layer]).unwrap();
        let luma = |colour| Frame::plain(2, 2, colour).luma()[0];
        let (grey, white, blue) = (luma(0x808080), luma(0xffffff), luma(0x0000ff));
        for (x, y, expected) in [
            // The corners: what was underneath, and then the border's arc 40 pixels from its centre.
            (101, 61, grey),
            (298, 61, 16),
            (298, 178, 16),
            (140 - 25, 100 - 25, white),
            (140 - 20, 100 - 20, blue),
            (102, 120, white),
            (200, 63, white),
            (200, 120, blue),
            (112, 120, blue),
            (98, 120, grey),
            (302, 120, 16),
        ] {
            let seen = pixel(&drawn, canvas.info(), x, y);
            assert!(seen.abs_diff(expected) <= 2, "{x},{y}: {seen}, not {expected}");
        }
    }

    #[test]
    fn what_another_covers_is_left_out() {
        let frame = Frame::plain(2, 2, 0);
        let layer = |x, width, radius| Layer {
            edge: Edge { radius, ..Edge::default() },
            ..Layer::plain(Rect { x, y: 0, width, height: 90 }, frame.clone())
        };
        let left = |layers: Vec<Layer>| seen(layers).iter().map(|layer| layer.rect.x).collect::<Vec<_>>();
        assert_eq!(left(vec![layer(10, 20, 0), layer(0, 100, 0), layer(40, 20, 0)]), [0, 40]);
        assert_eq!(
            left(vec![layer(10, 20, 0), layer(0, 100, 8)]),
            [10, 0],
            "through its corners it may be seen"
        );
        assert_eq!(left(vec![layer(0, 20, 0), layer(2, 100, 0)]), [0, 2]);
        assert_eq!(left(vec![layer(4, 20, 0), layer(4, 20, 0)]), [4], "one of two that are alike");
    }
}
