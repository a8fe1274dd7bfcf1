//! From an encoder's output to the frames that go to control.

use super::{
    AAC_FRAME,
    coded_out::SOUND_PATIENCE,
    feed::{FedFrame, ProgramFeed},
    progress::{Progress, Together},
};
use crate::{
    ipc::WorkerEvent,
    media::{AudioConfig, EncodedFrame, RenditionIndex, Track, TrackConfig, VideoConfig},
    units::MediaTime,
    worker::{coded::without_parameters, program::sound, timeline::presented_at},
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::mpsc;

/// libavcodec's AAC encoder begins with one frame that holds nothing but its own start-up: what goes in
/// first comes out one frame later. Taken off the timestamps, so that sound and picture agree.
const AAC_PRIMING: u64 = 1024;

/// What streaming threads share with whoever asks.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Frames that found the way to control full.
    pub(super) link_drops: AtomicU64,
    pub(super) video_frames: AtomicU64,
    /// End of the sound that went to control, nanoseconds.
    pub(super) sound_until: AtomicU64,
}

/// The way to control, for the program's tracks or for one smaller rendition.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    pub(super) out: mpsc::Sender<WorkerEvent>,
    pub(super) counters: Arc<Counters>,
    pub(super) rendition: Option<RenditionIndex>,
    /// Pictures are left out until the next keyframe, since one was lost on the way to control.
    awaiting_keyframe: Arc<AtomicBool>,
}

impl Outlet {
    pub(super) fn new(
        out: mpsc::Sender<WorkerEvent>,
        counters: Arc<Counters>,
        rendition: Option<RenditionIndex>,
    ) -> Self {
        Self { out, counters, rendition, awaiting_keyframe: Arc::default() }
    }

    /// Without its parameters no frame is of use: they are offered again with the next one.
    pub(super) fn configure(&self, config: TrackConfig) -> Option<()> {
        let event = match (self.rendition, config) {
            (Some(rendition), TrackConfig::Video(config)) => {
                WorkerEvent::RenditionConfig { rendition, config }
            }
            (_, config) => WorkerEvent::Config(config),
        };
        self.out.try_send(event).ok()
    }

    /// Passes a frame on without waiting. A lost picture makes the rest of its GOP useless.
    pub(super) fn send(&self, frame: EncodedFrame) {
        let picture = frame.track == Track::Video;
        if picture && !frame.keyframe && self.awaiting_keyframe.load(Relaxed) {
            self.counters.link_drops.fetch_add(1, Relaxed);
            return;
        }
        let event = match self.rendition {
            Some(rendition) => WorkerEvent::RenditionFrame { rendition, frame },
            None => WorkerEvent::Frame(frame),
        };
        let sent = self.out.try_send(event).is_ok();
        if !sent {
            self.counters.link_drops.fetch_add(1, Relaxed);
        }
        if picture {
            self.awaiting_keyframe.store(!sent, Relaxed);
        }
    }
}

/// Who gets an encoder's output, on its streaming thread.
pub(super) trait TakeSamples: Send + 'static {
    /// The next one.
    fn take(&mut self, sample: &gst::Sample) -> Option<()>;
    /// There are no more.
    fn end(&mut self) {}
}

/// Has `taker` get each sample of `sink`.
pub(super) fn on_sample(sink: &gst_app::AppSink, taker: impl TakeSamples) {
    // Locked by the sink's one streaming thread only: nobody ever waits.
    let taker = Arc::new(Mutex::new(taker));
    let at_end = taker.clone();
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                lock(&taker).take(&sample);
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| lock(&at_end).end())
            .build(),
    );
}

/// A panic in a taker is a sample that was lost; the next one is taken all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer's bytes, and the codec data of its caps.
fn payload(sample: &gst::Sample) -> Option<(Bytes, Option<Bytes>)> {
    let map = sample.buffer()?.map_readable().ok()?;
    let codec_data = sample
        .caps()
        .and_then(|caps| caps.structure(0)?.get::<gst::Buffer>("codec_data").ok())
        .and_then(|data| data.map_readable().ok().map(|map| Bytes::copy_from_slice(&map)));
    Some((Bytes::copy_from_slice(&map), codec_data))
}

/// Makes frames of an H.264 encoder's output.
pub(super) struct VideoOut {
    outlet: Outlet,
    /// All but the avcC.
    config: VideoConfig,
    told: Option<Bytes>,
    progress: Progress,
    feed: Option<ProgramFeed>,
    held: Option<Held>,
}

/// The first pictures of an encoder that takes over, while they wait.
struct Held {
    together: Arc<Together>,
    told: bool,
    /// With the parameters that came along.
    frames: VecDeque<(Option<Bytes>, EncodedFrame)>,
}

impl VideoOut {
    /// `config` is what is known before: its avcC comes from the encoder. Each picture goes to `feed` as well. With
    /// `together`, others have gone before: new parameters then wait for the sound before them, and for each other.
    pub(super) fn new(
        outlet: Outlet,
        config: VideoConfig,
        progress: Progress,
        feed: Option<ProgramFeed>,
        together: Option<Arc<Together>>,
    ) -> Self {
        let held = together.map(|together| Held { together, told: false, frames: VecDeque::new() });
        Self { outlet, config, told: None, progress, feed, held }
    }

    /// Passes on what waits, when its time has come, or at the end.
    fn settle(&mut self, at_end: bool) {
        let Some(held) = &mut self.held else { return };
        let (Some((avcc, first)), Some((_, last))) = (held.frames.front(), held.frames.back()) else {
            return;
        };
        let late = at_end || last.pts.since(first.pts) >= SOUND_PATIENCE;
        if !held.told {
            let heard = self.outlet.counters.sound_until.load(Relaxed) >= first.pts.0;
            if !(late || heard && held.together.all_ready()) {
                return;
            }
            let avcc = avcc.clone();
            held.told = true;
            held.together.has_told();
            // Not told for want of room: then it is with its picture.
            let _ = avcc.and_then(|avcc| self.tell(avcc));
        }
        let go = |held: &Held| late || held.together.all_told();
        if self.held.as_ref().is_some_and(go)
            && let Some(held) = self.held.take()
        {
            for (avcc, frame) in held.frames {
                self.pass(avcc, frame);
            }
        }
    }

    fn tell(&mut self, avcc: Bytes) -> Option<()> {
        if self.told.as_ref() != Some(&avcc) {
            let config = VideoConfig { avcc: avcc.clone(), ..self.config.clone() };
            self.outlet.configure(TrackConfig::Video(config))?;
            self.told = Some(avcc);
        }
        Some(())
    }

    fn pass(&mut self, avcc: Option<Bytes>, frame: EncodedFrame) -> Option<()> {
        if let Some(avcc) = avcc {
            self.tell(avcc)?;
        }
        if self.outlet.rendition.is_none() {
            self.outlet.counters.video_frames.fetch_add(1, Relaxed);
        }
        self.outlet.send(frame);
        Some(())
    }
}

impl TakeSamples for VideoOut {
    fn take(&mut self, sample: &gst::Sample) -> Option<()> {
        let pts = presented_at(sample)?;
        if !self.progress.claim(pts) {
            return None;
        }
        if let Some(feed) = &self.feed {
            feed.pass_with(|| FedFrame::picture(sample));
        }
        let (data, codec_data) = payload(sample)?;
        // Not every encoder keeps its parameter sets out of its samples.
        let data = without_parameters(&data);
        let frame = EncodedFrame {
            track: Track::Video,
            pts,
            // x264enc may shift its DTS; without B-frames it is the PTS.
            dts: pts,
            duration: MediaTime(1_000_000_000 / u64::from(self.config.fps)),
            keyframe: !sample.buffer()?.flags().contains(gst::BufferFlags::DELTA_UNIT),
            data,
        };
        let Some(held) = &mut self.held else { return self.pass(codec_data, frame) };
        if held.frames.is_empty() {
            held.together.is_ready();
        }
        held.frames.push_back((codec_data, frame));
        self.settle(false);
        Some(())
    }

    fn end(&mut self) {
        self.settle(true);
    }
}

/// Makes frames of the AAC encoder's output. Its timestamps are counted from the first, so that nothing
/// accumulates.
pub(super) struct AudioOut {
    outlet: Outlet,
    kbps: u32,
    told: Option<Bytes>,
    first: Option<u64>,
    count: u64,
}

impl AudioOut {
    pub(super) fn new(outlet: Outlet, kbps: u32) -> Self {
        Self { outlet, kbps, told: None, first: None, count: 0 }
    }
}

impl TakeSamples for AudioOut {
    fn take(&mut self, sample: &gst::Sample) -> Option<()> {
        let (data, codec_data) = payload(sample)?;
        let first = *self.first.get_or_insert(presented_at(sample)?.0);
        let at = |frame: u64| first + frame * AAC_FRAME * 1_000_000_000 / sound::RATE;
        let frame_number = self.count;
        self.count += 1;
        if let Some(asc) = codec_data
            && self.told.as_ref() != Some(&asc)
        {
            let config = AudioConfig {
                asc: asc.clone(),
                sample_rate: sound::RATE as u32,
                channels: sound::CHANNELS as u32,
                kbps: self.kbps,
            };
            self.outlet.configure(TrackConfig::Audio(config))?;
            self.told = Some(asc);
        }
        let priming = AAC_PRIMING * 1_000_000_000 / sound::RATE;
        let pts = MediaTime(at(frame_number).saturating_sub(priming));
        let frame = EncodedFrame {
            track: Track::Audio,
            pts,
            dts: pts,
            duration: MediaTime(at(1) - first),
            keyframe: true,
            data,
        };
        let until = frame.pts.0 + frame.duration.0;
        self.outlet.send(frame);
        self.outlet.counters.sound_until.store(until, Relaxed);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        outs: Vec<VideoOut>,
        counters: Arc<Counters>,
        events: mpsc::Receiver<WorkerEvent>,
    }

    /// The program and one rendition, taking over.
    fn bench() -> Bench {
        gst::init().unwrap();
        let (sender, events) = mpsc::channel(100);
        let counters = Arc::new(Counters::default());
        let together = Together::of(2);
        let config = VideoConfig { avcc: Bytes::new(), width: 2, height: 2, fps: 25, kbps: 1 };
        let outs = [None, Some(RenditionIndex(0))].map(|rendition| {
            let outlet = Outlet::new(sender.clone(), counters.clone(), rendition);
            VideoOut::new(outlet, config.clone(), Progress::default(), None, Some(together.clone()))
        });
        Bench { outs: outs.into(), counters, events }
    }

    fn sample(ms: u64, keyframe: bool) -> gst::Sample {
        let mut buffer = gst::Buffer::from_slice([0, 0, 0, 2, if keyframe { 0x65 } else { 0x41 }, 7]);
        let header = buffer.get_mut().unwrap();
        header.set_pts(gst::ClockTime::from_mseconds(ms));
        if !keyframe {
            header.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        let caps = gst::Caps::builder("video/x-h264")
            .field("codec_data", gst::Buffer::from_slice([1, 77, 0, 30]))
            .build();
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        gst::Sample::builder().buffer(&buffer).caps(&caps).segment(&segment).build()
    }

    impl Bench {
        fn said(&mut self) -> Vec<String> {
            std::iter::from_fn(|| self.events.try_recv().ok())
                .map(|event| match event {
                    WorkerEvent::Config(_) => "parameters".to_owned(),
                    WorkerEvent::RenditionConfig { .. } => "smaller parameters".to_owned(),
                    WorkerEvent::Frame(frame) => frame.pts.as_millis().to_string(),
                    WorkerEvent::RenditionFrame { frame, .. } => format!("smaller {}", frame.pts.as_millis()),
                    other => panic!("{other:?}"),
                })
                .collect()
        }
    }

    #[test]
    fn who_takes_over_waits_for_the_sound_before_and_for_the_others_parameters() {
        let mut bench = bench();
        bench.outs[0].take(&sample(40, true));
        bench.outs[0].take(&sample(80, false));
        bench.counters.sound_until.store(MediaTime::from_millis(41).0, Relaxed);
        bench.outs[0].take(&sample(120, false));
        assert_eq!(bench.said(), [""; 0], "the rendition has nothing yet");
        bench.outs[1].take(&sample(40, true));
        assert_eq!(bench.said(), ["smaller parameters"], "and waits for the program's");
        bench.outs[0].take(&sample(160, false));
        assert_eq!(bench.said(), ["parameters", "40", "80", "120", "160"]);
        bench.outs[1].take(&sample(80, false));
        bench.outs[1].take(&sample(120, false));
        assert_eq!(bench.said(), ["smaller 40", "smaller 80", "smaller 120"]);
        assert_eq!(bench.counters.video_frames.load(Relaxed), 4, "the program's own");
    }

    #[test]
    fn nothing_waits_for_ever_and_the_end_brings_out_what_waits() {
        let mut bench = bench();
        for ms in [0, 40, 80, 120, 160, 200, 240] {
            bench.outs[0].take(&sample(ms, ms == 0));
        }
        assert_eq!(bench.said(), [""; 0], "neither sound nor the rendition");
        bench.outs[0].take(&sample(280, false));
        assert_eq!(bench.said()[..2], ["parameters", "0"]);
        bench.outs[1].take(&sample(0, true));
        bench.outs[1].end();
        assert_eq!(bench.said(), ["smaller parameters", "smaller 0"]);
    }

    #[test]
    fn a_picture_of_an_encoder_that_was_replaced_does_not_go_out() {
        let mut bench = bench();
        bench.outs[0].progress.close();
        bench.outs[0].take(&sample(0, true));
        bench.outs[0].end();
        assert_eq!(bench.said(), [""; 0]);
    }
}
