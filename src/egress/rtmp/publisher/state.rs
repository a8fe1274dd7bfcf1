//! An RTMP output's life, without a socket and without a clock.
//!
//! ```text
//! Connecting ──published──▶ Live ──lost──▶ Retrying ──published──▶ Live …
//!     └──lost──▶ Retrying      any ──stopped──▶ Stopped
//!     └──refused before anything was ever accepted──▶ Failed
//!     └──not live for rtmp.give_up_after_s──▶ Failed
//! ```
//!
//! With a backup URL the other URL is tried at once, then both after a wait; only a refusal by both is
//! final.

use crate::{
    config::RtmpConfig,
    egress::output::{OutputState, OutputStatus},
};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Up to so much of a wait is taken off at random, so that outputs cut together do not come back
/// together.
const JITTER: f64 = 0.25;

/// A connection's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// For people.
    pub sentence: String,
    pub kind: LossKind,
    /// The connection had come so far that the server may hold a stream of ours.
    pub asked_to_publish: bool,
}

/// What an end means for the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossKind {
    /// The server said no.
    Refused,
    /// Anything that may be different next time.
    Transient,
}

/// What to do after an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    RetryAfter(Duration),
    GiveUp,
}

/// The state machine.
#[derive(Debug, Clone)]
pub struct RtmpPublisherState {
    status: OutputStatus,
    backoff_min: Duration,
    backoff_max: Duration,
    backoff_reset: Duration,
    /// Ends in a row, without a healthy time between.
    attempt: u32,
    live_since: Option<Instant>,
    had_lasted: bool,
    /// An earlier connection was live, or may have been: a refusal can then be about our own stream,
    /// which the server has not yet noticed to be dead.
    may_hold_our_stream: bool,
    /// Not live for so long: failed.
    give_up_after: Option<Duration>,
    down_since: Option<Instant>,
    /// The other URL was tried since the last wait.
    tried_other: bool,
    /// Who has said no: the first URL, the backup.
    refused: [bool; 2],
}

/// Which URLs an output has, and on which of them it lost its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    pub has_backup: bool,
    pub on_backup: bool,
}

impl RtmpPublisherState {
    /// A fresh output, about to dial.
    pub fn new(config: &RtmpConfig, now: Instant, at: Timestamp) -> Self {
        let min = Duration::from_millis(config.backoff_min_ms.max(1).into());
        Self {
            status: OutputStatus::connecting(at),
            backoff_min: min,
            backoff_max: Duration::from_millis(config.backoff_max_ms.into()).max(min),
            backoff_reset: Duration::from_secs(config.backoff_reset_s.into()),
            attempt: 0,
            live_since: None,
            had_lasted: false,
            may_hold_our_stream: false,
            give_up_after: Some(config.give_up_after_s)
                .filter(|seconds| *seconds > 0)
                .map(|seconds| Duration::from_secs(seconds.into())),
            down_since: Some(now),
            tried_other: false,
            refused: [false; 2],
        }
    }

    /// What to show.
    pub const fn status(&self) -> &OutputStatus {
        &self.status
    }

    /// Counts what was handed to the network, and what the queue has lost in all.
    pub fn count(&mut self, bytes: u64, dropped: u64) {
        self.status.bytes_sent += bytes;
        self.status.frames_dropped = dropped;
    }

    /// The server takes the stream.
    pub fn published(&mut self, now: Instant, at: Timestamp, on_backup: bool) {
        self.live_since = Some(now);
        self.down_since = None;
        self.status.on_backup = on_backup;
        self.may_hold_our_stream = true;
        self.status.enter(OutputState::Live, at);
    }

    /// A connection was ended by us, to go on elsewhere at once.
    pub fn moved(&mut self, now: Instant) {
        self.note_end(now);
    }

    /// A connection is over, or never came to be. `jitter`: a random number from 0 to 1.
    pub fn lost(&mut self, loss: Loss, side: Side, now: Instant, at: Timestamp, jitter: f64) -> Next {
        self.note_end(now);
        let down_for = self.down_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let refused = loss.kind == LossKind::Refused && !self.may_hold_our_stream;
        self.refused[usize::from(side.on_backup)] |= refused;
        let is_final = refused && (!side.has_backup || self.refused == [true; 2]);
        self.may_hold_our_stream |= loss.asked_to_publish;
        self.status.retries += 1;
        self.status.last_error = Some(loss.sentence);
        let left = self.give_up_after.map(|limit| limit.saturating_sub(down_for));
        if is_final {
            self.status.enter(OutputState::Failed, at);
            return Next::GiveUp;
        }
        if left == Some(Duration::ZERO) {
            let sentence = self.status.last_error.take().unwrap_or_default();
            let waited = self.give_up_after.unwrap_or_default().as_secs();
            self.status.last_error = Some(format!("given up after {waited} s: {sentence}"));
            self.status.enter(OutputState::Failed, at);
            return Next::GiveUp;
        }
        self.status.enter(OutputState::Retrying, at);
        if side.has_backup && !self.tried_other {
            self.tried_other = true;
            return Next::RetryAfter(Duration::ZERO);
        }
        self.tried_other = false;
        let wait = self.backoff(jitter);
        self.attempt = self.attempt.saturating_add(1);
        // One last attempt just before giving up.
        Next::RetryAfter(left.map_or(wait, |left| wait.min(left)))
    }

    /// Whether the latest live connection had lasted for `rtmp.backoff_reset_s`.
    pub const fn had_lasted(&self) -> bool {
        self.had_lasted
    }

    /// Whether the first URL has said no and was never live: it need not be asked again.
    pub const fn first_refused(&self) -> bool {
        self.refused[0]
    }

    fn note_end(&mut self, now: Instant) {
        if let Some(since) = self.live_since.take() {
            self.down_since = Some(now);
            self.had_lasted = now.saturating_duration_since(since) >= self.backoff_reset;
            if self.had_lasted {
                self.attempt = 0;
                self.tried_other = false;
            }
        }
    }

    /// Ended as asked. A failure stays one.
    pub fn stopped(&mut self, at: Timestamp) {
        if self.status.state != OutputState::Failed {
            self.status.enter(OutputState::Stopped, at);
        }
    }

    /// Doubles from the shortest to the longest wait.
    fn backoff(&self, jitter: f64) -> Duration {
        let factor = 1u32.checked_shl(self.attempt).unwrap_or(u32::MAX);
        let full = self.backoff_min.saturating_mul(factor).min(self.backoff_max);
        full.mul_f64(1.0 - JITTER * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state() -> RtmpPublisherState {
        let config = RtmpConfig {
            backoff_min_ms: 500,
            backoff_max_ms: 30_000,
            backoff_reset_s: 60,
            ..RtmpConfig::default()
        };
        RtmpPublisherState::new(&config, Instant::now(), Timestamp::UNIX_EPOCH)
    }

    const ALONE: Side = Side { has_backup: false, on_backup: false };
    const FIRST: Side = Side { has_backup: true, on_backup: false };
    const BACKUP: Side = Side { has_backup: true, on_backup: true };

    fn loss(kind: LossKind, asked_to_publish: bool) -> Loss {
        Loss { sentence: "x".to_owned(), kind, asked_to_publish }
    }

    fn lose(state: &mut RtmpPublisherState, kind: LossKind, now: Instant) -> Next {
        state.lost(loss(kind, false), ALONE, now, Timestamp::UNIX_EPOCH, 0.0)
    }

    fn ms(ms: u64) -> Next {
        Next::RetryAfter(Duration::from_millis(ms))
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let (mut state, now) = (state(), Instant::now());
        let waits: Vec<_> = (0..9).map(|_| lose(&mut state, LossKind::Transient, now)).collect();
        let expected = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000].map(ms);
        assert_eq!(waits, expected);
        assert_eq!((state.status().state, state.status().retries), (OutputState::Retrying, 9));
    }

    #[test]
    fn only_a_healthy_time_resets_the_wait() {
        let (mut state, now) = (state(), Instant::now());
        lose(&mut state, LossKind::Transient, now);
        lose(&mut state, LossKind::Transient, now);
        state.published(now, Timestamp::UNIX_EPOCH, false);
        assert_eq!(lose(&mut state, LossKind::Transient, now + Duration::from_secs(59)), ms(2000));
        state.published(now, Timestamp::UNIX_EPOCH, false);
        assert_eq!(lose(&mut state, LossKind::Transient, now + Duration::from_secs(60)), ms(500));
    }

    #[test]
    fn a_no_before_anything_was_accepted_is_final() {
        let mut state = state();
        assert_eq!(lose(&mut state, LossKind::Refused, Instant::now()), Next::GiveUp);
        assert_eq!(state.status().state, OutputState::Failed);
        assert_eq!(state.status().last_error.as_deref(), Some("x"));
        state.stopped(Timestamp::UNIX_EPOCH);
        assert_eq!(state.status().state, OutputState::Failed);
    }

    #[test]
    fn a_no_after_a_server_that_was_away_is_still_final() {
        let mut state = state();
        lose(&mut state, LossKind::Transient, Instant::now());
        assert_eq!(lose(&mut state, LossKind::Refused, Instant::now()), Next::GiveUp);
    }

    #[test]
    fn a_no_that_may_be_about_our_own_stream_is_tried_again() {
        let (mut live, now) = (state(), Instant::now());
        live.published(now, Timestamp::UNIX_EPOCH, false);
        lose(&mut live, LossKind::Transient, now);
        assert!(matches!(lose(&mut live, LossKind::Refused, now), Next::RetryAfter(_)));
        let mut asked = state();
        asked.lost(loss(LossKind::Transient, true), ALONE, now, Timestamp::UNIX_EPOCH, 0.0);
        assert!(matches!(lose(&mut asked, LossKind::Refused, now), Next::RetryAfter(_)));
    }

    #[test]
    fn since_moves_with_the_state_alone() {
        let (mut state, now) = (state(), Instant::now());
        let at = |second| Timestamp::from_second(second).unwrap();
        state.published(now, at(5), false);
        state.count(10, 0);
        state.count(5, 2);
        assert_eq!(
            (state.status().since, state.status().bytes_sent, state.status().frames_dropped),
            (at(5), 15, 2)
        );
        state.lost(loss(LossKind::Transient, true), ALONE, now, at(7), 0.5);
        state.lost(loss(LossKind::Transient, true), ALONE, now, at(9), 0.5);
        assert_eq!(state.status().since, at(7));
        state.stopped(at(11));
        assert_eq!((state.status().state, state.status().since), (OutputState::Stopped, at(11)));
    }

    #[test]
    fn the_other_url_is_tried_at_once_and_then_both_wait() {
        let (mut state, now) = (state(), Instant::now());
        let mut lose =
            |side| state.lost(loss(LossKind::Transient, false), side, now, Timestamp::UNIX_EPOCH, 0.0);
        let waits = [FIRST, BACKUP, FIRST, BACKUP, FIRST].map(&mut lose);
        assert_eq!(waits, [0, 500, 0, 1000, 0].map(ms));
        // A backup that takes the stream and drops it again and again is no way around the wait.
        state.published(now, Timestamp::UNIX_EPOCH, true);
        assert!(state.status().on_backup);
        let mut lose =
            |at| state.lost(loss(LossKind::Transient, false), BACKUP, at, Timestamp::UNIX_EPOCH, 0.0);
        assert_eq!(lose(now + Duration::from_secs(1)), ms(2000));
        state.published(now, Timestamp::UNIX_EPOCH, true);
        let mut lose =
            |at| state.lost(loss(LossKind::Transient, false), BACKUP, at, Timestamp::UNIX_EPOCH, 0.0);
        assert_eq!(lose(now + Duration::from_secs(60)), ms(0));
        assert!(state.had_lasted());
    }

    #[test]
    fn with_a_backup_both_must_say_no() {
        let refuse = |state: &mut RtmpPublisherState, side| {
            state.lost(loss(LossKind::Refused, false), side, Instant::now(), Timestamp::UNIX_EPOCH, 0.0)
        };
        let mut first_only = state();
        assert_eq!(refuse(&mut first_only, FIRST), ms(0));
        assert!(first_only.first_refused());
        assert_eq!(lose(&mut first_only, LossKind::Transient, Instant::now()), ms(500));
        assert_eq!(refuse(&mut first_only, BACKUP), Next::GiveUp);
    }

    #[test]
    fn an_output_is_given_up_after_the_time_that_is_set() {
        let (config, start) = (RtmpConfig { give_up_after_s: 3, ..RtmpConfig::default() }, Instant::now());
        let mut state = RtmpPublisherState::new(&config, start, Timestamp::UNIX_EPOCH);
        let mut at = |ms: u64| lose(&mut state, LossKind::Transient, start + Duration::from_millis(ms));
        assert_eq!([at(0), at(500), at(1500)], [500, 1000, 1500].map(ms));
        assert_eq!(at(3000), Next::GiveUp);
        assert_eq!(state.status().state, OutputState::Failed);
        assert_eq!(state.status().last_error.as_deref(), Some("given up after 3 s: x"));
        // The time counts from the last moment it was live.
        let mut state = RtmpPublisherState::new(&config, start, Timestamp::UNIX_EPOCH);
        state.published(start + Duration::from_secs(2), Timestamp::UNIX_EPOCH, false);
        assert_eq!(lose(&mut state, LossKind::Transient, start + Duration::from_secs(60)), ms(500));
        assert_eq!(lose(&mut state, LossKind::Transient, start + Duration::from_secs(63)), Next::GiveUp);
    }

    proptest! {
        #[test]
        fn waits_stay_within_their_bounds(
            min in 0u32..100_000, max in 0u32..100_000, losses in 1u32..80, jitter in -1.0f64..2.0,
        ) {
            let config = RtmpConfig { backoff_min_ms: min, backoff_max_ms: max, ..RtmpConfig::default() };
            let mut state = RtmpPublisherState::new(&config, Instant::now(), Timestamp::UNIX_EPOCH);
            for _ in 0..losses {
                let loss = loss(LossKind::Transient, false);
                let Next::RetryAfter(wait) = state.lost(loss, ALONE, Instant::now(), Timestamp::UNIX_EPOCH, jitter) else {
                    panic!("a transient loss is tried again")
                };
                let shortest = f64::from(min.max(1)) * (1.0 - JITTER) - 0.001;
                prop_assert!(wait.as_secs_f64() * 1000.0 >= shortest);
                prop_assert!(wait <= Duration::from_millis(u64::from(max.max(min).max(1))));
            }
        }
    }
}
