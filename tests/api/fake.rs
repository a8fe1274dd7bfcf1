//! Conferences without media: an actor that answers as the real one would, by a few marked names.

use futures::future::BoxFuture;
use jiff::Timestamp;
use meetingcast::{
    control::{
        cast::{
            AudioChoice, CastState, CastView, CueState, CueView, FileView, OutputKind, OutputSpec,
            OutputView, RundownView, Source, SourceState, Switch, SwitchResult,
        },
        conference::{
            Conference, ConferenceRequest, ConferenceSettings, ConferenceView, ParticipantView, Publish,
            Published, StreamView, SubscribeTo,
        },
        error::ControlError,
        http::state::Conferences,
        overlay::{Overlay, OverlayView, PicturePut, PictureView},
    },
    egress::{output::OutputStatus, rtmp::url::RtmpUrl},
    ids::{ConferenceId, ParticipantId, SessionId, StreamName},
    ipc::{Candidate, LevelReport, ProgramReport, file::FileAction},
    units::MediaTime,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc;

/// The one session of every conference that somebody published in.
pub const SESSION: &str = "0123456789abcdef0123456789abcdef";
/// And the one of every subscriber.
pub const SUBSCRIBED: &str = "w0123456789abcdef0123456789abcdef";
/// Conferences at once.
pub const MAX_CONFERENCES: usize = 3;

/// Asking for this conference panics, as a bug would.
pub const PANICS: &str = "panics";
/// This conference never answers.
pub const HANGS: &str = "hangs";
/// This participant sends no media yet.
pub const SILENT: &str = "silent";
/// A switch to this participant takes too long.
pub const SLOW: &str = "slow";

/// What the conferences were asked, for tests that look.
#[derive(Debug, Default)]
pub struct Seen {
    pub published: Vec<Publish>,
    pub candidates: Vec<Candidate>,
    pub hung_up: Vec<SessionId>,
}

#[derive(Debug, Default)]
pub struct Fake {
    conferences: Mutex<BTreeMap<ConferenceId, Conference>>,
    pub seen: Arc<Mutex<Seen>>,
}

impl Fake {
    fn open(&self, id: &ConferenceId, settings: ConferenceSettings) -> Result<Conference, ControlError> {
        let mut conferences = self.conferences.lock().unwrap();
        if let Some(found) = conferences.get(id) {
            return Ok(found.clone());
        }
        if conferences.len() == MAX_CONFERENCES {
            return Err(ControlError::TooManyConferences { max: MAX_CONFERENCES });
        }
        let (mailbox, requests) = mpsc::channel(8);
        let conference = Conference::new(id.clone(), mailbox);
        conferences.insert(id.clone(), conference.clone());
        tokio::spawn(Actor::new(id.clone(), settings, Arc::clone(&self.seen)).run(requests));
        Ok(conference)
    }

    /// A conference with alice in it.
    pub fn with_alice(self, id: &str) -> Self {
        self.open(&id.parse().unwrap(), ConferenceSettings::default()).unwrap();
        self
    }
}

impl Conferences for Fake {
    fn find<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<Conference, ControlError>> {
        assert_ne!(id.as_str(), PANICS, "a bug with the key rtmp://h/a/hush in it");
        let found = self.conferences.lock().unwrap().get(id).cloned();
        Box::pin(async move { found.ok_or_else(|| ControlError::ConferenceNotFound(id.clone())) })
    }

    fn find_or_create<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<Conference, ControlError>> {
        let found = self.open(id, ConferenceSettings::default());
        Box::pin(async move { found })
    }

    fn put<'a>(
        &'a self,
        id: &'a ConferenceId,
        settings: ConferenceSettings,
    ) -> BoxFuture<'a, Result<(bool, ConferenceView), ControlError>> {
        let created = !self.conferences.lock().unwrap().contains_key(id);
        let found = self.open(id, settings.clone());
        Box::pin(async move {
            let view = found?.ask(|answer| ConferenceRequest::Update { settings, answer }).await?;
            Ok((created, view))
        })
    }

    fn list(&self) -> BoxFuture<'_, Vec<Conference>> {
        let all = self.conferences.lock().unwrap().values().cloned().collect();
        Box::pin(async move { all })
    }

    fn by_session<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Conference, ControlError>> {
        let first = self.conferences.lock().unwrap().values().next().cloned();
        Box::pin(async move {
            first
                .filter(|_| [SESSION, SUBSCRIBED].contains(&id.as_str()))
                .ok_or(ControlError::SessionNotFound)
        })
    }

    fn end<'a>(&'a self, id: &'a ConferenceId) -> BoxFuture<'a, Result<(), ControlError>> {
        let ended = self.conferences.lock().unwrap().remove(id);
        Box::pin(async move {
            let conference = ended.ok_or_else(|| ControlError::ConferenceNotFound(id.clone()))?;
            conference.ask(|answer| ConferenceRequest::End { answer }).await
        })
    }

    fn stored<'a>(&'a self, _: &'a ConferenceId) -> BoxFuture<'a, Result<(), ControlError>> {
        Box::pin(async { Ok(()) })
    }
}

struct Actor {
    id: ConferenceId,
    settings: ConferenceSettings,
    alice: Option<ParticipantView>,
    cast: CastView,
    cues: Vec<CueView>,
    overlay: Overlay,
    pictures: Vec<PictureView>,
    seen: Arc<Mutex<Seen>>,
}

impl Actor {
    fn new(id: ConferenceId, settings: ConferenceSettings, seen: Arc<Mutex<Seen>>) -> Self {
        let alice = ParticipantView {
            id: "alice".parse().unwrap(),
            name: Some("Alice".to_owned()),
            joined_at: at(0),
            user_data: serde_json::Value::Null,
            audio_muted: false,
            video_muted: false,
            gain_db: 0.0,
            streams: vec![StreamView {
                name: StreamName::default(),
                audio: true,
                video_codec: Some("h264"),
                width: Some(1280),
                height: Some(720),
                connected: true,
            }],
        };
        let cast = CastView {
            conference: id.clone(),
            state: CastState::Idle,
            source: None,
            source_state: SourceState::Absent,
            source_age_ms: None,
            audio: AudioChoice::Source,
            speaker: None,
            started_at: None,
            stopped_at: None,
            encoding: None,
            outputs: Vec::new(),
            shed: Vec::new(),
            program: ProgramReport::default(),
            file: None,
            decoders: 0,
            levels: LevelReport::default(),
            error: None,
        };
        let (overlay, pictures) = (Overlay::default(), Vec::new());
        Self { id, settings, alice: Some(alice), cast, cues: Vec::new(), overlay, pictures, seen }
    }

    async fn run(mut self, mut requests: mpsc::Receiver<ConferenceRequest>) {
        while let Some(request) = requests.recv().await {
            if self.id.as_str() == HANGS {
                // Holds the answer, for ever as a test sees it.
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            if self.answer(request) {
                return;
            }
        }
    }

    /// True at the end of the conference.
    fn answer(&mut self, request: ConferenceRequest) -> bool {
        match request {
            ConferenceRequest::View { answer } => drop(answer.send(Ok(self.view()))),
            ConferenceRequest::Update { settings, answer } => {
                self.settings = settings;
                drop(answer.send(Ok(self.view())));
            }
            ConferenceRequest::Participant { participant, answer } => {
                drop(answer.send(self.find(&participant).cloned()));
            }
            ConferenceRequest::PatchParticipant { participant, patch, answer } => {
                let patched = self.find(&participant).cloned().map(|mut view| {
                    view.audio_muted = patch.audio_muted.unwrap_or(view.audio_muted);
                    view.video_muted = patch.video_muted.unwrap_or(view.video_muted);
                    view.gain_db = patch.gain_db.unwrap_or(view.gain_db);
                    view
                });
                if let Ok(view) = &patched {
                    self.alice = Some(view.clone());
                }
                drop(answer.send(patched));
            }
            ConferenceRequest::RemoveParticipant { participant, answer } => {
                let removed = self.find(&participant).map(|_| ());
                if removed.is_ok() {
                    self.alice = None;
                }
                drop(answer.send(removed));
            }
            ConferenceRequest::Publish { publish, answer } => {
                self.seen.lock().unwrap().published.push(publish);
                let session = SessionId::from(SESSION);
                drop(answer.send(Ok(Published { session, answer: "v=0\r\ns=answer\r\n".to_owned() })));
            }
            ConferenceRequest::Subscribe { subscribe, answer } => {
                let found = match subscribe.to {
                    SubscribeTo::Program { .. } => match self.cast.state {
                        CastState::Live => Ok(()),
                        _ => Err(ControlError::CastNotStarted),
                    },
                    SubscribeTo::Participant { participant, .. } if participant.as_str() == SILENT => {
                        Err(ControlError::NothingToForward(SILENT.to_owned()))
                    }
                    SubscribeTo::Participant { participant, .. } if participant.as_str() != "alice" => {
                        Err(ControlError::ParticipantNotFound(participant))
                    }
                    SubscribeTo::Participant { participant, stream } => match stream.unwrap_or_default() {
                        stream if stream != StreamName::default() => {
                            Err(ControlError::StreamNotFound { participant, stream })
                        }
                        _ => Ok(()),
                    },
                };
                let opened = found.and(subscribe.offers.h264).map(|_| Published {
                    session: SessionId::from(SUBSCRIBED),
                    answer: "v=0\r\ns=forwarded\r\n".to_owned(),
                });
                drop(answer.send(opened));
            }
            // Signalling is tested with real conferences.
            ConferenceRequest::Join { answer, .. }
            | ConferenceRequest::Leave { answer, .. }
            | ConferenceRequest::Levels { answer, .. } => {
                drop(answer.send(Ok(())));
            }
            ConferenceRequest::Trickle { candidates, answer, .. } => {
                self.seen.lock().unwrap().candidates.extend(candidates);
                drop(answer.send(Ok(())));
            }
            ConferenceRequest::HangUp { session, answer } => {
                self.seen.lock().unwrap().hung_up.push(session);
                drop(answer.send(Ok(())));
            }
            ConferenceRequest::Cast { answer } => drop(answer.send(Ok(self.cast.clone()))),
            ConferenceRequest::StartCast { start, room, answer } => {
                let room = room.ask(&start, usize::from(self.alice.is_some()));
                let result = if let Err(error) = &room {
                    Err(error.clone())
                } else if self.cast.state == CastState::Live {
                    Err(ControlError::CastAlreadyStarted)
                } else {
                    self.check(&start.source).map(|()| {
                        self.cast.state = CastState::Live;
                        self.cast.source = Some(start.source.clone());
                        self.cast.source_state = SourceState::Live;
                        self.cast.source_age_ms = Some(12);
                        self.cast.audio = start.audio;
                        self.cast.encoding = Some(start.encoding.clone());
                        self.cast.started_at = Some(at(1));
                        self.cast.stopped_at = None;
                        self.cast.outputs = start.outputs.iter().map(output_view).collect();
                        self.cast.clone()
                    })
                };
                if let (Ok(room), Ok(_)) = (room, &result) {
                    room.keep();
                }
                drop(answer.send(result));
            }
            ConferenceRequest::Switch { switch, answer } => drop(answer.send(self.switch(&switch))),
            ConferenceRequest::Cues { answer } => drop(answer.send(Ok(self.rundown()))),
            ConferenceRequest::PutCues { cues, answer } => {
                let state = |index| if index == 0 { CueState::Next } else { CueState::Waiting };
                let cues = cues.into_iter().enumerate();
                let view = |(index, cue)| CueView {
                    cue,
                    state: state(index),
                    planned_pts: None,
                    program_pts: None,
                    error: None,
                };
                self.cues = cues.map(view).collect();
                drop(answer.send(Ok(self.rundown())));
            }
            ConferenceRequest::NextCue { answer } => {
                let next = self.cues.iter().position(|cue| cue.state == CueState::Next);
                drop(
                    answer
                        .send(self.running().and_then(|()| self.take(next.ok_or(ControlError::NoNextCue)?))),
                );
            }
            ConferenceRequest::GoCue { cue, answer } => {
                let found = self.cues.iter().position(|one| one.cue.id == cue);
                drop(
                    answer
                        .send(found.ok_or(ControlError::CueNotFound(cue)).and_then(|index| self.take(index))),
                );
            }
            ConferenceRequest::ControlFile { action, answer } => {
                let shows_file = matches!(self.cast.source, Some(Source::File(_)));
                let result = match (self.running(), shows_file) {
                    (Err(error), _) => Err(error),
                    (Ok(()), false) => {
                        Err(ControlError::FileNotPlaying("no file is on the program".to_owned()))
                    }
                    (Ok(()), true) => {
                        let position_ms = match action {
                            FileAction::Seek { to_ms } => to_ms,
                            FileAction::Pause | FileAction::Play => 1234,
                        };
                        let paused = action == FileAction::Pause;
                        self.cast.file = Some(FileView { position_ms, duration_ms: Some(60_000), paused });
                        Ok(self.cast.clone())
                    }
                };
                drop(answer.send(result));
            }
            ConferenceRequest::Snapshot { answer } => {
                let jpeg = self.running().map(|()| bytes::Bytes::from_static(b"\xff\xd8\xff a picture"));
                drop(answer.send(jpeg));
            }
            ConferenceRequest::Overlay { answer } => {
                let (overlay, program_pts) = (self.overlay.clone(), None);
                drop(answer.send(Ok(OverlayView { overlay, program_pts })));
            }
            ConferenceRequest::PatchOverlay { patch, answer } => {
                let overlay = patch.applied(&self.overlay);
                let known = |name: &_| self.pictures.iter().any(|picture| picture.name == *name);
                let missing = overlay.pictures().find(|name| !known(name)).cloned();
                let result = match missing {
                    Some(name) => Err(ControlError::PictureNotFound(name)),
                    None => {
                        self.overlay = overlay.clone();
                        let program_pts = self.running().ok().map(|()| MediaTime::from_millis(83_366));
                        Ok(OverlayView { overlay, program_pts })
                    }
                };
                drop(answer.send(result));
            }
            ConferenceRequest::Pictures { answer } => drop(answer.send(Ok(self.pictures.clone()))),
            ConferenceRequest::PutPicture { name, file, answer } => {
                let (kind, bytes, size) = (file.kind, file.data.len(), Some((64, 48)));
                let picture = PictureView { name, kind, bytes, size, server: false };
                let before = self.pictures.len();
                self.pictures.retain(|kept| kept.name != picture.name);
                let created = self.pictures.len() == before;
                self.pictures.push(picture.clone());
                drop(answer.send(match &file.data[..] {
                    b"bad" => Err(ControlError::PictureInvalid("it is bad".to_owned())),
                    _ => Ok(PicturePut { picture, created }),
                }));
            }
            ConferenceRequest::RemovePicture { name, answer } => {
                let before = self.pictures.len();
                let used = self.overlay.pictures().any(|used| *used == name);
                let result = if used {
                    Err(ControlError::PictureInUse(name))
                } else {
                    self.pictures.retain(|kept| kept.name != name);
                    if self.pictures.len() < before {
                        Ok(())
                    } else {
                        Err(ControlError::PictureNotFound(name))
                    }
                };
                drop(answer.send(result));
            }
            ConferenceRequest::StopCast { answer } => {
                let result = self.running().map(|()| {
                    self.cast.state = CastState::Stopped;
                    self.cast.stopped_at = Some(at(2));
                    self.cast.clone()
                });
                drop(answer.send(result));
            }
            ConferenceRequest::AddOutput { output, answer } => {
                let result = self.running().map(|()| {
                    let view = output_view(&output);
                    self.cast.outputs.push(view.clone());
                    view
                });
                drop(answer.send(result));
            }
            ConferenceRequest::RemoveOutput { output, answer } => {
                let result = self.running().and_then(|()| {
                    let before = self.cast.outputs.len();
                    self.cast.outputs.retain(|view| view.id != output);
                    if self.cast.outputs.len() == before {
                        return Err(ControlError::OutputNotFound(output));
                    }
                    Ok(())
                });
                drop(answer.send(result));
            }
            ConferenceRequest::End { answer } => {
                drop(answer.send(Ok(())));
                return true;
            }
        }
        false
    }

    fn view(&self) -> ConferenceView {
        ConferenceView {
            id: self.id.clone(),
            settings: self.settings.clone(),
            created_at: at(0),
            participants: self.alice.iter().cloned().collect(),
            cast: self.cast.clone(),
            worker_restarts: 0,
        }
    }

    fn switch(&mut self, switch: &Switch) -> Result<SwitchResult, ControlError> {
        self.running()?;
        self.check(&switch.source)?;
        self.cast.source = Some(switch.source.clone());
        self.cast.audio = switch.audio.unwrap_or(self.cast.audio);
        Ok(SwitchResult {
            source: switch.source.clone(),
            took: Duration::from_millis(41),
            program_pts: MediaTime::from_millis(83_366),
            transition: switch.transition,
        })
    }

    fn rundown(&self) -> RundownView {
        RundownView { conference: self.id.clone(), cues: self.cues.clone() }
    }

    fn take(&mut self, index: usize) -> Result<SwitchResult, ControlError> {
        let switch = self.cues[index].cue.switch();
        let result = self.switch(&switch);
        let cue = &mut self.cues[index];
        match &result {
            Ok(switched) => (cue.state, cue.program_pts) = (CueState::On, Some(switched.program_pts)),
            Err(error) => (cue.state, cue.error) = (CueState::Failed, Some(error.into())),
        }
        if let Some(next) = self.cues.get_mut(index + 1) {
            next.state = CueState::Next;
        }
        result
    }

    fn find(&self, id: &ParticipantId) -> Result<&ParticipantView, ControlError> {
        self.alice
            .as_ref()
            .filter(|alice| alice.id == *id)
            .ok_or_else(|| ControlError::ParticipantNotFound(id.clone()))
    }

    fn running(&self) -> Result<(), ControlError> {
        if self.cast.state == CastState::Live { Ok(()) } else { Err(ControlError::CastNotStarted) }
    }

    fn check(&self, source: &Source) -> Result<(), ControlError> {
        let Source::Participant { participant, stream } = source else { return Ok(()) };
        match participant.as_str() {
            SILENT => Err(ControlError::MediaNotReady(participant.to_string())),
            SLOW => Err(ControlError::SwitchTimeout(3000)),
            _ if *stream != StreamName::default() => {
                Err(ControlError::StreamNotFound { participant: participant.clone(), stream: stream.clone() })
            }
            _ => self.find(participant).map(|_| ()),
        }
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn output_view(output: &OutputSpec) -> OutputView {
    let (url, backup_url) = match &output.kind {
        OutputKind::Rtmp { url, backup } => (Some(url.redacted()), backup.as_ref().map(RtmpUrl::redacted)),
        OutputKind::Hls { .. } | OutputKind::Recording | OutputKind::RtmpPlay => (None, None),
    };
    let kind = output.kind.name();
    OutputView { id: output.id.clone(), kind, url, backup_url, status: OutputStatus::connecting(at(1)) }
}
