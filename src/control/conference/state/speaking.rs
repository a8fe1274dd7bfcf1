//! How loud everybody is, who is told so, and what follows from it: whom the program shows that follows the active
//! speaker.

use super::{Audience, ConferenceState, Now};
use crate::{
    control::{
        conference::{
            ask::{Reply, Ticket},
            presence::{ConferenceEvent, InputLevel, SeatId},
            roster::{Feed, Participant},
            speaker::ActiveSpeaker,
        },
        error::ControlError,
    },
    ids::ParticipantId,
    ipc::{LEVELS_EVERY_MS, LevelReport, VideoCodec, WorkerCommand},
    units::Dbov,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Levels come so often while a program follows the active speaker, milliseconds.
const FOLLOWING_MS: u32 = 100;
/// And while somebody listens to them: what they are told.
const LISTENING_MS: u32 = 200;
/// Levels that come sooner after the last that listeners were told are left out: more often than [`LISTENING_MS`], but
/// for what they come late or early.
const TELL_EVERY: Duration = Duration::from_millis(150);
/// Who could not be put on the program is not tried again for so long.
const BARRED_FOR: Duration = Duration::from_secs(2);

/// What is known of everybody's sound.
#[derive(Debug)]
pub(super) struct Speaking {
    active: ActiveSpeaker,
    /// Whose pictures did not come when they should have been shown, until when.
    barred: BTreeMap<ParticipantId, Instant>,
    listeners: BTreeSet<SeatId>,
    told_at: Option<Instant>,
    /// How often the present worker tells levels.
    every_ms: u32,
    last: LevelReport,
}

impl Default for Speaking {
    fn default() -> Self {
        Self {
            active: ActiveSpeaker::default(),
            barred: BTreeMap::new(),
            listeners: BTreeSet::new(),
            told_at: None,
            every_ms: LEVELS_EVERY_MS,
            last: LevelReport::default(),
        }
    }
}

impl Speaking {
    /// The worker is another one, or none.
    pub(super) fn forget_worker(&mut self) {
        self.every_ms = LEVELS_EVERY_MS;
        self.last = LevelReport::default();
    }

    /// How loud everything was last.
    pub(super) fn last(&self) -> &LevelReport {
        &self.last
    }

    /// Who speaks.
    pub(super) fn active(&self) -> Option<&ParticipantId> {
        self.active.current()
    }

    /// Somebody did not come on; who was on before still is.
    pub(super) fn bar(&mut self, now: Now, participant: ParticipantId, before: Option<ParticipantId>) {
        self.active.go_back(now.at, before);
        self.barred.insert(participant, now.at + BARRED_FOR);
    }
}

impl ConferenceState {
    /// A seat wants to be told levels, or no longer.
    pub(super) fn listen_to_levels(&mut self, ticket: Ticket, seat: SeatId, on: bool) {
        if !self.roster.has_seat(seat) {
            return self.refuse(ticket, ControlError::ConferenceNotFound(self.id.clone()));
        }
        if on {
            self.speaking.listeners.insert(seat);
        } else {
            self.speaking.listeners.remove(&seat);
        }
        self.answer(ticket, Ok(Reply::Done));
    }

    /// The worker tells how loud everything was.
    pub(super) fn hear_levels(&mut self, now: Now, report: LevelReport) {
        self.speaking.barred.retain(|_, until| *until > now.at);
        let able: Vec<_> = self
            .roster
            .publishers()
            .filter(|one| !self.speaking.barred.contains_key(&one.id) && self.can_be_shown(one))
            .filter_map(|one| Some((&one.id, loudest(one, &report)?)))
            .collect();
        let hold = self.follows().unwrap_or_default();
        self.speaking.active.hear(now.at, able.into_iter(), hold);
        self.speaking.last = report;
        self.tell_levels(now);
    }

    /// Nothing is muted, and a picture comes that the cast can show.
    pub(super) fn can_be_shown(&self, participant: &Participant) -> bool {
        let any = !self.is_passing_through();
        let shown = participant.main_stream().is_some_and(|stream| {
            let connected = matches!(stream.feed, Feed::Session { connected: true, .. });
            connected && stream.video.is_some_and(|codec| any || codec == VideoCodec::H264)
        });
        shown && !participant.audio_muted && !participant.video_muted
    }

    fn tell_levels(&mut self, now: Now) {
        let roster = &self.roster;
        self.speaking.listeners.retain(|seat| roster.has_seat(*seat));
        let recent =
            self.speaking.told_at.is_some_and(|at| now.at.saturating_duration_since(at) < TELL_EVERY);
        if recent || self.speaking.listeners.is_empty() {
            return;
        }
        self.speaking.told_at = Some(now.at);
        let inputs = self.speaking.last.sources.iter().filter_map(|(source, level)| {
            let (participant, stream) = self.roster.owner(*source)?.clone();
            Some(InputLevel { participant, stream, level: *level })
        });
        let event = ConferenceEvent::Levels { inputs: inputs.collect(), program: self.speaking.last.program };
        for seat in self.speaking.listeners.clone() {
            self.tell(Audience::One(seat), event.clone());
        }
    }

    /// Has levels told as often as they are needed now.
    pub(super) fn pace_levels(&mut self) {
        let every_ms = match (self.follows(), self.speaking.listeners.is_empty()) {
            (Some(_), _) => FOLLOWING_MS,
            (None, false) => LISTENING_MS,
            (None, true) => LEVELS_EVERY_MS,
        };
        if self.worker.is_ready() && self.speaking.every_ms != every_ms {
            self.speaking.every_ms = every_ms;
            self.command(WorkerCommand::MeasureLevels { every_ms });
        }
    }
}

/// Of all his streams.
fn loudest(participant: &Participant, report: &LevelReport) -> Option<Dbov> {
    let of = |source| report.sources.iter().find(|(known, _)| *known == source).map(|(_, level)| *level);
    participant.streams.iter().filter_map(|stream| of(stream.source)).max()
}
