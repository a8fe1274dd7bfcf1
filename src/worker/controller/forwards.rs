//! Subscribers in the controller.

use super::{Controller, Finish, refusal};
use crate::{
    ids::{RequestId, SessionId, SourceId},
    ipc::{IngestOffer, Mutes, ReplyError, ReplyOk, SessionEndReason, WorkerEvent},
    worker::{
        forward::{Forward, ForwardSetup},
        ingest::IngestEvent,
    },
};

/// A subscriber.
pub(super) struct Subscriber {
    pub(super) forward: Forward,
    source: SourceId,
    /// The publisher's session: the subscription ends with it.
    pub(super) publisher: SessionId,
    /// Whom to tell about the answer.
    opening: Option<RequestId>,
}

impl Controller {
    pub(super) fn open_forward(
        &mut self,
        request: RequestId,
        session: SessionId,
        source: SourceId,
        offer: IngestOffer,
        mutes: Mutes,
    ) -> Result<(), ReplyError> {
        let feeding = self.sessions.iter().find(|(_, one)| one.source == source && one.meter.delivers());
        let Some((publisher, feeding)) = feeding else {
            return Err(ReplyError::MediaNotReady { which: source });
        };
        let setup = ForwardSetup {
            session: session.clone(),
            source,
            offer,
            webrtc: self.setup.webrtc.clone(),
            timeline: self.timeline.clone(),
            mutes,
            publisher: feeding.ingest.clone(),
            relay: feeding.relay.clone(),
        };
        let publisher = publisher.clone();
        let forward = Forward::open(setup, self.forward_events_in.clone());
        self.subscribers.insert(session, Subscriber { forward, source, publisher, opening: Some(request) });
        Ok(())
    }

    /// A subscriber that does not take a mute is ended: it would go on hearing what it must not.
    pub(super) async fn mute_forwards(&mut self, source: SourceId, mutes: Mutes) {
        self.end_forwards(SessionEndReason::Inactive, |one| one.source == source && !one.forward.mute(mutes))
            .await;
    }

    pub(super) async fn end_forwards(
        &mut self,
        reason: SessionEndReason,
        which: impl Fn(&Subscriber) -> bool,
    ) {
        let ended: Vec<_> = self.subscribers.extract_if(|_, subscriber| which(subscriber)).collect();
        for (session, subscriber) in ended {
            subscriber.forward.close();
            match subscriber.opening {
                Some(request) => {
                    let error = ReplyError::MediaNotReady { which: subscriber.source };
                    self.reply(request, Err(error)).await;
                }
                None => self.tell(WorkerEvent::SessionEnded { session, reason: reason.clone() }).await,
            }
        }
    }

    pub(super) async fn on_forward(&mut self, id: SessionId, event: IngestEvent) -> Result<(), Finish> {
        match event {
            IngestEvent::Frozen => {
                tracing::error!(session = %id, "a subscriber's pipeline is frozen");
                return Err(Finish::Broken);
            }
            IngestEvent::Opened(Ok(answer)) => {
                let opening = self.subscribers.get_mut(&id).and_then(|one| one.opening.take());
                if let Some(request) = opening {
                    self.reply(request, Ok(ReplyOk::ForwardOpened { answer })).await;
                }
            }
            IngestEvent::Opened(Err(error)) => {
                let opening = self.subscribers.remove(&id).and_then(|one| one.opening);
                if let Some(request) = opening {
                    self.reply(request, Err(refusal(&error))).await;
                }
            }
            IngestEvent::Connected if self.subscribers.contains_key(&id) => {
                self.tell(WorkerEvent::SessionConnected { session: id }).await;
            }
            IngestEvent::Connected => {}
            IngestEvent::Ended(reason) => {
                if self.subscribers.remove(&id).is_some() {
                    if let SessionEndReason::PipelineError { detail } = &reason {
                        tracing::warn!(session = %id, error = detail, "a forward failed");
                    }
                    self.tell(WorkerEvent::SessionEnded { session: id, reason }).await;
                }
            }
        }
        Ok(())
    }
}
