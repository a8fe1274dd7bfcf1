//! The task behind the [`Directory`](super::Directory).

use super::{DirectoryRequest, DirectoryStats, keeper::Keeper};
use crate::{
    control::{
        conference::{
            Answer, Conference, ConferenceSettings,
            rundown::Rundown,
            runner::{ConferenceParts, ConferenceRunner},
            state::{Figures, Founding},
        },
        error::ControlError,
        events::news::{EndReason, News},
        figures,
        overlay::{KeptPicture, Overlay},
        store::{ConferenceRecord, OverlayRecord},
    },
    ids::{ConferenceId, SessionId},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Notices that wait; conferences wait for a place.
const NOTICES: usize = 256;

/// Whoever waits for a conference to end, so that it can begin anew.
const MAX_WAITING: usize = 64;

/// What a conference tells the directory.
#[derive(Debug)]
pub enum Notice {
    /// The session can be asked for; sent before its client knows it.
    SessionOpened { session: SessionId, conference: ConferenceId },
    /// And no longer.
    SessionClosed { session: SessionId },
    /// Its figures changed.
    Figures { conference: ConferenceId, figures: Figures },
}

/// The actor: owns both maps, and never waits for a conference.
pub struct DirectoryRunner {
    parts: ConferenceParts,
    slate_colour: u32,
    keeper: Keeper,
    requests: mpsc::Receiver<DirectoryRequest>,
    notices: mpsc::Receiver<Notice>,
    notice: mpsc::Sender<Notice>,
    conferences: BTreeMap<ConferenceId, Entry>,
    sessions: HashMap<SessionId, ConferenceId>,
    tasks: JoinSet<()>,
    names: HashMap<Id, ConferenceId>,
    stop: CancellationToken,
    draining: Option<Vec<oneshot::Sender<()>>>,
}

struct Entry {
    conference: Conference,
    figures: Figures,
    /// It is ending; these want the next of its name.
    waiting: Vec<Waiting>,
}

struct Waiting {
    settings: Option<ConferenceSettings>,
    answer: Answer<(Conference, bool)>,
}

impl DirectoryRunner {
    /// An empty directory.
    pub fn new(
        parts: ConferenceParts,
        slate_colour: u32,
        requests: mpsc::Receiver<DirectoryRequest>,
        keeper: Keeper,
    ) -> Self {
        let (notice, notices) = mpsc::channel(NOTICES);
        Self {
            parts,
            slate_colour,
            keeper,
            requests,
            notices,
            notice,
            conferences: BTreeMap::new(),
            sessions: HashMap::new(),
            tasks: JoinSet::new(),
            names: HashMap::new(),
            stop: CancellationToken::new(),
            draining: None,
        }
    }

    /// Opens a stored conference again, with its pictures' files.
    pub fn restore(&mut self, record: ConferenceRecord, pictures: Vec<KeptPicture>) {
        let settings = record.settings();
        let (kept, restored) = (true, true);
        let layouts = &self.parts.config.layouts;
        let rundown = record.rundown.map(|rundown| rundown.rundown(layouts)).unwrap_or_default();
        let overlay = record.overlay.map(OverlayRecord::overlay).unwrap_or_default();
        self.open(Founding {
            id: record.id,
            settings,
            kept,
            restored,
            created_at: record.created_at,
            slate_colour: self.slate_colour,
            rundown,
            overlay,
            pictures,
        });
    }

    /// Lives until no handle is left and all conferences have ended.
    pub async fn run(mut self) {
        let mut open = true;
        while open || !self.tasks.is_empty() {
            tokio::select! {
                // A notice is on its way before the client that acts upon it: notices first.
                biased;
                Some(notice) = self.notices.recv() => self.heed(notice),
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                request = self.requests.recv(), if open => match request {
                    Some(request) => {
                        while let Ok(notice) = self.notices.try_recv() {
                            self.heed(notice);
                        }
                        self.serve(request);
                    }
                    None => {
                        open = false;
                        self.stop.cancel();
                    }
                },
            }
        }
    }

    fn serve(&mut self, request: DirectoryRequest) {
        // Whoever no longer waits for an answer does not need it.
        match request {
            DirectoryRequest::Find { id, answer } => drop(answer.send(self.find(&id))),
            DirectoryRequest::FindOrCreate { id, settings, answer } => {
                self.find_or_create(id, Waiting { settings, answer });
            }
            DirectoryRequest::List { answer } => {
                let open = self.conferences.values().map(|entry| &entry.conference);
                drop(answer.send(open.filter(|one| !one.is_closed()).cloned().collect()));
            }
            DirectoryRequest::BySession { session, answer } => {
                let found = self.sessions.get(&session).and_then(|id| self.conferences.get(id));
                let found = found.map(|entry| entry.conference.clone());
                drop(answer.send(found.ok_or(ControlError::SessionNotFound)));
            }
            DirectoryRequest::Stats { answer } => drop(answer.send(self.stats())),
            DirectoryRequest::Drain { answer } => {
                self.draining.get_or_insert_default().push(answer);
                self.stop.cancel();
                self.mind_drain();
            }
        }
    }

    fn find(&self, id: &ConferenceId) -> Result<Conference, ControlError> {
        let found = self.conferences.get(id).map(|entry| &entry.conference);
        let found = found.filter(|conference| !conference.is_closed());
        found.cloned().ok_or_else(|| ControlError::ConferenceNotFound(id.clone()))
    }

    fn find_or_create(&mut self, id: ConferenceId, who: Waiting) {
        let max = self.parts.config.limits.max_conferences;
        let full = self.conferences.len() >= max;
        let result = match self.conferences.get_mut(&id) {
            Some(entry) if !entry.conference.is_closed() => Ok((entry.conference.clone(), false)),
            _ if self.draining.is_some() => Err(ControlError::ShuttingDown),
            Some(entry) if entry.waiting.len() >= MAX_WAITING => {
                Err(ControlError::Overloaded { retry_after: Duration::from_secs(1) })
            }
            Some(entry) => {
                entry.waiting.push(who);
                return;
            }
            None if full => Err(ControlError::TooManyConferences { max }),
            None => {
                let kept = who.settings.is_some();
                let settings = who.settings.unwrap_or_default();
                let (restored, created_at) = (false, Timestamp::now());
                let slate_colour = self.slate_colour;
                let founding = Founding {
                    id,
                    settings,
                    kept,
                    restored,
                    created_at,
                    slate_colour,
                    rundown: Rundown::default(),
                    overlay: Overlay::default(),
                    pictures: Vec::new(),
                };
                Ok((self.open(founding), true))
            }
        };
        drop(who.answer.send(result));
    }

    fn open(&mut self, founding: Founding) -> Conference {
        let id = founding.id.clone();
        let stop = self.stop.child_token();
        let (conference, runner) = ConferenceRunner::new(
            founding,
            self.parts.clone(),
            self.notice.clone(),
            self.keeper.clone(),
            stop,
        );
        let span = tracing::info_span!("conference", conference = %id);
        let task = self.tasks.spawn(runner.run().instrument(span));
        self.names.insert(task.id(), id.clone());
        let entry =
            Entry { conference: conference.clone(), figures: Figures::default(), waiting: Vec::new() };
        self.conferences.insert(id, entry);
        conference
    }

    fn heed(&mut self, notice: Notice) {
        match notice {
            Notice::SessionOpened { session, conference } => {
                self.sessions.insert(session, conference);
            }
            Notice::SessionClosed { session } => {
                self.sessions.remove(&session);
            }
            Notice::Figures { conference, figures } => {
                if let Some(entry) = self.conferences.get_mut(&conference) {
                    entry.figures = figures;
                    self.publish_totals();
                }
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match &ended {
            Ok((task, ())) => *task,
            Err(error) => error.id(),
        };
        // Its last notices were sent before it ended.
        while let Ok(notice) = self.notices.try_recv() {
            self.heed(notice);
        }
        let Some(id) = self.names.remove(&task) else { return };
        if let Err(error) = ended {
            tracing::error!(conference = %id, %error, "conference failed");
            self.parts.events.publish(&id, &News::ConferenceEnded { reason: EndReason::Failed });
        }
        self.sessions.retain(|_, conference| *conference != id);
        let waiting = self.conferences.remove(&id).map(|entry| entry.waiting).unwrap_or_default();
        self.publish_totals();
        for who in waiting {
            self.find_or_create(id.clone(), who);
        }
        self.mind_drain();
    }

    fn mind_drain(&mut self) {
        if self.conferences.is_empty()
            && let Some(waiting) = &mut self.draining
        {
            for answer in std::mem::take(waiting) {
                let _ = answer.send(());
            }
        }
    }

    fn publish_totals(&self) {
        let stats = self.stats();
        figures::set_totals(stats.participants, stats.casts);
        let renditions = self.conferences.values().map(|entry| entry.figures.renditions).max();
        self.parts.load.set_most_renditions(renditions.unwrap_or(0));
    }

    fn stats(&self) -> DirectoryStats {
        let mut stats = DirectoryStats {
            conferences: self.conferences.len(),
            sessions: self.sessions.len(),
            draining: self.draining.is_some(),
            ..DirectoryStats::default()
        };
        for Entry { figures, .. } in self.conferences.values() {
            stats.participants += figures.participants;
            stats.casts += usize::from(figures.casting);
            stats.worker_restarts += u64::from(figures.worker_restarts);
        }
        stats
    }
}
