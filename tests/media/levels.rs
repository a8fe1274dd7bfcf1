//! How loud a worker says that its sources are.

use crate::{
    direct_publisher::DirectPublisher,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns, small_program},
};
use meetingcast::{
    ids::SourceId,
    ipc::{LevelReport, ReplyOk, SoundSpec, WorkerCommand, WorkerEvent},
    publisher::options::{PublishOptions, VideoCodec},
};

/// Enough for what a level is to be, ten a second.
const REPORTS: usize = 30;

fn reports(worker: &WorkerProcess) -> Vec<&LevelReport> {
    fn level(event: &WorkerEvent) -> Option<&LevelReport> {
        match event {
            WorkerEvent::Levels(report) => Some(report),
            _ => None,
        }
    }
    worker.others.iter().filter_map(level).collect()
}

fn middle(mut levels: Vec<i8>) -> i8 {
    levels.sort_unstable();
    levels[levels.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tone_is_as_loud_as_it_is() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let epoch = monotonic_ns();
    let ann = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, epoch).await;
    let mut silent = PublishOptions::participant(1, "http://localhost/");
    // Not before an hour from now.
    silent.tone = silent.tone.talking(Some("3599-3600/3600".parse().unwrap()));
    let bob = DirectPublisher::join_with(&mut worker, 1, silent, epoch).await;
    let mut program = small_program();
    // Half as loud.
    program.scene.sound = vec![SoundSpec { source: SourceId(0), gain: 0.5 }];
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    worker.commands.send(&WorkerCommand::MeasureLevels { every_ms: 100 }).await.unwrap();
    worker.others.clear();
    worker.until("levels", |worker| reports(worker).len() >= REPORTS).await;
    let reports = reports(&worker);
    let of = |n: u32| -> Vec<i8> {
        let source =
            |report: &&LevelReport| report.sources.iter().find(|(source, _)| *source == SourceId(n)).copied();
        reports.iter().filter_map(source).map(|(_, level)| level.get()).collect()
    };
    let program: Vec<i8> =
        reports.iter().filter_map(|report| report.program).map(|level| level.get()).collect();
    println!("levels: a tone {:?}, silence {:?}, the program {program:?}", of(0), of(1));
    assert!(of(0).len() >= REPORTS - 2, "{reports:?}");
    // A sine of -20 dB has the power of -23; in the tenths of a second with a beep it is louder.
    assert!((middle(of(0)) + 23).abs() <= 1, "{:?}", of(0));
    assert!(of(0).iter().any(|level| *level > -16), "{:?}", of(0));
    assert!((middle(program.clone()) + 29).abs() <= 1, "{program:?}");
    // What GStreamer says of nothing at all.
    assert!(middle(of(1)) < -55, "{:?}", of(1));
    ann.vanish().await;
    bob.vanish().await;
}
