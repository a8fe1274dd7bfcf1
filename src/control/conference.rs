//! A conference: the handle that the rest of control talks to. The actor behind it is
//! [`runner::ConferenceRunner`]; what it decides is in the pure [`state`].

pub mod ask;
pub mod calls;
pub mod outputs;
pub mod presence;
pub mod quality;
pub mod roster;
pub mod rundown;
pub mod runner;
pub mod scene;
pub mod setup;
pub mod speaker;
pub mod state;
pub mod timeline;

use crate::{
    control::{
        admission::CastRoom,
        cast::{CastView, Cue, OutputSpec, OutputView, RundownView, StartCast, Switch, SwitchResult},
        error::ControlError,
        overlay::{OverlayPatch, OverlayView, PicturePut, PictureView},
    },
    ids::{ConferenceId, CueId, OutputId, ParticipantId, PictureName, SessionId, StreamName},
    ipc::{Candidate, IngestOffer, VideoCodec, file::FileAction, overlay::PictureFile},
};
use bytes::Bytes;
use jiff::Timestamp;
use presence::{Absence, Listener, SeatId};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// Where a reply goes.
pub type Answer<T> = oneshot::Sender<Result<T, ControlError>>;

/// What can be asked of a conference. Every `answer` is answered, also when the conference ends.
#[derive(Debug)]
pub enum ConferenceRequest {
    View {
        answer: Answer<ConferenceView>,
    },
    Update {
        settings: ConferenceSettings,
        answer: Answer<ConferenceView>,
    },
    Participant {
        participant: ParticipantId,
        answer: Answer<ParticipantView>,
    },
    PatchParticipant {
        participant: ParticipantId,
        patch: ParticipantPatch,
        answer: Answer<ParticipantView>,
    },
    RemoveParticipant {
        participant: ParticipantId,
        answer: Answer<()>,
    },
    Publish {
        publish: Publish,
        answer: Answer<Published>,
    },
    /// Receive a participant's media, or the program (WHEP).
    Subscribe {
        subscribe: Subscribe,
        answer: Answer<Published>,
    },
    /// A client comes in by signalling; its events go to `listener`, first of all
    /// [`presence::ConferenceEvent::Joined`].
    Join {
        join: Join,
        listener: Listener,
        answer: Answer<()>,
    },
    /// And goes, unless it has another seat by now. Who left by themselves takes their media along.
    Leave {
        participant: ParticipantId,
        seat: SeatId,
        why: Absence,
        answer: Answer<()>,
    },
    Trickle {
        session: SessionId,
        candidates: Vec<Candidate>,
        answer: Answer<()>,
    },
    HangUp {
        session: SessionId,
        answer: Answer<()>,
    },
    Cast {
        answer: Answer<CastView>,
    },
    /// `room` is asked for here, for as many as are in.
    StartCast {
        start: StartCast,
        room: CastRoom,
        answer: Answer<CastView>,
    },
    Switch {
        switch: Switch,
        answer: Answer<SwitchResult>,
    },
    /// The run-down.
    Cues {
        answer: Answer<RundownView>,
    },
    /// Another list takes the place of the run-down; an empty one is none.
    PutCues {
        cues: Vec<Cue>,
        answer: Answer<RundownView>,
    },
    /// Takes the run-down's next cue now.
    NextCue {
        answer: Answer<SwitchResult>,
    },
    /// Takes a certain one now.
    GoCue {
        cue: CueId,
        answer: Answer<SwitchResult>,
    },
    /// Pause, play, seek the media file on the program.
    ControlFile {
        action: FileAction,
        answer: Answer<CastView>,
    },
    /// The program as it looks now: a JPEG file.
    Snapshot {
        answer: Answer<Bytes>,
    },
    /// A client wants to be told five times a second how loud everything is, or no longer.
    Levels {
        seat: SeatId,
        on: bool,
        answer: Answer<()>,
    },
    /// What is drawn over the program.
    Overlay {
        answer: Answer<OverlayView>,
    },
    /// Answered when the change is on the program, if one runs.
    PatchOverlay {
        patch: OverlayPatch,
        answer: Answer<OverlayView>,
    },
    /// What the overlay may name.
    Pictures {
        answer: Answer<Vec<PictureView>>,
    },
    /// Answered when a worker has decoded it.
    PutPicture {
        name: PictureName,
        file: PictureFile,
        answer: Answer<PicturePut>,
    },
    RemovePicture {
        name: PictureName,
        answer: Answer<()>,
    },
    StopCast {
        answer: Answer<CastView>,
    },
    AddOutput {
        output: OutputSpec,
        answer: Answer<OutputView>,
    },
    RemoveOutput {
        output: OutputId,
        answer: Answer<()>,
    },
    /// Everybody is disconnected, the cast is stopped; the actor ends.
    End {
        answer: Answer<()>,
    },
}

/// A client that comes in by signalling, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    pub participant: ParticipantId,
    /// A name to show, from the token; the id otherwise.
    pub name: Option<String>,
    /// What the others get to know of it; the client's own business.
    pub user_data: Value,
    pub seat: SeatId,
}

/// A WHIP publication, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    pub participant: ParticipantId,
    /// A name to show, from the token; the id otherwise.
    pub name: Option<String>,
    pub stream: StreamName,
    pub offer: IngestOffer,
}

/// A WHEP subscription, validated.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    pub to: SubscribeTo,
    pub offers: SubscriberOffers,
}

/// What a subscriber is to receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscribeTo {
    /// A participant's stream as it comes; the main one when `stream` is absent.
    Participant { participant: ParticipantId, stream: Option<StreamName> },
    /// The program of the cast.
    Program { without: Without },
}

/// Whose voice a listener of the program does not hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Without {
    /// Everybody is heard.
    Nobody,
    /// As asked: somebody who is in.
    Named(ParticipantId),
    /// Who listens, if they send anything.
    Listener(ParticipantId),
}

/// A subscriber's offer as it is for each codec that a publisher may send.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriberOffers {
    pub h264: Result<IngestOffer, ControlError>,
    pub vp8: Result<IngestOffer, ControlError>,
}

impl SubscriberOffers {
    /// The offer for a stream with this video; for one without, whichever can be taken.
    ///
    /// # Errors
    /// `codec_unsupported` (406), `sdp_invalid`.
    pub fn offer(&self, video: Option<VideoCodec>) -> Result<IngestOffer, ControlError> {
        match video {
            Some(VideoCodec::H264) => self.h264.clone(),
            Some(VideoCodec::Vp8) => self.vp8.clone(),
            None => self.h264.clone().or_else(|_| self.vp8.clone()),
        }
    }
}

/// A WHIP or WHEP session that is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub session: SessionId,
    /// SDP answer with all candidates.
    pub answer: String,
}

/// What `PUT /conferences/{c}` sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConferenceSettings {
    /// Shown on the slate; the id otherwise. At most 128 characters.
    pub name: Option<String>,
    /// Participants at once; the server's limit otherwise.
    pub max_participants: Option<usize>,
}

/// A conference, as read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ConferenceView {
    pub id: ConferenceId,
    pub settings: ConferenceSettings,
    pub created_at: Timestamp,
    pub participants: Vec<ParticipantView>,
    pub cast: CastView,
    /// Replacements of the media worker so far.
    pub worker_restarts: u32,
}

/// A participant, as read at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantView {
    pub id: ParticipantId,
    pub name: Option<String>,
    pub joined_at: Timestamp,
    /// What it said of itself when it came in by signalling, else null.
    pub user_data: Value,
    pub audio_muted: bool,
    pub video_muted: bool,
    pub gain_db: f32,
    pub streams: Vec<StreamView>,
}

/// A participant's stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamView {
    pub name: StreamName,
    pub audio: bool,
    /// `h264` or `vp8` where there is video.
    pub video_codec: Option<&'static str>,
    /// Decoded size, once known.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// ICE and DTLS are up.
    pub connected: bool,
}

/// `PATCH …/participants/{p}`; absent fields stay.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ParticipantPatch {
    pub audio_muted: Option<bool>,
    pub video_muted: Option<bool>,
    /// −60…+20 dB.
    pub gain_db: Option<f32>,
}

/// The handle. Cheap to clone; the conference lives in its own task.
#[derive(Debug, Clone)]
pub struct Conference {
    id: ConferenceId,
    mailbox: mpsc::Sender<ConferenceRequest>,
}

impl Conference {
    /// A handle on the actor that reads the other end of `mailbox`.
    pub fn new(id: ConferenceId, mailbox: mpsc::Sender<ConferenceRequest>) -> Self {
        Self { id, mailbox }
    }

    /// Its name.
    pub fn id(&self) -> &ConferenceId {
        &self.id
    }

    /// It has ended, or is about to; it takes no more requests.
    pub fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Asks and waits for the answer. A full mailbox is `overloaded`; a conference that has ended in
    /// the meantime is not found.
    pub async fn ask<T>(
        &self,
        request: impl FnOnce(Answer<T>) -> ConferenceRequest,
    ) -> Result<T, ControlError> {
        let (answer, reply) = oneshot::channel();
        self.mailbox.try_send(request(answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                ControlError::Overloaded { retry_after: std::time::Duration::from_secs(1) }
            }
            mpsc::error::TrySendError::Closed(_) => ControlError::ConferenceNotFound(self.id.clone()),
        })?;
        reply.await.unwrap_or_else(|_| Err(ControlError::ConferenceNotFound(self.id.clone())))
    }
}
