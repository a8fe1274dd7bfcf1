//! `/healthz` and `/readyz`: for whoever watches the process. No token.

use super::{
    problem::{HttpError, Problem},
    state::AppState,
};
use crate::control::{admission, error::ControlError};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

/// All is well.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct HealthJson {
    /// `ok` or `ready`.
    #[schema(example = "ok")]
    pub status: &'static str,
    /// The server's version.
    pub version: &'static str,
}

/// Alive: the process serves requests.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = HealthJson)))]
pub async fn alive() -> Json<HealthJson> {
    Json(HealthJson { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Ready: new work is taken.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, body = HealthJson),
    (status = 503, body = Problem, description = "`shutting_down`: the server drains; `overloaded`: no cast fits any more (`limits.max_load`)")))]
pub async fn ready(State(app): State<AppState>) -> Result<Json<HealthJson>, HttpError> {
    if app.readiness.is_draining() {
        return Err(ControlError::ShuttingDown.into());
    }
    if app.admission.is_full() {
        return Err(ControlError::Overloaded { retry_after: admission::RETRY_AFTER }.into());
    }
    Ok(Json(HealthJson { status: "ready", version: env!("CARGO_PKG_VERSION") }))
}
