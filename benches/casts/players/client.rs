//! A client of HTTP/1.1 on one kept connection that does as little as it can: the load must not be the load.

use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// No answer here is larger.
const MOST_BYTES: usize = 64 << 20;

/// A connection.
pub struct Client(BufReader<TcpStream>);

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(64 << 10, stream)))
    }

    /// Asks and reads the whole answer, which must tell its length.
    pub async fn get(&mut self, path: &str) -> io::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).await?;
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| wrong(&format!("no status: {line:?}")))?;
        let mut length = None;
        loop {
            line.clear();
            self.0.read_line(&mut line).await?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok().filter(|length| *length <= MOST_BYTES);
            }
        }
        let mut body = vec![0; length.ok_or_else(|| wrong("no length"))?];
        self.0.read_exact(&mut body).await?;
        Ok(Answer { status, body })
    }
}
