//! A program that follows the active speaker, by what is seen and heard.

use crate::{
    film::{Film, mean},
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
    let follow = json!({"follow": "active_speaker", "hold_ms": 1000});
    let take = stage.start(follow.clone(), 640, 360);
    std::thread::sleep(Duration::from_secs(18));
    let cast = stage.server.call("GET", &format!("/v1/conferences/{ROOM}/cast"), None).body;
    assert_eq!(cast["source"], follow);
    assert!(cast["speaker"].as_str().is_some_and(|who| who.starts_with('p')), "{cast}");
    let (cast, film) = stage.cut(take, "follow");
    assert_eq!(cast["program"]["dropped"], 0, "{cast}");
    film.cadence_is_unbroken(FRAME);
    // A change by sound shows within a second: what makes somebody a speaker takes 0.3 s.
    judge(&film, 1000);

    // Where pictures pass through it waits for a keyframe besides, which is asked for.
    let take = stage.start_with(json!({"source": follow, "encoding": {"mode": "passthrough"}}));
    std::thread::sleep(Duration::from_secs(14));
    let (_, film) = stage.cut(take, "follow-passthrough");
    judge(&film, 1500);
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
}

/// Whoever begins to speak is seen at most so long after, and nobody else ever is.
fn judge(film: &Film, most_ms: i64) {
    let mut seen: Vec<(u64, usize)> = Vec::new();
    let mut end = 0;
    film.each(|time, picture| {
        end = time / 1_000_000;
        // Pictures that pass through are as large as they were sent.
        let of_360 = |part: u32| part * picture.size.height as u32 / 360;
        let band = Rect {
            x: of_360(BAND.x),
            y: of_360(BAND.y),
            width: of_360(BAND.width),
            height: of_360(BAND.height),
        };
        if let Some(colour) = Colour::classify(mean(picture, band))
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
    assert!(late.iter().all(|ms| (0..=most_ms).contains(ms)), "{late:?}");
    // Nobody else came on.
    assert!(seen.len() <= heard.len() + 1, "{seen:?} {heard:?}");
}
