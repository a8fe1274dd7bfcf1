//! Keeps one RTMP destination fed: dials, publishes, and tries again for ever.
//!
//! An output that cannot keep up loses frames in its own hub queue; nothing here reaches back to the
//! hub's source or to another output.

mod dial;
mod drain;
mod failure;
mod goodbye;
mod probe;
mod route;
mod runner;
mod send_queue;
mod state;
mod tls;

pub(super) use self::send_queue::SendQueue;
pub(crate) use self::tls::read_ca_file;
pub use self::{
    failure::Failure,
    route::Destination,
    state::{Loss, LossKind, Next, RtmpPublisherState, Side},
};

use self::runner::RtmpPublisherRunner;
use crate::{
    config::RtmpConfig,
    egress::{
        hub::{Hub, HubGauge, QueueLimits},
        output::{OutputState, OutputStatus},
    },
    ids::OutputId,
};
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

/// A running RTMP output. Dropping it ends the stream in the background; [`RtmpPublisher::stop`]
/// waits for the end.
pub struct RtmpPublisher {
    id: OutputId,
    status: watch::Receiver<OutputStatus>,
    queue: HubGauge,
    stop: DropGuard,
}

impl RtmpPublisher {
    /// Starts pushing what `hub` carries to `destination`. `keyframe` is called when the server takes the
    /// stream, before a planned change of the connection and when frames were dropped, and once a second
    /// until a keyframe arrives; it must not block.
    ///
    /// Must be called inside a tokio runtime.
    pub fn spawn(
        hub: &Hub,
        destination: impl Into<Destination>,
        id: OutputId,
        config: RtmpConfig,
        keyframe: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let stop = CancellationToken::new();
        let (sender, status) = watch::channel(OutputStatus::connecting(Timestamp::now()));
        let reader = hub.subscribe(QueueLimits {
            bytes: config.max_queue_bytes,
            span: Duration::from_millis(config.max_queue_ms.into()),
        });
        let span = tracing::info_span!("rtmp_publisher", output = %id);
        let (queue, destination) = (reader.gauge(), destination.into());
        let watcher = sender.clone();
        let runner = RtmpPublisherRunner::new(destination, config, keyframe, reader, sender, stop.clone());
        let task = tokio::spawn(runner.run().instrument(span.clone()));
        tokio::spawn(
            async move {
                // A panic is a bug of ours; it must not leave an output that looks alive.
                if let Err(error) = task.await
                    && error.is_panic()
                {
                    tracing::error!("the rtmp publisher panicked");
                    watcher.send_modify(|status| {
                        status.enter(OutputState::Failed, Timestamp::now());
                        status.last_error = Some("internal error in the RTMP output".to_owned());
                    });
                }
            }
            .instrument(span),
        );
        Self { id, status, queue, stop: stop.drop_guard() }
    }

    /// The output's name.
    pub const fn id(&self) -> &OutputId {
        &self.id
    }

    /// How it goes, now.
    pub fn status(&self) -> OutputStatus {
        let (bytes, span) = self.queue.queued();
        OutputStatus {
            queued_ms: u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
            queued_bytes: bytes as u64,
            ..self.status.borrow().clone()
        }
    }

    /// Waits until state, retries or last error have changed since the last call (the byte and frame
    /// counts alone wake nobody; the queue's figures stand in [`RtmpPublisher::status`] alone), and returns the new status. Cancel-safe.
    pub async fn changed(&mut self) -> OutputStatus {
        if self.status.changed().await.is_err() {
            // The output has ended: nothing will change any more.
            std::future::pending::<()>().await;
        }
        self.status.borrow_and_update().clone()
    }

    /// A second view of the status, for whoever does not hold the output.
    pub fn watch(&self) -> watch::Receiver<OutputStatus> {
        self.status.clone()
    }

    /// Ends the stream: what is on its way is sent, then `FCUnpublish` and `deleteStream`. Returns
    /// within two seconds whatever the server does.
    pub async fn stop(self) -> OutputStatus {
        let mut status = self.status.clone();
        drop(self.stop);
        let over = |status: &OutputStatus| matches!(status.state, OutputState::Stopped | OutputState::Failed);
        match status.wait_for(over).await {
            Ok(last) => last.clone(),
            Err(_) => self.status.borrow().clone(),
        }
    }
}
