//! The encoders of a program's pictures: one for the program itself, and one for each smaller rendition. They are of one
//! kind, and are replaced together, so that their keyframes stand at the same pictures.

use super::{
    EncoderError, EncoderEvent, Part, await_end,
    feed::ProgramFeed,
    frames_out::{Counters, Outlet, VideoOut, on_sample},
    picture_input::{PictureInput, TimedPicture},
    progress::{Progress, Together},
    settings::VideoSettings,
    tell_end,
};
use crate::{
    ipc::{EncodingSpec, RenditionSpec, WorkerEvent},
    media::{EncoderKind, RenditionIndex, VideoConfig},
    units::MediaTime,
    worker::{
        pipeline::{PipelineEvent, RunningPipeline},
        pipeline_file::{ParamValue, PipelineFile, Role},
        timeline::Timeline,
    },
};
use bytes::Bytes;
use futures::future::join_all;
use gst_video::VideoInfo;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};
use tokio::sync::mpsc;

/// Pictures that may wait for a smaller rendition's encoder before new ones are left out; raw ones, so each is a loss of
/// one frame. Half a second at 30 a second: a machine that is busy for a moment catches up, and one that is not able
/// to has lost a part's time at most. The program's own limit is the mixer's; a rendition gives up sooner.
const BACKLOG: u64 = 15;
/// Pictures that are kept until the program's encoder has given them out, for another one if it fails: as many as the
/// mixer lets wait (15), as many again within an encoder or while another one starts, and one. What is older
/// is lost then.
const UNDER_WAY: usize = 31;

/// Everything that a program's picture encoders are made from.
#[derive(Debug)]
pub(super) struct PictureSetup {
    pub(super) spec: EncodingSpec,
    /// The raw picture.
    pub(super) video: VideoInfo,
    pub(super) timeline: Timeline,
    pub(super) out: mpsc::Sender<WorkerEvent>,
    pub(super) counters: Arc<Counters>,
    pub(super) feed: ProgramFeed,
    pub(super) events: mpsc::Sender<EncoderEvent>,
    pub(super) paces: Vec<Pace>,
}

/// Every so manieth picture of a rendition is encoded, and every IDR; 0 is as 1. Whichever encoders make it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Arc<AtomicU8>);

impl Pace {
    /// One for each rendition of `spec`, which begins with every picture.
    pub(super) fn each(spec: &EncodingSpec) -> Vec<Self> {
        spec.renditions.iter().map(|_| Self::default()).collect()
    }

    pub(super) fn set(&self, every: u8) {
        self.0.store(every, Relaxed);
    }
}

/// Running encoders of one kind.
#[derive(Debug)]
pub(super) struct PictureEncoders {
    pub(super) kind: EncoderKind,
    /// Counted up with each that take over.
    pub(super) generation: u32,
    program: PictureEncoder,
    renditions: Vec<PictureEncoder>,
}

#[derive(Debug)]
struct PictureEncoder {
    running: RunningPipeline,
    input: PictureInput,
    progress: Progress,
    eos: mpsc::Receiver<PipelineEvent>,
}

/// Where the program puts its pictures. Lives in the program's thread.
#[derive(Debug)]
pub struct PicturesInput {
    program: PictureInput,
    renditions: Vec<RenditionInput>,
    /// Of all of them.
    progress: Vec<Progress>,
    /// What may not have come out yet.
    under_way: VecDeque<TimedPicture>,
    /// The next picture must be one, whatever is asked for.
    keyframe_due: bool,
    /// Pictures that were taken over and may still wait: no sign that the encoder does not follow.
    taken_over: u64,
}

/// Where a rendition's pictures go in.
#[derive(Debug)]
struct RenditionInput {
    input: PictureInput,
    /// The picture that was to be an IDR was left out: the next one is.
    keyframe_due: bool,
    pace: Pace,
    /// Pictures since the last one that was encoded.
    skipped: u8,
}

impl PictureSetup {
    /// Starts encoders of a kind, all or none.
    pub(super) async fn start(
        &self,
        kind: EncoderKind,
        generation: u32,
    ) -> Result<PictureEncoders, EncoderError> {
        let settings = VideoSettings::of(kind, &self.spec);
        // The first ones have nobody before them.
        let together = (generation > 0).then(|| Together::of(1 + self.spec.renditions.len()));
        let program = self.start_one(&settings, generation, None, together.clone()).await?;
        let mut encoders = PictureEncoders { kind, generation, program, renditions: Vec::new() };
        let smaller = self.spec.renditions.iter().copied().enumerate();
        let starts =
            smaller.map(|smaller| self.start_one(&settings, generation, Some(smaller), together.clone()));
        let mut failure = None;
        for started in join_all(starts).await {
            match started {
                Ok(encoder) => encoders.renditions.push(encoder),
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            encoders.abandon();
            return Err(error);
        }
        Ok(encoders)
    }

    /// From now on each rendition gets every so manieth picture only, and its IDRs.
    pub(super) fn pace_renditions(&self, every: &[u8]) {
        self.paces.iter().zip(every).for_each(|(pace, every)| pace.set(*every));
    }

    async fn start_one(
        &self,
        settings: &VideoSettings<'_>,
        generation: u32,
        smaller: Option<(usize, RenditionSpec)>,
        together: Option<Arc<Together>>,
    ) -> Result<PictureEncoder, EncoderError> {
        let EncodingSpec { width, height, fps, video_kbps: kbps, .. } = self.spec;
        let (role, name, width, height, kbps) = match smaller {
            None => (Role::Encoder, "encoder".to_owned(), width, height, kbps),
            Some((_, RenditionSpec { width, height, video_kbps })) => {
                (Role::Rendition, format!("rendition-{height}"), width, height, video_kbps)
            }
        };
        let file = PipelineFile::of(role)?;
        let (before, params) = match smaller {
            None => ("video-queue", Vec::new()),
            Some(_) => {
                let size = format!("video/x-raw,width={width},height={height},pixel-aspect-ratio=1/1");
                ("size-caps", vec![("size", ParamValue::Text(size))])
            }
        };
        let pipeline = file.pipeline(&params)?;
        let between = [file.element(&pipeline, before)?, file.element(&pipeline, "video-caps")?];
        settings.encode(&pipeline, &between, (width, height), kbps)?;
        let input = PictureInput::of(&file, &pipeline, &self.video, fps)?;
        let config = VideoConfig { avcc: Bytes::new(), width, height, fps, kbps };
        // Control allows a handful.
        let index = smaller.map(|(index, _)| RenditionIndex(u8::try_from(index).unwrap_or(u8::MAX)));
        let outlet = Outlet::new(self.out.clone(), self.counters.clone(), index);
        let progress = Progress::default();
        let feed = smaller.is_none().then(|| self.feed.clone());
        let video_out = VideoOut::new(outlet, config, progress.clone(), feed, together);
        on_sample(&file.typed(&pipeline, "video-out")?, video_out);
        let (eos_in, eos) = mpsc::channel(1);
        let wrap = tell_end(Part::Pictures { generation }, eos_in);
        let events = self.events.clone();
        let running = RunningPipeline::start(pipeline, name, &self.timeline, events, wrap).await?;
        Ok(PictureEncoder { running, input, progress, eos })
    }
}

impl PictureEncoder {
    /// Takes it down without waiting for what it holds.
    async fn abandon(self) {
        if let Err(error) = self.running.stop().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "an encoder is left behind");
        }
    }

    async fn finish(mut self) -> Result<(), EncoderError> {
        // Refused only when it is not running, and then there is nothing to wait for.
        await_end(self.input.end(), &mut self.eos, "encoder").await;
        self.running.stop().await?;
        Ok(())
    }
}

impl PictureEncoders {
    /// Where pictures go in, each rendition's at its pace. To be asked for once.
    pub(super) fn input(&self, paces: &[Pace]) -> PicturesInput {
        let rendition = |(one, pace): (&PictureEncoder, &Pace)| RenditionInput {
            input: one.input.clone(),
            keyframe_due: false,
            pace: pace.clone(),
            skipped: 0,
        };
        let all = std::iter::once(&self.program).chain(&self.renditions);
        PicturesInput {
            program: self.program.input.clone(),
            renditions: self.renditions.iter().zip(paces).map(rendition).collect(),
            progress: all.map(|one| one.progress.clone()).collect(),
            under_way: VecDeque::new(),
            keyframe_due: true,
            taken_over: 0,
        }
    }

    /// Takes them down, in the background: one that hangs holds nobody up.
    pub(super) fn abandon(self) {
        for encoder in std::iter::once(self.program).chain(self.renditions) {
            tokio::spawn(encoder.abandon());
        }
    }

    /// Ends the streams, lets the encoders give out what they hold, and takes them down.
    pub(super) async fn finish(self) -> Result<(), EncoderError> {
        let all = std::iter::once(self.program).chain(self.renditions);
        join_all(all.map(PictureEncoder::finish)).await.into_iter().collect()
    }
}

impl PicturesInput {
    /// One picture. Returns how many renditions left it out, since their encoders do not follow.
    pub(super) fn push(&mut self, picture: TimedPicture, keyframe: bool) -> usize {
        let keyframe = std::mem::take(&mut self.keyframe_due) | keyframe;
        self.program.push(&picture, keyframe);
        let left_out =
            self.renditions.iter_mut().filter_map(|one| (!one.push(&picture, keyframe)).then_some(()));
        let left_out = left_out.count();
        self.under_way.push_back(picture);
        let until = self.progress.iter().map(Progress::until).max().unwrap_or(MediaTime::ZERO);
        self.forget(until);
        while self.under_way.len() > UNDER_WAY {
            self.under_way.pop_front();
        }
        left_out
    }

    /// Pictures that wait for the program's encoder, but for those that it was given when it took over.
    pub(super) fn backlog(&mut self) -> u64 {
        let waiting = self.program.backlog();
        self.taken_over = self.taken_over.min(waiting);
        waiting - self.taken_over
    }

    /// Gives everything that has not come out to `successors`, which begin with a keyframe, and is them from now on. Where
    /// there are several sizes, they begin after the last picture that any of them gave out. Returns the time of the
    /// first picture that is encoded anew, which is a keyframe, and the others are not: the distance of keyframes is
    /// counted from it. Without any, the next picture is.
    pub(super) fn take_over(&mut self, successors: Self) -> Option<MediaTime> {
        let until = self.progress.iter().map(Progress::close).max().unwrap_or(MediaTime::ZERO);
        self.forget(until);
        let under_way = std::mem::replace(self, successors).under_way;
        let first = under_way.front().map(TimedPicture::pts);
        self.taken_over = under_way.len() as u64;
        tracing::info!("another encoder took over: {} pictures are encoded anew", under_way.len());
        for picture in under_way {
            let keyframe = std::mem::take(&mut self.keyframe_due);
            self.program.push(&picture, keyframe);
            // However many they are: these ones are only late.
            for one in &mut self.renditions {
                if one.is_due(keyframe) {
                    one.give(&picture);
                }
            }
            self.under_way.push_back(picture);
        }
        first
    }

    /// What is before `until` is out.
    fn forget(&mut self, until: MediaTime) {
        while self.under_way.front().is_some_and(|picture| picture.pts() < until) {
            self.under_way.pop_front();
        }
    }
}

impl RenditionInput {
    /// One picture; false when it was left out, since the encoder does not follow. One that is none of its pace's is
    /// not missed.
    fn push(&mut self, picture: &TimedPicture, keyframe: bool) -> bool {
        if !self.is_due(keyframe) {
            return true;
        }
        if self.input.backlog() > BACKLOG {
            return false;
        }
        self.give(picture);
        true
    }

    /// Whether the next picture is one of the rendition's: an IDR, or its pace has come to it.
    fn is_due(&mut self, keyframe: bool) -> bool {
        self.keyframe_due |= keyframe;
        let due = self.keyframe_due || self.skipped.saturating_add(1) >= self.pace.0.load(Relaxed);
        self.skipped += u8::from(!due);
        due
    }

    fn give(&mut self, picture: &TimedPicture) {
        self.skipped = 0;
        self.input.push(picture, std::mem::take(&mut self.keyframe_due));
    }
}
