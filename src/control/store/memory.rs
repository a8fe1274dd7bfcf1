//! A store that forgets, for tests.

use super::{ConferenceRecord, Store, StoreError};
use crate::ids::ConferenceId;
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Keeps records as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    conferences: Mutex<BTreeMap<ConferenceId, ConferenceRecord>>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConferenceId, ConferenceRecord>> {
        self.conferences.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn conferences(&self) -> BoxFuture<'_, Result<Vec<ConferenceRecord>, StoreError>> {
        async { Ok(self.lock().values().cloned().collect()) }.boxed()
    }

    fn conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<Option<ConferenceRecord>, StoreError>> {
        async move { Ok(self.lock().get(&id).cloned()) }.boxed()
    }

    fn save_conference(&self, record: ConferenceRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.lock().insert(record.id.clone(), record);
            Ok(())
        }
        .boxed()
    }

    fn remove_conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.lock().remove(&id);
            Ok(())
        }
        .boxed()
    }
}
