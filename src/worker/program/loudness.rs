//! The program's loudness, brought towards a target: a slow gain by what is heard (EBU R 128), and a limiter behind it.
//!
//! The gain follows the short-term loudness (three seconds), as a person at the desk would, and stands still in pauses:
//! what is quiet between words is not made loud. Peaks are held by a limiter that sees them coming, so that it has no need to
//! bend them.

use super::{
    minus::Minuses,
    sound::{self, CHANNELS, RATE},
};
use crate::units::MediaTime;
use ebur128::{EbuR128, Mode};
use std::collections::VecDeque;

/// The gain stays within so many decibels up and down: a microphone that is further off is to be set right, not helped.
const REACH: f64 = 20.0;
/// Quieter than this within 400 ms is a pause, LUFS.
const PAUSE: f64 = -45.0;
/// The gain rises by so many decibels a second: slower than one hears as pumping.
const RISES: f64 = 1.5;
/// And falls: too loud is put right sooner than too quiet.
const FALLS: f64 = 6.0;
/// Sound that the short-term loudness is of, samples.
const SHORT_TERM: u64 = 3 * RATE;
/// No sample is larger: one decibel below full scale, which leaves room for what a coder adds.
const CEILING: f32 = 0.891;
/// The limiter sees so far ahead, samples: 1.5 ms, by which the sound is later than the picture.
const AHEAD: usize = 72;
/// After a peak the limiter lets go within about so many samples: 100 ms.
const RELEASE: f32 = 4800.0;

/// The last steps of a stretch of the program's sound: what listeners of their own get, and what everybody gets.
pub fn finish(block: &mut [f32], loudness: Option<&mut Loudness>, minuses: &mut Minuses, pts: MediaTime) {
    minuses.tell(block, loudness.as_ref().map_or(1.0, |loudness| loudness.gain()), pts);
    match loudness {
        Some(loudness) => loudness.process(block),
        None => sound::limit(block),
    }
}

/// Brings sound towards a loudness.
pub struct Loudness {
    meter: EbuR128,
    target: f64,
    gain_db: f64,
    heard: u64,
    limiter: Limiter,
}

impl Loudness {
    /// Towards `target` LUFS.
    ///
    /// # Errors
    /// The meter could not be made; for two channels at 48 kHz it can.
    pub fn new(target: f64) -> Result<Self, ebur128::Error> {
        let meter = EbuR128::new(CHANNELS as u32, RATE as u32, Mode::M | Mode::S)?;
        Ok(Self { meter, target, gain_db: 0.0, heard: 0, limiter: Limiter::default() })
    }

    /// Towards that many LUFS, where that is wanted.
    pub fn towards(lufs: Option<i8>) -> Option<Self> {
        let new = Self::new(f64::from(lufs?));
        new.inspect_err(|error| tracing::error!(%error, "loudness cannot be measured; it is left as it is"))
            .ok()
    }

    /// The gain now, a factor.
    pub fn gain(&self) -> f32 {
        10f64.powf(self.gain_db / 20.0) as f32
    }

    /// The next stretch of sound, interleaved: it comes out 1.5 ms later.
    pub fn process(&mut self, block: &mut [f32]) {
        let before = self.gain();
        self.listen(block);
        let after = self.gain();
        let frames = (block.len() / CHANNELS).max(1) as f32;
        for (n, frame) in block.chunks_exact_mut(CHANNELS).enumerate() {
            let gain = before + (after - before) * (n as f32 / frames);
            self.limiter.pass(frame, gain);
        }
    }

    fn listen(&mut self, block: &[f32]) {
        let frames = (block.len() / CHANNELS) as u64;
        // Refused only for a length that is no whole number of frames.
        if self.meter.add_frames_f32(block).is_err() {
            return;
        }
        self.heard += frames;
        let momentary = self.meter.loudness_momentary().unwrap_or(f64::NEG_INFINITY);
        if momentary < PAUSE {
            return;
        }
        let short_term = match self.heard < SHORT_TERM {
            true => momentary,
            false => self.meter.loudness_shortterm().unwrap_or(momentary),
        };
        let wanted = (self.target - short_term).clamp(-REACH, REACH);
        let seconds = frames as f64 / RATE as f64;
        self.gain_db += (wanted - self.gain_db).clamp(-FALLS * seconds, RISES * seconds);
    }
}

/// Holds peaks under [`CEILING`]: from [`AHEAD`] samples before a peak on the gain goes down to what it needs.
#[derive(Debug)]
struct Limiter {
    /// Samples on their way, [`AHEAD`] of them.
    line: VecDeque<[f32; CHANNELS]>,
    /// The smallest gain that any sample on its way needs: those that are smaller than all after them, with their numbers.
    needs: VecDeque<(u64, f32)>,
    next: u64,
    held: f32,
    /// The last gains, whose mean is applied: a step becomes a slope that ends where the peak is.
    slope: VecDeque<f32>,
    sum: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            line: VecDeque::from(vec![[0.0; CHANNELS]; AHEAD]),
            needs: VecDeque::new(),
            next: 0,
            held: 1.0,
            slope: VecDeque::from(vec![1.0; AHEAD]),
            sum: AHEAD as f32,
        }
    }
}

impl Limiter {
    fn pass(&mut self, frame: &mut [f32], gain: f32) {
        let mut sample = [0.0; CHANNELS];
        for (to, from) in sample.iter_mut().zip(frame.iter()) {
            *to = from * gain;
        }
        let peak = sample.iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
        let need = if peak > CEILING { CEILING / peak } else { 1.0 };
        while self.needs.back().is_some_and(|(_, other)| *other >= need) {
            self.needs.pop_back();
        }
        self.needs.push_back((self.next, need));
        while self.needs.front().is_some_and(|(at, _)| at + (AHEAD as u64) < self.next) {
            self.needs.pop_front();
        }
        self.next += 1;
        let least = self.needs.front().map_or(1.0, |(_, need)| *need);
        self.held = least.min(self.held + (1.0 - self.held) / RELEASE);

        self.slope.push_back(self.held);
        self.sum += self.held - self.slope.pop_front().unwrap_or(1.0);
        if self.next.is_multiple_of(RATE) {
            // What rounding has added up.
            self.sum = self.slope.iter().sum();
        }
        self.line.push_back(sample);
        let out = self.line.pop_front().unwrap_or_default();
        // The mean of gains of which none is larger than this sample needs, but for rounding.
        let applied = self.sum / AHEAD as f32;
        for (to, from) in frame.iter_mut().zip(out) {
            *to = (from * applied).clamp(-CEILING, CEILING);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A tone of this amplitude, `seconds` long.
    fn tone(amplitude: f32, seconds: f32) -> Vec<f32> {
        let count = (seconds * RATE as f32) as usize;
        let one = |n: usize| amplitude * (n as f32 * std::f32::consts::TAU * 997.0 / RATE as f32).sin();
        (0..count).flat_map(|n| [one(n); CHANNELS]).collect()
    }

    fn run(loudness: &mut Loudness, mut sound: Vec<f32>) -> Vec<f32> {
        // As the mixer does: a thirtieth of a second at a time.
        sound.chunks_mut(1600 * CHANNELS).for_each(|block| loudness.process(block));
        sound
    }

    fn lufs(sound: &[f32]) -> f64 {
        let mut meter = EbuR128::new(CHANNELS as u32, RATE as u32, Mode::I).unwrap();
        meter.add_frames_f32(sound).unwrap();
        meter.loudness_global().unwrap()
    }

    #[test]
    fn quiet_and_loud_come_to_the_target() {
        for amplitude in [0.02, 0.1, 0.5] {
            let mut loudness = Loudness::new(-16.0).unwrap();
            let out = run(&mut loudness, tone(amplitude, 30.0));
            let settled = lufs(&out[20 * RATE as usize * CHANNELS..]);
            assert!((settled + 16.0).abs() < 0.5, "{amplitude}: {settled}");
        }
    }

    #[test]
    fn a_pause_is_not_made_loud() {
        let mut loudness = Loudness::new(-16.0).unwrap();
        run(&mut loudness, tone(0.1, 20.0));
        let before = loudness.gain();
        run(&mut loudness, tone(0.001, 20.0));
        // The last of the tone is in the momentary loudness for 400 ms.
        assert!((loudness.gain() / before - 1.0).abs() < 0.1, "{} {before}", loudness.gain());
        let mut silent = Loudness::new(-16.0).unwrap();
        assert!(run(&mut silent, vec![0.0; 9600]).iter().all(|sample| *sample == 0.0));
        assert_eq!(silent.gain(), 1.0);
    }

    #[test]
    fn sound_below_the_ceiling_passes_1_5_ms_later_and_unchanged() {
        let mut limiter = Limiter::default();
        let sound = tone(0.8, 0.1);
        let mut out = sound.clone();
        out.chunks_exact_mut(CHANNELS).for_each(|frame| limiter.pass(frame, 1.0));
        let later = AHEAD * CHANNELS;
        assert!(out[later..].iter().zip(&sound).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    proptest! {
        #[test]
        fn nothing_gets_over_the_ceiling_and_nothing_is_bent(
            bursts in prop::collection::vec((0.0f32..4.0, 1usize..400), 1..60),
        ) {
            let mut limiter = Limiter::default();
            let (mut last, mut phase) = (1.0f32, 0usize);
            for (amplitude, length) in bursts {
                for _ in 0..length {
                    phase += 1;
                    let sample = amplitude * (phase as f32 * 0.13).sin();
                    let mut frame = [sample; CHANNELS];
                    limiter.pass(&mut frame, 1.0);
                    prop_assert!(frame[0].abs() <= CEILING);
                    let applied = limiter.sum / AHEAD as f32;
                    // The gain moves smoothly, never by a step.
                    prop_assert!((applied - last).abs() <= 1.2 / AHEAD as f32, "{applied} {last}");
                    last = applied;
                }
            }
        }
    }
}
