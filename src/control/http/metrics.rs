//! `/metrics`, in Prometheus' text format. No token: labels hold ids of conferences and outputs, never a
//! participant, a URL or a key.

pub mod casts;

use super::state::AppState;
use crate::control::conference::{Conference, ConferenceRequest};
use axum::{
    extract::State,
    http::{HeaderName, header},
};
use futures::future::join_all;
use std::time::Duration;

/// A conference that does not answer within is left out of this scrape.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counters and histograms since the start, and the figures of the casts there are now. (These are made
/// at the scrape: a series is there exactly as long as its cast, so ids cannot pile up.)
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn render(State(app): State<AppState>) -> ([(HeaderName, &'static str); 1], String) {
    let view = |conference: Conference| async move {
        let asked = conference.ask(|answer| ConferenceRequest::Cast { answer });
        tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()
    };
    let views = join_all(app.conferences.list().await.into_iter().map(view)).await;
    let mut text = app.metrics.render();
    casts::write(&mut text, views.into_iter().flatten());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
