//! The sound's pipeline: the same whatever makes the picture, and apart from it.

use super::{
    EncoderError, EncoderEvent, Part, await_end, feed::ProgramFeed, frames_out::Outlet,
    sound_input::SoundInput, tell_end,
};
use crate::worker::{
    pipeline::{PipelineEvent, RunningPipeline},
    pipeline_file::{ParamValue, PipelineFile, Role},
    timeline::Timeline,
};
use tokio::sync::mpsc;

/// A running AAC encoder.
#[derive(Debug)]
pub(super) struct SoundEncoder {
    running: RunningPipeline,
    input: SoundInput,
    eos: mpsc::Receiver<PipelineEvent>,
}

impl SoundEncoder {
    /// Starts it. Frames go to `outlet`, what goes in to `feed`, its failure to `events`.
    pub(super) async fn start(
        kbps: u32,
        timeline: &Timeline,
        outlet: Outlet,
        feed: ProgramFeed,
        events: mpsc::Sender<EncoderEvent>,
    ) -> Result<Self, EncoderError> {
        let file = PipelineFile::of(Role::Sound)?;
        let pipeline = file.pipeline(&[("audio_bps", ParamValue::Int(i64::from(kbps) * 1000))])?;
        let input = SoundInput::of(&file, &pipeline, outlet, kbps, feed)?;
        let (eos_in, eos) = mpsc::channel(1);
        let wrap = tell_end(Part::Sound, eos_in);
        let running = RunningPipeline::start(pipeline, "sound".to_owned(), timeline, events, wrap).await?;
        Ok(Self { running, input, eos })
    }

    /// Where samples go in.
    pub(super) fn input(&self) -> SoundInput {
        self.input.clone()
    }

    /// Ends the stream, lets the encoder give out what it holds, and takes it down.
    pub(super) async fn finish(mut self) -> Result<(), EncoderError> {
        // Refused only when it is not running, and then there is nothing to wait for.
        await_end(self.input.end(), &mut self.eos, "sound").await;
        self.running.stop().await?;
        Ok(())
    }
}
