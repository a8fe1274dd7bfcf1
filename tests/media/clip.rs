//! A publisher that sends a file: it arrives as it is, again and again, without a seam.

use crate::{
    direct_publisher::DirectPublisher,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns},
};
use meetingcast::{
    ipc::{SourceReport, WorkerEvent},
    publisher::{
        clip::{Clip, ClipError},
        options::{PublishOptions, VideoCodec},
    },
};
use std::{path::Path, process::Command};

/// Seconds of the clips here.
const LENGTH: f64 = 2.0;

fn ffmpeg(path: &Path, arguments: &str) {
    let made = Command::new("ffmpeg")
        .args(
            "-hide_banner -loglevel error -y -f lavfi -i testsrc2=size=320x180:rate=30,format=yuv420p"
                .split(' '),
        )
        .args("-f lavfi -i sine=frequency=440:sample_rate=48000".split(' '))
        .args(["-t", &LENGTH.to_string()])
        .args(arguments.split(' '))
        .arg(path)
        .status()
        .expect("ffmpeg is installed");
    assert!(made.success());
}

fn last_report(worker: &WorkerProcess) -> Option<SourceReport> {
    worker.others.iter().rev().find_map(|event| match event {
        WorkerEvent::Heartbeat(report) => report.sources.first().cloned(),
        _ => None,
    })
}

async fn is_sent(name: &str, codec: VideoCodec, arguments: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    ffmpeg(&path, arguments);
    let mut worker = WorkerProcess::start().await;
    let mut options = PublishOptions::participant(0, "http://localhost/");
    options.file = Some(path);
    let publisher = DirectPublisher::join_with(&mut worker, 0, options, monotonic_ns()).await;
    let frames =
        |worker: &WorkerProcess| last_report(worker).and_then(|one| one.video).map_or(0, |v| v.frames);
    worker.until("a picture", |worker| frames(worker) > 0).await;
    let (began, before) = (std::time::Instant::now(), frames(&worker));
    // Three times through the file: a seam that costs pictures, or time, would show.
    worker.until("the file to be sent again", |worker| frames(worker) >= before + 180).await;
    let rate = 180.0 / began.elapsed().as_secs_f64();
    assert!((27.0..33.0).contains(&rate), "{codec}: {rate:.1} frames a second");
    let report = last_report(&worker).unwrap();
    assert_eq!(report.video.map(|video| (video.width, video.height)), Some((320, 180)));
    assert!(report.audio_age_ms.is_some_and(|age| age < 500), "{report:?}");
    publisher.vanish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_h264_and_opus_is_sent_as_it_is() {
    let _turn = one_at_a_time();
    let coders = "-c:v libx264 -profile:v baseline -g 30 -c:a libopus";
    is_sent("clip.mkv", VideoCodec::H264, coders).await;
    is_sent("clip.mp4", VideoCodec::H264, coders).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_vp8_and_opus_is_sent_as_it_is() {
    let _turn = one_at_a_time();
    is_sent("clip.webm", VideoCodec::Vp8, "-c:v libvpx -deadline realtime -g 30 -c:a libopus").await;
}

#[test]
fn what_cannot_be_sent_as_it_is_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let read = |name: &str| Clip::read(&directory.path().join(name));
    let make = |name: &str, arguments: &str| ffmpeg(&directory.path().join(name), arguments);
    assert!(matches!(read("none.mkv"), Err(ClipError::Read { .. })));
    std::fs::write(directory.path().join("text.mkv"), "no media in here").unwrap();
    assert!(matches!(read("text.mkv"), Err(ClipError::Read { .. })));
    make("other.mkv", "-c:v mpeg4 -c:a aac");
    let other = read("other.mkv");
    assert!(matches!(other, Err(ClipError::Nothing { .. })), "{other:?}");
    make("reordered.mkv", "-c:v libx264 -bf 2 -c:a libopus");
    let reordered = read("reordered.mkv");
    assert!(matches!(reordered, Err(ClipError::Reordered { .. })), "{reordered:?}");
}
