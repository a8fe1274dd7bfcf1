//! A real worker process, driven over its ipc link.

use meetingcast::{
    ids::{Incarnation, RequestId},
    ipc::{
        EncodingSpec, PictureSpec, ProgramMode, ProgramSpec, ReplyError, ReplyOk, SceneSpec, SlateSpec,
        TransitionSpec, WebrtcSetup, WorkerCommand, WorkerEvent, WorkerSetup, link,
    },
    media::{EncodedFrame, EncoderChoice, Track, TrackConfig},
};
use std::{
    os::fd::OwnedFd,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A worker and everything it said.
pub struct WorkerProcess {
    pub child: Child,
    pub events: link::LinkReader<WorkerEvent>,
    pub commands: link::LinkWriter<WorkerCommand>,
    pub configs: Vec<TrackConfig>,
    /// How many frames were there when each of the configs came.
    pub configs_at: Vec<usize>,
    pub frames: Vec<EncodedFrame>,
    pub others: Vec<WorkerEvent>,
    requests: u64,
}

/// A small program: 320×180 at 30 fps, IDR every second.
pub fn small_program() -> ProgramSpec {
    ProgramSpec {
        mode: ProgramMode::Compose,
        encoding: EncodingSpec {
            width: 320,
            height: 180,
            fps: 30,
            video_kbps: 500,
            audio_kbps: 96,
            keyframe_ms: 1000,
            loudness_lufs: None,
            renditions: Vec::new(),
            filler: false,
            encoder: EncoderChoice::X264,
            preset: "veryfast".to_owned(),
        },
        scene: SceneSpec { picture: PictureSpec::Slate, sound: Vec::new() },
        slate: SlateSpec { colour: 0x204060, text: "room".to_owned() },
        stall_hold_ms: 1000,
        standby: 4,
    }
}

impl WorkerProcess {
    /// Starts one and waits for its `Ready`.
    pub async fn start() -> Self {
        Self::start_with(15_000).await
    }

    /// The same, ending publishers that send nothing for `inactivity_ms`.
    pub async fn start_with(inactivity_ms: u32) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_meetingcast"));
        Self::launch(program, &[], inactivity_ms, EncoderChoice::X264).await
    }

    /// The worker of another program, which is told that choice of encoders.
    #[allow(dead_code, reason = "each test binary has its own copy of this module")]
    pub async fn start_program(
        program: &Path,
        environment: &[(&str, String)],
        encoder: EncoderChoice,
    ) -> Self {
        Self::launch(program, environment, 15_000, encoder).await
    }

    async fn launch(
        program: &Path,
        environment: &[(&str, String)],
        inactivity_ms: u32,
        encoder: EncoderChoice,
    ) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Command::new(program)
            .args(["worker", "--conference", "test"])
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .unwrap();
        ours.set_nonblocking(true).unwrap();
        let (events, mut commands) = link::split(tokio::net::UnixStream::from_std(ours).unwrap());
        let setup = WorkerSetup {
            conference: "test".to_owned(),
            incarnation: Incarnation(0),
            epoch_ns: monotonic_ns(),
            heartbeat_ms: 100,
            webrtc: WebrtcSetup {
                udp_ports: (0, 0),
                public_ip: None,
                stun_server: None,
                turn_servers: Vec::new(),
                jitter_ms: 100,
                inactivity_ms,
            },
            encoder,
        };
        commands.send(&WorkerCommand::Configure(setup)).await.unwrap();
        let mut worker = Self {
            child,
            events,
            commands,
            configs: Vec::new(),
            configs_at: Vec::new(),
            frames: Vec::new(),
            others: Vec::new(),
            requests: 0,
        };
        worker
            .until("ready", |worker| worker.others.iter().any(|e| matches!(e, WorkerEvent::Ready { .. })))
            .await;
        worker
    }

    /// A cut to `scene`, as soon as its sources deliver, within `deadline_ms`.
    pub async fn switch(&mut self, scene: SceneSpec, deadline_ms: u32) -> Result<ReplyOk, ReplyError> {
        self.ask(|request| WorkerCommand::Compose {
            request,
            scene,
            wait_ready: true,
            deadline_ms,
            transition: TransitionSpec::Cut,
            at: None,
        })
        .await
    }

    /// Sends a command that is answered, and waits for the answer.
    pub async fn ask(
        &mut self,
        command: impl FnOnce(RequestId) -> WorkerCommand,
    ) -> Result<ReplyOk, ReplyError> {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.commands.send(&command(request)).await.unwrap();
        let mut answer = None;
        while answer.is_none() {
            self.next("a reply").await;
            answer = self.others.iter().find_map(|event| match event {
                WorkerEvent::Reply { request: r, result } if *r == request => Some(result.clone()),
                _ => None,
            });
        }
        answer.unwrap()
    }

    /// Reads events until `done`.
    pub async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        while !done(self) {
            self.next(what).await;
        }
    }

    async fn next(&mut self, what: &str) {
        let event = tokio::time::timeout(Duration::from_secs(20), self.events.recv())
            .await
            .unwrap_or_else(|_| panic!("the worker said nothing while waiting for {what}"))
            .unwrap()
            .unwrap_or_else(|| panic!("the worker ended while waiting for {what}"));
        match event {
            WorkerEvent::Frame(frame) => self.frames.push(frame),
            WorkerEvent::Config(config) => {
                self.configs.push(config);
                self.configs_at.push(self.frames.len());
            }
            other => self.others.push(other),
        }
    }

    /// The frames of one track.
    pub fn track(&self, track: Track) -> Vec<&EncodedFrame> {
        self.frames.iter().filter(|frame| frame.track == track).collect()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CLOCK_MONOTONIC.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
