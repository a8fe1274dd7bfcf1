//! Subscribers in the controller.

use super::{Controller, Finish, chain, refusal};
use crate::{
    ids::{RequestId, SessionId, SourceId},
    ipc::{ForwardOf, IngestOffer, Mutes, ReplyError, ReplyOk, SessionEndReason, WorkerEvent},
    worker::{
        broadcast::{Broadcast, BroadcastEvent, Own},
        forward::{Forward, ForwardSetup, Origin},
        ingest::IngestEvent,
        program::{minus::MixMinus, mixer::MixerRequest},
    },
};
use std::sync::{Arc, Weak};

/// A subscriber.
pub(super) struct Subscriber {
    pub(super) forward: Forward,
    pub(super) of: ForwardOf,
    /// The publisher's session: the subscription ends with it.
    pub(super) publisher: Option<SessionId>,
    /// Whom to tell about the answer.
    opening: Option<RequestId>,
    /// The sound of its own, where something is left out of it.
    own: Option<Weak<MixMinus>>,
}

impl Controller {
    pub(super) async fn open_forward(
        &mut self,
        request: RequestId,
        session: SessionId,
        of: ForwardOf,
        without: Vec<SourceId>,
        offer: IngestOffer,
        mutes: Mutes,
    ) -> Result<(), ReplyError> {
        let (publisher, origin, own) = match of {
            ForwardOf::Source(source) => {
                let (publisher, origin) = self.publisher(source)?;
                (Some(publisher), origin, None)
            }
            ForwardOf::Program if without.is_empty() => {
                (None, Origin::Program(self.broadcast().await?), None)
            }
            ForwardOf::Program => {
                let (broadcast, own) = self.own_broadcast(&session, without).await?;
                (None, Origin::Program(broadcast), Some(own))
            }
        };
        let setup = ForwardSetup {
            session: session.clone(),
            of,
            offer,
            webrtc: self.setup.webrtc.clone(),
            timeline: self.timeline.clone(),
            mutes,
            origin,
        };
        let forward = Forward::open(setup, self.forward_events_in.clone());
        self.subscribers.insert(session, Subscriber { forward, of, publisher, opening: Some(request), own });
        Ok(())
    }

    /// What a listener with a sound of their own does not hear from now on.
    pub(super) fn leave_out(&mut self, session: &SessionId, without: Vec<SourceId>) -> Result<(), Finish> {
        match self.subscribers.get(session).and_then(|one| one.own.clone()) {
            Some(of) => self.ask(MixerRequest::Minus { of, without }),
            None => Ok(()),
        }
    }

    /// Who delivers a source's media. While one publication replaces another there are two for a moment: the
    /// later one stays.
    fn publisher(&self, source: SourceId) -> Result<(SessionId, Origin), ReplyError> {
        let feeding = self.sessions.iter().filter(|(_, one)| one.source == source && one.meter.delivers());
        let latest = feeding.max_by_key(|(_, one)| one.serial);
        let (session, feeding) = latest.ok_or(ReplyError::MediaNotReady { which: source })?;
        Ok((session.clone(), Origin::Publisher(feeding.ingest.clone(), feeding.relay.clone())))
    }

    /// The broadcast of the running program, started for the first who listens.
    async fn broadcast(&mut self) -> Result<Broadcast, ReplyError> {
        let Some(program) = &mut self.program else {
            return Err(ReplyError::WrongState { detail: "no program runs".to_owned() });
        };
        if let Some(broadcast) = &program.broadcast {
            return Ok(broadcast.clone());
        }
        let (feed, events) = (program.encoder.feed().clone(), self.broadcast_events_in.clone());
        let started = Broadcast::start(feed, None, program.audio_kbps, &self.timeline, events).await;
        let broadcast = started.map_err(|error| ReplyError::Internal { detail: chain(&error) })?;
        program.broadcast = Some(broadcast.clone());
        Ok(broadcast)
    }

    /// A listener's own: the program without some of its sound.
    async fn own_broadcast(
        &mut self,
        session: &SessionId,
        without: Vec<SourceId>,
    ) -> Result<(Broadcast, Weak<MixMinus>), ReplyError> {
        let Some(program) = &self.program else {
            return Err(ReplyError::WrongState { detail: "no program runs".to_owned() });
        };
        let (feed, events) = (program.encoder.feed().clone(), self.broadcast_events_in.clone());
        let sound = Arc::new(MixMinus::default());
        let of = Arc::downgrade(&sound);
        self.mixer
            .ask(MixerRequest::Minus { of: of.clone(), without })
            .map_err(|error| ReplyError::Internal { detail: chain(&error) })?;
        let own = Own { session: session.clone(), sound };
        let started = Broadcast::start(feed, Some(own), program.audio_kbps, &self.timeline, events).await;
        let broadcast = started.map_err(|error| ReplyError::Internal { detail: chain(&error) })?;
        Ok((broadcast, of))
    }

    /// Nobody watches the program any more: it is made into packets no longer.
    fn rest_broadcast(&mut self) {
        if let Some(program) = &mut self.program
            && !self.subscribers.values().any(|one| one.of == ForwardOf::Program)
        {
            program.broadcast = None;
        }
    }

    pub(super) async fn on_broadcast(&mut self, event: BroadcastEvent) -> Result<(), Finish> {
        match event {
            BroadcastEvent::WantsKeyframe => self.ask(MixerRequest::Keyframe)?,
            BroadcastEvent::Failed { of: Some(session), detail } => {
                tracing::warn!(%session, error = detail, "a listener's broadcast failed");
                if let Some(one) = self.subscribers.remove(&session) {
                    one.forward.close();
                    let reason = SessionEndReason::PipelineError { detail };
                    self.tell(WorkerEvent::SessionEnded { session, reason }).await;
                }
            }
            BroadcastEvent::Failed { of: None, detail } => {
                tracing::warn!(error = detail, "the broadcast failed");
                if let Some(program) = &mut self.program {
                    program.broadcast = None;
                }
                let reason = SessionEndReason::PipelineError { detail };
                self.end_forwards(reason, |one| one.of == ForwardOf::Program).await;
            }
            BroadcastEvent::Frozen => {
                tracing::error!("the broadcast's pipeline is frozen");
                return Err(Finish::Broken);
            }
        }
        Ok(())
    }

    /// A subscriber that does not take a mute is ended: it would go on hearing what it must not.
    pub(super) async fn mute_forwards(&mut self, source: SourceId, mutes: Mutes) {
        let of = ForwardOf::Source(source);
        self.end_forwards(SessionEndReason::Inactive, |one| one.of == of && !one.forward.mute(mutes)).await;
    }

    /// As asked.
    pub(super) fn close_forward(&mut self, session: &SessionId) {
        if let Some(subscriber) = self.subscribers.remove(session) {
            subscriber.forward.close();
            self.rest_broadcast();
        }
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
                    let error = match subscriber.of {
                        ForwardOf::Source(which) => ReplyError::MediaNotReady { which },
                        ForwardOf::Program => {
                            ReplyError::WrongState { detail: "the program ended".to_owned() }
                        }
                    };
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
                self.rest_broadcast();
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
                    self.rest_broadcast();
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
