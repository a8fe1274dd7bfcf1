//! How one frame gets into its place: the part of it that is seen, and the converter that brings it there.

use super::{CanvasError, Layer, frame};
use crate::layout::{Fit, Rect};
use gst_video::VideoInfo;

/// Up to this reduction (9 : 4) two source pixels make each pixel of a tile, in each direction: they cover what the
/// pixel stands for, or all but a ninth of it, and there is a fast way for two. Beyond, what lies between would be left
/// out and shimmer.
const TWO_TAPS: (u32, u32) = (9, 4);

/// A picture that is larger than its tile, or than twice its tile, by no more than this part is cut at its edges
/// instead of scaled: a line in fifty at most. What is left is copied, or halved, which costs a fifth, and is not blurred
/// by a hundredth of a size. Tiles of a grid are smaller by its gaps than the sizes that cameras and senders know.
const TRIM: u32 = 50;

/// Brings frames of one size to one place.
pub(super) struct Scaler {
    from: (u32, u32),
    fit: Fit,
    to: Rect,
    pub(super) source: VideoInfo,
    pub(super) converter: gst_video::VideoConverter,
}

/// The part of a picture of the size `from` that goes into a tile of the size `to` (both even).
pub(super) fn shown(from: (u32, u32), to: (u32, u32)) -> Rect {
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
pub(super) fn filling(from: (u32, u32), to: (u32, u32)) -> Rect {
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
    pub(super) fn for_layer<'a>(
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
