//! RTMP servers that misbehave in one chosen way.

use meetingcast::egress::rtmp::amf0::{self, Value};
use rml_rtmp::{chunk_io::ChunkSerializer, messages::MessagePayload, time::RtmpTimestamp};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
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
    /// Reads so many bytes, then resets the connection.
    ResetAfter(usize),
}

/// A listening rogue.
pub struct Rogue {
    pub address: SocketAddr,
    connections: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Rogue {
    /// `script` is asked for each connection, with its number.
    pub async fn start(script: impl Fn(u32) -> Script + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let count = connections.clone();
        let task = tokio::spawn(async move {
            let mut kept = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                kept.spawn(play(stream, script(number)));
            }
        });
        Self { address, connections, task }
    }

    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
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

async fn play(mut stream: TcpStream, script: Script) -> std::io::Result<()> {
    if script.handshake {
        let mut hello = vec![0; 1 + PACKET];
        stream.read_exact(&mut hello).await?;
        let answer = [&[3][..], &[0; PACKET], &hello[1..]].concat();
        stream.write_all(&answer).await?;
        stream.read_exact(&mut hello[1..]).await?;
    }
    stream.write_all(&script.say).await?;
    let mut buffer = vec![0; 65_536];
    match script.then {
        Then::Close => Ok(()),
        Then::Freeze => std::future::pending().await,
        Then::Read => loop {
            if stream.read(&mut buffer).await? == 0 {
                return Ok(());
            }
        },
        Then::ResetAfter(mut left) => {
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

    pub fn published(self) -> Self {
        self.connected().created().status("status", "NetStream.Publish.Start", "")
    }

    /// After a proper handshake these bytes, then `then`.
    pub fn script(self, then: Then) -> Script {
        Script { handshake: true, say: self.bytes, then }
    }
}
