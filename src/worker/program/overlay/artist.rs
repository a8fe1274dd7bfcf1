//! Draws what overlays are made of, in a thread of its own; what is drawn is kept as long as it is used.

use super::{
    lettering::{self, Lettering, LetteringError},
    picture::{self, PictureError},
    rgba::Rgba,
    sprite::{Placed, Sprite},
};
use crate::{
    ids::PictureId,
    ipc::overlay::PictureFile,
    layout::{Fit, Fraction, Rect},
    worker::program::{
        canvas::CanvasError,
        frame::{self, Frame},
    },
};
use gst_video::VideoFrameRef;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

/// Orders under way. A full queue is tried again at the next frame.
const QUEUE: usize = 64;
/// Works kept, used or not: a name for each of 25 tiles, in two scenes, and what else there is.
const KEPT: usize = 64;
/// Beyond, works that were not asked for in so many frames are let go.
const UNUSED: u64 = 150;

/// Something to draw.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Order {
    Lettering(Lettering),
    /// As wide as this, and as high as it then is, if that is not too high.
    Logo {
        picture: PictureId,
        width: u32,
        max_height: u32,
        opacity: Fraction,
    },
    /// Over a colour, 0xRRGGBB; without bars beside it.
    Ground {
        picture: PictureId,
        width: u32,
        height: u32,
        fit: Fit,
        colour: u32,
    },
}

impl Order {
    const fn picture(&self) -> Option<PictureId> {
        match self {
            Self::Lettering(_) => None,
            Self::Logo { picture, .. } | Self::Ground { picture, .. } => Some(*picture),
        }
    }
}

/// Something drawn.
#[derive(Debug, Clone)]
pub enum Work {
    Sprite(Arc<Sprite>),
    Ground(Frame),
    /// It cannot be drawn: the log says why.
    Nothing,
}

impl Work {
    /// The sprite, if it is one.
    pub fn sprite(&self) -> Option<Arc<Sprite>> {
        match self {
            Self::Sprite(sprite) => Some(sprite.clone()),
            Self::Ground(_) | Self::Nothing => None,
        }
    }
}

/// Why something was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum ArtistError {
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error(transparent)]
    Lettering(#[from] LetteringError),
    #[error(transparent)]
    Canvas(#[from] CanvasError),
    #[error("the picture is not there")]
    NoPicture,
    #[error("copying a picture")]
    Copy(#[source] gst::glib::BoolError),
}

struct Job {
    order: Order,
    file: Option<Arc<PictureFile>>,
}

struct Entry {
    /// `None`: under way.
    work: Option<Work>,
    used: u64,
}

/// Works by their orders.
pub struct Artist {
    entries: HashMap<Order, Entry>,
    jobs: SyncSender<Job>,
    drawn: Receiver<(Order, Work)>,
    frame: u64,
}

impl Default for Artist {
    fn default() -> Self {
        Self::new()
    }
}

impl Artist {
    /// Starts the drawing thread; it ends when this is dropped.
    pub fn new() -> Self {
        let (jobs, inbox) = sync_channel::<Job>(QUEUE);
        let (done, drawn) = sync_channel(QUEUE);
        std::thread::spawn(move || {
            while let Ok(Job { order, file }) = inbox.recv() {
                let work = draw(&order, file.as_deref()).unwrap_or_else(|error| {
                    tracing::warn!(error = &error as &dyn std::error::Error, "part of the overlay not drawn");
                    Work::Nothing
                });
                if done.send((order, work)).is_err() {
                    return;
                }
            }
        });
        Self { entries: HashMap::new(), jobs, drawn, frame: 0 }
    }

    /// A frame begins: takes in what was drawn.
    pub fn next_frame(&mut self) {
        self.frame += 1;
        while let Ok((order, work)) = self.drawn.try_recv() {
            // What was let go meanwhile is not wanted any more.
            if let Some(entry) = self.entries.get_mut(&order) {
                entry.work = Some(work);
            }
        }
        if self.entries.len() > KEPT {
            let frame = self.frame;
            self.entries.retain(|_, entry| entry.work.is_none() || frame - entry.used < UNUSED);
        }
    }

    /// The work, once it is drawn. Never waits.
    pub fn get(
        &mut self,
        order: &Order,
        file: impl Fn(PictureId) -> Option<Arc<PictureFile>>,
    ) -> Option<Work> {
        if let Some(entry) = self.entries.get_mut(order) {
            entry.used = self.frame;
            return entry.work.clone();
        }
        let job = Job { order: order.clone(), file: order.picture().and_then(file) };
        match self.jobs.try_send(job) {
            Ok(()) => {
                self.entries.insert(order.clone(), Entry { work: None, used: self.frame });
                None
            }
            Err(TrySendError::Full(_)) => None,
            // The thread has panicked: nothing will be drawn any more, and nobody shall wait for it.
            Err(TrySendError::Disconnected(_)) => Some(Work::Nothing),
        }
    }
}

/// Draws something now; takes tens of milliseconds, for large pictures up to seconds.
fn draw(order: &Order, file: Option<&PictureFile>) -> Result<Work, ArtistError> {
    let decoded = || picture::decode(file.ok_or(ArtistError::NoPicture)?).map_err(ArtistError::from);
    let sprite = |image: &Rgba| Work::Sprite(Arc::new(Sprite::of(image)));
    match order {
        Order::Lettering(lettering) => Ok(sprite(&lettering::draw(lettering)?)),
        Order::Logo { width, max_height, opacity, .. } => {
            let image = decoded()?;
            let (width, height) = within((image.width(), image.height()), *width, *max_height);
            Ok(sprite(&image.scaled(width, height).faded(opacity.value())))
        }
        Order::Ground { width, height, fit, colour, .. } => {
            let whole = Rect::full(*width, *height);
            let (image, place) = fitted(&decoded()?, whole, *fit);
            on_colour(&image, Rect::full(place.width, place.height), (place.width, place.height), *colour)
                .map(Work::Ground)
        }
    }
}

/// A picture of this size made of a file now, bars of the colour beside it; takes up to seconds for large ones.
///
/// # Errors
/// It cannot be decoded.
pub fn whole(
    file: &PictureFile,
    (width, height): (u32, u32),
    fit: Fit,
    colour: u32,
) -> Result<Frame, ArtistError> {
    let (image, place) = fitted(&picture::decode(file)?, Rect::full(width, height), fit);
    on_colour(&image, place, (width, height), colour)
}

/// A picture scaled to its place in the frame, and that place.
fn fitted(image: &Rgba, frame: Rect, fit: Fit) -> (Rgba, Rect) {
    match fit {
        Fit::Cover => (image.covering(frame.width, frame.height), frame),
        Fit::Contain => {
            let place = frame.fit(image.width(), image.height());
            (image.scaled(place.width, place.height), place)
        }
    }
}

fn on_colour(
    image: &Rgba,
    place: Rect,
    (width, height): (u32, u32),
    colour: u32,
) -> Result<Frame, ArtistError> {
    let ground = Frame::plain(width, height, colour);
    let mut buffer = ground.buffer().copy_deep().map_err(ArtistError::Copy)?;
    let info = frame::info(width, height);
    {
        let mut target =
            VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &info).map_err(CanvasError::Map)?;
        let placed = Placed { x: place.x, y: place.y, sprite: Arc::new(Sprite::of(image)) };
        placed.lay_over(&mut target).map_err(CanvasError::Map)?;
    }
    Ok(Frame::new(buffer, info))
}

/// A picture's size when it is as wide as this, and its height is bounded.
fn within(from: (u32, u32), width: u32, max_height: u32) -> (u32, u32) {
    let (w, h) = (u64::from(from.0.max(1)), u64::from(from.1.max(1)));
    let height = (u64::from(width) * h + w / 2) / w;
    if height <= u64::from(max_height) {
        // Not above `max_height`, which is a u32.
        return (width.max(1), (height as u32).max(1));
    }
    // Narrower than it was asked for.
    (((u64::from(max_height) * w / h) as u32).max(1), max_height.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ipc::overlay::PictureKind, worker::program::overlay::lettering::Style};
    use bytes::Bytes;

    fn square() -> Arc<PictureFile> {
        let data = Bytes::from_static(
            b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'><rect width='40' height='20' fill='#ff0000'/></svg>",
        );
        Arc::new(PictureFile { kind: PictureKind::Svg, data })
    }

    fn wait(artist: &mut Artist, order: &Order) -> Work {
        for _ in 0..500 {
            artist.next_frame();
            if let Some(work) = artist.get(order, |_| Some(square())) {
                return work;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{order:?} was not drawn")
    }

    #[test]
    fn a_logo_keeps_its_aspect_within_bounds() {
        assert_eq!(within((400, 200), 128, 680), (128, 64));
        assert_eq!(within((100, 1000), 128, 680), (68, 680));
        assert_eq!(within((1000, 1), 20, 680), (20, 1));
    }

    #[test]
    fn what_is_ordered_is_drawn_once_and_what_cannot_be_is_nothing() {
        gst::init().unwrap();
        let mut artist = Artist::new();
        let logo =
            Order::Logo { picture: PictureId(1), width: 80, max_height: 500, opacity: Fraction::WHOLE };
        let first = wait(&mut artist, &logo).sprite().unwrap();
        assert_eq!((first.width(), first.height()), (80, 40));
        assert!(Arc::ptr_eq(&first, &wait(&mut artist, &logo).sprite().unwrap()));
        let ground =
            |fit| Order::Ground { picture: PictureId(1), width: 64, height: 64, fit, colour: 0x0000ff };
        let Work::Ground(frame) = wait(&mut artist, &ground(Fit::Cover)) else { panic!("no ground") };
        assert_eq!(frame.luma(), Frame::plain(64, 64, 0xff0000).luma());
        // Twice as wide as it is high, and no bars.
        let Work::Ground(frame) = wait(&mut artist, &ground(Fit::Contain)) else { panic!("no ground") };
        assert_eq!((frame.width(), frame.height()), (64, 32));
        let frame = whole(&square(), (64, 64), Fit::Contain, 0x0000ff).unwrap();
        let [bar, middle] = [2, 32].map(|row| frame.luma()[row * 64 + 30]);
        let [red, blue] = [0xff0000, 0x0000ff].map(|colour| Frame::plain(2, 2, colour).luma()[0]);
        assert_eq!((bar, middle), (blue, red));
        let empty = Lettering { text: String::new(), style: Style::Name, px: 20, width: 100, height: 40 };
        assert!(matches!(wait(&mut artist, &Order::Lettering(empty)), Work::Nothing));
    }

    #[test]
    fn what_is_not_used_is_let_go() {
        gst::init().unwrap();
        let mut artist = Artist::new();
        let order = |n: usize| {
            let text = format!("{n}");
            Order::Lettering(Lettering { text, style: Style::Name, px: 10, width: 60, height: 20 })
        };
        for n in 0..=KEPT {
            wait(&mut artist, &order(n));
        }
        for _ in 0..UNUSED {
            artist.next_frame();
            artist.get(&order(3), |_| None);
        }
        assert!(artist.entries.len() <= KEPT, "{}", artist.entries.len());
        assert!(artist.entries.contains_key(&order(3)), "it is used");
    }
}
