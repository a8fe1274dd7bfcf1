//! A small RTMP receiver that takes every publisher and keeps what it sends.
//!
//! Built on `rml_rtmp`'s server session, so that our own RTMP is read by somebody else's. Its reader
//! cannot take interleaved messages and panics on some broken input: fit for a demo on loopback, not
//! for the open network. Each connection has its own task, so a panic costs one connection.

use crate::egress::rtmp::amf0::{self, Value};
use bytes::Bytes;
use rml_rtmp::{
    handshake::{Handshake, HandshakeError, HandshakeProcessResult, PeerType},
    sessions::{
        ServerSession, ServerSessionConfig, ServerSessionError, ServerSessionEvent, ServerSessionResult,
        StreamMetadata,
    },
    time::RtmpTimestamp,
};
use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::watch,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Kept by default: two minutes of 4 Mbit/s.
pub const DEFAULT_CAPACITY: usize = 64 * 1024 * 1024;
/// Publishers at once.
const MAX_CONNECTIONS: usize = 16;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const READ_BUFFER: usize = 16 * 1024;
/// Between two connections in an FLV file, milliseconds: one frame at 25 frames a second.
const FLV_GAP_MS: u32 = 40;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TagKind {
    Video,
    Audio,
    /// `onMetaData` as the server session understood it, written anew.
    Metadata,
    /// AVC sequence header.
    VideoHeader,
    /// AAC sequence header.
    AudioHeader,
}

/// One received message.
#[derive(Debug, Clone)]
pub struct ReceivedTag {
    pub kind: TagKind,
    /// As on the wire.
    pub timestamp_ms: u32,
    /// An FLV tag body.
    pub body: Bytes,
    pub received_at: Instant,
    /// Counts publishers from 0, in the order they were accepted.
    pub connection: u32,
}

impl ReceivedTag {
    /// A video frame decoding can start with.
    pub fn is_keyframe(&self) -> bool {
        self.kind == TagKind::Video && self.body.first().is_some_and(|first| first >> 4 == 1)
    }
}

/// A running receiver.
pub struct RtmpSink {
    local_addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

struct Shared {
    store: Mutex<Store>,
    /// Ticks with every change of the store.
    changed: watch::Sender<u64>,
    capacity: usize,
}

#[derive(Default)]
struct Store {
    tags: Vec<ReceivedTag>,
    bytes: usize,
    left_out: u64,
    connections: u32,
    open: usize,
    finished: u32,
}

impl RtmpSink {
    /// Listens, keeping up to [`DEFAULT_CAPACITY`] bytes.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::with_capacity(address, DEFAULT_CAPACITY).await
    }

    /// Listens, keeping the first `capacity` bytes of tag bodies; what comes later is counted and
    /// left out, so that a file written from it has no hole.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn with_capacity(address: impl ToSocketAddrs, capacity: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let local_addr = listener.local_addr()?;
        let shared = Arc::new(Shared { store: Mutex::default(), changed: watch::Sender::new(0), capacity });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, shared.clone(), stop.clone(), tasks.clone()));
        Ok(Self { local_addr, shared, stop, tasks })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Everything received so far.
    pub fn tags(&self) -> Vec<ReceivedTag> {
        self.shared.lock().tags.clone()
    }

    /// Messages left out since the store was full.
    pub fn left_out(&self) -> u64 {
        self.shared.lock().left_out
    }

    /// Publishers accepted so far, and how many of them have ended their stream cleanly
    /// (`deleteStream`).
    pub fn publishers(&self) -> (u32, u32) {
        let store = self.shared.lock();
        (store.connections, store.finished)
    }

    /// Waits until `enough` is true of what was received.
    pub async fn wait_for(&self, mut enough: impl FnMut(&[ReceivedTag]) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        loop {
            if enough(&self.shared.lock().tags) {
                return;
            }
            // The sender lives as long as `self`.
            let _ = changed.changed().await;
        }
    }

    /// Writes everything as an FLV file (Adobe FLV 10.1, annex E); a later connection follows where
    /// the one before ended.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn write_flv(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let file = flv_file(&self.tags());
        tokio::fs::write(path, file).await
    }

    /// Stops listening and cuts every connection.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for RtmpSink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Store)) {
        change(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
    }

    fn keep(&self, connection: u32, kind: TagKind, timestamp_ms: u32, body: Bytes) {
        self.change(|store| {
            if store.bytes + body.len() > self.capacity {
                store.left_out += 1;
                return;
            }
            store.bytes += body.len();
            let received_at = Instant::now();
            store.tags.push(ReceivedTag { kind, timestamp_ms, body, received_at, connection });
        });
    }
}

/// Why a publisher's connection ended early.
#[derive(Debug, thiserror::Error)]
enum PublisherError {
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error("the handshake failed")]
    Handshake(#[from] HandshakeError),
    #[error("the publisher's messages cannot be read")]
    Session(#[from] ServerSessionError),
}

/// Counts an open connection, also when its task panics.
struct OpenConnection(Arc<Shared>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.change(|store| store.open -= 1);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // The peer was gone again, or we are out of descriptors: the next may fare better.
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        if shared.lock().open >= MAX_CONNECTIONS {
            continue;
        }
        shared.change(|store| store.open += 1);
        let open = OpenConnection(shared.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                result = serve(stream, &open.0) => {
                    if let Err(error) = result {
                        tracing::debug!(error = %error, "publisher lost");
                    }
                }
            }
        });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> Result<(), PublisherError> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; READ_BUFFER];
    let mut handshake = Handshake::new(PeerType::Server);
    let rest = loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        match handshake.process_bytes(&buffer[..length])? {
            HandshakeProcessResult::InProgress { response_bytes } => {
                stream.write_all(&response_bytes).await?
            }
            HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                stream.write_all(&response_bytes).await?;
                break remaining_bytes;
            }
        }
    };
    let (mut session, hello) = ServerSession::new(ServerSessionConfig::new())?;
    let mut publisher = Publisher { shared, connection: None };
    publisher.handle(&mut session, &mut stream, hello).await?;
    let results = session.handle_input(&rest)?;
    publisher.handle(&mut session, &mut stream, results).await?;
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let results = session.handle_input(&buffer[..length])?;
        publisher.handle(&mut session, &mut stream, results).await?;
    }
}

struct Publisher<'a> {
    shared: &'a Shared,
    connection: Option<u32>,
}

impl Publisher<'_> {
    async fn handle(
        &mut self,
        session: &mut ServerSession,
        stream: &mut TcpStream,
        results: Vec<ServerSessionResult>,
    ) -> Result<(), PublisherError> {
        let mut todo = std::collections::VecDeque::from(results);
        while let Some(result) = todo.pop_front() {
            match result {
                ServerSessionResult::OutboundResponse(packet) => stream.write_all(&packet.bytes).await?,
                ServerSessionResult::RaisedEvent(event) => {
                    if let Some(request) = self.event(event) {
                        todo.extend(session.accept_request(request)?);
                    }
                }
                ServerSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        Ok(())
    }

    /// Notes what happened; gives back a request to accept.
    fn event(&mut self, event: ServerSessionEvent) -> Option<u32> {
        match event {
            ServerSessionEvent::ConnectionRequested { request_id, .. } => return Some(request_id),
            ServerSessionEvent::PublishStreamRequested { request_id, .. } => {
                let mut connection = 0;
                self.shared.change(|store| {
                    connection = store.connections;
                    store.connections += 1;
                });
                self.connection = Some(connection);
                return Some(request_id);
            }
            ServerSessionEvent::PublishStreamFinished { .. } => {
                self.shared.change(|store| store.finished += 1);
            }
            ServerSessionEvent::StreamMetadataChanged { metadata, .. } => {
                self.keep(TagKind::Metadata, RtmpTimestamp::new(0), script(&metadata));
            }
            ServerSessionEvent::VideoDataReceived { data, timestamp, .. } => {
                // AVCPacketType 0 (FLV E.4.3.1).
                let header = data.get(1) == Some(&0);
                self.keep(if header { TagKind::VideoHeader } else { TagKind::Video }, timestamp, data);
            }
            ServerSessionEvent::AudioDataReceived { data, timestamp, .. } => {
                let header = data.get(1) == Some(&0);
                self.keep(if header { TagKind::AudioHeader } else { TagKind::Audio }, timestamp, data);
            }
            _ => {}
        }
        None
    }

    fn keep(&self, kind: TagKind, timestamp: RtmpTimestamp, body: Bytes) {
        if let Some(connection) = self.connection {
            self.shared.keep(connection, kind, timestamp.value, body);
        }
    }
}

fn script(metadata: &StreamMetadata) -> Bytes {
    let mut properties = Vec::new();
    let mut add = |name: &str, value: Option<f64>| {
        properties.extend(value.map(|value| (name.to_owned(), Value::Number(value))));
    };
    add("width", metadata.video_width.map(f64::from));
    add("height", metadata.video_height.map(f64::from));
    add("videocodecid", metadata.video_codec_id.map(f64::from));
    add("framerate", metadata.video_frame_rate.map(f64::from));
    add("videodatarate", metadata.video_bitrate_kbps.map(f64::from));
    add("audiocodecid", metadata.audio_codec_id.map(f64::from));
    add("audiodatarate", metadata.audio_bitrate_kbps.map(f64::from));
    add("audiosamplerate", metadata.audio_sample_rate.map(f64::from));
    add("audiochannels", metadata.audio_channels.map(f64::from));
    if let Some(encoder) = &metadata.encoder {
        properties.push(("encoder".to_owned(), Value::string(encoder)));
    }
    amf0::write_all(&[Value::string("onMetaData"), Value::EcmaArray(properties)]).into()
}

/// Header, then tags, each followed by its size (FLV E.2 to E.4).
fn flv_file(tags: &[ReceivedTag]) -> Vec<u8> {
    let has = |video: bool| {
        tags.iter().any(|tag| matches!(tag.kind, TagKind::Video | TagKind::VideoHeader) == video)
    };
    let tracks = if has(true) { 1 } else { 0 } | if has(false) { 4 } else { 0 };
    let mut file = vec![b'F', b'L', b'V', 1, tracks, 0, 0, 0, 9, 0, 0, 0, 0];
    let (mut connection, mut offset, mut end) = (None, 0u32, 0u32);
    for tag in tags {
        if connection != Some(tag.connection) {
            if connection.is_some() {
                offset = end.wrapping_add(FLV_GAP_MS);
            }
            connection = Some(tag.connection);
        }
        let kind = match tag.kind {
            TagKind::Audio | TagKind::AudioHeader => 8,
            TagKind::Video | TagKind::VideoHeader => 9,
            TagKind::Metadata => 18,
        };
        let time = tag.timestamp_ms.wrapping_add(offset);
        end = end.max(time);
        let [_, size @ ..] = (tag.body.len() as u32).to_be_bytes();
        let [high, low @ ..] = time.to_be_bytes();
        file.push(kind);
        file.extend(size);
        file.extend(low);
        file.push(high);
        file.extend([0, 0, 0]);
        file.extend_from_slice(&tag.body);
        file.extend((tag.body.len() as u32 + 11).to_be_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: TagKind, timestamp_ms: u32, connection: u32, body: &'static [u8]) -> ReceivedTag {
        let body = Bytes::from_static(body);
        ReceivedTag { kind, timestamp_ms, body, received_at: Instant::now(), connection }
    }

    #[test]
    fn a_file_goes_on_over_connections() {
        let tags = [tag(TagKind::Video, 0x0102_0304, 0, &[0x17, 1]), tag(TagKind::Audio, 5, 1, &[0xAF])];
        let file = flv_file(&tags);
        assert_eq!(file[..13], [b'F', b'L', b'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0]);
        assert_eq!(file[13..30], [9, 0, 0, 2, 2, 3, 4, 1, 0, 0, 0, 0x17, 1, 0, 0, 0, 13]);
        // 0x01020304 + 40 + 5
        assert_eq!(file[30..41], [8, 0, 0, 1, 2, 3, 0x31, 1, 0, 0, 0]);
    }

    #[tokio::test]
    async fn the_store_is_bounded() {
        let sink = RtmpSink::with_capacity("127.0.0.1:0", 10).await.unwrap();
        for _ in 0..3 {
            sink.shared.keep(0, TagKind::Audio, 0, Bytes::from_static(&[0; 4]));
        }
        assert_eq!((sink.tags().len(), sink.left_out()), (2, 1));
        sink.shutdown().await;
    }
}
