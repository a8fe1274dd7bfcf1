//! Tiles that move from one layout to another, by where their colours are.

use crate::{film::mean, server::one_at_a_time, stage::Stage};
use meetingcast::{layout::Rect, publisher::palette::Colour};
use serde_json::json;
use std::time::Duration;

const FRAME: Duration = Duration::from_nanos(33_333_333);

/// How wide the colour stands on the middle of a line, of `columns` samples.
fn width(picture: &meetingcast::publisher::planes::Picture<'_>, y: u32, colour: Colour) -> usize {
    let at = |x: u32| Colour::classify(mean(picture, Rect { x, y, width: 4, height: 4 })) == Some(colour);
    (0..640).step_by(4).filter(|x| at(*x)).count()
}

#[test]
fn a_tile_moves_in_small_steps_from_its_place_to_its_place() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let publishers = [0, 1].map(|number| stage.join(stage.options(number, &format!("p{number}"))));
    stage.seen("p0");
    stage.seen("p1");
    let take = stage.start(json!({"participant": "p0"}), 640, 360);
    std::thread::sleep(Duration::from_millis(1500));
    let side = json!({"layout": "side_by_side", "participants": ["p0", "p1"]});
    stage.switch(json!({"source": side, "animate_ms": 500}));
    std::thread::sleep(Duration::from_millis(1500));
    stage.switch(json!({"participant": "p0", "animate_ms": 500}));
    std::thread::sleep(Duration::from_millis(1500));
    let (cast, film) = stage.cut(take, "motion");
    publishers.into_iter().for_each(|publisher| stage.leave(publisher));
    assert_eq!(cast["program"]["dropped"], 0, "{cast}");
    film.cadence_is_unbroken(FRAME);
    let mut widths = Vec::new();
    film.each(|_, picture| widths.push(width(picture, 198, Colour::of(0))));
    println!("widths of the first tile: {widths:?}");
    // Full, in fifteen frames to a half, and back.
    let (full, half) = (widths[10], *widths.iter().min().unwrap());
    assert!(full > 120 && half < full * 6 / 10 && half > full * 3 / 10, "{full} {half}");
    let falls: Vec<usize> = (1..widths.len()).filter(|n| widths[*n] + 1 < widths[n - 1]).collect();
    let rises: Vec<usize> = (1..widths.len()).filter(|n| widths[*n] > widths[n - 1] + 1).collect();
    for (name, steps) in [("falls", &falls), ("rises", &rises)] {
        let span = steps.last().unwrap() - steps.first().unwrap() + 1;
        assert!((8..=15).contains(&span), "{name} over {span} frames: {steps:?}");
        let largest = steps.iter().map(|n| widths[*n].abs_diff(widths[n - 1])).max().unwrap();
        assert!(largest < (full - half) / 4, "{name} by {largest} at once");
    }
}
