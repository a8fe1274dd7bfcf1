//! How old a picture is when it is with the audience: from its capture, by the frame counter in it, to the RTMP
//! receiver, to a client of low-latency HLS (the newest frame of each part) and to the decoder of a WHEP viewer; all
//! three of the same cast at once.

use crate::{
    Bench,
    capture_clock::CaptureClock,
    number, ours,
    part_follower::PartFollower,
    server::wait_for,
    spread::Spread,
    stage::{ROOM, Stage},
};
use meetingcast::{
    demo::rtmp_sink::{ReceivedTag, RtmpSink, TagKind},
    publisher::{
        options::VideoCodec,
        planes::PictureSize,
        recording::{Layout, Recording, VideoSample},
        viewer,
    },
};
use serde_json::json;
use std::{path::Path, time::Duration};

const SIZE: PictureSize = PictureSize { width: 640, height: 360 };
/// What all three are watched for by default, seconds.
const SECONDS: u64 = 30;
const FRAME: Duration = Duration::from_nanos(33_333_333);

/// Prints the table.
pub fn run(bench: &Bench) {
    if !bench.wants("delays") {
        return;
    }
    println!("\n| from → to | ms: p50 | p95 | max | frames |");
    println!("|---|---|---|---|---|");
    for mode in ["composed", "passthrough"] {
        for codec in [VideoCodec::H264, VideoCodec::Vp8] {
            // What passes through is H.264.
            if mode == "composed" || codec == VideoCodec::H264 {
                measure(mode, codec);
            }
        }
    }
}

fn measure(mode: &str, codec: VideoCodec) {
    let stage = Stage::set(&[]);
    let mut options = stage.options(0, "ann");
    (options.rate.0, options.size, options.video_kbps.0, options.codec) = (30, SIZE, 800, codec);
    let publisher = stage.join(options);
    stage.seen("ann");
    let (clock, captures) = (CaptureClock::of(&publisher), publisher.clock());
    let sink = stage.runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
    let encoding = match mode {
        "passthrough" => json!({"mode": "passthrough"}),
        _ => json!({"width": SIZE.width, "height": SIZE.height}),
    };
    let body = json!({"participant": "ann", "encoding": encoding, "outputs": [
        {"type": "rtmp", "url": format!("rtmp://{}/live/x", sink.local_addr())}, {"type": "hls"},
    ]});
    let cast = stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/start"), Some(body));
    let media = format!("/hls/{ROOM}/video/media.m3u8");
    wait_for("some segments", Duration::from_secs(20), || {
        let playlist = stage.server.call("GET", &media, None).body;
        (playlist.as_str()?.matches("#EXTINF").count() >= 2).then_some(())
    });
    let directory = tempfile::tempdir().expect("a directory");
    let index = cast["play"]["hls"].as_str().expect("a URL");
    let follower = PartFollower::start(&index.replace("index.m3u8", "video/media.m3u8"), directory.path());
    let viewer = ours::viewer(cast["play"]["whep"].as_str().expect("a URL"));
    std::thread::sleep(Duration::from_secs(number("DELAY_SECONDS", SECONDS)));
    let followed = follower.finish();
    let watched = viewer.delays_ms(|counter| captures.capture_ns(counter));
    stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/stop"), None);
    stage.leave(publisher);
    let name = format!("{mode}, {codec} in");
    let print = |to: &str, delays: Vec<f64>| {
        let spread = Spread::of(delays);
        println!("| {name} → {to} | {spread} | {} |", spread.count());
    };
    print("RTMP receiver", pushed(&stage, &sink, directory.path(), &clock));
    print("LL-HLS client, newest frame of a part", followed.delays_ms(&view(&followed.file), &clock, FRAME));
    print("WHEP viewer, decoded", watched);
}

fn view(path: &Path) -> Recording {
    viewer::view_file(path, Layout::Single(SIZE)).expect("a recording")
}

fn pushed(stage: &Stage, sink: &RtmpSink, directory: &Path, clock: &CaptureClock) -> Vec<f64> {
    let path = directory.join("pushed.flv");
    stage.runtime.block_on(sink.write_flv(&path)).expect("a file");
    let tags = sink.tags().into_iter().filter(|tag| tag.kind == TagKind::Video);
    let frames = view(&path).video.into_iter().zip(tags);
    let delay = |(frame, tag): (VideoSample, ReceivedTag)| {
        Some(clock.delay_ms(frame.reading(0)?.counter?, tag.received_at))
    };
    frames.filter_map(delay).collect()
}
