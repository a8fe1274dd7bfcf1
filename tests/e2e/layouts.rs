//! Layouts with places of their own, by what is seen: a screen with its camera, picture in picture, two halves, tiles
//! above each other, and the name of who is not there.

use crate::{
    film::{card, is_colour, mean, tile},
    server::one_at_a_time,
    stage::{Cut, Stage},
};
use meetingcast::{
    layout::{Corner, Fraction, Rect, corner_inset, halves},
    publisher::{palette::Colour, pattern, planes::Picture},
    worker::program::card::field_colour,
};
use serde_json::{Value, json};
use std::time::Duration;

const SIZE: (u32, u32) = (1280, 720);
const FRAME: Duration = Duration::from_nanos(33_333_333);
/// `program.background` by default.
const GROUND: u32 = 0x0010_1820;
/// Ann's camera, Ann's screen, Bob's camera.
const ANN: usize = 0;
const SCREEN: usize = 1;
const BOB: usize = 2;

/// Of a test picture that fills the frame: between its code and its text there is nothing but its colour.
const BAND: Rect = rect(500, 388, 400, 28);

const fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
    Rect { x, y, width, height }
}

/// The whole test picture of `number` stands there.
fn shows(picture: &Picture<'_>, rect: Rect, number: usize) -> bool {
    pattern::read(picture, tile(rect))
        .is_some_and(|seen| seen.colour == Some(Colour::of(number)) && seen.counter.is_some())
}

/// The plain colour of `number` stands there.
fn has_colour(picture: &Picture<'_>, rect: Rect, number: usize) -> bool {
    Colour::classify(mean(picture, rect)) == Some(Colour::of(number))
}

fn custom() -> Value {
    // Ann at the left, filling her half; above her Bob, with a border; an absent one at the right; Ann's screen under all.
    json!({"layout": "custom", "tiles": [
        {"participant": "bob", "x": 0.1, "y": 0.1, "width": 0.25, "height": 0.25, "z": 2,
         "border": {"width": 0.0111, "color": "#ffffff"}, "radius": 0.05},
        {"participant": "ann", "x": 0, "y": 0, "width": 0.5, "height": 1, "z": 1, "fit": "cover"},
        {"participant": "ann", "stream": "screen", "x": 0.25, "y": 0, "width": 0.5, "height": 0.5},
        {"participant": "zoe", "x": 0.75, "y": 0.5, "width": 0.25, "height": 0.25}
    ]})
}

/// Whether a frame is what a step of the test asked for.
type Look = fn(&Picture<'_>) -> bool;

fn screen_is_on(picture: &Picture<'_>) -> bool {
    let camera = corner_inset(Corner::BottomRight, Fraction::percent(25), SIZE.0, SIZE.1);
    shows(picture, camera, ANN) && has_colour(picture, BAND, SCREEN)
}

fn inset_is_on(picture: &Picture<'_>) -> bool {
    let inset = corner_inset(Corner::TopLeft, Fraction::percent(30), SIZE.0, SIZE.1);
    shows(picture, inset, ANN) && has_colour(picture, BAND, BOB)
}

fn named_is_on(picture: &Picture<'_>) -> bool {
    let inset = corner_inset(Corner::TopRight, Fraction::percent(40), SIZE.0, SIZE.1);
    shows(picture, inset, BOB) && has_colour(picture, BAND, ANN)
}

fn halves_are_on(picture: &Picture<'_>) -> bool {
    let [left, right] = halves(SIZE.0, SIZE.1);
    let foot = |half: Rect| rect(half.x + 20, 668, half.width - 40, 16);
    has_colour(picture, foot(left), BOB) && has_colour(picture, foot(right), ANN)
        // Not shown whole: then the foot would be the ground, and not stretched: then it could be read.
        && !shows(picture, left, BOB)
        && is_colour(picture, rect(638, 100, 4, 500), GROUND)
}

fn custom_is_on(picture: &Picture<'_>) -> bool {
    // A quarter of the frame, 128 and 72 pixels from the corner, its border of 8 pixels around the picture.
    let bob = rect(128, 72, 320, 180).shrunk(8).fit(320, 180);
    let outer = bob.grown(8);
    let absent = rect(960, 360, 320, 180);
    shows(picture, bob, BOB)
        // The border; beside its round corner Ann's picture is seen, nothing of it is white.
        && is_colour(picture, rect(outer.x + 2, outer.y + 60, 4, 60), 0x00ff_ffff)
        && !is_colour(picture, rect(outer.x, outer.y, 4, 4), 0x00ff_ffff)
        // Ann covers the left half of her own screen, which is seen right of her.
        && has_colour(picture, rect(20, 668, 600, 16), ANN)
        && has_colour(picture, rect(790, 225, 120, 95), SCREEN)
        // The absent one by name; nobody below.
        && card(picture, absent, field_colour("zoe")).is_some_and(|letters| letters > 60)
        && is_colour(picture, rect(700, 600, 560, 100), GROUND)
}

#[test]
fn every_layout_is_on_the_air_from_its_first_frame() {
    let _turn = one_at_a_time();
    // One by a name of the configuration's.
    let named = r#"{layout = "pip", corner = "top_right", size = 0.4}"#;
    let stage = Stage::set(&[("LAYOUTS__LARGE", named)]);
    let mut screen = stage.options(SCREEN, "ann");
    screen.whip.push_str("&stream=screen");
    let publishers =
        [stage.options(ANN, "ann"), screen, stage.options(BOB, "bob")].map(|options| stage.join(options));
    stage.seen("ann");
    stage.seen("bob");
    let take = stage.start(json!({"layout": "screen", "participant": "ann"}), SIZE.0, SIZE.1);
    let pause = || std::thread::sleep(Duration::from_millis(1200));
    pause();
    let steps: [(Value, Look); 5] = [
        (
            json!({"layout": "pip", "focus": "bob", "inset": "ann", "corner": "top_left", "size": 0.3}),
            inset_is_on,
        ),
        (json!({"layout": "side_by_side", "participants": ["bob", "ann"]}), halves_are_on),
        (custom(), custom_is_on),
        (json!({"layout": "large", "participants": ["ann", "bob"]}), named_is_on),
        (json!({"layout": "screen", "participant": "ann"}), screen_is_on),
    ];
    let mut cuts: Vec<(Cut, Look)> = Vec::new();
    for (source, look) in steps {
        let cut = stage.switch(json!({"source": source}));
        cuts.push((cut, look));
        pause();
    }
    let (cast, film) = stage.cut(take, "layouts");
    assert_eq!(cast["source_state"], "live", "{cast}");
    film.cadence_is_unbroken(FRAME);
    // Times of the file and of the program differ by what the file begins with: the first switch is where the look changes.
    let mut looks: Vec<Look> = vec![screen_is_on];
    looks.extend(cuts.iter().map(|(_, look)| *look));
    let (mut at, mut begins, mut frames) = (0, Vec::new(), vec![0; looks.len()]);
    let mut cards_late = 0;
    film.each(|time, picture| {
        if looks[at](picture) {
            frames[at] += 1;
        } else if looks.get(at + 1).is_some_and(|next| next(picture)) {
            at += 1;
            begins.push(time / 1_000_000);
            frames[at] += 1;
        } else {
            // A name is drawn within a few frames; before the first pictures the start shows names.
            cards_late += 1;
            assert!(
                cards_late < 60,
                "{cards_late} frames are no layout, the last at {} ms, after {at}",
                time / 1_000_000
            );
        }
    });
    assert_eq!(at, looks.len() - 1, "not every layout was seen: {frames:?}");
    assert!(frames.iter().all(|frames| *frames >= 25), "{frames:?}");
    // Distances between switches are those that were answered, but for the few frames until a name is drawn.
    for (seen, told) in begins.windows(2).zip(cuts.windows(2)) {
        let (seen, told) = (seen[1] - seen[0], told[1].0.pts_ms - told[0].0.pts_ms);
        assert!(seen.abs_diff(told) <= 400, "{seen} ms between switches, {told} were answered");
    }
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
}
