//! A cast that is pushed and pulled by RTMP while it is switched.

use crate::{
    on_air::{self, OnAir},
    server::{Helper, Server, load, one_at_a_time, publish},
};
use meetingcast::publisher::palette::Colour;
use serde_json::json;
use std::{
    process::Command,
    time::{Duration, Instant},
};

const SWITCHES: usize = 4;

#[test]
fn a_player_has_every_frame_of_a_switched_cast() {
    let _turn = one_at_a_time();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Server::start_with(&[("RTMP__LISTEN", "127.0.0.1:0")]);
    let on_air = OnAir::start(&server, &runtime, "room", 0, &[json!({"id": "play", "type": "rtmp_play"})]);
    let _bob = publish(&server.whip("room", "bob"), &["--pattern", Colour::of(1).name(), "--reconnect"]);
    server.wait_for_picture("room", "bob");
    let cast = server.cast("room");
    let url = cast["play"]["rtmp"].as_str().unwrap().to_owned();
    assert!(url.starts_with("rtmp://127.0.0.1:") && url.ends_with("/live/room"), "{url}");
    assert_eq!(on_air::output(&cast, "play")["state"], "live");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pulled.flv");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-i", &url, "-c", "copy", "-f", "flv"]).arg(&file);
    let player = Helper::start(command);
    let sent = || on_air::output(&server.cast("room"), "play")["bytes_sent"].as_u64().unwrap();
    crate::server::wait_for("the player to get media", Duration::from_secs(10), || {
        (sent() > 0).then_some(())
    });

    on_air.watch(&runtime, Duration::from_secs(2));
    for n in 0..SWITCHES {
        let to = ["bob", "ann"][n % 2];
        server.ok("POST", "/v1/conferences/room/cast/switch", Some(json!({"participant": to})));
        on_air.watch(&runtime, Duration::from_millis(1500));
    }
    let asked = Instant::now();
    let landed = on_air.stop(&server, &runtime);
    player.succeed(Duration::from_secs(10));
    assert!(asked.elapsed() < Duration::from_secs(15));

    let pulled = on_air::view(&file);
    let pushed = landed.view().rtmp;
    let report = pulled.report(0, on_air::FRAME);
    assert!(report.gaps.is_empty() && report.black.is_empty(), "({})\n{report}", load());
    // The counter moves on by one at each frame, but where another participant's begins.
    let steps = on_air::odd_steps(&pulled);
    assert_eq!(steps.len(), SWITCHES, "{steps:?} ({})\n{report}", load());
    // And the last frame is the program's last.
    let last = |recording: &meetingcast::publisher::recording::Recording| {
        recording.video.last().and_then(|frame| frame.reading(0)?.counter)
    };
    assert_eq!(last(&pulled), last(&pushed));
    assert!(last(&pulled).is_some());
    // Times begin near zero.
    assert!(pulled.video[0].pts_ns < 100_000_000, "{}", pulled.video[0].pts_ns);
}
