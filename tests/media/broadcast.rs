//! The program by WebRTC: its viewers see and hear each switch, and who comes late sees at once.

use crate::{
    direct_publisher::DirectPublisher,
    forwarding::{a_while, subscribe},
    switching::only,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns, small_program},
};
use meetingcast::{
    control::offer,
    ids::SessionId,
    ipc::{self, ForwardOf, Mutes, ReplyError, ReplyOk, SessionEndReason, WorkerCommand, WorkerEvent},
    media::Track,
    publisher::{options::VideoCodec, palette::Colour, subscriber::Subscriber},
};
use std::time::Duration;

fn sees_and_hears(viewer: &Subscriber, number: usize) {
    let (frames, reading) = viewer.seen();
    assert_eq!(reading.and_then(|reading| reading.colour), Some(Colour::of(number)), "after {frames} frames");
    let heard = viewer.heard();
    let loudest = heard.windows.iter().rev().take(20).map(|window| window.loudest());
    assert!(loudest.clone().all(|tone| tone == Some(number)), "{:?}", loudest.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_follow_the_program() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let epoch = monotonic_ns();
    let ann = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, epoch).await;
    let bob = DirectPublisher::join(&mut worker, 1, VideoCodec::Vp8, epoch).await;
    let mut program = small_program();
    (program.encoding.width, program.encoding.height) = (640, 360);
    (program.encoding.video_kbps, program.encoding.keyframe_ms) = (1500, 10_000);
    program.scene = only(0);
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));

    let (first, first_session) = subscribe(&mut worker, ForwardOf::Program, VideoCodec::H264).await;
    a_while().await;
    sees_and_hears(&first, 0);
    let scene = only(1);
    let switched = worker.switch(scene, 3000).await;
    assert!(matches!(switched, Ok(ReplyOk::Composed { .. })), "{switched:?}");
    // IDRs are ten seconds apart: who comes late gets one of their own.
    let (late, late_session) = subscribe(&mut worker, ForwardOf::Program, VideoCodec::H264).await;
    a_while().await;
    for viewer in [&first, &late] {
        sees_and_hears(viewer, 1);
    }

    // A viewer's going disturbs nobody.
    worker.commands.send(&WorkerCommand::CloseForward { session: first_session }).await.unwrap();
    late.heard();
    let before = late.seen().0;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let frames = late.seen().0 - before;
    assert!((100..=130).contains(&frames), "{frames} frames in four seconds");
    let offsets = late.flash_to_beep_ns();
    println!("broadcast: flash to beep {:?} ms", offsets.iter().map(|ns| ns / 1_000_000).collect::<Vec<_>>());
    assert!(offsets.len() >= 2, "{offsets:?}");
    assert!(offsets.iter().all(|offset| offset.abs() <= 45_000_000), "{offsets:?}");

    let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
    assert_eq!(stopped, Ok(ReplyOk::ProgramStopped));
    let ended = WorkerEvent::SessionEnded { session: late_session, reason: SessionEndReason::SourceGone };
    worker.until("the viewer's end", |worker| worker.others.contains(&ended)).await;
    let keyframes = worker.track(Track::Video).iter().filter(|frame| frame.keyframe).count();
    assert!((2..=6).contains(&keyframes), "{keyframes} IDRs, and each viewer asked once");
    ann.vanish().await;
    bob.vanish().await;
    tokio::task::spawn_blocking(move || drop((first, late))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_program_there_is_nothing_to_watch() {
    let mut worker = WorkerProcess::start().await;
    let (viewer, sdp) =
        tokio::task::spawn_blocking(|| Subscriber::open(VideoCodec::H264).unwrap()).await.unwrap();
    let offer = offer::parse_subscriber(&sdp, ipc::VideoCodec::H264).unwrap();
    let (session, mutes) = (SessionId::generate_subscriber(), Mutes::default());
    let of = ForwardOf::Program;
    let opened =
        worker.ask(|request| WorkerCommand::OpenForward { request, session, of, offer, mutes }).await;
    assert!(matches!(opened, Err(ReplyError::WrongState { .. })), "{opened:?}");
    tokio::task::spawn_blocking(move || drop(viewer)).await.unwrap();
}
