//! A smaller rendition's encoder: the program's raw pictures in, the same pictures smaller out.

use super::{
    EncoderError, VideoSettings, await_end,
    frames_out::{Outlet, VideoOut, on_sample},
    picture_input::{PictureInput, TimedPicture},
    tell_end,
};
use crate::{
    ipc::RenditionSpec,
    media::VideoConfig,
    worker::{
        pipeline::{PipelineEvent, RunningPipeline},
        pipeline_file::{ParamValue, PipelineFile, Role},
        timeline::Timeline,
    },
};
use bytes::Bytes;
use gst_video::VideoInfo;
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};
use tokio::sync::mpsc;

/// Pictures that may wait before new ones are left out; raw ones, so each is a loss of one frame. Half a
/// second at 30 a second: a machine that is busy for a moment catches up, and one that is not able to has lost
/// a part's time at most. The program's own limit is the mixer's; a rendition gives up sooner.
const BACKLOG: u64 = 15;

/// The encoder of one rendition.
#[derive(Debug)]
pub(super) struct RenditionEncoder {
    running: RunningPipeline,
    input: PictureInput,
    /// Every so manieth picture is encoded; 0 is as 1.
    every: Arc<AtomicU8>,
    eos: mpsc::Receiver<PipelineEvent>,
}

/// Where a rendition's pictures go in.
#[derive(Debug, Clone)]
pub(super) struct RenditionInput {
    input: PictureInput,
    /// The picture that was to be an IDR was left out: the next one is.
    keyframe_due: bool,
    every: Arc<AtomicU8>,
    /// Pictures since the last one that was encoded.
    skipped: u8,
}

impl RenditionEncoder {
    pub(super) async fn start(
        spec: &RenditionSpec,
        settings: &VideoSettings<'_>,
        picture: &VideoInfo,
        timeline: &Timeline,
        outlet: Outlet,
        failed: mpsc::Sender<PipelineEvent>,
    ) -> Result<Self, EncoderError> {
        let file = PipelineFile::of(Role::Rendition)?;
        let RenditionSpec { width, height, video_kbps } = *spec;
        let size = format!("video/x-raw,width={width},height={height},pixel-aspect-ratio=1/1");
        let pipeline = file.pipeline(&[("size", ParamValue::Text(size))])?;
        let between = [file.element(&pipeline, "size-caps")?, file.element(&pipeline, "video-caps")?];
        settings.encode(&pipeline, &between, (width, height), video_kbps)?;
        let input = PictureInput::of(&file, &pipeline, picture, settings.fps)?;
        let config = VideoConfig { avcc: Bytes::new(), width, height, fps: settings.fps, kbps: video_kbps };
        on_sample(&file.typed(&pipeline, "video-out")?, VideoOut::new(outlet, config).callback());
        let (eos_in, eos) = mpsc::channel(1);
        let name = format!("rendition-{height}");
        let running = RunningPipeline::start(pipeline, name, timeline, failed, tell_end(eos_in)).await?;
        Ok(Self { running, input, every: Arc::new(AtomicU8::new(1)), eos })
    }

    pub(super) fn input(&self) -> RenditionInput {
        RenditionInput {
            input: self.input.clone(),
            keyframe_due: false,
            every: self.every.clone(),
            skipped: 0,
        }
    }

    /// From now on every so manieth picture only, and every IDR.
    pub(super) fn pace(&self, every: u8) {
        self.every.store(every, Relaxed);
    }

    /// As [`super::Encoder::finish`].
    pub(super) async fn finish(mut self) -> Result<(), EncoderError> {
        await_end(self.input.end(), &mut self.eos, "rendition").await;
        self.running.stop().await?;
        Ok(())
    }
}

impl RenditionInput {
    /// One picture; false when it was left out, since the encoder does not follow. One that is none of its pace's
    /// is not missed.
    pub(super) fn push(&mut self, picture: &TimedPicture, keyframe: bool) -> bool {
        self.keyframe_due |= keyframe;
        if !self.keyframe_due && self.skipped.saturating_add(1) < self.every.load(Relaxed) {
            self.skipped += 1;
            return true;
        }
        if self.input.backlog() > BACKLOG {
            return false;
        }
        self.skipped = 0;
        self.input.push(picture, std::mem::take(&mut self.keyframe_due));
        true
    }
}
