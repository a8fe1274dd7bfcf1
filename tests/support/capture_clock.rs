//! How long ago a picture was taken, by its frame counter.

use meetingcast::publisher::{
    client::Publisher,
    source::{FrameClock, monotonic_ns},
};
use std::time::Instant;

/// A publisher's frame counter, and the two clocks of one machine: what an `Instant` is in CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy)]
pub struct CaptureClock {
    instant: Instant,
    monotonic_ns: u64,
    captures: FrameClock,
}

impl CaptureClock {
    /// Of the frames that `publisher` takes.
    pub fn of(publisher: &Publisher) -> Self {
        Self { instant: Instant::now(), monotonic_ns: monotonic_ns(), captures: publisher.clock() }
    }

    /// From the capture of a frame to `at`, which is later than the making of this. Milliseconds.
    pub fn delay_ms(&self, counter: u32, at: Instant) -> f64 {
        let at_ns = self.monotonic_ns + at.duration_since(self.instant).as_nanos() as u64;
        (at_ns as f64 - self.captures.capture_ns(counter.into()) as f64) / 1e6
    }
}
