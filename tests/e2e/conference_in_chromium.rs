//! Three people in Chromium see and hear each other in one conference; one directs the cast by clicking in the
//! studio, and a viewer's page follows each click.

use crate::{
    server::{Server, browser, figure, load, one_at_a_time},
    stage::cores,
};
use std::{path::PathBuf, time::Duration};

/// Four browsers' starts and eight clicks that go through HLS, on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
/// A program that leaves most of two cores to four browsers, three of which encode and decode video, too.
const PROGRAM: [(&str, &str); 6] = [
    ("ENCODING__WIDTH", "640"),
    ("ENCODING__HEIGHT", "360"),
    ("ENCODING__FPS", "15"),
    ("ENCODING__VIDEO_KBPS", "600"),
    // A browser that gets no time to send is not what this is about: its last picture stays, no slate comes.
    ("PROGRAM__STALL_HOLD_MS", "20000"),
    // Nor how long it takes to send the keyframe it was asked for.
    ("SWITCHING__SWITCH_TIMEOUT_MS", "10000"),
];

#[test]
fn three_see_and_hear_each_other_and_a_viewer_follows_each_click() {
    let _turn = one_at_a_time();
    let server = Server::start_with(&PROGRAM);
    let pictures = std::env::var_os("KEEP_MEDIA")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("conference"), PathBuf::from);
    let arguments = ["--server", server.base.as_str(), "--pictures", pictures.to_str().unwrap()];
    let mut tool = browser("conference.mjs", &arguments);
    tool.event("on_air", LIMIT);
    let pids = [server.workers()[0].0, server.process.child.id()];
    let used = cores(&pids, Duration::from_secs(5));
    let events = tool.succeed(LIMIT);
    let said = server.process.said();
    assert!(!said.contains("CRITICAL"), "{said}");
    let of = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
    assert_eq!(of("sees_and_hears").count(), 6, "{events:?}");
    assert_eq!(of("quality").count(), 2, "{events:?}");
    assert_eq!(of("meter").count(), 2, "{events:?}");
    assert_eq!(of("shed").count(), 1, "{events:?}");
    assert_eq!(of("followed").count(), 8, "{events:?}");
    assert_eq!(of("stopped").count(), 1, "{events:?}");
    for event in of("followed") {
        figure(&format!(
            "{}: seen after {} ms, heard after {} ms",
            event["what"], event["seen_ms"], event["heard_ms"]
        ));
    }
    figure(&format!(
        "3 publishers, 6 forwards, 640x360p15: worker {:.2} cores, server {:.2} cores ({})",
        used[0],
        used[1],
        load()
    ));
}
