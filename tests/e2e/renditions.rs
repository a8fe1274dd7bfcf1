//! A cast in three sizes and sound alone: every rendition keeps the rules, and a player that changes between
//! them does not stall; what a rendition shows is the program.

use crate::{
    on_air::view,
    server::{Helper, Server, browser, figure, load, one_at_a_time, publish},
};
use meetingcast::publisher::palette::Colour;
use serde_json::{Value, json};
use std::{process::Command, time::Duration};

// Three encoders, a publisher and a browser that decodes share two cores: sizes at which none of them has to
// leave pictures out, which is tested as a rule of the encoder's own.
const SIZES: [(&str, u64); 3] = [("video", 360), ("270p", 270), ("180p", 180)];

#[test]
fn a_player_changes_between_renditions_that_are_one_program() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let _publisher = publish(&server.whip("room", "ann"), &["--pattern", Colour::of(0).name()]);
    server.wait_for_picture("room", "ann");
    let body = json!({
        "participant": "ann",
        "encoding": {
            "width": 640, "height": 360, "video_kbps": 800,
            "renditions": [{"height": 180, "video_kbps": 250}, {"height": 270, "video_kbps": 500}],
        },
    });
    let cast = server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
    assert_eq!(
        cast["encoding"]["renditions"],
        json!([{"width": 480, "height": 270, "video_kbps": 500}, {"width": 320, "height": 180, "video_kbps": 250}])
    );
    let url = cast["play"]["hls"].as_str().unwrap();

    let validator =
        browser("validate.mjs", &["--url", url, "--polls", "3", "--over", "4", "--require-low-latency"]);
    let report = finished(validator, "report");
    let playlists = report["playlists"].as_array().unwrap();
    assert_eq!(playlists.len(), 4, "{report}");
    figure(&format!("validate: {}", report["playlists"]));

    let player = browser(
        "play.mjs",
        &[
            "--url",
            url,
            "--seconds",
            "16",
            "--cycle-levels",
            "4",
            "--max-latency",
            "2.5",
            "--catch-up",
            "1.1",
        ],
    );
    let summary = finished(player, "summary");
    figure(&format!(
        "hls.js: sizes {}, {} s behind, {} frames",
        summary["sizes"], summary["latency_s"], summary["frames"]
    ));

    let directory = tempfile::tempdir().unwrap();
    for (name, height) in SIZES {
        let path = directory.path().join(format!("{name}.mp4"));
        let media = url.replace("index.m3u8", &format!("{name}/media.m3u8"));
        let pulled = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-i", &media, "-c", "copy", "-t", "4"])
            .arg(&path)
            .output()
            .unwrap();
        assert!(pulled.status.success(), "{name}: {}", String::from_utf8_lossy(&pulled.stderr));
        let recording = view(&path);
        let sizes: Vec<_> = recording.sizes.iter().map(|(_, size)| size.height as u64).collect();
        assert_eq!(sizes, [height], "{name}");
        let seen = recording.video.iter().filter_map(|frame| frame.reading(0)?.colour);
        let (ours, all) =
            seen.fold((0, 0), |(ours, all), colour| (ours + u32::from(colour == Colour::of(0)), all + 1));
        assert!(all >= 100 && ours == all, "{name}: {ours} of {all} frames show the participant");
    }
    let dropped = server.cast("room")["program"]["rendition_dropped"].as_u64().unwrap();
    // Half a second of one of them in half a minute: a machine that is busy elsewhere, not one that cannot.
    assert!(dropped <= 15, "{dropped} pictures left out ({})", load());
    server.ok("POST", "/v1/conferences/room/cast/stop", None);
    let ended = browser("validate.mjs", &["--url", url, "--polls", "2", "--over", "1", "--expect-ended"]);
    if dropped == 0 {
        finished(ended, "report");
    }
}

/// What a tool that found nothing wrong says at its end.
fn finished(tool: Helper, name: &str) -> Value {
    let events = tool.succeed(Duration::from_secs(60));
    events.into_iter().rev().find(|event| event["event"] == name).unwrap_or_else(|| panic!("no {name}"))
}
