//! What survives a restart of the server.
//!
//! One trait, so that a shared store can take the embedded one's place. Records name nothing of this
//! machine: no paths, no addresses, no process ids.

mod cues;
pub mod memory;
mod overlay;
mod pictures;
pub mod redb;

pub use cues::{CueRecord, RundownRecord};
pub use overlay::OverlayRecord;
pub use pictures::{PictureRecord, load_pictures};

use crate::{control::conference::ConferenceSettings, ids::ConferenceId};
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Keeps conferences that somebody set up (`PUT`); those that came about by joining are not kept.
pub trait Store: Send + Sync + 'static {
    /// All conferences, in order of id.
    fn conferences(&self) -> BoxFuture<'_, Result<Vec<ConferenceRecord>, StoreError>>;
    /// A conference's record, if there is one.
    fn conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<Option<ConferenceRecord>, StoreError>>;
    /// Creates or replaces a conference's record; durable when done. Files of pictures that it does not name go.
    fn save_conference(&self, record: ConferenceRecord) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Removes a conference's record, if there is one, and the files of its pictures; durable when done.
    fn remove_conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Keeps a picture's file, before a record names it; durable when done. The answer is what the record is to
    /// call it: the same for the same bytes.
    fn save_picture(&self, id: ConferenceId, data: Bytes) -> BoxFuture<'_, Result<String, StoreError>>;
    /// The file of a picture, as its record calls it; whole, or it is an error that names it.
    fn picture(&self, id: ConferenceId, record: PictureRecord) -> BoxFuture<'_, Result<Bytes, StoreError>>;
    /// Removes files that no record names: a server died between two steps. For start-up.
    fn tidy(&self) -> BoxFuture<'_, Result<(), StoreError>>;
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
    /// What is drawn over its casts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay: Option<OverlayRecord>,
    /// The pictures for that, which somebody uploaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<PictureRecord>,
}

impl ConferenceRecord {
    /// The record of a conference that has nothing but its settings.
    pub fn new(id: ConferenceId, created_at: Timestamp, settings: &ConferenceSettings) -> Self {
        let (name, max_participants) = (settings.name.clone(), settings.max_participants);
        Self { id, created_at, name, max_participants, rundown: None, overlay: None, pictures: Vec::new() }
    }

    /// The same with what another record has besides settings.
    pub fn with_contents_of(self, other: Self) -> Self {
        let Self { rundown, overlay, pictures, .. } = other;
        Self { rundown, overlay, pictures, ..self }
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
    /// A picture's file is not what we wrote, or is not there.
    #[error("the stored picture {file} cannot be used: {why}")]
    Picture {
        /// Where it is.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A record is not what we wrote.
    #[error("the store's record of conference {key} is not readable")]
    Record {
        /// The record's key.
        key: String,
        #[source]
        source: serde_json::Error,
    },
}
