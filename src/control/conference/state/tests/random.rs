//! Any order of requests and events, against a model of worker and outputs: every request is answered
//! exactly once, numbers are stable, nothing leaks, nothing is told to a worker that is not there.

use super::{
    super::*,
    bench::{self, Duration, MediaTime, OutputStatus, SeatId, SessionId},
    listeners::Listeners,
    outsiders::Outsiders,
};
use crate::{
    control::{
        cast::{
            AfterFile, Arrangement, AudioChoice, CueTime, CueView, FileSource, Focus, Source, Switch,
            SwitchTime, Transition,
        },
        conference::{Join, ParticipantPatch, Publish, presence::Absence},
        overlay::{KeptPicture, Overlay, OverlayPatch},
    },
    ids::{ParticipantId, PictureId, RequestId, SourceId, StreamName},
    ipc::{
        LevelReport, ReplyError, ReplyOk, SessionEndReason, WorkerReport,
        file::{FileAction, FileFault, FileReport},
        overlay::{BackgroundSpec, PictureFile, PictureKind, StandIn, StandInMedia},
    },
    layout::Fit,
    media::Track,
    units::Dbov,
};
use proptest::prelude::*;
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "eve"];
const PICTURES: [&str; 3] = ["logo", "wall", "house"];
const STREAMS: [&str; 2] = ["camera", "screen"];

#[derive(Debug, Clone)]
enum Op {
    Publish(usize, usize),
    Connected(usize),
    Join(usize, bool),
    Leave(usize, bool),
    HangUp(usize),
    Trickle(usize),
    Remove(usize),
    Patch(usize, bool),
    Start(usize, bool),
    Switch(usize),
    Cues(Vec<(usize, u8, u64)>),
    NextCue,
    GoCue(usize),
    /// What is asked of a file, and what a file does by itself.
    ControlFile(u8),
    FileEvent(u8),
    Stop,
    Snapshot,
    Overlay(u8),
    PutPicture(usize),
    RemovePicture(usize),
    /// Somebody sets the conference up: from now on it is stored.
    Keep,
    AddOutput(usize, bool),
    RemoveOutput(usize),
    Look,
    Ready,
    Reply(usize, u8),
    SessionEnded(usize),
    Gone,
    ProgramFailed,
    Frame(bool, bool),
    Heartbeat,
    Levels([u8; 5]),
    Playable(usize, bool),
    OutputStopped(usize),
    Pass(u64),
    Keyframe,
    End,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..5_usize, 0..2_usize).prop_map(|(who, stream)| Op::Publish(who, stream)),
        6 => (0..8_usize).prop_map(Op::Connected),
        3 => (0..5_usize, any::<bool>()).prop_map(|(who, again)| Op::Join(who, again)),
        2 => (0..5_usize, any::<bool>()).prop_map(|(who, lost)| Op::Leave(who, lost)),
        2 => (0..8_usize).prop_map(Op::HangUp),
        1 => (0..8_usize).prop_map(Op::Trickle),
        1 => (0..5_usize).prop_map(Op::Remove),
        1 => (0..5_usize, any::<bool>()).prop_map(|(who, mute)| Op::Patch(who, mute)),
        3 => (0..14_usize, any::<bool>()).prop_map(|(source, push)| Op::Start(source, push)),
        4 => (0..14_usize).prop_map(Op::Switch),
        2 => prop::collection::vec((0..14_usize, 0..4_u8, 0..8_000_u64), 0..5).prop_map(Op::Cues),
        2 => Just(Op::NextCue),
        1 => (0..5_usize).prop_map(Op::GoCue),
        2 => any::<u8>().prop_map(Op::ControlFile),
        3 => any::<u8>().prop_map(Op::FileEvent),
        1 => Just(Op::Stop),
        2 => Just(Op::Snapshot),
        3 => any::<u8>().prop_map(Op::Overlay),
        2 => (0..3_usize).prop_map(Op::PutPicture),
        1 => (0..3_usize).prop_map(Op::RemovePicture),
        1 => Just(Op::Keep),
        2 => (0..3_usize, any::<bool>()).prop_map(|(id, fails)| Op::AddOutput(id, fails)),
        1 => (0..3_usize).prop_map(Op::RemoveOutput),
        1 => Just(Op::Look),
        6 => Just(Op::Ready),
        12 => (0..4_usize, any::<u8>()).prop_map(|(which, how)| Op::Reply(which, how)),
        1 => (0..8_usize).prop_map(Op::SessionEnded),
        1 => Just(Op::Gone),
        1 => Just(Op::ProgramFailed),
        6 => (any::<bool>(), any::<bool>()).prop_map(|(video, key)| Op::Frame(video, key)),
        1 => Just(Op::Heartbeat),
        4 => any::<[u8; 5]>().prop_map(Op::Levels),
        4 => (0..4_usize, prop::bool::weighted(0.9)).prop_map(|(which, well)| Op::Playable(which, well)),
        3 => (0..4_usize).prop_map(Op::OutputStopped),
        3 => (0..20_000_u64).prop_map(Op::Pass),
        1 => Just(Op::Keyframe),
        1 => Just(Op::End),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkerModel {
    None,
    Starting,
    Ready,
}

/// What the world around the state looks like.
struct World {
    state: ConferenceState,
    now: Now,
    asked: u64,
    answered: BTreeSet<Ticket>,
    worker: WorkerModel,
    incarnations: u32,
    /// Commands that the worker has not answered.
    unanswered: Vec<(RequestId, WorkerCommand)>,
    /// Sessions that the worker holds, and those that the directory knows.
    worker_sessions: BTreeSet<String>,
    worker_pictures: BTreeSet<PictureId>,
    open_sessions: BTreeSet<String>,
    published: HashMap<String, Publish>,
    sources: HashMap<(ParticipantId, StreamName), SourceId>,
    /// Outputs that exist, and those that are being stopped.
    outputs: Vec<OutputKey>,
    stopping: Vec<OutputKey>,
    outputs_fail: bool,
    /// The files that this worker was told to open.
    files: Vec<SourceId>,
    hub_open: bool,
    last_frame: HashMap<Track, MediaTime>,
    listeners: Listeners,
    outsiders: Outsiders,
    /// What a restart would find.
    stored: Stored,
    finished: bool,
}

/// What was stored last.
#[derive(Debug, Default)]
struct Stored {
    cues: Vec<CueView>,
    overlay: Overlay,
    pictures: Vec<KeptPicture>,
}

impl World {
    fn new() -> Self {
        let mut config = bench::config();
        config.media.dir = "/media".to_owned();
        let bench::Bench { state, now, .. } = bench::Bench::with(config, false);
        Self {
            state,
            now,
            asked: 0,
            answered: BTreeSet::new(),
            worker: WorkerModel::None,
            incarnations: 0,
            unanswered: Vec::new(),
            worker_sessions: BTreeSet::new(),
            worker_pictures: BTreeSet::new(),
            open_sessions: BTreeSet::new(),
            published: HashMap::new(),
            sources: HashMap::new(),
            outputs: Vec::new(),
            stopping: Vec::new(),
            outputs_fail: false,
            files: Vec::new(),
            hub_open: false,
            last_frame: HashMap::new(),
            listeners: Listeners::default(),
            outsiders: Outsiders::default(),
            stored: Stored::default(),
            finished: false,
        }
    }

    fn feed(&mut self, input: Input) {
        let media = matches!(input, Input::Worker(WorkerEvent::Frame(_)));
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for effect in self.state.apply(self.now, input) {
                inputs.extend(self.perform(effect));
            }
        }
        if self.worker != WorkerModel::Ready {
            assert!(self.open_sessions.is_empty());
        }
        assert_eq!(self.worker_sessions, self.open_sessions, "a session leaks");
        if !self.finished {
            self.listeners.check(&self.state);
            if !media {
                self.outsiders.check(&self.state);
                self.check_stored();
            }
        }
        assert_eq!(self.outsiders.know_the_end(), self.finished);
    }

    /// A restart would find what is.
    fn check_stored(&self) {
        if !self.state.kept {
            return;
        }
        assert_eq!(self.stored.overlay, *self.state.overlay.overlay());
        let names =
            |pictures: &[KeptPicture]| pictures.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        let are: Vec<_> = self.state.pictures.views().into_iter().map(|view| view.name).collect();
        assert_eq!(names(&self.stored.pictures), are);
        let cues = self.state.rundown.cues(self.state.clock(self.now));
        assert_eq!(self.stored.cues.len(), cues.len());
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        assert!(!self.finished || matches!(effect, Effect::Answer { .. }), "{effect:?} after the end");
        match effect {
            Effect::Answer { ticket, .. } => {
                assert!(self.answered.insert(ticket), "{ticket:?} was answered twice");
            }
            Effect::LaunchWorker { incarnation, .. } => {
                assert_eq!(self.worker, WorkerModel::None);
                assert_eq!(incarnation.0, self.incarnations);
                self.incarnations += 1;
                self.worker = WorkerModel::Starting;
            }
            Effect::ShutWorker => {
                assert!(self.open_sessions.is_empty() && !self.hub_open);
                self.lose_worker();
            }
            Effect::KillWorker => self.lose_worker(),
            Effect::Command(command) => self.command(command),
            Effect::SessionOpened(session) => {
                assert!(self.open_sessions.insert(session.to_string()));
            }
            Effect::SessionClosed(session) => {
                assert!(self.open_sessions.remove(session.as_str()), "{session} was not open");
            }
            Effect::Announce(news) => self.outsiders.hear(*news),
            Effect::Tell { audience, event } => self.listeners.hear(&audience, &event.1),
            Effect::StoreCues { cues, .. } => {
                assert!(self.state.kept, "this conference is not kept");
                self.stored.cues = cues;
            }
            Effect::StoreOverlay(overlay) => {
                assert!(self.state.kept && self.stored.overlay != *overlay, "{overlay:?}");
                self.stored.overlay = *overlay;
            }
            Effect::StorePictures(pictures) => {
                assert!(self.state.kept, "this conference is not kept");
                self.stored.pictures = pictures;
            }
            Effect::Unseat(seat) => self.listeners.unseat(seat),
            Effect::OpenHub { .. } => {
                assert!(!self.hub_open && self.outputs.is_empty() && self.stopping.is_empty());
                self.hub_open = true;
                self.last_frame.clear();
            }
            Effect::Config(_)
            | Effect::RenditionConfig(..)
            | Effect::RenditionFrame(..)
            | Effect::Discontinuity(_) => assert!(self.hub_open),
            Effect::Frame(frame) => {
                assert!(self.hub_open);
                let last = self.last_frame.insert(frame.track, frame.dts);
                assert!(last.is_none_or(|last| last < frame.dts), "time stepped back");
            }
            Effect::EndHub => {
                assert!(self.hub_open);
                self.hub_open = false;
            }
            Effect::CreateOutput { key, .. } => {
                assert!(self.hub_open);
                if self.outputs_fail {
                    return Some(Input::OutputCreated { key, result: Err("no".to_owned()) });
                }
                self.outputs.push(key);
                let result = Ok(OutputStatus::connecting(self.now.wall));
                return Some(Input::OutputCreated { key, result });
            }
            Effect::StopOutput(key) => {
                let index = self.outputs.iter().position(|output| *output == key);
                self.outputs.remove(index.expect("an output that exists"));
                self.stopping.push(key);
            }
            Effect::Finish { answer } => {
                assert!(self.open_sessions.is_empty() && !self.hub_open);
                assert!(self.outputs.is_empty() && self.stopping.is_empty());
                for ticket in answer {
                    assert!(self.answered.insert(ticket), "{ticket:?} was answered twice");
                }
                self.finished = true;
                self.lose_worker();
            }
        }
        None
    }

    fn command(&mut self, command: WorkerCommand) {
        assert_eq!(self.worker, WorkerModel::Ready, "{command:?} to a worker that is not ready");
        match &command {
            WorkerCommand::OpenIngest { request, session, source, .. } => {
                let publish = &self.published[session.as_str()];
                let pair = (publish.participant.clone(), publish.stream.clone());
                let known = *self.sources.entry(pair).or_insert(*source);
                assert_eq!(known, *source, "a stream's number changed");
                let distinct: BTreeSet<_> = self.sources.values().collect();
                assert_eq!(distinct.len(), self.sources.len(), "two streams have one number");
                self.unanswered.push((*request, command));
            }
            WorkerCommand::CloseIngest { session } => {
                assert!(self.worker_sessions.remove(session.as_str()), "{session} is not there");
            }
            WorkerCommand::StartProgram { request, .. }
            | WorkerCommand::Compose { request, .. }
            | WorkerCommand::ControlFile { request, .. }
            | WorkerCommand::Snapshot { request }
            | WorkerCommand::CheckPicture { request, .. }
            | WorkerCommand::CheckClip { request, .. }
            | WorkerCommand::StopProgram { request } => self.unanswered.push((*request, command)),
            WorkerCommand::SetOverlay { request, overlay } => {
                for picture in overlay.pictures() {
                    assert!(self.worker_pictures.contains(picture), "{picture} was not given");
                }
                self.unanswered.push((*request, command));
            }
            WorkerCommand::AddPicture { picture, .. } => {
                assert!(self.worker_pictures.insert(*picture), "{picture} was given twice");
            }
            WorkerCommand::RemovePicture { picture } => {
                assert!(self.worker_pictures.remove(picture), "{picture} is not there");
            }
            WorkerCommand::AddCandidates { session, .. } => {
                assert!(self.worker_sessions.contains(session.as_str()));
            }
            WorkerCommand::OpenForward { .. }
            | WorkerCommand::LeaveOut { .. }
            | WorkerCommand::MuteForwards { .. }
            | WorkerCommand::CloseForward { .. } => panic!("nobody subscribes here: {command:?}"),
            WorkerCommand::RequestKeyframe | WorkerCommand::MeasureLevels { .. } => {}
            WorkerCommand::OpenFile { source, .. } => {
                assert!(source.is_file() && !self.files.contains(source), "{source} is not a new file");
                self.files.push(*source);
            }
            WorkerCommand::AfterFile { source, .. } => assert!(self.files.contains(source)),
            WorkerCommand::PaceRenditions { .. } => panic!("no cast here has renditions: {command:?}"),
            WorkerCommand::Configure(_) | WorkerCommand::Shutdown => panic!("{command:?} is not the state's"),
        }
    }

    fn lose_worker(&mut self) {
        self.worker = WorkerModel::None;
        self.unanswered.clear();
        self.worker_pictures.clear();
        self.files.clear();
        self.worker_sessions.clear();
    }

    fn ask(&mut self, ask: Ask) {
        self.asked += 1;
        self.feed(Input::Ask { ticket: Ticket(self.asked), ask });
    }

    fn event(&mut self, event: WorkerEvent) {
        if self.worker == WorkerModel::Ready {
            self.feed(Input::Worker(event));
        }
    }

    fn session(&self, index: usize) -> SessionId {
        let any = self.open_sessions.iter().nth(index).map_or("none", String::as_str);
        SessionId::from(any)
    }

    fn reply(&mut self, which: usize, how: u8) {
        if self.worker != WorkerModel::Ready || self.unanswered.is_empty() {
            return;
        }
        let (request, command) = self.unanswered.remove(which % self.unanswered.len());
        let result = match (&command, how % 7) {
            (WorkerCommand::Compose { .. }, 1) => Err(ReplyError::Superseded),
            (WorkerCommand::Compose { .. }, 2) => Err(ReplyError::Timeout),
            (WorkerCommand::Compose { .. }, 3) => {
                let which = self.files.last().copied().unwrap_or(SourceId(0));
                Err(ReplyError::MediaNotReady { which })
            }
            (WorkerCommand::ControlFile { .. }, 1) => Err(ReplyError::WrongState { detail: String::new() }),
            (WorkerCommand::ControlFile { source, .. }, 0 | 2) => {
                Ok(ReplyOk::FileMoved(self.file_report(*source)))
            }
            (WorkerCommand::Snapshot { .. }, 0..=2) => Ok(ReplyOk::Snapshot { jpeg: vec![1].into() }),
            (WorkerCommand::CheckPicture { .. }, 0..=2) => {
                Ok(ReplyOk::PictureChecked { width: 1, height: 1 })
            }
            (WorkerCommand::CheckPicture { .. }, 3) => {
                Err(ReplyError::PictureInvalid { detail: String::new() })
            }
            (WorkerCommand::CheckClip { .. }, 0..=2) => Ok(ReplyOk::ClipChecked),
            (WorkerCommand::CheckClip { .. }, 3) => {
                Err(ReplyError::ClipInvalid { fault: FileFault::NotFound })
            }
            (WorkerCommand::SetOverlay { .. }, how) if how != 4 => {
                Ok(ReplyOk::Overlaid { pts: (how < 3).then_some(self.now.media) })
            }
            (_, 4) => Err(ReplyError::Internal { detail: String::new() }),
            (WorkerCommand::OpenIngest { .. }, 5) => Err(ReplyError::OfferRefused { detail: String::new() }),
            (WorkerCommand::OpenIngest { .. }, 6) => Err(ReplyError::Timeout),
            (WorkerCommand::OpenIngest { session, .. }, _) => {
                self.worker_sessions.insert(session.to_string());
                Ok(ReplyOk::IngestOpened { answer: String::new() })
            }
            (WorkerCommand::StartProgram { .. }, _) => Ok(ReplyOk::ProgramStarted),
            (WorkerCommand::Compose { .. }, _) => Ok(ReplyOk::Composed { pts: self.now.media, took_ms: 1 }),
            _ => Ok(ReplyOk::ProgramStopped),
        };
        self.feed(Input::Worker(WorkerEvent::Reply { request, result }));
    }

    fn file_report(&self, source: SourceId) -> FileReport {
        let position_ms = self.now.media.as_millis() % 10_000;
        FileReport { source, position_ms, duration_ms: Some(10_000), paused: position_ms.is_multiple_of(2) }
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now.at + Duration::from_millis(ms);
        while let Some(deadline) = self.state.next_deadline().filter(|deadline| *deadline <= end) {
            assert!(deadline >= self.now.at, "a deadline was missed");
            self.set_time(deadline);
            self.feed(Input::Tick);
            assert!(self.state.next_deadline().is_none_or(|next| next > self.now.at), "a deadline stays");
        }
        self.set_time(end);
    }

    fn set_time(&mut self, at: Instant) {
        let passed = at - self.now.at;
        self.now = Now { at, wall: self.now.wall + passed, media: self.now.media + passed };
    }

    fn run(&mut self, op: Op) {
        let file = |name: &str, then| {
            let (name, from) = (name.parse().unwrap(), Duration::ZERO);
            Source::File(FileSource { name, repeat: then == AfterFile::Hold, from, then })
        };
        let source = |index: usize| match index {
            5 => Source::Grid { participants: None },
            6 => Source::Speaker { focus: Focus::Participant(bench::who("alice")) },
            10 => Source::Follow { hold: Duration::from_millis(500) },
            11 => Source::Speaker { focus: Focus::ActiveSpeaker { hold: Duration::ZERO } },
            7 => Source::Slate,
            8 => Source::Screen { participant: bench::who("bob") },
            9 => Source::Arranged {
                name: None,
                arrangement: Arc::new(Arrangement::SideBySide { fit: Fit::Cover }),
                participants: None,
            },
            12 => file("intro.mp4", AfterFile::Previous),
            13 => file("loop.webm", AfterFile::Hold),
            who => bench::camera(PEOPLE[who]),
        };
        let output = |id: usize| ["x", "y", "z"][id].parse().unwrap();
        match op {
            Op::Publish(who, stream) => {
                let session = format!("s{}", self.asked);
                let publish = bench::publication(PEOPLE[who], STREAMS[stream]);
                self.published.insert(session.clone(), publish.clone());
                self.ask(Ask::Publish { publish, session: session.as_str().into() });
            }
            Op::Connected(index) => {
                let session = self.session(index);
                self.event(WorkerEvent::SessionConnected { session });
            }
            Op::Join(who, again) => {
                let participant = bench::who(PEOPLE[who]);
                let held = self.listeners.seat_of(&participant).filter(|_| again);
                let seat = held.unwrap_or(SeatId(self.asked));
                self.listeners.sit(seat, participant.clone());
                self.ask(Ask::Join(Join { participant, name: None, user_data: Value::Null, seat }));
            }
            Op::Leave(who, lost) => {
                let participant = bench::who(PEOPLE[who]);
                let seat = self.listeners.seat_of(&participant).unwrap_or(SeatId(u64::MAX));
                let why = if lost { Absence::Lost } else { Absence::Left };
                self.ask(Ask::Leave { participant, seat, why });
            }
            Op::HangUp(index) => self.ask(Ask::HangUp(self.session(index))),
            Op::Trickle(index) => {
                let candidates = vec![crate::ipc::Candidate { mline: 0, candidate: String::new() }];
                self.ask(Ask::Trickle { session: self.session(index), candidates });
            }
            Op::Remove(who) => self.ask(Ask::RemoveParticipant(bench::who(PEOPLE[who]))),
            Op::Patch(who, mute) => {
                let patch = ParticipantPatch { audio_muted: Some(mute), ..Default::default() };
                self.ask(Ask::PatchParticipant { participant: bench::who(PEOPLE[who]), patch });
            }
            Op::Start(index, push) => {
                let outputs = if push {
                    vec![bench::hls(), bench::rtmp("x", "rtmp://h/a/x")]
                } else {
                    vec![bench::hls()]
                };
                self.ask(Ask::StartCast(bench::start(source(index), &outputs)));
            }
            Op::Switch(index) => {
                // Every fourth has a time of its own.
                let soon = self.now.wall + jiff::SignedDuration::from_millis(2000);
                let at = (index % 4 == 3).then_some(SwitchTime::Wall(soon));
                self.ask(Ask::Switch(Switch {
                    source: source(index),
                    audio: Some(AudioChoice::Mix),
                    transition: Transition::Cut,
                    at,
                }));
            }
            Op::Cues(list) => {
                let (mut program, mut wall) = (0, self.now.wall);
                let cue = |(index, (which, when, ms)): (usize, (usize, u8, u64))| {
                    let time = Duration::from_millis(ms);
                    let when = match when {
                        0 => CueTime::Manual,
                        1 => {
                            program += ms;
                            CueTime::At(SwitchTime::Program(MediaTime::from_millis(program)))
                        }
                        2 => {
                            wall += time;
                            CueTime::At(SwitchTime::Wall(wall))
                        }
                        _ => CueTime::After(time),
                    };
                    bench::cue(&format!("c{index}"), source(which), when)
                };
                let cues = list.into_iter().enumerate().map(cue).collect();
                self.ask(Ask::PutCues(cues));
                self.ask(Ask::Cues);
            }
            Op::NextCue => self.ask(Ask::NextCue),
            Op::GoCue(index) => self.ask(Ask::GoCue(format!("c{index}").parse().unwrap())),
            Op::ControlFile(how) => self.ask(Ask::ControlFile(match how % 3 {
                0 => FileAction::Pause,
                1 => FileAction::Play,
                _ => FileAction::Seek { to_ms: u64::from(how) * 100 },
            })),
            Op::FileEvent(how) => {
                let Some(source) = self.files.get(usize::from(how) % self.files.len().max(1)).copied() else {
                    return;
                };
                self.event(match how % 4 {
                    0 => WorkerEvent::FileEnded { source, pts: self.now.media },
                    1 => WorkerEvent::FileFailed { source, fault: FileFault::NotFound },
                    _ => WorkerEvent::File(self.file_report(source)),
                });
            }
            Op::Stop => self.ask(Ask::StopCast),
            Op::Snapshot => self.ask(Ask::Snapshot),
            Op::Overlay(how) => {
                let name = || PICTURES[usize::from(how / 8) % 3].parse().unwrap();
                self.ask(Ask::PatchOverlay(OverlayPatch {
                    labels: how.is_multiple_of(2).then_some(how.is_multiple_of(4)),
                    background: match how % 8 {
                        0..=3 => Some(Some(BackgroundSpec::Picture(name()))),
                        4 => Some(None),
                        _ => None,
                    },
                    slate: match how / 24 {
                        0..=2 => {
                            Some(Some(StandIn { shows: StandInMedia::Picture(name()), fit: Fit::Cover }))
                        }
                        3..=5 => {
                            let shows = StandInMedia::Clip("break.mp4".parse().unwrap());
                            Some(Some(StandIn { shows, fit: Fit::Contain }))
                        }
                        6 => Some(None),
                        _ => None,
                    },
                    ..OverlayPatch::default()
                }));
            }
            Op::PutPicture(which) => {
                let file = PictureFile { kind: PictureKind::Png, data: vec![1].into() };
                self.ask(Ask::PutPicture { name: PICTURES[which].parse().unwrap(), file });
            }
            Op::Keep => self.ask(Ask::Update(ConferenceSettings::default())),
            Op::RemovePicture(which) => self.ask(Ask::RemovePicture(PICTURES[which].parse().unwrap())),
            Op::AddOutput(id, fails) => {
                self.outputs_fail = fails;
                let name = ["x", "y", "z"][id];
                self.ask(Ask::AddOutput(bench::rtmp(name, &format!("rtmp://h/a/{name}"))));
                self.outputs_fail = false;
            }
            Op::RemoveOutput(id) => self.ask(Ask::RemoveOutput(output(id))),
            Op::Look => {
                self.ask(Ask::View);
                self.ask(Ask::Overlay);
                self.ask(Ask::Pictures);
                self.ask(Ask::Cast);
                self.ask(Ask::Participant(bench::who("alice")));
            }
            Op::Ready => {
                if self.worker == WorkerModel::Starting {
                    self.worker = WorkerModel::Ready;
                    self.feed(Input::Worker(WorkerEvent::Ready { pid: 1, gstreamer: String::new() }));
                }
            }
            Op::Reply(which, how) => self.reply(which, how),
            Op::SessionEnded(index) => {
                let session = self.session(index);
                self.worker_sessions.remove(session.as_str());
                self.event(WorkerEvent::SessionEnded { session, reason: SessionEndReason::Inactive });
            }
            Op::Gone => {
                if self.worker != WorkerModel::None {
                    self.lose_worker();
                    self.feed(Input::WorkerGone);
                }
            }
            Op::ProgramFailed => self.event(WorkerEvent::ProgramFailed { detail: String::new() }),
            Op::Frame(video, key) => {
                let track = if video { Track::Video } else { Track::Audio };
                let mut frame = bench::frame(track, 0, key || !video);
                (frame.pts, frame.dts) = (self.now.media, self.now.media);
                self.event(WorkerEvent::Frame(frame));
            }
            Op::Levels(down) => {
                let sources = (0..).map(SourceId).zip(down.map(Dbov::below)).collect();
                self.event(WorkerEvent::Levels(LevelReport { sources, program: None }));
            }
            Op::Heartbeat => self.event(WorkerEvent::Heartbeat(WorkerReport::default())),
            Op::Playable(index, playable) => {
                if let Some(key) = self.outputs.get(index).copied() {
                    self.feed(Input::OutputPlayable { key, playable });
                }
            }
            Op::OutputStopped(index) => self.output_stopped(index),
            Op::Pass(ms) => self.pass(ms),
            Op::Keyframe => self.feed(Input::KeyframeWanted),
            Op::End => self.ask(Ask::End),
        }
    }

    fn output_stopped(&mut self, index: usize) {
        if index < self.stopping.len() {
            let key = self.stopping.remove(index);
            self.feed(Input::OutputStopped { key, status: OutputStatus::connecting(self.now.wall) });
        }
    }

    /// A cast of alice that is live, so that half of the runs need not find their way there.
    fn go_live(&mut self) {
        for op in [
            Op::Publish(0, 0),
            Op::Ready,
            Op::Reply(0, 0),
            Op::Start(0, true),
            Op::Frame(true, true),
            Op::Reply(0, 0),
            Op::Playable(0, true),
        ] {
            self.run(op);
        }
        assert!(self.state.cast.as_ref().is_some_and(CastRun::is_live));
    }

    /// The end, with outputs that stop in time and a worker that does as it likes.
    fn end(&mut self) {
        self.ask(Ask::End);
        for _ in 0..10 {
            while !self.stopping.is_empty() {
                self.output_stopped(0);
            }
            self.pass(1000);
        }
        assert!(self.finished, "the conference does not end");
        let all: BTreeSet<Ticket> = (1..=self.asked).map(Ticket).collect();
        assert_eq!(self.answered, all, "somebody still waits");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered_once_and_nothing_leaks(
        live in any::<bool>(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut world = World::new();
        if live {
            world.go_live();
        }
        for op in ops {
            if !world.finished {
                world.run(op);
            }
        }
        world.end();
    }

    /// Requests that nobody ever answers: every deadline is kept without the worker's help.
    #[test]
    fn no_request_waits_for_a_silent_worker(
        live in any::<bool>(),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut world = World::new();
        if live {
            world.go_live();
        }
        for op in ops.into_iter().filter(|op| !matches!(op, Op::Reply(..))) {
            if !world.finished {
                world.run(op);
            }
        }
        for _ in 0..40 {
            while !world.stopping.is_empty() {
                world.output_stopped(0);
            }
            world.pass(1000);
        }
        let all: BTreeSet<Ticket> = (1..=world.asked).map(Ticket).collect();
        assert_eq!(world.answered, all, "somebody still waits");
    }
}
