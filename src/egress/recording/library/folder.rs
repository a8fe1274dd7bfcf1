//! A recording's folder: its record, and what is found on the disk.

use crate::egress::recording::{
    finish,
    record::{RECORD, Recording},
};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// A `recording.json` of ours is below one kilobyte.
const MAX_RECORD: u64 = 64 * 1024;

/// Puts the record beside the recording's file.
pub(super) fn write_record(folder: &Path, record: &Recording) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
    finish::replace(&folder.join(RECORD), |file| file.write_all(&text))
}

/// The records under `root`; what is none of ours is left alone.
pub(super) fn scan(root: &Path) -> io::Result<Vec<Recording>> {
    let mut found = Vec::new();
    let conferences = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for conference in conferences {
        let Ok(recordings) = std::fs::read_dir(conference?.path()) else { continue };
        for folder in recordings {
            let folder = folder?.path();
            let record = read_record(&folder);
            match record {
                Ok(record) if is_at(&record, &folder) => found.push(record),
                Ok(_) => {
                    tracing::warn!(folder = %folder.display(), "a recording in another's folder is left alone")
                }
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "no record of a recording can be read here");
                }
            }
        }
    }
    Ok(found)
}

fn read_record(folder: &Path) -> io::Result<Recording> {
    let file = std::fs::File::open(folder.join(RECORD))?;
    serde_json::from_reader(io::Read::take(file, MAX_RECORD)).map_err(io::Error::other)
}

/// The record says the folder that it stands in.
fn is_at(record: &Recording, folder: &Path) -> bool {
    folder.ends_with(Path::new(&record.conference.file_name()).join(record.id.as_str()))
}

/// And the conference's, when it is the last one in it.
pub(super) async fn remove_folder(folder: PathBuf) -> io::Result<()> {
    match tokio::fs::remove_dir_all(&folder).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(parent) = folder.parent() {
        // Only succeeds if it is empty, and matters to no one.
        tokio::fs::remove_dir(parent).await.unwrap_or_default();
    }
    Ok(())
}

/// On the blocking pool.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
