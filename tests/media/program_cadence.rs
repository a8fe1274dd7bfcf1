//! A program without anybody: the slate and silence, at an exact cadence, from the first frame on.

use crate::{
    turn::one_at_a_time,
    worker_process::{WorkerProcess, small_program},
};
use meetingcast::{
    ipc::{ReplyOk, WorkerCommand},
    media::{EncodedFrame, Track, TrackConfig},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_slate_is_a_program_with_an_exact_cadence() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let started =
        worker.ask(|request| WorkerCommand::StartProgram { request, program: small_program() }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    worker.until("four seconds of frames", |worker| worker.track(Track::Video).len() >= 120).await;
    let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
    assert_eq!(stopped, Ok(ReplyOk::ProgramStopped));

    let video = worker.track(Track::Video);
    let start = video[0].pts.0;
    for (n, frame) in video.iter().enumerate() {
        let due = start + n as u64 * 1_000_000_000 / 30;
        assert!(frame.pts.0.abs_diff(due) <= 1, "frame {n} at {} instead of {due}", frame.pts.0);
        assert_eq!(frame.keyframe, n % 30 == 0, "frame {n}");
    }
    let audio = worker.track(Track::Audio);
    for (n, frame) in audio.iter().enumerate() {
        let due = audio[0].pts.0 + n as u64 * 1024 * 1_000_000_000 / 48_000;
        assert!(frame.pts.0.abs_diff(due) <= 1, "audio frame {n} at {} instead of {due}", frame.pts.0);
    }
    check_end(&worker, "the stop");

    let video_config = worker.configs.iter().find_map(|config| match config {
        TrackConfig::Video(video) => Some(video.clone()),
        TrackConfig::Audio(_) => None,
    });
    let avcc = video_config.unwrap().avcc;
    assert_eq!((avcc[0], avcc[1]), (1, 77), "main profile");
    let asc = worker.configs.iter().find_map(|config| match config {
        TrackConfig::Audio(audio) => Some(audio.asc.clone()),
        TrackConfig::Video(_) => None,
    });
    // AAC-LC (2), 48 kHz (index 3), two channels: 00010 0011 0010 000.
    assert_eq!(asc.unwrap()[..2], [0x11, 0x90]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyframe_comes_when_it_is_asked_for_and_the_grid_of_keyframes_stays() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    worker.ask(|request| WorkerCommand::StartProgram { request, program: small_program() }).await.unwrap();
    worker.until("some frames", |worker| worker.track(Track::Video).len() >= 40).await;
    worker.commands.send(&WorkerCommand::RequestKeyframe).await.unwrap();
    worker.until("more frames", |worker| worker.track(Track::Video).len() >= 95).await;
    let keyframes: Vec<usize> = worker
        .track(Track::Video)
        .iter()
        .enumerate()
        .filter(|(_, frame)| frame.keyframe)
        .map(|(n, _)| n)
        .collect();
    let asked = keyframes.iter().filter(|n| *n % 30 != 0).count();
    let grid: Vec<usize> = keyframes.iter().copied().filter(|n| n % 30 == 0).collect();
    assert_eq!((asked, grid), (1, vec![0, 30, 60, 90]), "{keyframes:?}");
}

/// GStreamer's own live mixers hang in one start of twelve on 1.22.0; ours has nothing to hang on. Wherever it is
/// stopped, picture and sound end together.
#[tokio::test(flavor = "multi_thread")]
async fn programs_start_every_time_and_their_sound_ends_with_the_picture() {
    let _turn = one_at_a_time();
    let starts = std::env::var("STARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let mut worker = WorkerProcess::start().await;
    for n in 0..starts {
        let started =
            worker.ask(|request| WorkerCommand::StartProgram { request, program: small_program() }).await;
        assert_eq!(started, Ok(ReplyOk::ProgramStarted), "start {n}");
        let until = worker.track(Track::Video).len() + 5 + n % 7;
        worker.until("the first frames", |worker| worker.track(Track::Video).len() >= until).await;
        let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
        assert_eq!(stopped, Ok(ReplyOk::ProgramStopped), "stop {n}");
        check_end(&worker, &format!("stop {n}"));
    }
    println!("{starts} starts, {starts} programs");
}

/// The sound ends with the picture, or within the AAC frame after it.
fn check_end(worker: &WorkerProcess, what: &str) {
    let end = |track| {
        let last: &EncodedFrame = worker.track(track).last().unwrap();
        (last.pts.0 + last.duration.0) as i64
    };
    let past = end(Track::Audio) - end(Track::Video);
    let aac_frame = 1024 * 1_000_000_000 / 48_000;
    assert!((-1000..=aac_frame + 1000).contains(&past), "{what}: the sound ends {past} ns after the picture");
}
