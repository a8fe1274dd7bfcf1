//! The HTTP face of control: one file per resource, [`wire`] for the JSON, [`problem`] for errors.
//!
//! A request's way: request id and span ([`layers`]), route, token and ids ([`extract`]), body
//! ([`wire`]), then the conference's actor; the answer goes back when the thing has *happened*.

pub mod cast;
pub mod conferences;
mod cues;
pub mod events;
pub mod extract;
pub mod health;
pub mod hls;
pub mod layers;
mod layouts;
mod media;
pub mod metrics;
pub mod openapi;
mod overlay;
pub mod pages;
pub mod participants;
mod pictures;
pub mod problem;
pub mod recordings;
pub mod server;
pub mod sessions;
pub mod signal;
pub mod snapshot;
pub mod state;
pub mod webhooks;
pub mod whep;
pub mod whip;
pub mod wire;

use axum::{Router, middleware};
use state::AppState;
use tower_http::compression::CompressionLayer;

/// Everything that is served. `media` (HLS) is served beside the API: it has its own deadlines, CORS
/// and compression, but the same request ids, spans, metrics and catch of panics.
pub fn app(state: AppState, media: Router) -> Router {
    let timeout = state.config.request_timeout();
    let (api, description) = openapi::router().split_for_parts();
    let api = api
        .with_state(state)
        .layer(axum::Extension(openapi::Description::new(&description)))
        .fallback(problem::route_not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn(move |request, next| layers::deadline(timeout, request, next)))
        .layer(CompressionLayer::new().gzip(true).compress_when(layers::is_text))
        .layer(middleware::from_fn(layers::cors));
    api.merge(media)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn(layers::catch_panic))
        .layer(middleware::from_fn(layers::observe))
}
