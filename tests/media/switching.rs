//! Two real WebRTC publishers, one H.264 and one VP8, and a program that switches between them: picture
//! and sound change together at the frame that the reply names, and flash and beep stay together. Whoever was
//! not decoded comes on in his tile, and not by name.

use crate::{
    direct_publisher::DirectPublisher,
    flv_file,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns, small_program},
};
use meetingcast::{
    ids::{RequestId, SourceId},
    ipc::{
        PictureSpec, ReplyError, ReplyOk, SceneSpec, SoundSpec, TileSpec, VideoReport, WorkerCommand,
        WorkerEvent,
    },
    layout,
    media::Track,
    publisher::{
        options::VideoCodec, palette::Colour, pattern::Tile, planes::PictureSize, recording::Layout, viewer,
    },
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
        let switched = worker.switch(scene, 3000).await;
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

/// The sources' pictures, as the next heartbeat tells of them.
async fn pictures(worker: &mut WorkerProcess) -> Vec<VideoReport> {
    let heard = worker.others.len();
    let report = |worker: &WorkerProcess| {
        worker.others[heard..].iter().find_map(|event| match event {
            WorkerEvent::Heartbeat(report) => Some(report.sources.iter().filter_map(|s| s.video).collect()),
            _ => None,
        })
    };
    worker.until("a heartbeat", |worker| report(worker).is_some()).await;
    report(worker).unwrap()
}

fn decoded(pictures: &[VideoReport]) -> Vec<bool> {
    pictures.iter().map(|video| video.decoded).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_rests_is_reported_and_comes_on_in_his_tile() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let epoch = monotonic_ns();
    let _a = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, epoch).await;
    let _b = DirectPublisher::join(&mut worker, 1, VideoCodec::Vp8, epoch).await;
    while pictures(&mut worker).await.len() < 2 {}
    assert_eq!(decoded(&pictures(&mut worker).await), [false, false], "no program runs");

    let mut program = small_program();
    (program.encoding.width, program.encoding.height, program.encoding.video_kbps) = (640, 360, 1500);
    program.standby = 0;
    program.scene = only(0);
    // Stopped before its first picture, which waits for a keyframe.
    let first = program.clone();
    let start = WorkerCommand::StartProgram { request: RequestId(1000), program: first };
    worker.commands.send(&start).await.unwrap();
    let began = std::time::Instant::now();
    let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
    println!("stopped within {:?}", began.elapsed());
    assert_eq!(stopped, Ok(ReplyOk::ProgramStopped));
    let told = worker.others.iter().find_map(|event| match event {
        WorkerEvent::Reply { request: RequestId(1000), result } => Some(result.clone()),
        _ => None,
    });
    assert!(matches!(told, Some(Err(ReplyError::WrongState { .. }))), "{told:?}");

    let again = program.clone();
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program: again }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    while decoded(&pictures(&mut worker).await) != [true, false] {}
    let before = pictures(&mut worker).await[1];
    let until = worker.track(Track::Video).len() + 45;
    worker.until("frames", |worker| worker.track(Track::Video).len() >= until).await;
    let after = pictures(&mut worker).await[1];
    assert_eq!((after.width, after.height, after.decoded), (640, 360, false));
    assert!(after.frames >= before.frames + 25 && after.age_ms < 500, "{before:?} {after:?}");

    let [a, b] = [0, 1].map(|number| match only(number).picture {
        PictureSpec::Full(tile) => tile,
        other => panic!("{other:?}"),
    });
    let scene = SceneSpec { picture: PictureSpec::Grid(vec![a, b]), sound: only(0).sound };
    let places = layout::places(&scene.picture, 640, 360);
    let tile = |rect: layout::Rect| {
        let [x, y, width, height] = [rect.x, rect.y, rect.width, rect.height].map(|pixels| pixels as f32);
        Tile { x, y, width, height }
    };
    let tiles = places.iter().map(|place| tile(place.rect.fit(640, 360))).collect();
    let grid = scene.clone();
    let switched = worker.switch(grid, 3000).await;
    let Ok(ReplyOk::Composed { pts, took_ms }) = switched else { panic!("{switched:?}") };
    println!("the grid took {took_ms} ms");
    let until = worker.track(Track::Video).len() + 45;
    worker.until("frames", |worker| worker.track(Track::Video).len() >= until).await;
    assert_eq!(decoded(&pictures(&mut worker).await), [true, true]);
    worker.ask(|request| WorkerCommand::StopProgram { request }).await.unwrap();
    assert_eq!(decoded(&pictures(&mut worker).await), [false, false]);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("grid.flv");
    flv_file::write(&path, &worker.configs, &worker.frames);
    let zero = worker.frames.iter().map(|frame| frame.dts.0).min().unwrap() / 1_000_000 * 1_000_000;
    let recording = viewer::view_file(&path, Layout::Tiles(tiles)).unwrap();
    let shown: Vec<_> =
        recording.video.iter().filter(|frame| frame.pts_ns + zero + 2_000_000 >= pts.0).collect();
    assert!(shown.len() >= 40, "{} frames", shown.len());
    for frame in shown {
        let colours = [0, 1].map(|number| frame.reading(number).and_then(|reading| reading.colour));
        assert_eq!(colours, [0, 1].map(|number| Some(Colour::of(number))), "at {} ns", frame.pts_ns);
    }
}
