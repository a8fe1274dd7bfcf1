//! Clients that only listen: what each has heard must always add up to what is.

use super::{super::*, bench::SeatId};
use crate::{
    control::conference::roster::Feed,
    ids::{ParticipantId, StreamName},
};
use std::collections::{BTreeMap, BTreeSet};

/// Whom a client believes to be there, with which streams.
type Picture = BTreeMap<ParticipantId, BTreeSet<StreamName>>;

/// The seats of a conference and what they have heard.
#[derive(Default)]
pub struct Listeners {
    seats: BTreeMap<SeatId, (ParticipantId, Option<Picture>)>,
}

impl Listeners {
    pub fn sit(&mut self, seat: SeatId, who: ParticipantId) {
        self.seats.insert(seat, (who, None));
    }

    pub fn unseat(&mut self, seat: SeatId) {
        self.seats.remove(&seat);
    }

    /// The seat of that participant, if it has one.
    pub fn seat_of(&self, who: &ParticipantId) -> Option<SeatId> {
        self.seats.iter().find(|(_, (holder, _))| holder == who).map(|(seat, _)| *seat)
    }

    pub fn hear(&mut self, audience: &Audience, event: &ConferenceEvent) {
        for (seat, (who, picture)) in &mut self.seats {
            let hears = match audience {
                Audience::Everybody => true,
                Audience::Others(but) => but != who,
                Audience::One(only) => only == seat,
            };
            if hears {
                take(picture, event);
            }
        }
    }

    /// Everybody who has heard anything knows how it is.
    pub fn check(&self, state: &ConferenceState) {
        for (seat, (who, picture)) in &self.seats {
            let expected: Picture = state
                .roster
                .present()
                .filter(|one| one.id != *who)
                .map(|one| {
                    let connected = one
                        .streams
                        .iter()
                        .filter(|stream| matches!(stream.feed, Feed::Session { connected: true, .. }));
                    (one.id.clone(), connected.map(|stream| stream.name.clone()).collect())
                })
                .collect();
            assert_eq!(picture.as_ref(), Some(&expected), "what {who} on {seat:?} was told is not so");
        }
    }
}

fn take(picture: &mut Option<Picture>, event: &ConferenceEvent) {
    if let ConferenceEvent::Joined { participants, .. } = event {
        let streams = |one: &crate::control::conference::ParticipantView| {
            one.streams.iter().filter(|stream| stream.connected).map(|stream| stream.name.clone()).collect()
        };
        *picture = Some(participants.iter().map(|one| (one.id.clone(), streams(one))).collect());
        return;
    }
    let picture = picture.as_mut().expect("joined is the first thing that is heard");
    match event {
        ConferenceEvent::Connected(view) => {
            assert!(picture.insert(view.id.clone(), BTreeSet::new()).is_none(), "{} came twice", view.id);
        }
        ConferenceEvent::Disconnected { participant, .. } => {
            let streams = picture.remove(participant).expect("who goes was there");
            assert!(streams.is_empty(), "streams go before their participant");
        }
        ConferenceEvent::StreamAdded { participant, stream } => {
            let streams = picture.get_mut(participant).expect("who sends is there");
            assert!(streams.insert(stream.name.clone()), "a stream was added twice");
        }
        ConferenceEvent::StreamRemoved { participant, stream } => {
            let streams = picture.get_mut(participant).expect("who sent is there");
            assert!(streams.remove(&stream.name), "a stream was removed that was not there");
        }
        ConferenceEvent::Joined { .. }
        | ConferenceEvent::CastChanged(_)
        | ConferenceEvent::Cues { .. }
        | ConferenceEvent::Cue(_)
        | ConferenceEvent::Overlay(_)
        | ConferenceEvent::Pictures(_)
        | ConferenceEvent::Quality { .. }
        | ConferenceEvent::WorkerRestarted
        | ConferenceEvent::Ended { .. }
        | ConferenceEvent::Levels { .. }
        | ConferenceEvent::Load { .. } => {}
    }
}
