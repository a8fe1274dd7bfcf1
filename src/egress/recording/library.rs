//! All recordings: those that are being made, those that wait to be finished or uploaded, those that are
//! kept. What HTTP reads and the outputs write to.
//!
//! On the disk a recording is the folder `<root>/<conference>/<id>/` with `file.mp4`, `recording.json` and,
//! once finished, `index.m3u8`. With a remote store `file.mp4` goes there and the rest stays. The map in
//! memory is what counts while the server runs; `recording.json` is for the next run.

use super::{
    playlist::{MOVIE, PLAYLIST},
    record::{Recording, Stage},
    remote::{Remote, RemoteError},
    retention::Limits,
};
use crate::{
    config::{RecordingConfig, recording::RecordingStore},
    ids::{ConferenceId, RecordingId},
};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::HashMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore},
    task::AbortHandle,
};

mod folder;
mod media;
mod stages;

use folder::{blocking, remove_folder, scan, write_record};
pub use media::Media;
use media::Source;

/// The folder under the data directory, unless `recording.store` names another.
const FOLDER: &str = "recordings";
/// Files that are finished or uploaded at once: each copies gigabytes.
const JOBS: usize = 2;

/// The recordings. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RecordingLibrary {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    remote: Option<Remote>,
    limits: Limits,
    /// Never held over an await or a file operation.
    entries: Mutex<HashMap<RecordingId, Entry>>,
    jobs: Semaphore,
    /// There may be something for retention to do.
    changed: Arc<Notify>,
    observer: OnceLock<Observer>,
}

/// Hears of recordings that are complete and where they are kept. It must not wait.
struct Observer(Box<Observe>);

type Observe = dyn Fn(&Recording, String) + Send + Sync;

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

#[derive(Debug)]
struct Entry {
    record: Recording,
    job: Option<AbortHandle>,
    /// It is on its way out.
    deleting: bool,
}

/// Why a recording could not be deleted or read.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("there is no such recording")]
    NotFound,
    #[error("the recording is being made")]
    Busy,
    #[error("the recording's file cannot be used")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl RecordingLibrary {
    /// What the configuration names, with nothing in it: [`recover`](Self::recover) reads what is there.
    ///
    /// # Errors
    /// When the remote store's settings cannot be used.
    pub fn open(config: &RecordingConfig, data_dir: &Path) -> Result<Self, RemoteError> {
        Ok(Self::with_remote(config, data_dir, Remote::from_config(config)?))
    }

    /// The same with a store of one's own.
    pub fn with_remote(config: &RecordingConfig, data_dir: &Path, remote: Option<Remote>) -> Self {
        let root = match config.place() {
            RecordingStore::Folder(folder) => folder,
            RecordingStore::DataDir | RecordingStore::S3 { .. } => data_dir.join(FOLDER),
        };
        let limits = Limits {
            max_age: (config.max_age_s > 0).then(|| Duration::from_secs(config.max_age_s)),
            max_total_bytes: (config.max_total_bytes > 0).then_some(config.max_total_bytes),
        };
        Self {
            shared: Arc::new(Shared {
                root,
                remote,
                limits,
                entries: Mutex::default(),
                jobs: Semaphore::new(JOBS),
                changed: Arc::default(),
                observer: OnceLock::new(),
            }),
        }
    }

    /// From now on `kept` hears of each recording that is complete, with what [`Self::store_name`] says of it. One
    /// listener, for the server's start; later ones are not heard.
    pub fn observe(&self, kept: impl Fn(&Recording, String) + Send + Sync + 'static) {
        let _ = self.shared.observer.set(Observer(Box::new(kept)));
    }

    /// Takes over what former runs left: those that were cut off are finished, uploads go on. And looks
    /// after retention from now on. For the server's start, within a tokio runtime.
    ///
    /// # Errors
    /// When the folder is there but cannot be read.
    pub async fn recover(&self) -> io::Result<()> {
        let root = self.shared.root.clone();
        let found = blocking(move || scan(&root)).await?;
        for mut record in found {
            if record.stage == Stage::Recording {
                record.stage = Stage::Finishing;
            }
            let id = record.id.clone();
            let unfinished = record.stage != Stage::Kept;
            if unfinished {
                tracing::info!(conference = %record.conference, recording = %id, "an unfinished recording was found");
            }
            self.lock().insert(id.clone(), Entry { record, job: None, deleting: false });
            if unfinished {
                self.start_job(&id);
            }
        }
        tokio::spawn(stages::look_after_retention(Arc::downgrade(&self.shared)));
        Ok(())
    }

    /// Where finished recordings are, as the API calls it: `local` or the remote store's URL.
    pub fn store_name(&self, record: &Recording) -> String {
        match &self.shared.remote {
            Some(remote) if record.remote => remote.name().to_owned(),
            _ => "local".to_owned(),
        }
    }

    /// A recording.
    pub fn find(&self, id: &RecordingId) -> Option<Recording> {
        self.lock().get(id).filter(|entry| !entry.deleting).map(|entry| entry.record.clone())
    }

    /// Those that `wanted` takes, newest first.
    pub fn list(&self, wanted: impl Fn(&Recording) -> bool) -> Vec<Recording> {
        let mut found: Vec<Recording> = {
            let entries = self.lock();
            let all = entries.values().filter(|entry| !entry.deleting).map(|entry| &entry.record);
            all.filter(|record| wanted(record)).cloned().collect()
        };
        found.sort_by_key(Recording::order);
        found
    }

    /// A new recording: makes its folder and puts it into the list.
    pub(super) async fn begin(&self, record: Recording) -> io::Result<PathBuf> {
        let folder = self.folder(&record.conference, &record.id);
        let (made, written) = (folder.clone(), record.clone());
        let begun = blocking(move || {
            // Whoever deletes the conference's last recording takes its folder along, maybe just now.
            let mut created = std::fs::create_dir_all(&made);
            for _ in 0..2 {
                if created.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                    created = std::fs::create_dir_all(&made);
                }
            }
            created?;
            write_record(&made, &written)
        });
        if let Err(error) = begun.await {
            // An empty folder is nobody's; what hindered the one may hinder the other.
            let _ = remove_folder(folder).await;
            return Err(error);
        }
        self.lock().insert(record.id.clone(), Entry { record, job: None, deleting: false });
        Ok(folder)
    }

    /// Its file has so many bytes now.
    pub(super) fn grown(&self, id: &RecordingId, bytes: u64, duration: Duration) {
        self.change(id, |record| {
            record.bytes = bytes;
            // Frame times are rounded down; half a millisecond makes up for that.
            let rounded = duration + Duration::from_micros(500);
            record.duration_ms = u64::try_from(rounded.as_millis()).unwrap_or(u64::MAX);
        });
    }

    /// Nothing more comes; `error` says why, if it was not asked for. Its file is finished from now on.
    pub(super) async fn ended(&self, id: &RecordingId, error: Option<String>) {
        let record = self.change(id, |record| {
            record.stage = Stage::Finishing;
            record.ended_at = Some(end_of(record));
            record.error = error;
        });
        if let Some(record) = record {
            // If it cannot be written the next run finds it unfinished, which is as good.
            if let Err(error) = self.save(&record).await {
                tracing::warn!(recording = %id, error = &error as &dyn std::error::Error, "a recording's state was not saved");
            }
            self.start_job(id);
        }
    }

    /// It came to nothing.
    pub(super) async fn forget(&self, id: &RecordingId) {
        let removed = self.lock().remove(id);
        if let Some(entry) = removed {
            let folder = self.folder(&entry.record.conference, id);
            remove_folder(folder).await.unwrap_or_else(|error| {
                tracing::warn!(recording = %id, error = &error as &dyn std::error::Error, "a folder could not be removed");
            });
        }
    }

    /// Deletes a recording that is not being made, here and in the remote store.
    ///
    /// # Errors
    /// [`LibraryError`]; then it is still there.
    pub async fn delete(&self, id: &RecordingId) -> Result<(), LibraryError> {
        let record = {
            let mut entries = self.lock();
            let entry = entries.get_mut(id).filter(|entry| !entry.deleting).ok_or(LibraryError::NotFound)?;
            let made = match entry.record.stage {
                Stage::Recording => true,
                // One that cannot be finished, for want of space most likely, may go.
                Stage::Finishing => entry.record.trouble.is_none(),
                Stage::Uploading | Stage::Kept => false,
            };
            if made {
                return Err(LibraryError::Busy);
            }
            entry.deleting = true;
            if let Some(job) = entry.job.take() {
                job.abort();
            }
            entry.record.clone()
        };
        let deleted = self.remove(&record).await;
        match &deleted {
            Ok(()) => {
                self.lock().remove(id);
                tracing::info!(conference = %record.conference, recording = %id, "recording deleted");
            }
            Err(_) => {
                if let Some(entry) = self.lock().get_mut(id) {
                    entry.deleting = false;
                }
                self.start_job(id);
            }
        }
        deleted
    }

    async fn remove(&self, record: &Recording) -> Result<(), LibraryError> {
        // An upload that was cut off may have got to its end.
        if record.remote || record.stage == Stage::Uploading {
            let Some(remote) = &self.shared.remote else { return Err(no_remote().into()) };
            for name in [MOVIE, PLAYLIST] {
                remote.delete([record.conference.as_str(), record.id.as_str(), name]).await?;
            }
        }
        Ok(remove_folder(self.folder(&record.conference, &record.id)).await?)
    }

    /// The movie, wherever it is. While it grows: what is there now, playable.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub async fn movie(&self, id: &RecordingId) -> Result<Media, LibraryError> {
        let record = self.find(id).ok_or(LibraryError::NotFound)?;
        if record.remote {
            let remote = self.shared.remote.clone().ok_or_else(no_remote)?;
            let source = Source::Remote { remote, conference: record.conference, id: id.clone() };
            return Ok(Media { length: record.bytes, source });
        }
        let path = self.folder(&record.conference, id).join(MOVIE);
        let file = match tokio::fs::File::open(&path).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // It went to the remote store in this very moment, or somebody removed it.
                let moved = self.find(id).is_some_and(|record| record.remote);
                return if moved { Box::pin(self.movie(id)).await } else { Err(LibraryError::NotFound) };
            }
            Err(error) => return Err(error.into()),
        };
        let length = match record.stage {
            // The rest is half a fragment.
            Stage::Recording => record.bytes,
            _ => file.metadata().await?.len(),
        };
        Ok(Media { length, source: Source::Local(file) })
    }

    /// The VOD playlist of a finished recording.
    ///
    /// # Errors
    /// [`LibraryError`]; `Busy` as long as it is not finished.
    pub async fn playlist(&self, id: &RecordingId) -> Result<Bytes, LibraryError> {
        let record = self.find(id).ok_or(LibraryError::NotFound)?;
        if !record.is_finished() {
            return Err(LibraryError::Busy);
        }
        match tokio::fs::read(self.folder(&record.conference, id).join(PLAYLIST)).await {
            Ok(text) => Ok(text.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LibraryError::NotFound),
            Err(error) => Err(error.into()),
        }
    }

    fn folder(&self, conference: &ConferenceId, id: &RecordingId) -> PathBuf {
        self.shared.root.join(conference.file_name()).join(id.as_str())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RecordingId, Entry>> {
        // Nothing under this lock can panic halfway through a change that matters.
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, id: &RecordingId, change: impl FnOnce(&mut Recording)) -> Option<Recording> {
        let mut entries = self.lock();
        let record = &mut entries.get_mut(id)?.record;
        change(record);
        Some(record.clone())
    }

    async fn save(&self, record: &Recording) -> io::Result<()> {
        let (folder, record) = (self.folder(&record.conference, &record.id), record.clone());
        blocking(move || write_record(&folder, &record)).await
    }
}

/// A recording that was remote, in a run without the store.
fn no_remote() -> RemoteError {
    RemoteError::File(io::Error::new(io::ErrorKind::NotFound, no_remote_sentence()))
}

const fn no_remote_sentence() -> &'static str {
    "recording.store does not name the store that the recording is in"
}

fn end_of(record: &Recording) -> Timestamp {
    let length = i64::try_from(record.duration_ms).unwrap_or(i64::MAX);
    record.started_at.checked_add(SignedDuration::from_millis(length)).unwrap_or(record.started_at)
}
