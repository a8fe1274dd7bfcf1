//! The bit rates of a lane, as its playlist has to tell them.

use std::{collections::VecDeque, time::Duration};

/// Measured over the whole cast.
#[derive(Debug, Default)]
pub(super) struct Rates {
    bytes: u64,
    duration: Duration,
    peak: u64,
    /// Size and duration of the last segments, at most one and a half target durations of them.
    last: VecDeque<(u64, Duration)>,
}

impl Rates {
    /// Another segment, and the target duration in seconds.
    ///
    /// RFC 8216 §4.3.4.2 takes the peak over all segments that follow each other and last from half a target duration
    /// to one and a half: the end of an era, one keyframe long, counts only with its neighbours.
    pub(super) fn add(&mut self, bytes: u64, duration: Duration, target: u32) {
        self.bytes += bytes;
        self.duration += duration;
        let target = Duration::from_secs(target.into());
        self.last.push_back((bytes, duration));
        let (mut bytes, mut duration, mut kept) = (0, Duration::ZERO, 0);
        for (more, longer) in self.last.iter().rev() {
            bytes += more;
            duration += *longer;
            if duration * 2 > target * 3 {
                break;
            }
            if duration * 2 >= target {
                self.peak = self.peak.max(bits_per_second(bytes, duration));
            }
            kept += 1;
        }
        self.last.drain(..self.last.len() - kept);
    }

    /// Bits a second of everything so far.
    pub(super) fn average(&self) -> u64 {
        bits_per_second(self.bytes, self.duration)
    }

    /// The most bits a second over about a target duration.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }
}

fn bits_per_second(bytes: u64, duration: Duration) -> u64 {
    if duration.is_zero() { 0 } else { (bytes as f64 * 8.0 / duration.as_secs_f64()).ceil() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TARGET: u32 = 2;

    fn of(segments: &[(u64, u64)]) -> Rates {
        let mut rates = Rates::default();
        for (bytes, ms) in segments {
            rates.add(*bytes, Duration::from_millis(*ms), TARGET);
        }
        rates
    }

    #[test]
    fn a_short_end_counts_with_what_came_before_it() {
        assert_eq!(of(&[(200_000, 2000)]).peak(), 800_000);
        assert_eq!(
            of(&[(200_000, 2000), (20_000, 100)]).peak(),
            838_096,
            "220 000 bytes in 2.1 s, rounded up"
        );
        assert_eq!(of(&[(20_000, 100)]).peak(), 0, "a keyframe alone is no rate");
        assert_eq!(of(&[(20_000, 100), (200_000, 2000)]).peak(), 838_096, "and with what comes after it");
        assert_eq!(
            of(&[(100_000, 1000), (200_000, 1000)]).peak(),
            1_600_000,
            "half a target duration is enough"
        );
    }

    #[test]
    fn the_average_is_of_everything() {
        assert_eq!(Rates::default().average(), 0);
        assert_eq!(of(&[(200_000, 2000), (20_000, 100), (30_000, 2900)]).average(), 400_000);
    }

    proptest! {
        /// As the RFC says it, over every set of segments that follow each other.
        #[test]
        fn the_peak_is_the_rfcs(segments in prop::collection::vec((0u64..1_000_000, 1u64..2500), 0..40)) {
            let mut most = 0;
            for begin in 0..segments.len() {
                for end in begin + 1..=segments.len() {
                    let bytes = segments[begin..end].iter().map(|(bytes, _)| bytes).sum();
                    let ms: u64 = segments[begin..end].iter().map(|(_, ms)| ms).sum();
                    if (u64::from(TARGET) * 500..=u64::from(TARGET) * 1500).contains(&ms) {
                        most = most.max(bits_per_second(bytes, Duration::from_millis(ms)));
                    }
                }
            }
            prop_assert_eq!(of(&segments).peak(), most);
        }
    }
}
