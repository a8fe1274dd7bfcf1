//! A program that follows the active speaker, by what is seen and heard.

use crate::{
    film::mean,
    server::one_at_a_time,
    stage::{ROOM, Stage},
};
use meetingcast::{layout::Rect, publisher::palette::Colour};
use serde_json::json;
use std::time::Duration;

const FRAME: Duration = Duration::from_nanos(33_333_333);
/// Of a test picture that fills 640x360: between its code and its text there is nothing but its colour.
const BAND: Rect = Rect { x: 250, y: 194, width: 200, height: 14 };
/// A sound is looked at in steps of, milliseconds.
const STEP_MS: u64 = 150;
/// A tone that is heard is louder than this.
const HEARD: f32 = 0.02;

fn monotonic_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[test]
fn the_picture_goes_to_who_speaks() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let epoch = monotonic_ns();
    // One after the other, four seconds each.
    let publishers = [0, 1, 2].map(|number: usize| {
        let mut options = stage.options(number, &format!("p{number}"));
        let talk = format!("{}-{}/12", 4 * number, 4 * number + 4).parse().unwrap();
        options.tone = options.tone.talking(Some(talk));
        options.epoch_ns = Some(epoch);
        stage.join(options)
    });
    (0..3).for_each(|number| stage.seen(&format!("p{number}")));
    let take = stage.start(json!({"follow": "active_speaker", "hold_ms": 1000}), 640, 360);
    std::thread::sleep(Duration::from_secs(18));
    let cast = stage.server.call("GET", &format!("/v1/conferences/{ROOM}/cast"), None).body;
    assert_eq!(cast["source"], json!({"follow": "active_speaker", "hold_ms": 1000}));
    assert!(cast["speaker"].as_str().is_some_and(|who| who.starts_with('p')), "{cast}");
    let (cast, film) = stage.cut(take, "follow");
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
    assert_eq!(cast["program"]["dropped"], 0, "{cast}");
    film.cadence_is_unbroken(FRAME);

    let mut seen: Vec<(u64, usize)> = Vec::new();
    let mut end = 0;
    film.each(|time, picture| {
        end = time / 1_000_000;
        if let Some(colour) = Colour::classify(mean(picture, BAND))
            && seen.last().is_none_or(|(_, last)| *last != colour.index())
        {
            seen.push((end, colour.index()));
        }
    });
    let mut heard: Vec<(u64, usize)> = Vec::new();
    for from in (0..end - 200).step_by(STEP_MS as usize) {
        let tones = film.tones(from, from + STEP_MS);
        let who = (0..3).max_by(|a, b| tones[*a].total_cmp(&tones[*b])).unwrap();
        if tones[who] > HEARD && heard.last().is_none_or(|(_, last)| *last != who) {
            heard.push((from, who));
        }
    }
    println!("heard {heard:?}\nseen {seen:?}");
    assert!(heard.len() >= 4, "{heard:?}");
    // The first may have been on when it began.
    let mut late = Vec::new();
    for (at, who) in &heard[1..] {
        let on = seen.iter().find(|(from, seen)| seen == who && from + 200 >= *at);
        // Whoever spoke last was cut off before they came on.
        let Some((from, _)) = on else {
            assert!(at + 1500 > end, "p{who} spoke at {at} ms and never came on: {seen:?}");
            continue;
        };
        late.push(*from as i64 - *at as i64);
    }
    println!("on the program so long after the first sound, ms: {late:?}");
    assert!(late.iter().all(|ms| (0..=1000).contains(ms)), "{late:?}");
    // Nobody else came on.
    assert!(seen.len() <= heard.len() + 1, "{seen:?} {heard:?}");
}
