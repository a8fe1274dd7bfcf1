//! Judges what was received: frames, gaps, switches, sound and picture together.

use crate::publisher::{
    planes::PictureSize,
    recording::{Layout, Recording},
    viewer::{self, ViewError},
};
use std::{fmt::Write, path::PathBuf, time::Duration};

/// The publishers' picture.
const CONTENT: PictureSize = PictureSize { width: 640, height: 360 };
/// Sound and picture belong together within this (ITU-R BT.1359: noticed from 45 ms early).
const LIP_SYNC_NS: i64 = 40_000_000;
/// Silences shorter than this are breaths of the codec.
const SILENCE_NS: u64 = 20_000_000;
/// Encoder and receiver settle in at the beginning.
const SETTLE_NS: u64 = 500_000_000;

/// What should have been received.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Changes of the participant.
    pub switches: usize,
    /// Frames a second.
    pub fps: u32,
}

/// What is to be said of it.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// For people, some lines.
    pub summary: String,
    /// Whatever is wrong, a sentence each.
    pub faults: Vec<String>,
}

impl Verdict {
    /// Notes a fault unless `good`.
    pub fn check(&mut self, good: bool, fault: &str) {
        if !good {
            self.faults.push(fault.to_owned());
        }
    }

    /// Adds another verdict.
    pub fn merge(&mut self, other: Self) {
        self.summary.push_str(&other.summary);
        self.faults.extend(other.faults);
    }
}

/// Looks at the files of one output.
///
/// # Errors
/// A file cannot be decoded.
pub fn judge(output: &str, files: &[PathBuf], expected: Expected) -> Result<Verdict, ViewError> {
    let mut verdict = Verdict::default();
    verdict.check(!files.is_empty(), &format!("{output}: nothing was received"));
    let mut switches = 0;
    for file in files {
        let recording = viewer::view_file(file, Layout::Single(CONTENT))?;
        switches += judge_file(output, &recording, expected, &mut verdict);
    }
    let fault = format!("{output}: {switches} switches were seen instead of {}", expected.switches);
    verdict.check(switches == expected.switches, &fault);
    Ok(verdict)
}

fn judge_file(output: &str, recording: &Recording, expected: Expected, verdict: &mut Verdict) -> usize {
    let frame = Duration::from_nanos(1_000_000_000 / u64::from(expected.fps));
    let switches = recording.switches(0);
    let gaps = recording.gaps(frame);
    let offsets: Vec<i64> = recording.av_offsets(0).iter().map(|offset| offset.offset_ns).collect();
    let distances: Vec<i64> = switches.iter().filter_map(|switch| switch.distance_ns).collect();
    let began = recording.video.first().map_or(0, |sample| sample.pts_ns);
    let silences = recording.audio.silences();
    let silent = silences
        .iter()
        .filter(|silence| silence.length_ns > SILENCE_NS && silence.start_ns > began + SETTLE_NS)
        .count();
    let cadence = recording.cadence(0);
    let worst = |values: &[i64]| values.iter().map(|value| value.abs()).max().unwrap_or(0) as f64 / 1e6;

    let _ = writeln!(
        verdict.summary,
        "{output:5} {} frames, {} gaps, {} repeated, {} left out | {} switches, sound within {:.1} ms of the picture | \
         flash to beep at most {:.1} ms in {} seconds | {silent} silences",
        recording.video.len(),
        gaps.len(),
        cadence.repeated,
        cadence.skipped,
        switches.len(),
        worst(&distances),
        worst(&offsets),
        offsets.len(),
    );
    let mut check = |good: bool, fault: &str| verdict.check(good, &format!("{output}: {fault}"));
    check(recording.video.len() > expected.fps as usize, "there is hardly a picture");
    check(gaps.is_empty() && recording.backward_frames() == 0, "frames are missing or out of order");
    check(!offsets.is_empty(), "no flash with a beep was found");
    check(worst(&offsets) * 1e6 <= LIP_SYNC_NS as f64, "sound and picture are apart");
    check(distances.len() == switches.len(), "a switch changed the picture without the sound");
    check(worst(&distances) * 1e6 <= LIP_SYNC_NS as f64, "a switch took picture and sound apart");
    check(switches.iter().all(|switch| switch.between == 0), "a switch showed a frame of nobody");
    check(silent == 0, "there are holes in the sound");
    switches.len()
}
