//! The test sound: a participant's own steady tone, and a beep at each full second of media time.

use std::str::FromStr;

/// Samples a second, everywhere in this module: what Opus and the program use.
pub const RATE: u32 = 48_000;

/// The participants' tones, hertz; the same index as their colours.
///
/// At least 103 Hz apart, so that a 20 ms window (first null 100 Hz away) tells them; none within
/// 12 Hz of a low harmonic or a simple ratio of another, so that distortion of one is not taken for
/// another; none with a harmonic at the beep.
pub const TONES: [u32; super::palette::COLOURS] =
    [317, 426, 532, 646, 757, 867, 976, 1083, 1193, 1306, 1412, 1526, 1631, 1746, 1851, 1964];

/// The beep's frequency, hertz; the same for everybody.
pub const BEEP_HZ: u32 = 3000;

/// How long a beep lasts, samples (60 ms).
pub const BEEP_SAMPLES: u64 = 60 * RATE as u64 / 1000;

/// A beep swells and ends within so many samples (2 ms), shaped like half a cosine: a hard edge would
/// be a click, and clicks are what we look for.
pub const BEEP_RAMP: u64 = 2 * RATE as u64 / 1000;

/// Amplitude of the tone: −20 dBFS (peak against full scale).
pub const TONE_LEVEL: f32 = 0.1;

/// Amplitude of the beep: −8 dBFS.
pub const BEEP_LEVEL: f32 = 0.398;

/// A participant's sound as a function of the sample's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone {
    hz: u32,
    talk: Option<Talk>,
}

/// When somebody talks: from second `from` to second `to` of every `every` seconds. Else they are silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Talk {
    from: u64,
    to: u64,
    every: u64,
}

/// A talk that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("talk must have the form FROM-TO/EVERY in whole seconds, with FROM < TO <= EVERY <= 3600")]
pub struct InvalidTalk;

impl FromStr for Talk {
    type Err = InvalidTalk;
    fn from_str(text: &str) -> Result<Self, InvalidTalk> {
        let (span, every) = text.split_once('/').ok_or(InvalidTalk)?;
        let (from, to) = span.split_once('-').ok_or(InvalidTalk)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| InvalidTalk);
        let talk = Self { from: number(from)?, to: number(to)?, every: number(every)? };
        let holds = talk.from < talk.to && talk.to <= talk.every && talk.every <= 3600;
        if holds { Ok(talk) } else { Err(InvalidTalk) }
    }
}

impl Talk {
    /// How loud sample `n` is: 0 or 1, and between them within [`BEEP_RAMP`] at each end.
    fn gain(self, n: u64) -> f32 {
        let second = u64::from(RATE);
        let at = n % (self.every * second);
        let (from, to) = (self.from * second, self.to * second);
        let edge = at.saturating_sub(from).min(to.saturating_sub(at));
        edge.min(BEEP_RAMP) as f32 / BEEP_RAMP as f32
    }
}

/// A frequency that cannot be a steady tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tone must be from 50 to 2500 Hz")]
pub struct InvalidTone;

impl Tone {
    /// A tone of `hz` hertz, 50 to 2500 (the beep must stand out).
    pub const fn new(hz: u32) -> Result<Self, InvalidTone> {
        if hz >= 50 && hz <= 2500 { Ok(Self { hz, talk: None }) } else { Err(InvalidTone) }
    }

    /// The tone of the participant with this number; numbers past the table start over.
    pub const fn of(participant: usize) -> Self {
        Self { hz: TONES[participant % TONES.len()], talk: None }
    }

    /// The same, heard only then.
    pub const fn talking(self, talk: Option<Talk>) -> Self {
        Self { talk, ..self }
    }

    /// Its frequency, hertz.
    pub const fn hz(self) -> u32 {
        self.hz
    }

    /// Sample `n`, from −1 to 1; `n / RATE` is its media time. Exact for any `n`: phases are counted
    /// in integers, and repeat every second.
    pub fn sample(self, n: u64) -> f32 {
        let in_second = n % u64::from(RATE);
        let gain = self.talk.map_or(1.0, |talk| talk.gain(n));
        gain * (TONE_LEVEL * sine(self.hz, in_second) + beep(in_second))
    }

    /// Writes the 16-bit samples from number `first` on.
    pub fn fill(self, first: u64, samples: &mut [i16]) {
        for (n, sample) in (first..).zip(samples) {
            *sample = (self.sample(n) * f32::from(i16::MAX)).round() as i16;
        }
    }
}

fn beep(in_second: u64) -> f32 {
    if in_second >= BEEP_SAMPLES {
        return 0.0;
    }
    let edge = in_second.min(BEEP_SAMPLES - in_second);
    let ramp = if edge < BEEP_RAMP {
        0.5 - 0.5 * (std::f32::consts::PI * edge as f32 / BEEP_RAMP as f32).cos()
    } else {
        1.0
    };
    BEEP_LEVEL * ramp * sine(BEEP_HZ, in_second)
}

fn sine(hz: u32, n: u64) -> f32 {
    let phase = u64::from(hz) * n % u64::from(RATE);
    (std::f32::consts::TAU * phase as f32 / RATE as f32).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_are_no_harmonics_of_each_other_nor_of_the_beep() {
        for (i, a) in TONES.iter().enumerate() {
            for k in 1..=10 {
                assert!(BEEP_HZ.abs_diff(k * a) >= 15, "{k} x {a} is the beep");
            }
            for b in &TONES[i + 1..] {
                assert!(b - a >= 103, "{a} and {b}");
                for k in 2..=7 {
                    assert!(b.abs_diff(k * a) >= 12, "{b} is {k} x {a}");
                }
                for (p, q) in [(3, 2), (4, 3), (5, 2), (5, 3)] {
                    assert!((b * q).abs_diff(a * p) >= 10, "{b} : {a} is {p} : {q}");
                }
            }
        }
    }

    #[test]
    fn the_beep_begins_at_each_full_second_and_nowhere_else() {
        let tone = Tone::of(0);
        let second = u64::from(RATE);
        for n in [0, second, 3600 * second] {
            let loudest = |from: u64, to: u64| (from..to).map(|n| tone.sample(n).abs()).fold(0.0, f32::max);
            assert!(loudest(n, n + BEEP_SAMPLES) > 0.45);
            assert!(loudest(n + BEEP_SAMPLES, n + second) <= TONE_LEVEL * 1.001);
        }
    }

    #[test]
    fn the_sound_repeats_exactly_and_has_no_step() {
        let tone = Tone::of(7);
        for n in 0..u64::from(RATE) {
            assert_eq!(tone.sample(n), tone.sample(n + 7 * u64::from(RATE)));
            assert!((tone.sample(n + 1) - tone.sample(n)).abs() < 0.18, "step at {n}");
        }
        let mut samples = [0; 8];
        tone.fill(100, &mut samples);
        assert_eq!(samples[3], (tone.sample(103) * 32767.0).round() as i16);
    }

    #[test]
    fn who_talks_now_and_then_is_silent_between() {
        let tone = Tone::of(0).talking(Some("2-4/6".parse().unwrap()));
        let second = u64::from(RATE);
        let loudest = |from: u64| (from..from + second).map(|n| tone.sample(n).abs()).fold(0.0, f32::max);
        let heard: Vec<bool> = (0..12).map(|s| loudest(s * second) > 0.05).collect();
        assert_eq!(heard, [false, false, true, true, false, false].repeat(2));
        for text in ["", "2-4", "4-2/6", "2-7/6", "0-1/4000", "a-b/c", "-1-2/3"] {
            assert_eq!(text.parse::<Talk>(), Err(InvalidTalk), "{text}");
        }
    }

    #[test]
    fn tones_out_of_range_are_refused() {
        assert!(Tone::new(49).is_err() && Tone::new(2501).is_err());
        assert_eq!(Tone::new(440).map(Tone::hz), Ok(440));
    }
}
