//! What is used, what was promised, and what fits beside it: pure.

use super::cost::{Cores, PASSTHROUGH};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// What was let in shows in the measured use after so long; until then it is counted, less and less, beside it.
pub const SETTLE: Duration = Duration::from_secs(10);
/// Time constant of the measured use: a keyframe of everybody at once is no load.
const SMOOTHING: Duration = Duration::from_secs(5);
/// More must be used than is allowed for so long, and less for so long, before anything follows from it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Below this part of what is allowed the pressure is over: what is refused meanwhile must not call for more at once.
const RELIEF: f64 = 0.9;
/// Below this part of what is allowed the server idles, and takes any one cast: an estimate is only that.
const IDLE: f64 = 0.1;

/// Something that was let in of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromiseId(u64);

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// What a measurement changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// For a while more was used than is allowed.
    Pressed { used: Cores, allowed: Cores },
    /// That is over.
    Relieved,
}

/// The books.
#[derive(Debug)]
pub struct AdmissionState {
    /// `None`: there is no limit.
    allowed: Option<Cores>,
    used: Cores,
    measured_at: Option<Instant>,
    promised: BTreeMap<PromiseId, (Instant, Cores)>,
    next: PromiseId,
    pressed: bool,
    /// Since when the measured use speaks against `pressed`.
    doubted: Option<Instant>,
}

impl AdmissionState {
    pub const fn new(allowed: Option<Cores>) -> Self {
        Self {
            allowed,
            used: Cores(0.0),
            measured_at: None,
            promised: BTreeMap::new(),
            next: PromiseId(0),
            pressed: false,
            doubted: None,
        }
    }

    /// Takes `cost` on, if it fits.
    pub fn admit(&mut self, now: Instant, cost: Cores) -> Result<PromiseId, Refused> {
        self.promised.retain(|_, (at, _)| now.saturating_duration_since(*at) < SETTLE);
        if !self.fits(now, cost) {
            return Err(Refused);
        }
        let promise = self.next;
        self.next = PromiseId(promise.0.wrapping_add(1));
        self.promised.insert(promise, (now, cost));
        Ok(promise)
    }

    /// It came to nothing.
    pub fn release(&mut self, promise: PromiseId) {
        self.promised.remove(&promise);
    }

    /// Whether not even the cheapest cast fits.
    pub fn is_full(&self, now: Instant) -> bool {
        self.pressed || !self.fits(now, PASSTHROUGH)
    }

    fn fits(&self, now: Instant, cost: Cores) -> bool {
        let taken = self.taken(now);
        self.allowed.is_none_or(|Cores(allowed)| taken <= allowed * IDLE || taken + cost.0 <= allowed)
    }

    /// For a while more has been used than is allowed.
    pub const fn is_pressed(&self) -> bool {
        self.pressed
    }

    /// Which part of what is allowed is used; `None`: there is no limit.
    pub fn part(&self) -> Option<f64> {
        self.allowed.map(|Cores(allowed)| self.used.0 / allowed)
    }

    /// So much was used until `now`, since the last measurement.
    pub fn measured(&mut self, now: Instant, used: Cores) -> Option<Change> {
        let weight = self.measured_at.map_or(1.0, |last| {
            let since = now.saturating_duration_since(last).as_secs_f64();
            since / (since + SMOOTHING.as_secs_f64())
        });
        self.measured_at = Some(now);
        self.used.0 += (used.0 - self.used.0) * weight;
        let allowed = self.allowed?;
        let doubt = if self.pressed { self.used.0 < allowed.0 * RELIEF } else { self.used.0 > allowed.0 };
        if !doubt {
            self.doubted = None;
            return None;
        }
        let since = *self.doubted.get_or_insert(now);
        if now.saturating_duration_since(since) < PATIENCE {
            return None;
        }
        self.pressed = !self.pressed;
        self.doubted = None;
        Some(if self.pressed { Change::Pressed { used: self.used, allowed } } else { Change::Relieved })
    }

    /// Used, and promised but not seen yet.
    fn taken(&self, now: Instant) -> f64 {
        let open = |at: Instant| {
            1.0 - (now.saturating_duration_since(at).as_secs_f64() / SETTLE.as_secs_f64()).min(1.0)
        };
        self.used.0 + self.promised.values().map(|(at, cost)| cost.0 * open(*at)).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALLOWED: Cores = Cores(2.0);

    /// Measures the same every second from `from` to `until`; what changed, and when.
    fn run(
        state: &mut AdmissionState,
        start: Instant,
        seconds: std::ops::Range<u64>,
        used: f64,
    ) -> Vec<(u64, Change)> {
        seconds
            .filter_map(|second| {
                let change = state.measured(start + Duration::from_secs(second), Cores(used));
                change.map(|change| (second, change))
            })
            .collect()
    }

    #[test]
    fn what_does_not_fit_is_refused_and_fits_when_there_is_room_again() {
        let (start, mut state) = (Instant::now(), AdmissionState::new(Some(ALLOWED)));
        state.measured(start, Cores(1.5));
        assert!(state.admit(start, Cores(0.6)).is_err());
        assert!(state.admit(start, Cores(0.4)).is_ok());
        assert!(state.admit(start, Cores(0.4)).is_err(), "promised, though nothing of it is measured yet");
        let later = start + SETTLE;
        state.measured(later, Cores(1.0));
        assert!(state.admit(later, Cores(0.4)).is_ok(), "it ended: the measurement says so");
    }

    #[test]
    fn without_a_limit_everything_is_let_in() {
        let (start, mut state) = (Instant::now(), AdmissionState::new(None));
        assert_eq!(run(&mut state, start, 0..60, 100.0), []);
        assert!(state.admit(start, Cores(100.0)).is_ok());
        assert!(!state.is_full(start) && !state.is_pressed());
    }

    #[test]
    fn an_idle_server_takes_any_one_cast() {
        let (start, mut state) = (Instant::now(), AdmissionState::new(Some(ALLOWED)));
        assert!(state.admit(start, Cores(5.0)).is_ok());
        assert!(state.admit(start, Cores(0.1)).is_err());
        assert!(state.is_full(start));
    }

    #[test]
    fn pressure_begins_and_ends_with_patience() {
        let (start, mut state) = (Instant::now(), AdmissionState::new(Some(ALLOWED)));
        assert_eq!(run(&mut state, start, 0..30, 1.5), []);
        assert_eq!(run(&mut state, start, 30..32, 4.0), [], "a peak is none");
        assert_eq!(run(&mut state, start, 32..40, 1.5), []);
        let pressed = run(&mut state, start, 40..60, 3.0);
        assert!(matches!(pressed[..], [(42..=52, Change::Pressed { .. })]), "{pressed:?}");
        assert!(state.is_pressed() && state.is_full(start + Duration::from_secs(60)));
        assert_eq!(run(&mut state, start, 60..90, 1.95), [], "just below is not over");
        let relieved = run(&mut state, start, 90..110, 1.0);
        assert!(matches!(relieved[..], [(95..=105, Change::Relieved)]), "{relieved:?}");
    }

    #[test]
    fn what_came_to_nothing_makes_room_at_once() {
        let (start, mut state) = (Instant::now(), AdmissionState::new(Some(ALLOWED)));
        state.measured(start, Cores(1.0));
        for _ in 0..100 {
            let promise = state.admit(start, Cores(0.9)).unwrap();
            state.release(promise);
        }
    }

    proptest! {
        #[test]
        fn never_more_is_let_in_at_once_than_fits(costs in proptest::collection::vec(0.01f64..1.0, 1..40), used in 0.3f64..3.0) {
            let (start, mut state) = (Instant::now(), AdmissionState::new(Some(ALLOWED)));
            state.measured(start, Cores(used));
            let taken: f64 = costs.iter().filter(|cost| state.admit(start, Cores(**cost)).is_ok()).sum();
            prop_assert!(taken == 0.0 || used + taken <= ALLOWED.0 + 1e-9, "{taken} beside {used}");
        }
    }
}
