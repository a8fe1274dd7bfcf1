//! One clock and one base time for every pipeline of a worker, and for every worker of a conference.

use crate::units::MediaTime;
use gst::prelude::*;

/// The conference's time: CLOCK_MONOTONIC since the epoch that control chose.
#[derive(Debug, Clone)]
pub struct Timeline {
    clock: gst::Clock,
    epoch: gst::ClockTime,
}

impl Timeline {
    /// A timeline whose zero is `epoch_ns` on CLOCK_MONOTONIC (GStreamer's system clock counts the same).
    pub fn new(epoch_ns: u64) -> Self {
        Self { clock: gst::SystemClock::obtain(), epoch: gst::ClockTime::from_nseconds(epoch_ns) }
    }

    /// Now. Zero before the epoch.
    pub fn now(&self) -> MediaTime {
        MediaTime(self.clock.time().saturating_sub(self.epoch).nseconds())
    }

    /// Puts a pipeline on this timeline; its running time is then our [`MediaTime`]. To be called before
    /// the first state change: aggregators of 1.22.0 may otherwise start before their base time and hang.
    pub fn rule(&self, pipeline: &gst::Pipeline) {
        pipeline.use_clock(Some(&self.clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(self.epoch);
    }
}

/// When a sample's buffer is presented. Its timestamp alone would not do: x264enc, for one, counts from
/// 1000 hours and says so in the segment.
pub fn presented_at(sample: &gst::Sample) -> Option<MediaTime> {
    running_time(sample.segment()?, sample.buffer()?)
}

/// The same of a buffer in its segment.
pub fn running_time(segment: &gst::Segment, buffer: &gst::BufferRef) -> Option<MediaTime> {
    let segment = segment.downcast_ref::<gst::ClockTime>()?;
    Some(MediaTime(segment.to_running_time(buffer.pts()?)?.nseconds()))
}

/// Where in its file a sample is, and how long it lasts, nanoseconds.
pub fn stream_time(sample: &gst::Sample) -> Option<(u64, Option<u64>)> {
    let buffer = sample.buffer()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let at = segment.to_stream_time(buffer.pts()?)?;
    Some((at.nseconds(), buffer.duration().map(gst::ClockTime::nseconds)))
}
