//! `/v1/media`: the files that a program can show, and the one on the program paused, played, moved.

use super::{
    extract::{Holder, InConference, JsonBody, ToCast},
    problem::{HttpError, Problem},
    state::AppState,
    wire::{
        cast::CastJson,
        media::{FileControlBody, MediaJson},
    },
};
use crate::{
    control::{cast::Source, conference::ConferenceRequest, error::ControlError},
    media_dir::{self, MediaName},
};
use axum::{Json, extract::State};
use std::path::PathBuf;

/// Files that a list names at most.
const LISTED: usize = 1000;

/// The folder, where there is one.
fn folder(app: &AppState) -> Result<PathBuf, ControlError> {
    match app.config.media.dir.as_str() {
        "" => Err(ControlError::MediaDisabled),
        dir => Ok(dir.into()),
    }
}

/// Whether the file that a request names is there; other sources are not looked at.
///
/// # Errors
/// `media_disabled`, `file_not_found`.
pub async fn check(app: &AppState, source: &Source) -> Result<(), ControlError> {
    let Source::File(file) = source else { return Ok(()) };
    match is_there(app, file.name.clone()).await? {
        true => Ok(()),
        false => Err(ControlError::FileNotFound(file.name.clone())),
    }
}

/// Whether the clip that is to be the slate is there.
///
/// # Errors
/// `media_disabled`, `file_not_found`.
pub async fn check_clip(app: &AppState, clip: &MediaName) -> Result<(), ControlError> {
    match is_there(app, clip.clone()).await? {
        true => Ok(()),
        false => Err(ControlError::ClipNotFound(clip.clone())),
    }
}

async fn is_there(app: &AppState, name: MediaName) -> Result<bool, ControlError> {
    let dir = folder(app)?;
    let found = tokio::task::spawn_blocking(move || media_dir::resolve(&dir, &name)).await;
    found.map(|found| found.is_ok()).map_err(|_| ControlError::Internal)
}

/// List the media files that `source.file` can name: what is in `media.dir` and below it, 1000 at most. Grant: `cast`, in any
/// conference.
#[utoipa::path(get, path = "/v1/media", tag = "cast", operation_id = "list_media", responses(
    (status = 200, body = MediaJson),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`, `media_disabled`: no `media.dir` is set"),
    (status = 500, body = Problem, description = "`internal`: the folder cannot be read")))]
pub async fn list(State(app): State<AppState>, _: Holder<ToCast>) -> Result<Json<MediaJson>, HttpError> {
    let dir = folder(&app)?;
    match tokio::task::spawn_blocking(move || media_dir::list(&dir, LISTED)).await {
        Ok(Ok((files, more))) => Ok(Json(MediaJson::new(&files, more))),
        Ok(Err(error)) => {
            tracing::error!(%error, "the media folder cannot be read");
            Err(ControlError::Internal.into())
        }
        Err(_) => Err(ControlError::Internal.into()),
    }
}

/// Pause the media file on the program, let it play on, or go to another place in it. Answers when the program shows it. Grant:
/// `cast`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/cast/file", tag = "cast",
    operation_id = "control_file", params(("conference" = String, Path, description = "Conference id")),
    request_body = FileControlBody, responses(
    (status = 200, body = CastJson),
    (status = 400, body = Problem, description = "`invalid_request`, also for a place that is not in the file"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 404, body = Problem, description = "`conference_not_found`"),
    (status = 409, body = Problem, description = "`cast_not_started`, `file_not_playing`: no file is on the program, or it \
        cannot do that"),
    (status = 422, body = Problem, description = "`invalid_id`"),
    (status = 503, body = Problem, description = "`overloaded`, `worker_unavailable`")))]
pub async fn control(
    State(app): State<AppState>,
    at: InConference<ToCast>,
    JsonBody(body): JsonBody<FileControlBody>,
) -> Result<Json<CastJson>, HttpError> {
    let action = body.into_action()?;
    let conference = app.conferences.find(&at.conference).await?;
    let cast = conference.ask(|answer| ConferenceRequest::ControlFile { action, answer }).await?;
    Ok(Json(CastJson::new(&cast, &app.base_url)))
}
