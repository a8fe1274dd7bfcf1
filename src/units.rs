//! Units: a number without one does not cross a function.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

/// A point on a cast's timeline, in nanoseconds since the cast's epoch.
///
/// All workers of a conference count from the same epoch on the machine's monotonic clock, so a
/// replaced worker goes on where real time is, and egress never maps one timeline to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaTime(pub u64);

impl MediaTime {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// From whole milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// Whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Seconds, for reports.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// This time on a clock of `rate` ticks a second, rounded to the nearest tick.
    pub const fn to_timescale(self, rate: u32) -> u64 {
        ((self.0 as u128 * rate as u128 + 500_000_000) / 1_000_000_000) as u64
    }

    /// The time from `earlier` to `self`, zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for MediaTime {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs.as_nanos() as u64))
    }
}

impl Sub<Duration> for MediaTime {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(rhs.as_nanos() as u64))
    }
}

impl fmt::Display for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}s", self.as_secs_f64())
    }
}

/// A bit rate in kilobits (1000 bits) a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kbps(pub u32);

impl Kbps {
    /// Bits a second.
    pub const fn bits_per_second(self) -> u64 {
        self.0 as u64 * 1000
    }
}

/// Frames a second, a whole number from 5 to 60.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameRate(pub u32);

impl FrameRate {
    /// When frame `n` (from 0) starts; exact to the nanosecond, so that no rounding adds up.
    pub const fn frame_time(self, n: u64) -> MediaTime {
        MediaTime((n as u128 * 1_000_000_000 / self.0 as u128) as u64)
    }

    /// As many frames as come nearest to `length`.
    pub fn frames_in(self, length: Duration) -> u32 {
        let frames = (length.as_nanos() * u128::from(self.0) + 500_000_000) / 1_000_000_000;
        u32::try_from(frames).unwrap_or(u32::MAX)
    }

    /// How long one frame lasts.
    pub const fn frame_duration(self) -> Duration {
        Duration::from_nanos(1_000_000_000 / self.0 as u64)
    }
}

/// How loud sound is: decibels below full scale (RFC 6464 §3), 0 the loudest there is, -127 silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dbov(i8);

impl Default for Dbov {
    fn default() -> Self {
        Self::SILENCE
    }
}

impl Dbov {
    /// Nothing is heard.
    pub const SILENCE: Self = Self(-127);

    /// So many decibels below full scale; more than 127 are silence.
    pub const fn below(decibels: u8) -> Self {
        if decibels >= 127 { Self::SILENCE } else { Self(-(decibels as i8)) }
    }

    /// Of samples in -1..1, by their power.
    pub fn of(samples: &[f32]) -> Self {
        let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32;
        // What is no number is as good as nothing.
        let decibels = -10.0 * power.log10();
        if decibels.is_nan() { Self::SILENCE } else { Self::below(decibels.round().clamp(0.0, 127.0) as u8) }
    }

    /// -127 to 0.
    pub const fn get(self) -> i8 {
        self.0
    }

    /// Decibels below full scale, 0 to 127.
    pub const fn down(self) -> u8 {
        self.0.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_that_of_the_power() {
        assert_eq!(Dbov::of(&[1.0, -1.0]), Dbov::below(0));
        assert_eq!(Dbov::of(&[0.1; 100]), Dbov::below(20));
        let sine: Vec<f32> = (0..480).map(|n| (n as f32 * std::f32::consts::TAU / 48.0).sin()).collect();
        assert_eq!(Dbov::of(&sine), Dbov::below(3));
        for silent in [&[][..], &[0.0; 4], &[f32::NAN], &[1e-9; 8]] {
            assert_eq!(Dbov::of(silent), Dbov::SILENCE, "{silent:?}");
        }
        assert_eq!((Dbov::of(&[9.0]).get(), Dbov::below(200).get(), Dbov::below(17).down()), (0, -127, 17));
    }

    #[test]
    fn frame_times_do_not_drift() {
        assert_eq!(FrameRate(30).frame_time(30 * 3600), MediaTime::from_millis(3_600_000));
        assert_eq!(FrameRate(30).frame_time(1).0, 33_333_333);
        assert_eq!([16, 17, 500].map(|ms| FrameRate(30).frames_in(Duration::from_millis(ms))), [0, 1, 15]);
    }

    #[test]
    fn timescales_round_to_the_nearest_tick() {
        assert_eq!(FrameRate(30).frame_time(1).to_timescale(90_000), 3000);
        assert_eq!(FrameRate(30).frame_time(2).to_timescale(90_000), 6000);
        assert_eq!(MediaTime::from_millis(1500).to_timescale(48_000), 72_000);
    }
}
