//! The mixer's picture: what a scene shows at a tick, drawn, and what lies over it.

use super::{MixerRunner, Running};
use crate::{
    ipc::{PictureSpec, SceneSpec},
    layout::{self, Place, Rect},
    units::{FrameRate, MediaTime},
    worker::program::{
        canvas::{CanvasError, Layer, seen},
        card::{CardSpec, field_colour},
        motion::Motion,
        overlay::{Ground, slate::View},
        scene::{self, Content},
        snapshot::Still,
    },
};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::Ordering::Relaxed;

impl MixerRunner {
    pub(super) fn push_picture(
        &mut self,
        program: &mut Running,
        pts: MediaTime,
        due: MediaTime,
        rate: FrameRate,
    ) -> Result<(), CanvasError> {
        let Running { picture, director, slate, spec, motion, .. } = program;
        let hold = u64::from(spec.stall_hold_ms) * 1_000_000;
        let size = (picture.info().width(), picture.info().height());
        let changed = self.overlay.next_frame(self.wall(pts));
        match self.overlay.take_ground() {
            None => {}
            Some(Ground::Own) => picture.set_background(None),
            Some(Ground::Frame(frame)) => picture.set_background(Some(&frame)),
        }
        let slate = self.overlay.slate().view(slate, |clip| self.players.frame(clip).cloned());
        let layers = |scene: &SceneSpec| self.layers(scene, size, &slate, motion.as_ref(), due, hold);
        let drawn = picture.draw(director.scene(), layers)?;
        let picture = self.overlay.over(drawn, |below, sprites| picture.over(below, sprites))?;
        changed.into_iter().for_each(|request| self.overlaid(request, Some(pts)));
        for request in std::mem::take(&mut program.stills) {
            let info = program.picture.info().clone();
            self.still(request, Some(Still { picture: picture.clone(), info }));
        }
        let keyframe = std::mem::take(&mut program.keyframe_wanted);
        let left_out = program.input.push_picture(picture, pts, rate.frame_duration(), keyframe);
        self.meter.rendition_dropped.fetch_add(left_out as u64, Relaxed);
        self.meter.frames.fetch_add(1, Relaxed);
        program.lateness.drew(self.setup.timeline.now());
        if let PictureSpec::Full(tile) = &program.director.scene().picture
            && tile.source.is_some_and(|source| self.players.repeats(source))
        {
            self.meter.repeated.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// The clock's time of a frame with this time.
    pub(super) fn wall(&self, pts: MediaTime) -> Timestamp {
        let now = self.setup.timeline.now();
        let (late, early) = (now.since(pts), pts.since(now));
        // Mostly below a second, and never near what a duration holds.
        let late = SignedDuration::try_from(late).unwrap_or_default();
        let early = SignedDuration::try_from(early).unwrap_or_default();
        let wall = Timestamp::now();
        wall.checked_add(early - late).unwrap_or(wall)
    }

    /// What is drawn of a scene on a canvas of this size; pictures older than `hold` nanoseconds are none.
    fn layers(
        &mut self,
        scene: &SceneSpec,
        (width, height): (u32, u32),
        slate: &View,
        motion: Option<&Motion>,
        due: MediaTime,
        hold: u64,
    ) -> Vec<Layer> {
        let places = layout::places(&scene.picture, width, height);
        let mut layers = Vec::with_capacity(places.len() + 1);
        if places.is_empty() {
            layers.push(slate.layer(Rect::full(width, height)));
        }
        for place in &places {
            let moved = motion.map(|motion| place.moved(motion.rect(place.tile.source, place.rect)));
            match scene::content(moved.as_ref().unwrap_or(place), |source| {
                self.players.sight(source, due, hold)
            }) {
                Content::Live { source, rect, fit, edge } => {
                    // The sight said so.
                    if let Some(frame) = self.players.frame(source) {
                        let frame = frame.clone();
                        let inner = rect.shrunk(edge.border);
                        // While it moves it has the name of its place.
                        let home =
                            if motion.is_some() { place.rect.shrunk(place.edge.border) } else { inner };
                        let name = self.overlay.name(&place.tile.label, home);
                        let name = name.and_then(|name| name.moved(home, inner));
                        layers.push(Layer { rect, frame, fit, edge, name });
                    }
                }
                Content::NameCard { rect, label, edge } => {
                    // While it moves it is the card of its place, scaled.
                    let (colour, inner) = (field_colour(&label), place.rect.shrunk(place.edge.border));
                    let card = CardSpec { width: inner.width, height: inner.height, colour, text: label };
                    let frame = self.cards.get(&card);
                    layers.push(Layer { edge, ..Layer::plain(rect, frame) });
                }
                Content::Slate => {
                    let rect = moved.as_ref().unwrap_or(place).rect;
                    layers.push(slate.layer(rect));
                }
            }
        }
        seen(layers)
    }
}

/// The places of a scene on a canvas of this kind.
pub(super) fn places<'a>(scene: &'a SceneSpec, info: &gst_video::VideoInfo) -> Vec<Place<'a>> {
    layout::places(&scene.picture, info.width(), info.height())
}
