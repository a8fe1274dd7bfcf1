//! Our side: participants publish, a cast goes out by RTMP and HLS.

use crate::{
    costs::Measured,
    process,
    row::{Mode, Row},
    server::{Helper, Server, publish, wait_for},
};
use meetingcast::{
    demo::rtmp_sink::{RtmpSink, TagKind},
    publisher::{options::VideoCodec, subscriber::Subscriber},
};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};
use tokio::runtime::Runtime;

/// Connections, decoders and the encoder's first seconds are not what a cast costs.
pub const SETTLE: Duration = Duration::from_secs(5);

/// Pictures that a receiver got so far.
pub fn frames(sink: &RtmpSink) -> usize {
    sink.tags().iter().filter(|tag| tag.kind == TagKind::Video).count()
}

/// Lets p0, p1, … publish a clip each, each in a process of its own; returns when their media flows.
pub fn publishers(server: &Server, conference: &str, clips: &[PathBuf]) -> Vec<Helper> {
    let start = |(number, clip): (usize, &PathBuf)| {
        let clip = clip.to_str().expect("a path of ours is text");
        publish(&server.whip(conference, &format!("p{number}")), &["--file", clip])
    };
    let publishers = clips.iter().enumerate().map(start).collect();
    connected(server, conference, clips.len());
    publishers
}

/// Waits until media of p0, p1, … flows.
pub fn connected(server: &Server, conference: &str, people: usize) {
    for number in 0..people {
        let path = format!("/v1/conferences/{conference}/participants/p{number}");
        wait_for("a participant's media", Duration::from_secs(30), || {
            (server.call("GET", &path, None).body["streams"][0]["connected"] == true).then_some(())
        });
    }
}

/// Somebody who watches by WHEP, until it is dropped.
pub fn viewer(url: &str) -> Subscriber {
    let (viewer, offer) = Subscriber::open(VideoCodec::H264).expect("a viewer");
    let answer = ureq::post(url).header("content-type", "application/sdp").send(&offer);
    let answer = answer.and_then(|mut answer| answer.body_mut().read_to_string()).expect("an answer");
    viewer.answer(&answer).expect("the answer is taken");
    viewer
}

/// What is asked for: a program of this row for one RTMP receiver, and HLS.
pub fn start(row: &Row, sink: &RtmpSink) -> Value {
    let source = match (row.mode, row.people) {
        (Mode::Passthrough, _) | (Mode::Composed, 1) => json!({"participant": "p0"}),
        _ => json!({"layout": "grid"}),
    };
    let encoding = match row.mode {
        Mode::Passthrough => json!({"mode": "passthrough"}),
        Mode::Composed => json!({"width": 1280, "height": 720, "fps": 30, "video_kbps": 2500}),
    };
    json!({"source": source, "encoding": encoding, "outputs": [
        {"type": "rtmp", "url": format!("rtmp://{}/live/ours", sink.local_addr())},
        {"type": "hls", "low_latency": false},
    ]})
}

/// One round.
pub fn cast(runtime: &Runtime, row: &Row, clips: &[PathBuf], window: Duration) -> Measured {
    // What 16 people cost is to be measured, not refused.
    let server = Server::start_with(&[("LIMITS__MAX_LOAD", "0")]);
    let _publishers = publishers(&server, "bench", clips);
    let sink = runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
    server.ok("POST", "/v1/conferences/bench/cast/start", Some(start(row, &sink)));
    std::thread::sleep(SETTLE);
    let pids = [server.process.child.id(), server.worker("bench").expect("a worker")];
    let before = frames(&sink);
    let cores = process::cores(&pids, window);
    Measured { cores, frames: frames(&sink) - before, rss_mb: process::rss_mb(&pids) }
}
