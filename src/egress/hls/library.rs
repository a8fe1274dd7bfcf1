//! Which conference's stream is where: what the HTTP routes read.

use crate::{
    egress::hls::{
        playlist::{self, Variant, segment_name},
        rendered::RenderedPlaylist,
        store::{DiskJob, Edge, Located, Store},
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

/// Most bytes of segments in memory, per stream; 100 s of 5 Mbit/s. Half of it is the program's own where
/// there are other renditions.
const MAX_MEMORY: usize = 64 * 1024 * 1024;

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
    /// The renditions' names, the program's first.
    lanes: Vec<String>,
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
    /// One for each lane.
    stores: Vec<Store>,
    multivariant: Option<Multivariant>,
    tag: String,
    disk_error: Option<String>,
    removed: bool,
}

/// What clients can choose from.
#[derive(Debug)]
struct Multivariant {
    variants: Vec<Option<Variant>>,
    independent: bool,
    version: u64,
    rendered: RenderedPlaylist,
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

    /// A new stream for `conference` with renditions of these names, the program's first; it takes the place
    /// of an older one. `now` in Unix seconds is its first media sequence number, unless the older one got
    /// further.
    pub(super) fn open(
        &self,
        conference: ConferenceId,
        lanes: Vec<String>,
        data_dir: &Path,
        window: Duration,
        now: u64,
    ) -> Arc<LiveStream> {
        let nonce = format!("{:016x}", rand::random::<u64>());
        let mut streams = lock(&self.streams);
        let unused = streams.get(&conference).map_or(0, |old| old.unused_msn());
        let first_msn = now.max(unused);
        let folder = data_dir.join(FOLDER).join(conference.file_name()).join(&nonce);
        let program_memory = if lanes.len() > 1 { MAX_MEMORY / 2 } else { MAX_MEMORY };
        let other_memory = MAX_MEMORY / 2 / lanes.len().saturating_sub(1).max(1);
        let store = |(number, name): (usize, &String)| {
            let max_memory = if number == 0 { program_memory } else { other_memory };
            Store::new(window, format!("{nonce}-{name}"), first_msn, max_memory)
        };
        let stores: Vec<Store> = lanes.iter().enumerate().map(store).collect();
        let edge = StreamEdge { playlist: edge_of(&stores), removed: false };
        let contents = Contents { stores, multivariant: None, tag: nonce, disk_error: None, removed: false };
        let stream = Arc::new(LiveStream {
            folder,
            first_msn,
            lanes,
            contents: Mutex::new(contents),
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
        let contents = lock(&self.contents);
        let is_listed = contents.stores.first().is_some_and(Store::is_listed);
        contents.multivariant.as_ref().filter(|_| is_listed).map(|multivariant| multivariant.rendered.clone())
    }

    /// Sets what the multivariant playlist says of each lane; a lane of which it says nothing is not in it.
    pub(super) fn describe(&self, variants: Vec<Option<Variant>>, independent: bool) {
        let mut contents = lock(&self.contents);
        let old = contents.multivariant.as_ref();
        if old.is_some_and(|old| old.variants == variants && old.independent == independent) {
            return;
        }
        let named = |(name, variant): (&String, &Option<Variant>)| Some((name.clone(), variant.clone()?));
        let listed: Vec<(String, Variant)> = self.lanes.iter().zip(&variants).filter_map(named).collect();
        for (store, own) in contents.stores.iter_mut().zip(&self.lanes) {
            let others = listed.iter().map(|(name, _)| name).filter(|name| *name != own);
            store.set_siblings(others.cloned().collect());
        }
        // Rates settle after some segments: the text is made as seldom as it changes.
        let version = contents.multivariant.as_ref().map_or(0, |old| old.version) + 1;
        let tag = format!("{}-m{version}", contents.tag);
        let rendered = RenderedPlaylist::new(playlist::multivariant(&listed, independent), tag);
        contents.multivariant = Some(Multivariant { variants, independent, version, rendered });
    }

    /// A rendition's media playlist, once it has a segment.
    pub fn media(&self, rendition: &str) -> Option<RenderedPlaylist> {
        self.with(self.lane(rendition)?, Store::media)
    }

    /// The delta update of a rendition's media playlist; all of it when there is nothing to skip.
    pub fn media_delta(&self, rendition: &str) -> Option<RenderedPlaylist> {
        self.with(self.lane(rendition)?, Store::media_delta)
    }

    /// How far a rendition has got, to be waited on. All get further together.
    pub fn edge(&self, rendition: &str) -> Option<watch::Receiver<StreamEdge>> {
        self.lane(rendition).map(|_| self.edge.subscribe())
    }

    /// Requests that wait for the stream to get further.
    pub fn waiting(&self) -> usize {
        self.edge.receiver_count()
    }

    /// A rendition's init segment.
    pub fn init(&self, rendition: &str, number: u64) -> Option<Bytes> {
        self.with(self.lane(rendition)?, |store| store.init(number))
    }

    /// A rendition's segment, from memory or disk; `None` when it is not there (any more).
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub async fn segment(&self, rendition: &str, msn: u64) -> io::Result<Option<Bytes>> {
        let Some(lane) = self.lane(rendition) else { return Ok(None) };
        match self.with(lane, |store| store.segment(msn)) {
            None => Ok(None),
            Some(Located::Memory(data)) => Ok(Some(data)),
            Some(Located::Disk) => self.read(lane, msn).await,
        }
    }

    /// A part of a rendition's segment, as [`segment`](Self::segment).
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub async fn part(&self, rendition: &str, msn: u64, part: usize) -> io::Result<Option<Bytes>> {
        let Some(lane) = self.lane(rendition) else { return Ok(None) };
        let Some((located, range)) = self.with(lane, |store| store.part(msn, part)) else { return Ok(None) };
        let whole = match located {
            Located::Memory(data) => Some(data),
            Located::Disk => self.read(lane, msn).await?,
        };
        // A file that is too short is none of ours.
        Ok(whole.filter(|data| range.end <= data.len()).map(|data| data.slice(range)))
    }

    fn lane(&self, rendition: &str) -> Option<usize> {
        self.lanes.iter().position(|name| name == rendition)
    }

    async fn read(&self, lane: usize, msn: u64) -> io::Result<Option<Bytes>> {
        match tokio::fs::read(self.segment_file(lane, msn)).await {
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

    /// Where a lane's segments are kept. The names are ours, not a client's.
    pub(super) fn lane_folder(&self, lane: usize) -> PathBuf {
        self.folder.join(self.lanes.get(lane).map_or("", String::as_str))
    }

    pub(super) fn segment_file(&self, lane: usize, msn: u64) -> PathBuf {
        self.lane_folder(lane).join(segment_name(msn))
    }

    /// Reads or changes a lane's store. Lanes are numbered as they were opened, so there is one.
    pub(super) fn with<T>(&self, lane: usize, act: impl FnOnce(&mut Store) -> T) -> T {
        act(&mut lock(&self.contents).stores[lane])
    }

    /// The next thing for the disk to do, and for which lane.
    pub(super) fn next_disk_job(&self) -> Option<(usize, DiskJob)> {
        let mut contents = lock(&self.contents);
        contents.stores.iter_mut().enumerate().find_map(|(lane, store)| Some((lane, store.next_disk_job()?)))
    }

    /// Nothing will be added to any lane.
    pub(super) fn end(&self) {
        lock(&self.contents).stores.iter_mut().for_each(Store::end);
    }

    fn unused_msn(&self) -> u64 {
        lock(&self.contents).stores.iter().map(Store::unused_msn).max().unwrap_or(0)
    }

    /// Wakes the requests that wait for what is there now.
    pub(super) fn announce(&self) {
        let playlist = edge_of(&lock(&self.contents).stores);
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

/// The program's end stands for all: lanes are published together.
fn edge_of(stores: &[Store]) -> Edge {
    // A stream is never opened without lanes.
    stores[0].edge()
}

/// A file or folder that is not there need not be removed.
pub(super) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Nothing under these locks can panic halfway through a change that matters.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
