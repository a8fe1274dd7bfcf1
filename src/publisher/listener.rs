//! Hearing the test sound again: which tones, when the beeps, any silence, any click.
//!
//! Samples are taken as they come and only findings are kept: about 7 KB for each second of sound.
//! Whoever feeds it bounds the length.

mod beeps;
mod windows;

use super::tone::{RATE, TONES};
use beeps::BeepFinder;
use windows::Windows;

/// Levels are measured once in so many samples (10 ms), over twice as many.
pub const HOP: usize = RATE as usize / 100;

/// A tone is present from this amplitude on: −36 dBFS, 16 dB below [`super::tone::TONE_LEVEL`], and
/// above what the edges of a beep spill into its neighbours (−44 dBFS at 2 kHz).
pub const PRESENT: f32 = 0.016;

/// Sound below this amplitude is silence: −60 dBFS.
const SILENT: f32 = 0.001;
/// Silence is looked for in steps of 1 ms, so a full period of any tone need not fit.
const SILENCE_STEP: u64 = RATE as u64 / 1000;
/// Shorter silences are not reported: 20 ms.
const MIN_SILENCE: u64 = 20 * SILENCE_STEP;

/// The fourth difference of a clean test sound stays below 0.012 (the beep: 0.4 × (2 sin(π 3000 / 48000))⁴),
/// that of a step is three times the step: this finds steps from 0.02 (−34 dBFS) on.
const CLICK: f32 = 0.06;
/// One click is not reported twice within 5 ms.
const CLICK_APART: u64 = 5 * RATE as u64 / 1000;

/// The levels of all tones over 20 ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToneWindow {
    /// The window's centre, in samples from the first one heard.
    pub centre: u64,
    /// Amplitude of each of [`TONES`].
    pub levels: [f32; TONES.len()],
}

impl ToneWindow {
    /// The tones that can be heard.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        self.levels.iter().enumerate().filter(|(_, level)| **level >= PRESENT).map(|(tone, _)| tone)
    }

    /// The loudest tone, if any can be heard.
    pub fn loudest(&self) -> Option<usize> {
        self.present().max_by(|a, b| self.levels[*a].total_cmp(&self.levels[*b]))
    }
}

/// A beep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beep {
    /// When it begins, in samples from the first one heard (fractions: it is interpolated).
    pub onset: f64,
    /// Its amplitude.
    pub level: f32,
}

/// A stretch without sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Its first sample.
    pub start: u64,
    /// Its length in samples.
    pub length: u64,
}

/// Everything that was heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    /// Samples taken in.
    pub samples: u64,
    /// Every 10 ms.
    pub windows: Vec<ToneWindow>,
    /// In order.
    pub beeps: Vec<Beep>,
    /// From 20 ms on, in order.
    pub silences: Vec<Silence>,
    /// Where the waveform has a step (sample numbers), in order.
    pub clicks: Vec<u64>,
}

/// Takes in samples at [`RATE`], one channel.
#[derive(Debug)]
pub struct Listener {
    heard: Heard,
    windows: Windows,
    beeps: BeepFinder,
    last: [f32; 4],
    step_peak: f32,
    silent_since: Option<u64>,
}

impl Default for Listener {
    fn default() -> Self {
        Self::new()
    }
}

impl Listener {
    /// Starts at sample 0.
    pub fn new() -> Self {
        Self {
            heard: Heard::default(),
            windows: Windows::new(),
            beeps: BeepFinder::new(),
            last: [0.0; 4],
            step_peak: 0.0,
            silent_since: None,
        }
    }

    /// Samples taken in so far.
    pub const fn samples(&self) -> u64 {
        self.heard.samples
    }

    /// Takes the next samples, from −1 to 1.
    pub fn push(&mut self, samples: &[f32]) {
        for sample in samples {
            self.take(*sample);
        }
    }

    /// What was heard, all in all.
    pub fn finish(mut self) -> Heard {
        self.end_silence(self.heard.samples);
        self.heard.beeps.extend(self.beeps.finish());
        self.heard
    }

    fn take(&mut self, sample: f32) {
        let index = self.heard.samples;
        self.heard.samples += 1;
        self.heard.windows.extend(self.windows.push(index, sample));
        self.heard.beeps.extend(self.beeps.push(index, sample));
        self.look_for_click(index, sample);
        self.step_peak = self.step_peak.max(sample.abs());
        if (index + 1).is_multiple_of(SILENCE_STEP) {
            let start = index + 1 - SILENCE_STEP;
            if self.step_peak >= SILENT {
                self.end_silence(start);
            } else {
                self.silent_since.get_or_insert(start);
            }
            self.step_peak = 0.0;
        }
    }

    fn end_silence(&mut self, end: u64) {
        if let Some(start) = self.silent_since.take() {
            let length = end - start;
            self.heard.silences.extend((length >= MIN_SILENCE).then_some(Silence { start, length }));
        }
    }

    fn look_for_click(&mut self, index: u64, sample: f32) {
        let [d, c, b, a] = self.last;
        let fourth = sample - 4.0 * a + 6.0 * b - 4.0 * c + d;
        self.last = [c, b, a, sample];
        // The first samples have nothing before them.
        if index < 4 || fourth.abs() < CLICK {
            return;
        }
        let at = index - 2;
        if self.heard.clicks.last().is_none_or(|last| at - last > CLICK_APART) {
            self.heard.clicks.push(at);
        }
    }
}

#[cfg(test)]
mod tests;
