//! Switches that were asked for ahead of their time, by what is seen: each at its frame.

use crate::{
    film::mean,
    server::one_at_a_time,
    stage::{ROOM, Stage},
};
use jiff::{SignedDuration, Timestamp};
use meetingcast::{layout::Rect, publisher::palette::Colour};
use serde_json::json;
use std::time::Duration;

const FRAME: Duration = Duration::from_nanos(33_333_333);
/// Of a test picture that fills 640x360: between its code and its text there is nothing but its colour.
const BAND: Rect = Rect { x: 250, y: 194, width: 200, height: 14 };
/// As many as may wait.
const SWITCHES: u64 = 8;
/// No multiple of a frame's time.
const APART_MS: u64 = 310;

#[test]
fn a_row_of_switches_is_run_to_the_frame() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let publishers = [0, 1].map(|number| stage.join(stage.options(number, &format!("p{number}"))));
    stage.seen("p0");
    stage.seen("p1");
    let take = stage.start(json!({"participant": "p0"}), 640, 360);
    std::thread::sleep(Duration::from_millis(1500));
    // Where the program is: a switch to what is on it already.
    let now = stage.switch(json!({"participant": "p0"})).pts_ms;
    let times: Vec<u64> = (0..SWITCHES).map(|n| now + 2500 + n * APART_MS).collect();
    // All are asked for at once, in any order.
    let told: Vec<u64> = std::thread::scope(|scope| {
        let ask = |(n, at): (usize, &u64)| {
            let body = json!({"participant": format!("p{}", (n + 1) % 2), "at_pts_ms": at});
            let stage = &stage;
            scope.spawn(move || stage.switch(body).pts_ms)
        };
        let waiting: Vec<_> = times.iter().enumerate().map(ask).collect();
        waiting.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (at, told) in times.iter().zip(&told) {
        assert!((*at..at + 34).contains(told), "asked for {at} ms, on the program at {told} ms: {told:?}");
    }
    // By the clock, and one by hand before it, when the worker has been told of it already.
    let wall = Timestamp::now() + SignedDuration::from_secs(1);
    let body = json!({"participant": "p0", "at": wall.to_string()});
    let (by_hand, last) = std::thread::scope(|scope| {
        let timed = scope.spawn(|| stage.switch(body).pts_ms);
        std::thread::sleep(Duration::from_millis(300));
        (stage.switch(json!({"participant": "p1"})).pts_ms, timed.join().unwrap())
    });
    assert!(by_hand < last, "by hand at {by_hand} ms, by the clock at {last} ms");
    assert!(Timestamp::now() >= wall, "answered before it happened");
    for (body, field) in [
        (json!({"participant": "p1", "at_pts_ms": now}), "at_pts_ms"),
        (json!({"participant": "p0", "at_pts_ms": now + 600_000}), "at_pts_ms"),
        (json!({"participant": "p0", "at": "tomorrow"}), "at"),
    ] {
        let reply = stage.server.call("POST", &format!("/v1/conferences/{ROOM}/cast/switch"), Some(body));
        assert_eq!((&reply.body["code"], &reply.body["field"]), (&json!("invalid_request"), &json!(field)));
    }
    std::thread::sleep(Duration::from_millis(500));
    let (cast, film) = stage.cut(take, "timed");
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
    assert_eq!(cast["program"]["dropped"], 0, "{cast}");
    film.cadence_is_unbroken(FRAME);
    let mut seen: Vec<(u64, Colour)> = Vec::new();
    film.each(|time, picture| {
        if let Some(colour) = Colour::classify(mean(picture, BAND))
            && seen.last().is_none_or(|(_, last)| *last != colour)
        {
            seen.push((time, colour));
        }
    });
    // What the file begins with, then each of them.
    assert_eq!(seen.len() as u64, SWITCHES + 3, "{seen:?}");
    let frames = |from: u64, to: u64| (to - from) as f64 * 30.0 / 1000.0;
    let promised = told.iter().chain([&by_hand, &last]).collect::<Vec<_>>();
    for (seen, told) in seen[1..].windows(2).zip(promised.windows(2)) {
        let seen = frames(seen[0].0 / 1_000_000, seen[1].0 / 1_000_000);
        assert!((seen - frames(*told[0], *told[1])).abs() < 0.1, "{seen} frames, {told:?}");
    }
}
