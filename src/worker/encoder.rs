//! The program's encoder: raw frames and samples in, [`EncodedFrame`](crate::media::EncodedFrame)s out. One per
//! program, with one more for each smaller rendition of the picture.

use crate::{
    ipc::{EncodingSpec, WorkerEvent},
    media::{EncoderChoice, RenditionIndex, VideoConfig},
    units::MediaTime,
    worker::{
        elements,
        pipeline::{PipelineError, PipelineEvent, RunningPipeline},
        pipeline_file::{ParamValue, PipelineFile, PipelineFileError, Role},
        timeline::Timeline,
    },
};
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use gst::prelude::*;
use gst_video::VideoInfo;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::sync::mpsc;

mod coded_out;
pub mod feed;
mod frames_out;
mod kind;
mod passthrough;
mod picture_input;
mod rendition;
mod sound_input;

pub use passthrough::{CodedInput, PassthroughEncoder};

use feed::ProgramFeed;
use frames_out::{Counters, Outlet, VideoOut, on_sample};
use kind::EncoderKind;
use picture_input::{PictureInput, TimedPicture};
use rendition::{RenditionEncoder, RenditionInput};
use sound_input::SoundInput;

/// Samples in an AAC-LC frame (ISO 14496-3).
const AAC_FRAME: u64 = 1024;
/// How long the encoders may take to give up what they still hold at the end.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    #[error("building the encoder")]
    Build(#[from] PipelineFileError),
    #[error("running the encoder")]
    Run(#[from] PipelineError),
    #[error("no encoder for encoding.encoder = {choice:?} is installed (it needs {elements})")]
    NotThere { choice: EncoderChoice, elements: String },
    #[error("putting the encoder into its pipeline")]
    Link(#[source] gst::glib::BoolError),
    #[error("giving the encoder its format")]
    Format(#[source] gst::glib::BoolError),
}

/// The encoder pipelines.
#[derive(Debug)]
pub struct Encoder {
    running: RunningPipeline,
    input: EncoderInput,
    renditions: Vec<RenditionEncoder>,
    counters: Arc<Counters>,
    feed: ProgramFeed,
    eos: mpsc::Receiver<PipelineEvent>,
}

/// Where the program puts its frames. Cloned into the program's thread.
#[derive(Debug, Clone)]
pub struct EncoderInput {
    picture: PictureInput,
    renditions: Vec<RenditionInput>,
    sound: SoundInput,
}

/// What all pictures of a program are encoded with.
struct VideoSettings<'a> {
    kind: EncoderKind,
    fps: u32,
    keyframe_ms: u32,
    preset: &'a str,
    filler: bool,
}

impl VideoSettings<'_> {
    /// Puts the encoder into `pipeline`, between two elements of it.
    fn encode(
        &self,
        pipeline: &gst::Pipeline,
        [before, behind]: &[gst::Element; 2],
        (width, height): (u32, u32),
        kbps: u32,
    ) -> Result<(), EncoderError> {
        let file = PipelineFile::of(self.kind.role())?;
        let bin = file.bin(&self.values(width, height, kbps))?;
        pipeline.add(&bin).map_err(EncoderError::Link)?;
        gst::Element::link_many([before, bin.upcast_ref(), behind]).map_err(EncoderError::Link)
    }

    /// The parameters of the encoder's pipeline file.
    fn values(&self, width: u32, height: u32, kbps: u32) -> Vec<(&'static str, ParamValue)> {
        let threads = ("threads", ParamValue::Int(encoder_threads(width, height, self.fps)));
        if self.kind == EncoderKind::Openh264 {
            return vec![threads, ("video_bps", ParamValue::Int(i64::from(kbps) * 1000))];
        }
        let keyframe_frames = u64::from(self.keyframe_ms) * u64::from(self.fps) / 1000;
        let mut options = "scenecut=0:open-gop=0".to_owned();
        if self.filler {
            options.push_str(":nal-hrd=cbr");
        }
        vec![
            threads,
            ("preset", ParamValue::Text(self.preset.to_owned())),
            ("video_kbps", ParamValue::Int(kbps.into())),
            ("keyframe_frames", ParamValue::Int(keyframe_frames as i64)),
            ("options", ParamValue::Text(options)),
        ]
    }
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
        let kind = EncoderKind::choose(spec.encoder, elements::is_present)?;
        tracing::info!(encoder = kind.element(), "the program's encoder");
        let settings = VideoSettings {
            kind,
            fps: spec.fps,
            keyframe_ms: spec.keyframe_ms,
            preset: &spec.preset,
            filler: spec.filler,
        };
        let counters = Arc::new(Counters::default());
        let feed = ProgramFeed::default();
        let outlet = |rendition| Outlet::new(out.clone(), counters.clone(), rendition);
        let renditions = spec.renditions.iter().enumerate().map(|(index, rendition)| {
            // Control allows a handful.
            let outlet = outlet(Some(RenditionIndex(u8::try_from(index).unwrap_or(u8::MAX))));
            RenditionEncoder::start(rendition, &settings, video, timeline, outlet, failed.clone())
        });
        let renditions = try_join_all(renditions).await?;

        let file = PipelineFile::of(Role::Encoder)?;
        let pipeline = file.pipeline(&[("audio_bps", ParamValue::Int(i64::from(spec.audio_kbps) * 1000))])?;
        let between = [file.element(&pipeline, "video-queue")?, file.element(&pipeline, "video-caps")?];
        settings.encode(&pipeline, &between, (spec.width, spec.height), spec.video_kbps)?;
        let picture = PictureInput::of(&file, &pipeline, video, spec.fps)?;
        let config = VideoConfig {
            avcc: Bytes::new(),
            width: spec.width,
            height: spec.height,
            fps: spec.fps,
            kbps: spec.video_kbps,
        };
        let video_out = VideoOut::new(outlet(None), config).heard_by(feed.clone());
        on_sample(&file.typed(&pipeline, "video-out")?, video_out.callback());
        let sound = SoundInput::of(&file, &pipeline, outlet(None), spec.audio_kbps, feed.clone())?;

        let input = EncoderInput {
            picture,
            renditions: renditions.iter().map(RenditionEncoder::input).collect(),
            sound,
        };
        let (eos_in, eos) = mpsc::channel(1);
        let running =
            RunningPipeline::start(pipeline, "encoder".to_owned(), timeline, failed, tell_end(eos_in))
                .await?;
        Ok(Self { running, input, renditions, counters, feed, eos })
    }

    /// Where frames go in.
    pub fn input(&self) -> EncoderInput {
        self.input.clone()
    }

    /// The program's picture as it is encoded, and its sound as it goes in.
    pub const fn feed(&self) -> &ProgramFeed {
        &self.feed
    }

    /// From now on each rendition gets every so manieth picture only, and its IDRs.
    pub fn pace_renditions(&self, every: &[u8]) {
        self.renditions.iter().zip(every).for_each(|(rendition, every)| rendition.pace(*every));
    }

    /// Frames that were lost on the way to control.
    pub fn link_drops(&self) -> u64 {
        self.counters.link_drops.load(Relaxed)
    }

    /// Encoded pictures of the program so far.
    pub fn video_frames(&self) -> u64 {
        self.counters.video_frames.load(Relaxed)
    }

    /// Ends all streams, lets the encoders give out what they hold, and takes the pipelines down.
    pub async fn finish(mut self) -> Result<(), EncoderError> {
        let renditions = join_all(self.renditions.into_iter().map(RenditionEncoder::finish));
        // Refused only when it is not running, and then there is nothing to wait for.
        let ended = self.input.picture.end() && self.input.sound.end();
        let ((), renditions) = tokio::join!(await_end(ended, &mut self.eos, "encoder"), renditions);
        self.running.stop().await?;
        renditions.into_iter().collect()
    }
}

/// How an encoder pipeline's end is told to whom waits for it.
fn tell_end(eos: mpsc::Sender<PipelineEvent>) -> impl Fn(PipelineEvent) -> PipelineEvent + Send + 'static {
    move |event| {
        if event == PipelineEvent::Eos {
            let _ = eos.try_send(event.clone());
        }
        event
    }
}

/// Waits until a pipeline whose streams were `ended` has given out everything.
async fn await_end(ended: bool, eos: &mut mpsc::Receiver<PipelineEvent>, pipeline: &str) {
    if ended && tokio::time::timeout(DRAIN_DEADLINE, eos.recv()).await.is_err() {
        tracing::warn!(pipeline, "the encoder did not drain in time");
    }
}

/// Slices cost a little quality each; one thread encodes 720p30 in less than a third of a core.
fn encoder_threads(width: u32, height: u32, fps: u32) -> i64 {
    let pixels = u64::from(width) * u64::from(height) * u64::from(fps);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    // One thread for each 1080p30 (62 M pixels a second), as far as there are cores.
    pixels.div_ceil(64_000_000).clamp(1, cores) as i64
}

impl EncoderInput {
    /// One picture, for the program and its smaller renditions. `keyframe` asks for an IDR exactly here.
    /// Returns how many renditions left it out, since their encoders do not follow.
    pub fn push_picture(
        &mut self,
        picture: gst::Buffer,
        pts: MediaTime,
        duration: Duration,
        keyframe: bool,
    ) -> usize {
        let picture = TimedPicture::new(picture, pts, duration);
        self.picture.push(&picture, keyframe);
        self.renditions.iter_mut().filter_map(|one| (!one.push(&picture, keyframe)).then_some(())).count()
    }

    /// Interleaved 48 kHz stereo.
    pub fn push_sound(&self, samples: &[f32], pts: MediaTime) {
        self.sound.push(samples, pts);
    }

    /// Pictures that wait for the program's encoder.
    pub fn backlog(&self) -> u64 {
        self.picture.backlog()
    }
}
