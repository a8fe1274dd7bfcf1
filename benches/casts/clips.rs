//! The media that both sides get: test pictures and tones, coded once, so that sending them costs little.

use std::{path::PathBuf, process::Command};

/// Seconds of a clip; it is sent again and again.
const SECONDS: u32 = 20;
/// Frames a second.
pub const FPS: u32 = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    H264,
    Vp8,
}

/// What a participant sends.
#[derive(Debug, Clone, Copy)]
pub struct Clip {
    pub codec: Codec,
    pub width: u32,
    pub height: u32,
    pub kbps: u32,
}

impl Clip {
    /// The file of participant `number`, made if it is not there.
    pub fn file(&self, number: usize) -> PathBuf {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips");
        std::fs::create_dir_all(&directory).expect("a directory for the clips");
        let Self { codec, width, height, kbps } = self;
        let path = directory.join(format!("{codec:?}-{width}x{height}-{kbps}-{number}.mkv"));
        if path.exists() {
            return path;
        }
        let rate = format!("{kbps}k");
        let gop = FPS.to_string();
        // A keyframe each second, as a sender that is asked now and then has; no B-frames, as in WebRTC.
        let coder: &[&str] = match codec {
            Codec::H264 => &["-c:v", "libx264", "-profile:v", "baseline", "-preset", "fast"],
            Codec::Vp8 => &["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "4"],
        };
        let half = path.with_extension("half.mkv");
        let status = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i"])
            .arg(format!("testsrc2=size={width}x{height}:rate={FPS},hue=h={},format=yuv420p", number * 37))
            .args(["-f", "lavfi", "-i"])
            .arg(format!("sine=frequency={}:sample_rate=48000", 300 + 70 * number))
            .args(["-t", &SECONDS.to_string()])
            .args(coder)
            .args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate, "-g", &gop])
            .args(["-c:a", "libopus", "-b:a", "64k", "-ac", "2"])
            .arg(&half)
            .status()
            .expect("ffmpeg is installed");
        assert!(status.success(), "ffmpeg made no {}", path.display());
        // Whole or not there at all.
        std::fs::rename(&half, &path).expect("the clip takes its name");
        path
    }
}
