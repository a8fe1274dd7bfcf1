//! The HTTP server: connections, their bounds, and their end. HTTP/1.1; TLS and HTTP/2 are a proxy's.

use axum::Router;
use futures::FutureExt;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, Sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// After an error of `accept` (no file descriptor left, most likely) the next try comes so much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest head of a request: a token has 8 KiB at most, the rest some hundred bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// What a connection too many is told.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What one client may cost.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Connections at once; more are answered 503 and closed.
    pub max_connections: usize,
    /// A request's head must be complete so long after the connection is free for it; also the longest
    /// idle time of a kept-alive connection. Default 30 s: longer than any player's pause.
    pub header_timeout: Duration,
    /// A client that takes no byte of an answer for so long is left. Default 20 s: an HLS segment that
    /// waits so long is of no use.
    pub write_stall: Duration,
}

impl ConnectionLimits {
    /// The defaults with `limits.max_connections`.
    pub const fn new(max_connections: usize) -> Self {
        Self {
            max_connections,
            header_timeout: Duration::from_secs(30),
            write_stall: Duration::from_secs(20),
        }
    }
}

/// Serves `app` until `shutdown`, then lets the requests in flight end; returns when all connections
/// are closed. Whoever calls bounds that time: dropping the future closes what is left.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()>,
) {
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
            // The socket's buffer is empty, so this does not block; if it fails, closing must do.
            let _ = stream.into_std().and_then(|mut stream| io::Write::write_all(&mut stream, FULL));
            continue;
        };
        let (app, closing, aborting) = (app.clone(), closing.clone(), aborting.clone());
        connections.spawn(async move {
            tokio::select! {
                () = connection(stream, app, limits, closing) => {}
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

async fn connection(stream: TcpStream, app: Router, limits: ConnectionLimits, closing: CancellationToken) {
    // Playlists and answers are small and awaited.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(StallGuard::new(stream, limits.write_stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(io, TowerToHyperService::new(app))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// A stream whose writes fail when the peer takes nothing for `limit`.
struct StallGuard<S> {
    stream: S,
    limit: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> StallGuard<S> {
    fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, waiting: None }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limit;
        let waiting =
            self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + limit)));
        waiting.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallGuard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_left_and_a_slow_one_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut guarded = StallGuard::new(ours, Duration::from_secs(20));
        let writing = tokio::spawn(async move {
            let slow = guarded.write_all(b"0123456789ab").await;
            (slow, guarded.write_all(b"never taken").await)
        });
        let mut got = [0; 12];
        for byte in &mut got {
            tokio::time::sleep(Duration::from_secs(15)).await;
            *byte = theirs.read_u8().await.unwrap();
        }
        assert_eq!(&got, b"0123456789ab");
        let (slow, stalled) = writing.await.unwrap();
        assert!(slow.is_ok());
        assert_eq!(stalled.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
