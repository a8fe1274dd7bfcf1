//! Which conference's stream is where: what the HTTP routes read.

use crate::{
    egress::hls::{
        RENDITION,
        playlist::segment_name,
        store::{Edge, Located, RenderedPlaylist, Store},
    },
    ids::ConferenceId,
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// The folder under the data directory that holds all streams' segments.
const FOLDER: &str = "hls";

/// All streams that can be watched. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct HlsLibrary {
    streams: Arc<Mutex<HashMap<ConferenceId, Arc<LiveStream>>>>,
}

/// One cast's stream.
#[derive(Debug)]
pub struct LiveStream {
    conference: ConferenceId,
    /// `data_dir/hls/<conference>/<nonce>`.
    folder: PathBuf,
    first_msn: u64,
    /// Never held over an await or a file operation.
    contents: Mutex<Contents>,
    /// Says each time that the playlist has got further, or that the stream is out of the library.
    edge: watch::Sender<StreamEdge>,
    /// There is something for the disk to do.
    pub(super) disk_work: Notify,
    /// The stream is out of the library.
    pub(super) removed: Notify,
}

/// How far a stream has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEdge {
    /// The media playlist's end.
    pub playlist: Edge,
    /// The stream is out of the library: nobody will add anything.
    pub removed: bool,
}

#[derive(Debug)]
struct Contents {
    store: Store,
    disk_error: Option<String>,
    removed: bool,
}

impl HlsLibrary {
    /// An empty library.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes what a former run of the server left under `data_dir`. For the server's start, before
    /// any cast.
    ///
    /// # Errors
    /// When the folder is there but cannot be removed.
    pub async fn remove_leftovers(data_dir: &Path) -> io::Result<()> {
        absent_is_fine(tokio::fs::remove_dir_all(data_dir.join(FOLDER)).await)
    }

    /// The conference's stream, live or ended not long ago.
    pub fn find(&self, conference: &ConferenceId) -> Option<Arc<LiveStream>> {
        lock(&self.streams).get(conference).cloned()
    }

    /// A new stream for `conference`; it takes the place of an older one. `now` in Unix seconds is
    /// its first media sequence number, unless the older one got further.
    pub(super) fn open(
        &self,
        conference: ConferenceId,
        data_dir: &Path,
        window: Duration,
        now: u64,
    ) -> Arc<LiveStream> {
        let nonce = format!("{:016x}", rand::random::<u64>());
        let mut streams = lock(&self.streams);
        let unused = streams.get(&conference).map_or(0, |old| old.with(|store| store.unused_msn()));
        let first_msn = now.max(unused);
        let folder = data_dir.join(FOLDER).join(conference.file_name()).join(&nonce);
        let store = Store::new(window, nonce, first_msn);
        let edge = StreamEdge { playlist: store.edge(), removed: false };
        let stream = Arc::new(LiveStream {
            folder,
            first_msn,
            contents: Mutex::new(Contents { store, disk_error: None, removed: false }),
            edge: watch::Sender::new(edge),
            disk_work: Notify::new(),
            removed: Notify::new(),
            conference: conference.clone(),
        });
        if let Some(old) = streams.insert(conference, stream.clone()) {
            old.mark_removed();
        }
        stream
    }

    /// Takes `stream` out, unless another has taken its place already.
    pub(super) fn remove(&self, stream: &Arc<LiveStream>) {
        let mut streams = lock(&self.streams);
        if streams.get(&stream.conference).is_some_and(|current| Arc::ptr_eq(current, stream)) {
            streams.remove(&stream.conference);
        }
        stream.mark_removed();
    }
}

impl LiveStream {
    /// The multivariant playlist, once there is a segment.
    pub fn multivariant(&self) -> Option<RenderedPlaylist> {
        self.with(|store| store.multivariant().cloned())
    }

    /// A rendition's media playlist, once it has a segment.
    pub fn media(&self, rendition: &str) -> Option<RenderedPlaylist> {
        (rendition == RENDITION).then(|| self.with(|store| store.media().cloned())).flatten()
    }

    /// The delta update of a rendition's media playlist; all of it when there is nothing to skip.
    pub fn media_delta(&self, rendition: &str) -> Option<RenderedPlaylist> {
        (rendition == RENDITION).then(|| self.with(|store| store.media_delta().cloned())).flatten()
    }

    /// How far a rendition has got, to be waited on.
    pub fn edge(&self, rendition: &str) -> Option<watch::Receiver<StreamEdge>> {
        (rendition == RENDITION).then(|| self.edge.subscribe())
    }

    /// Requests that wait for the stream to get further.
    pub fn waiting(&self) -> usize {
        self.edge.receiver_count()
    }

    /// A rendition's init segment.
    pub fn init(&self, rendition: &str, number: u64) -> Option<Bytes> {
        (rendition == RENDITION).then(|| self.with(|store| store.init(number))).flatten()
    }

    /// A rendition's segment, from memory or disk; `None` when it is not there (any more).
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub async fn segment(&self, rendition: &str, msn: u64) -> io::Result<Option<Bytes>> {
        if rendition != RENDITION {
            return Ok(None);
        }
        match self.with(|store| store.segment(msn)) {
            None => Ok(None),
            Some(Located::Memory(data)) => Ok(Some(data)),
            Some(Located::Disk) => self.read(msn).await,
        }
    }

    /// A part of a rendition's segment, as [`segment`](Self::segment).
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub async fn part(&self, rendition: &str, msn: u64, part: usize) -> io::Result<Option<Bytes>> {
        if rendition != RENDITION {
            return Ok(None);
        }
        let Some((located, range)) = self.with(|store| store.part(msn, part)) else { return Ok(None) };
        let whole = match located {
            Located::Memory(data) => Some(data),
            Located::Disk => self.read(msn).await?,
        };
        // A file that is too short is none of ours.
        Ok(whole.filter(|data| range.end <= data.len()).map(|data| data.slice(range)))
    }

    async fn read(&self, msn: u64) -> io::Result<Option<Bytes>> {
        match tokio::fs::read(self.segment_file(msn)).await {
            Ok(data) => Ok(Some(data.into())),
            // It expired since we asked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn conference(&self) -> &ConferenceId {
        &self.conference
    }

    pub(super) fn first_msn(&self) -> u64 {
        self.first_msn
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn segment_file(&self, msn: u64) -> PathBuf {
        self.folder.join(RENDITION).join(segment_name(msn))
    }

    /// Reads or changes the store.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Store) -> T) -> T {
        act(&mut lock(&self.contents).store)
    }

    /// Wakes the requests that wait for what is there now.
    pub(super) fn announce(&self) {
        let playlist = self.with(|store| store.edge());
        self.edge.send_if_modified(|edge| std::mem::replace(&mut edge.playlist, playlist) != playlist);
    }

    pub(super) fn disk_error(&self) -> Option<String> {
        lock(&self.contents).disk_error.clone()
    }

    /// Returns what it was.
    pub(super) fn set_disk_error(&self, error: Option<String>) -> Option<String> {
        std::mem::replace(&mut lock(&self.contents).disk_error, error)
    }

    pub(super) fn is_removed(&self) -> bool {
        lock(&self.contents).removed
    }

    fn mark_removed(&self) {
        lock(&self.contents).removed = true;
        // One waiter each; a permit is kept for one that is not waiting yet.
        self.disk_work.notify_one();
        self.removed.notify_one();
        self.edge.send_modify(|edge| edge.removed = true);
    }
}

/// A file or folder that is not there need not be removed.
pub(super) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Nothing under these locks can panic halfway through a change that matters.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
