//! A media file that is opened: found in its folder, decoded, read anew from elsewhere when asked to.
//!
//! The program takes the decoded media at its own pace (`program/projector`). Here is what takes time: a task that builds the
//! pipeline, waits until there is something to show, and seeks.

use crate::{
    ids::SourceId,
    ipc::file::{FileFault, FileSpec},
    media_dir::{self, MediaName},
    worker::{
        pipeline::{PipelineError, PipelineEvent, RunningPipeline},
        pipeline_file::{ParamValue, PipelineFile, PipelineFileError, Role},
        program::projector::Sinks,
        timeline::Timeline,
    },
};
use gst::prelude::*;
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Requests under way to a file.
const MAILBOX: usize = 8;
/// Messages of its pipeline: pads, the first samples, an error.
const MESSAGES: usize = 32;
/// From the start to the first decoded picture: the slowest containers are read in a second.
const OPEN_DEADLINE: Duration = Duration::from_secs(8);
/// A seek is a matter of milliseconds; one that takes longer never ends.
const SEEK_DEADLINE: Duration = Duration::from_secs(5);
/// Pixels a side: more is decoded too slowly to be shown.
const LARGEST: i32 = 4096;

/// What may be in a file, by the names of GStreamer's types: containers, coded media, tags around them. Whatever else a file
/// turns out to be (a playlist that names other files or hosts, say) is not followed.
const PLAYABLE: [&str; 31] = [
    "video/quicktime",
    "audio/x-m4a",
    "application/x-3gp",
    "video/webm",
    "audio/webm",
    "video/x-matroska",
    "audio/x-matroska",
    "video/x-matroska-3d",
    "application/ogg",
    "audio/ogg",
    "video/ogg",
    "application/x-id3",
    "application/x-apetag",
    "audio/x-wav",
    "audio/x-flac",
    "audio/x-aiff",
    "audio/mpeg",
    "audio/x-vorbis",
    "audio/x-opus",
    "audio/x-alaw",
    "audio/x-mulaw",
    "audio/x-ac3",
    "video/x-h264",
    "video/x-h265",
    "video/x-vp8",
    "video/x-vp9",
    "video/x-av1",
    "video/x-theora",
    "video/x-prores",
    "audio/x-raw",
    "video/x-raw",
];

/// What a file tells the controller.
#[derive(Debug)]
pub enum FileEvent {
    /// It is decoded.
    Opened { sinks: Sinks, duration_ms: Option<u64> },
    /// It cannot be played (any further).
    Failed(FileFault),
    /// It is read from where it was asked to, or cannot be.
    Sought { well: bool },
    /// The pipeline cannot be taken down: the worker is of no use any more.
    Frozen,
}

/// What can be asked of a file.
#[derive(Debug)]
enum FileRequest {
    Seek { to: u64 },
}

/// What its pipeline says.
#[derive(Debug)]
enum Message {
    /// All its streams are known.
    Linked,
    /// A stream's first sample, or its end.
    Sample,
    Pipeline(PipelineEvent),
}

/// A file to open.
#[derive(Debug)]
pub struct FileSetup {
    pub source: SourceId,
    pub spec: FileSpec,
    pub timeline: Timeline,
    /// Only its pictures are wanted, and it must have some.
    pub silent: bool,
}

/// The handle. Dropping it closes the file.
#[derive(Debug)]
pub struct PlayedFile {
    mailbox: mpsc::Sender<FileRequest>,
}

impl PlayedFile {
    /// Begins to open it; how it goes is told by `events`.
    pub fn open(setup: FileSetup, events: mpsc::Sender<(SourceId, FileEvent)>) -> Self {
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        let runner = FileRunner { setup, inbox, events };
        tokio::spawn(runner.run());
        Self { mailbox }
    }

    /// Read it from this place on, nanoseconds; told by [`FileEvent::Sought`]. One at a time.
    pub fn seek(&self, to: u64) {
        let _ = self.mailbox.try_send(FileRequest::Seek { to });
    }
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("building the file's pipeline")]
    Build(#[from] PipelineFileError),
    #[error("running the file's pipeline")]
    Run(#[from] PipelineError),
    #[error("{0}")]
    Fault(#[from] FileFault),
}

fn unsupported(detail: impl Into<String>) -> OpenError {
    OpenError::Fault(FileFault::Unsupported { detail: detail.into() })
}

/// The task behind a [`PlayedFile`].
struct FileRunner {
    setup: FileSetup,
    inbox: mpsc::Receiver<FileRequest>,
    events: mpsc::Sender<(SourceId, FileEvent)>,
}

/// What the decoder found.
#[derive(Debug, Default)]
struct Found {
    pictures: bool,
    sound: bool,
    /// Media that cannot be decoded.
    unknown: Vec<String>,
}

/// A file that plays.
struct Deck {
    running: RunningPipeline,
    pictures: gst_app::AppSink,
    sound: gst_app::AppSink,
    found: Arc<Mutex<Found>>,
}

impl Deck {
    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sinks(&self) -> Sinks {
        let found = self.found();
        Sinks {
            pictures: found.pictures.then(|| self.pictures.clone()),
            sound: found.sound.then(|| self.sound.clone()),
        }
    }

    /// The sink whose seeks and questions are the whole file's.
    fn leader(&self) -> gst_app::AppSink {
        if self.found().pictures { self.pictures.clone() } else { self.sound.clone() }
    }
}

impl FileRunner {
    async fn run(mut self) {
        let (messages_in, mut messages) = mpsc::channel(MESSAGES);
        let deck = match self.start(messages_in).await {
            Ok(deck) => deck,
            Err(error) => return self.fail(error).await,
        };
        let ready = tokio::time::timeout(OPEN_DEADLINE, self.ready(&deck, &mut messages)).await;
        match ready.unwrap_or_else(|_| Err(unsupported("it cannot be read in time"))) {
            Ok(duration_ms) => {
                self.tell(FileEvent::Opened { sinks: deck.sinks(), duration_ms }).await;
                self.watch(&deck, &mut messages).await;
            }
            Err(error) => self.fail(error).await,
        }
        let sinks = put([&deck.pictures, &deck.sound], gst::State::Null).await;
        if sinks.is_err() || deck.running.stop().await.is_err() {
            self.tell(FileEvent::Frozen).await;
        }
    }

    async fn tell(&self, event: FileEvent) {
        // The controller is gone only when the process is about to be.
        let _ = self.events.send((self.setup.source, event)).await;
    }

    async fn fail(&self, error: OpenError) {
        let fault = match error {
            OpenError::Run(PipelineError::Frozen { .. }) => return self.tell(FileEvent::Frozen).await,
            OpenError::Fault(fault) => fault,
            error => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a media file was not opened");
                FileFault::Unsupported { detail: "nothing in it can be played".to_owned() }
            }
        };
        self.tell(FileEvent::Failed(fault)).await;
    }

    async fn start(&self, messages: mpsc::Sender<Message>) -> Result<Deck, OpenError> {
        let FileSpec { dir, name, .. } = &self.setup.spec;
        let (dir, name) = (dir.clone(), name.parse::<MediaName>().map_err(|_| FileFault::NotFound)?);
        let found = tokio::task::spawn_blocking(move || media_dir::resolve(&dir, &name)).await;
        let path: PathBuf = found.ok().and_then(Result::ok).ok_or(FileFault::NotFound)?;
        let path = path.into_os_string().into_string().map_err(|_| FileFault::NotFound)?;
        let file = PipelineFile::of(Role::File)?;
        let pipeline = file.pipeline(&[("path", ParamValue::Text(path))])?;
        let deck = (file.typed(&pipeline, "pictures")?, file.typed(&pipeline, "samples")?);
        let decoder = file.element(&pipeline, "decoder")?;
        let branches = [file.element(&pipeline, "picture")?, file.element(&pipeline, "sound")?];
        let found = Arc::new(Mutex::new(Found::default()));
        listen(&decoder, branches, self.setup.silent, &found, &messages);
        for sink in [&deck.0, &deck.1] {
            tell_first(sink, &messages);
        }
        let name = format!("file {}", self.setup.source);
        put([&deck.0, &deck.1], gst::State::Playing).await?;
        let running =
            RunningPipeline::start(pipeline, name, &self.setup.timeline, messages, Message::Pipeline).await;
        match running {
            Ok(running) => Ok(Deck { running, pictures: deck.0, sound: deck.1, found }),
            Err(error) => {
                put([&deck.0, &deck.1], gst::State::Null).await?;
                Err(error.into())
            }
        }
    }

    /// Waits until each stream has something to show, where it is to begin; its length, milliseconds.
    async fn ready(
        &self,
        deck: &Deck,
        messages: &mut mpsc::Receiver<Message>,
    ) -> Result<Option<u64>, OpenError> {
        let (mut linked, mut sampled) = (false, 0);
        loop {
            match messages.recv().await {
                Some(Message::Linked) => linked = true,
                Some(Message::Sample) => sampled += 1,
                Some(Message::Pipeline(PipelineEvent::Eos)) => {}
                Some(Message::Pipeline(PipelineEvent::Error { element, detail })) => {
                    tracing::warn!(element, error = detail, "a media file was not opened");
                    return Err(unsupported(why_not(&deck.found())));
                }
                None => return Err(unsupported("nothing in it can be played")),
            }
            let found = deck.found();
            let streams = usize::from(found.pictures) + usize::from(found.sound);
            if linked && streams == 0 && self.setup.silent && found.unknown.is_empty() {
                return Err(unsupported("it has no pictures"));
            }
            if linked && (streams == 0 || !found.unknown.is_empty()) {
                return Err(unsupported(why_not(&found)));
            }
            if linked && sampled >= streams {
                break;
            }
        }
        let leader = deck.leader();
        let pixels = size(&deck.pictures);
        if self.setup.silent && pixels.is_none() {
            return Err(unsupported("it has no pictures"));
        }
        if let Some((width, height)) = pixels
            && (width > LARGEST || height > LARGEST)
        {
            return Err(unsupported(format!(
                "its pictures have {width}x{height} pixels; allowed: {LARGEST} a side"
            )));
        }
        let duration = leader.query_duration::<gst::ClockTime>().map(gst::ClockTime::mseconds);
        let from = self.setup.spec.from_ms;
        if let Some(length) = duration.filter(|length| from > 0 && from >= *length) {
            return Err(unsupported(format!("it is {length} ms long")));
        }
        if from > 0 && !seek(leader, from.saturating_mul(1_000_000)).await? {
            return Err(unsupported("it cannot be read from another place than its beginning"));
        }
        Ok(duration)
    }

    /// Serves a file that plays, until nobody holds it.
    async fn watch(&mut self, deck: &Deck, messages: &mut mpsc::Receiver<Message>) {
        let mut failed = false;
        loop {
            tokio::select! {
                request = self.inbox.recv() => match request {
                    None => return,
                    Some(FileRequest::Seek { to }) => match seek(deck.leader(), to).await {
                        Ok(well) => self.tell(FileEvent::Sought { well }).await,
                        Err(error) => return self.fail(error).await,
                    },
                },
                Some(message) = messages.recv() => {
                    if let Message::Pipeline(PipelineEvent::Error { element, detail }) = message
                        && !std::mem::replace(&mut failed, true)
                    {
                        tracing::warn!(element, error = detail, "a media file broke off");
                        let detail = "it cannot be read any further".to_owned();
                        self.tell(FileEvent::Failed(FileFault::Unsupported { detail })).await;
                    }
                }
            }
        }
    }
}

/// Links what the decoder finds, and tells when that is all. Sound that is not wanted stays unlinked, as a second stream does.
fn listen(
    decoder: &gst::Element,
    branches: [gst::Element; 2],
    silent: bool,
    found: &Arc<Mutex<Found>>,
    messages: &mpsc::Sender<Message>,
) {
    decoder.connect("autoplug-continue", false, |values| {
        let caps = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
        let name = caps.as_ref().and_then(|caps| caps.structure(0)).map(|one| one.name().to_string());
        Some(name.is_none_or(|name| PLAYABLE.contains(&name.as_str())).to_value())
    });
    let known = found.clone();
    decoder.connect("unknown-type", false, move |values| {
        let caps = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
        note(&known, caps.as_ref());
        None
    });
    let known = found.clone();
    decoder.connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let kind = caps.structure(0).map(|one| one.name().to_string()).unwrap_or_default();
        let branch = match kind.as_str() {
            "video/x-raw" => &branches[0],
            "audio/x-raw" if silent => return,
            "audio/x-raw" => &branches[1],
            _ => return note(&known, Some(&caps)),
        };
        // A second stream of a kind stays unlinked; a file has one that is meant.
        let free = branch.static_pad("sink").filter(|sink| !sink.is_linked());
        let linked = free.as_ref().is_some_and(|sink| pad.link(sink).is_ok());
        if free.is_some() && !linked {
            return note(&known, Some(&caps));
        }
        let mut found = known.lock().unwrap_or_else(PoisonError::into_inner);
        match kind.as_str() {
            "video/x-raw" => found.pictures |= linked,
            _ => found.sound |= linked,
        }
    });
    let messages = messages.clone();
    decoder.connect_no_more_pads(move |_| {
        let _ = messages.try_send(Message::Linked);
    });
}

/// Something that is not decoded; what is neither picture nor sound (subtitles, time codes) is nothing to us.
fn note(found: &Mutex<Found>, caps: Option<&gst::Caps>) {
    let Some(name) = caps.and_then(|caps| caps.structure(0)).map(|one| one.name().to_string()) else {
        return;
    };
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    let media = name.starts_with("video/") || name.starts_with("audio/");
    if (media || found.unknown.is_empty() && name.starts_with("application/")) && found.unknown.len() < 4 {
        found.unknown.push(name);
    }
}

fn why_not(found: &Found) -> String {
    match found.unknown.first() {
        Some(name) => format!("it has {name}, which this server cannot play"),
        None => "nothing in it can be played".to_owned(),
    }
}

fn tell_first(sink: &gst_app::AppSink, messages: &mpsc::Sender<Message>) {
    let told = Arc::new(AtomicBool::new(false));
    let tell = {
        let messages = messages.clone();
        move || {
            if !told.swap(true, Relaxed) {
                let _ = messages.try_send(Message::Sample);
            }
        }
    };
    let at_end = tell.clone();
    // Nothing is pulled here: what is not pulled keeps the decoder waiting.
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |_| {
            tell();
            Ok(gst::FlowSuccess::Ok)
        })
        .eos(move |_| at_end())
        .build();
    sink.set_callbacks(callbacks);
}

fn size(sink: &gst_app::AppSink) -> Option<(i32, i32)> {
    let caps = sink.static_pad("sink")?.current_caps()?;
    let structure = caps.structure(0)?;
    structure.get("width").ok().zip(structure.get("height").ok())
}

/// Puts the sinks into a state of their own, whatever the pipeline's is. One that is full holds a lock that a change of its state
/// needs: a seek while the pipeline changed state (GStreamer 1.22) filled one while the other waited for its state, and nothing
/// moved any more. They do not wait for the clock, so that there is no reason to change with the others.
async fn put(sinks: [&gst_app::AppSink; 2], state: gst::State) -> Result<(), PipelineError> {
    let sinks = sinks.map(Clone::clone);
    let change = tokio::task::spawn_blocking(move || {
        sinks.iter().all(|sink| {
            sink.set_locked_state(true);
            sink.set_state(state).is_ok()
        })
    });
    match tokio::time::timeout(SEEK_DEADLINE, change).await {
        Ok(Ok(true)) => Ok(()),
        _ => Err(PipelineError::Frozen { name: "file".to_owned() }),
    }
}

/// Reads the file from there on. Whoever pulls next gets what is there.
async fn seek(sink: gst_app::AppSink, to: u64) -> Result<bool, OpenError> {
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
    let change =
        tokio::task::spawn_blocking(move || sink.seek_simple(flags, gst::ClockTime::from_nseconds(to)));
    match tokio::time::timeout(SEEK_DEADLINE, change).await {
        Ok(Ok(sought)) => Ok(sought.is_ok()),
        Ok(Err(_)) | Err(_) => Err(PipelineError::Frozen { name: "file".to_owned() }.into()),
    }
}
