//! Beep onsets, exact to a fraction of a millisecond.
//!
//! The level at the beep's frequency is followed through a short symmetric window. A step seen
//! through such a window reaches half its height exactly where the step is, and a beep's swell is
//! symmetric too: half the height is the middle of the swell.

use super::Beep;
use crate::publisher::tone::{BEEP_HZ, BEEP_RAMP, RATE};
use std::{collections::VecDeque, f32::consts::TAU};

/// 4 ms under a Hann window: nulls from 500 Hz on, so the tones (1 kHz away at least) do not matter.
const LENGTH: usize = 4 * RATE as usize / 1000;
/// The level is followed in steps of 8 samples (0.17 ms).
const STEP: u64 = 8;
/// Something sounds from this amplitude on: −26 dBFS, 18 dB below [`crate::publisher::tone::BEEP_LEVEL`].
const AUDIBLE: f32 = 0.05;
/// The level a beep settles at is looked for during 8 ms after it became audible: window plus swell
/// and a codec's pre-echo.
const SETTLE: usize = 8 * RATE as usize / 1000 / STEP as usize;
/// A beep lasts for 20 ms at least; what is shorter is a click.
const SHORTEST: usize = 20 * RATE as usize / 1000 / STEP as usize;
/// Levels looked back at for the point of half height: settling plus 8 ms before.
const HISTORY: usize = 2 * SETTLE;

#[derive(Debug, Clone, Copy)]
enum State {
    Quiet,
    Rising { steps: usize },
    Sounding { beep: Beep, steps: usize },
}

/// Follows the level and gives a beep when it has ended.
#[derive(Debug)]
pub struct BeepFinder {
    table: Vec<(f32, f32)>,
    ring: Vec<f32>,
    /// Centre and level, the newest last.
    history: VecDeque<(u64, f32)>,
    state: State,
}

impl BeepFinder {
    pub fn new() -> Self {
        let hann = |n: usize| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / LENGTH as f32).cos();
        let scale = 4.0 / LENGTH as f32;
        let table = (0..LENGTH)
            .map(|n| {
                let phase = TAU * ((BEEP_HZ as usize * n) % RATE as usize) as f32 / RATE as f32;
                (scale * hann(n) * phase.cos(), scale * hann(n) * phase.sin())
            })
            .collect();
        let history = VecDeque::with_capacity(HISTORY + 1);
        Self { table, ring: vec![0.0; LENGTH], history, state: State::Quiet }
    }

    /// Takes sample `index`.
    pub fn push(&mut self, index: u64, sample: f32) -> Option<Beep> {
        let at = (index % LENGTH as u64) as usize;
        self.ring[at] = sample;
        let taken = index + 1;
        if !taken.is_multiple_of(STEP) {
            return None;
        }
        let (newer, older) = self.ring.split_at(at + 1);
        let (mut re, mut im) = (0.0, 0.0);
        for (sample, factor) in older.iter().chain(newer).zip(&self.table) {
            re += sample * factor.0;
            im += sample * factor.1;
        }
        self.follow(taken.saturating_sub(LENGTH as u64 / 2), re.hypot(im))
    }

    /// The beep that still sounds when the recording ends.
    pub fn finish(&mut self) -> Option<Beep> {
        self.end()
    }

    fn follow(&mut self, centre: u64, level: f32) -> Option<Beep> {
        self.history.push_back((centre, level));
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
        match &mut self.state {
            State::Quiet => {
                if level > AUDIBLE {
                    self.state = State::Rising { steps: 0 };
                }
            }
            State::Rising { steps } => {
                *steps += 1;
                if *steps >= SETTLE {
                    self.state = match self.onset() {
                        Some(beep) => State::Sounding { beep, steps: SETTLE },
                        None => State::Quiet,
                    };
                }
            }
            State::Sounding { beep, steps } => {
                *steps += 1;
                if level < beep.level * 0.4 {
                    return self.end();
                }
            }
        }
        None
    }

    fn end(&mut self) -> Option<Beep> {
        match std::mem::replace(&mut self.state, State::Quiet) {
            State::Sounding { beep, steps } if steps >= SHORTEST => Some(beep),
            _ => None,
        }
    }

    /// Where the level went through half of what it settled at.
    fn onset(&self) -> Option<Beep> {
        let level = self.history.iter().map(|(_, level)| *level).fold(0.0, f32::max);
        let half = level / 2.0;
        let (mut before, mut found) = (None, None);
        for (centre, level) in &self.history {
            if let Some((at, low)) = before
                && low < half
                && *level >= half
            {
                let fraction = f64::from((half - low) / (level - low));
                found.get_or_insert(at as f64 + fraction * (centre - at) as f64);
            }
            before = Some((*centre, *level));
        }
        found.map(|middle: f64| Beep { onset: (middle - BEEP_RAMP as f64 / 2.0).max(0.0), level })
    }
}
