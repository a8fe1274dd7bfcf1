//! Where an encoder's raw pictures go in.

use crate::{
    units::MediaTime,
    worker::pipeline_file::{PipelineFile, PipelineFileError},
};
use gst::prelude::*;
use gst_video::VideoInfo;
use std::time::Duration;

/// The way into an encoder's pipeline. Never waits.
#[derive(Debug, Clone)]
pub(super) struct PictureInput {
    source: gst_app::AppSrc,
    queue: gst::Element,
}

/// A picture with its times.
#[derive(Debug, Clone)]
pub(super) struct TimedPicture(gst::Buffer);

impl TimedPicture {
    pub(super) fn new(mut picture: gst::Buffer, pts: MediaTime, duration: Duration) -> Self {
        // Of a picture that somebody else holds too (a snapshot, a fade) only the header is copied, not the pixels.
        let header = picture.make_mut();
        header.set_pts(gst::ClockTime::from_nseconds(pts.0));
        header.set_dts(gst::ClockTime::NONE);
        header.set_duration(gst::ClockTime::from_nseconds(duration.as_nanos() as u64));
        Self(picture)
    }

    /// When it is shown.
    pub(super) fn pts(&self) -> MediaTime {
        MediaTime(self.0.pts().map_or(0, gst::ClockTime::nseconds))
    }
}

impl PictureInput {
    /// The input of a pipeline with the elements `video-in` and `video-queue`.
    pub(super) fn of(
        file: &PipelineFile,
        pipeline: &gst::Pipeline,
        picture: &VideoInfo,
        fps: u32,
    ) -> Result<Self, super::EncoderError> {
        let source: gst_app::AppSrc = file.typed(pipeline, "video-in")?;
        let mut caps = picture.to_caps().map_err(super::EncoderError::Format)?;
        caps.make_mut().set("framerate", gst::Fraction::new(fps as i32, 1));
        source.set_caps(Some(&caps));
        let queue: Result<_, PipelineFileError> = file.element(pipeline, "video-queue");
        Ok(Self { source, queue: queue? })
    }

    /// One picture. `keyframe` asks for an IDR exactly here.
    pub(super) fn push(&self, picture: &TimedPicture, keyframe: bool) {
        if keyframe {
            // Serialised with the pictures, so that exactly this one is coded as an IDR, however many wait
            // before it. (An upstream event with this running time has no effect in 1.22.0.)
            self.source
                .send_event(gst_video::DownstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
        // Refused only while the pipeline goes down.
        let _ = self.source.push_buffer(picture.0.clone());
    }

    /// Pictures that wait for the encoder.
    pub(super) fn backlog(&self) -> u64 {
        self.source.current_level_buffers() + u64::from(self.queue.property::<u32>("current-level-buffers"))
    }

    pub(super) fn end(&self) -> bool {
        self.source.end_of_stream().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_held_elsewhere_gets_its_times_all_the_same() {
        gst::init().unwrap();
        let held = gst::Buffer::from_slice([0_u8; 6]);
        let second = MediaTime::from_millis(1000);
        let timed = TimedPicture::new(held.clone(), second, Duration::from_millis(33));
        assert_eq!((timed.pts(), held.pts()), (second, None));
        assert_eq!(timed.0.peek_memory(0).as_ptr(), held.peek_memory(0).as_ptr());
    }
}
