//! What the contract names and this version does not have yet: each says so with `not_implemented`,
//! after the same check of rights as it will have then.

use super::{
    extract::{InConference, ToSubscribe},
    problem::{HttpError, Problem},
};
use crate::control::error::ControlError;

fn later(what: &str) -> HttpError {
    ControlError::NotImplemented(what.to_owned()).into()
}

/// Receive the program (WHEP). Not implemented yet. Grant: `subscribe`.
#[utoipa::path(post, path = "/v1/conferences/{conference}/program/whep", tag = "whep",
    params(("conference" = String, Path, description = "Conference id")),
    responses((status = 501, body = Problem, description = "`not_implemented`")))]
pub async fn program_whep(_: InConference<ToSubscribe>) -> HttpError {
    later("receiving the program by WHEP")
}
