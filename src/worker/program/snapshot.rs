//! Stills of the program: JPEGs, made in a thread of their own when somebody asks.

use crate::worker::pipeline_file::{PipelineFile, PipelineFileError, Role};
use bytes::Bytes;
use gst::prelude::*;
use gst_video::VideoInfo;

/// A 4K picture takes some 100 ms; a pipeline that needs longer than this is stuck.
const DEADLINE: gst::ClockTime = gst::ClockTime::from_seconds(2);

/// A picture of the program, as the encoder gets it.
#[derive(Debug, Clone)]
pub struct Still {
    pub picture: gst::Buffer,
    pub info: VideoInfo,
}

/// Why there is no JPEG.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("building the snapshot pipeline")]
    Build(#[from] PipelineFileError),
    #[error("running the snapshot pipeline")]
    Run(#[from] gst::StateChangeError),
    #[error("giving the snapshot pipeline its format")]
    Format(#[source] gst::glib::BoolError),
    #[error("giving the snapshot pipeline its picture")]
    Push(#[source] gst::FlowError),
    #[error("the snapshot pipeline made nothing in time")]
    Empty,
}

impl Still {
    /// Encodes it; takes some ten milliseconds. Not for a streaming or async thread.
    pub fn to_jpeg(&self) -> Result<Bytes, SnapshotError> {
        let file = PipelineFile::of(Role::Snapshot)?;
        let pipeline = file.pipeline(&[])?;
        let source: gst_app::AppSrc = file.typed(&pipeline, "in")?;
        source.set_caps(Some(&self.info.to_caps().map_err(SnapshotError::Format)?));
        let out: gst_app::AppSink = file.typed(&pipeline, "out")?;
        if let Err(error) = pipeline.set_state(gst::State::Playing) {
            let _ = pipeline.set_state(gst::State::Null);
            return Err(error.into());
        }
        // The same pixels behind a header of its own: the program's times mean nothing here.
        let mut picture = self.picture.copy();
        if let Some(header) = picture.get_mut() {
            header.set_pts(gst::ClockTime::ZERO);
            header.set_dts(gst::ClockTime::NONE);
        }
        let pushed = source.push_buffer(picture).map_err(SnapshotError::Push);
        let sample = pushed.map(|_| out.try_pull_sample(DEADLINE));
        let stopped = pipeline.set_state(gst::State::Null);
        let sample = sample?.ok_or(SnapshotError::Empty)?;
        stopped?;
        let map =
            sample.buffer().and_then(|buffer| buffer.map_readable().ok()).ok_or(SnapshotError::Empty)?;
        Ok(Bytes::copy_from_slice(&map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::program::frame::{self, Frame};

    #[test]
    fn a_still_is_a_jpeg_of_its_size() {
        gst::init().unwrap();
        let plain = Frame::plain(640, 360, 0x2040c0);
        let still = Still { picture: plain.buffer().clone(), info: frame::info(640, 360) };
        let jpeg = still.to_jpeg().unwrap();
        assert_eq!(jpeg[..3], [0xff, 0xd8, 0xff]);
        // The frame header (SOF0): 8 bits, height, width, three components.
        let size = [8, 360u16.to_be_bytes()[0], 360u16.to_be_bytes()[1], 2, 128, 3];
        assert!(jpeg.windows(6).any(|six| six == size), "no frame of 640x360 in it");
        // It can be asked again.
        assert_eq!(still.to_jpeg().unwrap(), jpeg);
    }
}
