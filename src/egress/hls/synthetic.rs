//! Made-up but plausible frames for the tests beside the code.

use crate::{
    egress::hub::HubItem,
    media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig},
    units::MediaTime,
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

/// The avcC of a real 320x240 main profile stream.
pub const AVCC: &[u8] = &[
    1, 0x4d, 0x40, 0x0d, 0xff, 0xe1, 0, 10, 0x67, 0x4d, 0x40, 0x0d, 0xda, 0x05, 0x07, 0xe8, 0x40, 0x00, 1, 0,
    4, 0x68, 0xce, 0x3c, 0x80,
];
/// AAC-LC, 48 kHz, stereo.
pub const ASC: &[u8] = &[0x11, 0x90];

pub fn video_config(fps: u32) -> Arc<TrackConfig> {
    Arc::new(TrackConfig::Video(VideoConfig {
        avcc: Bytes::from_static(AVCC),
        width: 320,
        height: 240,
        fps,
        kbps: 500,
    }))
}

pub fn audio_config(sample_rate: u32) -> Arc<TrackConfig> {
    Arc::new(TrackConfig::Audio(AudioConfig {
        asc: Bytes::from_static(ASC),
        sample_rate,
        channels: 2,
        kbps: 128,
    }))
}

/// One encoder's output: both tracks, in the order in which they arrive.
#[derive(Debug, Clone)]
pub struct Stream {
    pub fps: u32,
    pub sample_rate: u32,
    /// When the first frame of each track is shown.
    pub start: MediaTime,
    pub length: Duration,
    /// Frames from a keyframe to the next; a forced one starts the count anew, as x264 does.
    pub keyint: u64,
    pub forced: Vec<u64>,
    /// How much later (or earlier) than the picture the sound arrives.
    pub sound_delay_ms: i64,
    /// Presentation lags decoding by so many frames, as with B-frames.
    pub reorder: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            fps: 30,
            sample_rate: 48_000,
            start: MediaTime::ZERO,
            length: Duration::from_secs(10),
            keyint: 60,
            forced: Vec::new(),
            sound_delay_ms: 20,
            reorder: 0,
        }
    }
}

impl Stream {
    pub fn frames(&self) -> Vec<Arc<EncodedFrame>> {
        let mut timed: Vec<(i128, Arc<EncodedFrame>)> = Vec::new();
        let length = self.length.as_nanos() as u64;
        let at =
            |n: u64, per: u64, rate: u32| (n as u128 * per as u128 * 1_000_000_000 / rate as u128) as u64;
        let mut since_keyframe = self.keyint;
        for n in 0.. {
            let dts = at(n, 1, self.fps);
            if dts >= length {
                break;
            }
            let keyframe = since_keyframe >= self.keyint || self.forced.contains(&n);
            since_keyframe = if keyframe { 1 } else { since_keyframe + 1 };
            let pts = at(n + self.reorder, 1, self.fps);
            let frame = self.frame(Track::Video, n, dts, pts, at(1, 1, self.fps), keyframe);
            timed.push((i128::from(dts), frame));
        }
        for n in 0.. {
            let dts = at(n, 1024, self.sample_rate);
            if dts >= length {
                break;
            }
            let frame = self.frame(Track::Audio, n, dts, dts, at(1, 1024, self.sample_rate), true);
            timed.push((i128::from(dts) + i128::from(self.sound_delay_ms) * 1_000_000, frame));
        }
        timed.sort_by_key(|(arrival, _)| *arrival);
        timed.into_iter().map(|(_, frame)| frame).collect()
    }

    fn frame(
        &self,
        track: Track,
        n: u64,
        dts: u64,
        pts: u64,
        duration: u64,
        keyframe: bool,
    ) -> Arc<EncodedFrame> {
        let mut data = format!("{track:?} {} {n}", self.start.0).into_bytes();
        data.resize(data.len() + (n % 7) as usize, b'.');
        Arc::new(EncodedFrame {
            track,
            pts: MediaTime(self.start.0 + pts),
            dts: MediaTime(self.start.0 + dts),
            duration: MediaTime(duration),
            keyframe,
            data: data.into(),
        })
    }

    /// Parameters, then the frames.
    pub fn items(&self) -> Vec<HubItem> {
        let mut items =
            vec![HubItem::Config(video_config(self.fps)), HubItem::Config(audio_config(self.sample_rate))];
        items.extend(self.frames().into_iter().map(HubItem::Frame));
        items
    }
}
