//! Who is in, with which streams: participants in order of joining, and the numbers their streams
//! have towards the worker.

use super::{Join, ParticipantPatch, ParticipantView, Publish, StreamView, presence::SeatId};
use crate::{
    control::error::ControlError,
    ids::{ParticipantId, SessionId, SourceId, StreamName},
    ipc::{IngestOffer, SourceReport, VideoCodec},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeMap, time::Instant};

/// Streams of one participant at once: camera, screen and a few more.
pub const MAX_STREAMS: usize = 8;

/// (participant, stream) pairs whose number is remembered. Far beyond any meeting; it bounds what
/// somebody who joins under ever new names can make us keep.
const MAX_SOURCES: usize = 4096;

/// Everybody in the conference.
#[derive(Debug, Default)]
pub struct Roster {
    participants: Vec<Participant>,
    sources: BTreeMap<(ParticipantId, StreamName), SourceId>,
    speaker: Option<ParticipantId>,
    next_source: u32,
}

/// A participant. Without a stream and without a seat he is only about to come in, and nobody sees him yet.
#[derive(Debug, Clone)]
pub struct Participant {
    pub id: ParticipantId,
    pub name: Option<String>,
    pub joined_at: Timestamp,
    pub audio_muted: bool,
    pub video_muted: bool,
    pub gain_db: f32,
    pub streams: Vec<Stream>,
    /// His place by signalling.
    pub seat: Option<Seat>,
    /// Publications of his that are being opened.
    opening: usize,
}

/// A client that came in by signalling.
#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    pub id: SeatId,
    pub user_data: Value,
}

/// A participant's stream.
#[derive(Debug, Clone)]
pub struct Stream {
    pub name: StreamName,
    pub source: SourceId,
    pub audio: bool,
    pub video: Option<VideoCodec>,
    pub feed: Feed,
    /// Which publication it is; a later one has a higher number.
    serial: u64,
}

/// What feeds a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// A WHIP session.
    Session { session: SessionId, connected: bool },
    /// Nothing: the worker was lost. The stream's place is kept until then, for a new publication.
    Lost { until: Instant },
}

/// What became of a publication that the worker opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// It feeds the stream now, in place of a former session.
    Feeds { replaced: Option<SessionId> },
    /// A later publication of the same stream was faster; this one is to be closed.
    Overtaken,
}

impl Participant {
    /// About to come in, with nothing yet.
    fn new(id: ParticipantId, name: Option<String>, joined_at: Timestamp) -> Self {
        Self {
            id,
            name,
            joined_at,
            audio_muted: false,
            video_muted: false,
            gain_db: 0.0,
            streams: Vec::new(),
            seat: None,
            opening: 0,
        }
    }

    /// He is in, as far as others can see.
    pub fn is_in(&self) -> bool {
        !self.streams.is_empty() || self.seat.is_some()
    }

    /// The stream of that name.
    pub fn stream(&self, name: &StreamName) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == *name)
    }

    /// The stream that stands for him in a layout: the camera, else the first with a picture, else
    /// the first.
    pub fn main_stream(&self) -> Option<&Stream> {
        self.stream(&StreamName::default())
            .or_else(|| self.streams.iter().find(|stream| stream.video.is_some()))
            .or(self.streams.first())
    }

    /// The name to show.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }

    fn leaves(&self) -> bool {
        !self.is_in() && self.opening == 0
    }
}

impl Stream {
    /// The session that feeds it, unless it is lost.
    pub fn session(&self) -> Option<&SessionId> {
        match &self.feed {
            Feed::Session { session, .. } => Some(session),
            Feed::Lost { .. } => None,
        }
    }

    fn view(&self, reports: &[SourceReport]) -> Option<StreamView> {
        let Feed::Session { session, connected } = &self.feed else { return None };
        let video = reports.iter().find(|report| report.session == *session).and_then(|report| report.video);
        Some(StreamView {
            name: self.name.clone(),
            audio: self.audio,
            video_codec: self.video.map(|codec| match codec {
                VideoCodec::H264 => "h264",
                VideoCodec::Vp8 => "vp8",
            }),
            width: video.map(|video| video.width),
            height: video.map(|video| video.height),
            connected: *connected,
        })
    }
}

impl Roster {
    /// Those who are in, in order of joining.
    pub fn present(&self) -> impl Iterator<Item = &Participant> {
        self.participants.iter().filter(|participant| participant.is_in())
    }

    /// Those who are in and send something: only they have a tile.
    pub fn publishers(&self) -> impl Iterator<Item = &Participant> {
        self.present().filter(|participant| !participant.streams.is_empty())
    }

    /// Who is shown as the active speaker. Kept when they go, until there is another: they may come back.
    pub fn speaker(&self) -> Option<&ParticipantId> {
        self.speaker.as_ref()
    }

    /// From now on this one is; answers who was.
    pub fn set_speaker(&mut self, speaker: Option<ParticipantId>) -> Option<ParticipantId> {
        std::mem::replace(&mut self.speaker, speaker)
    }

    /// Whose seat it is.
    pub fn has_seat(&self, seat: SeatId) -> bool {
        self.participants.iter().any(|one| one.seat.as_ref().is_some_and(|held| held.id == seat))
    }

    /// Somebody is in by signalling.
    pub fn has_seats(&self) -> bool {
        self.participants.iter().any(|participant| participant.seat.is_some())
    }

    /// Nobody is in or about to come in.
    pub fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.participants.iter().flat_map(|participant| &participant.streams).filter_map(Stream::session)
    }

    /// Whose session it is.
    pub fn publisher_of(&self, session: &SessionId) -> Option<ParticipantId> {
        let has = |one: &&Participant| one.streams.iter().any(|stream| stream.session() == Some(session));
        self.participants.iter().find(has).map(|participant| participant.id.clone())
    }

    /// A participant who is in.
    pub fn participant(&self, id: &ParticipantId) -> Result<&Participant, ControlError> {
        self.present()
            .find(|participant| participant.id == *id)
            .ok_or_else(|| ControlError::ParticipantNotFound(id.clone()))
    }

    /// The number of a stream, also of one that is gone.
    pub fn source(&self, participant: &ParticipantId, stream: &StreamName) -> Option<SourceId> {
        self.sources.get(&(participant.clone(), stream.clone())).copied()
    }

    /// The numbers of everything that they send, or have sent; before that, of their camera to come.
    pub fn sources_of(&mut self, participant: &ParticipantId) -> Vec<SourceId> {
        let known: Vec<_> = self
            .sources
            .iter()
            .filter(|((who, _), _)| who == participant)
            .map(|(_, number)| *number)
            .collect();
        match known.is_empty() {
            true => vec![self.number_of((participant.clone(), StreamName::default()))],
            false => known,
        }
    }

    /// Whose number that is.
    pub fn owner(&self, source: SourceId) -> Option<&(ParticipantId, StreamName)> {
        self.sources.iter().find(|(_, number)| **number == source).map(|(owner, _)| owner)
    }

    /// Lets a publication begin: the participant joins unless he is in, the stream gets its number.
    /// Every success is followed by one [`Self::opened`] or [`Self::refused`].
    pub fn begin(&mut self, publish: &Publish, max: usize, now: Timestamp) -> Result<SourceId, ControlError> {
        let count = self.participants.len();
        match self.participants.iter_mut().find(|participant| participant.id == publish.participant) {
            Some(participant) => {
                let more = participant.stream(&publish.stream).is_none();
                if more && participant.streams.len() + participant.opening >= MAX_STREAMS {
                    let detail = format!("a participant may publish {MAX_STREAMS} streams");
                    return Err(ControlError::invalid("stream", detail));
                }
                participant.opening += 1;
                participant.name = publish.name.clone().or(participant.name.take());
            }
            None if count >= max => {
                return Err(ControlError::TooManyParticipants { max });
            }
            None => {
                let fresh = Participant::new(publish.participant.clone(), publish.name.clone(), now);
                self.participants.push(Participant { opening: 1, ..fresh });
            }
        }
        Ok(self.number(publish))
    }

    /// Lets a client come in by signalling; the answer is the seat it had before.
    pub fn sit(&mut self, join: &Join, max: usize, now: Timestamp) -> Result<Option<SeatId>, ControlError> {
        let seat = Seat { id: join.seat, user_data: join.user_data.clone() };
        let count = self.participants.len();
        match self.participants.iter_mut().find(|participant| participant.id == join.participant) {
            Some(participant) => {
                participant.name = join.name.clone().or(participant.name.take());
                Ok(participant.seat.replace(seat).map(|former| former.id))
            }
            None if count >= max => Err(ControlError::TooManyParticipants { max }),
            None => {
                let fresh = Participant::new(join.participant.clone(), join.name.clone(), now);
                self.participants.push(Participant { seat: Some(seat), ..fresh });
                Ok(None)
            }
        }
    }

    /// Takes a seat away; true if it was still that one.
    pub fn stand(&mut self, id: &ParticipantId, seat: SeatId) -> bool {
        let found = self.participants.iter_mut().find(|participant| participant.id == *id);
        let held = found.filter(|one| one.seat.as_ref().is_some_and(|held| held.id == seat));
        let stood = held.is_some_and(|participant| participant.seat.take().is_some());
        self.sweep();
        stood
    }

    fn number(&mut self, publish: &Publish) -> SourceId {
        self.number_of((publish.participant.clone(), publish.stream.clone()))
    }

    fn number_of(&mut self, pair: (ParticipantId, StreamName)) -> SourceId {
        if let Some(source) = self.sources.get(&pair) {
            return *source;
        }
        if self.sources.len() >= MAX_SOURCES {
            let inside = |id: &ParticipantId| self.participants.iter().any(|p| p.id == *id);
            self.sources.retain(|(participant, _), _| inside(participant));
        }
        let source = SourceId(self.next_source);
        self.next_source += 1;
        self.sources.insert(pair, source);
        source
    }

    /// The worker opened a publication.
    pub fn opened(&mut self, publish: &Publish, source: SourceId, session: SessionId, serial: u64) -> Opened {
        let Some(participant) = self.participants.iter_mut().find(|p| p.id == publish.participant) else {
            return Opened::Overtaken;
        };
        participant.opening = participant.opening.saturating_sub(1);
        let feed = Feed::Session { session, connected: false };
        let IngestOffer { video, audio, .. } = &publish.offer;
        let fresh = Stream {
            name: publish.stream.clone(),
            source,
            audio: audio.is_some(),
            video: video.as_ref().map(|video| video.codec),
            feed,
            serial,
        };
        match participant.streams.iter_mut().find(|stream| stream.name == publish.stream) {
            Some(stream) if stream.serial > serial => Opened::Overtaken,
            Some(stream) => {
                let former = std::mem::replace(stream, fresh);
                Opened::Feeds { replaced: former.session().cloned() }
            }
            None => {
                participant.streams.push(fresh);
                Opened::Feeds { replaced: None }
            }
        }
    }

    /// A publication came to nothing.
    pub fn refused(&mut self, participant: &ParticipantId) {
        if let Some(participant) = self.participants.iter_mut().find(|p| p.id == *participant) {
            participant.opening = participant.opening.saturating_sub(1);
        }
        self.sweep();
    }

    /// ICE and DTLS of a session are up.
    pub fn connected(&mut self, id: &SessionId) {
        for stream in self.participants.iter_mut().flat_map(|participant| &mut participant.streams) {
            if let Feed::Session { session, connected } = &mut stream.feed
                && session == id
            {
                *connected = true;
            }
        }
    }

    /// A session ended; whoever has no stream left leaves. True if there was such a session.
    pub fn end_session(&mut self, session: &SessionId) -> bool {
        let mut found = false;
        for participant in &mut self.participants {
            participant.streams.retain(|stream| {
                let ended = stream.session() == Some(session);
                found |= ended;
                !ended
            });
        }
        self.sweep();
        found
    }

    /// The worker is lost and all sessions with it. Streams keep their place until then.
    pub fn lose_all(&mut self, until: Instant) -> Vec<SessionId> {
        let mut sessions = Vec::new();
        for stream in self.participants.iter_mut().flat_map(|participant| &mut participant.streams) {
            if let Some(session) = stream.session().cloned() {
                sessions.push(session);
                stream.feed = Feed::Lost { until };
            }
        }
        sessions
    }

    /// When the first lost stream's place is given up.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.participants
            .iter()
            .flat_map(|participant| &participant.streams)
            .filter_map(|stream| match stream.feed {
                Feed::Lost { until } => Some(until),
                Feed::Session { .. } => None,
            })
            .min()
    }

    /// Gives up the places of streams that were lost too long ago.
    pub fn expire(&mut self, now: Instant) {
        for participant in &mut self.participants {
            participant.streams.retain(|stream| !matches!(stream.feed, Feed::Lost { until } if until <= now));
        }
        self.sweep();
    }

    /// Removes a participant who is in; tells the sessions he had.
    pub fn remove(&mut self, id: &ParticipantId) -> Result<Vec<SessionId>, ControlError> {
        let sessions = self.participant(id)?.streams.iter().filter_map(Stream::session).cloned().collect();
        self.participants.retain(|participant| participant.id != *id);
        Ok(sessions)
    }

    /// Sets a participant's mutes and gain.
    pub fn patch(&mut self, id: &ParticipantId, patch: ParticipantPatch) -> Result<(), ControlError> {
        let participant = self
            .participants
            .iter_mut()
            .find(|participant| participant.id == *id && participant.is_in())
            .ok_or_else(|| ControlError::ParticipantNotFound(id.clone()))?;
        if let Some(gain_db) = patch.gain_db {
            if !(-60.0..=20.0).contains(&gain_db) {
                return Err(ControlError::invalid("gain_db", "gain_db must be from -60 to 20"));
            }
            participant.gain_db = gain_db;
        }
        participant.audio_muted = patch.audio_muted.unwrap_or(participant.audio_muted);
        participant.video_muted = patch.video_muted.unwrap_or(participant.video_muted);
        Ok(())
    }

    fn sweep(&mut self) {
        self.participants.retain(|participant| !participant.leaves());
    }
}

impl Participant {
    /// Him, as the API shows him.
    pub fn view(&self, reports: &[SourceReport]) -> ParticipantView {
        ParticipantView {
            id: self.id.clone(),
            name: self.name.clone(),
            joined_at: self.joined_at,
            user_data: self.seat.as_ref().map(|seat| seat.user_data.clone()).unwrap_or_default(),
            audio_muted: self.audio_muted,
            video_muted: self.video_muted,
            gain_db: self.gain_db,
            streams: self.streams.iter().filter_map(|stream| stream.view(reports)).collect(),
        }
    }
}
