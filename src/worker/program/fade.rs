//! A fade's course, pure: how much of the new scene is on the program at each frame.

use super::sound;
use crate::units::FrameRate;
use std::time::Duration;

/// How much of a picture covers what is under it, in 256ths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// Nothing of what is under it is seen.
    pub const WHOLE: Self = Self(256);

    /// In 256ths, up to 256.
    pub const fn parts(self) -> u16 {
        self.0
    }

    /// `part` of `of`, to the nearest 256th: a fifth of a percent, of which eight bits show nothing.
    fn of(part: u32, of: u32) -> Self {
        let parts = (u64::from(part) * 256 + u64::from(of) / 2) / u64::from(of.max(1));
        Self(parts.min(256) as u16)
    }
}

/// A fade. Its first frame shows the first step of the new scene, its last one is the first that shows it alone: `frames`
/// later than the last frame that showed the old one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fade {
    frames: u32,
    shown: u32,
    rate: FrameRate,
}

impl Fade {
    /// As many frames as come nearest to `length`; `None` when that is one or none: a cut.
    pub fn new(length: Duration, rate: FrameRate) -> Option<Self> {
        let frames = rate.frames_in(length);
        (frames > 1).then_some(Self { frames, shown: 0, rate })
    }

    /// The next frame's share.
    pub fn advance(&mut self) -> Share {
        self.shown = self.shown.saturating_add(1).min(self.frames);
        self.share()
    }

    /// This frame's share.
    pub fn share(self) -> Share {
        Share::of(self.shown, self.frames)
    }

    /// Samples of the sound's fade, which begins with the sound of the first frame and is as long.
    pub fn samples(self) -> u32 {
        let samples = u64::from(self.frames) * sound::RATE / u64::from(self.rate.0.max(1));
        u32::try_from(samples).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_second_is_fifteen_equal_steps() {
        let mut fade = Fade::new(Duration::from_millis(500), FrameRate(30)).unwrap();
        assert_eq!(fade.samples(), 24_000);
        let shares: Vec<u16> = (0..16).map(|_| fade.advance().parts()).collect();
        assert_eq!(&shares[..3], [17, 34, 51]);
        assert_eq!(&shares[13..], [239, 256, 256]);
    }

    #[test]
    fn less_than_two_frames_is_a_cut() {
        assert_eq!(Fade::new(Duration::ZERO, FrameRate(30)), None);
        assert_eq!(Fade::new(Duration::from_millis(40), FrameRate(30)), None);
        assert!(Fade::new(Duration::from_millis(60), FrameRate(30)).is_some());
    }

    proptest! {
        #[test]
        fn a_fade_climbs_in_a_straight_line_for_exactly_its_length(ms in 50_u64..5000, fps in 5_u32..61) {
            let Some(mut fade) = Fade::new(Duration::from_millis(ms), FrameRate(fps)) else { return Ok(()) };
            let frames = (ms as f64 * f64::from(fps) / 1000.0).round();
            for n in 1..=frames as u32 {
                let share = fade.advance();
                prop_assert!((f64::from(share.parts()) / 256.0 - f64::from(n) / frames).abs() <= 1.0 / 512.0 + 1e-9);
                prop_assert_eq!(share == Share::WHOLE, f64::from(n) / frames > 1.0 - 1.0 / 512.0);
            }
        }
    }
}
