//! Publishers coming and going.

use super::{ConferenceState, Effect, Now, working::Expected};
use crate::{
    control::{
        conference::{
            Publish, Published,
            ask::{Reply, Ticket},
            roster::Opened,
        },
        error::ControlError,
    },
    ids::{ParticipantId, SessionId, SourceId},
    ipc::{Candidate, ReplyError, ReplyOk, WorkerCommand},
};
use std::time::{Duration, Instant};

/// Publications that are being opened at once. Beyond, the worker is the bottleneck, and a client does
/// better to try again than to wait in line.
const MAX_PUBLISHING: usize = 64;

/// From a worker that is ready to an answer with all candidates: two seconds of gathering on a bad
/// day, and some for a machine under load.
const INGEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A publication that is being opened.
#[derive(Debug)]
pub(super) struct Publishing {
    /// Who waits; `None` once that was answered, and the worker's reply only tells what to close.
    ticket: Option<Ticket>,
    publish: Publish,
    session: SessionId,
    source: SourceId,
    deadline: Instant,
    /// The worker was asked.
    sent: bool,
}

impl ConferenceState {
    pub(super) fn publish(&mut self, now: Now, ticket: Ticket, publish: Publish, session: SessionId) {
        if self.publishing.len() >= MAX_PUBLISHING {
            let retry_after = Duration::from_secs(1);
            return self.refuse(ticket, ControlError::Overloaded { retry_after });
        }
        let source = match self.roster.begin(&publish, self.max_participants(), now.wall) {
            Ok(source) => source,
            Err(error) => return self.refuse(ticket, error),
        };
        let launch = Duration::from_millis(self.config.worker.launch_timeout_ms.into());
        let serial = self.serial();
        let deadline = now.at + launch + INGEST_TIMEOUT;
        self.publishing.insert(
            serial,
            Publishing { ticket: Some(ticket), publish, session, source, deadline, sent: false },
        );
    }

    /// Somebody waits for a publication.
    pub(super) fn is_publishing(&self) -> bool {
        self.publishing.values().any(|publishing| publishing.ticket.is_some())
    }

    pub(super) fn publishing_deadline(&self) -> Option<Instant> {
        let waiting = self.publishing.values().filter(|publishing| publishing.ticket.is_some());
        waiting.map(|publishing| publishing.deadline).min()
    }

    pub(super) fn open_ingests(&mut self) {
        if !self.worker.is_ready() {
            return;
        }
        let waiting: Vec<u64> =
            self.publishing.iter().filter(|(_, one)| !one.sent).map(|(serial, _)| *serial).collect();
        for serial in waiting {
            let request = self.worker.expect(Expected::Ingest(serial));
            let Some(publishing) = self.publishing.get_mut(&serial) else { continue };
            publishing.sent = true;
            let command = WorkerCommand::OpenIngest {
                request,
                session: publishing.session.clone(),
                source: publishing.source,
                offer: publishing.publish.offer.clone(),
            };
            self.command(command);
        }
    }

    pub(super) fn ingest_reply(&mut self, serial: u64, result: Result<ReplyOk, ReplyError>) {
        let Some(publishing) = self.publishing.remove(&serial) else { return };
        let Publishing { ticket, publish, session, source, .. } = publishing;
        let opened = match result {
            Ok(ReplyOk::IngestOpened { answer }) => Ok(answer),
            Ok(_) => Err(ControlError::Internal),
            Err(ReplyError::OfferRefused { detail }) => Err(ControlError::SdpInvalid(detail)),
            Err(ReplyError::Timeout) => Err(ControlError::WorkerUnavailable),
            Err(_) => Err(ControlError::Internal),
        };
        match (opened, ticket) {
            (Ok(_), None) => self.command(WorkerCommand::CloseIngest { session }),
            (Err(_), None) => {}
            (Err(error), Some(ticket)) => {
                self.roster.refused(&publish.participant);
                self.refuse(ticket, error);
            }
            (Ok(answer), Some(ticket)) => {
                match self.roster.opened(&publish, source, session.clone(), serial) {
                    Opened::Feeds { replaced } => {
                        self.out.push(Effect::SessionOpened(session.clone()));
                        if let Some(replaced) = replaced {
                            self.close_session(replaced);
                        }
                    }
                    // To this client it is as if the later publication had come a moment later.
                    Opened::Overtaken => {
                        self.command(WorkerCommand::CloseIngest { session: session.clone() });
                    }
                }
                self.answer(ticket, Ok(Reply::Published(Published { session, answer })));
            }
        }
    }

    pub(super) fn expire_publishing(&mut self, now: Now) {
        let late = |one: &Publishing| one.ticket.is_some() && one.deadline <= now.at;
        self.abandon(late, &ControlError::WorkerUnavailable);
    }

    /// Nobody gets in any more.
    pub(super) fn abandon_all(&mut self, error: &ControlError) {
        self.abandon(|_| true, error);
    }

    /// The worker is gone: what it was asked, it will not answer, and whoever waited for it tries
    /// again.
    pub(super) fn lose_publishing(&mut self) {
        self.abandon_all(&ControlError::WorkerUnavailable);
        self.publishing.clear();
    }

    fn abandon(&mut self, which: impl Fn(&Publishing) -> bool, error: &ControlError) {
        let mut tickets = Vec::new();
        for publishing in self.publishing.values_mut().filter(|one| which(one)) {
            if let Some(ticket) = publishing.ticket.take() {
                self.roster.refused(&publishing.publish.participant);
                tickets.push(ticket);
            }
        }
        self.publishing.retain(|_, publishing| publishing.ticket.is_some() || publishing.sent);
        for ticket in tickets {
            self.refuse(ticket, error.clone());
        }
    }

    pub(super) fn remove_participant(&mut self, ticket: Ticket, id: &ParticipantId) {
        match self.roster.participant(id) {
            Err(error) => self.refuse(ticket, error),
            Ok(_) => {
                let error = ControlError::ParticipantNotFound(id.clone());
                self.abandon(|one| one.publish.participant == *id, &error);
                self.unseat(id);
                let sessions = self.roster.remove(id).unwrap_or_default();
                for session in sessions {
                    self.close_session(session);
                }
                self.answer(ticket, Ok(Reply::Done));
            }
        }
    }

    pub(super) fn hang_up(&mut self, ticket: Ticket, session: SessionId) {
        if self.forwards.end(&session) {
            return self.close_forward(ticket, session);
        }
        if !self.roster.end_session(&session) {
            return self.refuse(ticket, ControlError::SessionNotFound);
        }
        self.close_session(session);
        self.answer(ticket, Ok(Reply::Done));
    }

    pub(super) fn trickle(&mut self, ticket: Ticket, session: SessionId, candidates: Vec<Candidate>) {
        if !self.forwards.is_open(&session) && !self.roster.sessions().any(|open| *open == session) {
            return self.refuse(ticket, ControlError::SessionNotFound);
        }
        if !candidates.is_empty() {
            self.command(WorkerCommand::AddCandidates { session, candidates });
        }
        self.answer(ticket, Ok(Reply::Done));
    }

    pub(super) fn answer_participant(
        &mut self,
        ticket: Ticket,
        id: &ParticipantId,
        so_far: Result<(), ControlError>,
    ) {
        let found = so_far.and_then(|()| self.roster.participant(id));
        let result = found.map(|participant| Reply::Participant(participant.view(self.worker.sources())));
        self.answer(ticket, result);
    }

    pub(super) fn close_session(&mut self, session: SessionId) {
        self.command(WorkerCommand::CloseIngest { session: session.clone() });
        self.out.push(Effect::SessionClosed(session));
    }
}
