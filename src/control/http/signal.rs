//! `GET /v1/signal`: the upgrade to the signalling WebSocket.

use super::{
    problem::{HttpError, Problem},
    state::AppState,
};
use crate::{
    control::{
        auth::Identity,
        error::ControlError,
        signal::{
            socket::{Caller, Socket},
            wire::MAX_MESSAGE_BYTES,
        },
    },
    ids::ParticipantId,
};
use axum::{
    extract::{
        Query, State, WebSocketUpgrade, rejection::QueryRejection, ws::rejection::WebSocketUpgradeRejection,
    },
    http::{HeaderMap, header},
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;

/// A browser cannot set `Authorization` on a WebSocket: its token comes in the query, or behind this as a
/// subprotocol.
const BEARER: &str = "bearer.";

/// Who calls.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SignalQuery {
    /// In open mode: who it is; made up when neither this nor `hello` says so.
    participant: Option<String>,
    /// In token mode: the token, unless it comes as subprotocol `bearer.<jwt>` or as `Authorization`.
    token: Option<String>,
}

/// The signalling WebSocket: presence, calls, what happens in conferences. One JSON object per text message;
/// the first is `hello`. Any token signs in; joining a conference needs the grant `subscribe` there.
#[utoipa::path(get, path = "/v1/signal", tag = "signal", params(SignalQuery), responses(
    (status = 101, description = "the connection is a WebSocket now"),
    (status = 400, body = Problem, description = "`invalid_request`: not a WebSocket upgrade"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 422, body = Problem, description = "`invalid_id`"),
    (status = 429, body = Problem, description = "`too_many_clients`"),
    (status = 503, body = Problem, description = "`shutting_down`")))]
pub async fn signal(
    State(app): State<AppState>,
    query: Result<Query<SignalQuery>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, HttpError> {
    let Query(query) = query.map_err(|_| ControlError::InvalidRequest {
        detail: "the query could not be read; allowed: participant and token, each once".to_owned(),
        field: None,
    })?;
    let identity = identify(&app, &query, &headers)?;
    let asked = query.participant.as_deref().map(str::parse::<ParticipantId>).transpose();
    let asked = asked.map_err(ControlError::InvalidId)?;
    let upgrade = upgrade.map_err(|_| ControlError::InvalidRequest {
        detail: "this path takes a WebSocket upgrade (RFC 6455) and nothing else".to_owned(),
        field: None,
    })?;
    let place = app.signal.place()?;
    let caller = Caller { identity, asked, config: app.config.clone(), base_url: app.base_url.clone() };
    let switchboard = app.signal.clone();
    // A browser that offers subprotocols goes on only when one of them is chosen.
    let offered: Vec<String> = offered(&headers).map(str::to_owned).collect();
    Ok(upgrade
        .protocols(offered)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(move |socket| Socket::new(socket, place, switchboard, caller).run()))
}

fn identify(app: &AppState, query: &SignalQuery, headers: &HeaderMap) -> Result<Identity, ControlError> {
    let by_protocol = offered(headers).find_map(|protocol| protocol.strip_prefix(BEARER));
    match query.token.as_deref().or(by_protocol) {
        Some(token) => app.auth.identify_token(token),
        None => app.auth.identify(headers),
    }
}

/// The subprotocols a client offers.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).map(str::trim)
}
