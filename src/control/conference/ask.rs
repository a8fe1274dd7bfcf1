//! Requests without their answers: the pure state knows a [`Ticket`], the runner holds what it stands
//! for.

use super::{
    Answer, ConferenceRequest, ConferenceSettings, ConferenceView, Join, ParticipantPatch, ParticipantView,
    Publish, Published, Subscribe,
    presence::{Absence, SeatId},
};
use crate::{
    control::{
        admission::Admitted,
        cast::{CastView, Cue, OutputSpec, OutputView, RundownView, StartCast, Switch, SwitchResult},
        error::ControlError,
        overlay::{OverlayPatch, OverlayView, PicturePut, PictureView},
    },
    ids::{CueId, OutputId, ParticipantId, PictureName, SessionId},
    ipc::{Candidate, file::FileAction, overlay::PictureFile},
};
use bytes::Bytes;

/// One request that waits for its answer. Unique in a conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// [`ConferenceRequest`] without the answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    View,
    Update(ConferenceSettings),
    Participant(ParticipantId),
    PatchParticipant {
        participant: ParticipantId,
        patch: ParticipantPatch,
    },
    RemoveParticipant(ParticipantId),
    /// `session` is the fresh id that the publication gets.
    Publish {
        publish: Publish,
        session: SessionId,
    },
    Subscribe {
        subscribe: Subscribe,
        session: SessionId,
    },
    Join(Join),
    Leave {
        participant: ParticipantId,
        seat: SeatId,
        why: Absence,
    },
    Trickle {
        session: SessionId,
        candidates: Vec<Candidate>,
    },
    HangUp(SessionId),
    Cast,
    StartCast(StartCast),
    Switch(Switch),
    Cues,
    PutCues(Vec<Cue>),
    NextCue,
    GoCue(CueId),
    ControlFile(FileAction),
    Snapshot,
    /// A seat wants to be told levels, or no longer.
    Levels {
        seat: SeatId,
        on: bool,
    },
    Overlay,
    PatchOverlay(OverlayPatch),
    Pictures,
    PutPicture {
        name: PictureName,
        file: PictureFile,
    },
    RemovePicture(PictureName),
    StopCast,
    AddOutput(OutputSpec),
    RemoveOutput(OutputId),
    End,
    /// The same, since the server ends; nobody waits for it.
    Shutdown,
}

/// A successful answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Done,
    Conference(Box<ConferenceView>),
    Participant(ParticipantView),
    Published(Published),
    Cast(Box<CastView>),
    Switched(SwitchResult),
    Rundown(Box<RundownView>),
    /// A JPEG file.
    Snapshot(Bytes),
    Overlay(Box<OverlayView>),
    Pictures(Vec<PictureView>),
    Picture(PicturePut),
    Output(OutputView),
}

/// Where the answer of a ticket goes.
#[derive(Debug)]
pub enum Held {
    Done(Answer<()>),
    Conference(Answer<ConferenceView>),
    Participant(Answer<ParticipantView>),
    Published(Answer<Published>),
    Cast(Answer<CastView>),
    /// A cast that starts: its room is kept when it has.
    Started {
        answer: Answer<CastView>,
        room: Admitted,
    },
    Switched(Answer<SwitchResult>),
    Rundown(Answer<RundownView>),
    Snapshot(Answer<Bytes>),
    Overlay(Answer<OverlayView>),
    Pictures(Answer<Vec<PictureView>>),
    Picture(Answer<PicturePut>),
    Output(Answer<OutputView>),
}

impl Held {
    /// Answers. Somebody who no longer waits is no error; that the kinds match is ours to get right,
    /// and a mistake is told as `internal`.
    pub fn answer(self, result: Result<Reply, ControlError>) {
        macro_rules! deliver {
            ($($kind:ident($value:ident) => $out:expr),+ $(,)?) => {
                match (self, result) {
                    $((Self::$kind(answer), Ok(Reply::$kind($value))) => drop(answer.send(Ok($out))),)+
                    (Self::Done(answer), Ok(Reply::Done)) => drop(answer.send(Ok(()))),
                    (Self::Started { answer, room }, Ok(Reply::Cast(view))) => {
                        room.keep();
                        drop(answer.send(Ok(*view)));
                    }
                    (held, Err(error)) => held.refuse(error),
                    (held, Ok(reply)) => {
                        tracing::error!(?reply, "a request was answered in the wrong kind");
                        held.refuse(ControlError::Internal);
                    }
                }
            };
        }
        deliver! {
            Conference(view) => *view,
            Participant(view) => view,
            Published(published) => published,
            Cast(view) => *view,
            Switched(result) => result,
            Rundown(view) => *view,
            Snapshot(jpeg) => jpeg,
            Overlay(view) => *view,
            Pictures(views) => views,
            Picture(put) => put,
            Output(view) => view,
        }
    }

    fn refuse(self, error: ControlError) {
        match self {
            Self::Done(answer) => drop(answer.send(Err(error))),
            Self::Conference(answer) => drop(answer.send(Err(error))),
            Self::Participant(answer) => drop(answer.send(Err(error))),
            Self::Published(answer) => drop(answer.send(Err(error))),
            Self::Cast(answer) | Self::Started { answer, .. } => drop(answer.send(Err(error))),
            Self::Switched(answer) => drop(answer.send(Err(error))),
            Self::Rundown(answer) => drop(answer.send(Err(error))),
            Self::Snapshot(answer) => drop(answer.send(Err(error))),
            Self::Overlay(answer) => drop(answer.send(Err(error))),
            Self::Pictures(answer) => drop(answer.send(Err(error))),
            Self::Picture(answer) => drop(answer.send(Err(error))),
            Self::Output(answer) => drop(answer.send(Err(error))),
        }
    }
}

impl ConferenceRequest {
    /// Parts the request from where its answer goes.
    pub fn split(self) -> (Ask, Held) {
        match self {
            Self::View { answer } => (Ask::View, Held::Conference(answer)),
            Self::Update { settings, answer } => (Ask::Update(settings), Held::Conference(answer)),
            Self::Participant { participant, answer } => {
                (Ask::Participant(participant), Held::Participant(answer))
            }
            Self::PatchParticipant { participant, patch, answer } => {
                (Ask::PatchParticipant { participant, patch }, Held::Participant(answer))
            }
            Self::RemoveParticipant { participant, answer } => {
                (Ask::RemoveParticipant(participant), Held::Done(answer))
            }
            Self::Publish { publish, answer } => {
                (Ask::Publish { publish, session: SessionId::generate() }, Held::Published(answer))
            }
            Self::Subscribe { subscribe, answer } => (
                Ask::Subscribe { subscribe, session: SessionId::generate_subscriber() },
                Held::Published(answer),
            ),
            // The listener is the runner's: it takes it out before.
            Self::Join { join, listener: _, answer } => (Ask::Join(join), Held::Done(answer)),
            Self::Leave { participant, seat, why, answer } => {
                (Ask::Leave { participant, seat, why }, Held::Done(answer))
            }
            Self::Trickle { session, candidates, answer } => {
                (Ask::Trickle { session, candidates }, Held::Done(answer))
            }
            Self::HangUp { session, answer } => (Ask::HangUp(session), Held::Done(answer)),
            Self::Cast { answer } => (Ask::Cast, Held::Cast(answer)),
            // Its room is the runner's to ask for, before.
            Self::StartCast { start, room: _, answer } => (Ask::StartCast(start), Held::Cast(answer)),
            Self::Switch { switch, answer } => (Ask::Switch(switch), Held::Switched(answer)),
            Self::Cues { answer } => (Ask::Cues, Held::Rundown(answer)),
            Self::PutCues { cues, answer } => (Ask::PutCues(cues), Held::Rundown(answer)),
            Self::NextCue { answer } => (Ask::NextCue, Held::Switched(answer)),
            Self::GoCue { cue, answer } => (Ask::GoCue(cue), Held::Switched(answer)),
            Self::ControlFile { action, answer } => (Ask::ControlFile(action), Held::Cast(answer)),
            Self::Snapshot { answer } => (Ask::Snapshot, Held::Snapshot(answer)),
            Self::Levels { seat, on, answer } => (Ask::Levels { seat, on }, Held::Done(answer)),
            Self::Overlay { answer } => (Ask::Overlay, Held::Overlay(answer)),
            Self::PatchOverlay { patch, answer } => (Ask::PatchOverlay(patch), Held::Overlay(answer)),
            Self::Pictures { answer } => (Ask::Pictures, Held::Pictures(answer)),
            Self::PutPicture { name, file, answer } => {
                (Ask::PutPicture { name, file }, Held::Picture(answer))
            }
            Self::RemovePicture { name, answer } => (Ask::RemovePicture(name), Held::Done(answer)),
            Self::StopCast { answer } => (Ask::StopCast, Held::Cast(answer)),
            Self::AddOutput { output, answer } => (Ask::AddOutput(output), Held::Output(answer)),
            Self::RemoveOutput { output, answer } => (Ask::RemoveOutput(output), Held::Done(answer)),
            Self::End { answer } => (Ask::End, Held::Done(answer)),
        }
    }
}
