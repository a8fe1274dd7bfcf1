//! `/v1/conferences/{c}/cast/overlay`: what is drawn over the program.

use super::{
    extract::{InConference, JsonBody, ToCast},
    media,
    problem::{HttpError, Problem},
    state::AppState,
    wire::overlay::{OverlayBody, OverlayJson},
};
use crate::control::conference::ConferenceRequest;
use axum::{Json, extract::State};

/// Read the overlay: it belongs to the conference, whether a cast runs or not. Grant: `cast`.
#[utoipa::path(get, path = "/v1/conferences/{conference}/cast/overlay", tag = "cast", operation_id = "get_overlay",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, body = OverlayJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn get(
    State(app): State<AppState>,
    at: InConference<ToCast>,
) -> Result<Json<OverlayJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let view = conference.ask(|answer| ConferenceRequest::Overlay { answer }).await?;
    Ok(Json(OverlayJson::from(&view)))
}

/// Change the overlay: labels, title, logo, background, clock; and the slate. What is absent stays, `null` removes. Answers when
/// the change is on the program, all of it at one frame; at once where no program runs, or one whose pictures pass through. A
/// clip is opened first: one that cannot be shown changes nothing. Of a conference that was set up it is stored then. Everybody
/// inside is told by `cast.overlay`. Grant: `cast`.
#[utoipa::path(patch, path = "/v1/conferences/{conference}/cast/overlay", tag = "cast",
    operation_id = "patch_overlay", params(("conference" = String, Path, description = "Conference id")),
    request_body = OverlayBody, responses(
    (status = 200, body = OverlayJson),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`, `media_disabled`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `picture_not_found`, `file_not_found`"),
    (status = 409, body = Problem, description = "`overlay_unavailable`: a cast runs whose pictures pass through; then only \
        the slate can be changed, and not to a clip"),
    (status = 422, body = Problem, description = "`invalid_id`, `file_unsupported`: the slate cannot show this file"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`: nobody could look at the clip")))]
pub async fn patch(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    JsonBody(body): JsonBody<OverlayBody>,
) -> Result<Json<OverlayJson>, HttpError> {
    let patch = body.into_patch()?;
    let conference = app.conferences.find(&at.conference).await?;
    if let Some(clip) = patch.clip() {
        media::check_clip(&app, clip).await?;
    }
    let view = conference.ask(|answer| ConferenceRequest::PatchOverlay { patch, answer }).await?;
    app.conferences.stored(&at.conference).await?;
    Ok(Json(OverlayJson::from(&view)))
}
