//! Two real WebRTC publishers, one H.264 and one VP8, and a program that switches between them: picture
//! and sound change together at the frame that the reply names, and flash and beep stay together.

use crate::{
    direct_publisher::DirectPublisher,
    flv_file,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns, small_program},
};
use meetingcast::{
    ids::SourceId,
    ipc::{PictureSpec, ReplyOk, SceneSpec, SoundSpec, TileSpec, WorkerCommand},
    media::Track,
    publisher::{options::VideoCodec, planes::PictureSize, recording::Layout, viewer},
};
use std::time::Duration;

pub fn only(number: u32) -> SceneSpec {
    let source = SourceId(number);
    let tile = TileSpec { source: Some(source), label: format!("p{number}"), video_muted: false };
    SceneSpec { picture: PictureSpec::Full(tile), sound: vec![SoundSpec { source, gain: 1.0 }] }
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_and_sound_switch_together_at_the_frame_that_was_promised() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let epoch = monotonic_ns();
    let _a = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, epoch).await;
    let _b = DirectPublisher::join(&mut worker, 1, VideoCodec::Vp8, epoch).await;
    let mut program = small_program();
    program.encoding.width = 640;
    program.encoding.height = 360;
    program.encoding.video_kbps = 1500;
    program.scene = only(0);
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));

    let mut promised = Vec::new();
    for n in 0..6u32 {
        let until = worker.track(Track::Video).len() + 40;
        worker.until("frames between switches", |worker| worker.track(Track::Video).len() >= until).await;
        let scene = only((n + 1) % 2);
        let switched = worker
            .ask(|request| WorkerCommand::Compose { request, scene, wait_ready: true, deadline_ms: 3000 })
            .await;
        let Ok(ReplyOk::Composed { pts, took_ms }) = switched else { panic!("switch {n}: {switched:?}") };
        println!("switch {n}: took {took_ms} ms");
        promised.push(pts.0);
    }
    let until = worker.track(Track::Video).len() + 60;
    worker.until("frames after the last switch", |worker| worker.track(Track::Video).len() >= until).await;
    worker.ask(|request| WorkerCommand::StopProgram { request }).await.unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program.flv");
    flv_file::write(&path, &worker.configs, &worker.frames);
    if let Ok(keep) = std::env::var("KEEP_MEDIA") {
        std::fs::copy(&path, keep).unwrap();
    }
    let zero = worker.frames.iter().map(|frame| frame.dts.0).min().unwrap() / 1_000_000 * 1_000_000;
    let recording = tokio::task::spawn_blocking(move || {
        viewer::view_file(&path, Layout::Single(PictureSize { width: 640, height: 360 })).unwrap()
    })
    .await
    .unwrap();
    let report = recording.report(0, Duration::from_nanos(33_333_333));
    println!("{}", serde_json::to_string_pretty(&report).unwrap());

    let switches = recording.switches(0);
    // The first change is from the slate to whom the program began with, where it was seen at all.
    let switches: Vec<_> = switches.iter().filter(|s| s.from != s.to).collect();
    assert_eq!(switches.len(), promised.len(), "{switches:?}");
    for (switch, promised) in switches.iter().zip(&promised) {
        let frame_off = (switch.video_ns + zero).abs_diff(*promised);
        assert!(frame_off <= 34_000_000, "switched {} ms from the promise", frame_off / 1_000_000);
        let distance = switch.distance_ns.expect("the tone changes too");
        assert!(distance.abs() <= 40_000_000, "sound and picture {} ms apart", distance / 1_000_000);
        assert_eq!(switch.between, 0, "a frame of nobody between");
    }
    let offsets = recording.av_offsets(0);
    assert!(offsets.len() >= 5, "{offsets:?}");
    for offset in &offsets {
        assert!(offset.offset_ns.abs() <= 40_000_000, "flash and beep: {offset:?}");
    }
    let silences = recording.audio.silences();
    assert!(silences.iter().all(|silence| silence.start_ns < 300_000_000), "{silences:?}");
    assert!(recording.gaps(Duration::from_nanos(33_333_333)).is_empty());
    let cadence = recording.cadence(0);
    assert!(cadence.nobody <= 3 && cadence.backwards == 0, "{cadence:?}");
}
