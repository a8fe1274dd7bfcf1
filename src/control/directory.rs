//! Who is where: conferences by id, sessions by id. One actor owns both maps.

pub mod keeper;
pub mod runner;

use self::{
    keeper::{Keeper, KeeperQueue},
    runner::DirectoryRunner,
};
use crate::{
    control::{
        conference::{
            Answer, Conference, ConferenceRequest, ConferenceSettings, ConferenceView,
            runner::ConferenceParts,
            setup::{self, InvalidColour},
        },
        error::ControlError,
        store::{ConferenceRecord, Store, StoreError, load_pictures},
    },
    ids::{ConferenceId, SessionId},
};
use jiff::Timestamp;
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::{Mutex, mpsc, oneshot};

/// Requests that wait for the actor.
const MAILBOX: usize = 256;

/// A conference may end between being found and being asked; whoever puts it then tries again.
const PUT_ATTEMPTS: usize = 3;

/// The handle the HTTP layer holds. Behind it: [`DirectoryRunner`] (task), [`DirectoryRequest`]
/// (mailbox). Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    mailbox: mpsc::Sender<DirectoryRequest>,
    kept: Arc<Kept>,
}

/// The conferences that survive a restart.
struct Kept {
    store: Arc<dyn Store>,
    /// One writer at a time, so that store and conference agree on which settings came last.
    writing: Mutex<()>,
    /// What waits to be stored of what they have.
    queue: KeeperQueue,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

/// What can be asked of the directory.
#[derive(Debug)]
pub enum DirectoryRequest {
    Find {
        id: ConferenceId,
        answer: Answer<Conference>,
    },
    /// `settings`: it is set up, not joined. The answer tells whether it was created.
    FindOrCreate {
        id: ConferenceId,
        settings: Option<ConferenceSettings>,
        answer: Answer<(Conference, bool)>,
    },
    List {
        answer: oneshot::Sender<Vec<Conference>>,
    },
    BySession {
        session: SessionId,
        answer: Answer<Conference>,
    },
    Stats {
        answer: oneshot::Sender<DirectoryStats>,
    },
    Drain {
        answer: oneshot::Sender<()>,
    },
}

/// Sums over all conferences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DirectoryStats {
    pub conferences: usize,
    pub participants: usize,
    pub sessions: usize,
    /// Casts that are starting, live or stopping.
    pub casts: usize,
    /// Replacements of workers in conferences that exist now.
    pub worker_restarts: u64,
    /// No new conferences are taken.
    pub draining: bool,
}

/// Why the directory could not start.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The stored conferences cannot be read.
    #[error("load of the stored conferences failed")]
    Load(#[source] StoreError),
    /// The configuration is not usable.
    #[error(transparent)]
    Colour(#[from] InvalidColour),
}

impl Directory {
    /// Starts the directory, with the conferences that `store` keeps. None of them has a worker until
    /// it needs one.
    pub async fn start(parts: ConferenceParts, store: Arc<dyn Store>) -> Result<Self, DirectoryError> {
        let slate_colour = setup::colour(&parts.config.program.background)?;
        let records = store.conferences().await.map_err(DirectoryError::Load)?;
        // Files that are left over take room, and nothing else.
        if let Err(error) = store.tidy().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "files of pictures are left over");
        }
        let (mailbox, requests) = mpsc::channel(MAILBOX);
        let limits = parts.config.limits.clone();
        let kept = Arc::new(Kept { store, writing: Mutex::new(()), queue: KeeperQueue::default() });
        let mut runner = DirectoryRunner::new(parts, slate_colour, requests, Keeper::new(&kept));
        for record in records {
            let pictures = load_pictures(&*kept.store, &record, &limits).await;
            runner.restore(record, pictures);
        }
        tokio::spawn(runner.run());
        Ok(Self { mailbox, kept })
    }

    /// The conference, or `conference_not_found`.
    pub async fn find(&self, id: &ConferenceId) -> Result<Conference, ControlError> {
        self.ask(|answer| DirectoryRequest::Find { id: id.clone(), answer }).await
    }

    /// The conference, created if unknown; `too_many_conferences`, `shutting_down`.
    pub async fn find_or_create(&self, id: &ConferenceId) -> Result<Conference, ControlError> {
        let request = |answer| DirectoryRequest::FindOrCreate { id: id.clone(), settings: None, answer };
        self.ask(request).await.map(|(conference, _)| conference)
    }

    /// Creates or updates; true when created. The conference is kept until [`Self::end`], also across
    /// a restart.
    pub async fn put(
        &self,
        id: &ConferenceId,
        settings: ConferenceSettings,
    ) -> Result<(bool, ConferenceView), ControlError> {
        let result = {
            let _writing = self.kept.writing.lock().await;
            let mut result = Err(ControlError::Internal);
            for _ in 0..PUT_ATTEMPTS {
                result = self.try_put(id, &settings).await;
                if !matches!(result, Err(ControlError::ConferenceNotFound(_))) {
                    break;
                }
            }
            let (created, view) = result?;
            self.save(id, view.created_at, &settings).await?;
            (created, view)
        };
        // What it had before it was kept is stored behind its settings.
        self.stored(id).await?;
        Ok(result)
    }

    async fn try_put(
        &self,
        id: &ConferenceId,
        settings: &ConferenceSettings,
    ) -> Result<(bool, ConferenceView), ControlError> {
        let request = |answer| DirectoryRequest::FindOrCreate {
            id: id.clone(),
            settings: Some(settings.clone()),
            answer,
        };
        let (conference, created) = self.ask(request).await?;
        let settings = settings.clone();
        let view = conference.ask(|answer| ConferenceRequest::Update { settings, answer }).await?;
        Ok((created, view))
    }

    async fn save(
        &self,
        id: &ConferenceId,
        created_at: Timestamp,
        settings: &ConferenceSettings,
    ) -> Result<(), ControlError> {
        let former =
            self.kept.store.conference(id.clone()).await.map_err(|error| store_failed(id, &error))?;
        let record = ConferenceRecord::new(id.clone(), created_at, settings);
        let record = match former {
            Some(former) => record.with_contents_of(former),
            None => record,
        };
        self.kept.store.save_conference(record).await.map_err(|error| store_failed(id, &error))
    }

    /// All, in order of id.
    pub async fn list(&self) -> Vec<Conference> {
        self.tell(|answer| DirectoryRequest::List { answer }).await.unwrap_or_default()
    }

    /// The conference a WHIP session belongs to, or `session_not_found`.
    pub async fn by_session(&self, id: &SessionId) -> Result<Conference, ControlError> {
        self.ask(|answer| DirectoryRequest::BySession { session: id.clone(), answer }).await
    }

    /// Ends a conference and forgets its settings.
    pub async fn end(&self, id: &ConferenceId) -> Result<(), ControlError> {
        let _writing = self.kept.writing.lock().await;
        let conference = self.find(id).await?;
        // Forgotten first: should the server stop in between, the conference does not come back.
        let removed = self.kept.store.remove_conference(id.clone()).await;
        removed.map_err(|error| store_failed(id, &error))?;
        let ended = conference.ask(|answer| ConferenceRequest::End { answer }).await;
        self.kept.forget(id);
        match ended {
            // It ended by itself in the meantime.
            Err(ControlError::ConferenceNotFound(_)) => Ok(()),
            result => result,
        }
    }

    /// Returns when what the conference has answered with (a run-down, an overlay, a picture) is stored, if the
    /// conference is kept.
    ///
    /// # Errors
    /// `internal`: something of the conference could not be stored.
    pub async fn stored(&self, id: &ConferenceId) -> Result<(), ControlError> {
        self.kept.stored_of(id).await
    }

    /// Refuses new conferences, ends all casts cleanly and all conferences; returns when done. What is
    /// kept stays kept.
    pub async fn drain(&self) {
        let _ = self.tell(|answer| DirectoryRequest::Drain { answer }).await;
        self.kept.stored().await;
    }

    /// Sums over all conferences.
    pub async fn stats(&self) -> DirectoryStats {
        self.tell(|answer| DirectoryRequest::Stats { answer }).await.unwrap_or_default()
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> DirectoryRequest) -> Result<T, ControlError> {
        let (answer, reply) = oneshot::channel();
        self.mailbox.try_send(request(answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                ControlError::Overloaded { retry_after: Duration::from_secs(1) }
            }
            mpsc::error::TrySendError::Closed(_) => ControlError::ShuttingDown,
        })?;
        reply.await.unwrap_or(Err(ControlError::ShuttingDown))
    }

    /// Like [`Self::ask`], for what cannot be refused: waits for a place.
    async fn tell<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> DirectoryRequest) -> Option<T> {
        let (answer, reply) = oneshot::channel();
        self.mailbox.send(request(answer)).await.ok()?;
        reply.await.ok()
    }
}

fn store_failed(id: &ConferenceId, error: &StoreError) -> ControlError {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(conference = %id, %error, cause, "store failed");
    ControlError::Internal
}
