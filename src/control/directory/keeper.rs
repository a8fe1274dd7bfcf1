//! Stores run-downs behind the conferences that change them: none waits for a disk.

use super::Kept;
use crate::{
    control::{
        error::ControlError,
        store::{RundownRecord, StoreError},
    },
    ids::ConferenceId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use tokio::sync::watch;

/// Where a conference leaves its run-down to be stored, if it is kept itself. Cheap to clone; it holds nothing open.
#[derive(Debug, Clone)]
pub struct CueKeeper(Weak<Kept>);

/// What waits to be stored: the latest of each conference, so it is bounded by their number.
#[derive(Debug)]
pub(super) struct CueQueue {
    waiting: Mutex<Waiting>,
    /// So many were stored, or could not be.
    done: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    records: BTreeMap<ConferenceId, RundownRecord>,
    /// So many were left here.
    asked: u64,
    /// A task stores them.
    running: bool,
    /// Whose last one could not be stored.
    failed: BTreeSet<ConferenceId>,
}

impl Default for CueQueue {
    fn default() -> Self {
        Self { waiting: Mutex::default(), done: watch::Sender::new(0) }
    }
}

impl CueQueue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CueKeeper {
    pub(super) fn new(kept: &Arc<Kept>) -> Self {
        Self(Arc::downgrade(kept))
    }

    /// Leaves a run-down to be stored; what was left before of the same conference is forgotten.
    pub fn store(&self, id: &ConferenceId, record: RundownRecord) {
        // Without a directory nothing is kept.
        let Some(kept) = self.0.upgrade() else { return };
        let mut waiting = kept.cues.lock();
        waiting.asked += 1;
        waiting.records.insert(id.clone(), record);
        if !std::mem::replace(&mut waiting.running, true) {
            drop(waiting);
            tokio::spawn(async move { kept.store_cues().await });
        }
    }
}

impl Kept {
    async fn store_cues(&self) {
        loop {
            let (records, asked) = {
                let mut waiting = self.cues.lock();
                waiting.running = !waiting.records.is_empty();
                (std::mem::take(&mut waiting.records), waiting.asked)
            };
            if records.is_empty() {
                return;
            }
            for (id, rundown) in records {
                let stored = self.store_rundown(&id, rundown).await;
                let mut waiting = self.cues.lock();
                match stored {
                    Ok(()) => drop(waiting.failed.remove(&id)),
                    Err(error) => {
                        let cause =
                            std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                        tracing::error!(conference = %id, %error, cause, "run-down not stored");
                        waiting.failed.insert(id);
                    }
                }
            }
            self.cues.done.send_replace(asked);
        }
    }

    /// Of a conference that is kept no more nothing is.
    async fn store_rundown(&self, id: &ConferenceId, rundown: RundownRecord) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        match self.store.conference(id.clone()).await? {
            Some(record) => {
                let rundown = Some(rundown).filter(|rundown| !rundown.cues.is_empty());
                self.store.save_conference(super::ConferenceRecord { rundown, ..record }).await
            }
            None => Ok(()),
        }
    }

    /// Everything that was left before this is on the disk.
    pub(super) async fn cues_stored(&self) {
        let asked = self.cues.lock().asked;
        // The sender is ours: it is not gone.
        let _ = self.cues.done.subscribe().wait_for(|done| *done >= asked).await;
    }

    /// The same of one conference.
    ///
    /// # Errors
    /// `internal`: its last run-down could not be stored.
    pub(super) async fn cues_stored_of(&self, id: &ConferenceId) -> Result<(), ControlError> {
        self.cues_stored().await;
        if self.cues.lock().failed.contains(id) { Err(ControlError::Internal) } else { Ok(()) }
    }

    /// The conference is gone, and with it what waits.
    pub(super) fn forget_cues(&self, id: &ConferenceId) {
        let mut waiting = self.cues.lock();
        waiting.records.remove(id);
        waiting.failed.remove(id);
    }
}
