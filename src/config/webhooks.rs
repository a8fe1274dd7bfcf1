//! `[webhooks]`: who is told what happens in conferences.

use super::{
    check::{DAY_S, Faults},
    forms,
};
use crate::{
    control::{events::kind::EventKinds, webhooks::sign::SigningKey},
    ids::{ConferenceId, EndpointId},
    redacted::Redacted,
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Each has a queue of its own; more receivers than that want a message broker.
const MAX_ENDPOINTS: usize = 16;
/// Conferences that an endpoint may name; each event is compared with all of them.
const MAX_CONFERENCES: usize = 100;

/// `[webhooks]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhooksConfig {
    /// Events that may wait for one endpoint.
    pub queue_events: usize,
    /// Attempts to one endpoint at once; each is of another conference.
    pub concurrency: usize,
    /// An attempt is given up after, milliseconds.
    pub timeout_ms: u32,
    /// Wait after a first failure; it doubles, milliseconds.
    pub backoff_min_ms: u32,
    /// Longest wait, milliseconds.
    pub backoff_max_ms: u32,
    /// An event older than this is not tried again, seconds.
    pub give_up_s: u32,
    /// `[[webhooks.endpoints]]`
    pub endpoints: Vec<WebhookEndpoint>,
}

/// One `[[webhooks.endpoints]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// What the API and the log call it.
    pub id: String,
    /// `http(s)://…`; user, password and query may be secret.
    #[serde(with = "forms::secret_text")]
    pub url: Redacted<String>,
    /// Signs: `whsec_` and base64 of 24 to 64 bytes.
    #[serde(with = "forms::secret_text")]
    pub secret: Redacted<String>,
    /// Types of events, `group.*` or `*`; empty = all.
    #[serde(default)]
    pub events: Vec<String>,
    /// Only of these conferences; empty = all.
    #[serde(default)]
    pub conferences: Vec<String>,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            queue_events: 1000,
            concurrency: 4,
            timeout_ms: 10_000,
            backoff_min_ms: 1000,
            backoff_max_ms: 300_000,
            give_up_s: 3600,
            endpoints: Vec::new(),
        }
    }
}

impl WebhooksConfig {
    pub(super) fn check(&self, faults: &mut Faults) {
        const LONGEST_MS: u32 = 3_600_000;
        faults.range("webhooks.queue_events", self.queue_events, 10..=100_000, "events");
        faults.range("webhooks.concurrency", self.concurrency, 1..=64, "attempts");
        faults.range("webhooks.timeout_ms", self.timeout_ms, 100..=60_000, "ms");
        faults.range("webhooks.backoff_min_ms", self.backoff_min_ms, 100..=LONGEST_MS, "ms");
        faults.range("webhooks.backoff_max_ms", self.backoff_max_ms, 100..=LONGEST_MS, "ms");
        faults.ordered(
            ("webhooks.backoff_min_ms", self.backoff_min_ms),
            ("webhooks.backoff_max_ms", self.backoff_max_ms),
        );
        faults.range("webhooks.give_up_s", self.give_up_s, 1..=DAY_S, "s");
        if self.endpoints.len() > MAX_ENDPOINTS {
            let what = format!("has {} blocks", self.endpoints.len());
            faults.add("webhooks.endpoints", &what, &format!("{MAX_ENDPOINTS} at most"));
        }
        let (mut ids, mut urls) = (HashSet::new(), HashSet::new());
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let at = format!("webhooks.endpoints[{index}]");
            endpoint.check(&at, faults);
            if !ids.insert(&endpoint.id) {
                faults.add(&format!("{at}.id"), "stands twice", "ids that differ");
            }
            if !urls.insert(endpoint.url.expose()) {
                faults.add(&format!("{at}.url"), "stands twice", "one block for each URL");
            }
        }
    }
}

impl WebhookEndpoint {
    fn check(&self, at: &str, faults: &mut Faults) {
        if let Err(error) = self.id.parse::<EndpointId>() {
            faults.add(&format!("{at}.id"), "is not allowed", error.allowed);
        }
        let good = url::Url::parse(self.url.expose())
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
        if !good {
            faults.add(&format!("{at}.url"), "is not usable", "http(s)://host[:port]/path");
        }
        if SigningKey::parse(self.secret.expose()).is_err() {
            faults.add(
                &format!("{at}.secret"),
                "is not usable",
                "whsec_ and the base64 of 24 to 64 bytes, for example from: echo whsec_$(openssl rand -base64 32)",
            );
        }
        for (index, pattern) in self.events.iter().enumerate() {
            if EventKinds::of([pattern.as_str()]).is_err() {
                faults.add(
                    &format!("{at}.events[{index}]"),
                    &format!("= {pattern:?} fits no type of event"),
                    "a type such as \"cast.started\", a group such as \"cast.*\", or \"*\"",
                );
            }
        }
        if self.conferences.len() > MAX_CONFERENCES {
            let what = format!("names {} conferences", self.conferences.len());
            faults.add(&format!("{at}.conferences"), &what, &format!("{MAX_CONFERENCES} at most"));
        }
        for (index, id) in self.conferences.iter().enumerate() {
            if let Err(error) = id.parse::<ConferenceId>() {
                faults.add(&format!("{at}.conferences[{index}]"), "is not allowed", error.allowed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn endpoint() -> WebhookEndpoint {
        WebhookEndpoint {
            id: "crm".to_owned(),
            url: Redacted::new("https://user:hush@crm.example/hooks?token=hush".to_owned()),
            secret: Redacted::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
            events: vec!["cast.*".to_owned(), "load.shed".to_owned()],
            conferences: vec!["room".to_owned()],
        }
    }

    fn faults(change: impl FnOnce(&mut Vec<WebhookEndpoint>)) -> Vec<String> {
        let mut config = Config::default();
        config.webhooks.endpoints.push(endpoint());
        change(&mut config.webhooks.endpoints);
        config.faults()
    }

    #[test]
    fn every_fault_of_an_endpoint_is_one_exact_sentence() {
        assert_eq!(faults(|_| {}), Vec::<String>::new());
        type Change = fn(&mut Vec<WebhookEndpoint>);
        let table: [(Change, &str); 7] = [
            (
                |all| all[0].url = Redacted::new("ftp://hush@host/".to_owned()),
                "webhooks.endpoints[0].url is not usable; allowed: http(s)://host[:port]/path",
            ),
            (
                |all| all[0].secret = Redacted::new("whsec_hush".to_owned()),
                "webhooks.endpoints[0].secret is not usable; allowed: whsec_ and the base64 of 24 to 64 bytes, for \
                 example from: echo whsec_$(openssl rand -base64 32)",
            ),
            (
                |all| all[0].events.push("cast".to_owned()),
                "webhooks.endpoints[0].events[2] = \"cast\" fits no type of event; allowed: a type such as \
                 \"cast.started\", a group such as \"cast.*\", or \"*\"",
            ),
            (
                |all| all[0].conferences.push("a b".to_owned()),
                "webhooks.endpoints[0].conferences[1] is not allowed; allowed: 1 to 128 characters of A-Z a-z 0-9 . _ \
                 ~ - @ : + and not \".\" or \"..\"",
            ),
            (
                |all| {
                    let url = Redacted::new("https://other.example/".to_owned());
                    all.push(WebhookEndpoint { url, ..endpoint() });
                },
                "webhooks.endpoints[1].id stands twice; allowed: ids that differ",
            ),
            (
                |all| all.push(WebhookEndpoint { id: "b".to_owned(), ..endpoint() }),
                "webhooks.endpoints[1].url stands twice; allowed: one block for each URL",
            ),
            (
                |all| {
                    *all = (0..17)
                        .map(|n| WebhookEndpoint {
                            id: format!("e{n}"),
                            url: Redacted::new(format!("https://e{n}.example/")),
                            ..endpoint()
                        })
                        .collect();
                },
                "webhooks.endpoints has 17 blocks; allowed: 16 at most",
            ),
        ];
        for (change, sentence) in table {
            assert_eq!(faults(change), [sentence]);
        }
    }
}
