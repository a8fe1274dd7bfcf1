//! Webhook endpoints and the delivery log, as they are read.

use crate::{
    control::{
        error::ControlError,
        events::kind::{EventKind, EventKinds},
        webhooks::{EndpointView, attempts::Attempt, client::Sent, delivery::Verdict},
    },
    ids::{ConferenceId, EndpointId, EventId},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Attempts in an answer, unless said.
pub const DEFAULT_LIMIT: usize = 100;
/// Attempts in an answer at most.
pub const MAX_LIMIT: usize = 1000;

/// The endpoints.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Webhooks")]
pub struct WebhooksJson {
    /// In the configuration's order.
    pub webhooks: Vec<WebhookJson>,
}

/// A receiver of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Webhook")]
pub struct WebhookJson {
    #[schema(example = "crm")]
    pub id: String,
    /// Without user, password and query.
    #[schema(example = "https://crm.example/hooks/meetingcast")]
    pub url: String,
    /// The types of events that it gets.
    pub events: Vec<&'static str>,
    /// The conferences whose events it gets; empty: all.
    pub conferences: Vec<String>,
    /// `enabled`, or `disabled`: it has said `410 Gone` and gets nothing more until a test succeeds.
    #[schema(example = "enabled")]
    pub state: &'static str,
    /// Events that wait or are on their way.
    pub queued: usize,
    /// Events that were taken, since the server's start.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Events that were tried and then given up.
    pub given_up: u64,
    /// Events that were never sent: the queue was full or the endpoint disabled.
    pub lost: u64,
}

impl From<&EndpointView> for WebhookJson {
    fn from(view: &EndpointView) -> Self {
        let counters = view.counters;
        let kinds = EventKind::ALL.iter().filter(|kind| view.kinds.contains(**kind));
        Self {
            id: view.id.to_string(),
            url: view.url.clone(),
            events: if view.kinds == EventKinds::ALL {
                vec!["*"]
            } else {
                kinds.map(|kind| kind.name()).collect()
            },
            conferences: view.conferences.iter().map(ToString::to_string).collect(),
            state: if counters.disabled { "disabled" } else { "enabled" },
            queued: counters.queued,
            delivered: counters.delivered,
            failed_attempts: counters.failed_attempts,
            given_up: counters.given_up,
            lost: counters.lost,
        }
    }
}

/// Attempts, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Deliveries")]
pub struct AttemptsJson {
    pub deliveries: Vec<AttemptJson>,
}

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Delivery")]
pub struct AttemptJson {
    /// `webhook-id`.
    #[schema(example = "evt_0123456789abcdef0123456789abcdef")]
    pub event: String,
    #[serde(rename = "type")]
    #[schema(example = "cast.started")]
    pub kind: &'static str,
    pub conference: String,
    pub sequence: u64,
    pub endpoint: String,
    /// Without user, password and query.
    pub url: String,
    /// 1 for the first of this event.
    pub attempt: u32,
    #[schema(format = DateTime)]
    pub at: String,
    pub took_ms: u64,
    /// Of the answer; `null` when there was none.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// `delivered`, `retry`, `given_up` or `disabled`.
    #[schema(example = "delivered")]
    pub state: &'static str,
    /// With `retry`: not before.
    #[schema(format = DateTime)]
    pub next_attempt_at: Option<String>,
}

impl From<&Attempt> for AttemptJson {
    fn from(attempt: &Attempt) -> Self {
        Self {
            event: attempt.event.to_string(),
            kind: attempt.kind.name(),
            conference: attempt.conference.to_string(),
            sequence: attempt.sequence,
            endpoint: attempt.endpoint.to_string(),
            url: attempt.url.clone(),
            attempt: attempt.number,
            at: attempt.at.to_string(),
            took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            status: attempt.result.as_ref().ok().copied(),
            error: attempt.result.as_ref().err().cloned(),
            state: match attempt.verdict {
                Verdict::Delivered => "delivered",
                Verdict::Retry { .. } => "retry",
                Verdict::GivenUp => "given_up",
                Verdict::Disabled => "disabled",
            },
            next_attempt_at: attempt.next_attempt_at.map(|at| at.to_string()),
        }
    }
}

/// What a test led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "WebhookTest")]
pub struct TestJson {
    /// `webhook-id`.
    pub event: String,
    /// It was answered with 2xx.
    pub delivered: bool,
    /// Of the answer; `null` when there was none.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
    pub took_ms: u64,
}

impl TestJson {
    /// Of what was sent.
    pub fn new(event: &EventId, sent: &Sent) -> Self {
        Self {
            event: event.to_string(),
            delivered: sent.is_delivered(),
            status: sent.result.as_ref().ok().copied(),
            error: sent.result.as_ref().err().cloned(),
            took_ms: u64::try_from(sent.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// `?conference=…&endpoint=…&limit=…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptsQuery {
    pub conference: Option<ConferenceId>,
    pub endpoint: Option<EndpointId>,
    pub limit: usize,
}

impl AttemptsQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_id`.
    pub fn parse(query: &str) -> Result<Self, ControlError> {
        let mut parsed = Self { conference: None, endpoint: None, limit: DEFAULT_LIMIT };
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "conference" => parsed.conference = Some(value.parse()?),
                "endpoint" => parsed.endpoint = Some(value.parse()?),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    let refused = || {
                        let detail = format!("limit is not allowed; allowed: 1 to {MAX_LIMIT}");
                        ControlError::invalid("limit", detail)
                    };
                    parsed.limit = limit.ok_or_else(refused)?;
                }
                _ => {
                    let detail =
                        "the query has an unknown parameter; allowed here: conference, endpoint, limit";
                    return Err(ControlError::InvalidRequest { detail: detail.to_owned(), field: None });
                }
            }
        }
        Ok(parsed)
    }
}
