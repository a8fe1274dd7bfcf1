//! Where samples go in, and AAC comes out: the same in every encoder's pipeline.

use super::{
    feed::{self, FedFrame, ProgramFeed},
    frames_out::{AudioOut, Outlet, on_sample},
};
use crate::{
    units::MediaTime,
    worker::{
        pipeline_file::{PipelineFile, PipelineFileError},
        program::sound,
    },
};

/// The way into a pipeline's AAC encoder. Never waits.
#[derive(Debug, Clone)]
pub(super) struct SoundInput {
    source: gst_app::AppSrc,
    feed: ProgramFeed,
}

impl SoundInput {
    /// The input of a pipeline with the elements `audio-in` and `audio-out`; its frames go to `outlet`, what goes in
    /// to `feed` as well.
    pub(super) fn of(
        file: &PipelineFile,
        pipeline: &gst::Pipeline,
        outlet: Outlet,
        kbps: u32,
        feed: ProgramFeed,
    ) -> Result<Self, PipelineFileError> {
        let source: gst_app::AppSrc = file.typed(pipeline, "audio-in")?;
        source.set_caps(Some(&feed::sound_caps()));
        on_sample(&file.typed(pipeline, "audio-out")?, AudioOut::new(outlet, kbps));
        Ok(Self { source, feed })
    }

    /// Interleaved 48 kHz stereo.
    pub(super) fn push(&self, samples: &[f32], pts: MediaTime) {
        let buffer = sound::buffer(samples, pts);
        self.feed.pass_with(|| Some(FedFrame::sound(buffer.clone())));
        // Refused only while the pipeline goes down.
        let _ = self.source.push_buffer(buffer);
    }

    pub(super) fn end(&self) -> bool {
        self.source.end_of_stream().is_ok()
    }
}
