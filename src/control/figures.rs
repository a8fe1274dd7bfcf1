//! The metrics of control. No ids are labels, since their number would grow without bound; but for webhook endpoints,
//! which only the configuration names.

use super::webhooks::delivery::Verdict;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::time::Duration;

const PARTICIPANTS: &str = "meetingcast_participants";
const CASTS: &str = "meetingcast_casts";
const WORKER_RESTARTS: &str = "meetingcast_worker_restarts_total";
const RTMP_PLAYERS: &str = "meetingcast_rtmp_players";
const CPU_CORES: &str = "meetingcast_cpu_cores";
const OVERLOADED: &str = "meetingcast_overloaded";
const SHED_STEPS: &str = "meetingcast_shed_steps";
const REFUSED: &str = "meetingcast_overload_refusals_total";
const WEBHOOK_ATTEMPTS: &str = "meetingcast_webhook_attempts_total";
const WEBHOOK_QUEUED: &str = "meetingcast_webhook_queued_events";
const WEBHOOK_LOST: &str = "meetingcast_webhook_lost_events_total";
const EVENT_STREAMS_CUT: &str = "meetingcast_event_streams_cut_total";
const SWITCH_SECONDS: &str = "meetingcast_switch_seconds";

/// Tells the recorder what the figures mean, and shows them from the start. Call it once, when the
/// recorder is installed.
pub fn describe() {
    describe_gauge!(PARTICIPANTS, Unit::Count, "participants in all conferences");
    describe_gauge!(CASTS, Unit::Count, "casts that are starting, live or stopping");
    describe_counter!(WORKER_RESTARTS, Unit::Count, "media workers replaced after a failure");
    describe_histogram!(SWITCH_SECONDS, Unit::Seconds, "from a switch's command to its first frame");
    describe_gauge!(RTMP_PLAYERS, Unit::Count, "players that pull a cast by RTMP");
    describe_gauge!(CPU_CORES, "cores that control and its workers used in the last second");
    describe_gauge!(OVERLOADED, "1 while more is used than limits.max_load allows");
    describe_gauge!(SHED_STEPS, "steps in which smaller renditions get fewer pictures, for want of cores");
    describe_counter!(REFUSED, Unit::Count, "requests refused with `overloaded` for want of cores");
    describe_counter!(
        WEBHOOK_ATTEMPTS,
        Unit::Count,
        "attempts to deliver an event, by endpoint and result: delivered, retry, given_up, disabled"
    );
    describe_gauge!(WEBHOOK_QUEUED, Unit::Count, "events that wait for a webhook endpoint");
    describe_counter!(WEBHOOK_LOST, Unit::Count, "events that were never sent to a webhook endpoint");
    describe_counter!(
        EVENT_STREAMS_CUT,
        Unit::Count,
        "readers of events that were cut since they did not follow"
    );
    counter!(EVENT_STREAMS_CUT).absolute(0);
    gauge!(CPU_CORES).set(0.0);
    overloaded(false);
    shed(0);
    counter!(REFUSED).absolute(0);
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

/// Cores that control and its workers used of late.
pub(super) fn cpu_used(cores: f64) {
    gauge!(CPU_CORES).set(cores);
}

/// Whether more is used than is allowed.
pub(super) fn overloaded(is: bool) {
    gauge!(OVERLOADED).set(f64::from(u8::from(is)));
}

/// In how many steps smaller renditions get fewer pictures.
pub(super) fn shed(steps: u8) {
    gauge!(SHED_STEPS).set(f64::from(steps));
}

/// A request was refused for want of cores.
pub(super) fn refused() {
    counter!(REFUSED).increment(1);
}

/// A switch was done.
pub(super) fn switched(took: Duration) {
    histogram!(SWITCH_SECONDS).record(took);
}

/// An attempt to deliver an event led to something.
pub(super) fn webhook_attempted(endpoint: &str, verdict: Verdict) {
    let result = match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Retry { .. } => "retry",
        Verdict::GivenUp => "given_up",
        Verdict::Disabled => "disabled",
    };
    counter!(WEBHOOK_ATTEMPTS, "endpoint" => endpoint.to_owned(), "result" => result).increment(1);
}

/// So many events wait for an endpoint.
pub(super) fn webhooks_queued(endpoint: &str, events: usize) {
    gauge!(WEBHOOK_QUEUED, "endpoint" => endpoint.to_owned()).set(events as f64);
}

/// Events will not be sent to an endpoint.
pub(super) fn webhooks_lost(endpoint: &str, events: u64) {
    counter!(WEBHOOK_LOST, "endpoint" => endpoint.to_owned()).increment(events);
}

/// A reader of events was cut.
pub(super) fn event_stream_cut() {
    counter!(EVENT_STREAMS_CUT).increment(1);
}
