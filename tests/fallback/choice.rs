//! Which encoder a worker chooses.

use crate::{
    server::one_at_a_time,
    worker_process::{WorkerProcess, small_program},
};
use meetingcast::{
    ipc::{ReplyOk, WorkerCommand, WorkerEvent},
    media::{EncoderChoice, EncoderKind, Track},
};
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// Ourselves, with these faults of the hardware, and a file that they are noted in.
pub struct Fakes {
    faults: &'static str,
    directory: tempfile::TempDir,
}

impl Fakes {
    pub fn with(faults: &'static str) -> Self {
        Self { faults, directory: tempfile::tempdir().unwrap() }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("FAKE_ENCODERS", self.faults.to_owned()),
            ("FAKE_ENCODERS_LOG", self.log().to_str().unwrap().to_owned()),
        ]
    }

    pub async fn worker(&self, choice: EncoderChoice) -> WorkerProcess {
        let program = std::env::current_exe().unwrap();
        WorkerProcess::start_program(&program, &self.environment(), choice).await
    }

    /// How often each was given a first picture.
    pub fn used(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let mut used: Vec<String> = log.lines().map(str::to_owned).collect();
        used.sort();
        used
    }
}

/// What makes the program's pictures, and how often another one took over, by the worker's last report.
pub fn encoder(worker: &WorkerProcess) -> (Option<EncoderKind>, u64) {
    let reports = worker.others.iter().rev().filter_map(|event| match event {
        WorkerEvent::Heartbeat(report) => Some(report.program),
        _ => None,
    });
    reports.into_iter().next().map_or((None, 0), |last| (last.encoder, last.encoder_fallbacks))
}

/// Starts a program, waits for some pictures and stops it. Which encoder made it.
async fn program(worker: &mut WorkerProcess, choice: EncoderChoice) -> (Option<EncoderKind>, u64) {
    let mut program = small_program();
    program.encoding.encoder = choice;
    let before = worker.track(Track::Video).len();
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    worker.until("pictures", |worker| worker.track(Track::Video).len() >= before + 20).await;
    let made_by = encoder(worker);
    let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
    assert_eq!(stopped, Ok(ReplyOk::ProgramStopped));
    made_by
}

pub fn auto_without_hardware_takes_x264() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let made_by = runtime.block_on(async {
        let fakes = Fakes::with("");
        let mut worker = fakes.worker(EncoderChoice::Auto).await;
        program(&mut worker, EncoderChoice::Auto).await
    });
    assert_eq!(made_by, (Some(EncoderKind::X264), 0));
}

/// One answers with an error and one never: neither is used, and the start does not wait for ever. A later program
/// does not try them again.
pub fn hardware_that_fails_or_hangs_is_passed_over() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let fakes = Fakes::with("nvenc=error,va=hang");
        let mut worker = fakes.worker(EncoderChoice::Auto).await;
        let began = std::time::Instant::now();
        for turn in 0..2 {
            assert_eq!(program(&mut worker, EncoderChoice::Auto).await, (Some(EncoderKind::X264), 0));
            println!("program {turn} after {} ms", began.elapsed().as_millis());
        }
        assert_eq!(fakes.used(), ["nvenc", "va"], "each was tried once");

        // One that works is taken, with a bad one before it; here the trial's ten pictures do not break it.
        let fakes = Fakes::with("nvenc=error,v4l2=die:1000000");
        let mut worker = fakes.worker(EncoderChoice::Auto).await;
        assert_eq!(program(&mut worker, EncoderChoice::Auto).await, (Some(EncoderKind::V4l2), 0));
        assert_eq!(fakes.used(), ["nvenc", "v4l2", "v4l2"], "a trial each, and the program");
    });
}

pub fn a_fixed_choice_tries_no_hardware() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let fakes = Fakes::with("va=die:1000000");
        let mut worker = fakes.worker(EncoderChoice::Openh264).await;
        let made_by = program(&mut worker, EncoderChoice::Openh264).await;
        assert_eq!(made_by, (Some(EncoderKind::Openh264), 0));
        assert_eq!(fakes.used(), [""; 0]);
    });
}
