//! Where clients sit: asked for, taken and left, whatever overtakes what.

use super::{Effect, MAX_SEATS, SocketId, SwitchboardState};
use crate::{
    control::{
        conference::{
            Join,
            presence::{Absence, SeatId},
        },
        error::ControlError,
    },
    ids::{ConferenceId, ParticipantId},
};

#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: SeatId,
    pub(super) user_data: serde_json::Value,
    pub(super) phase: SeatPhase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeatPhase {
    /// The conference was asked.
    Asked,
    /// It was asked, and the client has gone again.
    Unwanted,
    Taken,
}

impl SwitchboardState {
    pub(super) fn take_seat(
        &mut self,
        socket: SocketId,
        who: &ParticipantId,
        conference: ConferenceId,
        user_data: serde_json::Value,
        seat: SeatId,
        reference: Option<String>,
    ) -> Result<(), ControlError> {
        let Some(client) = self.clients.get_mut(who) else { return Ok(()) };
        if !client.seats.contains_key(&conference) && client.seats.len() >= MAX_SEATS {
            return Err(ControlError::TooManyConferences { max: MAX_SEATS });
        }
        let fresh = Seat { id: seat, user_data: user_data.clone(), phase: SeatPhase::Asked };
        client.seats.insert(conference.clone(), fresh);
        let join = Join { participant: who.clone(), name: client.name.clone(), user_data, seat };
        self.out.push(Effect::Join { socket, conference, join, create: true, reference });
        Ok(())
    }

    pub(super) fn leave_seat(&mut self, who: &ParticipantId, conference: &ConferenceId) {
        let Some(client) = self.clients.get_mut(who) else { return };
        let Some(seat) = client.seats.get_mut(conference) else { return };
        if seat.phase != SeatPhase::Taken {
            // A leave that overtook its join would leave nothing.
            seat.phase = SeatPhase::Unwanted;
            return;
        }
        let seat = seat.id;
        client.seats.remove(conference);
        self.stand(who, conference.clone(), seat, Absence::Left);
    }

    /// Has a seat told levels, or no longer.
    pub(super) fn ask_levels(
        &mut self,
        who: &ParticipantId,
        conference: ConferenceId,
        on: bool,
    ) -> Result<(), ControlError> {
        let seat = self.clients.get(who).and_then(|client| client.seats.get(&conference));
        let Some(seat) = seat.filter(|seat| seat.phase == SeatPhase::Taken) else {
            let detail =
                format!("levels are told to those who joined; {conference} was not joined, or is not yet");
            return Err(ControlError::invalid("conference", detail));
        };
        self.out.push(Effect::Levels { conference, seat: seat.id, on });
        Ok(())
    }

    pub(super) fn stand(
        &mut self,
        who: &ParticipantId,
        conference: ConferenceId,
        seat: SeatId,
        why: Absence,
    ) {
        self.out.push(Effect::Leave { conference, client: who.clone(), seat, why });
    }

    pub(super) fn seated(
        &mut self,
        who: ParticipantId,
        conference: ConferenceId,
        id: SeatId,
        reference: Option<String>,
        result: Result<(), ControlError>,
    ) {
        let client = self.clients.get_mut(&who);
        let socket = client.as_ref().and_then(|client| client.socket);
        let seats = client.map(|client| &mut client.seats);
        let held = seats.filter(|seats| seats.get(&conference).is_some_and(|seat| seat.id == id));
        match held {
            // Its client is gone, or has another seat there by now.
            None if result.is_ok() => self.stand(&who, conference, id, Absence::Lost),
            None => {}
            Some(seats) if result.is_err() => drop(seats.remove(&conference)),
            Some(seats) => match seats.get_mut(&conference) {
                Some(seat) if seat.phase != SeatPhase::Unwanted => seat.phase = SeatPhase::Taken,
                _ => {
                    seats.remove(&conference);
                    self.stand(&who, conference, id, Absence::Left);
                }
            },
        }
        if let Some(socket) = socket {
            match (result, reference) {
                // A seat of before whose conference is over; the runner tells so.
                (Err(_), None) => {}
                (result, reference) => self.reply(socket, reference, result.map(|()| None)),
            }
        }
    }
}
