//! A media file on a real program, by what is seen and heard: a switch to it, all of it, and back to whom it came from; one that
//! fades in, one that is looped, one that stands still.

use crate::{
    counting_clip::{self, FPS, counting_clip},
    film::mean,
    server::{figure, one_at_a_time, wait_for},
    stage::{ROOM, Stage},
};
use meetingcast::{layout::Rect, publisher::palette::Colour};
use serde_json::{Value, json};
use std::time::Duration;

const FRAME: Duration = Duration::from_nanos(33_333_333);
/// Of a test picture that fills 640x360: between its code and its text there is nothing but its colour.
const BAND: Rect = Rect { x: 250, y: 194, width: 200, height: 14 };
const H264: &str = "-c:v libx264 -preset veryfast -g 45 -bf 2 -crf 18 -c:a aac -b:a 128k";

/// What a frame shows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Frame {
    /// The clip's picture of this number, and whether it flashes.
    Clip(u64, bool),
    /// A participant.
    Person(Colour),
    Other,
}

fn cast(stage: &Stage) -> Value {
    stage.server.call("GET", &format!("/v1/conferences/{ROOM}/cast"), None).body
}

fn control(stage: &Stage, body: Value) -> Value {
    stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/file"), Some(body))
}

#[test]
fn a_file_is_shown_whole_and_the_program_goes_back_to_whom_it_came_from() {
    let _turn = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    counting_clip(&folder.path().join("clip.mp4"), 4, H264);
    std::fs::write(folder.path().join("broken.mp4"), "no film").unwrap();
    // No part of the card is as dark or bright as the clip.
    let settings = [("MEDIA__DIR", folder.path().to_str().unwrap()), ("PROGRAM__BACKGROUND", "#707070")];
    let stage = Stage::set(&settings);
    let list = stage.server.ok("GET", "/v1/media", None);
    assert_eq!(list["files"][1]["file"], "clip.mp4", "{list}");
    let publisher = stage.join(stage.options(0, "p0"));
    stage.seen("p0");
    let take = stage.start(json!({"participant": "p0"}), 640, 360);
    let pause = |ms| std::thread::sleep(Duration::from_millis(ms));
    pause(1500);
    for (name, status, code) in [
        ("broken.mp4", 422, "file_unsupported"),
        ("none.mp4", 404, "file_not_found"),
        ("../x", 400, "invalid_request"),
    ] {
        let path = format!("/v1/conferences/{ROOM}/cast/switch");
        let refused = stage.server.call("POST", &path, Some(json!({"source": {"file": name}})));
        assert_eq!((refused.status, &refused.body["code"]), (status, &json!(code)), "{}", refused.body);
    }
    let shown = stage.switch(json!({"source": {"file": "clip.mp4"}}));
    figure(&format!("a switch to a file takes {} ms", shown.took_ms));
    let back = || (cast(&stage)["source"]["participant"] == "p0").then_some(());
    assert!(back().is_none() && cast(&stage)["file"]["paused"] == false, "{}", cast(&stage));
    wait_for("the file's end", Duration::from_secs(10), back);
    assert_eq!(cast(&stage)["file"], Value::Null);
    pause(500);
    // Once more, faded in, and stopped in its middle.
    let fade = json!({"type": "fade", "duration_ms": 500});
    stage.switch(json!({"source": {"file": "clip.mp4", "from_ms": 1000}, "transition": fade}));
    pause(1200);
    let paused = control(&stage, json!({"action": "pause"}));
    assert_eq!(paused["file"]["paused"], true, "{paused}");
    pause(1500);
    let sought = control(&stage, json!({"action": "seek", "to_ms": 3000}));
    let position = sought["file"]["position_ms"].as_u64().unwrap();
    assert!(position.abs_diff(3000) <= 34, "{sought}");
    control(&stage, json!({"action": "play"}));
    wait_for("the file's end", Duration::from_secs(10), back);
    pause(500);
    // The same clip as the slate: asked for while nobody sees it, then seen, then the card again.
    let overlay = format!("/v1/conferences/{ROOM}/cast/overlay");
    for (name, status, code) in [("broken.mp4", 422, "file_unsupported"), ("none.mp4", 404, "file_not_found")]
    {
        let refused = stage.server.call("PATCH", &overlay, Some(json!({"slate": {"file": name}})));
        assert_eq!((refused.status, &refused.body["code"]), (status, &json!(code)), "{}", refused.body);
        assert_eq!(refused.body["field"], "slate.file", "{}", refused.body);
    }
    let set = stage.server.ok("PATCH", &overlay, Some(json!({"slate": {"file": "clip.mp4"}})));
    assert!(set["program_pts_ms"].is_u64(), "{set}");
    let slate = stage.switch(json!({"source": {"slate": true}})).pts_ms;
    pause(2000);
    let card = stage.server.ok("PATCH", &overlay, Some(json!({"slate": null})));
    let card = card["program_pts_ms"].as_u64().unwrap_or_else(|| panic!("{card}"));
    pause(400);
    stage.switch(json!({"source": {"participant": "p0"}}));
    pause(400);
    let (cast, film) = stage.cut(take, "media_file");
    stage.leave(publisher);
    assert_eq!(cast["program"]["dropped"], 0, "{cast}");
    film.cadence_is_unbroken(FRAME);

    let mut frames = Vec::new();
    film.each(|time, picture| {
        let rect = |x: u32, y: u32, width: u32, height: u32| {
            let twice = Rect { x: 2 * x, y: 2 * y, width: 2 * width, height: 2 * height };
            f64::from(mean(picture, twice)[0])
        };
        let colour = mean(picture, BAND);
        let grey = (colour[1] - 128.0).abs() < 12.0 && (colour[2] - 128.0).abs() < 12.0;
        let clip = counting_clip::read(rect).filter(|_| grey);
        let seen = match (clip, Colour::classify(colour)) {
            (Some((number, flash)), _) => Frame::Clip(number, flash),
            (None, Some(colour)) => Frame::Person(colour),
            (None, None) => Frame::Other,
        };
        frames.push((time, seen));
    });
    let number = |frame: &(u64, Frame)| match frame.1 {
        Frame::Clip(number, _) => Some(number),
        _ => None,
    };
    let person = Frame::Person(Colour::of(0));

    // As the slate: from its beginning, without its sound. Then the card, and the participant again.
    let first = frames.iter().position(|frame| number(frame).is_some()).expect("the clip");
    let [slate, card] =
        [slate, card].map(|pts| first + ((pts - shown.pts_ms) as f64 * 0.03).round() as usize);
    assert_eq!(frames[slate - 1].1, person, "before the slate");
    let stood = frames[slate..card].iter().take_while(|frame| number(frame) == Some(0)).count();
    let whole: Vec<Option<u64>> = frames[slate + stood..card].iter().map(number).collect();
    assert!(stood >= 1 && whole.len() > 30, "{stood}, {}", whole.len());
    assert_eq!(whole, (1..=whole.len() as u64).map(Some).collect::<Vec<_>>(), "the slate's clip");
    assert!((0..8).all(|n| frames[card + n].1 == Frame::Other), "the card");
    assert_eq!(frames.last().unwrap().1, person, "and back");
    let silent = film.tones(frames[slate].0 / 1_000_000 + 50, frames[card].0 / 1_000_000 - 50);
    assert!(silent.iter().all(|tone| *tone < 0.005), "{silent:?}");
    figure(&format!(
        "a clip as slate: its first picture stands for {stood} frames, then {} in order",
        whole.len()
    ));
    frames.truncate(slate);

    // The first time: every picture, one after the other, and the participant on both sides.
    assert_eq!(frames[first - 1].1, person, "before it");
    let whole: Vec<Option<u64>> = frames[first..first + 120].iter().map(number).collect();
    assert_eq!(whole, (0..120).map(Some).collect::<Vec<_>>());
    assert_eq!(frames[first + 120].1, person, "at once after it");

    // Its sound: beeps with the flashes, and silence of the participant.
    let (begin, end) = (frames[first].0 / 1_000_000, frames[first + 120].0 / 1_000_000);
    let tones = film.tones(begin + 100, end - 100);
    assert!(tones[0] < 0.005, "who is not on the picture is not heard: {tones:?}");
    let after = film.tones(end + 50, end + 400);
    assert!(after[0] > 0.01, "who is on again is heard: {after:?}");

    // The second time: faded in while it moves, then it stands still, goes elsewhere, and to its end.
    let again = first
        + 121
        + frames[first + 121..].iter().position(|frame| number(frame).is_some()).expect("the clip again");
    let last = frames.iter().rposition(|frame| number(frame).is_some()).unwrap();
    let mut runs: Vec<(u64, usize)> = Vec::new();
    for seen in frames[again..=last].iter().map(number) {
        let seen = seen.expect("the clip");
        match runs.last_mut() {
            Some((known, count)) if *known == seen => *count += 1,
            _ => runs.push((seen, 1)),
        }
    }
    // Its first pictures are under the fade.
    assert!((31..=30 + 15).contains(&runs[0].0), "{runs:?}");
    let jumps: Vec<u64> =
        runs.windows(2).filter(|pair| pair[1].0 != pair[0].0 + 1).map(|pair| pair[1].0).collect();
    assert_eq!(jumps, [3 * FPS], "{runs:?}");
    let longest = runs.iter().map(|(_, count)| *count).max().unwrap();
    assert!(longest >= 40, "it stood still: {runs:?}");
    assert_eq!((runs.last().unwrap().0, frames[last + 1].1), (119, person), "{runs:?}");
    figure(&format!("a file of 120 pictures: all of them, in order; paused for {longest} frames"));
}
