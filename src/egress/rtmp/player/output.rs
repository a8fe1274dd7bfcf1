//! The RTMP play output of a cast: passes the cast's frames to those who play it.

use super::{
    feed::Feed,
    server::{Registry, RtmpPlayServer},
};
use crate::{
    egress::{
        hub::{Hub, HubItem, HubReader, QueueLimits},
        output::{OutputState, OutputStatus},
    },
    ids::ConferenceId,
};
use jiff::Timestamp;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

/// Passing on takes microseconds a frame, so the queue only has to bridge a busy machine: 30 s.
const QUEUE: QueueLimits = QueueLimits { bytes: 64 * 1024 * 1024, span: Duration::from_secs(30) };
/// How long players have to take what is left when the cast ends.
const END_GRACE: Duration = Duration::from_secs(2);

/// A running RTMP play output. Dropping it ends the stream as [`stop`](Self::stop) does.
pub struct RtmpPlay {
    feed: Arc<Feed>,
    status: watch::Receiver<OutputStatus>,
    stop: Arc<DropGuard>,
}

struct RtmpPlayRunner {
    conference: ConferenceId,
    reader: HubReader,
    feed: Arc<Feed>,
    registry: Registry,
    status: watch::Sender<OutputStatus>,
    stop: CancellationToken,
    /// Keeps the server's listener while something is played.
    _server: RtmpPlayServer,
}

impl RtmpPlay {
    /// `server` listens already. An older stream of the same conference is replaced.
    pub(super) fn spawn(
        server: &RtmpPlayServer,
        registry: Registry,
        hub: &Hub,
        conference: ConferenceId,
        limits: QueueLimits,
        url: String,
    ) -> Self {
        let feed = Arc::new(Feed::new(limits));
        registry.insert(&conference, feed.clone());
        let mut connecting = OutputStatus::connecting(Timestamp::now());
        connecting.play_url = Some(url);
        let (sender, status) = watch::channel(connecting);
        let stop = CancellationToken::new();
        let span = tracing::info_span!("rtmp_play", %conference);
        let runner = RtmpPlayRunner {
            conference,
            reader: hub.subscribe(QUEUE),
            feed: feed.clone(),
            registry,
            status: sender,
            stop: stop.clone(),
            _server: server.clone(),
        };
        tokio::spawn(runner.run().instrument(span));
        Self { feed, status, stop: Arc::new(stop.drop_guard()) }
    }

    /// The figures as of now: bytes that all players together took, and frames that slow ones lost.
    pub fn status(&self) -> OutputStatus {
        OutputStatus {
            bytes_sent: self.feed.bytes_sent.load(Ordering::Relaxed),
            frames_dropped: self.feed.dropped.load(Ordering::Relaxed),
            ..self.status.borrow().clone()
        }
    }

    /// Waits until a player would begin at once; false if the output ended before.
    pub fn playable(&self) -> impl Future<Output = bool> + use<> {
        let mut status = self.status.clone();
        async move {
            let settled = status.wait_for(|status| status.state != OutputState::Connecting).await;
            settled.is_ok_and(|status| status.state == OutputState::Live)
        }
    }

    /// Players get what is queued and are told the end; returns when they have gone, within two seconds.
    pub async fn stop(self) -> OutputStatus {
        let Self { feed, mut status, stop } = self;
        drop(stop);
        // An error: the runner is gone, which is the same.
        let last = match status.wait_for(|status| status.state == OutputState::Stopped).await {
            Ok(last) => last.clone(),
            Err(_) => OutputStatus::connecting(Timestamp::now()),
        };
        OutputStatus {
            bytes_sent: feed.bytes_sent.load(Ordering::Relaxed),
            frames_dropped: feed.dropped.load(Ordering::Relaxed),
            ..last
        }
    }
}

impl RtmpPlayRunner {
    async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    while let Some(item) = self.reader.try_recv() {
                        self.pass(item);
                    }
                    break;
                }
                item = self.reader.recv() => {
                    let last = item == HubItem::End;
                    self.pass(item);
                    if last {
                        break;
                    }
                }
            }
        }
        // Nobody joins any more; who plays is told the end behind the rest.
        self.registry.remove(&self.conference, &self.feed);
        self.feed.pass(HubItem::End);
        let mut players = self.feed.players.subscribe();
        let gone = players.wait_for(|players| *players == 0);
        if tokio::time::timeout(END_GRACE, gone).await.is_err() {
            tracing::info!("players did not take the end in time");
        }
        self.status.send_modify(|status| status.enter(OutputState::Stopped, Timestamp::now()));
    }

    fn pass(&self, item: HubItem) {
        if self.feed.pass(item) && self.status.borrow().state == OutputState::Connecting {
            self.status.send_modify(|status| status.enter(OutputState::Live, Timestamp::now()));
        }
    }
}
