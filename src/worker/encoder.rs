//! The program's encoder: raw frames and samples in, [`EncodedFrame`]s out. One per program.

use crate::{
    ipc::{EncodingSpec, WorkerEvent},
    media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig},
    units::MediaTime,
    worker::{
        pipeline::{PipelineError, PipelineEvent, RunningPipeline},
        pipeline_file::{ParamValue, PipelineFile, PipelineFileError, Role},
        program::sound,
        timeline::{Timeline, presented_at},
    },
};
use bytes::Bytes;
use gst::prelude::*;
use gst_video::VideoInfo;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// Samples in an AAC-LC frame (ISO 14496-3).
const AAC_FRAME: u64 = 1024;
/// libavcodec's AAC encoder begins with one frame that holds nothing but its own start-up: what goes in
/// first comes out one frame later. Taken off the timestamps, so that sound and picture agree.
const AAC_PRIMING: u64 = 1024;
/// How long the encoders may take to give up what they still hold at the end.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    #[error("building the encoder")]
    Build(#[from] PipelineFileError),
    #[error("running the encoder")]
    Run(#[from] PipelineError),
    #[error("giving the encoder its format")]
    Format(#[source] gst::glib::BoolError),
}

/// What streaming threads share with whoever asks.
#[derive(Debug, Default)]
struct Counters {
    /// Frames that found the way to control full.
    link_drops: AtomicU64,
    /// Video is left out until the next keyframe, since a frame was lost on the way to control.
    awaiting_keyframe: AtomicBool,
    video_frames: AtomicU64,
}

/// The encoder pipeline.
#[derive(Debug)]
pub struct Encoder {
    running: RunningPipeline,
    input: EncoderInput,
    counters: Arc<Counters>,
    eos: mpsc::Receiver<PipelineEvent>,
}

/// Where the program puts its frames. Cloned into the program's thread.
#[derive(Debug, Clone)]
pub struct EncoderInput {
    video: gst_app::AppSrc,
    audio: gst_app::AppSrc,
    video_queue: gst::Element,
}

impl Encoder {
    /// Starts the encoder. Its frames go to `out` from the streaming threads; its failure to `failed`.
    pub async fn start(
        spec: &EncodingSpec,
        video: &VideoInfo,
        timeline: &Timeline,
        out: mpsc::Sender<WorkerEvent>,
        failed: mpsc::Sender<PipelineEvent>,
    ) -> Result<Self, EncoderError> {
        let file = PipelineFile::of(Role::Encoder)?;
        let keyframe_frames = u64::from(spec.keyframe_ms) * u64::from(spec.fps) / 1000;
        let mut options = "scenecut=0:open-gop=0".to_owned();
        if spec.filler {
            options.push_str(":nal-hrd=cbr");
        }
        let pipeline = file.pipeline(&[
            ("preset", ParamValue::Text(spec.preset.clone())),
            ("video_kbps", ParamValue::Int(spec.video_kbps.into())),
            ("keyframe_frames", ParamValue::Int(keyframe_frames as i64)),
            ("options", ParamValue::Text(options)),
            ("threads", ParamValue::Int(x264_threads(spec))),
            ("audio_bps", ParamValue::Int(i64::from(spec.audio_kbps) * 1000)),
        ])?;
        let counters = Arc::new(Counters::default());

        let video_in: gst_app::AppSrc = file.typed(&pipeline, "video-in")?;
        let fps = gst::Fraction::new(spec.fps as i32, 1);
        let mut caps = video.to_caps().map_err(EncoderError::Format)?;
        caps.make_mut().set("framerate", fps);
        video_in.set_caps(Some(&caps));
        let audio_in: gst_app::AppSrc = file.typed(&pipeline, "audio-in")?;
        audio_in.set_caps(Some(
            &gst::Caps::builder("audio/x-raw")
                .field("format", "F32LE")
                .field("layout", "interleaved")
                .field("rate", sound::RATE as i32)
                .field("channels", sound::CHANNELS as i32)
                .build(),
        ));

        let video_out =
            VideoOut { spec: spec.clone(), out: out.clone(), counters: counters.clone(), config: None };
        on_sample(&file.typed(&pipeline, "video-out")?, video_out.callback());
        let audio_out = AudioOut {
            kbps: spec.audio_kbps,
            out,
            counters: counters.clone(),
            config: None,
            first: None,
            count: 0,
        };
        on_sample(&file.typed(&pipeline, "audio-out")?, audio_out.callback());

        let input = EncoderInput {
            video: video_in,
            audio: audio_in,
            video_queue: file.element(&pipeline, "video-queue")?,
        };
        let (eos_in, eos) = mpsc::channel(1);
        let running =
            RunningPipeline::start(pipeline, "encoder".to_owned(), timeline, failed, move |event| {
                if event == PipelineEvent::Eos {
                    let _ = eos_in.try_send(event.clone());
                }
                event
            })
            .await?;
        Ok(Self { running, input, counters, eos })
    }

    /// Where frames go in.
    pub fn input(&self) -> EncoderInput {
        self.input.clone()
    }

    /// Frames that were lost on the way to control.
    pub fn link_drops(&self) -> u64 {
        self.counters.link_drops.load(Relaxed)
    }

    /// Encoded video frames so far.
    pub fn video_frames(&self) -> u64 {
        self.counters.video_frames.load(Relaxed)
    }

    /// Ends both streams, lets the encoders give out what they hold, and takes the pipeline down.
    pub async fn finish(mut self) -> Result<(), EncoderError> {
        // Refused only when it is not running, and then there is nothing to wait for.
        let ended = self.input.video.end_of_stream().is_ok() && self.input.audio.end_of_stream().is_ok();
        if ended && tokio::time::timeout(DRAIN_DEADLINE, self.eos.recv()).await.is_err() {
            tracing::warn!(pipeline = "encoder", "the encoder did not drain in time");
        }
        self.running.stop().await?;
        Ok(())
    }
}

/// Slices cost a little quality each; one thread encodes 720p30 in less than a third of a core.
fn x264_threads(spec: &EncodingSpec) -> i64 {
    let pixels = u64::from(spec.width) * u64::from(spec.height) * u64::from(spec.fps);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    // One thread for each 1080p30 (62 M pixels a second), as far as there are cores.
    pixels.div_ceil(64_000_000).clamp(1, cores) as i64
}

impl EncoderInput {
    /// One picture. `keyframe` asks for an IDR exactly here.
    pub fn push_picture(&self, mut picture: gst::Buffer, pts: MediaTime, duration: Duration, keyframe: bool) {
        if let Some(header) = picture.get_mut() {
            let pts = gst::ClockTime::from_nseconds(pts.0);
            header.set_pts(pts);
            header.set_dts(gst::ClockTime::NONE);
            header.set_duration(gst::ClockTime::from_nseconds(duration.as_nanos() as u64));
        }
        if keyframe {
            // Serialised with the pictures, so that exactly this one is coded as an IDR, however many wait
            // before it. (An upstream event with this running time has no effect in 1.22.0.)
            self.video
                .send_event(gst_video::DownstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
        // Refused only while the pipeline goes down.
        let _ = self.video.push_buffer(picture);
    }

    /// Interleaved 48 kHz stereo.
    pub fn push_sound(&self, samples: &[f32], pts: MediaTime) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(header) = buffer.get_mut() {
            header.set_pts(gst::ClockTime::from_nseconds(pts.0));
        }
        let _ = self.audio.push_buffer(buffer);
    }

    /// Pictures that wait for the encoder.
    pub fn backlog(&self) -> u64 {
        self.video.current_level_buffers()
            + u64::from(self.video_queue.property::<u32>("current-level-buffers"))
    }
}

fn on_sample(sink: &gst_app::AppSink, mut handle: impl FnMut(&gst::Sample) + Send + 'static) {
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

impl Counters {
    /// Passes a frame on without waiting. A lost video frame makes the rest of its GOP useless.
    fn send(&self, out: &mpsc::Sender<WorkerEvent>, frame: EncodedFrame) {
        let video = frame.track == Track::Video;
        if video && !frame.keyframe && self.awaiting_keyframe.load(Relaxed) {
            self.link_drops.fetch_add(1, Relaxed);
            return;
        }
        let sent = out.try_send(WorkerEvent::Frame(frame)).is_ok();
        if !sent {
            self.link_drops.fetch_add(1, Relaxed);
        }
        if video {
            self.awaiting_keyframe.store(!sent, Relaxed);
        }
    }
}

/// Makes frames of x264's output.
struct VideoOut {
    spec: EncodingSpec,
    out: mpsc::Sender<WorkerEvent>,
    counters: Arc<Counters>,
    config: Option<Bytes>,
}

impl VideoOut {
    fn callback(mut self) -> impl FnMut(&gst::Sample) + Send {
        move |sample| {
            self.take(sample);
        }
    }

    fn take(&mut self, sample: &gst::Sample) -> Option<()> {
        let (data, codec_data) = payload(sample)?;
        let buffer = sample.buffer()?;
        if let Some(avcc) = codec_data
            && self.config.as_ref() != Some(&avcc)
        {
            let config = VideoConfig {
                avcc: avcc.clone(),
                width: self.spec.width,
                height: self.spec.height,
                fps: self.spec.fps,
                kbps: self.spec.video_kbps,
            };
            // Without its parameters no frame is of use: they are offered again with the next one.
            self.out.try_send(WorkerEvent::Config(TrackConfig::Video(config))).ok()?;
            self.config = Some(avcc);
        }
        let pts = presented_at(sample)?;
        let frame = EncodedFrame {
            track: Track::Video,
            pts,
            // x264enc may shift its DTS; without B-frames it is the PTS.
            dts: pts,
            duration: MediaTime(1_000_000_000 / u64::from(self.spec.fps)),
            keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            data,
        };
        self.counters.video_frames.fetch_add(1, Relaxed);
        self.counters.send(&self.out, frame);
        Some(())
    }
}

/// Makes frames of the AAC encoder's output. Its timestamps are counted from the first, so that nothing
/// accumulates.
struct AudioOut {
    kbps: u32,
    out: mpsc::Sender<WorkerEvent>,
    counters: Arc<Counters>,
    config: Option<Bytes>,
    first: Option<u64>,
    count: u64,
}

impl AudioOut {
    fn callback(mut self) -> impl FnMut(&gst::Sample) + Send {
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
            && self.config.as_ref() != Some(&asc)
        {
            let config = AudioConfig {
                asc: asc.clone(),
                sample_rate: sound::RATE as u32,
                channels: sound::CHANNELS as u32,
                kbps: self.kbps,
            };
            self.out.try_send(WorkerEvent::Config(TrackConfig::Audio(config))).ok()?;
            self.config = Some(asc);
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
        self.counters.send(&self.out, frame);
        Some(())
    }
}
