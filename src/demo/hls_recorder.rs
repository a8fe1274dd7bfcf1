//! Records an HLS stream as a plain player would fetch it, so that what was served can be looked at.

use super::media_playlist::{self, MediaPlaylist, PlaylistError};
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};
use url::Url;

/// Half a segment at most goes by between two looks at the playlist.
const POLL: Duration = Duration::from_millis(500);
/// The largest thing fetched: a 2 s segment of the highest rate is a quarter of it.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// A request that takes longer has failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an HLS stream could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum HlsRecorderError {
    #[error("{url} is not a URL")]
    BadUrl { url: String },
    #[error("fetching {url}")]
    Fetch { url: String, source: Box<ureq::Error> },
    #[error("reading {url}")]
    Read { url: String, source: io::Error },
    #[error("understanding {url}")]
    Playlist { url: String, source: PlaylistError },
    #[error("writing {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("the recorder's thread panicked")]
    Panicked,
}

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HlsRecording {
    /// One playable file per initialisation segment, in order.
    pub files: Vec<PathBuf>,
    /// Segments fetched.
    pub segments: u64,
    /// Segments that had left the playlist before they were fetched, or could not be fetched.
    pub missed: u64,
    /// The playlist ended properly.
    pub ended: bool,
}

/// A recorder at work in a thread of its own.
#[derive(Debug)]
pub struct HlsRecorder {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<HlsRecording, HlsRecorderError>>,
}

impl HlsRecorder {
    /// Records the first rendition of a multivariant playlist into `directory`.
    pub fn start(index: &str, directory: &Path) -> Result<Self, HlsRecorderError> {
        let index = Url::parse(index).map_err(|_| HlsRecorderError::BadUrl { url: index.to_owned() })?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            agent: ureq::Agent::config_builder().timeout_global(Some(REQUEST_TIMEOUT)).build().into(),
            directory: directory.to_owned(),
            next: None,
            map: None,
            out: None,
            recording: HlsRecording::default(),
        };
        let asked = stop.clone();
        let thread = std::thread::spawn(move || {
            let text = work.text(&index)?;
            let media = media_playlist::first_rendition(&text).and_then(|uri| index.join(&uri).ok()).ok_or(
                HlsRecorderError::Playlist { url: index.to_string(), source: PlaylistError::NoRendition },
            )?;
            loop {
                // One look after the wish to stop: the last segment and the end of the list.
                let last = asked.load(Relaxed);
                work.look(&media)?;
                if last || work.recording.ended {
                    return Ok(work.recording);
                }
                std::thread::sleep(POLL);
            }
        });
        Ok(Self { stop, thread })
    }

    /// Fetches what is there and ends. Waits for it: not for an async thread.
    pub fn finish(self) -> Result<HlsRecording, HlsRecorderError> {
        self.stop.store(true, Relaxed);
        self.thread.join().unwrap_or(Err(HlsRecorderError::Panicked))
    }
}

struct Work {
    agent: ureq::Agent,
    directory: PathBuf,
    /// The next media sequence number.
    next: Option<u64>,
    map: Option<String>,
    out: Option<(PathBuf, File)>,
    recording: HlsRecording,
}

impl Work {
    fn bytes(&self, url: &Url) -> Result<Vec<u8>, HlsRecorderError> {
        let fetch = |source| HlsRecorderError::Fetch { url: url.to_string(), source: Box::new(source) };
        let mut response = self.agent.get(url.as_str()).call().map_err(fetch)?;
        let mut bytes = Vec::new();
        let mut body = response.body_mut().as_reader().take(MAX_BYTES);
        body.read_to_end(&mut bytes)
            .map_err(|source| HlsRecorderError::Read { url: url.to_string(), source })?;
        Ok(bytes)
    }

    fn text(&self, url: &Url) -> Result<String, HlsRecorderError> {
        String::from_utf8(self.bytes(url)?)
            .map_err(|_| HlsRecorderError::Playlist { url: url.to_string(), source: PlaylistError::NotText })
    }

    fn look(&mut self, media: &Url) -> Result<(), HlsRecorderError> {
        let playlist: MediaPlaylist = media_playlist::parse(&self.text(media)?)
            .map_err(|source| HlsRecorderError::Playlist { url: media.to_string(), source })?;
        for entry in &playlist.entries {
            let next = *self.next.get_or_insert(entry.sequence);
            if entry.sequence < next {
                continue;
            }
            self.recording.missed += entry.sequence - next;
            self.next = Some(entry.sequence + 1);
            let join =
                |uri: &str| media.join(uri).map_err(|_| HlsRecorderError::BadUrl { url: uri.to_owned() });
            if entry.map != self.map {
                self.begin_file(&join(entry.map.as_deref().unwrap_or_default())?)?;
                self.map.clone_from(&entry.map);
            }
            let url = join(&entry.uri)?;
            match self.bytes(&url) {
                Ok(segment) => {
                    self.write(&segment)?;
                    self.recording.segments += 1;
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "segment not recorded");
                    self.recording.missed += 1;
                }
            }
        }
        self.recording.ended = playlist.ended;
        Ok(())
    }

    fn begin_file(&mut self, map: &Url) -> Result<(), HlsRecorderError> {
        let init = self.bytes(map)?;
        let path = self.directory.join(format!("hls-{}.mp4", self.recording.files.len()));
        let file =
            File::create(&path).map_err(|source| HlsRecorderError::Write { path: path.clone(), source })?;
        self.recording.files.push(path.clone());
        self.out = Some((path, file));
        self.write(&init)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), HlsRecorderError> {
        match &mut self.out {
            Some((path, file)) => {
                file.write_all(bytes).map_err(|source| HlsRecorderError::Write { path: path.clone(), source })
            }
            None => Ok(()),
        }
    }
}
