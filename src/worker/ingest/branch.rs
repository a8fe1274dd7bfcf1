//! From an RTP pad to a source: depayload, decode, hand over.

use super::IngestError;
use crate::{
    ipc::VideoCodec,
    units::MediaTime,
    worker::{
        pipeline_file::{PipelineFile, Role},
        program::frame::Frame,
        source::SourceTap,
        timeline::{Timeline, presented_at},
    },
};

/// What a publisher's stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Video(VideoCodec),
    Audio,
    /// Not asked for, or a second one: received and thrown away.
    Unwanted,
}

impl Medium {
    const fn role(self) -> Role {
        match self {
            Self::Video(VideoCodec::H264) => Role::IngestH264,
            Self::Video(VideoCodec::Vp8) => Role::IngestVp8,
            Self::Audio => Role::IngestOpus,
            Self::Unwanted => Role::IngestDiscard,
        }
    }
}

/// A bin that takes the RTP of `medium` and feeds `tap`.
pub fn build(medium: Medium, tap: &SourceTap, timeline: &Timeline) -> Result<gst::Bin, IngestError> {
    let file = PipelineFile::of(medium.role())?;
    let bin = file.bin(&[])?;
    if medium == Medium::Unwanted {
        return Ok(bin);
    }
    let sink: gst_app::AppSink = file.typed(&bin, "out")?;
    let (tap, timeline) = (tap.clone(), timeline.clone());
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                hand_over(&sample, medium, &tap, timeline.now());
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    Ok(bin)
}

fn hand_over(sample: &gst::Sample, medium: Medium, tap: &SourceTap, now: MediaTime) -> Option<()> {
    let pts = presented_at(sample)?;
    match medium {
        Medium::Audio => tap.sound(pts, sample.buffer_owned()?, now),
        Medium::Video(_) => tap.picture(pts, Frame::from_sample(sample)?, now),
        Medium::Unwanted => {}
    }
    Some(())
}
