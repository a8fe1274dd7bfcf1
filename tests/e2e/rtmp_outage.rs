//! The RTMP server goes away for ten seconds: that output comes back by itself, the others notice nothing.

use crate::{
    nginx::Nginx,
    on_air::{FRAME, OnAir, output, view},
    server::{Helper, Server, ffprobe, figure, load, one_at_a_time, wait_for},
};
use meetingcast::{
    demo::rtmp_sink::{RtmpSink, TagKind},
    publisher::palette::Colour,
};
use serde_json::json;
use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const OUTAGE: Duration = Duration::from_secs(10);
/// Waits of 0.5, 1, 2, 4 and 8 s: the fifth can begin just before the server is back.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// An address of its own, where nobody takes the port in the meantime.
const ADDRESS: &str = "127.78.0.2";
/// Seconds that are played from nginx after the outage.
const PULLED: &str = "2.5";
const KEY: &str = "s3cretkey";

#[test]
fn an_rtmp_server_that_was_away_gets_the_stream_again_and_hls_notices_nothing() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let server = Server::start();
    let mut nginx = Nginx::start();
    let sink = runtime.block_on(RtmpSink::bind((ADDRESS, 0))).unwrap();
    let address = sink.local_addr();
    let more = [
        json!({"id": "nginx", "type": "rtmp", "url": nginx.url(KEY)}),
        json!({"id": "sink", "type": "rtmp", "url": format!("rtmp://{address}/live/{KEY}")}),
    ];
    let on_air = OnAir::start(&server, &runtime, "room", 0, &more);
    for id in ["nginx", "sink"] {
        wait_for_state(&server, &on_air, id, "live", Duration::from_secs(5));
    }
    on_air.watch(&runtime, Duration::from_secs(1));

    let gone_at = Instant::now();
    nginx.stop();
    runtime.block_on(sink.shutdown());
    for id in ["nginx", "sink"] {
        wait_for_state(&server, &on_air, id, "retrying", Duration::from_secs(5));
    }
    on_air.watch(&runtime, OUTAGE.saturating_sub(gone_at.elapsed()));
    for id in ["nginx", "sink"] {
        let output = on_air.output(&server, id);
        let sentence = output["last_error"].as_str().unwrap();
        figure(&format!("{id} while away: {} retries, {sentence:?}", output["retries"]));
        assert_eq!(output["state"], "retrying", "{output}");
        // The broken connection, and attempts after 0.5, 1.5, 3.5 and 7.5 s (up to a quarter less each).
        assert!((4..=6).contains(&output["retries"].as_u64().unwrap()), "{output}");
        assert!(sentence.contains("cannot connect to 127.78.0."), "{sentence}");
        assert!(!output.to_string().contains(KEY), "{output}");
    }

    let back_at = Instant::now();
    nginx.restart();
    let sink = runtime.block_on(RtmpSink::bind(address)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let flv = directory.path().join("after.flv");
    // Plays from the stream's first message on, since it is there before the publisher.
    let mut pull = pull(&nginx.url(KEY), &flv);
    for id in ["nginx", "sink"] {
        wait_for_state(&server, &on_air, id, "live", LONGEST_WAIT + Duration::from_secs(2));
        figure(&format!("{id}: live {} ms after it was back", back_at.elapsed().as_millis()));
    }
    check_first_tags(&runtime, &sink, address);
    on_air.watch(&runtime, Duration::from_secs(3));
    wait_for("the pull from nginx to end", Duration::from_secs(25), || pull.child.try_wait().unwrap());
    let received = on_air.stop(&server, &runtime).view();

    received.assert_whole("beside the outage");
    for id in ["nginx", "sink"] {
        let output = output(&received.stopped, id);
        assert_eq!(output["state"], "stopped", "{output}");
    }
    check_pulled(&flv, &pull.said());
    assert!(!server.process.said().contains(KEY), "the key is in the log");
}

fn wait_for_state(server: &Server, on_air: &OnAir, id: &str, state: &str, limit: Duration) {
    wait_for(&format!("{id} to be {state}"), limit, || {
        (on_air.output(server, id)["state"] == state).then_some(())
    });
}

fn pull(url: &str, to: &Path) -> Helper {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-rw_timeout", "20000000", "-i", url]);
    // With what is no keyframe at the beginning, were there any.
    command.args(["-c", "copy", "-copyinkf", "-t", PULLED]).arg(to);
    Helper::start(command)
}

/// Metadata and both sequence headers come before any frame, and the first picture is an IDR at zero.
fn check_first_tags(runtime: &Runtime, sink: &RtmpSink, address: SocketAddr) {
    let frames = |kind: TagKind| matches!(kind, TagKind::Video | TagKind::Audio);
    let enough = sink.wait_for(|tags| tags.iter().filter(|tag| frames(tag.kind)).count() >= 10);
    let came = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), enough).await });
    assert!(came.is_ok(), "nothing came to {address} ({})", load());
    let tags = sink.tags();
    let first = tags.iter().position(|tag| frames(tag.kind)).unwrap();
    let before: Vec<TagKind> = tags[..first].iter().map(|tag| tag.kind).collect();
    for kind in [TagKind::Metadata, TagKind::VideoHeader, TagKind::AudioHeader] {
        assert!(before.contains(&kind), "{kind:?} is not among {before:?}");
    }
    assert!(tags[first].is_keyframe() && tags[first].timestamp_ms == 0, "{:?}", tags[first]);
}

/// What nginx passed on can be decoded from its first frame on, and lost none after it.
fn check_pulled(flv: &Path, said: &str) {
    let packets =
        ffprobe(flv.to_str().unwrap(), &["-select_streams", "v:0", "-show_entries", "packet=pts_time,flags"]);
    let packets = packets["packets"].as_array().unwrap();
    assert!(packets[0]["flags"].as_str().unwrap().starts_with('K'), "{} {said}", packets[0]);
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(flv)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&decoded.stderr);
    assert!(decoded.status.success() && said.is_empty(), "{said}");
    let recording = view(flv);
    assert_eq!(recording.video.len(), packets.len());
    let report = recording.report(0, FRAME);
    let cadence = report.cadence;
    assert!(recording.video.len() > 60, "{report}");
    assert_eq!((cadence.skipped, cadence.repeated, cadence.nobody), (0, 0, 0), "({})\n{report}", load());
    assert_eq!(recording.video[0].reading(0).and_then(|reading| reading.colour), Some(Colour::of(0)));
}
