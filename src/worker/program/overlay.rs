//! What is drawn over the program: title, logo, clock, the names on tiles; the background behind the tiles; and the slate.
//!
//! Everything is drawn in the background, once for each change; a frame pays for laying it over. A change is on the
//! program at one frame, when all of it is drawn; until then it stays as it was.

pub mod artist;
mod clock;
pub mod lettering;
pub mod picture;
pub mod places;
pub mod rgba;
pub mod slate;
pub mod sprite;

use super::{canvas::CanvasError, frame::Frame};
use crate::{
    ids::{PictureId, RequestId},
    ipc::overlay::{BackgroundSpec, OverlaySpec, PictureFile},
    layout::{Fit, Rect},
};
use artist::{Artist, Order, Work};
use clock::Face;
use jiff::{SignedDuration, Timestamp};
use lettering::{Lettering, Style};
use places::Frame as Places;
use slate::Slate;
use sprite::Placed;
use std::{collections::HashMap, sync::Arc};

/// The clock's next digits are drawn so long ahead.
const AHEAD: SignedDuration = SignedDuration::from_secs(1);

/// What is behind the tiles, when that changes.
#[derive(Debug, Clone)]
pub enum Ground {
    /// The program's own colour.
    Own,
    /// This instead.
    Frame(Frame),
}

/// An overlay as it is shown, but for the names and the clock's digits.
#[derive(Debug, Default)]
struct Shown {
    spec: OverlaySpec,
    title: Option<Placed>,
    logo: Option<Placed>,
    face: Option<Face>,
}

/// An overlay that is being drawn.
#[derive(Debug)]
struct Coming {
    spec: OverlaySpec,
    /// Whom to tell.
    requests: Vec<RequestId>,
    /// Whether the last frame's names are all drawn; unknown before the first one.
    names: Option<bool>,
}

/// A picture that is the slate of pictures that pass through.
#[derive(Debug, Clone)]
pub struct SlatePicture {
    pub picture: PictureId,
    pub fit: Fit,
    pub file: Arc<PictureFile>,
}

/// The overlay of all of a worker's programs.
#[derive(Default)]
pub struct Overlay {
    artist: Artist,
    pictures: HashMap<PictureId, Arc<PictureFile>>,
    shown: Shown,
    coming: Option<Coming>,
    /// Of the running program.
    size: Option<Places>,
    ground: Option<Ground>,
    clock: Option<Placed>,
    slate: Slate,
    /// 0xRRGGBB: of the card, and behind what is transparent in a slate's picture.
    slate_colour: u32,
    /// The last picture with something over it: what it was, what was over it, what came of it.
    last: Option<(gst::Buffer, Vec<Placed>, gst::Buffer)>,
}

impl Overlay {
    /// A picture that may be named.
    pub fn keep(&mut self, picture: PictureId, file: PictureFile) {
        self.pictures.insert(picture, Arc::new(file));
    }

    /// It is not named any more.
    pub fn forget(&mut self, picture: PictureId) {
        self.pictures.remove(&picture);
    }

    /// From now on this. Without a program it is taken at once: the answer is true then.
    pub fn set(&mut self, request: RequestId, spec: OverlaySpec) -> bool {
        if self.size.is_none() {
            self.shown = Shown { spec, ..Shown::default() };
            return true;
        }
        let mut requests = self.coming.take().map(|coming| coming.requests).unwrap_or_default();
        requests.push(request);
        self.coming = Some(Coming { spec, requests, names: None });
        false
    }

    /// A program of this size begins: everything is drawn for it. Its slate has this colour, 0xRRGGBB.
    pub fn begin(&mut self, width: u32, height: u32, slate_colour: u32) {
        self.slate.reset();
        self.slate_colour = slate_colour;
        self.size = Some(Places { width, height });
        let spec = std::mem::take(&mut self.shown).spec;
        (self.ground, self.clock, self.last) = (None, None, None);
        if spec != OverlaySpec::default() {
            // Names do not hold up the first frame: who is on it is not known yet.
            self.coming = Some(Coming { spec, requests: Vec::new(), names: Some(true) });
        }
    }

    /// The program ends: whoever waits is told, and what was to come is what the next one begins with.
    pub fn end(&mut self) -> Vec<RequestId> {
        self.slate.reset();
        self.size = None;
        (self.ground, self.clock, self.last) = (None, None, None);
        let Some(coming) = self.coming.take() else { return Vec::new() };
        self.shown = Shown { spec: coming.spec, ..Shown::default() };
        coming.requests
    }

    /// Whether something is being drawn without which the first frame would not be whole.
    pub fn is_drawing(&mut self, wall: Timestamp) -> bool {
        self.artist.next_frame();
        let Some(coming) = self.coming.take() else { return false };
        let ready = self.is_ready(&coming.spec, wall);
        self.coming = Some(coming);
        !ready
    }

    /// A frame begins, shown at this time of the clock. Whose changes it shows first.
    pub fn next_frame(&mut self, wall: Timestamp) -> Vec<RequestId> {
        self.artist.next_frame();
        let mut told = Vec::new();
        if let Some(coming) = self.coming.take() {
            let names = !coming.spec.labels || coming.names == Some(true);
            if self.is_ready(&coming.spec, wall) && names {
                self.show(coming.spec, wall);
                told = coming.requests;
            } else {
                // The names of this frame decide about the next.
                self.coming = Some(Coming { names: Some(true), ..coming });
            }
        }
        self.turn_clock(wall);
        told
    }

    /// The slate of the program.
    pub const fn slate(&mut self) -> &mut Slate {
        &mut self.slate
    }

    /// The picture that is the slate, for pictures that pass through: they have no other overlay.
    pub fn slate_picture(&self) -> Option<SlatePicture> {
        let slate = self.shown.spec.slate.as_ref()?;
        let picture = *slate.picture()?;
        Some(SlatePicture { picture, fit: slate.fit, file: self.pictures.get(&picture)?.clone() })
    }

    /// What is behind the tiles, once after each change.
    pub fn take_ground(&mut self) -> Option<Ground> {
        self.ground.take()
    }

    /// The name on a tile that shows a picture, if names are shown and this one is drawn.
    pub fn name(&mut self, text: &str, tile: Rect) -> Option<Placed> {
        let coming = self.coming.as_ref().is_some_and(|coming| coming.spec.labels);
        if text.is_empty() || !(self.shown.spec.labels || coming) {
            return None;
        }
        let places = self.size?;
        let (px, width) = places.name(tile);
        // In a tile as small as this it would hide more than it tells.
        if tile.height < 4 * px {
            return None;
        }
        let lettering =
            Lettering { text: text.to_owned(), style: Style::Name, px, width, height: tile.height };
        let work = self.artist.get(&Order::Lettering(lettering), |_| None);
        if work.is_none()
            && let Some(coming) = &mut self.coming
        {
            coming.names = Some(false);
        }
        let sprite = work.filter(|_| self.shown.spec.labels)?.sprite()?;
        let (x, y) = places.place_name(tile, sprite.height());
        Some(Placed { x, y, sprite })
    }

    /// The picture with everything over it; `lay` lays sprites over a picture of the program.
    ///
    /// # Errors
    /// Those of `lay`.
    pub fn over(
        &mut self,
        picture: gst::Buffer,
        lay: impl FnOnce(&gst::Buffer, &[Placed]) -> Result<gst::Buffer, CanvasError>,
    ) -> Result<gst::Buffer, CanvasError> {
        let parts = [&self.shown.logo, &self.shown.title, &self.clock];
        let parts: Vec<Placed> = parts.into_iter().flatten().cloned().collect();
        if parts.is_empty() {
            self.last = None;
            return Ok(picture);
        }
        // A picture that is held keeps its memory: the same memory is the same picture.
        let is = |a: &gst::Buffer, b: &gst::Buffer| {
            a.n_memory() == 1 && b.n_memory() == 1 && a.peek_memory(0).as_ptr() == b.peek_memory(0).as_ptr()
        };
        if let Some((below, over, drawn)) = &self.last
            && is(below, &picture)
            && *over == parts
        {
            return Ok(drawn.copy());
        }
        let drawn = lay(&picture, &parts)?;
        self.last = Some((picture, parts, drawn.clone()));
        // A header of its own, for timestamps of its own.
        Ok(drawn.copy())
    }

    fn get(&mut self, order: &Order) -> Option<Work> {
        let Self { artist, pictures, .. } = self;
        artist.get(order, |picture| pictures.get(&picture).cloned())
    }

    fn title_order(&self, spec: &OverlaySpec) -> Option<Order> {
        let title = spec.title.as_ref()?;
        let (px, [width, height]) = self.size?.title();
        let lettering = Lettering { text: title.text.clone(), style: Style::Title, px, width, height };
        Some(Order::Lettering(lettering))
    }

    fn logo_order(&self, spec: &OverlaySpec) -> Option<Order> {
        let (logo, places) = (spec.logo.as_ref()?, self.size?);
        let width = logo.size.of(places.width).max(2);
        let (picture, opacity) = (logo.picture, logo.opacity);
        Some(Order::Logo { picture, width, max_height: places.logo_height(), opacity })
    }

    fn ground_order(&self, spec: &OverlaySpec) -> Option<Order> {
        let places = self.size?;
        match spec.background.as_ref()? {
            BackgroundSpec::Colour(_) => None,
            BackgroundSpec::Picture(picture) => {
                let Places { width, height } = places;
                Some(Order::Ground { picture: *picture, width, height, fit: Fit::Cover, colour: 0 })
            }
        }
    }

    fn slate_order(&self, spec: &OverlaySpec) -> Option<Order> {
        let (slate, Places { width, height }) = (spec.slate.as_ref()?, self.size?);
        let (picture, fit, colour) = (*slate.picture()?, slate.fit, self.slate_colour);
        Some(Order::Ground { picture, width, height, fit, colour })
    }

    fn clock_order(&self, face: &Face, at: Timestamp) -> Option<Order> {
        let (px, width) = self.size?.clock(face.characters());
        let (text, style) = (face.text(at), Style::Clock);
        Some(Order::Lettering(Lettering { text, style, px, width, height: self.size?.height }))
    }

    /// Whether all that it is made of is drawn, or cannot be; names excepted. What is not is drawn from now on.
    fn is_ready(&mut self, spec: &OverlaySpec, wall: Timestamp) -> bool {
        let clock = spec.clock.as_ref().map(|clock| Face::new(&clock.zone, clock.seconds));
        let clock = clock.and_then(|face| self.clock_order(&face, wall));
        let slate = self.slate_order(spec);
        let orders = [self.title_order(spec), self.logo_order(spec), self.ground_order(spec), clock, slate];
        // Each is asked for: they are drawn one after the other.
        let missing = orders.into_iter().flatten().filter(|order| self.get(order).is_none()).count();
        self.slate.prepare(spec.slate.as_ref()) && missing == 0
    }

    fn show(&mut self, spec: OverlaySpec, wall: Timestamp) {
        let Some(places) = self.size else { return };
        let sprite = |overlay: &mut Self, order: Option<Order>| {
            order.and_then(|order| overlay.get(&order)).and_then(|work| work.sprite())
        };
        let order = self.title_order(&spec);
        let title = sprite(self, order).zip(spec.title.as_ref()).map(|(sprite, title)| {
            let (x, y) = places.place_title(title.position, [sprite.width(), sprite.height()]);
            Placed { x, y, sprite }
        });
        let order = self.logo_order(&spec);
        let logo = sprite(self, order).zip(spec.logo.as_ref()).map(|(sprite, logo)| {
            let (x, y) = places.place_corner(logo.corner, [sprite.width(), sprite.height()], 0);
            Placed { x, y, sprite }
        });
        if spec.background != self.shown.spec.background {
            self.ground = Some(match spec.background {
                Some(BackgroundSpec::Colour(colour)) => {
                    Ground::Frame(Frame::plain(places.width, places.height, colour))
                }
                _ => match self.ground_order(&spec).and_then(|order| self.get(&order)) {
                    Some(Work::Ground(frame)) => Ground::Frame(frame),
                    _ => Ground::Own,
                },
            });
        }
        let slate = self.slate_order(&spec).and_then(|order| match self.get(&order) {
            Some(Work::Ground(frame)) => Some(frame),
            _ => None,
        });
        self.slate.choose(spec.slate.as_ref(), slate);
        if spec.clock != self.shown.spec.clock || spec.logo != self.shown.spec.logo {
            self.clock = None;
        }
        let face = spec.clock.as_ref().map(|clock| Face::new(&clock.zone, clock.seconds));
        self.shown = Shown { spec, title, logo, face };
        self.turn_clock(wall);
    }

    /// The digits of this moment, once they are drawn; those of the next are drawn ahead.
    fn turn_clock(&mut self, wall: Timestamp) {
        let (Some(face), Some(places)) = (self.shown.face.clone(), self.size) else {
            self.clock = None;
            return;
        };
        if let Some(order) = wall.checked_add(AHEAD).ok().and_then(|next| self.clock_order(&face, next)) {
            self.get(&order);
        }
        let now = self.clock_order(&face, wall).and_then(|order| self.get(&order));
        let (Some(sprite), Some(clock)) = (now.and_then(|work| work.sprite()), &self.shown.spec.clock) else {
            return;
        };
        if self.clock.as_ref().is_some_and(|shown| Arc::ptr_eq(&shown.sprite, &sprite)) {
            return;
        }
        // In the logo's corner it stands beside it.
        let logo = self.shown.spec.logo.as_ref().filter(|logo| logo.corner == clock.corner);
        let beside = logo.and(self.shown.logo.as_ref()).map_or(0, |logo| logo.sprite.height());
        let (x, y) = places.place_corner(clock.corner, [sprite.width(), sprite.height()], beside);
        self.clock = Some(Placed { x, y, sprite });
    }
}

#[cfg(test)]
mod tests;
