//! Webhooks: events sent by `POST` to the operator's endpoints, signed as Standard Webhooks does, in order for
//! each conference, again with growing pauses until they are taken or given up.
//!
//! Each endpoint is one [`DeliveryState`] (pure) behind a lock that is never held over an await, and one
//! [`runner::EndpointRunner`] task that sends what it decides. What waits is in memory: an event that is not
//! delivered when the server ends is lost, and the log says how many are.

pub mod attempts;
pub mod client;
pub mod delivery;
pub mod runner;
pub mod sign;

use self::{
    attempts::{Attempt, AttemptLog},
    client::{Client, ClientError, Sent},
    delivery::{Counters, DeliveryLimits, DeliveryState, Input},
    runner::EndpointRunner,
    sign::SigningKey,
};
use super::{
    error::ControlError,
    events::{Event, kind::EventKinds},
    figures,
};
use crate::{
    config::webhooks::{WebhookEndpoint, WebhooksConfig},
    ids::{ConferenceId, EndpointId, EventId},
    redacted::Redacted,
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use url::Url;

/// The endpoints. Cheap to clone; without any by default.
#[derive(Debug, Clone, Default)]
pub struct Webhooks(Arc<Vec<Arc<Endpoint>>>);

/// One receiver.
pub struct Endpoint {
    id: EndpointId,
    url: Redacted<Url>,
    /// The URL as people may see it.
    shown: String,
    key: SigningKey,
    kinds: EventKinds,
    conferences: Vec<ConferenceId>,
    client: Client,
    desk: Mutex<Desk>,
    /// The state has something to do.
    wake: Notify,
    /// The runner has nothing left to do.
    idle: Notify,
}

/// What changes.
#[derive(Debug)]
struct Desk {
    state: DeliveryState,
    log: AttemptLog,
}

/// An endpoint, as read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointView {
    pub id: EndpointId,
    /// Without user, password, query and fragment.
    pub url: String,
    /// The patterns' kinds.
    pub kinds: EventKinds,
    pub conferences: Vec<ConferenceId>,
    pub counters: Counters,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.id)
    }
}

impl Webhooks {
    /// Begins to deliver, within a tokio runtime. `config` has been checked.
    ///
    /// # Errors
    /// When there are endpoints and the HTTP client cannot be made.
    pub fn start(config: &WebhooksConfig) -> Result<Self, ClientError> {
        if config.endpoints.is_empty() {
            return Ok(Self::default());
        }
        let client = Client::new(Duration::from_millis(config.timeout_ms.into()))?;
        let limits = DeliveryLimits::of(config);
        let endpoints = config.endpoints.iter().filter_map(|endpoint| {
            // What a check of the configuration has let through can be read.
            Endpoint::new(endpoint, client.clone(), limits).map(Arc::new)
        });
        let endpoints: Vec<_> = endpoints.collect();
        for endpoint in &endpoints {
            tokio::spawn(EndpointRunner::new(endpoint.clone()).run());
        }
        Ok(Self(Arc::new(endpoints)))
    }

    /// An event for those who want it. Waits for nobody.
    pub fn take(&self, event: &Arc<Event>) {
        for endpoint in self.0.iter().filter(|endpoint| endpoint.wants(event)) {
            endpoint.input(Input::Event(event.clone()));
        }
    }

    /// All endpoints, in the configuration's order.
    pub fn list(&self) -> Vec<EndpointView> {
        self.0.iter().map(|endpoint| endpoint.view()).collect()
    }

    /// The newest attempts that `wanted` takes, newest first, `limit` at most.
    pub fn attempts(&self, limit: usize, wanted: impl Fn(&Attempt) -> bool) -> Vec<Attempt> {
        let mut found: Vec<Attempt> = Vec::new();
        for endpoint in self.0.iter() {
            found.extend(endpoint.desk().log.newest().filter(|one| wanted(one)).take(limit).cloned());
        }
        found.sort_by_key(|one| std::cmp::Reverse(one.at));
        found.truncate(limit);
        found
    }

    /// Sends `webhook.test` to an endpoint, once, past all that waits. An endpoint that was disabled and takes it
    /// is enabled again.
    ///
    /// # Errors
    /// `endpoint_not_found`.
    pub async fn test(&self, id: &EndpointId) -> Result<(EventId, Sent), ControlError> {
        let found = self.0.iter().find(|endpoint| endpoint.id == *id);
        let endpoint = found.ok_or_else(|| ControlError::EndpointNotFound(id.clone()))?;
        let event = EventId::generate();
        let body = super::http::wire::event::test(&event);
        let sent = endpoint.send(&event, body.into()).await;
        if sent.is_delivered() {
            endpoint.input(Input::Enable);
        }
        Ok((event, sent))
    }

    /// The last chance of what waits, `deadline` at the latest; nothing is tried twice any more. Answers how many
    /// events were not delivered.
    pub async fn drain(&self, deadline: Instant) -> usize {
        for endpoint in self.0.iter() {
            endpoint.input(Input::Drain);
        }
        let all = futures::future::join_all(self.0.iter().map(|endpoint| endpoint.drained()));
        let _ = tokio::time::timeout_at(deadline.into(), all).await;
        let left = self.0.iter().map(|endpoint| endpoint.desk().state.undelivered()).sum();
        if left > 0 {
            tracing::warn!(events = left, "webhooks were not delivered before the end");
        }
        left
    }
}

impl Endpoint {
    fn new(config: &WebhookEndpoint, client: Client, limits: DeliveryLimits) -> Option<Self> {
        let url = Url::parse(config.url.expose()).ok()?;
        Some(Self {
            id: config.id.parse().ok()?,
            shown: shown(&url),
            url: Redacted::new(url),
            key: SigningKey::parse(config.secret.expose()).ok()?,
            kinds: EventKinds::of(config.events.iter().map(String::as_str)).ok()?,
            conferences: config.conferences.iter().filter_map(|id| id.parse().ok()).collect(),
            client,
            desk: Mutex::new(Desk { state: DeliveryState::new(limits), log: AttemptLog::default() }),
            wake: Notify::new(),
            idle: Notify::new(),
        })
    }

    fn wants(&self, event: &Event) -> bool {
        self.kinds.contains(event.kind)
            && (self.conferences.is_empty() || self.conferences.contains(&event.conference))
    }

    fn input(&self, input: Input) {
        let (before, after) = {
            let mut desk = self.desk();
            let before = desk.state.counters().lost;
            desk.state.handle(input, Instant::now());
            (before, desk.state.counters().lost)
        };
        self.tell_lost(before, after);
        self.wake.notify_one();
    }

    /// The first of a row is worth a line; the rest is in the figures.
    fn tell_lost(&self, before: u64, after: u64) {
        if after > before {
            figures::webhooks_lost(self.id.as_str(), after - before);
            if before == 0 || before / 1000 < after / 1000 {
                tracing::warn!(endpoint = %self.id, lost = after, "webhook events are lost");
            }
        }
    }

    async fn send(&self, id: &EventId, body: bytes::Bytes) -> Sent {
        self.client.send(self.url.expose(), &self.key, id, body).await
    }

    /// Returns when nothing waits and nothing is on its way.
    async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            if self.desk().state.is_idle() {
                return;
            }
            idle.await;
        }
    }

    fn view(&self) -> EndpointView {
        EndpointView {
            id: self.id.clone(),
            url: self.shown.clone(),
            kinds: self.kinds,
            conferences: self.conferences.clone(),
            counters: self.desk().state.counters(),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Queues and counters: whole whatever panicked.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A URL without what may be secret in it.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_user_password_query_and_fragment() {
        let url = Url::parse("https://user:hush@hooks.example:8443/a/b?token=hush#hush").unwrap();
        assert_eq!(shown(&url), "https://hooks.example:8443/a/b");
        assert_eq!(shown(&Url::parse("http://[::1]/").unwrap()), "http://[::1]/");
    }
}
