//! `/v1/webhooks`: the endpoints, what was delivered to them, a test. The configuration names them, not the API.

use super::{
    extract::{Holder, Named, PathName, ToAdminister},
    problem::{HttpError, Problem},
    state::AppState,
    wire::webhook::{AttemptJson, AttemptsJson, AttemptsQuery, TestJson, WebhookJson, WebhooksJson},
};
use crate::{
    control::{
        auth::{Grant, Identity, Scope},
        error::ControlError,
        webhooks::attempts::Attempt,
    },
    ids::EndpointId,
};
use axum::{
    Json,
    extract::{RawQuery, State},
};

impl PathName for EndpointId {
    const PARAM: &'static str = "endpoint";
}

/// The endpoints are the server's, not a conference's.
fn require_all(identity: &Identity) -> Result<(), ControlError> {
    match identity.scope() {
        Scope::All => identity.require(Grant::Admin),
        Scope::One(_) => Err(ControlError::Forbidden("it is for one conference".to_owned())),
    }
}

/// List the webhook endpoints with their figures since the server's start. Grant: `admin` for all conferences.
#[utoipa::path(get, path = "/v1/webhooks", tag = "events", operation_id = "list_webhooks", responses(
    (status = 200, body = WebhooksJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`")))]
pub async fn list(
    State(app): State<AppState>,
    holder: Holder<ToAdminister>,
) -> Result<Json<WebhooksJson>, HttpError> {
    require_all(&holder.identity)?;
    let webhooks = app.events.webhooks().list().iter().map(WebhookJson::from).collect();
    Ok(Json(WebhooksJson { webhooks }))
}

/// The delivery log: the latest attempts (500 of each endpoint are kept), newest first. Grant: `admin`; of the
/// conferences that the token covers.
#[utoipa::path(get, path = "/v1/webhooks/deliveries", tag = "events", operation_id = "list_deliveries",
    params(("conference" = Option<String>, Query, description = "only events of this conference"),
           ("endpoint" = Option<String>, Query, description = "only to this endpoint"),
           ("limit" = Option<usize>, Query, description = "1 to 1000; 100 when absent")),
    responses(
    (status = 200, body = AttemptsJson),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn deliveries(
    State(app): State<AppState>,
    holder: Holder<ToAdminister>,
    RawQuery(query): RawQuery,
) -> Result<Json<AttemptsJson>, HttpError> {
    let query = AttemptsQuery::parse(query.as_deref().unwrap_or_default())?;
    if let Some(conference) = &query.conference {
        holder.identity.require_in(Grant::Admin, conference)?;
    }
    let wanted = |attempt: &Attempt| {
        holder.identity.covers(&attempt.conference)
            && query.conference.as_ref().is_none_or(|conference| *conference == attempt.conference)
            && query.endpoint.as_ref().is_none_or(|endpoint| *endpoint == attempt.endpoint)
    };
    let found = app.events.webhooks().attempts(query.limit, wanted);
    Ok(Json(AttemptsJson { deliveries: found.iter().map(AttemptJson::from).collect() }))
}

/// Send `webhook.test` to an endpoint, once, and say what it answered. An endpoint that was disabled (it had said
/// `410 Gone`) and takes it is enabled again. Grant: `admin` for all conferences.
#[utoipa::path(post, path = "/v1/webhooks/{endpoint}/test", tag = "events", operation_id = "test_webhook",
    params(("endpoint" = String, Path, description = "`id` of a `[[webhooks.endpoints]]`")), responses(
    (status = 200, body = TestJson, description = "it was sent; `delivered` says whether it was taken"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`endpoint_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn test(
    State(app): State<AppState>,
    holder: Holder<ToAdminister>,
    Named(endpoint): Named<EndpointId>,
) -> Result<Json<TestJson>, HttpError> {
    require_all(&holder.identity)?;
    let (event, sent) = app.events.webhooks().test(&endpoint).await?;
    Ok(Json(TestJson::new(&event, &sent)))
}
