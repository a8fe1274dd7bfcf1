//! The chosen participant's media stalls: his last frame for a second, then the slate; he returns by himself.

use crate::{
    film::{card, tile},
    server::{figure, load, one_at_a_time, publish, wait_for},
    stage::{ROOM, Stage},
};
use meetingcast::{
    layout::Rect,
    publisher::{palette::Colour, pattern},
};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;

const SIZE: (u32, u32) = (640, 360);
const FRAME: Duration = Duration::from_nanos(33_333_333);
const GROUND: u32 = 0x0010_1820;

/// What a frame shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    Frame(u32),
    Slate,
    /// Neither.
    Other,
}

#[test]
fn a_stalled_participant_is_held_then_replaced_by_the_slate_and_returns() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let colour = Colour::of(3);
    let arguments = [
        "--pattern",
        colour.name(),
        "--fps",
        "30",
        "--width",
        "320",
        "--height",
        "180",
        "--video-kbps",
        "300",
    ];
    let ann = publish(&stage.server.whip(ROOM, "ann"), &arguments);
    stage.seen("ann");
    let take = stage.start(json!({"participant": "ann"}), SIZE.0, SIZE.1);
    let until = |state: &str| {
        wait_for(&format!("source_state {state}"), Duration::from_secs(10), || {
            (stage.server.cast(ROOM)["source_state"] == state).then_some(())
        });
    };
    until("live");
    std::thread::sleep(Duration::from_millis(1500));
    ann.signal(Signal::STOP);
    until("stalled");
    // Long enough for the slate to be seen, shorter than the publisher's own patience and than
    // webrtc.inactivity_timeout_s.
    std::thread::sleep(Duration::from_millis(1500));
    ann.signal(Signal::CONT);
    until("live");
    std::thread::sleep(Duration::from_millis(1500));
    let (cast, film) = stage.cut(take, "stall");
    figure(&format!("stall: program {}", cast["program"]));

    film.cadence_is_unbroken(FRAME);
    let full = Rect::full(SIZE.0, SIZE.1);
    let mut sights: Vec<(u64, Sight)> = Vec::new();
    film.each(|time, picture| {
        let reading = pattern::read(picture, tile(full)).unwrap();
        let sight = match (reading.colour, reading.counter) {
            (Some(seen), Some(counter)) if seen == colour => Sight::Frame(counter),
            // The room's name stands on it.
            _ if card(picture, full, GROUND).is_some_and(|bright| bright > 50) => Sight::Slate,
            _ => Sight::Other,
        };
        sights.push((time / 1_000_000, sight));
    });
    let others: Vec<_> = sights.iter().filter(|(_, sight)| *sight == Sight::Other).collect();
    assert!(others.is_empty(), "neither picture nor slate: {others:?}");
    let slate_at = sights.iter().position(|(_, sight)| *sight == Sight::Slate).expect("a slate");
    let back_at =
        slate_at + sights[slate_at..].iter().position(|(_, s)| *s != Sight::Slate).expect("a return");
    let (_, last) = sights[slate_at - 1];
    let held = sights[..slate_at].iter().rev().take_while(|(_, sight)| *sight == last).count();
    let held_ms = held as u64 * 1000 / 30;
    figure(&format!("stall: held for {held_ms} ms, slate for {} ms", sights[back_at].0 - sights[slate_at].0));
    // Its age counts from its own time, and it may have been taken half a frame early.
    assert!((950..=1050).contains(&held_ms), "held for {held_ms} ms ({})", load());
    assert!(sights[back_at].0 - sights[slate_at].0 >= 1000);
    let again = sights[back_at..].iter().filter(|(_, sight)| *sight == Sight::Slate).count();
    assert_eq!(again, 0, "the slate came back");
    // It moves again: thirty frames a second since.
    let (Sight::Frame(first), Sight::Frame(end)) = (sights[back_at].1, sights[sights.len() - 1].1) else {
        panic!("{:?}", sights.last())
    };
    assert!(end > first + 20, "from frame {first} to {end}");
    // And is heard again.
    let tones = film.tones(sights[back_at].0 + 500, sights[sights.len() - 1].0);
    assert!((tones[3] - 0.1).abs() < 0.02, "{tones:?}");
}
