//! Switches at the rate of a hundred a minute, and those that cannot be. `SWITCHES=100` takes the minute.

use crate::{
    server::{figure, load, one_at_a_time},
    stage::{ROOM, Stage},
};
use meetingcast::publisher::{
    peer::Peer, planes::PictureSize, recording::Layout, stats::Counters, viewer, whip,
};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const FRAME: Duration = Duration::from_nanos(33_333_333);
const CONTENT: PictureSize = PictureSize { width: 320, height: 180 };

fn switches() -> usize {
    std::env::var("SWITCHES").map_or(40, |text| text.parse().expect("SWITCHES: a number"))
}

#[test]
fn a_hundred_switches_a_minute_all_happen_and_leave_no_seam() {
    let _turn = one_at_a_time();
    let switches = switches();
    let stage = Stage::set(&[]);
    let publishers: Vec<_> = (0..3)
        .map(|number| {
            let mut options = stage.options(number, &format!("p{number}"));
            options.rate.0 = 30;
            stage.join(options)
        })
        .collect();
    (0..3).for_each(|number| stage.seen(&format!("p{number}")));
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
    let mut took: Vec<u64> = cuts.iter().map(|cut| cut.took_ms).collect();
    took.sort_unstable();
    figure(&format!(
        "{switches} switches in {:.1} s: took p50 {} ms, p95 {} ms, max {} ms; program {}",
        minute.as_secs_f64(),
        took[switches / 2],
        took[switches * 95 / 100 - 1],
        took[switches - 1],
        cast["program"]
    ));
    // A source that delivers is taken at the next frame: 33 ms, and some for a thread that waits its turn.
    assert!(took[switches * 95 / 100 - 1] <= 100, "{took:?} ({})", load());

    let recording = viewer::view_file(&path, Layout::Single(CONTENT)).unwrap();
    let report = recording.report(0, FRAME);
    assert!(report.gaps.is_empty() && report.backward_frames == 0, "{report}");
    assert!(report.black.is_empty() && report.cadence.nobody == 0, "{report}");
    assert!(report.audio_steps_ns.is_empty(), "{report}");
    assert_eq!(report.switches.len(), switches, "{report} ({})", load());
    let mut late = Vec::new();
    for (seen, cut) in report.switches.iter().zip(&cuts) {
        let off = seen.video_ns as i64 / 1000 - cut.pts_ms as i64 * 1000;
        assert!(off.abs() <= 2000, "{off} us from the promise: {seen:?} {cut:?}");
        assert_eq!(seen.between, 0, "{seen:?}");
        let distance = seen.distance_ns.unwrap_or_else(|| panic!("no change of tone: {seen:?}"));
        late.push(distance.abs() / 1_000_000);
    }
    late.sort_unstable();
    figure(&format!(
        "sound from picture at a switch: p50 {} ms, max {} ms",
        late[switches / 2],
        late[switches - 1]
    ));
    assert!(late[switches - 1] <= 40, "{late:?}");
    let from = recording.video[0].pts_ns + 500_000_000;
    let silent: Vec<_> =
        report.silences.iter().filter(|one| one.start_ns > from && one.length_ns > 21_000_000).collect();
    assert!(silent.is_empty(), "silent {silent:?}");
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
}
