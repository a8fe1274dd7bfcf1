//! An encoder that breaks in the middle of a program: what comes out of the worker, by content and times.

use crate::{
    choice::{Fakes, encoder},
    direct_publisher::DirectPublisher,
    flv_file,
    on_air::{SILENCE_NS, odd_steps},
    server::{load, one_at_a_time},
    worker_process::{WorkerProcess, monotonic_ns, small_program},
};
use meetingcast::{
    ids::SourceId,
    ipc::{PictureSpec, RenditionSpec, ReplyOk, SceneSpec, SoundSpec, TileSpec, WorkerCommand, WorkerEvent},
    media::{EncodedFrame, EncoderChoice, EncoderKind, Track, TrackConfig, VideoConfig},
    publisher::{
        options::VideoCodec,
        planes::PictureSize,
        recording::{Layout, Recording},
        viewer,
    },
};
use tokio::runtime::Runtime;

/// A program of one participant whose encoder breaks, until well after that.
async fn broken(faults: &'static str, renditions: Vec<RenditionSpec>) -> WorkerProcess {
    let fakes = Fakes::with(faults);
    let mut worker = fakes.worker(EncoderChoice::Auto).await;
    let _ann = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, monotonic_ns()).await;
    let mut program = small_program();
    (program.encoding.width, program.encoding.height, program.encoding.video_kbps) = (640, 360, 1500);
    program.encoding.encoder = EncoderChoice::Auto;
    program.encoding.renditions = renditions;
    let source = SourceId(0);
    let tile = TileSpec { source: Some(source), label: "ann".to_owned(), video_muted: false };
    program.scene =
        SceneSpec { picture: PictureSpec::Full(tile), sound: vec![SoundSpec { source, gain: 1.0 }] };
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    worker.until("the first report", |worker| reported(worker) == Some((EncoderKind::V4l2, 0))).await;
    worker.until("another encoder", |worker| reported(worker) == Some((EncoderKind::X264, 1))).await;
    let after = worker.track(Track::Video).len() + 100;
    worker.until("its pictures", |worker| worker.track(Track::Video).len() >= after).await;
    assert_eq!(encoder(&worker), (Some(EncoderKind::X264), 1));
    let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
    assert_eq!(stopped, Ok(ReplyOk::ProgramStopped));
    last_report(&mut worker).await;
    let failed = worker.others.iter().any(|event| matches!(event, WorkerEvent::ProgramFailed { .. }));
    assert!(!failed, "the program itself goes on");
    worker
}

/// Waits for the figures of a program that has been stopped.
async fn last_report(worker: &mut WorkerProcess) {
    let count = |worker: &WorkerProcess| {
        worker.others.iter().filter(|event| matches!(event, WorkerEvent::Heartbeat(_))).count()
    };
    let before = count(worker);
    worker.until("a report", |worker| count(worker) > before).await;
}

/// Pictures that the mixer left out.
fn dropped(worker: &WorkerProcess) -> u64 {
    let reports = worker.others.iter().rev().filter_map(|event| match event {
        WorkerEvent::Heartbeat(report) => Some(report.program.dropped),
        _ => None,
    });
    reports.into_iter().next().unwrap_or_default()
}

/// As [`encoder`], once the worker has reported a program.
fn reported(worker: &WorkerProcess) -> Option<(EncoderKind, u64)> {
    let (kind, fallbacks) = encoder(worker);
    kind.map(|kind| (kind, fallbacks))
}

/// The parameters of the two encoders, and how many frames of all tracks came before the second ones.
fn parameters(worker: &WorkerProcess) -> ([&VideoConfig; 2], usize) {
    let videos: Vec<_> = worker
        .configs
        .iter()
        .zip(&worker.configs_at)
        .filter_map(|(config, at)| match config {
            TrackConfig::Video(video) => Some((video, *at)),
            TrackConfig::Audio(_) => None,
        })
        .collect();
    let [(first, _), (second, at)] = videos[..] else { panic!("{videos:?}") };
    assert_ne!(first.avcc, second.avcc, "another encoder's parameters");
    ([first, second], at)
}

/// What holds whatever the fault was: returns the steps between pictures that are longer than one, in frames.
fn assert_goes_on(worker: &WorkerProcess) -> Vec<u64> {
    let (_, at) = parameters(worker);
    let first = worker.frames[at..].iter().find(|frame| frame.track == Track::Video).unwrap();
    assert!(first.keyframe, "the new encoder begins with an IDR");
    let sound_before = worker.frames[..at].iter().rfind(|frame| frame.track == Track::Audio).unwrap();
    assert!(sound_before.pts.0 + sound_before.duration.0 >= first.pts.0, "the sound before it is out");

    let pictures = worker.track(Track::Video);
    let step = |pair: &[&EncodedFrame]| {
        let step = pair[1].pts.0.checked_sub(pair[0].pts.0).expect("time goes back");
        let frames = (step + 1_000_000) / 33_333_333;
        assert!(step.abs_diff(frames * 1_000_000_000 / 30) <= 2, "{step} ns are no number of frames");
        frames
    };
    let steps = pictures.windows(2).map(step).filter(|frames| *frames != 1).collect();

    let sound = worker.track(Track::Audio);
    for pair in sound.windows(2) {
        let step = pair[1].pts.0 - pair[0].pts.0;
        assert!(step.abs_diff(1024 * 1_000_000_000 / 48_000) <= 1, "the sound steps by {step} ns");
    }
    steps
}

/// Decodes all of it, as one stream whose parameters change.
fn decode(worker: &WorkerProcess, name: &str) -> Recording {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("{name}.flv"));
    flv_file::write_changing(&path, &worker.configs, &worker.configs_at, &worker.frames);
    crate::server::keep(&path);
    let layout = Layout::Single(PictureSize { width: 640, height: 360 });
    let recording = viewer::view_file(&path, layout).unwrap();
    assert_eq!(recording.video.len(), worker.track(Track::Video).len(), "every picture decodes");
    recording
}

/// When the new encoder's first picture is shown in what [`decode`] decoded, milliseconds.
fn changed_at_ms(worker: &WorkerProcess) -> u64 {
    let (_, at) = parameters(worker);
    let first = worker.frames[at..].iter().find(|frame| frame.track == Track::Video).unwrap();
    let zero = worker.frames.iter().map(|frame| frame.dts).min().unwrap();
    first.pts.as_millis() - zero.as_millis()
}

/// Ann's tone is heard without a hole from before the fault until after the change. Elsewhere it is the machine's: on one
/// that is busy, what she sends may come too late.
fn assert_sound_is_unbroken(worker: &WorkerProcess, recording: &Recording) {
    let report = recording.report(0, crate::on_air::FRAME);
    let change = changed_at_ms(worker);
    let silent = report.silences.iter().any(|one| {
        let (start, length) = (one.start_ns / 1_000_000, one.length_ns / 1_000_000);
        one.length_ns > SILENCE_NS && start < change + 500 && start + length + 2500 > change
    });
    assert!(!silent, "({})\n{report}", load());
}

pub fn a_program_goes_on_when_its_encoder_dies() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let worker = runtime.block_on(broken("nvenc=error,v4l2=die:100", Vec::new()));
    let holes = assert_goes_on(&worker);
    let missing: u64 = holes.iter().map(|hole| hole - 1).sum();
    // On a machine that is busy the mixer leaves pictures out, and says how many.
    let left_out = dropped(&worker);
    println!("an encoder that dies: {missing} pictures missing, {left_out} of them left out by the mixer");
    assert_eq!(missing, left_out, "those that were inside the encoder were encoded anew ({})", load());
    let recording = decode(&worker, "encoder-dies");
    let mut odd = odd_steps(&recording);
    assert!(odd.iter().all(|(_, step)| *step >= 0), "a picture is shown again: {odd:?}");
    let change = changed_at_ms(&worker);
    odd.retain(|(at_ms, _)| at_ms.abs_diff(change) < 500);
    assert!(odd.is_empty() || left_out > 0, "counter steps at ms around {change}: {odd:?} ({})", load());
    assert_sound_is_unbroken(&worker, &recording);
}

pub fn a_program_goes_on_when_its_encoder_stalls() {
    goes_on_without_a_word("v4l2=stall:100");
}

/// Its pipeline cannot even be taken down.
pub fn a_program_goes_on_when_its_encoder_freezes() {
    goes_on_without_a_word("v4l2=freeze:100");
}

/// An encoder that gives out nothing and says nothing is noticed too; what there is no room for meanwhile is lost.
fn goes_on_without_a_word(fault: &'static str) {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let worker = runtime.block_on(broken(fault, Vec::new()));
    let holes = assert_goes_on(&worker);
    println!("{fault}: holes of {holes:?} frames");
    // One way or the other: the oldest pictures are lost, or the newest.
    assert!(holes.len() <= 1, "{holes:?}");
    let recording = decode(&worker, "encoder-without-a-word");
    let back = odd_steps(&recording).into_iter().filter(|(_, step)| *step < 0).count();
    assert_eq!(back, 0, "nothing is shown again");
    assert_sound_is_unbroken(&worker, &recording);
}

pub fn renditions_change_with_the_program() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let smaller = vec![RenditionSpec { width: 320, height: 180, video_kbps: 500 }];
    let worker = runtime.block_on(broken("v4l2=die:100", smaller));
    let holes = assert_goes_on(&worker);
    let (_, at) = parameters(&worker);
    let own = worker.frames[at..].iter().find(|frame| frame.track == Track::Video).unwrap();
    let (mut configs, mut frames) = (Vec::new(), Vec::<&EncodedFrame>::new());
    for event in &worker.others {
        match event {
            WorkerEvent::RenditionConfig { config, .. } => configs.push((config, frames.len())),
            WorkerEvent::RenditionFrame { frame, .. } => frames.push(frame),
            _ => {}
        }
    }
    let [(first, 0), (second, from)] = configs[..] else { panic!("{configs:?}") };
    assert_ne!(first.avcc, second.avcc);
    assert_eq!((frames[from].pts, frames[from].keyframe), (own.pts, true), "both begin at the same picture");
    let steps: Vec<u64> = frames
        .windows(2)
        .map(|pair| {
            (pair[1].pts.0.checked_sub(pair[0].pts.0).expect("time goes back") + 1_000_000) / 33_333_333
        })
        .filter(|frames| *frames != 1)
        .collect();
    let left_out = dropped(&worker);
    println!(
        "with a rendition ({left_out} left out by the mixer): holes of {holes:?} frames, and {steps:?} in the rendition"
    );
    // What was inside the encoders, and what the one that came further gave out meanwhile.
    assert!(holes.len() <= 1 && steps.len() <= 1 && holes.iter().chain(&steps).all(|hole| *hole <= 15));
    let keyframes = |frames: &mut dyn Iterator<Item = &EncodedFrame>| -> Vec<u64> {
        frames.filter(|frame| frame.keyframe && frame.pts >= own.pts).map(|frame| frame.pts.0).collect()
    };
    let program = keyframes(&mut worker.track(Track::Video).into_iter());
    assert_eq!(keyframes(&mut frames.iter().copied()), program, "and their keyframes stay together");
    assert!(program.len() >= 4);
    decode(&worker, "with-a-rendition");
}

/// Two kinds of hardware die, then software stays: no kind is taken twice, no picture is lost.
pub fn one_encoder_after_the_other_dies() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let worker = runtime.block_on(async {
        let fakes = Fakes::with("nvenc=die:40,va=die:40");
        let mut worker = fakes.worker(EncoderChoice::Auto).await;
        let mut program = small_program();
        program.encoding.encoder = EncoderChoice::Auto;
        let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
        assert_eq!(started, Ok(ReplyOk::ProgramStarted));
        worker.until("two changes", |worker| reported(worker) == Some((EncoderKind::X264, 2))).await;
        let after = worker.track(Track::Video).len() + 60;
        worker.until("pictures", |worker| worker.track(Track::Video).len() >= after).await;
        assert_eq!(encoder(&worker), (Some(EncoderKind::X264), 2));
        assert_eq!(fakes.used(), ["nvenc", "nvenc", "va", "va"], "a trial and a program each");
        let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
        assert_eq!(stopped, Ok(ReplyOk::ProgramStopped));
        last_report(&mut worker).await;
        worker
    });
    let times: Vec<u64> = worker.track(Track::Video).iter().map(|picture| picture.pts.0).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "time goes back");
    let span = times.last().unwrap() - times[0];
    let made = (span + 1_000_000) / 33_333_333 + 1;
    assert_eq!(made, times.len() as u64 + dropped(&worker), "none is missing ({})", load());
}
