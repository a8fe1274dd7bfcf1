//! Where samples go in, and AAC comes out: the same in every encoder's pipeline.

use super::frames_out::{AudioOut, Outlet, on_sample};
use crate::{
    units::MediaTime,
    worker::{
        pipeline_file::{PipelineFile, PipelineFileError},
        program::sound,
    },
};

/// The way into a pipeline's AAC encoder. Never waits.
#[derive(Debug, Clone)]
pub(super) struct SoundInput(gst_app::AppSrc);

impl SoundInput {
    /// The input of a pipeline with the elements `audio-in` and `audio-out`; its frames go to `outlet`.
    pub(super) fn of(
        file: &PipelineFile,
        pipeline: &gst::Pipeline,
        outlet: Outlet,
        kbps: u32,
    ) -> Result<Self, PipelineFileError> {
        let source: gst_app::AppSrc = file.typed(pipeline, "audio-in")?;
        source.set_caps(Some(
            &gst::Caps::builder("audio/x-raw")
                .field("format", "F32LE")
                .field("layout", "interleaved")
                .field("rate", sound::RATE as i32)
                .field("channels", sound::CHANNELS as i32)
                .build(),
        ));
        on_sample(&file.typed(pipeline, "audio-out")?, AudioOut::new(outlet, kbps).callback());
        Ok(Self(source))
    }

    /// Interleaved 48 kHz stereo.
    pub(super) fn push(&self, samples: &[f32], pts: MediaTime) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(header) = buffer.get_mut() {
            header.set_pts(gst::ClockTime::from_nseconds(pts.0));
        }
        // Refused only while the pipeline goes down.
        let _ = self.0.push_buffer(buffer);
    }

    pub(super) fn end(&self) -> bool {
        self.0.end_of_stream().is_ok()
    }
}
