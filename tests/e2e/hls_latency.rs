//! How far a viewer is behind the camera: hls.js in low-latency mode in Chromium, read from the frame counter
//! in the picture it shows. Over a switch, without a stall. `LATENCY_SECONDS=60` plays longer.

use crate::{
    hls_players::{near, rgb},
    server::{Server, browser, figure, load, one_at_a_time, wait_for},
};
use meetingcast::publisher::{
    client::Publisher,
    options::PublishOptions,
    source::{FrameClock, monotonic_ns},
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

const DEFAULT_SECONDS: u64 = 16;
/// The aim: three parts of half a second behind the list's end, and the way to it.
const LIMIT_MS: f64 = 2500.0;

#[test]
fn a_viewer_is_two_seconds_behind_the_camera_and_does_not_stall_at_a_switch() {
    let _turn = one_at_a_time();
    let seconds = std::env::var("LATENCY_SECONDS").map_or(DEFAULT_SECONDS, |text| text.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let server = Server::start();
    let publishers: Vec<Publisher> = (0..2).map(|number| join(&runtime, &server, number)).collect();
    let clocks: Vec<FrameClock> = publishers.iter().map(Publisher::clock).collect();
    let cast = server.ok("POST", "/v1/conferences/room/cast/start", Some(json!({"participant": "p0"})));
    let url = cast["play"]["hls"].as_str().unwrap().to_owned();

    let length = seconds.to_string();
    let mut player =
        browser("play.mjs", &["--url", &url, "--seconds", &length, "--read-code", "--sample-ms", "250"]);
    player.event("playing", Duration::from_secs(40));
    let half = Duration::from_secs(seconds / 2);
    wait_for("half of the time", half + Duration::from_secs(20), || {
        let samples = player.events().iter().filter(|event| event["event"] == "sample").count();
        (samples >= half.as_millis() as usize / 250).then_some(())
    });
    server.ok("POST", "/v1/conferences/room/cast/switch", Some(json!({"participant": "p1"})));
    let events = player.succeed(Duration::from_secs(seconds + 60));

    let summary = events.iter().find(|event| event["event"] == "summary").unwrap();
    assert_eq!((&summary["stalls"], &summary["errors"]), (&json!(0), &json!(0)), "{summary}");
    let mut delays = [Vec::new(), Vec::new()];
    for shown in events.iter().filter(|event| event["event"] == "sample").map(|event| &event["shown"]) {
        if let Some((number, delay)) = delay(shown, &clocks) {
            delays[number].push(delay);
        }
    }
    assert!(delays.iter().all(|of| of.len() > 5), "both participants were seen: {delays:?}");
    let mut all = delays.concat();
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize];
    figure(&format!(
        "LL-HLS, hls.js in Chromium: p50 {:.0} ms, p95 {:.0} ms, max {:.0} ms behind the camera in {} samples of {seconds} s; {} frames, {} dropped, {} stalls",
        at(0.5),
        at(0.95),
        at(1.0),
        all.len(),
        summary["frames"],
        summary["dropped"],
        summary["stalls"]
    ));
    assert!(at(0.95) <= LIMIT_MS, "p95 {:.0} ms ({})", at(0.95), load());
    for publisher in publishers {
        runtime.block_on(publisher.stop()).unwrap();
    }
}

fn join(runtime: &Runtime, server: &Server, number: usize) -> Publisher {
    let id = format!("p{number}");
    let publisher = runtime.block_on(async {
        let mut publisher =
            Publisher::start(PublishOptions::participant(number, &server.whip("room", &id))).unwrap();
        assert!(publisher.connected().await);
        publisher
    });
    server.wait_for_picture("room", &id);
    publisher
}

/// Whose picture was on the screen, and how long after its capture, milliseconds.
fn delay(shown: &Value, clocks: &[FrameClock]) -> Option<(usize, f64)> {
    let counter = shown["counter"].as_u64()?;
    let colour = shown["colour"].as_str()?;
    let number = (0..clocks.len()).find(|number| near(colour, &rgb(*number)))?;
    // What the wall clock says when CLOCK_MONOTONIC is zero.
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as f64;
    let boot = wall - monotonic_ns() as f64;
    let captured_ms = (boot + clocks[number].capture_ns(counter) as f64) / 1e6;
    Some((number, shown["wall_ms"].as_f64()? - captured_ms))
}
