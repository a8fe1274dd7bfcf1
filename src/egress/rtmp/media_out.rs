//! What a connection's media becomes: metadata and sequence headers when they are due, then frames.

use super::{
    amf0::{self, Value},
    flv, link,
    timeline::Timeline,
};
use crate::media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig};
use bytes::Bytes;

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

/// A message of the media stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MediaMessage {
    pub kind: u8,
    pub timestamp: u32,
    pub payload: Bytes,
}

#[derive(Default)]
pub(super) struct MediaOut {
    video: Option<VideoConfig>,
    audio: Option<AudioConfig>,
    metadata: Announcement,
    video_header: Announcement,
    audio_header: Announcement,
    timeline: Timeline,
    to_player: bool,
}

/// `onMetaData` or a sequence header, and what of it the server has. Equal bytes are never sent twice:
/// servers take each header for a new stream.
#[derive(Default)]
struct Announcement {
    now: Option<Bytes>,
    sent: Option<Bytes>,
}

impl Announcement {
    fn due(&mut self) -> Option<Bytes> {
        if self.now == self.sent {
            return None;
        }
        self.sent.clone_from(&self.now);
        self.sent.clone()
    }
}

impl MediaOut {
    /// For a player, to whom metadata are told as they are; a server is told to set them.
    pub(super) fn to_player() -> Self {
        Self { to_player: true, ..Self::default() }
    }

    pub(super) fn set_config(&mut self, config: &TrackConfig) {
        let header = Some(flv::sequence_header(config));
        match config {
            TrackConfig::Video(video) => {
                if self.video_header.now.is_some() && self.video_header.now != header {
                    // Frames up to the next keyframe belong to the old parameters.
                    self.timeline.need_keyframe();
                }
                self.video = Some(video.clone());
                self.video_header.now = header;
            }
            TrackConfig::Audio(audio) => {
                self.audio = Some(audio.clone());
                self.audio_header.now = header;
            }
        }
        let values = [
            Value::string("@setDataFrame"),
            Value::string("onMetaData"),
            flv::metadata(self.video.as_ref(), self.audio.as_ref()),
        ];
        let values = &values[usize::from(self.to_player)..];
        self.metadata.now = Some(amf0::write_all(values).into());
    }

    pub(super) fn need_keyframe(&mut self) {
        self.timeline.need_keyframe();
    }

    pub(super) fn awaits_keyframe(&self) -> bool {
        self.video.is_some() && !self.timeline.video_runs()
    }

    /// The messages a frame becomes; none when it is left out.
    pub(super) fn frame(&mut self, frame: &EncodedFrame) -> Vec<MediaMessage> {
        let known = match frame.track {
            Track::Video => self.video.is_some(),
            Track::Audio => self.audio.is_some(),
        };
        // RTMP knows no empty frame, and the chunk writer would write nothing at all.
        if !known || frame.data.is_empty() {
            return Vec::new();
        }
        let Some(placed) = self.timeline.place(frame, self.video.is_some()) else { return Vec::new() };
        let timestamp = placed.timestamp;
        let mut messages = Vec::new();
        if let Some(payload) = self.metadata.due() {
            messages.push(MediaMessage { kind: link::DATA_AMF0, timestamp, payload });
        }
        if (placed.first || (frame.track == Track::Video && frame.keyframe))
            && let Some(payload) = self.video_header.due()
        {
            messages.push(MediaMessage { kind: VIDEO, timestamp, payload });
        }
        if (placed.first || frame.track == Track::Audio)
            && let Some(payload) = self.audio_header.due()
        {
            messages.push(MediaMessage { kind: AUDIO, timestamp, payload });
        }
        let kind = if frame.track == Track::Video { VIDEO } else { AUDIO };
        messages.push(MediaMessage { kind, timestamp, payload: flv::frame(frame, placed.composition) });
        messages
    }
}
