//! The worker's centre: commands in, events out, ingests and the program between.

mod files;
mod forwards;
mod pictures;
mod programs;
mod watch;

use crate::{
    ids::{RequestId, SessionId, SourceId},
    ipc::{
        IngestOffer, LEVELS_EVERY_MS, LevelReport, ProgramReport, ReplyError, ReplyOk, SessionEndReason,
        WorkerCommand, WorkerEvent, WorkerReport, WorkerSetup,
    },
    media::{EncoderChoice, EncoderKind},
    units::MediaTime,
    worker::{
        broadcast::{Broadcast, BroadcastEvent},
        encoder::{EncoderEvent, HardwareTrials, Selection},
        file::FileEvent,
        forward::relay::PacketRelay,
        ingest::{Ingest, IngestError, IngestEvent, IngestSetup},
        program::{
            director::Manner,
            mixer::{Mixer, MixerEvent, MixerRequest, MixerSetup},
            snapshot::{SnapshotError, Still},
        },
        source::{self, SourceMeter},
        timeline::Timeline,
    },
};
use files::OpenFile;
use forwards::Subscriber;
use programs::ProgramEncoder;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use watch::{ProgramWatch, Sight, Verdict};

/// Between RTP's arrival and the decoded frame: depayloading, decoding and a little scheduling on a busy
/// machine. Added to the jitter buffer's latency it makes the program's delay.
const DECODE_ALLOWANCE: Duration = Duration::from_millis(60);
/// What the publishers' pipelines may take to go down at the end, all at once.
const TEARDOWN: Duration = Duration::from_millis(1500);
/// Events of ingests and mixer under way to the controller.
const EVENTS: usize = 1024;

/// What ends the worker.
#[derive(Debug, PartialEq, Eq)]
pub enum Finish {
    /// As asked, or control is gone.
    Orderly,
    /// Something cannot be taken down; the process must go.
    Broken,
}

struct Session {
    ingest: Ingest,
    source: SourceId,
    /// Later ones have larger numbers.
    serial: u64,
    meter: Arc<SourceMeter>,
    relay: PacketRelay,
    /// Whom to tell about the answer.
    opening: Option<RequestId>,
}

struct Program {
    encoder: ProgramEncoder,
    /// While somebody watches by WebRTC.
    broadcast: Option<Broadcast>,
    audio_kbps: u32,
    /// Whom to tell about the first frame.
    starting: Option<RequestId>,
    watch: ProgramWatch,
}

/// The state of a worker. Commands are served one after the other; what takes time happens elsewhere.
pub struct Controller {
    setup: WorkerSetup,
    timeline: Timeline,
    out: mpsc::Sender<WorkerEvent>,
    mixer: Mixer,
    mixer_events: mpsc::Receiver<MixerEvent>,
    sessions: HashMap<SessionId, Session>,
    next_serial: u64,
    ingest_events_in: mpsc::Sender<(SessionId, IngestEvent)>,
    ingest_events: mpsc::Receiver<(SessionId, IngestEvent)>,
    subscribers: HashMap<SessionId, Subscriber>,
    forward_events_in: mpsc::Sender<(SessionId, IngestEvent)>,
    forward_events: mpsc::Receiver<(SessionId, IngestEvent)>,
    files: HashMap<SourceId, OpenFile>,
    file_events_in: mpsc::Sender<(SourceId, FileEvent)>,
    file_events: mpsc::Receiver<(SourceId, FileEvent)>,
    program: Option<Program>,
    broadcast_events_in: mpsc::Sender<BroadcastEvent>,
    broadcast_events: mpsc::Receiver<BroadcastEvent>,
    encoder_events_in: mpsc::Sender<EncoderEvent>,
    encoder_events: mpsc::Receiver<EncoderEvent>,
    /// Begun with the worker where the setup says so, else when a program needs them.
    trials: Option<HardwareTrials>,
    selection: Selection,
    /// What makes the program's pictures, and how often another one took over; as with the mixer's figures, of the last
    /// program until the next one.
    encoder_report: (Option<EncoderKind>, u64),
}

impl Controller {
    /// A worker without publishers or program. To be called within the async runtime.
    pub fn new(setup: WorkerSetup, out: mpsc::Sender<WorkerEvent>) -> Self {
        let timeline = Timeline::new(setup.epoch_ns);
        let (mixer_events_in, mixer_events) = mpsc::channel(EVENTS);
        let delay = Duration::from_millis(setup.webrtc.jitter_ms.into()) + DECODE_ALLOWANCE;
        let mixer = Mixer::start(MixerSetup { timeline: timeline.clone(), delay }, mixer_events_in);
        let (ingest_events_in, ingest_events) = mpsc::channel(EVENTS);
        let (forward_events_in, forward_events) = mpsc::channel(EVENTS);
        let (file_events_in, file_events) = mpsc::channel(EVENTS);
        let (encoder_events_in, encoder_events) = mpsc::channel(8);
        let (broadcast_events_in, broadcast_events) = mpsc::channel(8);
        let trials = (setup.encoder == EncoderChoice::Auto).then(HardwareTrials::begin);
        Self {
            setup,
            timeline,
            out,
            mixer,
            mixer_events,
            sessions: HashMap::new(),
            next_serial: 0,
            ingest_events_in,
            ingest_events,
            subscribers: HashMap::new(),
            forward_events_in,
            forward_events,
            files: HashMap::new(),
            file_events_in,
            file_events,
            program: None,
            broadcast_events_in,
            broadcast_events,
            encoder_events_in,
            encoder_events,
            trials,
            selection: Selection::default(),
            encoder_report: (None, 0),
        }
    }

    /// Serves until told to stop, or control is gone.
    pub async fn run(mut self, mut commands: mpsc::Receiver<WorkerCommand>) -> Finish {
        let heartbeat = Duration::from_millis(self.setup.heartbeat_ms.max(10).into());
        let mut heartbeats = tokio::time::interval(heartbeat);
        heartbeats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut levels = pace(LEVELS_EVERY_MS);
        let finish = loop {
            let step = tokio::select! {
                command = commands.recv() => match command {
                    None | Some(WorkerCommand::Shutdown) => break Finish::Orderly,
                    Some(WorkerCommand::MeasureLevels { every_ms }) => {
                        levels = pace(every_ms);
                        Ok(())
                    }
                    Some(command) => self.serve(command).await,
                },
                Some((session, event)) = self.ingest_events.recv() => self.on_ingest(session, event).await,
                Some((session, event)) = self.forward_events.recv() => self.on_forward(session, event).await,
                Some((source, event)) = self.file_events.recv() => self.on_file(source, event).await,
                Some(event) = self.mixer_events.recv() => self.on_mixer(event).await,
                Some(event) = self.broadcast_events.recv() => self.on_broadcast(event).await,
                Some(event) = self.encoder_events.recv() => self.on_encoder(event).await,
                _ = heartbeats.tick() => self.beat().await,
                _ = levels.tick() => {
                    self.tell_levels();
                    Ok(())
                }
            };
            if let Err(broken) = step {
                break broken;
            }
        };
        for session in self.sessions.values() {
            session.ingest.close();
        }
        for subscriber in self.subscribers.values() {
            subscriber.forward.close();
        }
        self.files.clear();
        if let Some(program) = self.program.take() {
            // Broken or not, the encoder ends next.
            let _ = self.stop_mixer().await;
            if let Err(error) = program.encoder.finish().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the encoder did not finish");
            }
        }
        drop((self.ingest_events_in, self.forward_events_in, self.file_events_in));
        // Each ingest holds a sender until its pipeline is down.
        let gone = async {
            while self.ingest_events.recv().await.is_some() {}
            while self.forward_events.recv().await.is_some() {}
            while self.file_events.recv().await.is_some() {}
        };
        if tokio::time::timeout(TEARDOWN, gone).await.is_err() {
            tracing::warn!("publishers' pipelines did not end in time");
        }
        finish
    }

    async fn serve(&mut self, command: WorkerCommand) -> Result<(), Finish> {
        match command {
            WorkerCommand::OpenIngest { request, session, source, offer } => {
                self.open_ingest(request, session, source, offer)?;
            }
            WorkerCommand::AddCandidates { session, candidates } => {
                if let Some(session) = self.sessions.get(&session) {
                    session.ingest.add_candidates(candidates);
                } else if let Some(subscriber) = self.subscribers.get(&session) {
                    subscriber.forward.add_candidates(candidates);
                }
            }
            WorkerCommand::CloseIngest { session } => self.remove(&session).await?,
            WorkerCommand::OpenForward { request, session, of, without, offer, mutes } => {
                if let Err(error) = self.open_forward(request, session, of, without, offer, mutes).await {
                    self.reply(request, Err(error)).await;
                }
            }
            WorkerCommand::LeaveOut { session, without } => self.leave_out(&session, without)?,
            WorkerCommand::MuteForwards { source, mutes } => self.mute_forwards(source, mutes).await,
            WorkerCommand::CloseForward { session } => self.close_forward(&session),
            WorkerCommand::StartProgram { request, program } => {
                let started = self.start_program(request, program).await;
                if let Err(error) = started {
                    self.reply(request, Err(error)).await;
                }
            }
            WorkerCommand::Compose { request, scene, wait_ready, deadline_ms, transition, at } => {
                let patience = Duration::from_millis(deadline_ms.into());
                self.ask(MixerRequest::Compose {
                    request,
                    scene,
                    wait_ready,
                    patience,
                    manner: Manner { transition, at },
                })?;
            }
            WorkerCommand::OpenFile { source, file } => self.open_file(source, file).await?,
            WorkerCommand::AfterFile { source, scene } => self.after_file(source, scene)?,
            WorkerCommand::ControlFile { request, source, action } => {
                self.control_file(request, source, action)?;
            }
            WorkerCommand::RequestKeyframe => self.ask(MixerRequest::Keyframe)?,
            WorkerCommand::PaceRenditions { every } => {
                if let Some(program) = &self.program {
                    program.encoder.pace_renditions(&every);
                }
            }
            WorkerCommand::Snapshot { request } => self.ask(MixerRequest::Snapshot { request })?,
            WorkerCommand::SetOverlay { request, overlay } => {
                self.ask(MixerRequest::Overlay { request, overlay })?;
            }
            WorkerCommand::CheckPicture { request, file } => self.check_picture(request, file),
            WorkerCommand::CheckClip { request, file } => self.check_clip(request, file),
            WorkerCommand::AddPicture { picture, file } => {
                self.ask(MixerRequest::AddPicture { picture, file })?;
            }
            WorkerCommand::RemovePicture { picture } => self.ask(MixerRequest::RemovePicture { picture })?,
            WorkerCommand::StopProgram { request } => self.stop_program(request).await?,
            WorkerCommand::Configure(_) | WorkerCommand::MeasureLevels { .. } | WorkerCommand::Shutdown => {}
        }
        Ok(())
    }

    fn ask(&self, request: MixerRequest) -> Result<(), Finish> {
        self.mixer.ask(request).map_err(|error| {
            tracing::error!("{error}");
            Finish::Broken
        })
    }

    async fn reply(&self, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        self.tell(WorkerEvent::Reply { request, result }).await;
    }

    async fn tell(&self, event: WorkerEvent) {
        // Refused only when control is gone, and then the command channel says so too.
        let _ = self.out.send(event).await;
    }

    fn open_ingest(
        &mut self,
        request: RequestId,
        session: SessionId,
        source: SourceId,
        offer: IngestOffer,
    ) -> Result<(), Finish> {
        let (tap, feed) = source::source(session.clone(), offer.video.is_some());
        let (meter, relay) = (tap.meter().clone(), tap.relay().clone());
        self.ask(MixerRequest::AddSource { source, feed })?;
        let ingest = Ingest::open(
            IngestSetup {
                session: session.clone(),
                source,
                offer,
                webrtc: self.setup.webrtc.clone(),
                timeline: self.timeline.clone(),
                tap,
            },
            self.ingest_events_in.clone(),
        );
        self.next_serial += 1;
        let serial = self.next_serial;
        self.sessions
            .insert(session, Session { ingest, source, serial, meter, relay, opening: Some(request) });
        Ok(())
    }

    async fn remove(&mut self, session: &SessionId) -> Result<(), Finish> {
        let Some(removed) = self.sessions.remove(session) else { return Ok(()) };
        removed.ingest.close();
        self.end_forwards(SessionEndReason::SourceGone, |one| one.publisher.as_ref() == Some(session)).await;
        self.ask(MixerRequest::RemoveSource { source: removed.source, session: session.clone() })
    }

    async fn on_ingest(&mut self, id: SessionId, event: IngestEvent) -> Result<(), Finish> {
        match event {
            IngestEvent::Opened(result) => {
                let opening = self.sessions.get_mut(&id).and_then(|session| session.opening.take());
                let result = match result {
                    Ok(answer) => Ok(ReplyOk::IngestOpened { answer }),
                    Err(error) => {
                        self.remove(&id).await?;
                        Err(refusal(&error))
                    }
                };
                if let Some(request) = opening {
                    self.reply(request, result).await;
                }
            }
            IngestEvent::Connected if self.sessions.contains_key(&id) => {
                self.tell(WorkerEvent::SessionConnected { session: id }).await;
            }
            IngestEvent::Connected => {}
            IngestEvent::Ended(reason) => {
                let known = self.sessions.contains_key(&id);
                self.remove(&id).await?;
                if known {
                    if let SessionEndReason::PipelineError { detail } = &reason {
                        tracing::warn!(session = %id, error = detail, "ingest failed");
                    }
                    self.tell(WorkerEvent::SessionEnded { session: id, reason }).await;
                }
            }
            IngestEvent::Frozen => {
                tracing::error!(session = %id, "an ingest pipeline is frozen");
                return Err(Finish::Broken);
            }
        }
        Ok(())
    }

    async fn on_mixer(&mut self, event: MixerEvent) -> Result<(), Finish> {
        match event {
            MixerEvent::Reply { request, result } => self.reply(request, result).await,
            MixerEvent::WantsKeyframe { source, hurry } => {
                for session in self.sessions.values().filter(|session| session.source == source) {
                    if hurry {
                        session.ingest.request_keyframe_for_program();
                    } else {
                        session.ingest.request_keyframe();
                    }
                }
            }
            MixerEvent::File { source, wish } => self.on_file_wish(source, wish).await,
            MixerEvent::Still { request, still } => self.give_still(request, still).await,
            MixerEvent::Failed { detail } => self.tell(WorkerEvent::ProgramFailed { detail }).await,
        }
        Ok(())
    }

    /// A still is encoded on a thread of its own, while everything else goes on.
    async fn give_still(&self, request: RequestId, still: Option<Still>) {
        let Some(still) = still else {
            let detail = "no program runs".to_owned();
            return self.reply(request, Err(ReplyError::WrongState { detail })).await;
        };
        let out = self.out.clone();
        tokio::spawn(async move {
            let result = match tokio::task::spawn_blocking(move || still.to_jpeg()).await {
                Ok(Ok(jpeg)) => Ok(ReplyOk::Snapshot { jpeg }),
                Ok(Err(SnapshotError::Empty)) => Err(ReplyError::Timeout),
                Ok(Err(error)) => Err(ReplyError::Internal { detail: chain(&error) }),
                Err(panic) => Err(ReplyError::Internal { detail: panic.to_string() }),
            };
            // Refused only when control is gone.
            let _ = out.send(WorkerEvent::Reply { request, result }).await;
        });
    }

    /// The heartbeat, and the watch over the program.
    async fn beat(&mut self) -> Result<(), Finish> {
        let now = self.timeline.now();
        self.watch_program(now).await?;
        let link_drops = self.program.as_ref().map_or(0, |program| program.encoder.link_drops());
        let mut sources: Vec<_> = self
            .sessions
            .iter()
            .map(|(id, session)| session.meter.report(session.source, id.clone(), now))
            .collect();
        sources.sort_by_key(|report| report.source);
        let (encoder, encoder_fallbacks) = self.encoder_report;
        let program = ProgramReport { encoder, encoder_fallbacks, ..self.mixer.meter().report() };
        // A full way out means control does not read: the heartbeat it then misses is the right sign.
        let _ = self.out.try_send(WorkerEvent::Heartbeat(WorkerReport { program, sources, link_drops }));
        self.report_files();
        Ok(())
    }

    fn tell_levels(&self) {
        let now = self.timeline.now();
        // A source that another session took over is told once, by the later one.
        let mut sessions: Vec<_> = self.sessions.values().collect();
        sessions.sort_by_key(|session| (session.source, std::cmp::Reverse(session.serial)));
        sessions.dedup_by_key(|session| session.source);
        let level = |session: &Session| Some((session.source, session.meter.take_level(now)?));
        let sources = sessions.into_iter().filter_map(level).collect();
        let program = self.program.as_ref().and_then(|_| self.mixer.meter().level.take());
        // Left out where control does not read; the next ones are as good.
        let _ = self.out.try_send(WorkerEvent::Levels(LevelReport { sources, program }));
    }

    async fn watch_program(&mut self, now: MediaTime) -> Result<(), Finish> {
        let Some(program) = &mut self.program else { return Ok(()) };
        let meter = self.mixer.meter();
        let sight = Sight { out: program.encoder.video_frames(), made: meter.frames(), turns: meter.turns() };
        let failed = match program.watch.look(sight, now) {
            Verdict::Waits => return Ok(()),
            Verdict::Flows => {
                if let Some(request) = program.starting.take() {
                    self.reply(request, Ok(ReplyOk::ProgramStarted)).await;
                }
                return Ok(());
            }
            Verdict::EncoderStuck(time) => {
                let detail = format!("no frame came out of the encoder for {} ms", time.as_millis());
                self.fall_back(detail).await?
            }
            Verdict::MixerStuck(time) => {
                Err(format!("the program's thread has stood still for {} ms", time.as_millis()))
            }
        };
        if let Err(detail) = failed {
            let starting = self.program.as_mut().and_then(|program| program.starting.take());
            match starting {
                Some(request) => self.reply(request, Err(ReplyError::Internal { detail })).await,
                None => self.tell(WorkerEvent::ProgramFailed { detail }).await,
            }
        }
        Ok(())
    }
}

/// The clock of levels.
fn pace(every_ms: u32) -> tokio::time::Interval {
    let every = Duration::from_millis(every_ms.clamp(50, 10_000).into());
    let mut pace = tokio::time::interval(every);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    pace
}

/// The far end's fault, ours, or the machine's.
fn refusal(error: &IngestError) -> ReplyError {
    let detail = chain(error);
    match error {
        IngestError::Offer(_) | IngestError::Negotiate { .. } => ReplyError::OfferRefused { detail },
        IngestError::TimedOut { .. } => ReplyError::Timeout,
        _ => ReplyError::Internal { detail },
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
