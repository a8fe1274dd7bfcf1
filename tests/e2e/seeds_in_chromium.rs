//! Every sample that the seeds print, in pages of another origin in Chromium, on the faces of the SDK: what it
//! prints happens, pictures move, and sound has energy. `docs/seeds.md` says which sample is which.

use crate::server::{Server, browser, one_at_a_time};
use std::time::Duration;

/// A dozen pages' starts, and looking at each for seconds, on a busy machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs these samples; `heard` is how many of what they look at has sound, the others have none.
fn run(samples: &[&str], heard: usize) {
    let _turn = one_at_a_time();
    // Wilddog's cast has an RTMP URL, too.
    let server = Server::start_with(&[("RTMP__LISTEN", "127.0.0.1:0")]);
    let only = samples.join(",");
    let events = browser("seeds.mjs", &["--server", &server.base, "--only", &only]).succeed(LIMIT);
    let passed: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "sample" && event["passed"] == true)
        .filter_map(|event| event["name"].as_str())
        .collect();
    assert_eq!(passed, samples, "{events:?}");
    let loud =
        events.iter().filter(|event| event["event"] == "receives" && event["peak"].as_f64() > Some(0.01));
    assert_eq!(loud.count(), heard, "{events:?}");
}

#[test]
fn wilddogs_calls() {
    // S0 and S1 print a stream of only video; caller, callee and preview of the other one.
    run(&["S0", "S0-hear", "S1"], 3);
}

#[test]
fn wilddogs_conference_and_its_cast() {
    run(&["S2-cast", "S2-see", "S2-hear"], 2);
}

#[test]
fn leanclouds_calls() {
    // Both ends and the own picture.
    run(&["S3", "S3-refuse", "S3-cancel", "S3-conflict"], 3);
}

#[test]
fn leanclouds_room_of_four() {
    // Six calls, each seen from both ends.
    run(&["S3-room"], 12);
}

#[test]
fn cubes_calls() {
    run(&["S4", "S4-group"], 5);
}
