//! Reads what `ffmpeg -f flv` writes, as far as the tests need it: H.264 and AAC, no B-frames.
//!
//! FLV keeps whole milliseconds, so times are taken from the frames' numbers instead: at a constant
//! frame rate they are exact.

use bytes::Bytes;
use meetingcast::{
    media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig},
    units::{FrameRate, MediaTime},
};

/// A recording's parameters and frames, in file order.
pub struct Recording {
    pub video: VideoConfig,
    pub audio: AudioConfig,
    pub frames: Vec<EncodedFrame>,
}

impl Recording {
    /// Parses a file of `fps` frames a second and `sample_rate` samples a second.
    pub fn parse(file: &[u8], (width, height): (u32, u32), fps: u32, sample_rate: u32) -> Self {
        assert_eq!(&file[..3], b"FLV", "not an FLV file");
        let (mut avcc, mut asc) = (Bytes::new(), Bytes::new());
        let (mut pictures, mut sounds) = (0, 0);
        let mut frames = Vec::new();
        // Header, then the size of the tag before, which is none.
        let mut at = 9 + 4;
        while at + 11 <= file.len() {
            let size = u32::from_be_bytes([0, file[at + 1], file[at + 2], file[at + 3]]) as usize;
            let body = &file[at + 11..at + 11 + size];
            match (file[at], body) {
                // Frame type, codec 7, packet type, three bytes of composition time.
                (9, [kind, 0, _, _, _, record @ ..]) if kind & 0xf == 7 => avcc = record.to_vec().into(),
                (9, [kind, 1, 0, 0, 0, data @ ..]) if kind & 0xf == 7 => {
                    let time = FrameRate(fps).frame_time(pictures);
                    let duration = MediaTime(1_000_000_000 / u64::from(fps));
                    frames.push(frame(Track::Video, time, duration, kind >> 4 == 1, data));
                    pictures += 1;
                }
                // Sound format 10, packet type.
                (8, [kind, 0, config @ ..]) if kind >> 4 == 10 => asc = config.to_vec().into(),
                (8, [kind, 1, data @ ..]) if kind >> 4 == 10 => {
                    let time = MediaTime(sounds * 1024 * 1_000_000_000 / u64::from(sample_rate));
                    let duration = MediaTime(1024 * 1_000_000_000 / u64::from(sample_rate));
                    frames.push(frame(Track::Audio, time, duration, true, data));
                    sounds += 1;
                }
                (8 | 9, [_, 2, ..]) | (18, _) => {}
                (kind, body) => panic!("tag {kind} with {:?} is none this reader knows", body.get(..5)),
            }
            at += 11 + size + 4;
        }
        Self {
            video: VideoConfig { avcc, width, height, fps, kbps: 500 },
            audio: AudioConfig { asc, sample_rate, channels: 2, kbps: 128 },
            frames,
        }
    }

    /// The parameters as the hub takes them.
    pub fn configs(&self) -> [TrackConfig; 2] {
        [TrackConfig::Video(self.video.clone()), TrackConfig::Audio(self.audio.clone())]
    }

    /// The frames that much later.
    pub fn frames_from(&self, start: MediaTime) -> impl Iterator<Item = EncodedFrame> {
        self.frames.iter().map(move |frame| EncodedFrame {
            pts: MediaTime(frame.pts.0 + start.0),
            dts: MediaTime(frame.dts.0 + start.0),
            ..frame.clone()
        })
    }
}

fn frame(track: Track, time: MediaTime, duration: MediaTime, keyframe: bool, data: &[u8]) -> EncodedFrame {
    EncodedFrame { track, pts: time, dts: time, duration, keyframe, data: data.to_vec().into() }
}
