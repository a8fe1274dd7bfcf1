//! Overlays from their command to the frames that show them.

use super::*;
use crate::{
    ipc::overlay::{ClockSpec, LogoSpec, PictureKind, StandIn, StandInMedia, TitlePosition, TitleSpec},
    layout::{Corner, Fraction},
    worker::program::canvas::Canvas,
};
use bytes::Bytes;

const SIZE: (u32, u32) = (640, 360);

struct Stage {
    overlay: Overlay,
    canvas: Canvas,
    wall: Timestamp,
}

impl Stage {
    fn new() -> Self {
        gst::init().unwrap();
        let mut overlay = Overlay::default();
        overlay.keep(PictureId(1), svg("#ff0000"));
        overlay.keep(PictureId(2), svg("#0000ff"));
        overlay.begin(SIZE.0, SIZE.1, 0x0080_8080);
        Self {
            overlay,
            canvas: Canvas::new(SIZE.0, SIZE.1, 0x101820).unwrap(),
            wall: "2026-11-27T12:00:00Z".parse().unwrap(),
        }
    }

    /// The next frame: whose changes it shows, and its brightness.
    fn frame(&mut self) -> (Vec<RequestId>, Frame) {
        let told = self.overlay.next_frame(self.wall);
        let below = Frame::plain(SIZE.0, SIZE.1, 0x204060);
        let drawn =
            self.overlay.over(below.buffer().clone(), |below, parts| self.canvas.over(below, parts)).unwrap();
        (told, Frame::new(drawn, self.canvas.info().clone()))
    }

    /// Frames until somebody is told: how many were as before, and the first that is not.
    fn until_told(&mut self) -> (Vec<RequestId>, Frame) {
        for _ in 0..500 {
            let (told, frame) = self.frame();
            if !told.is_empty() {
                return (told, frame);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("nobody was told")
    }
}

fn svg(colour: &str) -> PictureFile {
    let text = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'>\
         <rect width='40' height='20' fill='{colour}'/></svg>"
    );
    PictureFile { kind: PictureKind::Svg, data: Bytes::from(text) }
}

fn logo(picture: u32) -> OverlaySpec {
    let logo = LogoSpec {
        picture: PictureId(picture),
        corner: Corner::TopRight,
        size: Fraction::percent(20),
        opacity: Fraction::WHOLE,
    };
    OverlaySpec { logo: Some(logo), ..OverlaySpec::default() }
}

fn title(text: &str) -> OverlaySpec {
    let title = TitleSpec { text: text.to_owned(), position: TitlePosition::Bottom };
    OverlaySpec { title: Some(title), ..OverlaySpec::default() }
}

fn luma(frame: &Frame, x: u32, y: u32) -> u8 {
    frame.luma()[(y * SIZE.0 + x) as usize]
}

fn of(colour: u32) -> u8 {
    Frame::plain(2, 2, colour).luma()[0]
}

#[test]
fn a_change_is_seen_whole_at_one_frame_and_told_with_it() {
    let mut stage = Stage::new();
    assert!(!stage.overlay.set(RequestId(1), logo(1)));
    let (told, frame) = stage.until_told();
    assert_eq!(told, [RequestId(1)]);
    // A fifth of the width in the corner, ten pixels from the edges.
    assert_eq!(luma(&frame, 640 - 10 - 64, 30), of(0xff0000));
    assert_eq!(luma(&frame, 320, 180), of(0x204060));
    // The old one stays until the new one is drawn, and those who are overtaken are told with it.
    stage.overlay.set(RequestId(2), title("Good evening"));
    stage.overlay.set(RequestId(3), OverlaySpec { title: title("Good night").title, ..logo(2) });
    for _ in 0..500 {
        let (told, frame) = stage.frame();
        let expected = if told.is_empty() { 0xff0000 } else { 0x0000ff };
        assert_eq!(luma(&frame, 640 - 10 - 64, 30), of(expected));
        let white = frame.luma()[300 * 640..].iter().filter(|y| **y > 200).count();
        assert_eq!(white > 100, !told.is_empty(), "{white}");
        if !told.is_empty() {
            assert_eq!(told, [RequestId(2), RequestId(3)]);
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("nobody was told");
}

#[test]
fn a_picture_that_cannot_be_drawn_holds_nothing_up() {
    let mut stage = Stage::new();
    stage.overlay.set(RequestId(1), OverlaySpec { title: title("Shown").title, ..logo(9) });
    let (told, frame) = stage.until_told();
    assert_eq!(told, [RequestId(1)]);
    assert!(frame.luma()[300 * 640..].iter().filter(|y| **y > 200).count() > 100);
    assert_eq!(luma(&frame, 640 - 10 - 64, 30), of(0x204060));
}

#[test]
fn what_stays_is_not_drawn_again() {
    let mut stage = Stage::new();
    stage.overlay.set(RequestId(1), logo(1));
    stage.until_told();
    let below = Frame::plain(SIZE.0, SIZE.1, 0x204060);
    let mut over = || {
        let canvas = &stage.canvas;
        stage.overlay.over(below.buffer().clone(), |below, parts| canvas.over(below, parts)).unwrap()
    };
    let (first, second) = (over(), over());
    assert_eq!(first.peek_memory(0).as_ptr(), second.peek_memory(0).as_ptr());
    stage.overlay.set(RequestId(2), OverlaySpec::default());
    let (_, frame) = stage.until_told();
    assert_eq!(luma(&frame, 640 - 10 - 64, 30), of(0x204060));
}

#[test]
fn the_clock_turns_at_its_second_and_stands_beside_the_logo() {
    let mut stage = Stage::new();
    let clock = ClockSpec { corner: Corner::TopRight, zone: "UTC".to_owned(), seconds: true };
    stage.overlay.set(RequestId(1), OverlaySpec { clock: Some(clock), ..logo(1) });
    stage.until_told();
    let shown = |overlay: &Overlay| overlay.clock.clone().unwrap();
    let first = shown(&stage.overlay);
    // The logo is 64 pixels high, from 10 on.
    assert_eq!(first.y, 10 + 64 + 4, "{first:?}");
    // The next second's digits are there before it begins.
    for _ in 0..500 {
        stage.frame();
        let order = stage.overlay.clock_order(&Face::new("UTC", true), stage.wall + AHEAD);
        if stage.overlay.get(&order.unwrap()).is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    stage.wall += SignedDuration::from_millis(999);
    stage.frame();
    assert_eq!(shown(&stage.overlay), first);
    stage.wall += SignedDuration::from_millis(1);
    stage.frame();
    assert_ne!(shown(&stage.overlay), first, "a new second, at once");
    assert_eq!(shown(&stage.overlay).y, first.y);
}

#[test]
fn names_are_there_when_the_change_is_told() {
    let mut stage = Stage::new();
    let tile = Rect { x: 0, y: 0, width: 320, height: 180 };
    assert_eq!(stage.overlay.name("Ann", tile), None);
    let spec = OverlaySpec { labels: true, ..OverlaySpec::default() };
    stage.overlay.set(RequestId(1), spec);
    for _ in 0..500 {
        let told = stage.overlay.next_frame(stage.wall);
        let name = stage.overlay.name("Ann", tile);
        assert_eq!(name.is_some(), !told.is_empty());
        if let Some(name) = name {
            assert!(name.x < 20 && name.y > 140 && name.y + name.sprite.height() <= 180, "{name:?}");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("nobody was told");
}

#[test]
fn the_background_is_given_out_once_for_each_change() {
    let mut stage = Stage::new();
    let with = |background| OverlaySpec { background, ..OverlaySpec::default() };
    stage.overlay.set(RequestId(1), with(Some(BackgroundSpec::Colour(0x00ff00))));
    stage.until_told();
    let Some(Ground::Frame(frame)) = stage.overlay.take_ground() else { panic!("no ground") };
    assert_eq!(frame.luma()[0], of(0x00ff00));
    assert!(stage.overlay.take_ground().is_none());
    stage.overlay.set(RequestId(2), with(Some(BackgroundSpec::Picture(PictureId(2)))));
    stage.until_told();
    let Some(Ground::Frame(frame)) = stage.overlay.take_ground() else { panic!("no ground") };
    assert_eq!(frame.luma()[640 * 100], of(0x0000ff));
    stage.overlay.set(RequestId(3), with(None));
    stage.until_told();
    assert!(matches!(stage.overlay.take_ground(), Some(Ground::Own)));
}

#[test]
fn the_slate_is_a_picture_from_the_frame_that_is_told() {
    let mut stage = Stage::new();
    let card = Frame::plain(SIZE.0, SIZE.1, 0x0080_8080);
    let with = |slate| OverlaySpec { slate, ..title("With it") };
    let picture = |number, fit| StandIn { shows: StandInMedia::Picture(PictureId(number)), fit };
    stage.overlay.set(RequestId(1), with(Some(picture(1, Fit::Cover))));
    for (fit, size) in [(Fit::Cover, SIZE), (Fit::Contain, (640, 320))] {
        for _ in 0..500 {
            let told = stage.overlay.next_frame(stage.wall);
            let view = stage.overlay.slate().view(&card, |_| None);
            match (told.is_empty(), fit) {
                (true, Fit::Cover) => assert!(matches!(view, slate::View::Card(_)), "until it is told"),
                (true, Fit::Contain) => assert!(matches!(view, slate::View::Picture(_, Fit::Cover))),
                (false, _) => {
                    let slate::View::Picture(frame, shown) = view else { panic!("the card") };
                    assert_eq!((shown, frame.width(), frame.height()), (fit, size.0, size.1));
                    assert_eq!(frame.luma()[0], of(0xff0000));
                    stage.overlay.set(RequestId(2), with(Some(picture(1, Fit::Contain))));
                    break;
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    // What cannot be drawn is the card, and so is what is taken away.
    for slate in [Some(picture(9, Fit::Cover)), Some(picture(2, Fit::Cover)), None] {
        let drawn = slate.as_ref().is_some_and(|slate| slate.picture() == Some(&PictureId(2)));
        stage.overlay.set(RequestId(3), with(slate));
        stage.until_told();
        let view = stage.overlay.slate().view(&card, |_| None);
        assert_eq!(matches!(view, slate::View::Picture(..)), drawn, "{view:?}");
    }
}

#[test]
fn it_outlives_its_program() {
    let mut stage = Stage::new();
    stage.overlay.set(RequestId(1), logo(1));
    assert_eq!(stage.overlay.end(), [RequestId(1)], "whoever waits is told");
    assert!(stage.overlay.set(RequestId(2), logo(2)), "without a program there is nothing to wait for");
    stage.overlay.begin(SIZE.0, SIZE.1, 0x0080_8080);
    for _ in 0..500 {
        if !stage.overlay.is_drawing(stage.wall) {
            let (_, frame) = stage.frame();
            assert_eq!(luma(&frame, 640 - 10 - 64, 30), of(0x0000ff));
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("it is never drawn");
}
