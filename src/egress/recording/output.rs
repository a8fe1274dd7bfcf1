//! The recording output of a cast: an actor that reads the hub and appends fragments to a file.
//!
//! Each fragment is written and on the disk (`fdatasync`) before the next item is read: a killed server or
//! a power cut costs what is not a whole fragment yet. The file operations run on the blocking pool; while
//! one takes its time the hub's queue fills, and only this output loses frames when it is full.

use super::{
    fragmenter::{Fragmenter, Piece},
    library::RecordingLibrary,
    playlist::MOVIE,
    record::Recording,
};
use crate::{
    egress::{
        hub::{Hub, HubGauge, HubItem, HubReader, QueueLimits},
        output::{OutputState, OutputStatus},
    },
    ids::{ConferenceId, RecordingId},
};
use jiff::{SignedDuration, Timestamp};
use std::{io, path::PathBuf, time::Duration};
use tokio::{
    fs::File,
    io::AsyncWriteExt,
    sync::{mpsc, oneshot, watch},
};
use tracing::Instrument;

/// What a disk that hesitates is given: 30 s.
const QUEUE: QueueLimits = QueueLimits { bytes: 64 * 1024 * 1024, span: Duration::from_secs(30) };
/// Requests waiting at once; there is one kind, and asking twice is the most that makes sense.
const MAILBOX: usize = 4;

/// Handle of a running recording. Dropping it ends the recording as [`stop`](Self::stop) does.
#[derive(Clone)]
pub struct RecordingOutput {
    requests: mpsc::Sender<RecordingRequest>,
    status: watch::Receiver<OutputStatus>,
    gauge: HubGauge,
}

#[derive(Debug)]
enum RecordingRequest {
    /// Answered when the last fragment is on the disk.
    Stop { done: oneshot::Sender<()> },
}

struct RecordingRunner {
    id: RecordingId,
    conference: ConferenceId,
    epoch: Timestamp,
    reader: HubReader,
    fragmenter: Fragmenter,
    library: RecordingLibrary,
    requests: mpsc::Receiver<RecordingRequest>,
    status: watch::Sender<OutputStatus>,
    file: Option<File>,
    bytes: u64,
    fault: Option<String>,
}

impl RecordingOutput {
    /// Starts recording what comes out of `hub`. `epoch` is the wall-clock time of media time 0. The
    /// recording is in `library` with its first fragment, about two seconds later; after its end the
    /// library finishes the file.
    ///
    /// Must be called within a tokio runtime.
    pub fn spawn(hub: &Hub, conference: ConferenceId, epoch: Timestamp, library: RecordingLibrary) -> Self {
        let id = RecordingId::generate();
        let span = tracing::info_span!("recording", conference = %conference, recording = %id);
        let (requests, mailbox) = mpsc::channel(MAILBOX);
        let (status, watched) = watch::channel(OutputStatus::connecting(Timestamp::now()));
        let reader = hub.subscribe(QUEUE);
        let gauge = reader.gauge();
        let runner = RecordingRunner {
            id,
            conference,
            epoch,
            reader,
            fragmenter: Fragmenter::new(),
            library,
            requests: mailbox,
            status,
            file: None,
            bytes: 0,
            fault: None,
        };
        tokio::spawn(runner.run().instrument(span));
        Self { requests, status: watched, gauge }
    }

    /// The figures as of now.
    pub fn status(&self) -> OutputStatus {
        let mut status = self.status.borrow().clone();
        let (bytes, span) = self.gauge.queued();
        status.queued_bytes = bytes as u64;
        status.queued_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        status
    }

    /// Writes what is queued and ends the recording; returns when that is on the disk. The file is finished
    /// after that, by the library. A second call does nothing.
    pub async fn stop(&self) {
        let (done, answer) = oneshot::channel();
        // Either way the runner is gone or has ended the recording: that is what was asked for.
        if self.requests.send(RecordingRequest::Stop { done }).await.is_ok() {
            answer.await.unwrap_or_default();
        }
    }
}

impl RecordingRunner {
    async fn run(mut self) {
        let (stopped, result) = match self.record().await {
            Ok(stopped) => (stopped, Ok(())),
            Err(error) => (None, Err(error)),
        };
        let ended = match result {
            Ok(()) => self.end().await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => self.report(Some(OutputState::Stopped)),
            Err(error) => self.fail(&error).await,
        }
        // Closed before the library reads it.
        self.file = None;
        if self.bytes > 0 {
            self.library.ended(&self.id, self.fault.clone()).await;
        } else {
            self.library.forget(&self.id).await;
        }
        if let Some(done) = stopped {
            // Whoever asked may have stopped waiting.
            done.send(()).unwrap_or_default();
        }
        // A failed output frees the hub's queue, and still answers.
        drop(self.reader);
        while let Some(RecordingRequest::Stop { done }) = self.requests.recv().await {
            done.send(()).unwrap_or_default();
        }
    }

    /// Until the hub or somebody else ends it. Stop goes first: it must not wait behind frames.
    async fn record(&mut self) -> io::Result<Option<oneshot::Sender<()>>> {
        loop {
            tokio::select! {
                biased;
                request = self.requests.recv() => {
                    let done = request.map(|RecordingRequest::Stop { done }| done);
                    while let Some(item) = self.reader.try_recv() {
                        self.take(&item).await?;
                    }
                    return Ok(done);
                }
                item = self.reader.recv() => {
                    self.take(&item).await?;
                    if item == HubItem::End {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn end(&mut self) -> io::Result<()> {
        self.take(&HubItem::End).await
    }

    async fn take(&mut self, item: &HubItem) -> io::Result<()> {
        self.fragmenter.handle(item);
        loop {
            match self.fragmenter.poll() {
                Ok(Some(piece)) => self.write(piece).await?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "media could not be recorded");
                    self.status.send_modify(|status| status.last_error = Some(error.to_string()));
                }
            }
        }
    }

    async fn write(&mut self, piece: Piece) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.create().await?,
        };
        let written = async {
            file.write_all(&piece.data).await?;
            // tokio's file says what the disk said only when it is asked.
            file.flush().await?;
            file.sync_data().await
        };
        if let Err(error) = written.await {
            // Half a fragment at the end would do no harm; it takes space, though.
            let _ = file.set_len(self.bytes).await;
            return Err(error);
        }
        self.file = Some(file);
        self.bytes += piece.data.len() as u64;
        self.library.grown(&self.id, self.bytes, piece.until);
        self.report(Some(OutputState::Live));
        Ok(())
    }

    /// The folder, the record and the empty file.
    async fn create(&mut self) -> io::Result<File> {
        let began = self.fragmenter.began().unwrap_or_default();
        let since = SignedDuration::try_from(Duration::from_nanos(began.0)).unwrap_or_default();
        let started_at = self.epoch.checked_add(since).unwrap_or(self.epoch);
        let mut record = Recording::begin(self.id.clone(), self.conference.clone(), started_at);
        if let Some((width, height)) = self.fragmenter.size() {
            (record.width, record.height) = (Some(width), Some(height));
        }
        let folder: PathBuf = self.library.begin(record).await?;
        let file = File::options().write(true).create_new(true).open(folder.join(MOVIE)).await?;
        // The file's name is on the disk as well as, from now on, what is in it. A file system that cannot do
        // that has other ways.
        if let Ok(folder) = File::open(&folder).await {
            let _ = folder.sync_all().await;
        }
        tracing::info!("recording begins");
        Ok(file)
    }

    async fn fail(&mut self, error: &io::Error) {
        let sentence = sentence("the recording cannot be written", error);
        tracing::warn!(error = error as &dyn std::error::Error, bytes = self.bytes, "recording failed");
        self.fault = Some(sentence.clone());
        let now = Timestamp::now();
        self.status.send_modify(|status| {
            status.enter(OutputState::Failed, now);
            status.last_error = Some(sentence);
            status.bytes_sent = self.bytes;
        });
    }

    fn report(&self, state: Option<OutputState>) {
        let now = Timestamp::now();
        self.status.send_modify(|status| {
            if let Some(state) = state {
                status.enter(state, now);
            }
            status.bytes_sent = self.bytes;
            status.frames_dropped = self.reader.dropped() + self.fragmenter.discarded();
            status.last_error = self.fragmenter.unfit().map(str::to_owned);
        });
    }
}

/// What a disk said, for a client: no path, no number.
pub(super) fn sentence(what: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("{what}: the disk is full"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("{what}: the server may not write there")
        }
        kind => format!("{what}: {kind}"),
    }
}
