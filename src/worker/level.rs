//! How loud a sound was since somebody last looked: noted by whichever thread hears it, taken by whoever tells it on.

use crate::units::Dbov;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Nothing was heard.
const NOTHING: u8 = u8::MAX;

/// Keeps the loudest of what is noted.
#[derive(Debug)]
pub struct LevelMeter(AtomicU8);

impl Default for LevelMeter {
    fn default() -> Self {
        Self(AtomicU8::new(NOTHING))
    }
}

impl LevelMeter {
    /// It was so loud.
    pub fn note(&self, level: Dbov) {
        // Decibels below full scale: the smallest number is the loudest.
        self.0.fetch_min(level.down(), Relaxed);
    }

    /// The loudest since the last time; `None` when nothing was noted.
    pub fn take(&self) -> Option<Dbov> {
        let down = self.0.swap(NOTHING, Relaxed);
        (down != NOTHING).then(|| Dbov::below(down))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_is_told_once() {
        let meter = LevelMeter::default();
        assert_eq!(meter.take(), None);
        [40, 20, 127].into_iter().for_each(|down| meter.note(Dbov::below(down)));
        assert_eq!((meter.take(), meter.take()), (Some(Dbov::below(20)), None));
    }
}
