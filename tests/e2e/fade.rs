//! Fades by what is seen and heard: how much of whom is in each frame, and how loud each is at the same time.

use crate::{
    film::mean,
    server::{figure, one_at_a_time},
    stage::Stage,
};
use meetingcast::{layout::Rect, publisher::palette::Colour};
use serde_json::{Value, json};
use std::{f32::consts::FRAC_PI_2, time::Duration};

const FRAME: Duration = Duration::from_nanos(33_333_333);
const FPS: f32 = 30.0;
/// Of a test picture that fills 640x360: between its code and its text there is nothing but its colour.
const BAND: Rect = Rect { x: 250, y: 194, width: 200, height: 14 };
const FROM: usize = 0;
const TO: usize = 1;

/// How much of [`TO`] is in a mixture of both, by its place on the line between their colours, and how far from that line
/// it is, in steps of a sample.
fn share(seen: [f32; 3]) -> (f32, f32) {
    let [from, to] = [FROM, TO].map(|number| Colour::of(number).yuv().map(f32::from));
    let way: [f32; 3] = std::array::from_fn(|n| to[n] - from[n]);
    let along = |v: [f32; 3]| (0..3).map(|n| (v[n] - from[n]) * way[n]).sum::<f32>();
    let part = along(seen) / along(to);
    let off = (0..3).map(|n| (seen[n] - from[n] - part * way[n]).abs()).fold(0.0, f32::max);
    (part, off)
}

/// The switch to `number` that fades; its first frame's time on the program.
fn fade(stage: &Stage, number: usize, ms: u64) -> u64 {
    let body =
        json!({"participant": format!("p{number}"), "transition": {"type": "fade", "duration_ms": ms}});
    stage.switch(body).pts_ms
}

#[test]
fn picture_and_sound_come_over_each_other_and_a_switch_goes_on_from_there() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let publishers = [FROM, TO].map(|number| stage.join(stage.options(number, &format!("p{number}"))));
    stage.seen("p0");
    stage.seen("p1");
    let take = stage.start(json!({"participant": "p0"}), 640, 360);
    let pause = |ms| std::thread::sleep(Duration::from_millis(ms));
    pause(1500);
    let mut told = vec![(fade(&stage, TO, 500), 500)];
    pause(1500);
    // A long one, and in its middle a switch back.
    told.push((fade(&stage, FROM, 2000), 2000));
    pause(900);
    told.push((fade(&stage, TO, 500), 500));
    pause(1500);
    // A cut in the middle of a fade.
    told.push((fade(&stage, FROM, 2000), 2000));
    pause(900);
    let cut = stage.switch(json!({"participant": "p1"})).pts_ms;
    pause(1000);
    refuses(&stage);
    let (cast, film) = stage.cut(take, "fade");
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
    assert_eq!(cast["program"]["dropped"], 0, "{cast}");
    film.cadence_is_unbroken(FRAME);

    let mut shares = Vec::new();
    film.each(|time, picture| {
        let (part, off) = share(mean(picture, BAND));
        // The start shows cards until the first picture is there.
        if !shares.is_empty() || (part.abs() < 0.05 && off < 8.0) {
            shares.push((time, part));
            assert!(off < 8.0, "at {} ms something else: {off}", time / 1_000_000);
        }
    });
    // The file begins elsewhere than the program: the first fade's first step gives the difference.
    let first = shares.iter().position(|(_, part)| *part > 0.03).expect("a fade");
    let at = |pts_ms: u64| {
        let frames = ((pts_ms - told[0].0) as f32 * FPS / 1000.0).round() as usize;
        first + frames
    };

    // The first: fifteen equal steps, neither more nor less.
    let straight: Vec<f32> = (0..=16).map(|n| (n as f32 / 15.0).min(1.0)).collect();
    let seen: Vec<f32> = shares[first - 1..first + 16].iter().map(|(_, part)| *part).collect();
    let worst = straight.iter().zip(&seen).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    figure(&format!("a fade of 500 ms: shares {seen:.3?}, off by {worst:.3} at most"));
    assert!(worst <= 0.02, "{seen:?}");

    // The second goes sixty steps down, and is left in its middle for fifteen up.
    let (down, up) = (at(told[1].0), at(told[2].0));
    for (n, (_, seen)) in shares[down..up].iter().enumerate() {
        let wanted = 1.0 - (n + 1) as f32 / 60.0;
        assert!((seen - wanted).abs() <= 0.02, "frame {n} of the second: {seen} instead of {wanted}");
    }
    let left_at = 1.0 - (up - down) as f32 / 60.0;
    for n in 1..=15 {
        let wanted = left_at + (1.0 - left_at) * n as f32 / 15.0;
        let seen = shares[up + n - 1].1;
        assert!((seen - wanted).abs() <= 0.02, "frame {n} of the third: {seen} instead of {wanted}");
    }
    figure(&format!("left at {left_at:.2} for a fade back"));

    // The cut.
    let (down, cut) = (at(told[3].0), at(cut));
    assert!(shares[cut - 1].1 < 0.9 && shares[cut - 1].1 > 0.05, "{:?}", shares[cut - 1]);
    assert!(cut > down && (shares[cut].1 - 1.0).abs() <= 0.02, "{:?}", shares[cut]);

    // Sound: the same time, equal power.
    let [begin, end] = [first - 1, first + 14].map(|n| shares[n].0 / 1_000_000);
    let before = film.tones(begin - 600, begin - 20)[FROM];
    let after = film.tones(end + 40, end + 700)[TO];
    let mut worst: f32 = 0.0;
    let mut judged = 0;
    for window in &film.sound.heard.windows {
        let time = film.sound.time_ns(window.centre as f64) as f32 / 1e6;
        // The sound of a frame is what is heard while it is shown.
        let part = (time - shares[first].0 as f32 / 1e6) / 500.0;
        if !(0.04..=0.96).contains(&part) {
            continue;
        }
        let (old, new) = (window.levels[FROM] / before, window.levels[TO] / after);
        let (falls, rises) = ((part * FRAC_PI_2).cos(), (part * FRAC_PI_2).sin());
        worst = worst.max((old - falls).abs()).max((new - rises).abs());
        judged += 1;
    }
    figure(&format!("its sound: {judged} windows, gains off by {worst:.3} at most"));
    assert!(judged >= 40, "{judged}");
    assert!(worst <= 0.08, "{worst}");
}

/// What a fade may not be.
fn refuses(stage: &Stage) {
    let path = "/v1/conferences/room/cast/switch";
    let with = |transition: Value| json!({"participant": "p0", "transition": transition});
    for transition in [json!({"type": "fade", "duration_ms": 50}), json!({"type": "wipe"})] {
        let reply = stage.server.call("POST", path, Some(with(transition)));
        assert_eq!(reply.body["code"], "invalid_request", "{}", reply.body);
    }
}
