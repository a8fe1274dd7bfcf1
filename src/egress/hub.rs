//! Fans a program's frames out to bounded queues, one per output.
//!
//! [`Hub::push`] never waits. A queue that is full (in bytes or in seconds) loses whole GOPs: the
//! video from the first frame that does not fit until the next keyframe, while audio is kept as long
//! as it fits. Track parameters are never dropped: a reader always sees the latest ones before the
//! first frame that needs them.

use crate::{
    ids::Incarnation,
    media::{EncodedFrame, Track, TrackConfig},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// What a reader gets, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum HubItem {
    /// Parameters of the frames that follow on this track.
    Config(Arc<TrackConfig>),
    /// A frame. The first video frame after a subscription, a drop or a discontinuity is a keyframe.
    Frame(Arc<EncodedFrame>),
    /// A new worker's frames follow: timestamps go on after a gap, encoder state does not.
    Discontinuity(Incarnation),
    /// The cast ended; nothing follows.
    End,
}

/// How much a reader's queue may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Payload bytes.
    pub bytes: usize,
    /// From the oldest to the newest queued frame.
    pub span: Duration,
}

/// A cast's fan-out. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Mutex<HubState>>,
    renditions: Arc<[RenditionHub]>,
    steady: bool,
}

impl Default for Hub {
    fn default() -> Self {
        Self { inner: Arc::default(), renditions: Arc::default(), steady: true }
    }
}

/// A smaller rendition's own fan-out: one picture, no sound.
pub struct RenditionHub {
    /// As it stands in URLs, such as `360p`.
    pub name: String,
    pub hub: Hub,
}

#[derive(Default)]
struct HubState {
    video: Option<Arc<TrackConfig>>,
    audio: Option<Arc<TrackConfig>>,
    ended: bool,
    readers: Vec<std::sync::Weak<ReaderShared>>,
}

struct ReaderShared {
    queue: Mutex<ReaderQueue>,
    ready: Notify,
}

struct ReaderQueue {
    limits: QueueLimits,
    items: VecDeque<HubItem>,
    bytes: usize,
    video: VideoGate,
    dropped: u64,
}

/// Whether a video frame that is no keyframe can be decoded by whoever reads this queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VideoGate {
    /// Nothing came yet: frames before the first keyframe are not missed.
    Fresh,
    /// The queue was full: frames until the next keyframe are losses.
    Lossy,
    /// Every frame since the last keyframe is in.
    Open,
}

/// One output's end of the hub. Dropping it unsubscribes.
pub struct HubReader {
    shared: Arc<ReaderShared>,
}

/// Watches how full a reader's queue is. Cheap to clone; does not keep the subscription.
#[derive(Clone)]
pub struct HubGauge {
    shared: std::sync::Weak<ReaderShared>,
}

impl HubGauge {
    /// Payload bytes and time (oldest to newest frame) queued now; nothing after the reader's end.
    pub fn queued(&self) -> (usize, Duration) {
        self.shared.upgrade().map_or((0, Duration::ZERO), |shared| {
            let queue = lock(&shared.queue);
            (queue.bytes, queue.span())
        })
    }
}

/// Nothing under these locks can panic halfway through a change that matters.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// An empty hub.
    pub fn new() -> Self {
        Self::default()
    }

    /// A hub with smaller renditions of these names beside it.
    pub fn with_renditions(names: impl IntoIterator<Item = String>) -> Self {
        let renditions = names.into_iter().map(|name| RenditionHub { name, hub: Self::new() });
        Self { renditions: renditions.collect(), ..Self::default() }
    }

    /// The same hub, not yet cloned, for frames as [`Self::steady`] says.
    pub fn paced(self, steady: bool) -> Self {
        Self { steady, ..self }
    }

    /// Pictures come at the rate that their parameters say, keyframes at exact distances. Otherwise they come as
    /// a participant sends them: at a rate that varies, keyframes a little early or late.
    pub fn steady(&self) -> bool {
        self.steady
    }

    /// The smaller renditions, by [`RenditionIndex`](crate::media::RenditionIndex). They break and
    /// end with this one. Nothing keeps the order between a rendition's items and this hub's: readers of
    /// both go by the frames' times.
    pub fn renditions(&self) -> &[RenditionHub] {
        &self.renditions
    }

    /// Sets a track's parameters. Equal ones are not passed on again.
    pub fn set_config(&self, config: TrackConfig) {
        let mut state = lock(&self.inner);
        let config = Arc::new(config);
        let slot = match config.track() {
            Track::Video => &mut state.video,
            Track::Audio => &mut state.audio,
        };
        if slot.as_ref() == Some(&config) {
            return;
        }
        *slot = Some(config.clone());
        state.offer(&HubItem::Config(config));
    }

    /// Passes a frame on to every queue that has room.
    pub fn push(&self, frame: EncodedFrame) {
        self.push_shared(Arc::new(frame));
    }

    /// [`push`](Self::push) for a frame that others hold too.
    pub fn push_shared(&self, frame: Arc<EncodedFrame>) {
        lock(&self.inner).offer(&HubItem::Frame(frame));
    }

    /// A new worker took over.
    pub fn discontinuity(&self, incarnation: Incarnation) {
        lock(&self.inner).offer(&HubItem::Discontinuity(incarnation));
        self.renditions.iter().for_each(|rendition| rendition.hub.discontinuity(incarnation));
    }

    /// The cast ended: readers get [`HubItem::End`] after what is queued.
    pub fn end(&self) {
        let mut state = lock(&self.inner);
        state.ended = true;
        state.offer(&HubItem::End);
        drop(state);
        self.renditions.iter().for_each(|rendition| rendition.hub.end());
    }

    /// A new output: it gets the parameters known so far, then frames from the next keyframe on.
    pub fn subscribe(&self, limits: QueueLimits) -> HubReader {
        self.subscribe_behind(limits, &[])
    }

    /// As [`subscribe`](Self::subscribe), but it begins with `past` frames, as far as they fit. The caller
    /// sees to it that nothing is pushed between them and this call.
    pub fn subscribe_behind(&self, limits: QueueLimits, past: &[Arc<EncodedFrame>]) -> HubReader {
        let mut state = lock(&self.inner);
        let items: VecDeque<HubItem> =
            [&state.video, &state.audio].into_iter().flatten().cloned().map(HubItem::Config).collect();
        let mut queue = ReaderQueue { limits, items, bytes: 0, video: VideoGate::Fresh, dropped: 0 };
        past.iter().for_each(|frame| queue.offer_frame(frame));
        if state.ended {
            queue.items.push_back(HubItem::End);
        }
        let shared = Arc::new(ReaderShared { queue: Mutex::new(queue), ready: Notify::new() });
        state.readers.push(Arc::downgrade(&shared));
        HubReader { shared }
    }
}

impl HubState {
    fn offer(&mut self, item: &HubItem) {
        self.readers.retain(|reader| {
            let Some(reader) = reader.upgrade() else { return false };
            lock(&reader.queue).offer(item);
            reader.ready.notify_one();
            true
        });
    }
}

impl ReaderQueue {
    fn offer(&mut self, item: &HubItem) {
        match item {
            HubItem::Frame(frame) => self.offer_frame(frame),
            HubItem::Discontinuity(_) => {
                self.video = VideoGate::Fresh;
                self.items.push_back(item.clone());
            }
            HubItem::Config(_) | HubItem::End => self.items.push_back(item.clone()),
        }
    }

    fn offer_frame(&mut self, frame: &Arc<EncodedFrame>) {
        let video = frame.track == Track::Video;
        if video && !frame.keyframe && self.video != VideoGate::Open {
            self.dropped += u64::from(self.video == VideoGate::Lossy);
            return;
        }
        if !self.fits(frame) {
            self.dropped += 1;
            if video {
                self.video = VideoGate::Lossy;
            }
            return;
        }
        if video {
            self.video = VideoGate::Open;
        }
        self.bytes += frame.data.len();
        self.items.push_back(HubItem::Frame(frame.clone()));
    }

    fn fits(&self, frame: &EncodedFrame) -> bool {
        // Audio may use the last eighth of the byte budget alone, so that sound outlives picture.
        let budget = match frame.track {
            Track::Video => self.limits.bytes - self.limits.bytes / 8,
            Track::Audio => self.limits.bytes,
        };
        let span = self.items.iter().find_map(|item| match item {
            HubItem::Frame(oldest) => Some(frame.dts.since(oldest.dts)),
            _ => None,
        });
        self.bytes + frame.data.len() <= budget && span.is_none_or(|span| span <= self.limits.span)
    }
}

impl ReaderQueue {
    /// From the oldest to the newest queued frame.
    fn span(&self) -> Duration {
        let dts = |item: &HubItem| match item {
            HubItem::Frame(frame) => Some(frame.dts),
            _ => None,
        };
        let oldest = self.items.iter().find_map(dts);
        let newest = self.items.iter().rev().find_map(dts);
        oldest.zip(newest).map_or(Duration::ZERO, |(oldest, newest)| newest.since(oldest))
    }
}

impl HubReader {
    /// The next item; waits for it. Cancel-safe.
    pub async fn recv(&mut self) -> HubItem {
        loop {
            if let Some(item) = self.try_recv() {
                return item;
            }
            self.shared.ready.notified().await;
        }
    }

    /// The next item if one is queued.
    pub fn try_recv(&mut self) -> Option<HubItem> {
        let mut queue = lock(&self.shared.queue);
        let item = queue.items.pop_front()?;
        if let HubItem::Frame(frame) = &item {
            queue.bytes -= frame.data.len();
        }
        Some(item)
    }

    /// Throws queued frames away and starts anew at the next keyframe (after a reconnect). The
    /// parameters among them are kept.
    pub fn restart_at_keyframe(&mut self) {
        let mut queue = lock(&self.shared.queue);
        queue.items.retain(|item| !matches!(item, HubItem::Frame(_)));
        queue.bytes = 0;
        queue.video = VideoGate::Fresh;
    }

    /// Frames this queue had no room for.
    pub fn dropped(&self) -> u64 {
        lock(&self.shared.queue).dropped
    }

    /// Payload bytes queued now.
    pub fn queued_bytes(&self) -> usize {
        lock(&self.shared.queue).bytes
    }

    /// The rest of a GOP was dropped, and there is room again: a keyframe asked for now would go in.
    /// Before that it would be lost as well.
    pub fn wants_keyframe(&self) -> bool {
        let queue = lock(&self.shared.queue);
        queue.video == VideoGate::Lossy
            && queue.bytes <= queue.limits.bytes / 2
            && queue.span() <= queue.limits.span / 2
    }

    /// A view of how full the queue is.
    pub fn gauge(&self) -> HubGauge {
        HubGauge { shared: Arc::downgrade(&self.shared) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MediaTime;

    fn frame(track: Track, ms: u64, keyframe: bool, bytes: usize) -> EncodedFrame {
        let at = MediaTime::from_millis(ms);
        EncodedFrame {
            track,
            pts: at,
            dts: at,
            duration: MediaTime::from_millis(33),
            keyframe,
            data: vec![0; bytes].into(),
        }
    }

    fn limits(bytes: usize, seconds: u64) -> QueueLimits {
        QueueLimits { bytes, span: Duration::from_secs(seconds) }
    }

    fn times(reader: &mut HubReader, track: Track) -> Vec<u64> {
        let mut times = Vec::new();
        while let Some(item) = reader.try_recv() {
            if let HubItem::Frame(frame) = item
                && frame.track == track
            {
                times.push(frame.pts.as_millis());
            }
        }
        times
    }

    #[test]
    fn a_reader_starts_at_a_keyframe() {
        let hub = Hub::new();
        let mut reader = hub.subscribe(limits(10_000, 10));
        hub.push(frame(Track::Video, 0, false, 10));
        hub.push(frame(Track::Video, 33, true, 10));
        hub.push(frame(Track::Video, 66, false, 10));
        assert_eq!(times(&mut reader, Track::Video), [33, 66]);
        assert_eq!(reader.dropped(), 0);
    }

    #[test]
    fn a_full_queue_loses_whole_gops_and_keeps_audio() {
        let hub = Hub::new();
        let mut reader = hub.subscribe(limits(800, 10));
        hub.push(frame(Track::Video, 0, true, 300));
        hub.push(frame(Track::Video, 33, false, 300));
        hub.push(frame(Track::Video, 66, false, 300)); // full: this GOP ends here
        hub.push(frame(Track::Video, 100, false, 10)); // would fit, but its reference is gone
        hub.push(frame(Track::Audio, 100, true, 100));
        assert_eq!(times(&mut reader, Track::Audio), [100]);
        assert_eq!(reader.dropped(), 2);
        hub.push(frame(Track::Video, 133, false, 10));
        hub.push(frame(Track::Video, 166, true, 10));
        assert_eq!(times(&mut reader, Track::Video), [166]);
    }

    #[test]
    fn a_keyframe_is_wanted_once_there_is_room_for_it() {
        let hub = Hub::new();
        let mut reader = hub.subscribe(limits(800, 10));
        let gauge = reader.gauge();
        hub.push(frame(Track::Video, 0, true, 300));
        hub.push(frame(Track::Video, 40, false, 300));
        assert_eq!(gauge.queued(), (600, Duration::from_millis(40)));
        assert!(!reader.wants_keyframe());
        hub.push(frame(Track::Video, 80, false, 300));
        assert!(!reader.wants_keyframe(), "it would not fit");
        reader.try_recv();
        assert!(reader.wants_keyframe());
        hub.push(frame(Track::Video, 120, true, 300));
        assert!(!reader.wants_keyframe());
        drop(reader);
        assert_eq!(gauge.queued(), (0, Duration::ZERO));
    }

    #[test]
    fn a_queue_is_bounded_in_seconds_too() {
        let hub = Hub::new();
        let mut reader = hub.subscribe(limits(1_000_000, 1));
        for n in 0..50 {
            hub.push(frame(Track::Audio, n * 100, true, 1));
        }
        assert_eq!(times(&mut reader, Track::Audio).last(), Some(&1000));
        assert_eq!(reader.dropped(), 39);
    }

    #[test]
    fn a_slow_reader_does_not_touch_another() {
        let hub = Hub::new();
        let _slow = hub.subscribe(limits(10, 1));
        let mut quick = hub.subscribe(limits(1_000_000, 100));
        for n in 0..100 {
            hub.push(frame(Track::Video, n * 33, n % 10 == 0, 1000));
        }
        assert_eq!(times(&mut quick, Track::Video).len(), 100);
    }

    #[test]
    fn configs_survive_a_full_queue_and_are_passed_on_once() {
        let hub = Hub::new();
        let config = TrackConfig::Audio(crate::media::AudioConfig {
            asc: vec![0x11, 0x90].into(),
            sample_rate: 48_000,
            channels: 2,
            kbps: 128,
        });
        let mut reader = hub.subscribe(limits(0, 0));
        hub.set_config(config.clone());
        hub.set_config(config.clone());
        hub.push(frame(Track::Audio, 0, true, 100));
        assert_eq!(reader.try_recv(), Some(HubItem::Config(Arc::new(config.clone()))));
        assert_eq!(reader.try_recv(), None);
        let mut late = hub.subscribe(limits(0, 0));
        assert_eq!(late.try_recv(), Some(HubItem::Config(Arc::new(config))));
    }

    #[tokio::test]
    async fn the_end_reaches_waiting_and_late_readers() {
        let hub = Hub::new();
        let mut reader = hub.subscribe(limits(10, 1));
        let waiting = tokio::spawn(async move { reader.recv().await });
        hub.end();
        assert_eq!(waiting.await.unwrap(), HubItem::End);
        assert_eq!(hub.subscribe(limits(10, 1)).recv().await, HubItem::End);
    }
}
