//! How far hls.js in low-latency mode is behind the camera: the frame counter in the picture at an instant of
//! the wall clock, against when the publisher took that frame. Through a switch; and over HTTP/2.

use crate::{
    server::{Server, browser, figure, load, one_at_a_time, wait_for},
    tls_front::Authority,
};
use meetingcast::publisher::{
    client::Publisher,
    options::PublishOptions,
    palette::Colour,
    source::{FrameClock, monotonic_ns},
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// What a viewer may be behind where that is measured (`LATENCY_SECONDS`), on a machine with nothing else to do.
const BEHIND_MS: f64 = 2500.0;
/// Elsewhere: a hiccup of the machine costs a part more, until it is caught up with.
const BEHIND_SOMEWHERE_MS: f64 = 3000.0;
/// As the studio's player: hls.js alone never comes nearer than it began, and it begins late on a busy machine.
const CATCH_UP: [&str; 2] = ["--catch-up", "1.1"];
/// hls.js finds its distance in the first seconds: half a second too much is gone after five.
const SETTLE: Duration = Duration::from_secs(7);

/// No whole number of frames, or each sample would come at the same time after a picture's change.
const SAMPLE_MS: &str = "170";

/// Seconds that are watched; `LATENCY_SECONDS=60` for the whole measure.
fn seconds() -> u64 {
    std::env::var("LATENCY_SECONDS").map_or(20, |text| text.parse().expect("LATENCY_SECONDS: a number"))
}

#[test]
fn hls_js_is_little_behind_the_camera_and_a_switch_changes_nothing() {
    let _turn = one_at_a_time();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Server::start();
    let join = |number: usize| {
        let id = format!("person-{number}");
        let mut publisher = runtime.block_on(async {
            Publisher::start(PublishOptions::participant(number, &server.whip("room", &id))).unwrap()
        });
        assert!(runtime.block_on(publisher.connected()));
        server.wait_for_picture("room", &id);
        publisher
    };
    let publishers = [join(0), join(1)];
    let body = json!({"participant": "person-0", "outputs": [{"type": "hls"}]});
    let cast = server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
    let url = cast["play"]["hls"].as_str().unwrap().to_owned();
    wait_for_segments(&server);
    // The page's clock is the system's: what that shows in CLOCK_MONOTONIC.
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let offset_ns = wall.as_nanos() as f64 - monotonic_ns() as f64;

    let seconds = seconds();
    let length = seconds.to_string();
    let mut player = browser(
        "play.mjs",
        &[
            &["--url", &url, "--seconds", &length, "--sample-ms", SAMPLE_MS, "--other-colours-ok"],
            &CATCH_UP[..],
        ]
        .concat(),
    );
    player.event("playing", Duration::from_secs(40));
    // In the middle of what is watched.
    std::thread::sleep(Duration::from_secs(seconds / 2));
    server.ok("POST", "/v1/conferences/room/cast/switch", Some(json!({"participant": "person-1"})));
    let events = player.succeed(Duration::from_secs(seconds + 40));
    let clocks = publishers.each_ref().map(Publisher::clock);
    for publisher in publishers {
        runtime.block_on(publisher.stop()).unwrap();
    }

    let summary = events.iter().find(|event| event["event"] == "summary").unwrap();
    let began_ms =
        events.iter().find(|event| event["event"] == "playing").unwrap()["at_ms"].as_f64().unwrap();
    let limit_ms =
        if std::env::var_os("LATENCY_SECONDS").is_some() { BEHIND_MS } else { BEHIND_SOMEWHERE_MS };
    let mut behind = [Vec::new(), Vec::new()];
    for event in events.iter().filter(|event| event["event"] == "sample") {
        if event["at_ms"].as_f64().unwrap() - began_ms < SETTLE.as_secs_f64() * 1e3 {
            continue;
        }
        if let Some((who, ms)) = latency_ms(event, &clocks, offset_ns) {
            behind[who].push(ms);
        }
    }
    for (who, behind) in behind.iter_mut().enumerate() {
        behind.sort_by(f64::total_cmp);
        let at = |part: f64| behind[((behind.len() - 1) as f64 * part) as usize];
        assert!(behind.len() >= 10, "{} frames of person-{who} could be read ({})", behind.len(), load());
        figure(&format!(
            "hls.js behind the camera, person-{who}: p50 {:.0} ms, p95 {:.0} ms, max {:.0} ms of {} pictures in {seconds} \
             s; {} stalls, {} jumps ({})",
            at(0.5),
            at(0.95),
            at(1.0),
            behind.len(),
            summary["stalls"],
            summary["jumps"],
            load()
        ));
        assert!(at(0.0) > 0.0, "a picture from the future: {} ms", at(0.0));
        assert!(at(0.95) <= limit_ms, "person-{who}: p95 {:.0} ms ({})", at(0.95), load());
    }
    assert_eq!((&summary["stalls"], &summary["discontinuities"]), (&json!(0), &json!(0)), "{summary}");
}

/// A player that comes to the very start of a cast has nothing to be ahead of.
fn wait_for_segments(server: &Server) {
    wait_for("some segments", Duration::from_secs(20), || {
        let playlist = server.call("GET", "/hls/room/video/media.m3u8", None).body;
        (playlist.as_str()?.matches("#EXTINF").count() >= 4).then_some(())
    });
}

/// Whose picture this is, and how long ago it was taken.
fn latency_ms(sample: &Value, clocks: &[FrameClock; 2], offset_ns: f64) -> Option<(usize, f64)> {
    let counter = sample["counter"].as_u64()?;
    let colour = sample["colour"].as_str()?;
    let part = |at: usize| u8::from_str_radix(colour.get(at..at + 2)?, 16).ok();
    let seen = [part(0)?, part(2)?, part(4)?];
    let near = |who: usize| Colour::of(who).rgb().iter().zip(seen).all(|(a, b)| a.abs_diff(b) <= 40);
    let who = (0..clocks.len()).find(|who| near(*who))?;
    let taken_ns = clocks[who].capture_ns(counter) as f64 + offset_ns;
    Some((who, sample["wall_ms"].as_f64()? - taken_ns / 1e6))
}

#[test]
fn chromium_plays_low_latency_hls_over_http2() {
    let _turn = one_at_a_time();
    let (authority, folder) = (Authority::new("test"), tempfile::tempdir().unwrap());
    let identity = authority.issue("localhost");
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, &identity.cert_pem).unwrap();
    std::fs::write(&key, &identity.key_pem).unwrap();
    let server = Server::start_with(&[
        ("SERVER__TLS__CERT", cert.to_str().unwrap()),
        ("SERVER__TLS__KEY", key.to_str().unwrap()),
    ]);
    assert!(server.base.starts_with("https://127.0.0.1:"), "{}", server.base);
    // The slate will do: the publisher would not take this certificate.
    server.ok("PUT", "/v1/conferences/room", Some(json!({})));
    let body = json!({"source": {"layout": "grid"}, "outputs": [{"type": "hls"}]});
    let cast = server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
    let url = cast["play"]["hls"].as_str().unwrap();
    assert!(url.starts_with("https://"), "{url}");
    wait_for_segments(&server);
    let player = browser(
        "play.mjs",
        &[
            &["--url", url, "--seconds", "8", "--insecure", "--max-latency", "2.5", "--start-timeout", "30"],
            &CATCH_UP[..],
        ]
        .concat(),
    );
    let events = player.succeed(Duration::from_secs(60));
    let summary = events.iter().find(|event| event["event"] == "summary").unwrap();
    assert_eq!(summary["protocols"], json!(["h2"]), "{summary}");
}
