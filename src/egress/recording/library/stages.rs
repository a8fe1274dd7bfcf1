//! What happens to a recording after its end: finished, uploaded, and one day expired.

use super::{RecordingLibrary, Shared, end_of, folder::blocking, no_remote_sentence};
use crate::{
    egress::recording::{
        finish::{self, Finished},
        output::sentence,
        playlist::{MOVIE, PLAYLIST},
        record::{Recording, Stage},
        retention::{self, Kept},
    },
    ids::RecordingId,
};
use jiff::Timestamp;
use std::{sync::Weak, time::Duration};
use tokio::task::AbortHandle;

/// First and longest wait before a stage is tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How often retention is looked after, beside after each recording.
const RETENTION: Duration = Duration::from_secs(60);

impl RecordingLibrary {
    /// Has the next stages done, unless somebody does that already or there is none.
    pub(super) fn start_job(&self, id: &RecordingId) {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(id) else { return };
        if entry.job.as_ref().is_none_or(AbortHandle::is_finished) && entry.record.stage != Stage::Kept {
            let job = tokio::spawn(self.clone().bring_to_its_end(id.clone()));
            entry.job = Some(job.abort_handle());
        }
    }

    /// One stage after the other, each until it succeeds.
    async fn bring_to_its_end(self, id: RecordingId) {
        let mut wait = BACKOFF.0;
        while let Some(record) = self.find(&id).filter(|record| record.stage != Stage::Kept) {
            let done = {
                // Never closed.
                let _permit = self.shared.jobs.acquire().await;
                match record.stage {
                    Stage::Finishing => self.finish(&record).await,
                    Stage::Uploading => self.upload(&record).await,
                    Stage::Recording | Stage::Kept => return,
                }
            };
            match done {
                Ok(()) => wait = BACKOFF.0,
                Err(sentence) => {
                    tracing::warn!(
                        conference = %record.conference, recording = %id, stage = ?record.stage,
                        wait_ms = wait.as_millis() as u64, reason = sentence, "a recording waits"
                    );
                    self.change(&id, |record| record.trouble = Some(sentence));
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(BACKOFF.1);
                }
            }
        }
        self.shared.changed.notify_one();
    }

    async fn finish(&self, record: &Recording) -> Result<(), String> {
        let (folder, began) = (self.folder(&record.conference, &record.id), record.started_at);
        let finished = blocking(move || Ok(finish::finish(&folder, began))).await;
        let finished = finished.map_err(|error| sentence("the recording cannot be finished", &error))?;
        let finished = finished.map_err(|error| {
            tracing::warn!(recording = %record.id, error = &error as &dyn std::error::Error, "finishing failed");
            error.io().map_or_else(|| error.to_string(), |error| sentence("the recording cannot be finished", error))
        })?;
        let Some(Finished { bytes, duration_ms, picture }) = finished else {
            tracing::info!(recording = %record.id, "a recording without a whole fragment is removed");
            self.forget(&record.id).await;
            return Ok(());
        };
        let stage = if self.shared.remote.is_some() { Stage::Uploading } else { Stage::Kept };
        let mut next = record.clone();
        next.stage = stage;
        (next.bytes, next.duration_ms, next.trouble) = (bytes, duration_ms, None);
        (next.width, next.height) = (picture.map(|size| size.0), picture.map(|size| size.1));
        next.ended_at = Some(next.ended_at.unwrap_or_else(|| end_of(&next)));
        self.advance(next).await?;
        tracing::info!(
            conference = %record.conference, recording = %record.id, bytes, duration_ms, "recording finished"
        );
        Ok(())
    }

    async fn upload(&self, record: &Recording) -> Result<(), String> {
        let Some(remote) = &self.shared.remote else { return Err(no_remote_sentence().to_owned()) };
        let (conference, id) = (record.conference.as_str(), record.id.as_str());
        let folder = self.folder(&record.conference, &record.id);
        for name in [PLAYLIST, MOVIE] {
            remote.upload(&folder.join(name), [conference, id, name]).await.map_err(|error| {
                tracing::warn!(recording = id, error = &error as &dyn std::error::Error, "upload failed");
                error.sentence()
            })?;
        }
        let next = Recording { stage: Stage::Kept, remote: true, trouble: None, ..record.clone() };
        self.advance(next).await?;
        tracing::info!(conference = %record.conference, recording = id, "recording uploaded");
        if let Err(error) = tokio::fs::remove_file(folder.join(MOVIE)).await {
            tracing::warn!(recording = id, error = &error as &dyn std::error::Error, "the local file stays");
        }
        Ok(())
    }

    /// The next stage, on the disk first: what is not noted is done again.
    async fn advance(&self, next: Recording) -> Result<(), String> {
        let saved = self.save(&next).await;
        saved.map_err(|error| sentence("the recording's state cannot be written", &error))?;
        let kept = next.stage == Stage::Kept;
        let record = self.change(&next.id.clone(), |record| *record = next);
        if let Some(record) = record.filter(|_| kept)
            && let Some(observer) = self.shared.observer.get()
        {
            (observer.0)(&record, self.store_name(&record));
        }
        Ok(())
    }

    pub(super) async fn expire(&self) {
        let all: Vec<Kept> = self
            .list(|_| true)
            .into_iter()
            .map(|record| Kept {
                ended_at: record.ended_at.filter(|_| record.stage == Stage::Kept),
                id: record.id,
                bytes: record.bytes,
            })
            .collect();
        for id in retention::expired(Timestamp::now(), all, self.shared.limits) {
            tracing::info!(recording = %id, "recording expires");
            if let Err(error) = self.delete(&id).await {
                tracing::warn!(recording = %id, error = &error as &dyn std::error::Error, "an expired recording stays");
            }
        }
    }
}

/// Ends with the library.
pub(super) async fn look_after_retention(library: Weak<Shared>) {
    while let Some(shared) = library.upgrade() {
        let changed = shared.changed.clone();
        RecordingLibrary { shared }.expire().await;
        // Either way it is time to look again.
        let _ = tokio::time::timeout(RETENTION, changed.notified()).await;
    }
}
