//! How often a publisher, or the program, is asked for a keyframe.

use std::time::Duration;
use tokio::time::Instant;

/// A hurried request is let through so long after another one: what libwebrtc's senders themselves keep between
/// two keyframes that are asked for.
const HURRIED: Duration = Duration::from_millis(300);

/// Lets one request through per interval: the first at once, those that come too soon together as one when the
/// interval is over. Who is waited for is asked sooner.
#[derive(Debug)]
pub struct KeyframeThrottle {
    interval: Duration,
    next: Instant,
    next_hurried: Instant,
    due: Option<Instant>,
}

impl KeyframeThrottle {
    /// Nothing was asked for before `now`.
    pub const fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, next: now, next_hurried: now, due: None }
    }

    /// Somebody needs a keyframe.
    pub fn want(&mut self) {
        self.due = Some(self.due.map_or(self.next, |due| due.min(self.next)));
    }

    /// The program waits for a keyframe: a switch does not happen before it.
    pub fn hurry(&mut self) {
        let soon = self.next_hurried.min(self.next);
        self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
    }

    /// When the publisher is to be asked; `None`: nobody needs one.
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The publisher is asked at `now`.
    pub fn asked(&mut self, now: Instant) {
        self.due = None;
        self.next = now + self.interval;
        self.next_hurried = now + HURRIED;
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

    #[test]
    fn a_storm_of_requests_is_one_per_interval() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut throttle = KeyframeThrottle::new(second, start);
        let mut asked = Vec::new();
        for ms in 0..2500 {
            let now = start + Duration::from_millis(ms);
            throttle.want();
            if throttle.due().is_some_and(|due| due <= now) {
                throttle.asked(now);
                asked.push(ms);
            }
        }
        assert_eq!(asked, [0, 1000, 2000]);
        assert_eq!(throttle.due(), Some(start + 3 * second), "the last wish is not forgotten");
        let mut calm = KeyframeThrottle::new(second, start);
        assert_eq!(calm.due(), None);
        calm.want();
        assert_eq!(calm.due(), Some(start), "a first request goes at once");
    }

    #[test]
    fn who_is_waited_for_is_asked_sooner() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut throttle = KeyframeThrottle::new(second, start);
        throttle.hurry();
        assert_eq!(throttle.due(), Some(start));
        throttle.asked(start);
        throttle.want();
        throttle.hurry();
        assert_eq!(throttle.due(), Some(start + HURRIED));
        throttle.want();
        assert_eq!(throttle.due(), Some(start + HURRIED), "a calm wish does not take the hurry away");
    }
}
