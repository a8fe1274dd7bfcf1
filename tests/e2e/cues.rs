//! A run-down by what is seen: ten cues, each at its frame, one that fails in the middle, one taken by hand.

use crate::{
    film::mean,
    server::{figure, one_at_a_time},
    stage::{ROOM, Stage},
};
use meetingcast::{layout::Rect, publisher::palette::Colour};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const FRAME: Duration = Duration::from_nanos(33_333_333);
/// Of a test picture that fills 640x360: between its code and its text there is nothing but its colour.
const BAND: Rect = Rect { x: 250, y: 194, width: 200, height: 14 };
/// No multiple of a frame's time.
const APART_MS: u64 = 310;
/// All cues are taken by themselves within two seconds and a half.
const LIMIT: Duration = Duration::from_secs(30);

/// The number of the program's frame with this time, and of the first frame that is not before it.
fn frame_at(pts_ms: u64) -> u64 {
    (pts_ms as f64 * 30.0 / 1000.0).round() as u64
}

fn frame_from(ms: f64) -> u64 {
    (ms * 30.0 / 1000.0).ceil() as u64
}

fn cues(stage: &Stage) -> Value {
    stage.server.ok("GET", &format!("/v1/conferences/{ROOM}/cast/cues"), None)
}

#[test]
fn ten_cues_are_run_to_the_frame() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let publishers = [0, 1, 2].map(|number| stage.join(stage.options(number, &format!("p{number}"))));
    for who in ["p0", "p1", "p2"] {
        stage.seen(who);
    }
    let take = stage.start(json!({"participant": "p0"}), 640, 360);
    std::thread::sleep(Duration::from_millis(1500));
    // Where the program is: a switch to what is on it already.
    let begin = stage.switch(json!({"participant": "p0"})).pts_ms + 2510;
    let list = [
        ("p1", json!({"at_pts_ms": begin})),
        ("p2", json!({"after_ms": APART_MS})),
        ("p0", json!({"at_pts_ms": begin + 700})),
        ("p1", json!({"after_ms": APART_MS})),
        ("nobody", json!({"after_ms": APART_MS})),
        ("p2", json!({"after_ms": APART_MS})),
        ("p0", json!({"after_ms": APART_MS})),
        ("p1", json!({"at_pts_ms": begin + 2470})),
        ("p2", json!({"after_ms": APART_MS})),
        ("p0", json!({})),
    ];
    let cue = |(n, (who, when)): (usize, &(&str, Value))| {
        let mut cue =
            json!({"id": format!("cue-{}", n + 1), "name": format!("the {n}th"), "participant": who});
        cue.as_object_mut().unwrap().extend(when.as_object().unwrap().clone());
        cue
    };
    let body = json!({"cues": list.iter().enumerate().map(cue).collect::<Vec<_>>()});
    let put = stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/cues"), Some(body));
    assert_eq!((&put["next"], &put["cues"][0]["planned_pts_ms"]), (&json!("cue-1"), &json!(begin)), "{put}");
    let asked = Instant::now();
    let mut run = cues(&stage);
    while run["cues"][8]["state"] != "on" {
        assert!(asked.elapsed() < LIMIT, "{run}");
        std::thread::sleep(Duration::from_millis(50));
        run = cues(&stage);
    }
    assert_eq!((&run["on"], &run["next"]), (&json!("cue-9"), &json!("cue-10")), "{run}");
    // By hand: something else first, which changes nothing in the list.
    let by_hand = stage.switch(json!({"participant": "p1"})).pts_ms;
    std::thread::sleep(Duration::from_millis(500));
    let last = stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/cues/next"), None);
    let last = last["program_pts_ms"].as_u64().unwrap();
    let path = format!("/v1/conferences/{ROOM}/cast/cues/next");
    let none = stage.server.call("POST", &path, None);
    assert_eq!(none.body["code"], "no_next_cue", "{}", none.body);
    std::thread::sleep(Duration::from_millis(500));
    let (cast, film) = stage.cut(take, "cues");
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
    assert_eq!(cast["program"]["dropped"], 0, "{cast}");
    film.cadence_is_unbroken(FRAME);

    // What was told: each at the first frame that is not before its time.
    let pts = |n: usize| run["cues"][n]["program_pts_ms"].as_u64().unwrap_or_else(|| panic!("{n}: {run}"));
    let at = |n: usize| frame_at(pts(n));
    let apart = APART_MS as f64;
    // The time of a frame is exact, its milliseconds are rounded down.
    let after = |n: usize| frame_from(at(n) as f64 * 1000.0 / 30.0 + apart);
    let expected = [
        (0, frame_from(begin as f64)),
        (1, after(0)),
        (2, frame_from((begin + 700) as f64)),
        (3, after(2)),
        // After the time of the one that failed.
        (5, frame_from(at(3) as f64 * 1000.0 / 30.0 + 2.0 * apart)),
        (6, after(5)),
        (7, frame_from((begin + 2470) as f64)),
        (8, after(7)),
    ];
    for (n, frame) in expected {
        assert_eq!(at(n), frame, "the {n}th: {run}");
        assert!(run["cues"][n]["error"].is_null(), "{run}");
    }
    let failed = &run["cues"][4];
    assert_eq!(
        (&failed["state"], &failed["error"]["code"]),
        (&json!("failed"), &json!("participant_not_found"))
    );

    // What was seen.
    let mut seen: Vec<(u64, Colour)> = Vec::new();
    film.each(|time, picture| {
        if let Some(colour) = Colour::classify(mean(picture, BAND))
            && seen.last().is_none_or(|(_, last)| *last != colour)
        {
            seen.push((time, colour));
        }
    });
    let shown: Vec<_> = [0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 0].into_iter().map(Colour::of).collect();
    let colours: Vec<_> = seen.iter().map(|(_, colour)| *colour).collect();
    assert_eq!(colours, shown, "{seen:?}");
    let mut promised: Vec<u64> = expected.iter().map(|(_, frame)| *frame).collect();
    promised.extend([by_hand, last].map(frame_at));
    let first = seen[1].0;
    let frames: Vec<u64> =
        seen[1..].iter().map(|(time, _)| frame_at((time - first) / 1_000_000) + promised[0]).collect();
    figure(&format!("ten cues: frames {frames:?} by what is seen, {promised:?} by what was asked for"));
    assert_eq!(frames, promised);
}
