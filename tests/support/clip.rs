//! Real H.264 and AAC to push into a hub, and what ffprobe makes of a file.

use crate::flv::Recording;
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Encodes `seconds` of test picture and tone: 30 fps, a keyframe every 2 s, AAC 48 kHz.
pub fn clip(folder: &Path, seconds: u32, (width, height): (u32, u32), profile: &str) -> Recording {
    let file = folder.join(format!("clip-{width}x{height}-{profile}.flv"));
    let picture = format!("testsrc2=size={width}x{height}:rate=30:duration={seconds}");
    let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let status = Command::new("ffmpeg")
        .args(["-y", "-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", profile, "-pix_fmt", "yuv420p"])
        .args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-bf", "0", "-b:v", "500k"])
        .args(["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv"])
        .arg(&file)
        .stdin(Stdio::null())
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "ffmpeg failed");
    Recording::parse(&std::fs::read(file).unwrap(), (width, height), 30, 48_000)
}

/// What a file holds when every frame of it is decoded.
#[derive(Debug)]
pub struct Looked {
    /// When each picture is shown, seconds.
    pub pictures: Vec<f64>,
    /// When each sound packet is heard, seconds.
    pub sounds: Vec<f64>,
    pub duration: f64,
    /// `width x height` of the pictures, as they change.
    pub sizes: Vec<(u64, u64)>,
}

/// Decodes a file or URL; neither ffprobe nor the decoder may complain.
pub fn look(input: &str) -> Looked {
    let probed = probe(input, &["-show_format", "-show_packets", "-show_frames", "-select_streams", "v"]);
    let seconds = |value: &Value| value.as_str().unwrap_or_default().parse::<f64>().unwrap_or(f64::NAN);
    let items = probed["packets_and_frames"].as_array().unwrap();
    let frames: Vec<&Value> = items.iter().filter(|item| item["type"] == "frame").collect();
    let packets = items.iter().filter(|item| item["type"] == "packet").count();
    assert_eq!(frames.len(), packets, "{input}: every packet is a picture");
    let mut sizes: Vec<(u64, u64)> = frames
        .iter()
        .map(|frame| (frame["width"].as_u64().unwrap(), frame["height"].as_u64().unwrap()))
        .collect();
    sizes.dedup();
    let sound = probe(input, &["-show_packets", "-select_streams", "a"]);
    let sounds = sound["packets"].as_array().unwrap().iter().map(|packet| seconds(&packet["pts_time"]));
    Looked {
        pictures: frames.iter().map(|frame| seconds(&frame["pts_time"])).collect(),
        sounds: sounds.collect(),
        duration: seconds(&probed["format"]["duration"]),
        sizes,
    }
}

impl Looked {
    /// Every picture one frame after the last, except for gaps: their lengths, seconds.
    pub fn gaps(&self) -> Vec<f64> {
        let steps: Vec<f64> = self.pictures.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| *step > 0.0), "time goes back: {steps:?}");
        assert!(self.sounds.windows(2).all(|pair| pair[1] > pair[0]), "time goes back: {:?}", self.sounds);
        steps.into_iter().filter(|step| (step - 1.0 / 30.0).abs() > 0.002).collect()
    }
}

/// ffprobe's JSON; it must find nothing to complain about.
pub fn probe(input: &str, what: &[&str]) -> Value {
    let output =
        Command::new("ffprobe").args(["-v", "warning", "-of", "json"]).args(what).arg(input).output();
    let output = output.expect("ffprobe runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "ffprobe {input}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes to a file for people to look at when `KEEP_MEDIA` names a directory.
pub fn keep(path: &Path, name: &str) {
    if let Some(directory) = std::env::var_os("KEEP_MEDIA") {
        let _ = std::fs::create_dir_all(&directory);
        let _ = std::fs::copy(path, Path::new(&directory).join(name));
    }
}
