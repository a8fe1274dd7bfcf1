//! From the publisher's camera to the RTMP receiver, read from the frame counter, with both codecs.

use crate::{
    capture_clock::CaptureClock,
    server::{Server, figure, load, one_at_a_time},
};
use meetingcast::{
    demo::rtmp_sink::{RtmpSink, TagKind},
    publisher::{
        client::Publisher,
        options::{PublishOptions, VideoCodec},
        planes::PictureSize,
        recording::Layout,
        viewer,
    },
};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn the_delay_to_the_rtmp_receiver_is_some_hundred_milliseconds() {
    let _turn = one_at_a_time();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Server::start();
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let delays = runtime.block_on(measure(&server, codec));
        let at = |part: f64| delays[(delays.len() as f64 * part) as usize];
        figure(&format!(
            "delay {codec}: p50 {:.0} ms, p95 {:.0} ms, max {:.0} ms of {} frames",
            at(0.5),
            at(0.95),
            delays[delays.len() - 1],
            delays.len()
        ));
        assert!(at(0.95) <= 400.0, "p95 {:.0} ms ({})", at(0.95), load());
    }
}

async fn measure(server: &Server, codec: VideoCodec) -> Vec<f64> {
    let room = format!("delay-{codec}");
    let mut options = PublishOptions::participant(0, &server.whip(&room, "ann"));
    options.codec = codec;
    let mut publisher = Publisher::start(options).unwrap();
    assert!(publisher.connected().await);
    tokio::task::block_in_place(|| server.wait_for_picture(&room, "ann"));
    let sink = RtmpSink::bind("127.0.0.1:0").await.unwrap();
    let clock = CaptureClock::of(&publisher);
    let url = format!("rtmp://{}/live/x", sink.local_addr());
    let body = json!({"participant": "ann", "outputs": [{"type": "rtmp", "url": url}]});
    tokio::task::block_in_place(|| {
        server.ok("POST", &format!("/v1/conferences/{room}/cast/start"), Some(body))
    });
    let enough = |tags: &[meetingcast::demo::rtmp_sink::ReceivedTag]| {
        tags.iter().filter(|tag| tag.kind == TagKind::Video).count() >= 240
    };
    tokio::time::timeout(Duration::from_secs(30), sink.wait_for(enough))
        .await
        .expect("eight seconds of video");
    tokio::task::block_in_place(|| server.ok("POST", &format!("/v1/conferences/{room}/cast/stop"), None));
    publisher.stop().await.unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("delay.flv");
    sink.write_flv(&path).await.unwrap();
    let recording = tokio::task::spawn_blocking(move || {
        viewer::view_file(&path, Layout::Single(PictureSize { width: 640, height: 360 })).unwrap()
    })
    .await
    .unwrap();
    // Frames come out of the decoder in the order the tags went in.
    let arrivals: Vec<Instant> =
        sink.tags().iter().filter(|tag| tag.kind == TagKind::Video).map(|tag| tag.received_at).collect();
    let mut delays = Vec::new();
    for (frame, arrived) in recording.video.iter().zip(&arrivals) {
        let Some(counter) = frame.reading(0).and_then(|reading| reading.counter) else { continue };
        delays.push(clock.delay_ms(counter, *arrived));
    }
    assert!(delays.len() > 200, "{} frames could be read", delays.len());
    delays.sort_by(f64::total_cmp);
    delays
}
