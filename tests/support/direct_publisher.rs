//! A real WebRTC publisher that is connected to a worker over ipc, without HTTP between.

use crate::worker_process::WorkerProcess;
use meetingcast::{
    control::offer,
    ids::{SessionId, SourceId},
    ipc::{ReplyOk, WorkerCommand, WorkerEvent},
    publisher::{
        options::{PublishOptions, VideoCodec},
        peer::{Peer, PeerEvent},
        stats::Counters,
    },
};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// A publisher whose media flows. Dropping it closes the peer connection.
pub struct DirectPublisher {
    pub peer: Option<Peer>,
    pub session: SessionId,
}

impl DirectPublisher {
    /// Participant `number` (colour, tone), sending `codec`, as source `number`.
    pub async fn join(worker: &mut WorkerProcess, number: usize, codec: VideoCodec, epoch_ns: u64) -> Self {
        let mut options = PublishOptions::participant(number, "http://localhost/");
        options.codec = codec;
        Self::join_with(worker, number, options, epoch_ns).await
    }

    /// The same with options of one's own.
    pub async fn join_with(
        worker: &mut WorkerProcess,
        number: usize,
        options: PublishOptions,
        epoch_ns: u64,
    ) -> Self {
        let counters = Arc::new(Counters::default());
        let (events_in, mut events) = mpsc::channel(16);
        let (peer, offer) = tokio::task::spawn_blocking(move || {
            let checked = options.check().unwrap();
            Peer::open(&options, &checked, epoch_ns, &counters, events_in).unwrap()
        })
        .await
        .unwrap();
        let offer = offer::parse(&offer).unwrap();
        let session = SessionId::generate();
        let source = SourceId(number as u32);
        let opened = worker
            .ask(|request| WorkerCommand::OpenIngest { request, session: session.clone(), source, offer })
            .await;
        let Ok(ReplyOk::IngestOpened { answer }) = opened else { panic!("not opened: {opened:?}") };
        let peer = tokio::task::spawn_blocking(move || {
            peer.answer(&answer).unwrap();
            peer
        })
        .await
        .unwrap();
        loop {
            let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await.unwrap().unwrap();
            if event == PeerEvent::Connected {
                break;
            }
        }
        peer.go_live();
        worker
            .until("the session is connected", |worker| {
                worker.others.iter().any(
                    |event| matches!(event, WorkerEvent::SessionConnected { session: s } if *s == session),
                )
            })
            .await;
        Self { peer: Some(peer), session }
    }

    /// Closes the peer connection without a word to the worker.
    pub async fn vanish(mut self) {
        let peer = self.peer.take();
        tokio::task::spawn_blocking(move || drop(peer)).await.unwrap();
    }
}
