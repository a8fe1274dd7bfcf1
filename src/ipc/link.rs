//! The wire between control and worker: postcard messages, each behind a 32-bit length, on a Unix
//! stream socket. Used by both ends.

use serde::{Serialize, de::DeserializeOwned};
use std::{io, marker::PhantomData};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// The longest message. A 4K IDR at the highest rate stays far below; SDP is bounded by control.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(MAX_MESSAGE_BYTES).new_codec()
}

/// Splits a connected socket into its reading and writing end.
pub fn split<In, Out>(stream: UnixStream) -> (LinkReader<In>, LinkWriter<Out>) {
    let (read, write) = stream.into_split();
    (LinkReader::new(read), LinkWriter::new(write))
}

/// The reading end.
pub struct LinkReader<T, R = OwnedReadHalf> {
    frames: FramedRead<R, LengthDelimitedCodec>,
    message: PhantomData<fn() -> T>,
}

impl<T, R: AsyncRead + Unpin> LinkReader<T, R> {
    /// Reads messages from any byte stream.
    pub fn new(read: R) -> Self {
        Self { frames: FramedRead::new(read, codec()), message: PhantomData }
    }
}

impl<T: DeserializeOwned, R: AsyncRead + Unpin> LinkReader<T, R> {
    /// The next message; `None` when the other end is gone. Cancel-safe.
    pub async fn recv(&mut self) -> io::Result<Option<T>> {
        use futures::StreamExt;
        match self.frames.next().await {
            None => Ok(None),
            Some(Err(error)) => Err(error),
            Some(Ok(bytes)) => postcard::from_bytes(&bytes)
                .map(Some)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

/// The writing end.
pub struct LinkWriter<T, W = OwnedWriteHalf> {
    frames: FramedWrite<W, LengthDelimitedCodec>,
    message: PhantomData<fn(T)>,
}

impl<T, W: AsyncWrite + Unpin> LinkWriter<T, W> {
    /// Writes messages to any byte stream.
    pub fn new(write: W) -> Self {
        Self { frames: FramedWrite::new(write, codec()), message: PhantomData }
    }
}

impl<T: Serialize, W: AsyncWrite + Unpin> LinkWriter<T, W> {
    /// Sends one message; returns when the socket took it.
    pub async fn send(&mut self, message: &T) -> io::Result<()> {
        use futures::sink::SinkExt;
        let bytes = postcard::to_stdvec(message)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.frames.send(bytes::Bytes::from(bytes)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ipc::{WorkerCommand, WorkerEvent},
        media::{EncodedFrame, Track},
        units::MediaTime,
    };

    #[tokio::test]
    async fn messages_arrive_as_sent_and_in_order() {
        let (control, worker) = UnixStream::pair().unwrap();
        let (mut events, mut commands) = split::<WorkerEvent, WorkerCommand>(control);
        let (mut their_commands, mut their_events) = split::<WorkerCommand, WorkerEvent>(worker);
        let frame = EncodedFrame {
            track: Track::Video,
            pts: MediaTime(7),
            dts: MediaTime(7),
            duration: MediaTime(1),
            keyframe: true,
            data: vec![1; 100_000].into(),
        };
        commands.send(&WorkerCommand::RequestKeyframe).await.unwrap();
        commands.send(&WorkerCommand::Shutdown).await.unwrap();
        assert_eq!(their_commands.recv().await.unwrap(), Some(WorkerCommand::RequestKeyframe));
        assert_eq!(their_commands.recv().await.unwrap(), Some(WorkerCommand::Shutdown));
        their_events.send(&WorkerEvent::Frame(frame.clone())).await.unwrap();
        assert_eq!(events.recv().await.unwrap(), Some(WorkerEvent::Frame(frame)));
        drop((their_events, their_commands));
        assert_eq!(events.recv().await.unwrap(), None);
    }
}
