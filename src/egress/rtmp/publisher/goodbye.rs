//! The clean end of a connection.

use super::{dial::Wire, send_queue::SendQueue};
use crate::egress::rtmp::session::{Output, Session, Stage};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    time::{Instant, timeout_at},
};

/// A clean end must be over within two seconds: so long for what is still to be sent …
const FLUSH_LIMIT: Duration = Duration::from_millis(1000);
/// … and so long for the server to hang up. Closing earlier, with its answers unread, would reset the
/// connection and might destroy our last words on their way.
const LINGER_LIMIT: Duration = Duration::from_millis(300);

/// Sends what is on its way and the goodbye. However that goes, the end is a clean one.
pub(super) async fn say_goodbye(
    mut session: Session,
    mut rx: ReadHalf<Wire>,
    mut tx: WriteHalf<Wire>,
    mut out: SendQueue,
) {
    let said_goodbye = session.stage() >= Stage::Publish;
    if let Err(error) = session.finish(Instant::now().into_std()) {
        tracing::debug!(%error, "cannot write the end of the stream");
    }
    while let Some(output) = session.poll_output() {
        if let Output::Transmit(bytes) = output {
            out.push(bytes);
        }
    }
    if !said_goodbye {
        return;
    }
    let flush = async {
        while !out.is_empty() {
            let length = tx.write(out.front()).await?;
            if length == 0 {
                break;
            }
            out.advance(length);
        }
        tx.shutdown().await
    };
    match timeout_at(Instant::now() + FLUSH_LIMIT, flush).await {
        Ok(Ok(())) => {
            let mut rest = [0; 1024];
            let hang_up = async { while rx.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
            // Late or not: the goodbye is out.
            let _ = timeout_at(Instant::now() + LINGER_LIMIT, hang_up).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "the connection broke at the end of the stream"),
        Err(_) => tracing::debug!("the server did not take the end of the stream"),
    }
}
