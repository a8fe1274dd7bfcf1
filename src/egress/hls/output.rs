//! The HLS output of a cast: an actor that reads the hub, packages, and publishes in the library.

use crate::{
    config::HlsConfig,
    egress::{
        hls::{
            HlsLibrary, PROGRAM, SOUND, disk,
            library::LiveStream,
            packager::{Cutting, LaneKind, Packaged, Packager},
            segmenter::Pace,
            store::Targets,
        },
        hub::{Hub, HubItem, HubReader, QueueLimits, RenditionHub},
        output::{OutputState, OutputStatus},
    },
    ids::ConferenceId,
    units::MediaTime,
};
use jiff::Timestamp;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument;

/// Packaging takes microseconds a frame, so the queue only has to bridge a busy machine: 30 s.
const QUEUE: QueueLimits = QueueLimits { bytes: 64 * 1024 * 1024, span: Duration::from_secs(30) };

/// Requests waiting at once; there is one kind, and asking twice is the most that makes sense.
const MAILBOX: usize = 4;

/// Handle of a running HLS output. Dropping it ends the stream as [`stop`](Self::stop) does.
#[derive(Debug, Clone)]
pub struct HlsOutput {
    requests: mpsc::Sender<HlsRequest>,
    status: watch::Receiver<OutputStatus>,
    stream: Arc<LiveStream>,
}

#[derive(Debug)]
enum HlsRequest {
    /// Answered when the playlist has its `EXT-X-ENDLIST`.
    Stop { done: oneshot::Sender<()> },
}

struct HlsOutputRunner {
    reader: HubReader,
    renditions: Vec<RenditionReader>,
    /// Breaks of the program so far.
    breaks: u64,
    packager: Packager,
    stream: Arc<LiveStream>,
    library: HlsLibrary,
    keep: Duration,
    requests: mpsc::Receiver<HlsRequest>,
    status: watch::Sender<OutputStatus>,
    bytes_stored: u64,
    packaging_error: Option<String>,
}

/// A smaller rendition's queue. It is read as far as the program has got, so that what follows a break of
/// the one follows the break of the other.
struct RenditionReader {
    reader: HubReader,
    breaks: u64,
    /// Its time has not come.
    next: Option<HubItem>,
}

impl RenditionReader {
    /// The next item that is not ahead of the program: of its newest frame (`until`), or of its breaks.
    fn take(&mut self, until: Option<MediaTime>, breaks: u64) -> Option<HubItem> {
        if self.breaks > breaks {
            return None;
        }
        let item = self.next.take().or_else(|| self.reader.try_recv())?;
        if let (HubItem::Frame(frame), Some(until)) = (&item, until)
            && frame.pts > until
        {
            self.next = Some(item);
            return None;
        }
        self.breaks += u64::from(matches!(item, HubItem::Discontinuity(_)));
        Some(item)
    }
}

impl HlsOutput {
    /// Starts packaging what comes out of `hub`; the stream is in `library` at once and playable with
    /// its first segment. `epoch` is the wall-clock time of media time 0. Segments are kept under
    /// `data_dir/hls/<conference>/`. `config.segment_ms` should not be less than the encoder's keyframe
    /// distance. An older stream of the same conference is replaced.
    ///
    /// Must be called within a tokio runtime.
    pub fn spawn(
        hub: &Hub,
        conference: ConferenceId,
        epoch: Timestamp,
        config: HlsConfig,
        data_dir: PathBuf,
        library: HlsLibrary,
    ) -> Self {
        let now = Timestamp::now();
        let span = tracing::info_span!("hls", conference = %conference);
        let seconds = |s: u32| Duration::from_secs(s.into());
        let unix = u64::try_from(now.as_second()).unwrap_or(0);
        let mut lanes = vec![(LaneKind::Program, PROGRAM.to_owned())];
        let smaller = hub.renditions().iter().enumerate();
        lanes.extend(smaller.map(|(index, one)| (LaneKind::Rendition(index), one.name.clone())));
        // A cast with one picture stays one stream, for players that take whatever is listed.
        if config.audio_only && !hub.renditions().is_empty() {
            lanes.push((LaneKind::Sound, SOUND.to_owned()));
        }
        let (kinds, names): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
        let stream = library.open(conference, names, &data_dir, seconds(config.window_s), unix);
        let cutting = Cutting {
            segment: Duration::from_millis(config.segment_ms.into()),
            part: config.low_latency.then(|| Duration::from_millis(config.part_ms.into())),
            pace: if hub.steady() { Pace::Steady } else { Pace::AsSent },
        };
        let rendition =
            |one: &RenditionHub| RenditionReader { reader: one.hub.subscribe(QUEUE), breaks: 0, next: None };
        let (requests, mailbox) = mpsc::channel(MAILBOX);
        let (status, watched) = watch::channel(OutputStatus::connecting(now));
        let runner = HlsOutputRunner {
            reader: hub.subscribe(QUEUE),
            renditions: hub.renditions().iter().map(rendition).collect(),
            breaks: 0,
            packager: Packager::new(&kinds, cutting, epoch, stream.first_msn()),
            stream: stream.clone(),
            library,
            keep: seconds(config.keep_s),
            requests: mailbox,
            status,
            bytes_stored: 0,
            packaging_error: None,
        };
        tokio::spawn(disk::run(stream.clone()).instrument(span.clone()));
        tokio::spawn(runner.run().instrument(span));
        Self { requests, status: watched, stream }
    }

    /// The figures as of now.
    pub fn status(&self) -> OutputStatus {
        let mut status = self.status.borrow().clone();
        // The disk fails on its own time, not when a segment is published.
        status.last_error = status.last_error.or_else(|| self.stream.disk_error());
        status
    }

    /// Waits until the playlist has its first segment; false if the output ended without one.
    /// Cancel-safe.
    pub async fn playable(&self) -> bool {
        let mut status = self.status.clone();
        match status.wait_for(|status| status.state != OutputState::Connecting).await {
            Ok(status) => status.bytes_sent > 0,
            // The runner is gone, so this is its last word.
            Err(_) => self.status().bytes_sent > 0,
        }
    }

    /// Publishes what is queued and `EXT-X-ENDLIST`, and returns when that is done. The stream stays
    /// in the library for `hls.keep_s`. A second call does nothing.
    pub async fn stop(&self) {
        let (done, answer) = oneshot::channel();
        // Either way the runner is gone or has ended the stream: that is what was asked for.
        if self.requests.send(HlsRequest::Stop { done }).await.is_ok() {
            answer.await.unwrap_or_default();
        }
    }
}

impl HlsOutputRunner {
    async fn run(mut self) {
        let stopped = self.package().await;
        self.finish();
        if let Some(done) = stopped {
            // Whoever asked may have stopped waiting.
            done.send(()).unwrap_or_default();
        }
        self.linger().await;
        self.library.remove(&self.stream);
    }

    /// Until the hub or somebody else ends it. Stop goes first: it must not wait behind frames.
    async fn package(&mut self) -> Option<oneshot::Sender<()>> {
        loop {
            tokio::select! {
                biased;
                request = self.requests.recv() => {
                    while let Some(item) = self.reader.try_recv() {
                        self.take(&item);
                    }
                    return request.map(|HlsRequest::Stop { done }| done);
                }
                item = self.reader.recv() => {
                    self.take(&item);
                    if item == HubItem::End {
                        return None;
                    }
                }
            }
        }
    }

    /// Sound and picture come so often that the smaller renditions, which are looked at along with them, wait
    /// for no more than some milliseconds.
    fn take(&mut self, item: &HubItem) {
        let until = match item {
            HubItem::Frame(frame) => Some(frame.pts),
            HubItem::Config(_) => Some(MediaTime::ZERO),
            // All there is.
            HubItem::Discontinuity(_) | HubItem::End => None,
        };
        self.take_renditions(until);
        self.breaks += u64::from(matches!(item, HubItem::Discontinuity(_)));
        self.packager.handle(item);
        self.publish_ready();
    }

    fn take_renditions(&mut self, until: Option<MediaTime>) {
        for (index, rendition) in self.renditions.iter_mut().enumerate() {
            while let Some(item) = rendition.take(until, self.breaks) {
                self.packager.handle_rendition(index, &item);
            }
        }
    }

    fn publish_ready(&mut self) {
        let mut published = false;
        loop {
            match self.packager.poll() {
                Ok(Some((lane, packaged))) => {
                    self.publish(lane, packaged);
                    published = true;
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "media could not be packaged");
                    self.packaging_error = Some(error.to_string());
                    self.report(None);
                }
            }
        }
        if published {
            self.stream.describe(self.packager.variants(), self.packager.independent());
            // All lanes have it: whoever waits may fetch any of them.
            self.stream.announce();
        }
    }

    fn publish(&mut self, lane: usize, packaged: Packaged) {
        let segment_bytes = match &packaged {
            Packaged::Init { .. } | Packaged::Part { .. } => None,
            Packaged::Segment { entry, data } => {
                if !entry.independent && lane == 0 {
                    tracing::warn!("no keyframe came in time, so a segment starts without one");
                }
                Some(data.len() as u64)
            }
        };
        let targets =
            Targets { duration: self.packager.target_duration(), part: self.packager.part_target() };
        self.stream.with(lane, |store| store.publish(packaged, targets));
        if let Some(bytes) = segment_bytes {
            self.stream.disk_work.notify_one();
            self.bytes_stored += bytes;
            self.packaging_error = None;
            self.report(Some(OutputState::Live));
        }
    }

    fn finish(&mut self) {
        self.take(&HubItem::End);
        self.stream.end();
        self.stream.announce();
        self.report(Some(OutputState::Stopped));
    }

    fn report(&self, state: Option<OutputState>) {
        let now = Timestamp::now();
        self.status.send_modify(|status| {
            if let Some(state) = state {
                status.enter(state, now);
            }
            status.bytes_sent = self.bytes_stored;
            let renditions = self.renditions.iter().map(|rendition| rendition.reader.dropped());
            let dropped = self.reader.dropped() + renditions.sum::<u64>();
            status.frames_dropped = dropped + self.packager.discarded();
            status.last_error.clone_from(&self.packaging_error);
        });
    }

    /// Keeps the ended stream in the library for a while, unless it is replaced before.
    async fn linger(&mut self) {
        let keep = tokio::time::sleep(self.keep);
        tokio::pin!(keep);
        loop {
            tokio::select! {
                biased;
                () = &mut keep => return,
                () = self.stream.removed.notified() => return,
                Some(HlsRequest::Stop { done }) = self.requests.recv() => done.send(()).unwrap_or_default(),
            }
        }
    }
}
