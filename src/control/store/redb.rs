//! The embedded store: one redb file in the data directory, and a folder with the files of pictures.

mod files;

use self::files::PictureFiles;
use super::{ConferenceRecord, PictureRecord, Store, StoreError};
use crate::ids::ConferenceId;
use ::redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use std::{path::Path, sync::Arc};

/// Conference id → [`ConferenceRecord`] as JSON. JSON, so that a record written by an older server is
/// readable by a newer one, and by people.
const CONFERENCES: TableDefinition<&str, &[u8]> = TableDefinition::new("conferences");

/// The file's name in the data directory.
const FILE_NAME: &str = "control.redb";

/// A store on disk. Its I/O blocks, so it runs on the runtime's blocking threads.
pub struct RedbStore {
    database: Arc<Database>,
    files: PictureFiles,
}

impl RedbStore {
    /// Opens the store in `data_dir`, which is created where it is missing. Blocks; for start-up.
    ///
    /// # Errors
    /// The directory or file cannot be made, is damaged, or another server has it open.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(data_dir).map_err(|error| StoreError::Open(error.into()))?;
        let database =
            Database::create(data_dir.join(FILE_NAME)).map_err(|error| StoreError::Open(error.into()))?;
        // The table is made at once, so that reading never has to ask whether it is there.
        let made = (|| {
            let write = database.begin_write()?;
            write.open_table(CONFERENCES)?;
            write.commit()?;
            Ok::<_, ::redb::Error>(())
        })();
        made.map_err(|error| StoreError::Open(error.into()))?;
        Ok(Self { database: Arc::new(database), files: PictureFiles::new(data_dir) })
    }

    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database, &PictureFiles) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let (database, files) = (self.database.clone(), self.files.clone());
        async move {
            let done = tokio::task::spawn_blocking(move || work(&database, &files)).await;
            done.unwrap_or_else(|error| Err(StoreError::Write(error.into())))
        }
        .boxed()
    }
}

fn read_all(database: &Database) -> Result<Vec<(String, Vec<u8>)>, ::redb::Error> {
    let table = database.begin_read()?.open_table(CONFERENCES)?;
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        rows.push((key.value().to_owned(), value.value().to_owned()));
    }
    Ok(rows)
}

fn read(database: &Database, key: &str) -> Result<Option<Vec<u8>>, ::redb::Error> {
    let table = database.begin_read()?.open_table(CONFERENCES)?;
    Ok(table.get(key)?.map(|value| value.value().to_owned()))
}

fn write(database: &Database, key: &str, value: Option<&[u8]>) -> Result<(), ::redb::Error> {
    let write = database.begin_write()?;
    {
        let mut table = write.open_table(CONFERENCES)?;
        match value {
            Some(value) => drop(table.insert(key, value)?),
            None => drop(table.remove(key)?),
        }
    }
    write.commit()?;
    Ok(())
}

fn records(database: &Database) -> Result<Vec<ConferenceRecord>, StoreError> {
    let rows = read_all(database).map_err(|error| StoreError::Read(error.into()))?;
    rows.into_iter()
        .map(|(key, value)| {
            serde_json::from_slice(&value).map_err(|source| StoreError::Record { key, source })
        })
        .collect()
}

/// Files that could not be removed take room, and the next start tries again: no reason to refuse what was done.
fn left_over(conference: &ConferenceId, removed: std::io::Result<()>) {
    if let Err(error) = removed {
        tracing::warn!(%conference, %error, "files of pictures are left over");
    }
}

impl Store for RedbStore {
    fn conferences(&self) -> BoxFuture<'_, Result<Vec<ConferenceRecord>, StoreError>> {
        self.blocking(|database, _| records(database))
    }

    fn conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<Option<ConferenceRecord>, StoreError>> {
        self.blocking(move |database, _| {
            let key = id.to_string();
            let value = read(database, &key).map_err(|error| StoreError::Read(error.into()))?;
            let record = value.map(|value| serde_json::from_slice(&value)).transpose();
            record.map_err(|source| StoreError::Record { key, source })
        })
    }

    fn save_conference(&self, record: ConferenceRecord) -> BoxFuture<'_, Result<(), StoreError>> {
        self.blocking(move |database, files| {
            let value = serde_json::to_vec(&record)
                .map_err(|source| StoreError::Record { key: record.id.to_string(), source })?;
            write(database, record.id.as_str(), Some(&value))
                .map_err(|error| StoreError::Write(error.into()))?;
            // From here on nobody asks for the others.
            left_over(&record.id, files.keep_only(&record.id, Some(&record)));
            Ok(())
        })
    }

    fn remove_conference(&self, id: ConferenceId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.blocking(move |database, files| {
            write(database, id.as_str(), None).map_err(|error| StoreError::Write(error.into()))?;
            left_over(&id, files.keep_only(&id, None));
            Ok(())
        })
    }

    fn save_picture(&self, id: ConferenceId, data: Bytes) -> BoxFuture<'_, Result<String, StoreError>> {
        self.blocking(move |_, files| files.save(&id, &data))
    }

    fn picture(&self, id: ConferenceId, record: PictureRecord) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        self.blocking(move |_, files| files.read(&id, &record))
    }

    fn tidy(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.blocking(|database, files| {
            let records = records(database)?;
            files.tidy(&records).map_err(|error| StoreError::Write(error.into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn record(id: &str, max: usize) -> ConferenceRecord {
        ConferenceRecord {
            id: id.parse().unwrap(),
            created_at: Timestamp::UNIX_EPOCH,
            name: Some("Name".to_owned()),
            max_participants: Some(max),
            rundown: None,
            overlay: None,
            pictures: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_record_of_an_older_server_has_its_settings_only() {
        let dir = tempfile::tempdir().unwrap();
        let store = RedbStore::open(dir.path()).unwrap();
        let old = br#"{"id":"a","created_at":"1970-01-01T00:00:00Z","name":"Name","max_participants":7}"#;
        write(&store.database, "a", Some(old)).unwrap();
        assert_eq!(store.conference("a".parse().unwrap()).await.unwrap(), Some(record("a", 7)));
        assert_eq!(store.conference("b".parse().unwrap()).await.unwrap(), None);
        let text = serde_json::to_vec(&record("a", 7)).unwrap();
        assert_eq!(text, old, "and a conference without more is stored as ever");
    }

    #[tokio::test]
    async fn records_survive_a_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let store = RedbStore::open(&data).unwrap();
        assert_eq!(store.conferences().await.unwrap(), []);
        store.save_conference(record("b", 1)).await.unwrap();
        store.save_conference(record("a:1", 2)).await.unwrap();
        store.save_conference(record("b", 3)).await.unwrap();
        store.save_conference(record("c", 4)).await.unwrap();
        store.remove_conference("c".parse().unwrap()).await.unwrap();
        store.remove_conference("never".parse().unwrap()).await.unwrap();
        drop(store);
        let store = RedbStore::open(&data).unwrap();
        assert_eq!(store.conferences().await.unwrap(), [record("a:1", 2), record("b", 3)]);
    }

    #[tokio::test]
    async fn a_second_server_on_the_same_data_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _first = RedbStore::open(dir.path()).unwrap();
        assert!(matches!(RedbStore::open(dir.path()), Err(StoreError::Open(_))));
    }

    #[tokio::test]
    async fn a_damaged_record_is_named_not_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let store = RedbStore::open(dir.path()).unwrap();
        write(&store.database, "room", Some(b"{\"id\":7}")).unwrap();
        let Err(StoreError::Record { key, .. }) = store.conferences().await else {
            panic!("expected an error")
        };
        assert_eq!(key, "room");
    }
}
