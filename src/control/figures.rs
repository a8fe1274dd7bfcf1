//! The metrics of control. No ids are labels: their number would grow without bound.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::Duration;

const PARTICIPANTS: &str = "meetingcast_participants";
const CASTS: &str = "meetingcast_casts";
const WORKER_RESTARTS: &str = "meetingcast_worker_restarts_total";
const RTMP_PLAYERS: &str = "meetingcast_rtmp_players";
const SWITCH_SECONDS: &str = "meetingcast_switch_seconds";

/// Tells the recorder what the figures mean, and shows them from the start. Call it once, when the
/// recorder is installed.
pub fn describe() {
    describe_gauge!(PARTICIPANTS, Unit::Count, "participants in all conferences");
    describe_gauge!(CASTS, Unit::Count, "casts that are starting, live or stopping");
    describe_counter!(WORKER_RESTARTS, Unit::Count, "media workers replaced after a failure");
    describe_histogram!(SWITCH_SECONDS, Unit::Seconds, "from a switch's command to its first frame");
    describe_gauge!(RTMP_PLAYERS, Unit::Count, "players that pull a cast by RTMP");
    gauge!(RTMP_PLAYERS).set(0.0);
    set_totals(0, 0);
    counter!(WORKER_RESTARTS).absolute(0);
}

/// Sums over all conferences.
pub(super) fn set_totals(participants: usize, casts: usize) {
    // Counts this small are exact in a double.
    gauge!(PARTICIPANTS).set(participants as f64);
    gauge!(CASTS).set(casts as f64);
}

/// A worker was replaced.
pub(super) fn worker_restarted() {
    counter!(WORKER_RESTARTS).increment(1);
}

/// A switch was done.
pub(super) fn switched(took: Duration) {
    histogram!(SWITCH_SECONDS).record(took);
}
