//! Stores what conferences have (run-downs, overlays, pictures) behind the conferences that change it: none waits for a disk.

use super::Kept;
use crate::{
    control::{
        error::ControlError,
        overlay::KeptPicture,
        store::{OverlayRecord, PictureRecord, RundownRecord, StoreError},
    },
    ids::ConferenceId,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use tokio::sync::watch;

/// What of a conference is to be stored; what is `None` stays as it is stored.
#[derive(Debug, Default)]
pub struct Contents {
    pub rundown: Option<RundownRecord>,
    /// `Some(None)`: there is none any more.
    pub overlay: Option<Option<OverlayRecord>>,
    /// All of them. Their bytes are the conference's own, not another copy.
    pub pictures: Option<Vec<KeptPicture>>,
}

impl Contents {
    /// What is to be stored by both; of what both have, this.
    fn over(self, former: Self) -> Self {
        Self {
            rundown: self.rundown.or(former.rundown),
            overlay: self.overlay.or(former.overlay),
            pictures: self.pictures.or(former.pictures),
        }
    }
}

/// Where a conference leaves what is to be stored, if it is kept itself. Cheap to clone; it holds nothing open.
#[derive(Debug, Clone)]
pub struct Keeper(Weak<Kept>);

/// What waits to be stored: the latest of each conference, so it is bounded by their number.
#[derive(Debug)]
pub(super) struct KeeperQueue {
    waiting: Mutex<Waiting>,
    /// So many were stored, or could not be.
    done: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    contents: BTreeMap<ConferenceId, Contents>,
    /// So many were left here.
    asked: u64,
    /// A task stores them.
    running: bool,
    /// What could not be stored; it is tried again with the next change of its conference.
    failed: BTreeMap<ConferenceId, Contents>,
}

impl Default for KeeperQueue {
    fn default() -> Self {
        Self { waiting: Mutex::default(), done: watch::Sender::new(0) }
    }
}

impl KeeperQueue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    pub(super) fn new(kept: &Arc<Kept>) -> Self {
        Self(Arc::downgrade(kept))
    }

    /// Leaves something to be stored; it takes the place of what was left before of the same.
    pub fn store(&self, id: &ConferenceId, contents: Contents) {
        // Without a directory nothing is kept.
        let Some(kept) = self.0.upgrade() else { return };
        let mut waiting = kept.queue.lock();
        waiting.asked += 1;
        let former = waiting.contents.remove(id).unwrap_or_default();
        waiting.contents.insert(id.clone(), contents.over(former));
        if !std::mem::replace(&mut waiting.running, true) {
            drop(waiting);
            tokio::spawn(async move { kept.store_all().await });
        }
    }
}

impl Kept {
    async fn store_all(&self) {
        loop {
            let (all, asked) = {
                let mut waiting = self.queue.lock();
                waiting.running = !waiting.contents.is_empty();
                (std::mem::take(&mut waiting.contents), waiting.asked)
            };
            if all.is_empty() {
                return;
            }
            for (id, contents) in all {
                let failed = self.queue.lock().failed.remove(&id).unwrap_or_default();
                let contents = contents.over(failed);
                if let Err(error) = self.store_contents(&id, &contents).await {
                    let cause =
                        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    tracing::error!(conference = %id, %error, cause, "what a conference has is not stored");
                    self.queue.lock().failed.insert(id, contents);
                }
            }
            self.queue.done.send_replace(asked);
        }
    }

    /// Of a conference that is kept no more nothing is.
    async fn store_contents(&self, id: &ConferenceId, contents: &Contents) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let Some(mut record) = self.store.conference(id.clone()).await? else { return Ok(()) };
        let Contents { rundown, overlay, pictures } = contents;
        if let Some(rundown) = rundown {
            record.rundown = Some(rundown.clone()).filter(|rundown| !rundown.cues.is_empty());
        }
        if let Some(overlay) = overlay {
            record.overlay.clone_from(overlay);
        }
        if let Some(pictures) = pictures {
            record.pictures = Vec::with_capacity(pictures.len());
            for picture in pictures {
                // The files first: a record names nothing that is not there.
                let saved = self.store.save_picture(id.clone(), picture.file.data.clone()).await?;
                record.pictures.push(PictureRecord::new(picture, saved));
            }
        }
        self.store.save_conference(record).await
    }

    /// Everything that was left before this is on the disk.
    pub(super) async fn stored(&self) {
        let asked = self.queue.lock().asked;
        // The sender is ours: it is not gone.
        let _ = self.queue.done.subscribe().wait_for(|done| *done >= asked).await;
    }

    /// The same of one conference.
    ///
    /// # Errors
    /// `internal`: something of it could not be stored.
    pub(super) async fn stored_of(&self, id: &ConferenceId) -> Result<(), ControlError> {
        self.stored().await;
        if self.queue.lock().failed.contains_key(id) { Err(ControlError::Internal) } else { Ok(()) }
    }

    /// The conference is gone, and with it what waits.
    pub(super) fn forget(&self, id: &ConferenceId) {
        let mut waiting = self.queue.lock();
        waiting.contents.remove(id);
        waiting.failed.remove(id);
    }
}
