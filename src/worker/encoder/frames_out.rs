//! From an encoder's output to the frames that go to control.

use super::{
    AAC_FRAME,
    feed::{FedFrame, ProgramFeed},
};
use crate::{
    ipc::WorkerEvent,
    media::{AudioConfig, EncodedFrame, RenditionIndex, Track, TrackConfig, VideoConfig},
    units::MediaTime,
    worker::{coded::without_parameters, program::sound, timeline::presented_at},
};
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
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

/// Has `handle` called with each sample of `sink`, on its streaming thread.
pub(super) fn on_sample(sink: &gst_app::AppSink, mut handle: impl FnMut(&gst::Sample) + Send + 'static) {
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                handle(&sink.pull_sample().map_err(|_| gst::FlowError::Eos)?);
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
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
    feed: Option<ProgramFeed>,
}

impl VideoOut {
    /// `config` is what is known before: its avcC comes from the encoder.
    pub(super) fn new(outlet: Outlet, config: VideoConfig) -> Self {
        Self { outlet, config, told: None, feed: None }
    }

    /// Passes each picture on to `feed` as well.
    pub(super) fn heard_by(self, feed: ProgramFeed) -> Self {
        Self { feed: Some(feed), ..self }
    }

    pub(super) fn callback(mut self) -> impl FnMut(&gst::Sample) + Send {
        move |sample| {
            self.take(sample);
        }
    }

    fn take(&mut self, sample: &gst::Sample) -> Option<()> {
        if let Some(feed) = &self.feed {
            feed.pass_with(|| FedFrame::picture(sample));
        }
        let (data, codec_data) = payload(sample)?;
        // Not every encoder keeps its parameter sets out of its samples.
        let data = without_parameters(&data);
        let buffer = sample.buffer()?;
        if let Some(avcc) = codec_data
            && self.told.as_ref() != Some(&avcc)
        {
            let config = VideoConfig { avcc: avcc.clone(), ..self.config.clone() };
            self.outlet.configure(TrackConfig::Video(config))?;
            self.told = Some(avcc);
        }
        let pts = presented_at(sample)?;
        let frame = EncodedFrame {
            track: Track::Video,
            pts,
            // x264enc may shift its DTS; without B-frames it is the PTS.
            dts: pts,
            duration: MediaTime(1_000_000_000 / u64::from(self.config.fps)),
            keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            data,
        };
        if self.outlet.rendition.is_none() {
            self.outlet.counters.video_frames.fetch_add(1, Relaxed);
        }
        self.outlet.send(frame);
        Some(())
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

    pub(super) fn callback(mut self) -> impl FnMut(&gst::Sample) + Send {
        move |sample| {
            self.take(sample);
        }
    }

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
