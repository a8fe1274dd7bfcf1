//! Who is where: conferences by id, sessions by id. One actor owns both maps.

use crate::{
    control::{
        conference::{Conference, ConferenceSettings, ConferenceView},
        error::ControlError,
    },
    ids::{ConferenceId, SessionId},
};

/// The handle the HTTP layer holds. Behind it: `DirectoryRunner` (task), `DirectoryRequest` (mailbox).
#[derive(Debug, Clone)]
pub struct Directory {}

impl Directory {
    /// The conference, or `conference_not_found`.
    pub async fn find(&self, _id: &ConferenceId) -> Result<Conference, ControlError> {
        todo!()
    }
    /// The conference, created if unknown; `too_many_conferences`, `shutting_down`.
    pub async fn find_or_create(&self, _id: &ConferenceId) -> Result<Conference, ControlError> {
        todo!()
    }
    /// Creates or updates; true when created.
    pub async fn put(
        &self,
        _id: &ConferenceId,
        _settings: ConferenceSettings,
    ) -> Result<(bool, ConferenceView), ControlError> {
        todo!()
    }
    /// All, in order of id.
    pub async fn list(&self) -> Vec<Conference> {
        todo!()
    }
    /// The conference a WHIP session belongs to, or `session_not_found`.
    pub async fn by_session(&self, _id: &SessionId) -> Result<Conference, ControlError> {
        todo!()
    }
    /// Ends a conference.
    pub async fn end(&self, _id: &ConferenceId) -> Result<(), ControlError> {
        todo!()
    }
    /// Refuses new conferences, ends all casts cleanly and all conferences; returns when done.
    pub async fn drain(&self) {
        todo!()
    }
}
