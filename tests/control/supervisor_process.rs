//! The supervisor with real processes: a shell script in the worker's place.

use meetingcast::{
    config::WorkerConfig,
    control::supervisor::{Worker, WorkerEnd, WorkerLauncher, WorkerSignal},
    ids::{ConferenceId, Incarnation},
    ipc::{WebrtcSetup, WorkerSetup},
    media::EncoderChoice,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

struct Script {
    dir: TempDir,
    program: PathBuf,
}

impl Script {
    /// A program that notes its pid and arguments, then does `what`.
    fn new(what: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("worker.sh");
        let note = dir.path().join("note");
        let text = format!("#!/bin/sh\necho \"$$ $*\" > {0}.tmp\nmv {0}.tmp {0}\n{what}\n", note.display());
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir, program }
    }

    fn launch(&self, launch_timeout_ms: u32) -> Worker {
        let config = WorkerConfig { launch_timeout_ms, ..WorkerConfig::default() };
        let launcher = WorkerLauncher::processes(self.program.clone(), &config).unwrap();
        let conference: ConferenceId = "room:1".parse().unwrap();
        let setup = WorkerSetup {
            conference: conference.to_string(),
            incarnation: Incarnation(0),
            epoch_ns: 0,
            heartbeat_ms: 250,
            webrtc: WebrtcSetup {
                udp_ports: (0, 0),
                public_ip: None,
                stun_server: None,
                turn_servers: Vec::new(),
                jitter_ms: 100,
                inactivity_ms: 15_000,
            },
            encoder: EncoderChoice::X264,
        };
        launcher.launch(&conference, setup)
    }

    /// The process' pid and arguments, which it has noted by the time it is gone.
    fn noted(&self) -> (u32, String) {
        let note = fs::read_to_string(self.dir.path().join("note")).unwrap();
        let (pid, arguments) = note.trim().split_once(' ').unwrap();
        (pid.parse().unwrap(), arguments.to_owned())
    }
}

/// Neither running nor a zombie.
fn is_reaped(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

async fn end_of(mut worker: Worker) -> WorkerEnd {
    let signal = tokio::time::timeout(Duration::from_secs(30), worker.recv()).await;
    match signal.expect("a signal in time") {
        WorkerSignal::Gone(end) => end,
        WorkerSignal::Event(event) => panic!("a script says nothing: {event:?}"),
    }
}

#[tokio::test]
async fn a_process_that_does_not_get_ready_is_killed_and_reaped() {
    let script = Script::new("trap '' TERM INT\nwhile :; do sleep 1; done");
    let end = end_of(script.launch(1500)).await;
    assert!(matches!(end, WorkerEnd::LaunchTimeout(after) if after.as_millis() == 1500), "{end:?}");
    let (pid, arguments) = script.noted();
    assert_eq!(arguments, "worker --conference room:1");
    assert!(is_reaped(pid));
}

#[tokio::test]
async fn a_process_that_exits_is_reaped_and_its_status_told() {
    let script = Script::new("echo going; echo down >&2; exit 7");
    let end = end_of(script.launch(20_000)).await;
    let WorkerEnd::Exited { exit } = end else { panic!("{end:?}") };
    assert_eq!(exit, "exit status: 7");
    assert!(is_reaped(script.noted().0));
}

#[tokio::test]
async fn standard_input_is_the_link() {
    // What is no message of the protocol: its first four bytes are far too large a length.
    let script = Script::new("printf 'garbage garbage' >&0; sleep 60");
    let end = end_of(script.launch(20_000)).await;
    assert!(matches!(end, WorkerEnd::Protocol(_)), "{end:?}");
    assert!(is_reaped(script.noted().0));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error_not_a_wait() {
    let script = Script { dir: tempfile::tempdir().unwrap(), program: "/nonexistent/worker".into() };
    let end = end_of(script.launch(20_000)).await;
    let WorkerEnd::Spawn(error) = end else { panic!("{end:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_stop_ends_a_process_that_ignores_it() {
    let script = Script::new("trap '' TERM INT HUP\nwhile :; do sleep 1; done");
    let worker = script.launch(60_000);
    let note = script.dir.path().join("note");
    while !note.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::timeout(Duration::from_secs(20), worker.stop()).await.expect("a bounded stop");
    assert!(is_reaped(script.noted().0));
}
