//! A server that has more to do than it may gives its smaller renditions fewer pictures, and all of them again when
//! there has been room for a while; the program keeps every picture, and a player that changes between the sizes
//! meanwhile does not stall.

use crate::server::{Server, browser, ffprobe, figure, load, one_at_a_time, publish, wait_for};
use serde_json::json;
use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

/// Of two cores 0.6: several times what the cast needs (there is room again below three quarters of it), and less than what
/// answering requests without pause takes.
const MAX_LOAD: &str = "0.3";

#[test]
fn renditions_give_pictures_under_load_and_get_them_back() {
    let _turn = one_at_a_time();
    let server = Server::start_with(&[("LIMITS__MAX_LOAD", MAX_LOAD)]);
    let _publisher = publish(&server.whip("room", "ann"), &[]);
    server.wait_for_picture("room", "ann");
    let body = json!({
        "participant": "ann",
        "encoding": {"width": 320, "height": 180, "video_kbps": 300, "renditions": [{"height": 90, "video_kbps": 100}]},
    });
    // What the worker's start took counts for a few seconds.
    let cast = wait_for("room for the cast", Duration::from_secs(60), || {
        let answer = server.call("POST", "/v1/conferences/room/cast/start", Some(body.clone()));
        (answer.status == 201).then_some(answer.body)
    });
    assert_eq!(cast["shed"], json!([]));
    let url = cast["play"]["hls"].as_str().unwrap();
    let fps = |name: &str| pictures_a_second(&url.replace("index.m3u8", &format!("{name}/media.m3u8")));

    let stop = AtomicBool::new(false);
    let shed = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    server.call("GET", "/openapi.json", None);
                }
            });
        }
        let shed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for("a rendition to give pictures", Duration::from_secs(120), || {
                let shed = server.cast("room")["shed"].clone();
                (shed != json!([])).then_some(shed)
            })
        }));
        stop.store(true, Relaxed);
        shed
    });
    let shed = shed.unwrap_or_else(|_| panic!("nothing was shed ({})", load()));
    assert_eq!(shed, json!([{"rendition": "90p", "fps": 15.0}]), "one step at a time");
    assert!(server.process.said().contains("smaller renditions get fewer pictures"));

    // Through the way back, too. A browser whose clock of the sound runs late on a busy machine falls behind by a
    // second in half a minute, so it plays as the studio's player does, which catches up.
    let mut player = browser(
        "play.mjs",
        &[
            "--url",
            url,
            "--until-stdin-close",
            "--cycle-levels",
            "4",
            "--max-latency",
            "3",
            "--catch-up",
            "1.1",
        ],
    );
    let half = wait_for("a rendition of half the pictures", Duration::from_secs(20), || {
        let rate = fps("90p");
        (rate < 17.0).then_some(rate)
    });
    assert!(half > 13.0, "{half}");
    let program = fps("video");
    assert!(program > 29.0, "{program} ({})", load());
    browser("validate.mjs", &["--url", url, "--polls", "2", "--over", "3", "--require-low-latency"])
        .succeed(Duration::from_secs(60));

    let used = wait_for("the pictures to come back", Duration::from_secs(120), || {
        (server.cast("room")["shed"] == json!([])).then(|| server.metric("meetingcast_cpu_cores"))
    });
    let full = wait_for("a rendition of all pictures", Duration::from_secs(30), || {
        let rate = fps("90p");
        (rate > 29.0).then_some(rate)
    });
    player.close_stdin();
    let summary =
        player.succeed(Duration::from_secs(30)).into_iter().rev().find(|event| event["event"] == "summary");
    figure(&format!(
        "shed: {half:.1}, then {full:.1} of {program:.1} pictures a second, with {used:.2} cores used; hls.js: {summary:?}"
    ));
    server.ok("POST", "/v1/conferences/room/cast/stop", None);
}

/// Of what a live playlist has just now.
fn pictures_a_second(media: &str) -> f64 {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pulled.mp4");
    let pulled = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i", media, "-map", "0:v", "-c", "copy", "-t", "4"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    let shown =
        ffprobe(path.to_str().unwrap(), &["-select_streams", "v", "-show_entries", "packet=pts_time"]);
    let times: Vec<f64> = shown["packets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|packet| packet["pts_time"].as_str().unwrap().parse().unwrap())
        .collect();
    let length = times.iter().copied().fold(0.0, f64::max) - times.iter().copied().fold(f64::MAX, f64::min);
    (times.len() - 1) as f64 / length
}
