//! RTMP servers that misbehave in one chosen way.

use meetingcast::egress::rtmp::{
    amf0::{self, Value},
    chunk_reader::ChunkReader,
};
use rml_rtmp::{chunk_io::ChunkSerializer, messages::MessagePayload, time::RtmpTimestamp};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const PACKET: usize = 1536;

/// What a server does with a connection.
#[derive(Clone)]
pub struct Script {
    /// Answer the handshake, or send `say` instead of an answer.
    pub handshake: bool,
    pub say: Vec<u8>,
    pub then: Then,
}

/// How a connection goes on after the script's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Close,
    /// Neither reads nor writes.
    Freeze,
    /// Reads and throws away.
    Read,
    /// Neither reads nor writes for so long, then reads and throws away.
    FreezeFor(Duration),
    /// Reads so many bytes, then resets the connection.
    ResetAfter(usize),
}

/// What clients said after the handshake, by connection.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// A listening rogue.
pub struct Rogue {
    pub address: SocketAddr,
    connections: Arc<AtomicU32>,
    heard: Heard,
    task: JoinHandle<()>,
}

impl Rogue {
    /// `script` is asked for each connection, with its number.
    pub async fn start(script: impl Fn(u32) -> Script + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let count = connections.clone();
        let heard = Heard::default();
        let keep = heard.clone();
        let task = tokio::spawn(async move {
            let mut kept = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                keep.lock().unwrap().push(Vec::new());
                kept.spawn(play(stream, script(number), number as usize, keep.clone()));
            }
        });
        Self { address, connections, heard, task }
    }

    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }

    /// The commands a connection has sent.
    pub fn commands(&self, connection: usize) -> Vec<Vec<Value>> {
        let mut reader = ChunkReader::new(1 << 24);
        reader.feed(&self.heard.lock().unwrap()[connection]);
        let mut commands = Vec::new();
        while let Ok(Some(message)) = reader.next_message() {
            match message.kind {
                1 => reader
                    .set_chunk_size(u32::from_be_bytes(message.payload[..4].try_into().unwrap()))
                    .unwrap(),
                20 => commands.push(amf0::read_all(&message.payload)),
                _ => {}
            }
        }
        commands
    }

    pub fn url(&self) -> String {
        format!("rtmp://{}/live/s3cretkey", self.address)
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(mut stream: TcpStream, script: Script, number: usize, heard: Heard) -> std::io::Result<()> {
    let mut buffer = vec![0; 65_536];
    let mut already = 0;
    let hear = |bytes: &[u8]| heard.lock().unwrap()[number].extend_from_slice(bytes);
    if script.handshake {
        let mut hello = vec![0; 1 + PACKET];
        stream.read_exact(&mut hello).await?;
        let answer = [&[3][..], &[0; PACKET], &hello[1..]].concat();
        stream.write_all(&answer).await?;
        stream.read_exact(&mut hello[1..]).await?;
        // A server answers `connect`; it does not speak before.
        already = stream.read(&mut buffer).await?;
        hear(&buffer[..already]);
    }
    stream.write_all(&script.say).await?;
    if let Then::FreezeFor(pause) = script.then {
        tokio::time::sleep(pause).await;
    }
    match script.then {
        Then::Close => Ok(()),
        Then::Freeze => std::future::pending().await,
        Then::Read | Then::FreezeFor(_) => loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                length => hear(&buffer[..length]),
            }
        },
        Then::ResetAfter(left) => {
            let mut left = left.saturating_sub(already);
            while left > 0 {
                match stream.read(&mut buffer).await? {
                    0 => return Ok(()),
                    length => left = left.saturating_sub(length),
                }
            }
            rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
            Ok(())
        }
    }
}

/// Writes a server's messages.
pub struct Pen {
    chunks: ChunkSerializer,
    pub bytes: Vec<u8>,
}

impl Pen {
    pub fn new() -> Self {
        Self { chunks: ChunkSerializer::new(), bytes: Vec::new() }
    }

    pub fn message(mut self, kind: u8, data: Vec<u8>) -> Self {
        let message = MessagePayload {
            timestamp: RtmpTimestamp::new(0),
            type_id: kind,
            message_stream_id: 0,
            data: data.into(),
        };
        self.bytes.extend(self.chunks.serialize(&message, false, false).unwrap().bytes);
        self
    }

    pub fn command(self, values: &[Value]) -> Self {
        self.message(20, amf0::write_all(values))
    }

    pub fn chunk_size(mut self, size: u32) -> Self {
        self.bytes.extend(self.chunks.set_max_chunk_size(size, RtmpTimestamp::new(0)).unwrap().bytes);
        self
    }

    pub fn connected(self) -> Self {
        self.command(&[Value::string("_result"), Value::Number(1.0), Value::Null, Value::Null])
    }

    pub fn created(self) -> Self {
        self.command(&[Value::string("_result"), Value::Number(4.0), Value::Null, Value::Number(1.0)])
    }

    pub fn status(self, level: &str, code: &str, description: &str) -> Self {
        let property = |name: &str, text: &str| (name.to_owned(), Value::string(text));
        let info = Value::Object(vec![
            property("level", level),
            property("code", code),
            property("description", description),
        ]);
        self.command(&[Value::string("onStatus"), Value::Number(0.0), Value::Null, info])
    }

    /// The server refuses `connect`.
    pub fn refused(self, description: &str) -> Self {
        let property = |name: &str, text: &str| (name.to_owned(), Value::string(text));
        let info = Value::Object(vec![
            property("level", "error"),
            property("code", "NetConnection.Connect.Rejected"),
            property("description", description),
        ]);
        self.command(&[Value::string("_error"), Value::Number(1.0), Value::Null, info])
    }

    /// The server asks us to go to `tc_url`.
    pub fn reconnect_request(self, tc_url: &str) -> Self {
        let property = |name: &str, text: &str| (name.to_owned(), Value::string(text));
        let info = Value::Object(vec![
            property("level", "status"),
            property("code", "NetConnection.Connect.ReconnectRequest"),
            property("description", "maintenance"),
            property("tcUrl", tc_url),
        ]);
        self.command(&[Value::string("onStatus"), Value::Number(0.0), Value::Null, info])
    }

    pub fn published(self) -> Self {
        self.connected().created().status("status", "NetStream.Publish.Start", "")
    }

    /// After a proper handshake these bytes, then `then`.
    pub fn script(self, then: Then) -> Script {
        Script { handshake: true, say: self.bytes, then }
    }
}
