//! A recording's file as it is read, wherever it is.

use super::{LibraryError, MOVIE};
use crate::{
    egress::recording::remote::Remote,
    ids::{ConferenceId, RecordingId},
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use std::{
    io::{self, SeekFrom},
    ops::Range,
};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// What is read at once for a download.
const CHUNK: u64 = 64 * 1024;

/// A file of a recording, to be read.
#[derive(Debug)]
pub struct Media {
    /// Bytes that can be read.
    pub length: u64,
    pub(super) source: Source,
}

#[derive(Debug)]
pub(super) enum Source {
    Local(tokio::fs::File),
    Remote { remote: Remote, conference: ConferenceId, id: RecordingId },
}

impl Media {
    /// Some of its bytes; `range` lies within `length`.
    ///
    /// # Errors
    /// When the disk or the remote store does not give them.
    pub async fn read(
        self,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, io::Result<Bytes>>, LibraryError> {
        match self.source {
            Source::Remote { remote, conference, id } => {
                Ok(remote.read([conference.as_str(), id.as_str(), MOVIE], range).await?)
            }
            Source::Local(mut file) => {
                file.seek(SeekFrom::Start(range.start)).await?;
                let left = range.end.saturating_sub(range.start);
                Ok(stream::try_unfold((file, left), next_chunk).boxed())
            }
        }
    }
}

async fn next_chunk(
    (mut file, left): (tokio::fs::File, u64),
) -> io::Result<Option<(Bytes, (tokio::fs::File, u64))>> {
    if left == 0 {
        return Ok(None);
    }
    let mut chunk = vec![0; left.min(CHUNK) as usize];
    let n = file.read(&mut chunk).await?;
    if n == 0 {
        // Fewer bytes than were promised: the client must not take them for all.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    chunk.truncate(n);
    Ok(Some((chunk.into(), (file, left - n as u64))))
}
