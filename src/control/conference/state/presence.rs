//! Seats of clients, and what they are told: after each input, what was told is compared with what is.

use super::{ConferenceState, Effect, Now};
use crate::{
    control::{
        cast::{CastState, CastView},
        conference::{
            Join,
            ask::{Reply, Ticket},
            presence::{Absence, ConferenceEvent, SeatId, StreamTold},
            roster::{Feed, Participant},
        },
    },
    ids::{ParticipantId, SessionId},
};
use std::{collections::BTreeMap, sync::Arc};

/// For whom an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Every seat but those of this participant.
    Others(ParticipantId),
    Everybody,
    One(SeatId),
}

/// What everybody knows by now.
#[derive(Debug, Default)]
pub(super) struct Told {
    people: BTreeMap<ParticipantId, Vec<(SessionId, StreamTold)>>,
    cast: Option<CastView>,
    /// Why those who are gone by the next comparison went; otherwise they left.
    reasons: BTreeMap<ParticipantId, Absence>,
}

impl Told {
    /// Should they be gone by the next comparison, their connection was lost.
    pub(super) fn lost(&mut self, participant: ParticipantId) {
        self.reasons.entry(participant).or_insert(Absence::Lost);
    }

    /// Why somebody went who is gone by the next comparison.
    pub(super) fn reason(&self, participant: &ParticipantId) -> Option<Absence> {
        self.reasons.get(participant).copied()
    }
}

impl ConferenceState {
    pub(super) fn join(&mut self, now: Now, ticket: Ticket, join: Join) {
        // What is told to the seats there are, before there is one more that is told everything at once.
        if self.roster.has_seats() {
            self.tell_changes(now);
        } else {
            self.told = self.known(now);
        }
        let limit = self.max_participants();
        let former = match self.roster.sit(&join, limit, now.wall) {
            Ok(former) => former,
            Err(error) => {
                self.out.push(Effect::Unseat(join.seat));
                return self.refuse(ticket, error);
            }
        };
        // The same seat: its client came back on another connection, and listens there now.
        if let Some(former) = former.filter(|former| *former != join.seat) {
            self.out.push(Effect::Unseat(former));
        }
        // A connection that comes anew has heard nothing.
        self.hints.forget(join.seat);
        let others = self.roster.present().filter(|one| one.id != join.participant);
        let participants = others.map(|one| one.view(self.worker.sources())).collect();
        let cast = Box::new(self.cast_view(now));
        let event = ConferenceEvent::Joined { participants, cast: cast.clone() };
        self.tell(Audience::One(join.seat), event);
        self.tell(Audience::One(join.seat), ConferenceEvent::CastChanged(cast));
        self.tell_load(join.seat);
        self.answer(ticket, Ok(Reply::Done));
    }

    pub(super) fn leave(&mut self, ticket: Ticket, participant: &ParticipantId, seat: SeatId, why: Absence) {
        if self.roster.stand(participant, seat) {
            self.out.push(Effect::Unseat(seat));
            self.told.reasons.insert(participant.clone(), why);
            // Who says that they go takes their media along; who was lost may still send.
            if why == Absence::Left {
                for session in self.roster.remove(participant).unwrap_or_default() {
                    self.close_session(session);
                }
            }
        }
        self.answer(ticket, Ok(Reply::Done));
    }

    /// Whose seat is taken away with everything else of theirs.
    pub(super) fn unseat(&mut self, participant: &ParticipantId) {
        self.told.reasons.insert(participant.clone(), Absence::Removed);
        let seat = self.roster.participant(participant).ok().and_then(|one| one.seat.as_ref());
        if let Some(seat) = seat.map(|seat| seat.id) {
            self.tell(Audience::One(seat), ConferenceEvent::Ended { removed: true });
            self.out.push(Effect::Unseat(seat));
        }
    }

    pub(super) fn tell(&mut self, audience: Audience, event: ConferenceEvent) {
        if !self.roster.has_seats() {
            return;
        }
        self.out.push(Effect::Tell { audience, event: Arc::new((self.id.clone(), event)) });
    }

    /// Tells everybody what is not as they know it.
    pub(super) fn tell_changes(&mut self, now: Now) {
        if !self.roster.has_seats() {
            // Nobody knows anything; who sits down first begins with what is.
            self.told.reasons.clear();
            return;
        }
        let fresh = self.known(now);
        let (people, cast) = (fresh.people.clone(), fresh.cast.clone());
        let Told { people: known, cast: known_cast, reasons } = std::mem::replace(&mut self.told, fresh);
        for (id, streams) in &known {
            let now_has = people.get(id).map_or(&[][..], Vec::as_slice);
            for (_, stream) in streams.iter().filter(|one| !now_has.contains(one)) {
                let (participant, stream) = (id.clone(), stream.clone());
                self.tell(
                    Audience::Others(id.clone()),
                    ConferenceEvent::StreamRemoved { participant, stream },
                );
            }
            if !people.contains_key(id) {
                let reason = reasons.get(id).copied().unwrap_or(Absence::Left);
                let participant = id.clone();
                self.tell(
                    Audience::Others(id.clone()),
                    ConferenceEvent::Disconnected { participant, reason },
                );
            }
        }
        for (id, streams) in people {
            let known = known.get(&id);
            if known.is_none()
                && let Ok(participant) = self.roster.participant(&id)
            {
                let view = Box::new(participant.view(self.worker.sources()));
                self.tell(Audience::Others(id.clone()), ConferenceEvent::Connected(view));
            }
            let had = known.map_or(&[][..], Vec::as_slice);
            for (_, stream) in streams.into_iter().filter(|one| !had.contains(one)) {
                let participant = id.clone();
                self.tell(Audience::Others(id.clone()), ConferenceEvent::StreamAdded { participant, stream });
            }
        }
        if let Some(cast) = cast.filter(|cast| known_cast.is_none_or(|known| !same(&known, cast))) {
            self.tell(Audience::Everybody, ConferenceEvent::CastChanged(Box::new(cast)));
        }
    }

    /// What there is to know now.
    fn known(&self, now: Now) -> Told {
        let people = self.roster.present().map(|one| (one.id.clone(), receivable(one))).collect();
        Told { people, cast: Some(self.cast_view(now)), reasons: BTreeMap::new() }
    }

    pub(super) fn max_participants(&self) -> usize {
        let limit = self.config.limits.max_participants;
        self.settings.max_participants.map_or(limit, |max| max.min(limit))
    }
}

/// The streams that a subscriber gets something of.
pub(super) fn receivable(participant: &Participant) -> Vec<(SessionId, StreamTold)> {
    let connected = participant.streams.iter().filter_map(|stream| match &stream.feed {
        Feed::Session { session, connected: true } => Some((stream, session)),
        _ => None,
    });
    connected
        .map(|(stream, session)| {
            let told =
                StreamTold { name: stream.name.clone(), audio: stream.audio, video: stream.video.is_some() };
            (session.clone(), told)
        })
        .collect()
}

/// Nothing but counters and ages differs.
fn same(known: &CastView, cast: &CastView) -> bool {
    let coarse = |cast: &CastView| {
        let mut coarse = cast.clone();
        coarse.source_age_ms = None;
        if let Some(file) = &mut coarse.file {
            file.position_ms = 0;
        }
        coarse.program = Default::default();
        coarse.decoders = 0;
        coarse.levels = Default::default();
        for output in &mut coarse.outputs {
            output.status = output.status.without_counters();
        }
        coarse
    };
    // An idle cast has nothing that could differ.
    (known.state == CastState::Idle && cast.state == CastState::Idle) || coarse(known) == coarse(cast)
}
