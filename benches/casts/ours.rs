//! Our side: participants publish, a cast goes out by RTMP and HLS.

use crate::{
    Measured, process,
    row::{Mode, Row},
    server::{Helper, Server, publish, wait_for},
};
use meetingcast::demo::rtmp_sink::{RtmpSink, TagKind};
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use tokio::runtime::Runtime;

/// Connections, decoders and the encoder's first seconds are not what a cast costs.
pub const SETTLE: Duration = Duration::from_secs(5);

/// Pictures that a receiver got so far.
pub fn frames(sink: &RtmpSink) -> usize {
    sink.tags().iter().filter(|tag| tag.kind == TagKind::Video).count()
}

pub fn cast(runtime: &Runtime, row: &Row, clips: &[PathBuf], window: Duration) -> Measured {
    let server = Server::start();
    let _publishers: Vec<Helper> = clips
        .iter()
        .enumerate()
        .map(|(number, clip)| {
            let clip = clip.to_str().expect("a path of ours is text");
            publish(&server.whip("bench", &format!("p{number}")), &["--file", clip])
        })
        .collect();
    for number in 0..clips.len() {
        let path = format!("/v1/conferences/bench/participants/p{number}");
        wait_for("a participant's media", Duration::from_secs(30), || {
            (server.call("GET", &path, None).body["streams"][0]["connected"] == true).then_some(())
        });
    }
    let sink = runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
    let source = match (row.mode, row.people) {
        (Mode::Passthrough, _) | (Mode::Composed, 1) => json!({"participant": "p0"}),
        _ => json!({"layout": "grid"}),
    };
    let encoding = match row.mode {
        Mode::Passthrough => json!({"mode": "passthrough"}),
        Mode::Composed => json!({"width": 1280, "height": 720, "fps": 30, "video_kbps": 2500}),
    };
    let body = json!({"source": source, "encoding": encoding, "outputs": [
        {"type": "rtmp", "url": format!("rtmp://{}/live/ours", sink.local_addr())},
        {"type": "hls", "low_latency": false},
    ]});
    server.ok("POST", "/v1/conferences/bench/cast/start", Some(body));
    std::thread::sleep(SETTLE);
    let pids = [server.process.child.id(), server.worker("bench").expect("a worker")];
    let before = frames(&sink);
    let cores = process::cores(&pids, window);
    Measured { cores, frames: frames(&sink) - before, rss_mb: process::rss_mb(&pids) }
}
