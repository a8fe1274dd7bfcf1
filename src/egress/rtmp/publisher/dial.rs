//! From a URL to a connection fit for live media.

use super::{super::url::RtmpUrl, failure::Failure, tls::Tls};
use rustix::net::sockopt;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// A connection, with or without TLS.
pub(super) type Wire = Either<TcpStream, TlsStream<TcpStream>>;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Each stage of connecting.
    pub stage: Duration,
    /// Unacknowledged data for so long breaks the connection.
    pub stall: Duration,
}

/// Addresses of a host that are tried.
const MAX_ADDRESSES: usize = 8;
/// What the kernel may hold for the server: 10 Mbit/s over a round trip of 200 ms. More would only
/// hide from the queue how far behind a slow server is.
const SEND_BUFFER: usize = 256 * 1024;
/// A dead peer is noticed although nothing is being sent: 10 s of silence, then 3 probes, 5 s apart.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// Resolves, connects and begins TLS, each within its own [`Limits::stage`].
pub(super) async fn dial(url: &RtmpUrl, limits: Limits, tls: &mut Tls) -> Result<Wire, Failure> {
    let stream = dial_tcp(url, limits.stage, limits.stall).await?;
    if url.is_tls() {
        return tls.connect(url, stream, limits.stage).await.map(Either::Right);
    }
    Ok(Either::Left(stream))
}

async fn dial_tcp(url: &RtmpUrl, stage: Duration, stall: Duration) -> Result<TcpStream, Failure> {
    let (host, port) = (url.host().to_owned(), url.port());
    let addresses: Vec<SocketAddr> = match timeout(stage, lookup_host((url.host(), port))).await {
        Ok(Ok(found)) => found.take(MAX_ADDRESSES).collect(),
        Ok(Err(source)) => return Err(Failure::Resolve { host, source }),
        Err(_) => return Err(Failure::ResolveTimeout { host, limit: stage }),
    };
    let deadline = Instant::now() + stage;
    let mut failure = Failure::NoAddress { host: host.clone() };
    for (index, address) in addresses.iter().enumerate() {
        // An address that does not answer must leave time for the others.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / (addresses.len() - index) as u32;
        failure = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => match prepare(&stream, stall) {
                Ok(()) => return Ok(stream),
                Err(source) => Failure::Tcp { host: host.clone(), port, source },
            },
            Ok(Err(source)) => Failure::Tcp { host: host.clone(), port, source },
            Err(_) => Failure::TcpTimeout { host: host.clone(), port, limit: stage },
        };
    }
    Err(failure)
}

fn prepare(stream: &TcpStream, stall: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    // RFC 5482: also what is in the kernel's hands counts as not taken.
    sockopt::set_tcp_user_timeout(stream, u32::try_from(stall.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}
