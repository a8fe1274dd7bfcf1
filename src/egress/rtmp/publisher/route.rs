//! Which address is dialled next: the first URL, the backup, or where the server asked us to go.
//!
//! - A loss changes from the first URL to the backup and back (see `state` for when).
//! - While the backup is in use, the first URL is asked at intervals whether it takes `connect`. When it
//!   does, the output goes back to it at the next keyframe. The interval is the longest wait between
//!   reconnects (`rtmp.backoff_max_ms`); it doubles with each return that did not last.
//! - A server's `ReconnectRequest` is followed once; when that connection ends, the configured URLs count
//!   again.

use crate::egress::rtmp::url::{RtmpUrl, RtmpUrlError};
use std::time::{Duration, Instant};

/// The interval of questions grows to this many times the shortest one.
const MAX_INTERVAL_FACTOR: u32 = 16;
/// A server that keeps asking us to reconnect is obeyed no more often.
const MIN_MOVE_DISTANCE: Duration = Duration::from_secs(10);

/// Where an output goes.
#[derive(Debug, Clone)]
pub struct Destination {
    pub url: RtmpUrl,
    /// Used while `url` is down.
    pub backup: Option<RtmpUrl>,
    /// Hosts a server may send us to; empty = any.
    pub allowed_hosts: Vec<String>,
}

impl From<RtmpUrl> for Destination {
    fn from(url: RtmpUrl) -> Self {
        Self { url, backup: None, allowed_hosts: Vec::new() }
    }
}

/// Why a `ReconnectRequest` is not followed to where it points.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RedirectError {
    #[error("the server asked to reconnect to a URL that is not usable")]
    Url(#[source] RtmpUrlError),
    #[error("the server asked to reconnect to {0}; the operator allows other hosts only")]
    Forbidden(String),
}

pub(super) struct Route {
    to: Destination,
    on_backup: bool,
    redirect: Option<RtmpUrl>,
    /// Returns to the first URL since it last was healthy.
    returns: u32,
    interval: Duration,
    last_move: Option<Instant>,
}

impl Route {
    /// `interval`: between two questions to the first URL, at least.
    pub(super) const fn new(to: Destination, interval: Duration) -> Self {
        Self { to, on_backup: false, redirect: None, returns: 0, interval, last_move: None }
    }

    pub(super) const fn has_backup(&self) -> bool {
        self.to.backup.is_some()
    }

    pub(super) const fn on_backup(&self) -> bool {
        self.on_backup
    }

    pub(super) const fn first(&self) -> &RtmpUrl {
        &self.to.url
    }

    /// What to dial now. A redirection is used up by this.
    pub(super) fn take(&mut self) -> RtmpUrl {
        let configured = self.to.backup.as_ref().filter(|_| self.on_backup).unwrap_or(&self.to.url);
        let configured = configured.clone();
        self.redirect.take().unwrap_or(configured)
    }

    /// The connection is lost. `healthy`: it had lasted.
    pub(super) fn lost(&mut self, healthy: bool) {
        if healthy && !self.on_backup {
            self.returns = 0;
        }
        // A server that announced its going away has said where it goes on.
        if self.redirect.is_none() && self.has_backup() {
            self.on_backup = !self.on_backup;
        }
    }

    /// How long to wait before the first URL is asked.
    pub(super) fn question_after(&self) -> Duration {
        let factor = 1u32.checked_shl(self.returns).unwrap_or(u32::MAX);
        self.interval.saturating_mul(factor.min(MAX_INTERVAL_FACTOR))
    }

    /// The first URL works again: it is the next to be dialled.
    pub(super) fn back_to_first(&mut self) {
        self.on_backup = false;
        self.redirect = None;
        self.returns = self.returns.saturating_add(1);
    }

    /// The server asks us to reconnect, to `tc_url` if there is one. When that cannot be, the configured
    /// URL is dialled. Gives the earliest moment for it.
    pub(super) fn asked_to_move(
        &mut self,
        from: &RtmpUrl,
        tc_url: Option<&str>,
        now: Instant,
    ) -> (Instant, Result<(), RedirectError>) {
        let at = self.last_move.map_or(now, |last| now.max(last + MIN_MOVE_DISTANCE));
        self.last_move = Some(at);
        let Some(tc_url) = tc_url else { return (at, Ok(())) };
        let result = from.moved_to(tc_url).map_err(RedirectError::Url).and_then(|url| {
            let allowed = &self.to.allowed_hosts;
            if allowed.is_empty() || allowed.iter().any(|host| host.eq_ignore_ascii_case(url.host())) {
                Ok(url)
            } else {
                Err(RedirectError::Forbidden(url.host().to_owned()))
            }
        });
        (at, result.map(|url| self.redirect = Some(url)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn url(host: &str) -> RtmpUrl {
        RtmpUrl::parse(&format!("rtmp://{host}/live/key")).unwrap()
    }

    fn route() -> Route {
        let allowed_hosts = vec!["first".to_owned(), "Other".to_owned()];
        Route::new(Destination { url: url("first"), backup: Some(url("backup")), allowed_hosts }, INTERVAL)
    }

    #[test]
    fn losses_alternate_and_a_return_ends_that() {
        let mut route = route();
        assert_eq!(route.take().host(), "first");
        route.lost(false);
        assert_eq!((route.take().host(), route.on_backup()), ("backup", true));
        route.lost(false);
        assert_eq!(route.take().host(), "first");
        route.lost(false);
        route.back_to_first();
        assert_eq!((route.take().host(), route.on_backup()), ("first", false));
        let mut alone = Route::new(url("only").into(), INTERVAL);
        alone.lost(false);
        assert_eq!(alone.take().host(), "only");
    }

    #[test]
    fn questions_become_rarer_while_returns_do_not_last() {
        let mut route = route();
        let mut waits = Vec::new();
        for _ in 0..7 {
            route.lost(false);
            waits.push(route.question_after().as_secs());
            route.back_to_first();
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 480, 480]);
        route.lost(true);
        assert_eq!(route.question_after(), INTERVAL);
    }

    #[test]
    fn a_request_to_move_is_followed_once_and_only_where_it_may() {
        let (mut route, now) = (route(), Instant::now());
        let from = route.take();
        assert_eq!(route.asked_to_move(&from, Some("rtmp://other/live"), now), (now, Ok(())));
        assert_eq!(route.take().host(), "other");
        assert_eq!(route.take().host(), "first");
        let (at, refused) = route.asked_to_move(&from, Some("rtmp://evil/live"), now);
        assert_eq!(
            (at, refused),
            (now + MIN_MOVE_DISTANCE, Err(RedirectError::Forbidden("evil".to_owned())))
        );
        let (_, refused) = route.asked_to_move(&from, Some("http://other/live"), now);
        assert_eq!(refused, Err(RedirectError::Url(RtmpUrlError::Scheme)));
        assert_eq!(route.take().host(), "first");
        assert_eq!(route.asked_to_move(&from, None, now).1, Ok(()));
        assert_eq!(route.take().host(), "first");
    }

    #[test]
    fn a_loss_after_a_request_to_move_still_moves() {
        let mut route = route();
        let from = route.take();
        let _ = route.asked_to_move(&from, Some("rtmp://other/live"), Instant::now());
        route.lost(false);
        assert_eq!(route.take().host(), "other");
        route.lost(false);
        assert_eq!(route.take().host(), "backup");
    }
}
