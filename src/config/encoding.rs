//! What a program's encoding may be: one rule for `[encoding]` and for `encoding` of a start.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Pixels, even: 4:2:0 chroma has half the luma's size. 16 is one macroblock.
pub const WIDTH: RangeInclusive<u32> = 16..=3840;
/// Pixels, even.
pub const HEIGHT: RangeInclusive<u32> = 16..=2160;
/// Frames a second.
pub const FPS: RangeInclusive<u32> = 5..=60;
/// kbit/s.
pub const VIDEO_KBPS: RangeInclusive<u32> = 100..=50_000;
/// kbit/s; AAC-LC stereo.
pub const AUDIO_KBPS: RangeInclusive<u32> = 32..=320;
/// Distance of keyframes, milliseconds.
pub const KEYFRAME_MS: RangeInclusive<u32> = 500..=10_000;
/// LUFS: from what is usual in cinemas to the loudest radio; streaming services ask for -16 to -14.
pub const LOUDNESS_LUFS: RangeInclusive<i32> = -31..=-10;
/// Smaller sizes of one program; each costs an encoder.
pub const MAX_RENDITIONS: usize = 4;
/// x264 presets, fastest first; slower ones cost more than live encoding has.
pub const PRESETS: [&str; 6] = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"];

/// A value that cannot be encoded with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value} is not allowed; allowed: {allowed}")]
pub struct BadEncoding {
    /// `width`, `renditions[0].height`, …
    pub field: String,
    /// What was asked for.
    pub value: i64,
    /// What is allowed.
    pub allowed: String,
}

/// A smaller size of the program's picture, as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenditionNumbers {
    /// Pixels, even, below the program's; the width follows from the program's aspect.
    pub height: u32,
    /// kbit/s, not above the program's.
    pub video_kbps: u32,
}

/// The numbers of an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    pub width: u32,
    pub height: u32,
    pub fps: u32,
    pub video_kbps: u32,
    pub audio_kbps: u32,
    pub keyframe_ms: u32,
    /// 0: the sound stays as it is.
    pub loudness_lufs: i32,
}

impl Numbers {
    /// Everything that is wrong with them.
    pub fn faults(&self) -> Vec<BadEncoding> {
        let mut faults = Vec::new();
        let mut even = |field: &str, value: u32, range: RangeInclusive<u32>| {
            if !range.contains(&value) || !value.is_multiple_of(2) {
                let allowed = format!("even numbers from {} to {} pixels", range.start(), range.end());
                faults.push(BadEncoding { field: String::from(field), value: value.into(), allowed });
            }
        };
        even("width", self.width, WIDTH);
        even("height", self.height, HEIGHT);
        let mut within = |field: &str, value: u32, range: RangeInclusive<u32>, unit: &str| {
            if !range.contains(&value) {
                let allowed = format!("{} to {} {unit}", range.start(), range.end());
                faults.push(BadEncoding { field: String::from(field), value: value.into(), allowed });
            }
        };
        within("fps", self.fps, FPS, "frames a second");
        within("video_kbps", self.video_kbps, VIDEO_KBPS, "kbit/s");
        within("audio_kbps", self.audio_kbps, AUDIO_KBPS, "kbit/s");
        within("keyframe_ms", self.keyframe_ms, KEYFRAME_MS, "ms");
        if FPS.contains(&self.fps)
            && KEYFRAME_MS.contains(&self.keyframe_ms)
            && let Some(allowed) = keyframe_hint(self.keyframe_ms, self.fps)
        {
            faults.push(BadEncoding {
                field: "keyframe_ms".to_owned(),
                value: self.keyframe_ms.into(),
                allowed,
            });
        }
        if self.loudness_lufs != 0 && !LOUDNESS_LUFS.contains(&self.loudness_lufs) {
            let (least, most) = LOUDNESS_LUFS.into_inner();
            let allowed = format!("{least} to {most} LUFS, or 0 for as it is");
            let value = self.loudness_lufs.into();
            faults.push(BadEncoding { field: "loudness_lufs".to_owned(), value, allowed });
        }
        faults
    }
}

impl Numbers {
    /// Everything that is wrong with smaller renditions of it.
    pub fn rendition_faults(&self, renditions: &[RenditionNumbers]) -> Vec<BadEncoding> {
        let mut faults = Vec::new();
        if renditions.len() > MAX_RENDITIONS {
            let allowed = format!("at most {MAX_RENDITIONS} smaller sizes");
            let value = i64::try_from(renditions.len()).unwrap_or(i64::MAX);
            faults.push(BadEncoding { field: "renditions".to_owned(), value, allowed });
        }
        for (index, one) in renditions.iter().enumerate() {
            let mut fault = |field: &str, value: u32, allowed| {
                let field = format!("renditions[{index}].{field}");
                faults.push(BadEncoding { field, value: value.into(), allowed });
            };
            let highest = self.height.saturating_sub(2);
            if !one.height.is_multiple_of(2) || !(*HEIGHT.start()..=highest).contains(&one.height) {
                let allowed = format!("even numbers from {} to {highest} pixels", HEIGHT.start());
                fault("height", one.height, allowed);
            }
            if !(*VIDEO_KBPS.start()..=self.video_kbps).contains(&one.video_kbps) {
                let allowed = format!("{} to {} kbit/s", VIDEO_KBPS.start(), self.video_kbps);
                fault("video_kbps", one.video_kbps, allowed);
            }
            if renditions[..index].contains(one) {
                fault("height", one.height, "sizes and rates that differ".to_owned());
            }
        }
        faults
    }

    /// The width of a rendition of this height: the program's aspect, in even pixels.
    pub fn rendition_width(&self, height: u32) -> u32 {
        let (own, whole) = (u64::from(self.width) * u64::from(height), u64::from(self.height.max(1)));
        // Half of it, rounded, and that twice.
        let even = (own + whole) / (2 * whole) * 2;
        u32::try_from(even).unwrap_or(u32::MAX).max(*WIDTH.start())
    }
}

/// `None` when `keyframe_ms` is a whole number of frames; otherwise what to write instead.
fn keyframe_hint(keyframe_ms: u32, fps: u32) -> Option<String> {
    // k·fps/1000 is whole exactly when k is a multiple of 1000/gcd(1000, fps).
    let step = 1000 / gcd(1000, fps);
    if keyframe_ms.is_multiple_of(step) {
        return None;
    }
    let lowest = KEYFRAME_MS.start().div_ceil(step) * step;
    let highest = KEYFRAME_MS.end() / step * step;
    let nearest = ((keyframe_ms + step / 2) / step * step).clamp(lowest, highest);
    Some(format!("a whole number of frames at {fps} frames a second, the nearest is {nearest} ms"))
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Numbers = Numbers {
        width: 1280,
        height: 720,
        fps: 30,
        video_kbps: 2500,
        audio_kbps: 128,
        keyframe_ms: 2000,
        loudness_lufs: 0,
    };

    fn fault(numbers: Numbers) -> String {
        let faults = numbers.faults();
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].to_string()
    }

    #[test]
    fn the_edges_are_inside_and_what_is_beyond_is_named() {
        assert_eq!(GOOD.faults(), []);
        let least = Numbers {
            width: 16,
            height: 16,
            fps: 5,
            video_kbps: 100,
            audio_kbps: 32,
            keyframe_ms: 600,
            loudness_lufs: -31,
        };
        let most = Numbers {
            width: 3840,
            height: 2160,
            fps: 60,
            video_kbps: 50_000,
            audio_kbps: 320,
            keyframe_ms: 10_000,
            loudness_lufs: -10,
        };
        assert_eq!(least.faults(), []);
        assert_eq!(most.faults(), []);
        let width = |width| Numbers { width, ..GOOD };
        assert_eq!(
            fault(width(1281)),
            "width = 1281 is not allowed; allowed: even numbers from 16 to 3840 pixels"
        );
        fault(width(14));
        fault(width(3842));
        fault(Numbers { height: 2162, ..GOOD });
        fault(Numbers { fps: 4, ..GOOD });
        assert_eq!(
            fault(Numbers { fps: 61, ..GOOD }),
            "fps = 61 is not allowed; allowed: 5 to 60 frames a second"
        );
        fault(Numbers { video_kbps: 99, ..GOOD });
        fault(Numbers { audio_kbps: 321, ..GOOD });
        fault(Numbers { keyframe_ms: u32::MAX, ..GOOD });
        assert_eq!(
            fault(Numbers { loudness_lufs: -5, ..GOOD }),
            "loudness_lufs = -5 is not allowed; allowed: -31 to -10 LUFS, or 0 for as it is"
        );
        fault(Numbers { loudness_lufs: 16, ..GOOD });
    }

    #[test]
    fn keyframes_fall_on_frames_and_the_nearest_allowed_value_is_named() {
        assert_eq!(
            fault(Numbers { keyframe_ms: 2040, ..GOOD }),
            "keyframe_ms = 2040 is not allowed; allowed: a whole number of frames at 30 frames a second, \
             the nearest is 2000 ms"
        );
        for fps in FPS {
            for keyframe_ms in KEYFRAME_MS {
                let Some(hint) = keyframe_hint(keyframe_ms, fps) else {
                    assert_eq!(keyframe_ms * fps % 1000, 0);
                    continue;
                };
                assert_ne!(keyframe_ms * fps % 1000, 0);
                let nearest: u32 = hint.split(' ').rev().nth(1).unwrap().parse().unwrap();
                assert!(
                    KEYFRAME_MS.contains(&nearest) && (nearest * fps).is_multiple_of(1000),
                    "{fps} {keyframe_ms}"
                );
            }
        }
    }
}
