//! The one map from an error to its stable `code` and HTTP status (contract, "Errors").

use crate::control::conference::calls::CallError;
use crate::ids::{
    ConferenceId, CueId, EndpointId, InvalidId, OutputId, ParticipantId, PictureName, StreamName,
};
use crate::media_dir::MediaName;
use std::time::Duration;

/// What a client's request can end with, other than success. `Display` is the problem's `detail`: a
/// sentence a person can act on, without anything internal or secret.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ControlError {
    #[error("there is no conference {0}")]
    ConferenceNotFound(ConferenceId),
    #[error("there is no participant {0} in this conference")]
    ParticipantNotFound(ParticipantId),
    #[error("participant {participant} has no stream {stream}")]
    StreamNotFound { participant: ParticipantId, stream: StreamName },
    #[error("there is no such session; it may have ended")]
    SessionNotFound,
    #[error("a cast is running in this conference; stop it before another start")]
    CastAlreadyStarted,
    #[error("no cast is running in this conference; start one first")]
    CastNotStarted,
    #[error("casts are switched off by the operator of this server (cast.enabled = false)")]
    CastDisabled,
    #[error("the cast could not be started: {0}")]
    CastFailed(String),
    #[error("there is an output {0} already")]
    OutputExists(OutputId),
    #[error("output {0} pushes to this URL already")]
    OutputUrlTaken(OutputId),
    #[error("there is no output {0}")]
    OutputNotFound(OutputId),
    #[error("the output's URL is not usable: {0}")]
    OutputUrlInvalid(String),
    #[error("this server may not push to {0}; the operator allows other hosts only")]
    OutputUrlForbidden(String),
    #[error("there is no such recording; it may have been deleted")]
    RecordingNotFound,
    #[error("the recording is being made; stop it first, and let it be finished")]
    RecordingBusy,
    #[error("the recording's file cannot be reached: {0}")]
    RecordingUnavailable(String),
    #[error("the conference is full: {max} participants are allowed")]
    TooManyParticipants { max: usize },
    #[error("the server is full: {max} conferences are allowed")]
    TooManyConferences { max: usize },
    #[error("the conference has as many subscribers as it may have ({max})")]
    TooManySubscribers { max: usize },
    #[error("{0} sends no media yet; try again in a moment")]
    NothingToForward(String),
    #[error("a cast may have {max} outputs")]
    TooManyOutputs { max: usize },
    #[error("{detail}")]
    InvalidRequest { detail: String, field: Option<String> },
    #[error("{0}")]
    InvalidId(#[from] InvalidId),
    #[error("the SDP was not accepted: {0}")]
    SdpInvalid(String),
    #[error("{0}")]
    WrongContentType(String),
    #[error(
        "{participant} sends {sends} in {stream}, and encoding.mode \"passthrough\" takes h264 as it comes; \
         publish h264, or cast with mode \"compose\""
    )]
    CodecUnsupported { participant: ParticipantId, stream: StreamName, sends: &'static str },
    #[error(
        "encoding.mode \"passthrough\" shows one participant's stream as it comes; allowed sources: \
         {{\"participant\": …}}; layouts, files and the slate need mode \"compose\""
    )]
    SourceUnsupported,
    #[error("this server shows no media files: media.dir is not set")]
    MediaDisabled,
    #[error("there is no file {0} in the media folder")]
    FileNotFound(MediaName),
    #[error("the file {name} cannot be played: {detail}")]
    FileUnsupported { name: MediaName, detail: String },
    #[error("there is no file {0} in the media folder; the slate stays as it is")]
    ClipNotFound(MediaName),
    #[error("the file {name} cannot be the slate: {detail}")]
    ClipUnsupported { name: MediaName, detail: String },
    #[error("{0}")]
    FileNotPlaying(String),
    #[error("a cast with encoding.mode \"passthrough\" decodes no picture, so there is none to give out")]
    SnapshotUnavailable,
    #[error(
        "a cast with encoding.mode \"passthrough\" sends pictures as they come, so nothing can be drawn over them; \
         allowed: {{\"slate\": …}} alone, a picture or null"
    )]
    OverlayUnavailable,
    #[error("there is no picture {0}; upload it first, or name one of [pictures] of the configuration")]
    PictureNotFound(PictureName),
    #[error("the picture cannot be used: {0}")]
    PictureInvalid(String),
    #[error("picture {0} is in the overlay; take it out first")]
    PictureInUse(PictureName),
    #[error("picture {0} is the server's own; choose another name")]
    PictureIsServers(PictureName),
    #[error("a conference may have {max} pictures")]
    TooManyPictures { max: usize },
    #[error("no common codec: {0}")]
    NoCommonCodec(String),
    #[error("{0} sends no media yet; the program stays as it is")]
    MediaNotReady(String),
    #[error("the new source was not on the program within {0} ms; the old one stays")]
    SwitchTimeout(u32),
    #[error("a newer switch took the place of this one")]
    SwitchSuperseded,
    #[error("no cue of the run-down waits to be taken")]
    NoNextCue,
    #[error("there is no cue {0} in the run-down")]
    CueNotFound(CueId),
    #[error("the server is overloaded; try again in {} s", .retry_after.as_secs())]
    Overloaded { retry_after: Duration },
    #[error("the server is shutting down")]
    ShuttingDown,
    #[error("the media worker of this conference is being replaced or too busy; try again")]
    WorkerUnavailable,
    #[error("{0} is not implemented yet")]
    NotImplemented(String),
    #[error("a token is needed: send it as \"Authorization: Bearer …\"")]
    TokenMissing,
    #[error("the token has expired")]
    TokenExpired,
    #[error("the token is not valid: {0}")]
    TokenInvalid(&'static str),
    #[error("the token does not allow this: {0}")]
    Forbidden(String),
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("the server has as many signalling clients as it may have ({max})")]
    TooManyClients { max: usize },
    #[error("the server has as many readers of events as it may have ({max})")]
    TooManyEventStreams { max: usize },
    #[error("there is no webhook endpoint {0}")]
    EndpointNotFound(EndpointId),
    #[error("something went wrong on our side; the log names it by this request's id")]
    Internal,
}

impl ControlError {
    /// The stable code and the HTTP status.
    pub const fn code_and_status(&self) -> (&'static str, u16) {
        match self {
            Self::ConferenceNotFound(_) => ("conference_not_found", 404),
            Self::ParticipantNotFound(_) => ("participant_not_found", 404),
            Self::StreamNotFound { .. } => ("stream_not_found", 404),
            Self::SessionNotFound => ("session_not_found", 404),
            Self::CastAlreadyStarted => ("cast_already_started", 409),
            Self::CastNotStarted => ("cast_not_started", 409),
            Self::CastDisabled => ("cast_disabled", 403),
            Self::CastFailed(_) => ("cast_failed", 502),
            Self::OutputExists(_) | Self::OutputUrlTaken(_) => ("output_exists", 409),
            Self::OutputNotFound(_) => ("output_not_found", 404),
            Self::OutputUrlInvalid(_) => ("output_url_invalid", 422),
            Self::OutputUrlForbidden(_) => ("output_url_forbidden", 403),
            Self::RecordingNotFound => ("recording_not_found", 404),
            Self::RecordingBusy => ("recording_busy", 409),
            Self::RecordingUnavailable(_) => ("recording_unavailable", 502),
            Self::TooManyParticipants { .. } => ("too_many_participants", 429),
            Self::TooManyConferences { .. } => ("too_many_conferences", 429),
            Self::TooManyOutputs { .. } => ("too_many_outputs", 429),
            Self::TooManySubscribers { .. } => ("too_many_subscribers", 429),
            Self::NothingToForward(_) => ("media_not_ready", 409),
            Self::InvalidRequest { .. } => ("invalid_request", 400),
            Self::InvalidId(_) => ("invalid_id", 422),
            Self::SdpInvalid(_) => ("sdp_invalid", 422),
            Self::WrongContentType(_) => ("codec_unsupported", 415),
            Self::NoCommonCodec(_) => ("codec_unsupported", 406),
            Self::CodecUnsupported { .. } => ("codec_unsupported", 409),
            Self::SourceUnsupported => ("source_unsupported", 422),
            Self::MediaDisabled => ("media_disabled", 403),
            Self::FileNotFound(_) | Self::ClipNotFound(_) => ("file_not_found", 404),
            Self::FileUnsupported { .. } | Self::ClipUnsupported { .. } => ("file_unsupported", 422),
            Self::FileNotPlaying(_) => ("file_not_playing", 409),
            Self::SnapshotUnavailable => ("snapshot_unavailable", 409),
            Self::OverlayUnavailable => ("overlay_unavailable", 409),
            Self::PictureNotFound(_) => ("picture_not_found", 404),
            Self::PictureInvalid(_) => ("picture_invalid", 422),
            Self::PictureInUse(_) => ("picture_in_use", 409),
            Self::PictureIsServers(_) => ("picture_is_servers", 409),
            Self::TooManyPictures { .. } => ("too_many_pictures", 429),
            Self::MediaNotReady(_) => ("media_not_ready", 409),
            Self::SwitchTimeout(_) => ("switch_timeout", 504),
            Self::SwitchSuperseded => ("switch_superseded", 409),
            Self::NoNextCue => ("no_next_cue", 409),
            Self::CueNotFound(_) => ("cue_not_found", 404),
            Self::Overloaded { .. } => ("overloaded", 503),
            Self::ShuttingDown => ("shutting_down", 503),
            Self::WorkerUnavailable => ("worker_unavailable", 503),
            Self::NotImplemented(_) => ("not_implemented", 501),
            Self::TokenMissing => ("token_missing", 401),
            Self::TokenExpired => ("token_expired", 401),
            Self::TokenInvalid(_) => ("token_invalid", 401),
            Self::Forbidden(_) => ("forbidden", 403),
            Self::Call(CallError::NotFound) => ("call_not_found", 404),
            Self::Call(CallError::NotReady) => ("call_not_ready", 409),
            Self::Call(CallError::NotCallee) => ("forbidden", 403),
            Self::Call(CallError::Oneself) => ("invalid_request", 400),
            Self::Call(CallError::TooMany) => ("too_many_calls", 429),
            Self::TooManyClients { .. } => ("too_many_clients", 429),
            Self::TooManyEventStreams { .. } => ("too_many_event_streams", 429),
            Self::EndpointNotFound(_) => ("endpoint_not_found", 404),
            Self::Internal => ("internal", 500),
        }
    }

    /// The request field at fault, where one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidRequest { field, .. } => field.as_deref(),
            Self::SourceUnsupported => Some("source"),
            Self::FileNotFound(_) | Self::FileUnsupported { .. } => Some("source.file"),
            Self::ClipNotFound(_) | Self::ClipUnsupported { .. } => Some("slate.file"),
            _ => None,
        }
    }

    /// A bad request that names its field.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::InvalidRequest { detail: detail.into(), field: Some(field.to_owned()) }
    }
}
