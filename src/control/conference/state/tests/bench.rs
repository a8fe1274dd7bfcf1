//! A conference state on the bench: keeps the time, collects what it decides.

use super::super::*;
/// What nearly every test of the state speaks of.
pub use crate::{
    control::{cast::OutputSpec, conference::presence::SeatId, events::news::News},
    egress::output::OutputStatus,
    ids::{Incarnation, SessionId},
    media::{EncodedFrame, TrackConfig, VideoConfig},
    units::MediaTime,
};
pub use std::time::Duration;

use crate::{
    control::{
        cast::{AudioChoice, Cue, CueTime, Encoding, OutputKind, Source, StartCast, Transition},
        conference::{Publish, Published},
    },
    egress::rtmp::url::RtmpUrl,
    ids::{ParticipantId, RequestId, SourceId, StreamName},
    ipc::{IngestOffer, OfferedAudio, OfferedVideo, ProgramMode, ReplyError, ReplyOk, SceneSpec, VideoCodec},
    media::Track,
};

pub struct Bench {
    pub state: ConferenceState,
    pub now: Now,
    pub answers: BTreeMap<Ticket, Vec<Result<Reply, ControlError>>>,
    /// Effects since the last [`Bench::effects`], answers excepted.
    log: Vec<Effect>,
    news: Vec<News>,
    tickets: u64,
    sessions: u64,
}

pub fn config() -> Config {
    let mut config = Config::default();
    config.limits.max_participants = 4;
    config.limits.max_outputs = 3;
    config
}

pub fn who(id: &str) -> ParticipantId {
    id.parse().unwrap()
}

pub fn offer() -> IngestOffer {
    IngestOffer {
        sdp: "v=0".to_owned(),
        fingerprint_sha256: [0; 32],
        video: Some(OfferedVideo {
            codec: VideoCodec::H264,
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

pub fn publication(id: &str, stream: &str) -> Publish {
    Publish { participant: who(id), name: None, stream: stream.parse().unwrap(), offer: offer() }
}

pub fn camera(id: &str) -> Source {
    Source::Participant { participant: who(id), stream: StreamName::default() }
}

pub fn cue(id: &str, source: Source, when: CueTime) -> Cue {
    let (id, name) = (id.parse().unwrap(), id.to_owned());
    Cue { id, name, source, audio: None, transition: Transition::Cut, when }
}

pub fn hls() -> OutputSpec {
    OutputSpec { id: "hls".parse().unwrap(), kind: OutputKind::Hls { low_latency: None } }
}

pub fn rtmp(id: &str, url: &str) -> OutputSpec {
    OutputSpec {
        id: id.parse().unwrap(),
        kind: OutputKind::Rtmp { url: RtmpUrl::parse(url).unwrap(), backup: None },
    }
}

pub fn start(source: Source, outputs: &[OutputSpec]) -> StartCast {
    StartCast {
        source,
        audio: AudioChoice::Source,
        encoding: Encoding {
            mode: ProgramMode::Compose,
            width: 640,
            height: 360,
            fps: 30,
            video_kbps: 800,
            audio_kbps: 96,
            keyframe_ms: 2000,
            loudness_lufs: None,
            renditions: Vec::new(),
        },
        outputs: outputs.to_vec(),
    }
}

pub fn frame(track: Track, ms: u64, keyframe: bool) -> EncodedFrame {
    let at = MediaTime::from_millis(ms);
    EncodedFrame {
        track,
        pts: at,
        dts: at,
        duration: MediaTime::from_millis(33),
        keyframe,
        data: vec![0].into(),
    }
}

impl Bench {
    pub fn new() -> Self {
        Self::with(config(), false)
    }

    pub fn with(config: Config, kept: bool) -> Self {
        let now = Now {
            at: Instant::now(),
            wall: Timestamp::from_second(1_800_000_000).unwrap(),
            media: MediaTime::ZERO,
        };
        let founding = Founding {
            id: "room".parse().unwrap(),
            settings: ConferenceSettings::default(),
            kept,
            restored: false,
            created_at: now.wall,
            slate_colour: 0x10_18_20,
            rundown: Default::default(),
            overlay: Default::default(),
            pictures: Vec::new(),
        };
        Self {
            state: ConferenceState::new(founding, Arc::new(config), now),
            now,
            answers: BTreeMap::new(),
            log: Vec::new(),
            news: Vec::new(),
            tickets: 0,
            sessions: 0,
        }
    }

    pub fn feed(&mut self, input: Input) {
        for effect in self.state.apply(self.now, input) {
            match effect {
                Effect::Answer { ticket, result } => self.answers.entry(ticket).or_default().push(result),
                Effect::Announce(news) => self.news.push(*news),
                effect => self.log.push(effect),
            }
        }
    }

    /// What those outside were told since the last call.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    pub fn ask(&mut self, ask: Ask) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.feed(Input::Ask { ticket, ask });
        ticket
    }

    /// The one answer of a ticket, if it has been given.
    pub fn answer(&self, ticket: Ticket) -> Option<&Result<Reply, ControlError>> {
        let answers = self.answers.get(&ticket)?;
        assert_eq!(answers.len(), 1, "{ticket:?} was answered more than once: {answers:?}");
        answers.first()
    }

    #[track_caller]
    pub fn ok(&self, ticket: Ticket) -> &Reply {
        self.answer(ticket).expect("an answer").as_ref().expect("a success")
    }

    #[track_caller]
    pub fn error(&self, ticket: Ticket) -> &ControlError {
        self.answer(ticket).expect("an answer").as_ref().expect_err("an error")
    }

    /// What was decided since the last call.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.log)
    }

    pub fn commands(&mut self) -> Vec<WorkerCommand> {
        let commands = |effect| match effect {
            Effect::Command(command) => Some(command),
            _ => None,
        };
        self.effects().into_iter().filter_map(commands).collect()
    }

    /// Lets time pass, with every tick that falls due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.at + time;
        while let Some(deadline) = self.state.next_deadline().filter(|deadline| *deadline <= end) {
            self.set_time(deadline.max(self.now.at));
            self.feed(Input::Tick);
            let next = self.state.next_deadline();
            assert!(next.is_none_or(|next| next > self.now.at), "a deadline was met and stayed");
        }
        self.set_time(end);
    }

    fn set_time(&mut self, at: Instant) {
        let passed = at.saturating_duration_since(self.now.at);
        self.now = Now { at, wall: self.now.wall + passed, media: self.now.media + passed };
    }

    pub fn ready(&mut self) {
        self.feed(Input::Worker(WorkerEvent::Ready { pid: 1, gstreamer: "1.22".to_owned() }));
    }

    pub fn reply(&mut self, request: RequestId, result: Result<ReplyOk, ReplyError>) {
        self.feed(Input::Worker(WorkerEvent::Reply { request, result }));
    }

    pub fn ask_publish(&mut self, id: &str, stream: &str) -> Ticket {
        self.sessions += 1;
        let session = SessionId::from(format!("s{}", self.sessions).as_str());
        self.ask(Ask::Publish { publish: publication(id, stream), session })
    }

    /// A publication from request to answer; the worker is launched if there is none.
    pub fn publish(&mut self, id: &str, stream: &str) -> (SessionId, SourceId) {
        let ticket = self.ask_publish(id, stream);
        let effects = self.effects();
        if effects.iter().any(|effect| matches!(effect, Effect::LaunchWorker { .. })) {
            self.ready();
            return self.finish_publish(ticket);
        }
        self.log = effects;
        self.finish_publish(ticket)
    }

    fn finish_publish(&mut self, ticket: Ticket) -> (SessionId, SourceId) {
        let open = self.commands().into_iter().find_map(|command| match command {
            WorkerCommand::OpenIngest { request, source, .. } => Some((request, source)),
            _ => None,
        });
        let (request, source) = open.expect("an OpenIngest");
        self.reply(request, Ok(ReplyOk::IngestOpened { answer: "answer".to_owned() }));
        let Reply::Published(Published { session, answer }) = self.ok(ticket) else { panic!("{ticket:?}") };
        assert_eq!(answer, "answer");
        (session.clone(), source)
    }

    /// Starts a cast up to the worker's `StartProgram`.
    pub fn begin_cast(&mut self, source: Source, outputs: &[OutputSpec]) -> (Ticket, RequestId) {
        let ticket = self.ask(Ask::StartCast(start(source, outputs)));
        (ticket, self.start_request())
    }

    pub fn start_request(&mut self) -> RequestId {
        let started = self.commands().into_iter().find_map(|command| match command {
            WorkerCommand::StartProgram { request, .. } => Some(request),
            _ => None,
        });
        started.expect("a StartProgram")
    }

    /// A cast from start to live. Answers the outputs' keys.
    pub fn go_live(&mut self, source: Source, outputs: &[OutputSpec]) -> Vec<OutputKey> {
        let (ticket, request) = self.begin_cast(source, outputs);
        self.set_time(self.now.at + Duration::from_secs(1));
        let ms = self.now.media.as_millis();
        self.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, ms, true))));
        let keys = self.create_outputs();
        self.reply(request, Ok(ReplyOk::ProgramStarted));
        for key in &keys {
            self.feed(Input::OutputPlayable { key: *key, playable: true });
        }
        assert!(matches!(self.ok(ticket), Reply::Cast(_)));
        self.effects();
        keys
    }

    /// Does as the runner does with every output that is to be created.
    pub fn create_outputs(&mut self) -> Vec<OutputKey> {
        let mut keys = Vec::new();
        for effect in &self.log {
            if let Effect::CreateOutput { key, .. } = effect {
                keys.push(*key);
            }
        }
        for key in &keys {
            let result = Ok(OutputStatus::connecting(self.now.wall));
            self.feed(Input::OutputCreated { key: *key, result });
        }
        keys
    }

    /// Does as worker and runner do when a cast stops. Answers what was told to the world on the way.
    pub fn wind_down(&mut self) -> Vec<Effect> {
        let mut seen = Vec::new();
        loop {
            let effects = self.effects();
            let mut inputs = Vec::new();
            for effect in &effects {
                match effect {
                    Effect::Command(WorkerCommand::StopProgram { request }) => {
                        let result = Ok(ReplyOk::ProgramStopped);
                        inputs.push(Input::Worker(WorkerEvent::Reply { request: *request, result }));
                    }
                    Effect::StopOutput(key) => {
                        let mut status = OutputStatus::connecting(self.now.wall);
                        status.enter(crate::egress::output::OutputState::Stopped, self.now.wall);
                        inputs.push(Input::OutputStopped { key: *key, status });
                    }
                    _ => {}
                }
            }
            seen.extend(effects);
            if inputs.is_empty() {
                return seen;
            }
            inputs.into_iter().for_each(|input| self.feed(input));
        }
    }

    /// The `Compose` commands since the last look.
    pub fn composes(&mut self) -> Vec<(RequestId, SceneSpec, bool)> {
        let compose = |command| match command {
            WorkerCommand::Compose { request, scene, wait_ready, .. } => Some((request, scene, wait_ready)),
            _ => None,
        };
        self.commands().into_iter().filter_map(compose).collect()
    }
}
