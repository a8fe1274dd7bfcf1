//! A server without HTTP, a fake worker, fake outputs.

use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use meetingcast::{
    config::Config,
    control::{
        admission::{Admission, CastRoom, load::LoadMonitor, shedding::Load},
        cast::{
            AudioChoice, CastView, Encoding, OutputKind, OutputSpec, Rendition, Source, StartCast, Switch,
            SwitchResult, Transition,
        },
        conference::{
            Conference, ConferenceRequest, ConferenceView, Publish, Published,
            outputs::{OutputFactory, OutputHandle, OutputOrder},
            runner::ConferenceParts,
        },
        directory::Directory,
        error::ControlError,
        events::Events,
        store::{Store, memory::MemoryStore},
        supervisor::{SpawnWorker, SpawnedWorker, WorkerLauncher, WorkerProcess},
        webhooks::Webhooks,
    },
    egress::{
        hub::{HubItem, QueueLimits},
        output::{OutputState, OutputStatus},
        rtmp::url::RtmpUrl,
    },
    ids::{ConferenceId, SourceId, StreamName},
    ipc::{
        IngestOffer, LevelReport, OfferedAudio, OfferedVideo, ReplyError, ReplyOk, VideoCodec, WorkerCommand,
        WorkerEvent, WorkerReport,
        link::{LinkReader, LinkWriter},
    },
    media::{EncodedFrame, Track, TrackConfig, VideoConfig},
    units::{Dbov, MediaTime},
};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::DuplexStream,
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// How fake workers behave from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    pub ready: bool,
    pub heartbeats: bool,
    pub frames: bool,
    pub switch: SwitchBehaviour,
    /// Ends when told to; otherwise it must be killed.
    pub obeys: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchBehaviour {
    Takes,
    /// Answers `Timeout` at the deadline; a newer command supersedes.
    TimesOut,
    NotReady(u32),
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { ready: true, heartbeats: true, frames: true, switch: SwitchBehaviour::Takes, obeys: true }
    }
}

/// All workers that were spawned, and what they were told.
#[derive(Clone)]
pub struct Workers {
    behaviour: watch::Sender<Behaviour>,
    commands: Arc<Mutex<Vec<(usize, WorkerCommand)>>>,
    crash: Arc<Mutex<CancellationToken>>,
    spawned: Arc<Mutex<usize>>,
    /// Workers that exist now.
    alive: watch::Sender<usize>,
    start: Instant,
}

impl Workers {
    fn new() -> Self {
        Self {
            behaviour: watch::Sender::new(Behaviour::default()),
            commands: Arc::default(),
            crash: Arc::default(),
            spawned: Arc::default(),
            alive: watch::Sender::new(0),
            start: Instant::now(),
        }
    }

    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        self.behaviour.send_modify(change);
    }

    /// The present workers end without a word.
    pub fn crash(&self) {
        let crash = std::mem::take(&mut *self.crash.lock().unwrap());
        crash.cancel();
    }

    pub fn spawned(&self) -> usize {
        *self.spawned.lock().unwrap()
    }

    pub fn alive(&self) -> usize {
        *self.alive.borrow()
    }

    /// Everything told to the worker of that number.
    pub fn told(&self, worker: usize) -> Vec<WorkerCommand> {
        let commands = self.commands.lock().unwrap();
        commands.iter().filter(|(number, _)| *number == worker).map(|(_, command)| command.clone()).collect()
    }
}

impl SpawnWorker for Workers {
    fn spawn(&self, _: &ConferenceId) -> BoxFuture<'static, io::Result<SpawnedWorker>> {
        let number = {
            let mut spawned = self.spawned.lock().unwrap();
            *spawned += 1;
            *spawned - 1
        };
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let crash = self.crash.lock().unwrap().clone();
        self.alive.send_modify(|alive| *alive += 1);
        let worker = FakeWorker { number, world: self.clone(), ready: false, waiting: None, program: None };
        let behaviour = self.behaviour.subscribe();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = worker.run(theirs, behaviour) => {}
                () = crash.cancelled() => {}
            }
        });
        let process = FakeProcess { task, alive: self.alive.clone() };
        async move { Ok(SpawnedWorker { stream: Box::new(ours), process: Box::new(process) }) }.boxed()
    }
}

struct FakeProcess {
    task: JoinHandle<()>,
    alive: watch::Sender<usize>,
}

impl WorkerProcess for FakeProcess {
    fn id(&self) -> Option<u32> {
        None
    }
    fn kill(&mut self) {
        self.task.abort();
    }
    fn wait(&mut self) -> BoxFuture<'_, String> {
        async move {
            let _ = (&mut self.task).await;
            self.alive.send_modify(|alive| *alive -= 1);
            "done".to_owned()
        }
        .boxed()
    }
}

struct FakeWorker {
    number: usize,
    world: Workers,
    ready: bool,
    /// A switch that is to time out.
    waiting: Option<(WorkerCommand, Instant)>,
    /// Frames made so far, while a program runs.
    program: Option<u64>,
}

type EventLink = LinkWriter<WorkerEvent, tokio::io::WriteHalf<DuplexStream>>;

impl FakeWorker {
    async fn run(mut self, stream: DuplexStream, behaviour: watch::Receiver<Behaviour>) {
        let (read, write) = tokio::io::split(stream);
        let mut commands = LinkReader::<WorkerCommand, _>::new(read);
        let mut events = EventLink::new(write);
        let mut ticks = interval(Duration::from_millis(50));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let now = || *behaviour.borrow();
            let alive = tokio::select! {
                command = commands.recv() => match command {
                    Ok(Some(command)) => self.command(command, now(), &mut events).await,
                    _ => return,
                },
                _ = ticks.tick() => self.tick(now(), &mut events).await,
            };
            if !matches!(alive, Ok(true)) {
                return;
            }
        }
    }

    async fn command(
        &mut self,
        command: WorkerCommand,
        now: Behaviour,
        events: &mut EventLink,
    ) -> io::Result<bool> {
        self.world.commands.lock().unwrap().push((self.number, command.clone()));
        let (request, result) = match &command {
            WorkerCommand::Configure(_) if now.ready => {
                self.ready = true;
                events.send(&WorkerEvent::Ready { pid: 1, gstreamer: "fake".to_owned() }).await?;
                return Ok(true);
            }
            WorkerCommand::OpenIngest { request, session, .. } => {
                let result = Ok(ReplyOk::IngestOpened { answer: format!("answer to {session}") });
                events.send(&WorkerEvent::Reply { request: *request, result }).await?;
                events.send(&WorkerEvent::SessionConnected { session: session.clone() }).await?;
                return Ok(true);
            }
            WorkerCommand::StartProgram { request, .. } => {
                self.program = Some(0);
                events.send(&WorkerEvent::Config(video_config())).await?;
                if now.frames {
                    events.send(&WorkerEvent::Frame(self.frame())).await?;
                }
                (*request, Ok(ReplyOk::ProgramStarted))
            }
            WorkerCommand::Compose { request, wait_ready, deadline_ms, .. } => {
                self.supersede(events).await?;
                match now.switch {
                    SwitchBehaviour::TimesOut if *wait_ready => {
                        let deadline = Instant::now() + Duration::from_millis((*deadline_ms).into());
                        self.waiting = Some((command, deadline));
                        return Ok(true);
                    }
                    SwitchBehaviour::NotReady(which) if *wait_ready => {
                        (*request, Err(ReplyError::MediaNotReady { which: SourceId(which) }))
                    }
                    _ => (*request, Ok(ReplyOk::Composed { pts: self.media_time(), took_ms: 40 })),
                }
            }
            WorkerCommand::StopProgram { request } => {
                self.program = None;
                (*request, Ok(ReplyOk::ProgramStopped))
            }
            WorkerCommand::SetOverlay { request, .. } => {
                let pts = self.program.is_some().then(|| self.media_time());
                (*request, Ok(ReplyOk::Overlaid { pts }))
            }
            WorkerCommand::CheckPicture { request, .. } => {
                (*request, Ok(ReplyOk::PictureChecked { width: 64, height: 48 }))
            }
            WorkerCommand::MeasureLevels { .. } => {
                let report = LevelReport {
                    sources: vec![(SourceId(0), Dbov::below(23))],
                    program: Some(Dbov::below(20)),
                };
                events.send(&WorkerEvent::Levels(report)).await?;
                return Ok(true);
            }
            WorkerCommand::Shutdown => return Ok(!now.obeys),
            _ => return Ok(true),
        };
        events.send(&WorkerEvent::Reply { request, result }).await?;
        Ok(true)
    }

    async fn supersede(&mut self, events: &mut EventLink) -> io::Result<()> {
        if let Some((WorkerCommand::Compose { request, .. }, _)) = self.waiting.take() {
            events.send(&WorkerEvent::Reply { request, result: Err(ReplyError::Superseded) }).await?;
        }
        Ok(())
    }

    async fn tick(&mut self, now: Behaviour, events: &mut EventLink) -> io::Result<bool> {
        if !self.ready {
            return Ok(true);
        }
        if now.heartbeats {
            let mut report = WorkerReport::default();
            report.program.frames = self.program.unwrap_or_default();
            events.send(&WorkerEvent::Heartbeat(report)).await?;
        }
        if self.program.is_some() && now.frames {
            events.send(&WorkerEvent::Frame(self.frame())).await?;
        }
        if let Some((WorkerCommand::Compose { request, .. }, _)) =
            self.waiting.take_if(|(_, deadline)| *deadline <= Instant::now())
        {
            events.send(&WorkerEvent::Reply { request, result: Err(ReplyError::Timeout) }).await?;
        }
        Ok(true)
    }

    fn media_time(&self) -> MediaTime {
        MediaTime::from_millis(1_000_000 + self.world.start.elapsed().as_millis() as u64)
    }

    fn frame(&mut self) -> EncodedFrame {
        let count = self.program.get_or_insert_default();
        *count += 1;
        let keyframe = *count % 10 == 1;
        let at = self.media_time();
        EncodedFrame {
            track: Track::Video,
            pts: at,
            dts: at,
            duration: MediaTime::from_millis(50),
            keyframe,
            data: vec![u8::try_from(self.number).unwrap()].into(),
        }
    }
}

pub fn video_config() -> TrackConfig {
    TrackConfig::Video(VideoConfig { avcc: vec![1].into(), width: 640, height: 360, fps: 20, kbps: 800 })
}

/// Outputs that keep everything they get.
#[derive(Clone, Default)]
pub struct Outputs {
    pub orders: Arc<Mutex<Vec<OutputOrder>>>,
    pub items: Arc<Mutex<Vec<HubItem>>>,
    /// HLS never becomes playable, and nothing stops by itself.
    pub stuck: Arc<std::sync::atomic::AtomicBool>,
}

struct FakeOutput {
    status: watch::Receiver<OutputStatus>,
    task: JoinHandle<()>,
    stuck: bool,
}

impl Outputs {
    /// What the first output got.
    pub fn items(&self) -> Vec<HubItem> {
        self.items.lock().unwrap().clone()
    }
}

impl OutputFactory for Outputs {
    fn create(&self, order: OutputOrder) -> Result<Box<dyn OutputHandle>, String> {
        let mut reader = order.hub.subscribe(QueueLimits { bytes: 1 << 20, span: Duration::from_secs(60) });
        let first = self.orders.lock().unwrap().is_empty();
        let items = if first { self.items.clone() } else { Arc::default() };
        self.orders.lock().unwrap().push(order);
        let (sender, status) = watch::channel(OutputStatus::connecting(Timestamp::now()));
        let stuck = self.stuck.load(std::sync::atomic::Ordering::Relaxed);
        let task = tokio::spawn(async move {
            let mut keyframes = 0;
            loop {
                let item = reader.recv().await;
                items.lock().unwrap().push(item.clone());
                match item {
                    HubItem::Frame(frame) if frame.keyframe => {
                        keyframes += 1;
                        if keyframes == 2 {
                            sender.send_modify(|status| status.enter(OutputState::Live, Timestamp::now()));
                        }
                    }
                    HubItem::End => break,
                    _ => {}
                }
            }
            sender.send_modify(|status| status.enter(OutputState::Stopped, Timestamp::now()));
            if stuck {
                std::future::pending::<()>().await;
            }
        });
        Ok(Box::new(FakeOutput { status, task, stuck }))
    }
}

impl OutputHandle for FakeOutput {
    fn status(&self) -> OutputStatus {
        self.status.borrow().clone()
    }

    fn playable(&self) -> BoxFuture<'static, bool> {
        let (mut status, stuck) = (self.status.clone(), self.stuck);
        async move {
            let live = |status: &OutputStatus| !stuck && status.state == OutputState::Live;
            status.wait_for(live).await.is_ok()
        }
        .boxed()
    }

    fn stop(mut self: Box<Self>) -> BoxFuture<'static, OutputStatus> {
        async move {
            if self.stuck {
                std::future::pending::<()>().await;
            }
            if tokio::time::timeout(Duration::from_secs(1), &mut self.task).await.is_err() {
                self.task.abort();
            }
            let mut status = self.status.borrow().clone();
            status.enter(OutputState::Stopped, Timestamp::now());
            status
        }
        .boxed()
    }
}

/// A server.
pub struct Server {
    pub directory: Directory,
    pub workers: Workers,
    pub outputs: Outputs,
    /// What its conferences hear of the load.
    pub load: watch::Sender<Load>,
    pub events: Events,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Config::default(), Arc::new(MemoryStore::default())).await
    }

    pub async fn with(config: Config, store: Arc<dyn Store>) -> Self {
        let (workers, outputs) = (Workers::new(), Outputs::default());
        let launcher = WorkerLauncher::new(Arc::new(workers.clone()), &config.worker);
        let (load, monitor) = LoadMonitor::new();
        let outputs_made = Arc::new(outputs.clone());
        let config = Arc::new(config);
        let webhooks = Webhooks::start(&config.webhooks).unwrap();
        let streams = config.limits.max_event_streams;
        let events = Events::new("http://cast.example".into(), webhooks, streams);
        let parts = ConferenceParts {
            config,
            launcher,
            outputs: outputs_made,
            load: monitor,
            events: events.clone(),
            pictures: Arc::default(),
        };
        let directory = Directory::start(parts, store).await.unwrap();
        Self { directory, workers, outputs, load, events }
    }

    pub async fn room(&self) -> Conference {
        self.directory.find_or_create(&"room".parse().unwrap()).await.unwrap()
    }
}

pub fn offer() -> IngestOffer {
    IngestOffer {
        sdp: "v=0".to_owned(),
        fingerprint_sha256: [0; 32],
        video: Some(OfferedVideo {
            codec: VideoCodec::Vp8,
            payload_type: 96,
            rtx_payload_type: None,
            transport_cc_id: None,
            mline: 0,
        }),
        audio: Some(OfferedAudio {
            payload_type: 111,
            transport_cc_id: None,
            audio_level_id: None,
            mline: 1,
        }),
    }
}

pub async fn publish(room: &Conference, who: &str) -> Result<Published, ControlError> {
    let publish = Publish {
        participant: who.parse().unwrap(),
        name: None,
        stream: StreamName::default(),
        offer: offer(),
    };
    room.ask(|answer| ConferenceRequest::Publish { publish, answer }).await
}

pub fn camera(who: &str) -> Source {
    Source::Participant { participant: who.parse().unwrap(), stream: StreamName::default() }
}

pub fn everybody() -> Source {
    Source::Grid { participants: None }
}

pub fn hls() -> OutputSpec {
    OutputSpec { id: "hls".parse().unwrap(), kind: OutputKind::Hls { low_latency: None } }
}

pub fn rtmp(id: &str) -> OutputSpec {
    OutputSpec {
        id: id.parse().unwrap(),
        kind: OutputKind::Rtmp { url: RtmpUrl::parse("rtmp://host/app/key").unwrap(), backup: None },
    }
}

pub async fn start(room: &Conference, source: Source) -> Result<CastView, ControlError> {
    start_with(room, source, Vec::new()).await
}

/// A cast for which `admission` must have room.
pub async fn start_in(
    room: &Conference,
    source: Source,
    admission: &Admission,
) -> Result<CastView, ControlError> {
    begin(room, source, Vec::new(), admission).await
}

/// A cast with smaller renditions.
pub async fn start_with(
    room: &Conference,
    source: Source,
    renditions: Vec<Rendition>,
) -> Result<CastView, ControlError> {
    begin(room, source, renditions, &Admission::new(0.0)).await
}

async fn begin(
    room: &Conference,
    source: Source,
    renditions: Vec<Rendition>,
    admission: &Admission,
) -> Result<CastView, ControlError> {
    let encoding = Encoding {
        mode: meetingcast::ipc::ProgramMode::Compose,
        width: 640,
        height: 360,
        fps: 20,
        video_kbps: 800,
        audio_kbps: 96,
        keyframe_ms: 500,
        loudness_lufs: None,
        renditions,
    };
    let start = StartCast { source, audio: AudioChoice::Source, encoding, outputs: vec![hls()] };
    let space = CastRoom::new(admission.clone(), Arc::default());
    room.ask(|answer| ConferenceRequest::StartCast { start, room: space, answer }).await
}

pub async fn switch(room: &Conference, source: Source) -> Result<SwitchResult, ControlError> {
    let switch = Switch { source, audio: None, transition: Transition::Cut, at: None };
    room.ask(|answer| ConferenceRequest::Switch { switch, answer }).await
}

pub async fn stop(room: &Conference) -> Result<CastView, ControlError> {
    room.ask(|answer| ConferenceRequest::StopCast { answer }).await
}

pub async fn view(room: &Conference) -> ConferenceView {
    room.ask(|answer| ConferenceRequest::View { answer }).await.unwrap()
}
