//! Writes and removes a stream's files, one at a time, away from the packager.
//!
//! There is no queue that could fill up: the task asks the store what is to be done next, and the
//! store is bounded. A slow disk therefore only means that more stays in memory.

use crate::egress::hls::{
    library::{LiveStream, absent_is_fine},
    store::DiskJob,
};
use bytes::Bytes;
use std::{io, path::Path, sync::Arc};

/// Runs until the stream is removed, then removes its folder.
pub(super) async fn run(stream: Arc<LiveStream>) {
    remove_siblings(&stream).await;
    while !stream.is_removed() {
        match stream.next_disk_job() {
            Some((lane, DiskJob::Write { msn, data })) => {
                let result = write(&stream, lane, msn, data).await;
                stream.with(lane, |store| store.written(msn, result.is_ok()));
                report(&stream, result);
            }
            Some((lane, DiskJob::Remove { msn })) => {
                let removed = tokio::fs::remove_file(stream.segment_file(lane, msn)).await;
                if let Err(error) = absent_is_fine(removed) {
                    tracing::warn!(
                        conference = %stream.conference(),
                        error = &error as &dyn std::error::Error,
                        "an expired segment's file could not be removed"
                    );
                }
            }
            None => stream.disk_work.notified().await,
        }
    }
    if let Err(error) = absent_is_fine(tokio::fs::remove_dir_all(stream.folder()).await) {
        tracing::warn!(
            conference = %stream.conference(),
            error = &error as &dyn std::error::Error,
            "an ended stream's folder could not be removed"
        );
    }
    if let Some(parent) = stream.folder().parent() {
        // Only succeeds if it is empty, and matters to no one.
        tokio::fs::remove_dir(parent).await.unwrap_or_default();
    }
}

async fn write(stream: &LiveStream, lane: usize, msn: u64, data: Bytes) -> io::Result<()> {
    let file = stream.segment_file(lane, msn);
    match tokio::fs::write(&file, &data).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            tokio::fs::create_dir_all(stream.lane_folder(lane)).await?;
            tokio::fs::write(&file, &data).await
        }
        result => result,
    }
}

/// Logs when the disk stops or starts working, not for each segment.
fn report(stream: &LiveStream, result: io::Result<()>) {
    match result {
        Ok(()) => {
            if stream.set_disk_error(None).is_some() {
                tracing::info!(conference = %stream.conference(), "segments can be written to disk again");
            }
        }
        Err(error) => {
            let sentence = format!("segments cannot be written to disk and stay in memory: {}", error.kind());
            if stream.set_disk_error(Some(sentence)).is_none() {
                tracing::warn!(
                    conference = %stream.conference(),
                    error = &error as &dyn std::error::Error,
                    "segments cannot be written to disk and stay in memory"
                );
            }
        }
    }
}

/// Removes what former casts of the conference left: a crash does not clean up.
async fn remove_siblings(stream: &LiveStream) {
    let Some(parent) = stream.folder().parent() else { return };
    if let Err(error) = absent_is_fine(remove_others(parent, stream.folder()).await) {
        tracing::warn!(
            conference = %stream.conference(),
            error = &error as &dyn std::error::Error,
            "former casts' segments could not be removed"
        );
    }
}

async fn remove_others(parent: &Path, own: &Path) -> io::Result<()> {
    let mut entries = tokio::fs::read_dir(parent).await?;
    while let Some(entry) = entries.next_entry().await? {
        if entry.path() != own && entry.file_type().await?.is_dir() {
            absent_is_fine(tokio::fs::remove_dir_all(entry.path()).await)?;
        }
    }
    Ok(())
}
