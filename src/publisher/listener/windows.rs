//! Levels of the known tones, every 10 ms.

use super::{HOP, ToneWindow};
use crate::publisher::tone::{RATE, TONES};
use std::f32::consts::TAU;

/// 20 ms under a Hann window: its first null lies 100 Hz beside the tone, its side lobes below −31 dB.
const LENGTH: usize = 2 * HOP;

/// A correlator for each tone, all at once. The frequencies lie on no grid of 1/20 ms, so the usual
/// recursive Goertzel form would save nothing over a table.
#[derive(Debug)]
pub struct Windows {
    /// For each sample of the window and each tone: window × cosine, window × sine, normalised so
    /// that the length of the sum is the tone's amplitude.
    tables: Vec<[(f32, f32); TONES.len()]>,
    ring: Vec<f32>,
}

impl Windows {
    pub fn new() -> Self {
        let hann = |n: usize| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / LENGTH as f32).cos();
        // A sine of amplitude A correlates to A/2 × the window's sum, which is LENGTH / 2.
        let scale = 4.0 / LENGTH as f32;
        let tables = (0..LENGTH)
            .map(|n| {
                TONES.map(|hz| {
                    let phase = TAU * ((hz as usize * n) % RATE as usize) as f32 / RATE as f32;
                    (scale * hann(n) * phase.cos(), scale * hann(n) * phase.sin())
                })
            })
            .collect();
        Self { tables, ring: vec![0.0; LENGTH] }
    }

    /// Takes sample `index`; gives a window at the end of each hop, once there are samples for one.
    pub fn push(&mut self, index: u64, sample: f32) -> Option<ToneWindow> {
        let at = (index % LENGTH as u64) as usize;
        self.ring[at] = sample;
        let taken = index + 1;
        if !taken.is_multiple_of(HOP as u64) || taken < LENGTH as u64 {
            return None;
        }
        let mut sums = [(0.0f32, 0.0f32); TONES.len()];
        let (newer, older) = self.ring.split_at(at + 1);
        for (sample, row) in older.iter().chain(newer).zip(&self.tables) {
            for (sum, factor) in sums.iter_mut().zip(row) {
                sum.0 += sample * factor.0;
                sum.1 += sample * factor.1;
            }
        }
        Some(ToneWindow { centre: taken - HOP as u64, levels: sums.map(|(re, im)| re.hypot(im)) })
    }
}
