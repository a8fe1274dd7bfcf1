//! The middle and the ends of what was measured.

use std::fmt;

/// Sorted values.
#[derive(Debug, Clone)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Of at least one value.
    pub fn of(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "nothing was measured");
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Nearest rank.
    pub fn percentile(&self, percent: usize) -> f64 {
        self.0[(self.0.len() * percent).div_ceil(100).max(1) - 1]
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Three cells of a table: p50, p95, max.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p95, max] = [50, 95, 100].map(|percent| self.percentile(percent));
        write!(f, "{p50:.0} | {p95:.0} | {max:.0}")
    }
}
