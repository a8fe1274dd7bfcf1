//! A store that forgets, for tests.

use super::{ConferenceRecord, PictureRecord, Store, StoreError, pictures::digest};
use crate::ids::ConferenceId;
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Keeps records as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    conferences: BTreeMap<ConferenceId, ConferenceRecord>,
    /// By conference and digest.
    pictures: BTreeMap<(ConferenceId, String), Bytes>,
}

impl Kept {
    fn tidy(&mut self) {
        let named = |(id, digest): &(ConferenceId, String)| {
            let record = self.conferences.get(id);
            record.is_some_and(|record| record.pictures.iter().any(|picture| picture.sha256 == *digest))
        };
        self.pictures.retain(|key, _| named(key));
    }
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many pictures' files are kept.
    pub fn pictures(&self) -> usize {
        self.lock().pictures.len()
    }
}

impl Store for MemoryStore {
    fn conferences(&self) -> BoxFuture<'_, Result<Vec<ConferenceRecord>, StoreError>> {
        async { Ok(self.lock().conferences.values().cloned().collect()) }.boxed()
    }

    fn conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<Option<ConferenceRecord>, StoreError>> {
        async move { Ok(self.lock().conferences.get(&id).cloned()) }.boxed()
    }

    fn save_conference(&self, record: ConferenceRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut kept = self.lock();
            kept.conferences.insert(record.id.clone(), record);
            kept.tidy();
            Ok(())
        }
        .boxed()
    }

    fn remove_conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut kept = self.lock();
            kept.conferences.remove(&id);
            kept.tidy();
            Ok(())
        }
        .boxed()
    }

    fn save_picture(&self, id: ConferenceId, data: Bytes) -> BoxFuture<'_, Result<String, StoreError>> {
        async move {
            let digest = digest(&data);
            self.lock().pictures.insert((id, digest.clone()), data);
            Ok(digest)
        }
        .boxed()
    }

    fn picture(&self, id: ConferenceId, record: PictureRecord) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        async move {
            let found = self.lock().pictures.get(&(id, record.sha256.clone())).cloned();
            found
                .ok_or_else(|| StoreError::Picture { file: record.sha256, why: "it is not there".to_owned() })
        }
        .boxed()
    }

    fn tidy(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.lock().tidy();
            Ok(())
        }
        .boxed()
    }
}
