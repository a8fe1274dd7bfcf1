//! A conference's worker dies or freezes: its casts go on with the next worker, and nobody else notices.

use crate::{
    on_air::{FRAME, OnAir, Received, video},
    server::{Server, figure, load, one_at_a_time, signal_pid, wait_for},
};
use meetingcast::{
    demo::rtmp_sink::TagKind,
    publisher::{palette::Colour, recording::Recording},
};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

/// `worker.heartbeat_timeout_ms`
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(2);
/// The program's frames go on so long after the loss is noticed.
const BACK: Duration = Duration::from_secs(2);

#[test]
fn another_worker_takes_over_and_the_other_conference_notices_nothing() {
    let _turn = one_at_a_time();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Short segments and a short window, so that the discontinuity leaves the playlist while we watch.
    let server = Server::start_with(&[
        ("ENCODING__KEYFRAME_MS", "1000"),
        ("HLS__SEGMENT_MS", "1000"),
        ("HLS__WINDOW_S", "3"),
    ]);
    let hurt = OnAir::start(&server, &runtime, "hurt", 0, &[]);
    let other = OnAir::start(&server, &runtime, "other", 1, &[]);
    other.watch(&runtime, Duration::from_secs(2));

    let killed_at = lose_worker(&server, &hurt, Signal::KILL);
    let playlist = wait_for_playlist(&server, |text| text.contains("#EXT-X-DISCONTINUITY\n"));
    assert!(playlist.contains("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI="), "{playlist}");
    assert!(playlist.contains("#EXT-X-DISCONTINUITY-SEQUENCE:0\n"), "{playlist}");
    // The window moves past it. And ten seconds make a worker's second loss as unexpected as its first.
    hurt.watch(&runtime, Duration::from_secs(10));
    let playlist = wait_for_playlist(&server, |text| !text.contains("#EXT-X-DISCONTINUITY\n"));
    assert!(playlist.contains("#EXT-X-DISCONTINUITY-SEQUENCE:1\n"), "{playlist}");

    let frozen_at = lose_worker(&server, &hurt, Signal::STOP);
    hurt.watch(&runtime, Duration::from_secs(2));
    let cast = server.cast("hurt");
    assert_eq!((&cast["state"], &cast["play"]["hls"]), (&json!("live"), &json!(hurt.hls_url)));
    let push = hurt.output(&server, "push");
    assert_eq!((&push["state"], &push["retries"]), (&json!("live"), &json!(0)), "{push}");
    assert_eq!(server.ok("GET", "/v1/conferences/hurt", None)["worker_restarts"], 2);

    let (hurt, other) = (hurt.stop(&server, &runtime), other.stop(&server, &runtime));
    let (hurt, other) = (hurt.view(), other.view());
    other.assert_whole("the other conference");
    check_takeovers(&hurt, killed_at, frozen_at);
}

/// Sends a signal to the worker and returns when the publisher is back in the next one.
fn lose_worker(server: &Server, on_air: &OnAir, signal: Signal) -> Instant {
    let worker = server.worker(&on_air.room).expect("a worker");
    let at = Instant::now();
    signal_pid(worker, signal);
    let next = |pid: &u32| *pid != worker;
    let patience = HEARTBEAT_TIMEOUT + Duration::from_secs(10);
    wait_for("another worker", patience, || server.worker(&on_air.room).filter(next));
    server.wait_for_picture(&on_air.room, "ann");
    at
}

fn wait_for_playlist(server: &Server, good: impl Fn(&str) -> bool) -> String {
    wait_for("the playlist to change", Duration::from_secs(10), || {
        let answer = server.call("GET", "/hls/hurt/video/media.m3u8", None);
        answer.body.as_str().filter(|text| good(text)).map(str::to_owned)
    })
}

fn check_takeovers(hurt: &Received, killed_at: Instant, frozen_at: Instant) {
    assert!(hurt.hls.ended && hurt.hls.missed == 0, "{:?}", hurt.hls);
    assert_eq!(hurt.hls_parts.len(), 3, "an initialisation segment for each worker: {:?}", hurt.hls);
    assert!(hurt.tags.iter().all(|tag| tag.connection == 0), "one RTMP connection");
    let headers = hurt.tags.iter().filter(|tag| tag.kind == TagKind::VideoHeader).count();
    figure(&format!("video sequence headers on the connection: {headers}"));

    let frames: Vec<_> = video(&hurt.tags).collect();
    let breaks: Vec<usize> =
        (1..frames.len()).filter(|n| frames[*n].timestamp_ms - frames[n - 1].timestamp_ms > 50).collect();
    assert_eq!(breaks.len(), 2, "two workers were lost ({})", load());
    let losses = [("killed", killed_at, BACK), ("frozen", frozen_at, HEARTBEAT_TIMEOUT + BACK)];
    for ((what, lost_at, limit), n) in losses.into_iter().zip(breaks) {
        let back = frames[n].received_at.duration_since(lost_at);
        let missing = frames[n].timestamp_ms - frames[n - 1].timestamp_ms;
        let shows = |frame: &meetingcast::publisher::recording::VideoSample| {
            frame.reading(0).and_then(|reading| reading.colour) == Some(Colour::of(0))
        };
        let again = (n..frames.len()).find(|n| shows(&hurt.rtmp.video[*n])).expect("the publisher's picture");
        let seen = frames[again].received_at.duration_since(lost_at);
        figure(&format!(
            "worker {what}: program back after {} ms ({missing} ms without a frame), publisher seen after {} ms",
            back.as_millis(),
            seen.as_millis()
        ));
        assert!(frames[n].is_keyframe(), "{what}: the next worker begins with a keyframe");
        assert!(back <= limit, "{what}: back after {back:?} ({})", load());
        assert!(missing <= limit.as_millis() as u32, "{what}: {missing} ms are missing ({})", load());
    }
    for part in &hurt.hls_parts {
        plays_to_the_end(part);
    }
}

/// One worker's stretch of the HLS stream: without a gap, and the publisher is on it at the end.
fn plays_to_the_end(part: &Recording) {
    let report = part.report(0, FRAME);
    assert!(report.gaps.is_empty() && report.backward_frames == 0, "{report}");
    let last = part.video.last().and_then(|frame| frame.reading(0)).expect("a picture");
    assert_eq!(last.colour, Some(Colour::of(0)), "{report}");
    assert_eq!(
        part.audio.heard.windows.iter().rev().find_map(|window| window.loudest()),
        Some(0),
        "{report}"
    );
}

#[test]
fn no_worker_outlives_a_killed_server() {
    let _turn = one_at_a_time();
    let mut server = Server::start();
    for room in ["one", "two"] {
        server.ok("PUT", &format!("/v1/conferences/{room}"), Some(json!({})));
        let slate = json!({"source": {"slate": true}});
        server.ok("POST", &format!("/v1/conferences/{room}/cast/start"), Some(slate));
    }
    let workers = server.workers();
    assert_eq!(workers.len(), 2, "{workers:?}");
    // One of them could not even notice that its socket is closed.
    signal_pid(workers[0].0, Signal::STOP);
    server.process.signal(Signal::KILL);
    server.process.child.wait().unwrap();
    for (pid, room) in workers {
        wait_for(&format!("the end of the worker of {room}"), Duration::from_secs(5), || {
            is_gone(pid).then_some(())
        });
    }
}

/// It runs no more. (Who reaps it after its parent is not ours to say.)
fn is_gone(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.map_or(true, |status| status.contains("\nState:\tZ") || status.contains("\nState:\tX"))
}
