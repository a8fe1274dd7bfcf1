//! What survives a restart of the server.
//!
//! One trait, so that a shared store can take the embedded one's place. Records name nothing of this
//! machine: no paths, no addresses, no process ids.

mod cues;
pub mod memory;
pub mod redb;

pub use cues::{CueRecord, RundownRecord};

use crate::{control::conference::ConferenceSettings, ids::ConferenceId};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Keeps conferences that somebody set up (`PUT`); those that came about by joining are not kept.
pub trait Store: Send + Sync + 'static {
    /// All conferences, in order of id.
    fn conferences(&self) -> BoxFuture<'_, Result<Vec<ConferenceRecord>, StoreError>>;
    /// A conference's record, if there is one.
    fn conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<Option<ConferenceRecord>, StoreError>>;
    /// Creates or replaces a conference's record; durable when done.
    fn save_conference(&self, record: ConferenceRecord) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Removes a conference's record, if there is one; durable when done.
    fn remove_conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// A kept conference. This is the stored form: fields are only ever added, with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConferenceRecord {
    /// Its name.
    pub id: ConferenceId,
    /// When it was created.
    pub created_at: Timestamp,
    /// Shown on the slate.
    #[serde(default)]
    pub name: Option<String>,
    /// Participants at once.
    #[serde(default)]
    pub max_participants: Option<usize>,
    /// What is to be on its casts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rundown: Option<RundownRecord>,
}

impl ConferenceRecord {
    /// The record of a conference.
    pub fn new(id: ConferenceId, created_at: Timestamp, settings: &ConferenceSettings) -> Self {
        let (name, max_participants) = (settings.name.clone(), settings.max_participants);
        Self { id, created_at, name, max_participants, rundown: None }
    }

    /// The settings it holds.
    pub fn settings(&self) -> ConferenceSettings {
        ConferenceSettings { name: self.name.clone(), max_participants: self.max_participants }
    }
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store could not be opened; another server may be using it.
    #[error("open of the store failed")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Reading failed.
    #[error("read of the store failed")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Writing failed.
    #[error("write to the store failed")]
    Write(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A record is not what we wrote.
    #[error("the store's record of conference {key} is not readable")]
    Record {
        /// The record's key.
        key: String,
        #[source]
        source: serde_json::Error,
    },
}
