//! Real media for tests: ffmpeg writes an FLV file, this reads it as the program's frames.

use bytes::Bytes;
use meetingcast::{
    media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig},
    units::MediaTime,
};
use std::{path::Path, process::Command};

pub const WIDTH: u32 = 320;
pub const HEIGHT: u32 = 180;
pub const FPS: u32 = 30;

/// A clip that can be played in a loop.
pub struct Clip {
    pub configs: Vec<TrackConfig>,
    /// In the file's order.
    pub frames: Vec<EncodedFrame>,
    pub length_ms: u64,
    /// When each track's first frame is; audio begins later by the B-frames' and the encoder's delay.
    video_begin: Option<u64>,
    audio_begin: Option<u64>,
}

/// Encodes `seconds` of test picture (H.264 with B-frames, an IDR a second) and a 440 Hz tone (AAC).
pub fn clip(dir: &Path, seconds: u64) -> Clip {
    let file = dir.join("clip.flv");
    // A second more than wanted: what is cut off at the end leaves no gap where the loop closes.
    let encoded = (seconds + 1).to_string();
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-y", "-v", "error"])
        .args(["-f", "lavfi", "-i", &format!("testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS}")])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"])
        .args(["-t", &encoded, "-pix_fmt", "yuv420p"])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "30", "-sc_threshold", "0"])
        .args(["-c:a", "aac", "-b:a", "96k", "-ac", "2", "-f", "flv"])
        .arg(&file)
        .status()
        .expect("ffmpeg must be installed (apt install ffmpeg)");
    assert!(status.success(), "ffmpeg could not encode the clip");
    parse(&std::fs::read(&file).unwrap(), seconds * 1000)
}

fn parse(mut file: &[u8], length_ms: u64) -> Clip {
    assert_eq!(&file[..3], b"FLV");
    file = &file[13..];
    let mut clip =
        Clip { configs: Vec::new(), frames: Vec::new(), length_ms, video_begin: None, audio_begin: None };
    while file.len() > 11 {
        let number = |bytes: &[u8]| bytes.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        let (kind, size) = (file[0], number(&file[1..4]) as usize);
        let time = u64::from(number(&file[4..7]) | u32::from(file[7]) << 24);
        clip.tag(kind, time, &file[11..11 + size]);
        file = &file[11 + size + 4..];
    }
    assert_eq!(clip.configs.len(), 2);
    clip
}

impl Clip {
    fn tag(&mut self, kind: u8, time: u64, body: &[u8]) {
        match (kind, body.get(1)) {
            (9, Some(0)) => self.configs.push(TrackConfig::Video(VideoConfig {
                avcc: Bytes::copy_from_slice(&body[5..]),
                width: WIDTH,
                height: HEIGHT,
                fps: FPS,
                kbps: 500,
            })),
            (8, Some(0)) => self.configs.push(TrackConfig::Audio(AudioConfig {
                asc: Bytes::copy_from_slice(&body[2..]),
                sample_rate: 48_000,
                channels: 2,
                kbps: 96,
            })),
            (9, Some(1)) => {
                let composition = u64::from(body[3]) << 8 | u64::from(body[4]);
                self.frame(Track::Video, time, composition, body[0] >> 4 == 1, &body[5..]);
            }
            (8, Some(1)) => self.frame(Track::Audio, time, 0, true, &body[2..]),
            _ => {}
        }
    }

    fn frame(&mut self, track: Track, time: u64, composition: u64, keyframe: bool, data: &[u8]) {
        let begin = match track {
            Track::Video => *self.video_begin.get_or_insert(time),
            Track::Audio => *self.audio_begin.get_or_insert(time),
        };
        // Each track is exactly as long as the loop.
        if time < begin + self.length_ms {
            self.frames.push(EncodedFrame {
                track,
                pts: MediaTime::from_millis(time + composition),
                dts: MediaTime::from_millis(time),
                duration: MediaTime::ZERO,
                keyframe,
                data: Bytes::copy_from_slice(data),
            });
        }
    }

    /// The clip over and over, on one timeline that begins at `start`.
    pub fn endless(&self, start: MediaTime) -> impl Iterator<Item = EncodedFrame> + '_ {
        (0u64..).flat_map(move |round| {
            self.frames.iter().map(move |frame| {
                let offset = start.0 + MediaTime::from_millis(round * self.length_ms).0;
                let mut frame = frame.clone();
                frame.pts.0 += offset;
                frame.dts.0 += offset;
                frame
            })
        })
    }
}
