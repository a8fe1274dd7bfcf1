//! What work is estimated to cost, in cores. Measured by `make bench` on the machine of docs/BENCHMARKS.md; another
//! machine is faster or slower, which what is measured there (see [`usage`](super::usage)) makes good.

use crate::{
    control::cast::{Encoding, Source},
    ipc::ProgramMode,
};

/// CPU: 1.0 is one core, all the time.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Cores(pub f64);

/// A publisher, whom nobody sees: packets, jitter buffers, Opus.
pub const PUBLISHER: Cores = Cores(0.02);
/// A program whose pictures pass through: sound decoded, mixed and coded, all the rest handed on.
pub const PASSTHROUGH: Cores = Cores(0.09);
/// One forwarded stream (WHEP): 0.0096 core for 200 kbit/s was measured; the usual one has more.
pub const SUBSCRIBER: Cores = Cores(0.02);

/// 720p30, in pixels a second: what the figures below are of.
const MEASURED_PIXELS: f64 = 1280.0 * 720.0 * 30.0;
/// Decoding one 720p30 stream.
const DECODING: f64 = 0.06;
/// Scaling and placing tiles.
const MIXING: f64 = 0.17;
/// x264 `veryfast`.
const ENCODING: f64 = 0.26;
/// AAC, the sound's mix and the program's own clockwork.
const SOUND: f64 = 0.06;

/// How many of `people` are decoded for such a program, beside whom `standby` more are.
pub fn decoders(source: &Source, people: usize, standby: usize) -> usize {
    // How many are seen, and how many there can be.
    let (seen, streams) = match source {
        Source::Participant { .. } | Source::Follow { .. } => (1, people),
        Source::Grid { participants: Some(some) } => (some.len(), people),
        Source::Grid { participants: None } | Source::Speaker { .. } => (people, people),
        // Here a camera and a screen of one may be seen.
        Source::Screen { .. } => (2, people + 1),
        Source::Arranged { arrangement, .. } => (arrangement.tiles(), 2 * people),
        // It has a decoder of its own, and one for what comes after it.
        Source::File(_) => (2, people + 1),
        Source::Slate => (0, people),
    };
    (seen + standby).min(streams)
}

/// A cast for which so many are decoded, without what these cost as publishers.
pub fn cast(encoding: &Encoding, preset: &str, decoders: usize) -> Cores {
    if encoding.mode == ProgramMode::Passthrough {
        return PASSTHROUGH;
    }
    let pixels = |width: u32, height: u32| {
        f64::from(width) * f64::from(height) * f64::from(encoding.fps) / MEASURED_PIXELS
    };
    let program = pixels(encoding.width, encoding.height);
    let renditions: f64 = encoding.renditions.iter().map(|one| pixels(one.width, one.height)).sum();
    // Counts this small are exact in a double.
    let decoding = decoders as f64 * DECODING;
    Cores(SOUND + decoding + program * MIXING + (program + renditions) * ENCODING * of_preset(preset))
}

/// What x264 costs with a preset, `veryfast` being 1: measured with 8 s of 720p30 with noise.
fn of_preset(preset: &str) -> f64 {
    match preset {
        "ultrafast" => 0.45,
        "superfast" => 0.7,
        "faster" => 1.6,
        "fast" => 3.8,
        "medium" => 4.1,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::cast::Rendition;

    fn encoding(width: u32, height: u32, mode: ProgramMode) -> Encoding {
        Encoding {
            mode,
            width,
            height,
            fps: 30,
            video_kbps: 2500,
            audio_kbps: 128,
            keyframe_ms: 2000,
            loudness_lufs: None,
            renditions: Vec::new(),
        }
    }

    #[test]
    fn the_estimate_is_what_was_measured() {
        let four = cast(&encoding(1280, 720, ProgramMode::Compose), "veryfast", 4).0 + 4.0 * PUBLISHER.0;
        assert!((four - 0.81).abs() < 0.02, "{four}");
        assert_eq!(cast(&encoding(1280, 720, ProgramMode::Passthrough), "medium", 4), PASSTHROUGH);
    }

    #[test]
    fn more_pixels_slower_presets_and_renditions_cost_more() {
        let mut spec = encoding(1280, 720, ProgramMode::Compose);
        let plain = cast(&spec, "veryfast", 1);
        assert!(cast(&encoding(1920, 1080, ProgramMode::Compose), "veryfast", 1) > plain);
        assert!(cast(&spec, "medium", 1) > plain && cast(&spec, "ultrafast", 1) < plain);
        spec.renditions = vec![Rendition { width: 640, height: 360, video_kbps: 600 }];
        assert!(cast(&spec, "veryfast", 1) > plain);
    }

    #[test]
    fn those_who_are_seen_and_those_who_stand_by_are_decoded() {
        let alone = Source::Participant { participant: "a".parse().unwrap(), stream: Default::default() };
        assert_eq!(decoders(&alone, 16, 4), 5);
        assert_eq!(decoders(&alone, 2, 4), 2);
        assert_eq!(decoders(&Source::Grid { participants: None }, 9, 4), 9);
        assert_eq!(decoders(&Source::Grid { participants: Some(vec!["a".parse().unwrap()]) }, 9, 0), 1);
        assert_eq!(decoders(&Source::Slate, 9, 0), 0);
    }

    #[test]
    fn each_preset_that_can_be_chosen_is_known() {
        let costs = crate::config::encoding::PRESETS.map(of_preset);
        assert!(costs.is_sorted_by(|a, b| a < b), "{costs:?}");
    }
}
