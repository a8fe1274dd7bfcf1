//! Subscribers coming and going.

use super::{ConferenceState, Effect, Now, casting::CastRun, working::Expected};
use crate::{
    control::{
        conference::{
            Published, Subscribe, SubscribeTo, SubscriberOffers, Without,
            ask::{Reply, Ticket},
            roster::{Feed, Participant},
        },
        error::ControlError,
    },
    ids::{ParticipantId, SessionId, SourceId, StreamName},
    ipc::{ForwardOf, IngestOffer, Mutes, ReplyError, ReplyOk, VideoCodec, WorkerCommand},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// From the question to an answer with all candidates: two seconds of gathering on a bad day, and some.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Who receives what.
#[derive(Debug, Default)]
pub(super) struct Forwards {
    opening: BTreeMap<u64, Opening>,
    open: BTreeMap<SessionId, ForwardOf>,
    /// Of whom listeners of the program do not hear anything.
    left_out: BTreeMap<SessionId, LeftOut>,
}

/// Somebody's sources, as the worker knows them.
#[derive(Debug)]
struct LeftOut {
    who: ParticipantId,
    told: Vec<SourceId>,
}

#[derive(Debug)]
struct Opening {
    /// Who waits; `None` once that was answered, and the worker's reply only tells what to close.
    ticket: Option<Ticket>,
    /// For a message.
    to: SubscribeTo,
    session: SessionId,
    of: ForwardOf,
    deadline: Instant,
}

impl Forwards {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.opening.values().filter(|one| one.ticket.is_some()).map(|one| one.deadline).min()
    }

    pub(super) fn is_open(&self, session: &SessionId) -> bool {
        self.open.contains_key(session)
    }

    /// True if there was such a session.
    pub(super) fn end(&mut self, session: &SessionId) -> bool {
        self.open.remove(session).is_some()
    }

    /// Nothing is left out for those who are gone.
    fn forget_left_out(&mut self) {
        let Self { opening, open, left_out } = self;
        left_out.retain(|session, _| {
            open.contains_key(session) || opening.values().any(|one| one.session == *session)
        });
    }

    /// Somebody receives it, or is about to.
    pub(super) fn has(&self, of: ForwardOf) -> bool {
        self.open.values().chain(self.opening.values().map(|one| &one.of)).any(|one| *one == of)
    }
}

impl ConferenceState {
    pub(super) fn subscribe(&mut self, now: Now, ticket: Ticket, subscribe: &Subscribe, session: SessionId) {
        let found = match &subscribe.to {
            SubscribeTo::Participant { participant, stream } => {
                self.find_stream(participant, stream.as_ref(), &subscribe.offers)
            }
            SubscribeTo::Program { .. } => self.find_program(&subscribe.offers),
        };
        let max = self.config.limits.max_subscribers;
        let without = match &subscribe.to {
            SubscribeTo::Program { without } => self.left_out(without),
            SubscribeTo::Participant { .. } => Ok(None),
        };
        let left_out = match without {
            Ok(left_out) => left_out,
            Err(error) => return self.refuse(ticket, error),
        };
        let (of, offer, mutes) = match found {
            Ok(_) if self.forwards.opening.len() + self.forwards.open.len() >= max => {
                return self.refuse(ticket, ControlError::TooManySubscribers { max });
            }
            Ok(found) => found,
            Err(error) => return self.refuse(ticket, error),
        };
        let serial = self.serial();
        let request = self.worker.expect(Expected::Forward(serial));
        let opening = Opening {
            ticket: Some(ticket),
            to: subscribe.to.clone(),
            session: session.clone(),
            of,
            deadline: now.at + FORWARD_TIMEOUT,
        };
        self.forwards.opening.insert(serial, opening);
        let without = left_out.as_ref().map(|left_out| left_out.told.clone()).unwrap_or_default();
        if let Some(left_out) = left_out {
            self.forwards.left_out.insert(session.clone(), left_out);
        }
        self.command(WorkerCommand::OpenForward { request, session, of, without, offer, mutes });
    }

    /// The sources that a listener of the program does not hear.
    fn left_out(&mut self, without: &Without) -> Result<Option<LeftOut>, ControlError> {
        let sends = |who: &ParticipantId| self.roster.publishers().any(|one| one.id == *who);
        let who = match without {
            Without::Named(who) => {
                self.roster.participant(who)?;
                who
            }
            Without::Listener(who) if sends(who) => who,
            Without::Listener(_) | Without::Nobody => return Ok(None),
        };
        Ok(Some(LeftOut { who: who.clone(), told: self.roster.sources_of(who) }))
    }

    /// Whoever is left out may send more by now (a screen with sound).
    pub(super) fn drive_left_out(&mut self) {
        self.forwards.forget_left_out();
        let mut changed = Vec::new();
        for (session, left_out) in &mut self.forwards.left_out {
            let without = self.roster.sources_of(&left_out.who);
            if without != left_out.told {
                left_out.told.clone_from(&without);
                changed.push(WorkerCommand::LeaveOut { session: session.clone(), without });
            }
        }
        changed.into_iter().for_each(|command| self.command(command));
    }

    fn find_stream(
        &self,
        participant: &ParticipantId,
        stream: Option<&StreamName>,
        offers: &SubscriberOffers,
    ) -> Result<(ForwardOf, IngestOffer, Mutes), ControlError> {
        let participant = self.roster.participant(participant)?;
        let found = match stream {
            Some(name) => participant.stream(name),
            None => participant.main_stream(),
        };
        let found = found.ok_or_else(|| ControlError::StreamNotFound {
            participant: participant.id.clone(),
            stream: stream.cloned().unwrap_or_default(),
        })?;
        // What the client cannot take, it cannot take later either.
        let offer = offers.offer(found.video)?;
        let flows = matches!(found.feed, Feed::Session { connected: true, .. });
        if !flows || !self.worker.is_ready() {
            return Err(ControlError::NothingToForward(participant.label().to_owned()));
        }
        Ok((ForwardOf::Source(found.source), offer, mutes(participant)))
    }

    fn find_program(
        &self,
        offers: &SubscriberOffers,
    ) -> Result<(ForwardOf, IngestOffer, Mutes), ControlError> {
        if !self.cast.as_ref().is_some_and(CastRun::needs_worker) {
            return Err(ControlError::CastNotStarted);
        }
        let offer = offers.offer(Some(VideoCodec::H264))?;
        if !self.program_is_on() {
            return Err(ControlError::WorkerUnavailable);
        }
        Ok((ForwardOf::Program, offer, Mutes::default()))
    }

    pub(super) fn forward_reply(&mut self, serial: u64, result: Result<ReplyOk, ReplyError>) {
        let Some(Opening { ticket, to, session, of, .. }) = self.forwards.opening.remove(&serial) else {
            return;
        };
        let opened = match result {
            Ok(ReplyOk::ForwardOpened { answer }) => Ok(answer),
            Err(ReplyError::OfferRefused { detail }) => Err(ControlError::SdpInvalid(detail)),
            Err(ReplyError::Timeout) => Err(ControlError::WorkerUnavailable),
            // It went while the subscriber was on the way in.
            Err(ReplyError::MediaNotReady { .. } | ReplyError::WrongState { .. }) => Err(match to {
                SubscribeTo::Participant { participant, .. } => {
                    ControlError::NothingToForward(participant.to_string())
                }
                SubscribeTo::Program { .. } => ControlError::CastNotStarted,
            }),
            Ok(_) | Err(_) => Err(ControlError::Internal),
        };
        match (opened, ticket) {
            (Ok(_), None) => self.command(WorkerCommand::CloseForward { session }),
            (Err(_), None) => {}
            (Err(error), Some(ticket)) => self.refuse(ticket, error),
            (Ok(answer), Some(ticket)) => {
                self.forwards.open.insert(session.clone(), of);
                self.out.push(Effect::SessionOpened(session.clone()));
                self.answer(ticket, Ok(Reply::Published(Published { session, answer })));
            }
        }
    }

    /// Subscribers get what the program gets. Told before the request is answered.
    pub(super) fn mute_forwards(&mut self, id: &ParticipantId) {
        let Ok(participant) = self.roster.participant(id) else { return };
        let mutes = mutes(participant);
        let sources: Vec<_> = participant.streams.iter().map(|stream| stream.source).collect();
        for source in sources
            .into_iter()
            .filter(|source| self.forwards.has(ForwardOf::Source(*source)))
            .collect::<Vec<_>>()
        {
            self.command(WorkerCommand::MuteForwards { source, mutes });
        }
    }

    pub(super) fn close_forward(&mut self, ticket: Ticket, session: SessionId) {
        self.command(WorkerCommand::CloseForward { session: session.clone() });
        self.out.push(Effect::SessionClosed(session));
        self.answer(ticket, Ok(Reply::Done));
    }

    pub(super) fn expire_forwards(&mut self, now: Now) {
        self.abandon_subscribers(|one| one.deadline <= now.at, &ControlError::WorkerUnavailable);
    }

    /// Nobody gets in any more.
    pub(super) fn abandon_forwards(&mut self, error: &ControlError) {
        self.abandon_subscribers(|_| true, error);
    }

    /// The worker is gone, and all of them with it.
    pub(super) fn lose_forwards(&mut self) {
        self.abandon_forwards(&ControlError::WorkerUnavailable);
        self.forwards.opening.clear();
        for session in std::mem::take(&mut self.forwards.open).into_keys() {
            self.out.push(Effect::SessionClosed(session));
        }
    }

    fn abandon_subscribers(&mut self, which: impl Fn(&Opening) -> bool, error: &ControlError) {
        let which = self.forwards.opening.values_mut().filter(|one| which(one));
        for ticket in which.filter_map(|one| one.ticket.take()).collect::<Vec<_>>() {
            self.refuse(ticket, error.clone());
        }
    }
}

const fn mutes(participant: &Participant) -> Mutes {
    Mutes { audio: participant.audio_muted, video: participant.video_muted }
}
