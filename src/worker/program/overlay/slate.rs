//! What the slate is, where it is not the card: a picture, or a clip that is open only while the slate is seen.
//!
//! A clip is opened when it is chosen, closed when it is not in the frame, and opened anew each time it comes. Until its
//! first picture is there, and when it breaks off, the picture that it begins with stands in: that one is kept. So nothing
//! waits for a clip, but the change that chooses it.

use crate::{
    ids::SourceId,
    ipc::{
        file::FileSpec,
        overlay::{StandIn, StandInMedia},
    },
    layout::{Fit, Rect},
    worker::program::{canvas::Layer, frame::Frame, projector::Projector},
};

/// A slate's picture at one frame.
#[derive(Debug, Clone)]
pub enum View {
    /// In the program's size.
    Card(Frame),
    /// In any.
    Picture(Frame, Fit),
}

impl View {
    /// What is drawn of it in this place; with bars the background is beside it.
    pub fn layer(&self, rect: Rect) -> Layer {
        match self {
            Self::Card(frame) => Layer::plain(rect, frame.clone()),
            Self::Picture(frame, Fit::Contain) => {
                Layer::plain(rect.fit(frame.width(), frame.height()), frame.clone())
            }
            Self::Picture(frame, Fit::Cover) => {
                Layer { fit: Fit::Cover, ..Layer::plain(rect, frame.clone()) }
            }
        }
    }
}

/// A clip.
#[derive(Debug)]
struct Clip {
    file: FileSpec,
    fit: Fit,
    /// While it is open.
    open: Option<SourceId>,
    /// The picture that it begins with.
    first: Option<Frame>,
    /// It cannot be played, or not any further. It is tried again when the slate comes the next time.
    failed: bool,
}

impl Clip {
    /// Looks at what became of it; `file` is nothing when it was closed.
    fn observe(&mut self, file: impl Fn(SourceId) -> Option<Seen>) {
        let Some(source) = self.open else { return };
        match file(source) {
            Some(Seen { hopeless: false, first }) => self.first = first.or(self.first.take()),
            Some(_) | None => (self.open, self.failed) = (None, true),
        }
    }

    fn is_settled(&self) -> bool {
        self.failed || self.first.is_some()
    }
}

/// What is seen of an open file.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The picture that it begins with, as long as it has not begun.
    pub first: Option<Frame>,
    /// There will be no (more) pictures.
    pub hopeless: bool,
}

impl From<&Projector> for Seen {
    fn from(file: &Projector) -> Self {
        Self { first: file.first().cloned(), hopeless: file.is_hopeless() }
    }
}

/// What is chosen.
#[derive(Debug, Default)]
enum Chosen {
    #[default]
    Card,
    Picture(Frame, Fit),
    Clip(Clip),
}

/// The slate of a program.
#[derive(Debug, Default)]
pub struct Slate {
    chosen: Chosen,
    /// The clip of a change that is not taken yet.
    coming: Option<Clip>,
    /// The slate is in the frame.
    seen: bool,
    opened: u32,
    orders: Vec<(SourceId, FileSpec)>,
}

/// Which files the slate has open.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clips {
    on: Option<SourceId>,
    held: [Option<SourceId>; 2],
}

impl Clips {
    /// It is on the program.
    pub fn shows(self, source: SourceId) -> bool {
        self.on == Some(source)
    }

    /// It is not to be closed.
    pub fn holds(self, source: SourceId) -> bool {
        self.held.contains(&Some(source))
    }
}

impl Slate {
    /// No program runs any more, or another one begins. Numbers are not given again.
    pub fn reset(&mut self) {
        *self = Self { opened: self.opened, ..Self::default() };
    }

    /// A clip is chosen, or about to be: it matters whether the slate is seen.
    pub const fn has_clip(&self) -> bool {
        matches!(self.chosen, Chosen::Clip(_))
    }

    /// A tick begins: what became of the files that are open.
    pub fn observe(&mut self, file: impl Fn(SourceId) -> Option<Seen>) {
        if let Chosen::Clip(clip) = &mut self.chosen {
            clip.observe(&file);
        }
        if let Some(clip) = &mut self.coming {
            clip.observe(&file);
        }
    }

    /// This is chosen next: true when a clip's first picture is there, or will never be. To be asked again until then.
    pub fn prepare(&mut self, next: Option<&StandIn>) -> bool {
        let Some((file, fit)) = next.and_then(|next| Some((next.clip()?, next.fit))) else {
            self.coming = None;
            return true;
        };
        if matches!(&self.chosen, Chosen::Clip(clip) if clip.file == *file) {
            self.coming = None;
            return true;
        }
        if self.coming.as_ref().is_none_or(|coming| coming.file != *file) {
            let open = Some(self.open(file));
            self.coming = Some(Clip { file: file.clone(), fit, open, first: None, failed: false });
        }
        self.coming.as_ref().is_none_or(Clip::is_settled)
    }

    /// From this frame on it is this; `picture` is what was drawn of a picture.
    pub fn choose(&mut self, next: Option<&StandIn>, picture: Option<Frame>) {
        let coming = self.coming.take();
        let before = std::mem::take(&mut self.chosen);
        self.chosen = match (next, before) {
            (Some(StandIn { shows: StandInMedia::Picture(_), fit }), _) => {
                picture.map_or(Chosen::Card, |picture| Chosen::Picture(picture, *fit))
            }
            (Some(StandIn { shows: StandInMedia::Clip(file), fit }), Chosen::Clip(clip))
                if clip.file == *file =>
            {
                Chosen::Clip(Clip { fit: *fit, ..clip })
            }
            (Some(StandIn { shows: StandInMedia::Clip(_), fit }), _) => {
                coming.map_or(Chosen::Card, |clip| Chosen::Clip(Clip { fit: *fit, ..clip }))
            }
            (None, _) => Chosen::Card,
        };
    }

    /// Whether the slate is in the frame of this tick: a clip is open while it is.
    pub fn roll(&mut self, seen: bool) {
        self.seen = seen;
        let Chosen::Clip(clip) = &mut self.chosen else { return };
        if !seen {
            (clip.open, clip.failed) = (None, false);
        } else if clip.open.is_none() && !clip.failed {
            let file = clip.file.clone();
            let open = self.open(&file);
            if let Chosen::Clip(clip) = &mut self.chosen {
                clip.open = Some(open);
            }
        }
    }

    fn open(&mut self, file: &FileSpec) -> SourceId {
        self.opened = self.opened.wrapping_add(1);
        let source = SourceId::of_clip(self.opened);
        self.orders.push((source, file.clone()));
        source
    }

    /// Files to be opened, once.
    pub fn take_orders(&mut self) -> Vec<(SourceId, FileSpec)> {
        std::mem::take(&mut self.orders)
    }

    /// The files that are open.
    pub fn clips(&self) -> Clips {
        let chosen = match &self.chosen {
            Chosen::Clip(clip) => clip.open,
            Chosen::Card | Chosen::Picture(..) => None,
        };
        let coming = self.coming.as_ref().and_then(|clip| clip.open);
        Clips { on: chosen.filter(|_| self.seen), held: [chosen, coming] }
    }

    /// What it looks like now; `picture` is the one on show of an open file.
    pub fn view(&self, card: &Frame, picture: impl Fn(SourceId) -> Option<Frame>) -> View {
        match &self.chosen {
            Chosen::Card => View::Card(card.clone()),
            Chosen::Picture(frame, fit) => View::Picture(frame.clone(), *fit),
            Chosen::Clip(clip) => clip
                .open
                .and_then(picture)
                .or(clip.first.clone())
                .map_or_else(|| View::Card(card.clone()), |frame| View::Picture(frame, clip.fit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(name: &str, fit: Fit) -> StandIn {
        let (dir, name) = ("/media".into(), name.to_owned());
        let file = FileSpec { dir, name, repeat: true, from_ms: 0, paused: false };
        StandIn { shows: StandInMedia::Clip(file), fit }
    }

    fn frame(colour: u32) -> Frame {
        Frame::plain(16, 16, colour)
    }

    /// What is seen, by its brightness.
    fn seen(slate: &Slate, playing: Option<&Frame>) -> u8 {
        let (View::Card(frame) | View::Picture(frame, _)) = slate.view(&frame(0), |_| playing.cloned());
        frame.luma()[0]
    }

    fn luma(colour: u32) -> u8 {
        frame(colour).luma()[0]
    }

    const RED: u32 = 0x00ff_0000;
    const WHITE: u32 = 0x00ff_ffff;

    fn first(colour: u32) -> Option<Seen> {
        Some(Seen { first: Some(frame(colour)), hopeless: false })
    }

    const GONE: Option<Seen> = Some(Seen { first: None, hopeless: true });

    /// A slate with a clip that was chosen, while the slate is not in the frame.
    fn chosen() -> Slate {
        gst::init().unwrap();
        let mut slate = Slate::default();
        let wish = clip("break.mp4", Fit::Cover);
        assert!(!slate.prepare(Some(&wish)));
        let orders = slate.take_orders();
        assert!(matches!(&orders[..], [(source, _)] if source.is_clip() && slate.clips().holds(*source)));
        slate.observe(|_| Some(Seen { first: None, hopeless: false }));
        assert!(!slate.prepare(Some(&wish)), "nothing is there yet");
        assert_eq!(slate.take_orders(), [], "it is opened once");
        slate.observe(|_| first(RED));
        assert!(slate.prepare(Some(&wish)));
        slate.choose(Some(&wish), None);
        slate.roll(false);
        assert!(!slate.clips().holds(orders[0].0), "nobody sees it");
        slate
    }

    #[test]
    fn a_clip_is_open_while_it_is_seen_and_its_first_picture_stands_in() {
        let mut slate = chosen();
        assert_eq!(seen(&slate, None), luma(RED));
        slate.roll(true);
        let opened = slate.take_orders()[0].0;
        assert!(slate.clips().shows(opened) && slate.clips().holds(opened));
        assert_eq!(seen(&slate, None), luma(RED));
        assert_eq!(seen(&slate, Some(&frame(WHITE))), luma(WHITE), "it plays");
        slate.roll(true);
        assert_eq!(slate.take_orders(), []);
        slate.roll(false);
        assert!(!slate.clips().holds(opened));
        slate.roll(true);
        assert_ne!(slate.take_orders()[0].0, opened, "every showing has a number of its own");
    }

    #[test]
    fn one_that_breaks_off_is_tried_again_when_the_slate_comes_again() {
        let mut slate = chosen();
        slate.roll(true);
        let opened = slate.take_orders()[0].0;
        slate.observe(|_| GONE);
        assert!(!slate.clips().holds(opened));
        slate.roll(true);
        assert_eq!((slate.take_orders().len(), seen(&slate, None)), (0, luma(RED)));
        slate.roll(false);
        slate.roll(true);
        assert_eq!(slate.take_orders().len(), 1);
    }

    #[test]
    fn what_cannot_be_shown_is_the_card() {
        let mut slate = Slate::default();
        gst::init().unwrap();
        let wish = clip("gone.mp4", Fit::Cover);
        assert!(!slate.prepare(Some(&wish)));
        slate.observe(|_| GONE);
        assert!(slate.prepare(Some(&wish)), "nobody waits for it");
        slate.choose(Some(&wish), None);
        assert!(matches!(slate.view(&frame(WHITE), |_| None), View::Card(_)));
        let picture = StandIn { shows: StandInMedia::Picture(crate::ids::PictureId(1)), fit: Fit::Cover };
        assert!(slate.prepare(Some(&picture)));
        slate.choose(Some(&picture), None);
        assert!(matches!(slate.view(&frame(WHITE), |_| None), View::Card(_)));
    }

    #[test]
    fn the_old_one_plays_until_the_new_one_is_there() {
        let mut slate = chosen();
        slate.roll(true);
        let old = slate.take_orders()[0].0;
        let wish = clip("other.mp4", Fit::Contain);
        assert!(!slate.prepare(Some(&wish)));
        let new = slate.take_orders()[0].0;
        assert!(slate.clips().shows(old) && slate.clips().holds(new) && !slate.clips().shows(new));
        slate.observe(|source| if source == new { first(WHITE) } else { first(RED) });
        assert!(slate.prepare(Some(&wish)));
        slate.choose(Some(&wish), None);
        assert!(slate.clips().shows(new) && !slate.clips().holds(old));
        assert_eq!(seen(&slate, None), luma(WHITE));
        // The same in another form goes on.
        let wish = clip("other.mp4", Fit::Cover);
        assert!(slate.prepare(Some(&wish)));
        slate.choose(Some(&wish), None);
        slate.roll(true);
        assert!(slate.clips().shows(new) && slate.take_orders().is_empty());
        // A wish that is overtaken leaves nothing open.
        assert!(!slate.prepare(Some(&clip("third.mp4", Fit::Cover))));
        let third = slate.take_orders()[0].0;
        assert!(slate.prepare(None) && !slate.clips().holds(third));
        slate.choose(None, None);
        assert!(!slate.clips().holds(new) && matches!(slate.view(&frame(0), |_| None), View::Card(_)));
    }

    #[test]
    fn it_fills_its_place_or_is_fitted_into_it() {
        gst::init().unwrap();
        let place = Rect::full(320, 180);
        let wide = Frame::plain(64, 16, RED);
        let cover = View::Picture(wide.clone(), Fit::Cover).layer(place);
        assert_eq!((cover.rect, cover.fit), (place, Fit::Cover));
        let contain = View::Picture(wide, Fit::Contain).layer(place);
        assert_eq!(contain.rect, Rect { x: 0, y: 50, width: 320, height: 80 });
    }
}
