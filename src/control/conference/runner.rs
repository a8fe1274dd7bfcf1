//! The task behind a [`Conference`]: it feeds the pure state and does what that decides.

use super::{
    Conference, ConferenceRequest,
    ask::{Ask, Held, Reply, Ticket},
    outputs::{KeyframeRequest, OutputFactory},
    presence::{Listener, SeatEvent, SeatId},
    setup,
    state::{Audience, ConferenceState, Effect, Figures, Founding, Input, Now},
};
use crate::{
    config::Config,
    control::{
        admission::load::LoadMonitor,
        directory::{
            keeper::{Contents, Keeper},
            runner::Notice,
        },
        error::ControlError,
        events::{Events, news::News},
        figures,
        overlay::ServerPictures,
        store::{OverlayRecord, RundownRecord},
        supervisor::{Worker, WorkerLauncher, WorkerSignal},
    },
    ids::{ConferenceId, Incarnation, ParticipantId},
    ipc::{WorkerCommand, WorkerEvent},
    media::TrackConfig,
    units::MediaTime,
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

mod way_out;

use way_out::WayOut;

/// Requests that wait for the actor. Each is taken in microseconds; so many waiting means a flood.
const MAILBOX: usize = 64;

/// A worker shuts down or is killed within two seconds; what is beyond is the kernel's.
const WORKER_STOP_TIMEOUT: Duration = Duration::from_secs(4);

/// What all conferences share.
#[derive(Clone)]
pub struct ConferenceParts {
    pub config: Arc<Config>,
    pub launcher: WorkerLauncher,
    pub outputs: Arc<dyn OutputFactory>,
    pub load: LoadMonitor,
    pub events: Events,
    /// The server's own, which every conference may use.
    pub pictures: Arc<ServerPictures>,
}

impl fmt::Debug for ConferenceParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConferenceParts").finish_non_exhaustive()
    }
}

/// The actor.
pub struct ConferenceRunner {
    id: ConferenceId,
    parts: ConferenceParts,
    state: ConferenceState,
    /// To be told first of all.
    created: Option<News>,
    /// CLOCK_MONOTONIC nanoseconds that the conference's media time counts from.
    epoch_ns: u64,
    mailbox: mpsc::Receiver<ConferenceRequest>,
    /// The end is on its way and the mailbox closed, so that the directory knows.
    ending: bool,
    stop: CancellationToken,
    notices: mpsc::Sender<Notice>,
    keeper: Keeper,
    /// Who listens.
    seats: BTreeMap<SeatId, (ParticipantId, Listener)>,
    held: HashMap<Ticket, Held>,
    next_ticket: u64,
    worker: Option<Worker>,
    way_out: WayOut,
    keyframes: mpsc::Receiver<()>,
    load: LoadMonitor,
    figures: Figures,
}

/// CLOCK_MONOTONIC, which all processes of a machine share.
fn monotonic_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // The clock counts from boot: never negative, and 64 bits last five centuries.
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

fn now(epoch_ns: u64) -> Now {
    Now {
        at: Instant::now().into_std(),
        wall: Timestamp::now(),
        media: MediaTime(monotonic_ns().saturating_sub(epoch_ns)),
    }
}

impl ConferenceRunner {
    /// A conference, and the handle on it. It lives as long as [`Self::run`] does; `stop` ends it like
    /// [`ConferenceRequest::End`].
    pub fn new(
        founding: Founding,
        parts: ConferenceParts,
        notices: mpsc::Sender<Notice>,
        keeper: Keeper,
        stop: CancellationToken,
    ) -> (Conference, Self) {
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        // One place: a request for an IDR that has not been taken yet serves later ones as well.
        let (wanted, keyframes) = mpsc::channel(1);
        let epoch_ns = monotonic_ns();
        let id = founding.id.clone();
        let created = News::ConferenceCreated {
            settings: founding.settings.clone(),
            kept: founding.kept,
            restored: founding.restored,
        };
        let keyframe = KeyframeRequest::new(move || {
            let _ = wanted.try_send(());
        });
        let way_out = WayOut::new(parts.outputs.clone(), keyframe);
        let runner = Self {
            created: Some(created),
            id: id.clone(),
            state: ConferenceState::new(founding, parts.config.clone(), now(epoch_ns))
                .with_pictures(&parts.pictures),
            load: parts.load.afresh(),
            parts,
            epoch_ns,
            mailbox,
            ending: false,
            stop,
            notices,
            keeper,
            seats: BTreeMap::new(),
            held: HashMap::new(),
            next_ticket: 0,
            worker: None,
            way_out,
            keyframes,
            figures: Figures::default(),
        };
        (Conference::new(id, sender), runner)
    }

    /// Lives until the conference ends: by request, by being empty, or since nobody holds a handle.
    pub async fn run(mut self) {
        tracing::info!("conference opened");
        if let Some(created) = self.created.take() {
            self.parts.events.publish(&self.id, &created);
        }
        loop {
            let input = self.next_input().await;
            if let Some(waiting) = self.take(input).await {
                self.finish(waiting).await;
                break;
            }
        }
        tracing::info!("conference ended");
    }

    async fn next_input(&mut self) -> Input {
        let deadline = self.state.next_deadline().map(Instant::from_std);
        // Without `biased` no side can starve another: neither requests frames, nor frames requests.
        tokio::select! {
            () = self.stop.cancelled(), if !self.ending => self.end_input(),
            request = self.mailbox.recv(), if !self.ending => match request {
                Some(request) => self.ask_input(request),
                None => self.end_input(),
            },
            signal = signal_of(&mut self.worker) => match signal {
                WorkerSignal::Event(event) => {
                    log_event(&event);
                    Input::Worker(event)
                }
                WorkerSignal::Gone(_) => {
                    self.worker = None;
                    Input::WorkerGone
                }
            },
            Some(()) = self.keyframes.recv() => Input::KeyframeWanted,
            load = self.load.next() => Input::Load(load),
            Some(input) = self.way_out.next() => input,
            // Whoever has come in time is heard before a deadline may end the conference.
            () = sleep_or_pend(deadline), if self.ending || self.mailbox.is_empty() => Input::Tick,
        }
    }

    fn ask_input(&mut self, request: ConferenceRequest) -> Input {
        if let ConferenceRequest::Join { join, listener, .. } = &request {
            self.seats.insert(join.seat, (join.participant.clone(), listener.clone()));
        }
        let (ask, held) = match request {
            ConferenceRequest::StartCast { start, room, answer } => {
                match room.ask(&start, self.state.figures().participants) {
                    Ok(room) => (Ask::StartCast(start), Held::Started { answer, room }),
                    Err(error) => {
                        // Who no longer waits need not know. Nothing has changed.
                        let _ = answer.send(Err(error));
                        return Input::Tick;
                    }
                }
            }
            request => request.split(),
        };
        let ticket = self.ticket();
        self.held.insert(ticket, held);
        Input::Ask { ticket, ask }
    }

    /// The end without anybody who waits for it.
    fn end_input(&mut self) -> Input {
        Input::Ask { ticket: self.ticket(), ask: Ask::Shutdown }
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Applies an input and does what follows. `Some` when the conference is over.
    async fn take(&mut self, input: Input) -> Option<Vec<Ticket>> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let media =
                matches!(input, Input::Worker(WorkerEvent::Frame(_) | WorkerEvent::RenditionFrame { .. }));
            if !media {
                for (key, status) in self.way_out.statuses() {
                    self.state.observe_output(key, status);
                }
            }
            for effect in self.state.apply(now(self.epoch_ns), input) {
                match effect {
                    Effect::Finish { answer } => return Some(answer),
                    effect => inputs.extend(self.perform(effect).await),
                }
            }
            if self.state.is_ending() && !self.ending {
                self.ending = true;
                self.mailbox.close();
                while let Ok(request) = self.mailbox.try_recv() {
                    let input = self.ask_input(request);
                    inputs.push_back(input);
                }
            }
        }
        let figures = self.state.figures();
        if figures != self.figures {
            self.figures = figures;
            self.notify(Notice::Figures { conference: self.id.clone(), figures }).await;
        }
        None
    }

    /// Does one thing; what comes of it at once is an input again.
    async fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Answer { ticket, result } => self.answer(ticket, result),
            Effect::LaunchWorker { incarnation, replacement } => self.launch(incarnation, replacement),
            Effect::ShutWorker => self.worker = None,
            Effect::KillWorker => {
                if let Some(worker) = self.worker.take() {
                    tracing::warn!("worker is killed since its program fails");
                    worker.kill();
                }
            }
            Effect::Command(command) => return self.command(command),
            Effect::SessionOpened(session) => {
                self.notify(Notice::SessionOpened { session, conference: self.id.clone() }).await;
            }
            Effect::Tell { audience, event } => self.tell(&audience, &event),
            Effect::Announce(news) => {
                // Nobody may have waited for it: a cue is a switch as well.
                if let News::CastSwitched(switched) = &*news {
                    figures::switched(switched.took);
                }
                self.parts.events.publish(&self.id, &news);
            }
            Effect::StoreCues { begun, cues } => {
                let rundown = Some(RundownRecord::new(begun, &cues));
                self.keeper.store(&self.id, Contents { rundown, ..Contents::default() });
            }
            Effect::StoreOverlay(overlay) => {
                let overlay = Some(OverlayRecord::new(&overlay));
                self.keeper.store(&self.id, Contents { overlay, ..Contents::default() });
            }
            Effect::StorePictures(pictures) => {
                let pictures = Some(pictures);
                self.keeper.store(&self.id, Contents { pictures, ..Contents::default() });
            }
            Effect::Unseat(seat) => drop(self.seats.remove(&seat)),
            Effect::SessionClosed(session) => self.notify(Notice::SessionClosed { session }).await,
            // Taken care of by the caller.
            Effect::Finish { .. } => {}
            Effect::OpenHub { renditions, steady } => self.way_out.open(renditions, steady),
            Effect::Config(config) => self.way_out.hub.set_config(config),
            Effect::Frame(frame) => self.way_out.hub.push(frame),
            Effect::RenditionConfig(index, config) => {
                self.way_out.rendition(index, |hub| hub.set_config(TrackConfig::Video(config)));
            }
            Effect::RenditionFrame(index, frame) => self.way_out.rendition(index, |hub| hub.push(frame)),
            Effect::Discontinuity(incarnation) => self.way_out.hub.discontinuity(incarnation),
            Effect::EndHub => self.way_out.end(),
            Effect::CreateOutput { key, spec, epoch } => {
                return Some(self.way_out.create_output(&self.id, key, spec, epoch));
            }
            Effect::StopOutput(key) => self.way_out.stop_output(key),
        }
        None
    }

    fn answer(&mut self, ticket: Ticket, result: Result<Reply, ControlError>) {
        if let Some(held) = self.held.remove(&ticket) {
            held.answer(result);
        }
    }

    fn tell(&self, audience: &Audience, event: &SeatEvent) {
        for (seat, (participant, listener)) in &self.seats {
            let hears = match audience {
                Audience::Everybody => true,
                Audience::Others(but) => but != participant,
                Audience::One(only) => only == seat,
            };
            if hears {
                listener.hear(event.clone());
            }
        }
    }

    fn launch(&mut self, incarnation: Incarnation, replacement: bool) {
        if replacement {
            tracing::warn!("worker is replaced");
            figures::worker_restarted();
        }
        let setup = setup::worker(&self.id, incarnation, self.epoch_ns, &self.parts.config);
        self.worker = Some(self.parts.launcher.launch(&self.id, setup));
    }

    fn command(&mut self, command: WorkerCommand) -> Option<Input> {
        let error = self.worker.as_ref()?.send(command).err()?;
        tracing::warn!(%error, "worker is killed");
        self.worker.take()?.kill();
        Some(Input::WorkerGone)
    }

    async fn notify(&self, notice: Notice) {
        // The directory never waits for a conference, so this cannot hang. Without a directory nobody
        // needs to know.
        let _ = self.notices.send(notice).await;
    }

    async fn finish(mut self, waiting: Vec<Ticket>) {
        // Nobody can ask any more; whoever slipped in as the mailbox closed is told so.
        self.mailbox.close();
        while let Some(request) = self.mailbox.recv().await {
            let (_, held) = request.split();
            held.answer(Err(ControlError::ConferenceNotFound(self.id.clone())));
        }
        if let Some(worker) = self.worker.take()
            && timeout(WORKER_STOP_TIMEOUT, worker.stop()).await.is_err()
        {
            tracing::error!("worker could not be reaped in time");
        }
        for ticket in waiting {
            self.answer(ticket, Ok(Reply::Done));
        }
        // The state answers everything before it finishes; whatever is left is told the truth.
        for (_, held) in std::mem::take(&mut self.held) {
            held.answer(Err(ControlError::ConferenceNotFound(self.id.clone())));
        }
        self.way_out.shut().await;
    }
}

async fn signal_of(worker: &mut Option<Worker>) -> WorkerSignal {
    match worker {
        Some(worker) => worker.recv().await,
        None => std::future::pending().await,
    }
}

async fn sleep_or_pend(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn log_event(event: &WorkerEvent) {
    match event {
        WorkerEvent::SessionEnded { session, reason } => tracing::info!(%session, ?reason, "session ended"),
        WorkerEvent::SessionConnected { session } => tracing::info!(%session, "session connected"),
        WorkerEvent::FileFailed { source, fault } => {
            tracing::warn!(%source, error = %fault, "media file failed")
        }
        WorkerEvent::ProgramFailed { detail } => tracing::error!(error = detail, "program failed"),
        WorkerEvent::Reply { result: Err(error), .. } => tracing::warn!(%error, "worker refused a command"),
        _ => {}
    }
}
