//! The publisher's and the viewer's pipelines, see `pipelines/`.

use crate::worker::pipeline_file::{PipelineFile, PipelineFileError};

/// A pipeline of the publisher or the viewer, by the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublisherRole {
    /// One webrtcbin that sends.
    Peer,
    /// Drawn frames in, H.264 RTP out.
    H264,
    /// Drawn frames in, VP8 RTP out.
    Vp8,
    /// Samples in, Opus RTP out.
    Opus,
    /// A file in, its coded streams out.
    Clip,
    /// Where a file's H.264 ends.
    ClipH264,
    /// Where its other streams end.
    ClipStream,
    /// Coded H.264 in, RTP out.
    SendH264,
    /// Coded VP8 in, RTP out.
    SendVp8,
    /// Coded Opus in, RTP out.
    SendOpus,
    /// A file in, decoded streams out.
    Viewer,
    /// Where the viewer's frames end.
    ViewerVideo,
    /// Where the viewer's samples end.
    ViewerAudio,
}

impl PublisherRole {
    /// All of them: for the test that loads each, and for `doctor`.
    pub const ALL: [Self; 13] = [
        Self::Peer,
        Self::H264,
        Self::Vp8,
        Self::Opus,
        Self::Clip,
        Self::ClipH264,
        Self::ClipStream,
        Self::SendH264,
        Self::SendVp8,
        Self::SendOpus,
        Self::Viewer,
        Self::ViewerVideo,
        Self::ViewerAudio,
    ];

    const fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Peer => ("publisher.toml", include_str!("../../pipelines/publisher.toml")),
            Self::H264 => ("publisher-h264.toml", include_str!("../../pipelines/publisher-h264.toml")),
            Self::Vp8 => ("publisher-vp8.toml", include_str!("../../pipelines/publisher-vp8.toml")),
            Self::Opus => ("publisher-opus.toml", include_str!("../../pipelines/publisher-opus.toml")),
            Self::Clip => ("clip.toml", include_str!("../../pipelines/clip.toml")),
            Self::ClipH264 => ("clip-h264.toml", include_str!("../../pipelines/clip-h264.toml")),
            Self::ClipStream => ("clip-stream.toml", include_str!("../../pipelines/clip-stream.toml")),
            Self::SendH264 => ("send-h264.toml", include_str!("../../pipelines/send-h264.toml")),
            Self::SendVp8 => ("send-vp8.toml", include_str!("../../pipelines/send-vp8.toml")),
            Self::SendOpus => ("send-opus.toml", include_str!("../../pipelines/send-opus.toml")),
            Self::Viewer => ("viewer.toml", include_str!("../../pipelines/viewer.toml")),
            Self::ViewerVideo => ("viewer-video.toml", include_str!("../../pipelines/viewer-video.toml")),
            Self::ViewerAudio => ("viewer-audio.toml", include_str!("../../pipelines/viewer-audio.toml")),
        }
    }

    /// Whether the file describes a bin with ghost pads, to stand inside another pipeline.
    pub const fn is_bin(self) -> bool {
        !matches!(self, Self::Peer | Self::Clip | Self::Viewer)
    }

    /// Reads the file.
    pub fn load(self) -> Result<PipelineFile, PipelineFileError> {
        let (name, text) = self.file();
        PipelineFile::parse(name, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst::prelude::*;

    #[test]
    fn every_pipeline_file_reaches_ready() {
        gst::init().unwrap();
        for role in PublisherRole::ALL {
            let file = role.load().unwrap();
            assert!(!file.description.is_empty(), "{role:?}");
            let element: gst::Element = if role.is_bin() {
                file.bin(&[]).unwrap().upcast()
            } else {
                file.pipeline(&[]).unwrap().upcast()
            };
            element.set_state(gst::State::Ready).unwrap_or_else(|_| panic!("{role:?} does not reach READY"));
            element.set_state(gst::State::Null).unwrap();
        }
    }
}
