//! The program's encoder: raw frames and samples in, [`EncodedFrame`](crate::media::EncodedFrame)s out. The sound has one
//! pipeline; the picture one, and one more for each smaller rendition, which another kind of encoder takes over when
//! they fail.

use crate::{
    ipc::{EncodingSpec, WorkerEvent},
    media::{EncoderChoice, EncoderKind},
    units::MediaTime,
    worker::{
        elements,
        pipeline::{PipelineError, PipelineEvent},
        pipeline_file::PipelineFileError,
        timeline::Timeline,
    },
};
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
mod pictures;
mod progress;
mod settings;
mod sound_encoder;
mod sound_input;
mod trial;

pub use kind::Selection;
pub use passthrough::{CodedInput, PassthroughEncoder};
pub use pictures::PicturesInput;
pub use trial::HardwareTrials;

use feed::ProgramFeed;
use frames_out::{Counters, Outlet};
use picture_input::TimedPicture;
use pictures::{Pace, PictureEncoders, PictureSetup};
use sound_encoder::SoundEncoder;
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
    #[error("no encoder for encoding.encoder = {choice:?} is left")]
    NoneLeft { choice: EncoderChoice },
    #[error("putting the encoder into its pipeline")]
    Link(#[source] gst::glib::BoolError),
    #[error("giving the encoder its format")]
    Format(#[source] gst::glib::BoolError),
}

/// Which of a program's pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The sound.
    Sound,
    /// A picture's; `generation` counts the encoders that took over.
    Pictures { generation: u32 },
}

/// What one of a program's pipelines says.
#[derive(Debug)]
pub struct EncoderEvent {
    /// Which one.
    pub part: Part,
    /// What.
    pub event: PipelineEvent,
}

/// The encoder pipelines.
#[derive(Debug)]
pub struct Encoder {
    sound: SoundEncoder,
    setup: PictureSetup,
    pictures: PictureEncoders,
}

/// Where the program puts its frames. Lives in the program's thread.
#[derive(Debug)]
pub struct EncoderInput {
    pictures: PicturesInput,
    sound: SoundInput,
}

impl Encoder {
    /// Starts the best encoder of `selection`, of which `works` is what hardware works, or the next one that starts. Frames
    /// go to `out` from the streaming threads; what its pipelines say to `events`.
    pub async fn start(
        spec: &EncodingSpec,
        video: &VideoInfo,
        timeline: &Timeline,
        out: mpsc::Sender<WorkerEvent>,
        events: mpsc::Sender<EncoderEvent>,
        selection: &mut Selection,
        works: Vec<EncoderKind>,
    ) -> Result<Self, EncoderError> {
        let counters = Arc::new(Counters::default());
        let feed = ProgramFeed::default();
        let outlet = Outlet::new(out.clone(), counters.clone(), None);
        let setup = PictureSetup {
            spec: spec.clone(),
            video: video.clone(),
            timeline: timeline.clone(),
            out,
            counters,
            feed: feed.clone(),
            events: events.clone(),
            paces: Pace::each(spec),
        };
        selection.begin(works);
        let choice = spec.encoder;
        let pictures = start_best(&setup, selection, 0)
            .await?
            .ok_or_else(|| EncoderError::NotThere { choice, elements: kind::needed(choice) })?;
        let sound = SoundEncoder::start(spec.audio_kbps, timeline, outlet, feed, events).await;
        match sound {
            Ok(sound) => Ok(Self { sound, setup, pictures }),
            Err(error) => {
                pictures.abandon();
                Err(error)
            }
        }
    }

    /// Where frames go in. To be asked for once.
    pub fn input(&self) -> EncoderInput {
        EncoderInput { pictures: self.pictures.input(&self.setup.paces), sound: self.sound.input() }
    }

    /// The pictures' encoder failed, or gives out nothing: the next one of `selection` starts. The mixer must be given what
    /// this returns.
    ///
    /// # Errors
    /// None is left. This one runs on, as far as it does.
    pub async fn fall_back(&mut self, selection: &mut Selection) -> Result<PicturesInput, EncoderError> {
        selection.fail(self.pictures.kind);
        let choice = self.setup.spec.encoder;
        let next = start_best(&self.setup, selection, self.pictures.generation + 1).await?;
        let next = next.ok_or(EncoderError::NoneLeft { choice })?;
        let input = next.input(&self.setup.paces);
        std::mem::replace(&mut self.pictures, next).abandon();
        Ok(input)
    }

    /// What makes the pictures.
    pub const fn kind(&self) -> EncoderKind {
        self.pictures.kind
    }

    /// Whether an event is of the pictures that are made now.
    pub fn makes(&self, part: Part) -> bool {
        part == Part::Pictures { generation: self.pictures.generation }
    }

    /// The program's picture as it is encoded, and its sound as it goes in.
    pub const fn feed(&self) -> &ProgramFeed {
        &self.setup.feed
    }

    /// From now on each rendition gets every so manieth picture only, and its IDRs.
    pub fn pace_renditions(&self, every: &[u8]) {
        self.setup.pace_renditions(every);
    }

    /// Frames that were lost on the way to control.
    pub fn link_drops(&self) -> u64 {
        self.setup.counters.link_drops.load(Relaxed)
    }

    /// Encoded pictures of the program so far.
    pub fn video_frames(&self) -> u64 {
        self.setup.counters.video_frames.load(Relaxed)
    }

    /// Ends all streams, lets the encoders give out what they hold, and takes the pipelines down.
    pub async fn finish(self) -> Result<(), EncoderError> {
        let (pictures, sound) = tokio::join!(self.pictures.finish(), self.sound.finish());
        pictures.and(sound)
    }
}

/// The best encoders that start; none when nothing is there or left.
async fn start_best(
    setup: &PictureSetup,
    selection: &mut Selection,
    generation: u32,
) -> Result<Option<PictureEncoders>, EncoderError> {
    let mut failure = None;
    while let Some(kind) = selection.best(setup.spec.encoder, elements::is_present) {
        match setup.start(kind, generation).await {
            Ok(pictures) => {
                tracing::info!(encoder = kind.element(), "the program's encoder");
                return Ok(Some(pictures));
            }
            Err(error) => {
                let reason = &error as &dyn std::error::Error;
                tracing::warn!(encoder = kind.element(), error = reason, "an encoder does not start");
                selection.fail(kind);
                failure = Some(error);
            }
        }
    }
    failure.map_or(Ok(None), Err)
}

/// How an encoder pipeline's end is told to whom waits for it.
fn tell_end(
    part: Part,
    eos: mpsc::Sender<PipelineEvent>,
) -> impl Fn(PipelineEvent) -> EncoderEvent + Send + 'static {
    move |event| {
        if event == PipelineEvent::Eos {
            let _ = eos.try_send(event.clone());
        }
        EncoderEvent { part, event }
    }
}

/// Waits until a pipeline whose streams were `ended` has given out everything.
async fn await_end(ended: bool, eos: &mut mpsc::Receiver<PipelineEvent>, pipeline: &str) {
    if ended && tokio::time::timeout(DRAIN_DEADLINE, eos.recv()).await.is_err() {
        tracing::warn!(pipeline, "the encoder did not drain in time");
    }
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
        self.pictures.push(TimedPicture::new(picture, pts, duration), keyframe)
    }

    /// Interleaved 48 kHz stereo.
    pub fn push_sound(&self, samples: &[f32], pts: MediaTime) {
        self.sound.push(samples, pts);
    }

    /// Other encoders make the pictures from now on, and those that have not come out of the ones before. The time of the
    /// first of these, which is a keyframe; without any, the next picture is.
    pub fn take_over(&mut self, pictures: PicturesInput) -> Option<MediaTime> {
        self.pictures.take_over(pictures)
    }

    /// Pictures that wait for the program's encoder.
    pub fn backlog(&mut self) -> u64 {
        self.pictures.backlog()
    }
}
