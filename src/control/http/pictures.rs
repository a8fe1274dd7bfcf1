//! `/v1/conferences/{c}/pictures`: logos and backgrounds.

use super::{
    extract::{InConference, Named, ToCast, content_type, read_body},
    problem::{HttpError, Problem},
    state::AppState,
    wire::picture::{PictureJson, PicturesJson},
};
use crate::{
    control::{conference::ConferenceRequest, error::ControlError},
    ids::PictureName,
    ipc::overlay::{PictureFile, PictureKind},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};

/// List the pictures that the conference's overlay may name: its own, and the server's. Grant: `cast`.
#[utoipa::path(get, path = "/v1/conferences/{conference}/pictures", tag = "cast", operation_id = "list_pictures",
    params(("conference" = String, Path, description = "Conference id")), responses(
    (status = 200, body = PicturesJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn list(
    State(app): State<AppState>,
    at: InConference<ToCast>,
) -> Result<Json<PicturesJson>, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    let views = conference.ask(|answer| ConferenceRequest::Pictures { answer }).await?;
    Ok(Json(PicturesJson::from(&views[..])))
}

/// Upload a picture, or replace it: the overlay shows the new one. Answers when it was decoded, and, of a conference that
/// was set up, stored. Everybody inside is told by `conference.pictures`. Grant: `cast`.
#[utoipa::path(put, path = "/v1/conferences/{conference}/pictures/{picture}", tag = "cast",
    operation_id = "put_picture", params(("conference" = String, Path, description = "Conference id"),
        ("picture" = String, Path, description = "Its name: 1 to 32 characters of a-z 0-9 _ -")),
    request_body(content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/svg+xml"))), responses(
    (status = 201, body = PictureJson, description = "there was none of this name"),
    (status = 200, body = PictureJson, description = "replaced"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 409, body = Problem, description = "`picture_is_servers`: of the server's configuration"),
    (status = 413, body = Problem, description = "`body_too_large` (limits.max_picture_bytes)"),
    (status = 415, body = Problem, description = "`codec_unsupported`: no PNG, JPEG or SVG"),
    (status = 422, body = Problem, description = "`invalid_id`, `picture_invalid`: it cannot be decoded, or has more than 4096x4096 pixels"),
    (status = 429, body = Problem, description = "`too_many_pictures`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`")))]
pub async fn put(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    Named(name): Named<PictureName>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<PictureJson>), HttpError> {
    let kind = PictureKind::of_content_type(&content_type(&headers)).ok_or_else(|| {
        let detail = "the Content-Type must be image/png, image/jpeg or image/svg+xml";
        ControlError::WrongContentType(detail.to_owned())
    })?;
    let conference = app.conferences.find(&at.conference).await?;
    let data = read_body(&headers, body, app.config.limits.max_picture_bytes).await?;
    if data.is_empty() {
        return Err(ControlError::PictureInvalid("it is empty".to_owned()).into());
    }
    let file = PictureFile { kind, data };
    let put = conference.ask(|answer| ConferenceRequest::PutPicture { name, file, answer }).await?;
    app.conferences.stored(&at.conference).await?;
    let status = if put.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(PictureJson::from(&put.picture))))
}

/// Delete a picture that the overlay does not name. Grant: `cast`.
#[utoipa::path(delete, path = "/v1/conferences/{conference}/pictures/{picture}", tag = "cast",
    operation_id = "delete_picture", params(("conference" = String, Path, description = "Conference id"),
        ("picture" = String, Path, description = "Its name")), responses(
    (status = 204, description = "it is gone"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`, `picture_not_found`"),
    (status = 409, body = Problem, description = "`picture_in_use`, `picture_is_servers`"),
    (status = 422, body = Problem, description = "`invalid_id`")))]
pub async fn delete(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    Named(name): Named<PictureName>,
) -> Result<StatusCode, HttpError> {
    let conference = app.conferences.find(&at.conference).await?;
    conference.ask(|answer| ConferenceRequest::RemovePicture { name, answer }).await?;
    app.conferences.stored(&at.conference).await?;
    Ok(StatusCode::NO_CONTENT)
}
