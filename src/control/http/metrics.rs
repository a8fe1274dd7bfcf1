//! `/metrics`, in Prometheus' text format. No token: no label holds an id or a name.

use super::state::AppState;
use axum::{
    extract::State,
    http::{HeaderName, header},
};

/// Counters and histograms since the start.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn render(State(app): State<AppState>) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}
