use super::{
    scaler::{filling, shown},
    *,
};
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
    let below = Layer::plain(Rect { x: 0, y: 0, width: 160, height: 360 }, Frame::plain(160, 360, 0x808080));
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
    assert_eq!(left(vec![layer(10, 20, 0), layer(0, 100, 8)]), [10, 0], "through its corners it may be seen");
    assert_eq!(left(vec![layer(0, 20, 0), layer(2, 100, 0)]), [0, 2]);
    assert_eq!(left(vec![layer(4, 20, 0), layer(4, 20, 0)]), [4], "one of two that are alike");
}
