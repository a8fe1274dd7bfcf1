//! The HTTP server: connections, their bounds, and their end. HTTP/1.1 on a plain socket; by TLS what the
//! client prefers of HTTP/2 and HTTP/1.1 (ALPN).

mod activity;
mod stall;
pub mod tls;

use activity::{Activity, Observed};
use axum::Router;
use futures::FutureExt;
use hyper::server::conn::{http1, http2};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use stall::StallGuard;
use std::{future::Future, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// After an error of `accept` (no file descriptor left, most likely) the next try comes so much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest head of a request: a token has 8 KiB at most, the rest some hundred bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Streams of an HTTP/2 connection at once. A player holds two requests open and fetches a few more; RFC 9113
/// §6.5.2 advises no fewer than 100, so that a proxy in front can share a connection.
const MAX_STREAMS: u32 = 100;
/// HTTP/2: a connection that says nothing for so long is asked whether it is still there.
const PING_AFTER: Duration = Duration::from_secs(15);
/// HTTP/2: no answer to that within this time, and the connection is left.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2: what h2 keeps of a stream's answer before the client grants it room. Bodies are shared bytes, so
/// this only bounds those that come in pieces.
const MAX_SEND_BUFFER: usize = 256 * 1024;
/// HTTP/2: what a client may send on one stream before it is read; larger than any body's limit needs.
const STREAM_WINDOW: u32 = 64 * 1024;
/// What a connection too many is told.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What one client may cost.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Connections at once; more are answered 503 and closed.
    pub max_connections: usize,
    /// The handshake of TLS must be done within. Default 10 s: four round trips of the worst network.
    pub tls_timeout: Duration,
    /// A request's head must be complete so long after the connection is free for it; also the longest
    /// idle time of a kept-alive connection. HTTP/2: the longest time without a request that is being
    /// answered or an answer that moves. Default 30 s: longer than any player's pause.
    pub header_timeout: Duration,
    /// A client that takes no byte of an answer for so long is left. HTTP/2: also what a connection that is
    /// idle may take to end. Default 20 s: an HLS segment that waits so long is of no use.
    pub write_stall: Duration,
}

impl ConnectionLimits {
    /// The defaults with `limits.max_connections`.
    pub const fn new(max_connections: usize) -> Self {
        Self {
            max_connections,
            tls_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(30),
            write_stall: Duration::from_secs(20),
        }
    }
}

/// Serves `app`, by TLS if there is `tls`, until `shutdown`, then lets the requests in flight end; returns when
/// all connections are closed. Whoever calls bounds that time: dropping the future closes what is left.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    app: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) {
    let tls = tls.map(TlsAcceptor::from);
    let room = Arc::new(Semaphore::new(limits.max_connections));
    let closing = CancellationToken::new();
    // Dropped with this future: ends the connections that a bounded shutdown did not wait for.
    let aborting = CancellationToken::new();
    let _abort_on_drop = aborting.clone().drop_guard();
    let connections = TaskTracker::new();
    let mut shutdown = std::pin::pin!(shutdown.fuse());
    loop {
        let accepted = tokio::select! {
            biased; // a shutdown stops a flood of connections, not the other way round
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            metrics::counter!("meetingcast_http_connections_refused_total").increment(1);
            if tls.is_none() {
                // The socket's buffer is empty, so this does not block; if it fails, closing must do.
                let _ = stream.into_std().and_then(|mut stream| io::Write::write_all(&mut stream, FULL));
            }
            continue;
        };
        let connection = Connection { tls: tls.clone(), app: app.clone(), limits, closing: closing.clone() };
        let aborting = aborting.clone();
        connections.spawn(async move {
            tokio::select! {
                () = connection.run(stream) => {}
                () = aborting.cancelled() => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    closing.cancel();
    connections.close();
    connections.wait().await;
}

/// One connection.
struct Connection {
    tls: Option<TlsAcceptor>,
    app: Router,
    limits: ConnectionLimits,
    closing: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        // Playlists and answers are small and awaited.
        let _ = stream.set_nodelay(true);
        // Below TLS, so that a handshake and a `close_notify` are bounded too.
        let stream = StallGuard::new(stream, self.limits.write_stall);
        let Some(tls) = &self.tls else { return self.http1(stream).await };
        let handshake = timeout(self.limits.tls_timeout, tls.accept(stream));
        let stream = tokio::select! {
            // Nobody waits for an answer yet.
            () = self.closing.cancelled() => return,
            handshake = handshake => match handshake {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%error, "tls handshake failed"),
                Err(_) => return tracing::debug!("tls handshake took too long"),
            },
        };
        if stream.get_ref().1.alpn_protocol() == Some(tls::H2) {
            self.http2(stream).await;
        } else {
            self.http1(stream).await;
        }
    }

    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_timeout)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.app))
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        log_end(ended);
    }

    /// A peer that answers pings but neither asks nor takes what it asked for would stay for ever (h2 knows no
    /// idle time, and a stalled stream is no stalled socket), so its [`Activity`] is watched.
    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let activity = Activity::default();
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEAD_BYTES as u32)
            .max_send_buf_size(MAX_SEND_BUFFER)
            .initial_stream_window_size(STREAM_WINDOW)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_TIMEOUT)
            // The rest is h2's own: against rapid reset it allows 20 streams that were reset before they were
            // taken, and 1024 that it had to reset itself.
            .serve_connection(TokioIo::new(stream), Observed::new(self.app, activity.clone()));
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    // An answer that nobody takes does not hold a shutdown up.
                    () = activity.idle(self.limits.write_stall) => Ok(()),
                }
            }
            () = activity.idle(self.limits.header_timeout) => {
                connection.as_mut().graceful_shutdown();
                // Pings are answered until then; what has not been taken by now will not be.
                timeout(self.limits.write_stall, connection.as_mut()).await.unwrap_or(Ok(()))
            }
        };
        log_end(ended);
    }
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
