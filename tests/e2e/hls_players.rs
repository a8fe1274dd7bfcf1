//! What players and validators make of the HLS output: hls.js in Chromium, hls-parser and the rules of
//! the RFC, ffprobe. Through a switch, through the death of the worker, and at the end.

use crate::server::{Helper, Server, browser, figure, load, one_at_a_time, publish, signal_pid, wait_for};
use meetingcast::publisher::{palette::Colour, tone::Tone};
use serde_json::{Value, json};
use std::{path::Path, process::Command, time::Duration};

/// How far a viewer is behind: three segments of two seconds, and what hls.js waits for first.
const BEHIND: Duration = Duration::from_secs(25);

#[test]
fn hls_keeps_the_rules_and_plays_through_a_switch_until_its_end() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let _publishers = [join(&server, 0, &[]), join(&server, 1, &[])];
    let url = start(&server, Some(false));
    let expected = [rgb(0), rgb(1)].join(",");
    let tones = [Tone::of(0), Tone::of(1)].map(|tone| tone.hz().to_string()).join(",");
    let mut player = browser(
        "play.mjs",
        &["--url", &url, "--seconds", "20", "--expect-colours", &expected, "--expect-tones", &tones],
    );
    player.event("playing", Duration::from_secs(40));
    let validator = browser("validate.mjs", &["--url", &url, "--polls", "8", "--over", "16"]);
    // Seen six seconds later: in the middle of the twenty.
    wait_for_position(&mut player, 4.0);
    server.ok("POST", "/v1/conferences/room/cast/switch", Some(json!({"participant": "person-1"})));

    let seen = succeed(player, "play.mjs");
    let summary = last(&seen, "summary");
    figure(&format!(
        "hls.js: {} frames, {} dropped, {} s behind at the end",
        summary["frames"], summary["dropped"], summary["latency_s"]
    ));
    assert_eq!(summary["discontinuities"], 0, "a switch is none");
    let report = last(&succeed(validator, "validate.mjs"), "report");
    figure(&format!("validate: {}", report["playlists"]));

    server.ok("POST", "/v1/conferences/room/cast/stop", None);
    let ended = browser("validate.mjs", &["--url", &url, "--polls", "2", "--over", "1", "--expect-ended"]);
    last(&succeed(ended, "validate.mjs --expect-ended"), "report");
    let left_out = server.cast("room")["program"]["dropped"].as_u64().unwrap();
    probe_segments(&url, left_out);
}

#[test]
fn low_latency_hls_keeps_its_rules_and_is_played_close_behind() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let _publisher = join(&server, 0, &[]);
    let url = start(&server, None);
    let validator =
        browser("validate.mjs", &["--url", &url, "--polls", "3", "--over", "4", "--require-low-latency"]);
    let report = last(&succeed(validator, "validate.mjs --require-low-latency"), "report");
    assert_eq!(report["playlists"][0]["low_latency"], true, "{report}");
    let player =
        browser("play.mjs", &["--url", &url, "--seconds", "12", "--max-latency", "2.5", "--catch-up", "1.1"]);
    let summary = last(&succeed(player, "play.mjs (low latency)"), "summary");
    figure(&format!(
        "hls.js, low latency: {} s behind the list, {} s by the clock, {} stalls",
        summary["latency_s"], summary["wall_latency_s"], summary["stalls"]
    ));
}

#[test]
fn hls_plays_on_when_the_worker_is_killed() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let _publisher = join(&server, 0, &["--reconnect"]);
    // A low-latency player has not enough ahead to be without a program for as long as this takes.
    let url = start(&server, Some(false));
    // A player that comes to a running cast has three segments before it; one that comes at its very start
    // has less, and nothing can be done about it.
    wait_for("some segments", Duration::from_secs(20), || {
        let playlist = String::from_utf8(fetch(&url.replace("index.m3u8", "video/media.m3u8"))).unwrap();
        (playlist.matches("#EXTINF").count() >= 5).then_some(())
    });
    let mut player = browser(
        "play.mjs",
        &["--url", &url, "--until-stdin-close", "--expect-discontinuities", "1", "--other-colours-ok"],
    );
    player.event("playing", Duration::from_secs(40));
    wait_for_position(&mut player, 3.0);
    let killed = server.worker("room").expect("a worker of the room");
    signal_pid(killed, rustix::process::Signal::KILL);
    wait_for("a new worker", Duration::from_secs(10), || server.worker("room").filter(|pid| *pid != killed));
    let validator = browser("validate.mjs", &["--url", &url, "--polls", "8", "--over", "14"]);
    let discontinuity = player.event("discontinuity", BEHIND);
    // The picture is back when the publisher is: it connected to the new worker by itself.
    let colour = rgb(0);
    let at = discontinuity["at_ms"].as_u64().unwrap();
    wait_for("the participant to be seen again", BEHIND, || {
        let events = player.events();
        events.into_iter().find(|event| {
            event["event"] == "sample"
                && event["at_ms"].as_u64() > Some(at)
                && event["colour"].as_str().is_some_and(|seen| near(seen, &colour))
        })
    });
    player.close_stdin();
    let summary = last(&succeed(player, "play.mjs"), "summary");
    figure(&format!("hls.js over a killed worker: stalls {}, {}", summary["stalls"], summary["position_s"]));
    let report = last(&succeed(validator, "validate.mjs"), "report");
    assert_eq!(report["playlists"][0]["discontinuities"], 1, "{report}");
}

/// A participant with the colour and tone of this number, whose picture is there.
fn join(server: &Server, number: usize, more: &[&str]) -> Helper {
    let id = format!("person-{number}");
    let pattern = ["--pattern", Colour::of(number).name()];
    let publisher = publish(&server.whip("room", &id), &[&pattern, more].concat());
    server.wait_for_picture("room", &id);
    publisher
}

/// Starts a cast of the first participant to HLS; the URL to play.
fn start(server: &Server, low_latency: Option<bool>) -> String {
    let mut output = json!({"type": "hls"});
    if let Some(low_latency) = low_latency {
        output["low_latency"] = low_latency.into();
    }
    let body = json!({"participant": "person-0", "outputs": [output]});
    let cast = server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
    cast["play"]["hls"].as_str().expect("an HLS URL").to_owned()
}

fn rgb(number: usize) -> String {
    Colour::of(number).rgb().iter().map(|part| format!("{part:02x}")).collect()
}

/// As play.mjs compares colours.
fn near(a: &str, b: &str) -> bool {
    let part =
        |text: &str, at: usize| i32::from_str_radix(text.get(at..at + 2).unwrap_or("0"), 16).unwrap_or(0);
    [0, 2, 4].into_iter().all(|at| (part(a, at) - part(b, at)).abs() <= 40)
}

/// Waits until the player has shown so many seconds.
fn wait_for_position(player: &mut Helper, seconds: f64) {
    let begin = player.event("playing", Duration::from_secs(1))["position_s"].as_f64().unwrap();
    wait_for("the player to go on", BEHIND, || {
        let events = player.events();
        let sample = events.into_iter().rev().find(|event| event["event"] == "sample")?;
        (sample["position_s"].as_f64()? - begin >= seconds).then_some(())
    });
}

fn last(events: &[Value], name: &str) -> Value {
    events.iter().rev().find(|event| event["event"] == name).cloned().unwrap_or_else(|| panic!("no {name}"))
}

fn fetch(url: &str) -> Vec<u8> {
    ureq::get(url).call().unwrap().body_mut().read_to_vec().unwrap()
}

/// Every segment with its init segment is a file that ffprobe decodes without a word, and no picture is missing but
/// those that the program, on a machine without time, says it has `left_out`.
fn probe_segments(index: &str, left_out: u64) {
    let base = index.strip_suffix("index.m3u8").unwrap();
    let fetch = |path: &str| fetch(&format!("{base}{path}"));
    let text = |path: &str| String::from_utf8(fetch(path)).unwrap();
    let media = text("index.m3u8").lines().find(|line| line.ends_with("/media.m3u8")).unwrap().to_owned();
    let rendition = media.strip_suffix("media.m3u8").unwrap();
    let playlist = text(&media);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("segment.mp4");
    let (mut init, mut duration, mut probed) = (Vec::new(), 0.0, 0);
    let mut end = None;
    let mut missing = 0;
    for line in playlist.lines() {
        if let Some(map) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            init = fetch(&format!("{rendition}{}", map.trim_end_matches('"')));
        } else if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            duration = seconds.trim_end_matches(',').parse().unwrap();
        } else if !line.starts_with('#') {
            std::fs::write(&path, [&init[..], &fetch(&format!("{rendition}{line}"))].concat()).unwrap();
            let (first, last, frames) = probe_segment(line, &path, duration);
            missing += ((duration * 30.0).round() as u64).saturating_sub(frames);
            // Timestamps go on where those of the segment before ended.
            if let Some(end) = end.replace(last) {
                let step: f64 = (first - end) * 30.0;
                let whole = step >= 0.9 && (step - step.round()).abs() < 0.03;
                assert!(whole && step < 1.5 + missing as f64, "{line} begins {step} pictures after the last");
            }
            probed += 1;
        }
    }
    figure(&format!("ffprobe: {probed} segments, {missing} pictures missing, {left_out} left out"));
    assert!(
        missing <= left_out.min(15),
        "{missing} pictures are missing, {left_out} were left out ({})",
        load()
    );
    assert!(probed >= 6, "{playlist}");
}

/// Returns when its first and its last picture are shown, seconds, and how many there are.
fn probe_segment(name: &str, path: &Path, duration: f64) -> (f64, f64, u64) {
    let output = Command::new("ffprobe")
        .args(["-v", "warning", "-of", "json", "-count_frames", "-show_streams"])
        .args(["-show_packets", "-show_entries", "packet=codec_type,flags,pts_time"])
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let streams = found["streams"].as_array().unwrap();
    let stream = |codec: &str| {
        streams
            .iter()
            .find(|stream| stream["codec_name"] == codec)
            .unwrap_or_else(|| panic!("{name}: {found}"))
    };
    let frames: u64 = stream("h264")["nb_read_frames"].as_str().unwrap().parse().unwrap();
    assert!(frames as f64 <= duration * 30.0 + 0.5, "{name}: {frames} frames in {duration} s");
    let sounds: f64 = stream("aac")["nb_read_frames"].as_str().unwrap().parse().unwrap();
    // Frames of 1024 samples do not end where pictures do.
    assert!((sounds - duration * 48_000.0 / 1024.0).abs() <= 2.0, "{name}: {sounds} sounds in {duration} s");
    let packets = found["packets"].as_array().unwrap();
    let first = packets.iter().find(|packet| packet["codec_type"] == "video").unwrap();
    assert!(first["flags"].as_str().unwrap().starts_with('K'), "{name} begins with {first}");
    let times = packets.iter().filter(|packet| packet["codec_type"] == "video").map(|packet| {
        let time = packet["pts_time"].as_str().unwrap_or_else(|| panic!("{name}: {packet}"));
        time.parse::<f64>().unwrap()
    });
    let (first, last) =
        times.fold((f64::MAX, f64::MIN), |(first, last), time| (first.min(time), last.max(time)));
    (first, last, frames)
}

/// The events of a tool that ends by itself and found nothing wrong.
fn succeed(tool: Helper, name: &str) -> Vec<Value> {
    figure(&format!("{name} ends ({})", load()));
    tool.succeed(Duration::from_secs(60))
}
