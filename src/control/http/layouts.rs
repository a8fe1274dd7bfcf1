//! `/v1/layouts`: what `source.layout` can be.

use super::{
    extract::{Holder, ToSubscribe},
    problem::{HttpError, Problem},
    state::AppState,
    wire::layout::LayoutsJson,
};
use axum::{Json, extract::State};

/// List the layouts that a program can have: the built-in ones and those of the server's configuration. Grant: `subscribe`.
#[utoipa::path(get, path = "/v1/layouts", tag = "cast", operation_id = "list_layouts", responses(
    (status = 200, body = LayoutsJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`")))]
pub async fn list(
    State(app): State<AppState>,
    _: Holder<ToSubscribe>,
) -> Result<Json<LayoutsJson>, HttpError> {
    Ok(Json(LayoutsJson::new(&app.config.layouts)))
}
