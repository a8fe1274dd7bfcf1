//! Switches at the rate of a hundred a minute, and those that cannot be. `SWITCHES=100` takes the minute.
//! The same, slower, where nobody is decoded who is not seen.

use crate::{
    server::{figure, load, one_at_a_time, wait_for},
    stage::{Cut, ROOM, Stage},
};
use meetingcast::publisher::{
    client::Publisher, peer::Peer, planes::PictureSize, recording::Layout, stats::Counters, viewer, whip,
};
use serde_json::json;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const FRAME: Duration = Duration::from_nanos(33_333_333);
const CONTENT: PictureSize = PictureSize { width: 320, height: 180 };
const COLD_SWITCHES: usize = 10;

fn switches() -> usize {
    std::env::var("SWITCHES").map_or(40, |text| text.parse().expect("SWITCHES: a number"))
}

/// p0, p1, p2, whose pictures come.
fn three(stage: &Stage) -> Vec<Publisher> {
    let publishers = (0..3)
        .map(|number| {
            let mut options = stage.options(number, &format!("p{number}"));
            options.rate.0 = 30;
            stage.join(options)
        })
        .collect();
    (0..3).for_each(|number| stage.seen(&format!("p{number}")));
    publishers
}

/// How many publishers are decoded, says `/metrics`.
fn decoders(stage: &Stage) -> u64 {
    stage.server.metric(&format!("meetingcast_decoders{{conference=\"{ROOM}\"}}")) as u64
}

fn wait_for_decoders(stage: &Stage, count: u64) {
    wait_for(&format!("{count} decoders"), Duration::from_secs(5), || {
        (decoders(stage) == count).then_some(())
    });
}

/// What the switches took, in order of length.
fn judge_took(name: &str, cuts: &[Cut]) -> Vec<u64> {
    let mut took: Vec<u64> = cuts.iter().map(|cut| cut.took_ms).collect();
    took.sort_unstable();
    figure(&format!(
        "{} {name} switches: took p50 {} ms, p95 {} ms, max {} ms",
        took.len(),
        percentile(&took, 50),
        percentile(&took, 95),
        percentile(&took, 100)
    ));
    took
}

/// Nearest rank of sorted values.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted[(sorted.len() * percent).div_ceil(100) - 1]
}

/// Each switch is where it was promised, its sound with it, and nothing else is to be seen or heard.
fn judge_seams(path: &Path, cuts: &[Cut]) {
    let recording = viewer::view_file(path, Layout::Single(CONTENT)).unwrap();
    let report = recording.report(0, FRAME);
    assert!(report.gaps.is_empty() && report.backward_frames == 0, "{report}");
    assert!(report.black.is_empty() && report.cadence.nobody == 0, "{report}");
    assert!(report.audio_steps_ns.is_empty(), "{report}");
    assert_eq!(report.switches.len(), cuts.len(), "{report} ({})", load());
    let mut late = Vec::new();
    for (seen, cut) in report.switches.iter().zip(cuts) {
        let off = seen.video_ns as i64 / 1000 - cut.pts_ms as i64 * 1000;
        assert!(off.abs() <= 2000, "{off} us from the promise: {seen:?} {cut:?}");
        assert_eq!(seen.between, 0, "{seen:?}");
        let distance = seen.distance_ns.unwrap_or_else(|| panic!("no change of tone: {seen:?}"));
        late.push(distance.unsigned_abs() / 1_000_000);
    }
    late.sort_unstable();
    figure(&format!(
        "sound from picture at a switch: p50 {} ms, max {} ms",
        percentile(&late, 50),
        percentile(&late, 100)
    ));
    assert!(percentile(&late, 100) <= 40, "{late:?}");
    let from = recording.video[0].pts_ns + 500_000_000;
    let silent: Vec<_> =
        report.silences.iter().filter(|one| one.start_ns > from && one.length_ns > 21_000_000).collect();
    assert!(silent.is_empty(), "silent {silent:?}");
    figure(&format!("{:?}", report.cadence));
}

#[test]
fn a_hundred_switches_a_minute_all_happen_and_leave_no_seam() {
    let _turn = one_at_a_time();
    let switches = switches();
    let stage = Stage::set(&[]);
    let publishers = three(&stage);
    // Somebody who will join and send nothing: his offer is answered, and he never takes the answer.
    let mute = stage.options(3, "mute");
    let checked = mute.check().unwrap();
    let (events, _inbox) = tokio::sync::mpsc::channel(16);
    let (_peer, offer) = Peer::open(&mute, &checked, 0, &Arc::new(Counters::default()), events).unwrap();

    let switch = format!("/v1/conferences/{ROOM}/cast/switch");
    let refused = |body: serde_json::Value, status: u16, code: &str| {
        let answer = stage.server.call("POST", &switch, Some(body));
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{answer:?}");
    };
    refused(json!({"participant": "p1"}), 409, "cast_not_started");
    let take = stage.start(json!({"participant": "p0"}), 640, 360);

    let began = Instant::now();
    let mut cuts = Vec::new();
    for n in 1..=switches {
        // Not in step with the program's frames: every phase within a frame has its turn.
        let due = Duration::from_millis(600 * n as u64 + n as u64 * 7 % 33);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        cuts.push(stage.switch(json!({"participant": format!("p{}", n % 3)})));
        if n == switches / 2 {
            // ICE gives him up after some seconds.
            whip::offer(&checked.whip, None, &offer).unwrap();
            // None of these is seen on the program.
            refused(json!({"participant": "mute"}), 409, "media_not_ready");
            refused(json!({"participant": "nobody"}), 404, "participant_not_found");
            assert_eq!(stage.server.cast(ROOM)["source"]["participant"], format!("p{}", n % 3));
        }
    }
    let minute = began.elapsed();
    std::thread::sleep(Duration::from_millis(700));
    let (cast, path) = stage.stop(take, "hundred-switches");
    figure(&format!("{switches} switches in {:.1} s; program {}", minute.as_secs_f64(), cast["program"]));
    let took = judge_took("hot", &cuts);
    // A source that delivers is taken at the next frame: 33 ms, and some for a thread that waits its turn.
    assert!(percentile(&took, 95) <= 100, "{took:?} ({})", load());
    judge_seams(&path, &cuts);
    publishers.into_iter().for_each(|publisher| stage.leave(publisher));
}

#[test]
fn who_is_not_seen_is_not_decoded_and_comes_on_without_a_seam() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[("SWITCHING__STANDBY", "cold"), ("WORKER__HEARTBEAT_MS", "200")]);
    let publishers = three(&stage);
    let take = stage.start(json!({"participant": "p0"}), 640, 360);
    wait_for_decoders(&stage, 1);
    let began = Instant::now();
    let mut cuts = Vec::new();
    for n in 1..=COLD_SWITCHES {
        // Long enough that he who comes on has rested for more than a second.
        let due = Duration::from_millis(1250 * n as u64 + n as u64 * 7 % 33);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        // The one on the program, and he before him, who stays decoded for a second.
        assert!((1..=2).contains(&decoders(&stage)));
        cuts.push(stage.switch(json!({"participant": format!("p{}", n % 3)})));
    }
    wait_for_decoders(&stage, 1);
    // Whoever is not decoded is reported as alive all the same.
    (0..3).for_each(|number| {
        let path = format!("/v1/conferences/{ROOM}/participants/p{number}");
        let stream = &stage.server.ok("GET", &path, None)["streams"][0];
        assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(320), Some(180)), "{stream}");
    });
    let (_, path) = stage.stop(take, "cold-switches");
    let took = judge_took("cold", &cuts);
    // A keyframe's way, and the delay that all pictures have; 500 ms more where a request was lost.
    assert!(percentile(&took, 50) <= 300 && percentile(&took, 100) <= 900, "{took:?} ({})", load());
    // None came on before it could be seen: 160 ms is the program's delay alone.
    assert!(took[0] > 100, "not cold: {took:?}");
    judge_seams(&path, &cuts);
    publishers.into_iter().for_each(|publisher| stage.leave(publisher));
}
