//! The program by WebRTC: its viewers see and hear each switch, and who comes late sees at once.

use crate::{
    direct_publisher::DirectPublisher,
    forwarding::{a_while, subscribe, subscribe_without},
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
    let opened = worker
        .ask(|request| WorkerCommand::OpenForward { request, session, of, without: Vec::new(), offer, mutes })
        .await;
    assert!(matches!(opened, Err(ReplyError::WrongState { .. })), "{opened:?}");
    tokio::task::spawn_blocking(move || drop(viewer)).await.unwrap();
}

/// How strong each participant's tone was lately, as the viewer hears it.
fn tones(viewer: &Subscriber) -> Vec<f32> {
    let heard = viewer.heard();
    let last: Vec<_> = heard.windows.iter().rev().take(20).collect();
    let mean = |n: usize| last.iter().map(|window| window.levels[n]).sum::<f32>() / last.len().max(1) as f32;
    (0..3).map(mean).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_hears_the_others_and_not_themselves() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let epoch = monotonic_ns();
    let ann = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, epoch).await;
    let bob = DirectPublisher::join(&mut worker, 1, VideoCodec::H264, epoch).await;
    let mut program = small_program();
    program.scene = only(0);
    program.scene.sound =
        [0, 1].map(|n| ipc::SoundSpec { source: meetingcast::ids::SourceId(n), gain: 1.0 }).to_vec();
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    let (viewer, _) = subscribe(&mut worker, ForwardOf::Program, VideoCodec::H264).await;
    let (annes, session) = subscribe_without(
        &mut worker,
        ForwardOf::Program,
        VideoCodec::H264,
        vec![meetingcast::ids::SourceId(0)],
    )
    .await;
    a_while().await;
    let (all, hers) = (tones(&viewer), tones(&annes));
    println!("mix-minus: the program {all:?}, without the first {hers:?}");
    assert!(all[0] > 0.05 && all[1] > 0.05, "{all:?}");
    // What is left of her own tone is what Opus makes of the other one.
    assert!(hers[0] < all[0] / 30.0, "{hers:?}");
    assert!((hers[1] / all[1] - 1.0).abs() < 0.15, "{hers:?} {all:?}");
    let (frames, reading) = annes.seen();
    assert_eq!(reading.and_then(|reading| reading.colour), Some(Colour::of(0)), "after {frames} frames");
    let offsets = annes.flash_to_beep_ns();
    assert!(offsets.iter().all(|offset| offset.abs() <= 45_000_000), "{offsets:?}");
    // Her going disturbs nobody.
    worker.commands.send(&WorkerCommand::CloseForward { session }).await.unwrap();
    viewer.heard();
    a_while().await;
    let all = tones(&viewer);
    assert!(all[0] > 0.05 && all[1] > 0.05, "{all:?}");
    ann.vanish().await;
    bob.vanish().await;
    tokio::task::spawn_blocking(move || drop((viewer, annes))).await.unwrap();
}
