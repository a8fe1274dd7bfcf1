//! How often a publisher, or the program, is asked for a keyframe.

use std::time::Duration;
use tokio::time::Instant;

/// Lets the first request through at once, and those that come too soon after it together as one, as long after it
/// as the one of them asks that can wait least.
#[derive(Debug, Default)]
pub struct KeyframeThrottle {
    last: Option<Instant>,
    due: Option<Instant>,
}

impl KeyframeThrottle {
    /// Somebody needs a keyframe at `now`, who is served at most once per `interval`.
    pub fn want(&mut self, interval: Duration, now: Instant) {
        let allowed = self.last.map_or(now, |last| (last + interval).max(now));
        self.due = Some(self.due.map_or(allowed, |due| due.min(allowed)));
    }

    /// When the publisher is to be asked; `None`: nobody needs one.
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The publisher is asked at `now`.
    pub const fn asked(&mut self, now: Instant) {
        self.due = None;
        self.last = Some(now);
    }
}

/// Waits for the moment, for ever if there is none.
pub async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When a publisher is asked that is needed every so often by somebody who is served once a second.
    fn asked(throttle: &mut KeyframeThrottle, start: Instant, wanted: impl Fn(u64) -> bool) -> Vec<u64> {
        let ticks = (0..2500).filter(|ms| {
            let now = start + Duration::from_millis(*ms);
            if wanted(*ms) {
                throttle.want(SECOND, now);
            }
            let due = throttle.due().is_some_and(|due| due <= now);
            if due {
                throttle.asked(now);
            }
            due
        });
        ticks.collect()
    }

    #[test]
    fn a_storm_of_requests_is_one_per_interval() {
        let start = Instant::now();
        let mut throttle = KeyframeThrottle::default();
        assert_eq!(asked(&mut throttle, start, |_| true), [0, 1000, 2000]);
        assert_eq!(throttle.due(), Some(start + 3 * SECOND), "the last wish is not forgotten");
    }

    #[test]
    fn calm_requests_go_at_once() {
        let mut throttle = KeyframeThrottle::default();
        assert_eq!(throttle.due(), None);
        assert_eq!(asked(&mut throttle, Instant::now(), |ms| ms == 7 || ms == 1300), [7, 1300]);
    }

    #[test]
    fn who_can_wait_less_is_served_sooner_and_serves_the_others() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut throttle = KeyframeThrottle::default();
        throttle.asked(start);
        throttle.want(SECOND, at(100));
        assert_eq!(throttle.due(), Some(at(1000)));
        throttle.want(SECOND / 4, at(200));
        assert_eq!(throttle.due(), Some(at(250)));
        throttle.want(SECOND, at(300));
        assert_eq!(throttle.due(), Some(at(250)), "the sooner one stays");
        throttle.asked(at(250));
        assert_eq!(throttle.due(), None);
    }
}
