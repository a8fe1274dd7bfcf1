//! The program's sound, pure: a line of samples per source, and the mix of all lines.
//!
//! Everything is 48 kHz stereo F32. A line is addressed by sample number on the program's timeline, so
//! that the mixer never asks what time it is.

use crate::units::MediaTime;
use std::{collections::VecDeque, time::Duration};

/// Samples a second; also the encoder's rate.
pub const RATE: u64 = 48_000;
/// Interleaved channels.
pub const CHANNELS: usize = 2;
/// Gains move over 10 ms, so that nothing clicks.
const RAMP: u32 = 480;
/// Chunks whose time is off by less are taken as contiguous: RTP timestamps jitter by a millisecond or two.
const SLACK: i64 = 96;
/// Off by more (40 ms): not drift but a gap or a jump; the line starts anew there.
const JUMP: i64 = 1920;
/// Drift is worked off by at most one sample in 200 (0.5 %): inaudible.
const STRETCH: i64 = 200;
/// A line holds at most 2 s: more than any delay the program runs at.
const CAPACITY: usize = 2 * RATE as usize;
/// Edges of a gap are faded over 2 ms.
const EDGE: usize = 96;

type Frame = [f32; CHANNELS];

/// The sample number of a time in nanoseconds, to the nearest.
pub const fn sample_at(nanos: u64) -> i64 {
    ((nanos as u128 * RATE as u128 + 500_000_000) / 1_000_000_000) as i64
}

/// The sample that sources had so long before `at`. Negative within the delay of the first conference's moments: there is
/// nothing then, and it lasts as long as anything else.
pub const fn sample_before(at: MediaTime, delay: Duration) -> i64 {
    // A delay of a century would fit.
    sample_at(at.0) - sample_at(delay.as_nanos() as u64)
}

/// One source's samples, in order of time.
#[derive(Debug, Default)]
pub struct SoundLine {
    samples: VecDeque<Frame>,
    /// Sample number of the front.
    start: i64,
    /// Whether anything ever came.
    began: bool,
    /// Samples asked for that were not there, after the first sound and before its end.
    missing: u64,
    /// Jumps in the source's timestamps.
    jumps: u64,
}

impl SoundLine {
    /// Adds a chunk (interleaved) whose first sample has number `at`.
    pub fn push(&mut self, at: i64, interleaved: &[f32]) {
        let chunk = interleaved.chunks_exact(CHANNELS).map(|s| [s[0], s[1]]);
        let count = chunk.len();
        if count == 0 {
            return;
        }
        let end = self.start + self.samples.len() as i64;
        let off = at - end;
        if !self.began || self.samples.is_empty() && off >= 0 {
            self.began = true;
            self.restart(at, chunk);
        } else if off.abs() <= SLACK {
            self.samples.extend(chunk);
        } else if off.abs() <= JUMP {
            let bend = off.clamp(-(count as i64 / STRETCH), count as i64 / STRETCH);
            self.samples.extend(stretched(chunk.collect(), bend));
        } else if off > 0 {
            self.jumps += 1;
            if off as usize + count > CAPACITY {
                self.restart(at, chunk);
            } else {
                fade_out(&mut self.samples);
                self.samples.extend(std::iter::repeat_n([0.0; CHANNELS], off as usize));
                self.samples.extend(faded_in(chunk));
            }
        } else {
            // Time went back: the line follows, what overlaps is replaced.
            self.jumps += 1;
            let keep = (at - self.start).max(0) as usize;
            if at < self.start {
                self.restart(at, chunk);
            } else {
                self.samples.truncate(keep);
                fade_out(&mut self.samples);
                self.samples.extend(faded_in(chunk));
            }
        }
        while self.samples.len() > CAPACITY {
            self.samples.pop_front();
            self.start += 1;
        }
    }

    fn restart(&mut self, at: i64, chunk: impl Iterator<Item = Frame>) {
        self.samples.clear();
        self.start = at;
        self.samples.extend(faded_in(chunk));
    }

    /// Adds `out.len() / 2` samples from number `from` to `out`, each multiplied by `gain`; what is not
    /// there adds nothing. Samples before `from` are forgotten.
    fn add_to(&mut self, from: i64, out: &mut [f32], mut gain: impl FnMut() -> f32) {
        while self.start < from && self.samples.pop_front().is_some() {
            self.start += 1;
        }
        let wanted = out.len() / CHANNELS;
        let skip = if self.samples.is_empty() { wanted } else { (self.start - from).max(0) as usize };
        let mut given = 0;
        for (index, slot) in out.chunks_exact_mut(CHANNELS).enumerate() {
            let gain = gain();
            if index < skip {
                continue;
            }
            let Some(sample) = self.samples.pop_front() else { break };
            self.start += 1;
            given += 1;
            slot[0] += sample[0] * gain;
            slot[1] += sample[1] * gain;
        }
        if self.began {
            self.missing += (wanted - given) as u64;
        }
    }

    /// Samples that were asked for and were not there.
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Jumps in the source's timestamps.
    pub const fn jumps(&self) -> u64 {
        self.jumps
    }
}

fn faded_in(chunk: impl Iterator<Item = Frame>) -> impl Iterator<Item = Frame> {
    chunk.enumerate().map(|(n, frame)| frame.map(|s| s * (n as f32 / EDGE as f32).min(1.0)))
}

fn fade_out(samples: &mut VecDeque<Frame>) {
    let edge = EDGE.min(samples.len());
    for (n, frame) in samples.iter_mut().rev().take(edge).enumerate() {
        *frame = frame.map(|s| s * n as f32 / EDGE as f32);
    }
}

/// The chunk with `by` samples more (or less), by linear interpolation.
fn stretched(chunk: Vec<Frame>, by: i64) -> Vec<Frame> {
    let wanted = (chunk.len() as i64 + by).max(1) as usize;
    if wanted == chunk.len() || chunk.len() < 2 {
        return chunk;
    }
    let step = (chunk.len() - 1) as f32 / (wanted - 1).max(1) as f32;
    (0..wanted)
        .map(|n| {
            let position = n as f32 * step;
            let left = (position as usize).min(chunk.len() - 2);
            let part = position - left as f32;
            std::array::from_fn(|c| chunk[left][c] * (1.0 - part) + chunk[left + 1][c] * part)
        })
        .collect()
}

/// How a gain comes to its next value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// In a straight line over [`RAMP`] samples. Is it on its way there already, it goes on as it does.
    Follow,
    /// In a straight line over [`RAMP`] samples, whatever it does.
    Cut,
    /// Over so many samples, as a sine: of two that change places the powers, not the gains, add up to one, so that
    /// the whole is neither louder nor softer on the way.
    Fade(u32),
}

/// A gain that moves to its target.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gain {
    now: f32,
    target: f32,
    way: Way,
}

/// From where, and how far along.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    from: f32,
    passed: u32,
    length: u32,
    sine: bool,
}

impl Gain {
    /// From now on, move to `target`.
    pub fn set(&mut self, target: f32, how: Move) {
        let (length, sine) = match how {
            Move::Follow if target == self.target => return,
            Move::Follow | Move::Cut => (RAMP, false),
            Move::Fade(length) => (length.max(RAMP), true),
        };
        self.target = target;
        self.way = Way { from: self.now, passed: 0, length, sine };
    }

    fn next(&mut self) -> f32 {
        if self.now != self.target {
            self.way.passed += 1;
            self.now = match self.way.passed >= self.way.length {
                true => self.target,
                false => self.way.at(self.target),
            };
        }
        self.now
    }

    const fn is_silent(self) -> bool {
        self.now == 0.0 && self.target == 0.0
    }
}

impl Way {
    fn at(self, to: f32) -> f32 {
        let part = self.passed as f32 / self.length as f32;
        let part = match self.sine {
            false => part,
            // What rises does so early, what falls late.
            true if to > self.from => (part * std::f32::consts::FRAC_PI_2).sin(),
            true => 1.0 - (part * std::f32::consts::FRAC_PI_2).cos(),
        };
        self.from + (to - self.from) * part
    }
}

/// One source in the mix.
#[derive(Debug, Default)]
pub struct Voice {
    /// Its samples.
    pub line: SoundLine,
    /// How loud.
    pub gain: Gain,
}

impl Voice {
    /// Adds it to `out` (interleaved), from sample number `from` of the sources' time on. To be called of silent voices,
    /// too, so that they are in time when they come on.
    pub fn add_to(&mut self, from: i64, out: &mut [f32]) {
        let Self { line, gain } = self;
        if gain.is_silent() {
            line.add_to(from, out, || 0.0);
        } else {
            line.add_to(from, out, || gain.next());
        }
    }
}

/// Holds peaks below full scale.
pub fn limit(out: &mut [f32]) {
    for sample in out {
        *sample = soft_limit(*sample);
    }
}

/// Interleaved samples with their time, as elements take them.
pub fn buffer(samples: &[f32], pts: MediaTime) -> gst::Buffer {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    if let Some(header) = buffer.get_mut() {
        header.set_pts(gst::ClockTime::from_nseconds(pts.0));
    }
    buffer
}

/// Leaves anything below 0.8 as it is and bends what is above so that it never reaches 1.
fn soft_limit(x: f32) -> f32 {
    const KNEE: f32 = 0.8;
    let over = x.abs() - KNEE;
    if over <= 0.0 { x } else { x.signum() * (KNEE + (1.0 - KNEE) * (over / (1.0 - KNEE)).tanh()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(from: usize, count: usize) -> Vec<f32> {
        (from..from + count)
            .flat_map(|n| {
                let s = (n as f32 * 0.05).sin() * 0.1;
                [s, s]
            })
            .collect()
    }

    fn mix<'a>(voices: impl Iterator<Item = &'a mut Voice>, from: i64, out: &mut [f32]) {
        out.fill(0.0);
        voices.for_each(|voice| voice.add_to(from, out));
        limit(out);
    }

    fn voice(gain: f32) -> Voice {
        Voice { gain: Gain { now: gain, target: gain, ..Gain::default() }, ..Voice::default() }
    }

    fn largest_step(samples: &[f32]) -> f32 {
        samples
            .chunks(2)
            .map(|s| s[0])
            .collect::<Vec<_>>()
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn contiguous_chunks_come_out_as_they_went_in() {
        let mut voice = voice(1.0);
        for n in 0..10 {
            // One sample of timestamp jitter is no reason to touch the sound.
            voice.line.push((n * 960 + n % 2) as i64, &chunk(n * 960, 960));
        }
        let mut out = vec![0.0; 1600 * 2];
        mix([&mut voice].into_iter(), 960, &mut out);
        let expected = chunk(960, 1600);
        assert!(out.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!(voice.line.missing(), 0);
    }

    #[test]
    fn drift_is_worked_off_without_a_click() {
        let mut voice = voice(1.0);
        // The source's clock says 8 samples more than it sends, chunk by chunk (0.8 %, far beyond real clocks
        // for a while, then right again).
        let mut at = 0.0;
        for n in 0..100usize {
            voice.line.push(at as i64, &chunk(n * 960, 960));
            at += if n < 20 { 968.0 } else { 960.0 };
            let mut out = vec![0.0; 960 * 2];
            if n > 2 {
                mix([&mut voice].into_iter(), (n as i64 - 2) * 960, &mut out);
                assert!(n == 3 || largest_step(&out) < 0.02, "click in chunk {n}");
            }
        }
        assert_eq!(voice.line.jumps(), 0);
        let end = voice.line.start + voice.line.samples.len() as i64;
        assert!((end - at as i64).abs() <= SLACK + 8, "line ends at {end}, clock says {at}");
    }

    #[test]
    fn a_gap_is_silence_and_the_rest_stays_in_time() {
        let mut voice = voice(1.0);
        voice.line.push(0, &chunk(0, 4800));
        voice.line.push(9600, &vec![0.5; 4800 * 2]);
        let mut out = vec![0.0; 14_400 * 2];
        mix([&mut voice].into_iter(), 0, &mut out);
        assert!(out[4800 * 2..9600 * 2].iter().all(|s| *s == 0.0));
        assert_eq!(out[9600 * 2], 0.0);
        assert_eq!(out[(9600 + EDGE) * 2], 0.5);
        assert_eq!(voice.line.jumps(), 1);
    }

    #[test]
    fn what_comes_too_late_is_silence_and_counted() {
        let mut voice = voice(1.0);
        voice.line.push(0, &chunk(0, 960));
        let mut out = vec![0.0; 1920 * 2];
        mix([&mut voice].into_iter(), 0, &mut out);
        assert_eq!(voice.line.missing(), 960);
        voice.line.push(960, &chunk(960, 1920));
        mix([&mut voice].into_iter(), 1920, &mut out);
        assert_eq!(voice.line.missing(), 960 + 960);
        assert!(out[..960 * 2].iter().any(|s| *s != 0.0));
    }

    #[test]
    fn a_switch_ramps_both_ways_over_ten_milliseconds() {
        let (mut old, mut new) = (voice(1.0), voice(0.0));
        old.line.push(0, &vec![0.5; 4800 * 2]);
        new.line.push(0, &vec![0.5; 4800 * 2]);
        old.gain.set(0.0, Move::Follow);
        new.gain.set(1.0, Move::Follow);
        let mut out = vec![0.0; 1600 * 2];
        mix([&mut old, &mut new].into_iter(), 200, &mut out);
        assert!(out.iter().all(|s| (s - 0.5).abs() < 1e-3), "the sum stays level");
        assert_eq!((old.gain.now, new.gain.now), (0.0, 1.0));
        let (mut alone, mut out) = (voice(0.0), vec![0.0; 1600 * 2]);
        alone.line.push(0, &vec![0.5; 4800 * 2]);
        alone.gain.set(1.0, Move::Follow);
        mix([&mut alone].into_iter(), 200, &mut out);
        assert!(largest_step(&out) < 0.5 / 400.0);
        assert!((out[479 * 2] - 0.5).abs() < 1e-3 && (out[240 * 2] - 0.25).abs() < 2e-3);
    }

    /// A gain's values over `count` samples.
    fn course(gain: &mut Gain, count: usize) -> Vec<f32> {
        (0..count).map(|_| gain.next()).collect()
    }

    #[test]
    fn powers_add_up_to_one_all_through_a_fade() {
        let (mut old, mut new) = (voice(1.0).gain, voice(0.0).gain);
        old.set(0.0, Move::Fade(24_000));
        new.set(1.0, Move::Fade(24_000));
        let (falls, rises) = (course(&mut old, 24_001), course(&mut new, 24_001));
        for (falls, rises) in falls.iter().zip(&rises) {
            assert!((falls * falls + rises * rises - 1.0).abs() < 1e-3);
        }
        assert!((rises[11_999] - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-3);
        assert_eq!((falls[23_999], rises[23_999], rises[23_000] < 1.0), (0.0, 1.0, true));
    }

    #[test]
    fn a_fade_starts_from_what_is_heard_and_a_cut_ends_it() {
        let mut gain = voice(0.0).gain;
        gain.set(1.0, Move::Fade(24_000));
        let half = course(&mut gain, 12_000)[11_999];
        gain.set(0.0, Move::Fade(4800));
        let falls = course(&mut gain, 4800);
        assert!((falls[0] - half).abs() < 1e-3 && falls.is_sorted_by(|a, b| a >= b) && falls[4799] == 0.0);
        gain.set(1.0, Move::Fade(24_000));
        course(&mut gain, 100);
        gain.set(1.0, Move::Follow);
        assert!(course(&mut gain, 480)[479] < 0.1, "it goes on as it does");
        gain.set(1.0, Move::Cut);
        assert_eq!(course(&mut gain, 480)[479], 1.0);
        // Heard before and after: nothing happens.
        gain.set(1.0, Move::Fade(24_000));
        assert!(course(&mut gain, 24_000).iter().all(|gain| *gain == 1.0));
    }

    #[test]
    fn time_before_the_first_moment_is_as_long_as_any() {
        let delay = Duration::from_millis(260);
        let at = |ms| sample_before(MediaTime::from_millis(ms), delay);
        assert_eq!([at(0), at(100), at(260), at(1260)], [-12_480, -7680, 0, 48_000]);
        let mut voice = voice(1.0);
        voice.line.push(0, &vec![0.5; 960 * 2]);
        let mut out = vec![0.0; 1600 * 2];
        mix([&mut voice].into_iter(), -800, &mut out);
        assert!(out[..1600].iter().all(|s| *s == 0.0) && out[(800 + EDGE) * 2] == 0.5);
    }

    #[test]
    fn loud_sums_stay_below_full_scale() {
        let mut voices: Vec<Voice> = (0..4).map(|_| voice(1.0)).collect();
        for voice in &mut voices {
            voice.line.push(0, &vec![0.9; 960 * 2]);
        }
        let mut out = vec![0.0; 960 * 2];
        mix(voices.iter_mut(), 0, &mut out);
        assert!(out.iter().all(|s| s.abs() <= 1.0));
        assert_eq!(soft_limit(0.7), 0.7);
    }
}
