//! Recordings: what is read of them, and the list's query.

use crate::{
    control::error::ControlError,
    egress::recording::{
        playlist::{MOVIE, PLAYLIST},
        record::{Recording, RecordingState},
    },
    ids::{ConferenceId, RecordingId},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Recordings on a page, unless said.
pub const DEFAULT_LIMIT: usize = 100;
/// Recordings on a page at most.
pub const MAX_LIMIT: usize = 1000;

/// `?conference=…&limit=…&after=…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingsQuery {
    pub conference: Option<ConferenceId>,
    pub limit: usize,
    /// The last one of the page before.
    pub after: Option<RecordingId>,
}

impl RecordingsQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_id`.
    pub fn parse(query: &str) -> Result<Self, ControlError> {
        let mut parsed = Self { conference: None, limit: DEFAULT_LIMIT, after: None };
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "conference" => parsed.conference = Some(value.parse()?),
                "after" => parsed.after = Some(value.parse()?),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    parsed.limit = limit.ok_or_else(|| {
                        ControlError::invalid(
                            "limit",
                            format!("limit is not allowed; allowed: 1 to {MAX_LIMIT}"),
                        )
                    })?;
                }
                _ => {
                    let detail = "the query has an unknown parameter; allowed here: conference, limit, after";
                    return Err(ControlError::InvalidRequest { detail: detail.to_owned(), field: None });
                }
            }
        }
        Ok(parsed)
    }
}

/// A recording, as read at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Recording")]
pub struct RecordingJson {
    /// Unguessable.
    #[schema(example = "0123456789abcdef0123456789abcdef")]
    pub id: String,
    /// Whose program it is.
    pub conference: String,
    /// `recording`, `finishing`, `uploading`, `ready`, or `failed`: it ended early, and what there is can be
    /// played.
    #[schema(example = "ready")]
    pub state: &'static str,
    /// Its first frame.
    #[schema(format = DateTime)]
    pub started_at: String,
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// To the end of its last frame.
    pub duration_ms: u64,
    /// Of the file.
    pub bytes: u64,
    /// Pixels.
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// The MP4; can be read while it grows, too.
    pub download: String,
    /// An HLS VOD playlist, once the recording is finished.
    pub playlist: Option<String>,
    /// Where the file is: `local`, or the configured `s3://bucket/prefix`.
    pub store: String,
    /// Why it ended early, or what its next stage waits for.
    pub error: Option<String>,
}

impl RecordingJson {
    /// `base_url` stands before the paths, `store` says where the file is.
    pub fn new(recording: &Recording, store: String, base_url: &str) -> Self {
        let url = |file: &str| format!("{base_url}/v1/recordings/{}/{file}", recording.id);
        Self {
            id: recording.id.to_string(),
            conference: recording.conference.to_string(),
            state: state_name(recording.state()),
            started_at: recording.started_at.to_string(),
            ended_at: recording.ended_at.map(|at| at.to_string()),
            duration_ms: recording.duration_ms,
            bytes: recording.bytes,
            width: recording.width,
            height: recording.height,
            download: url(MOVIE),
            playlist: recording.is_finished().then(|| url(PLAYLIST)),
            store,
            error: recording.trouble.clone().or_else(|| recording.error.clone()),
        }
    }
}

/// A page of recordings, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Recordings")]
pub struct RecordingsJson {
    pub recordings: Vec<RecordingJson>,
    /// `after` of the next page, where there is one.
    pub next: Option<String>,
}

/// A recording's state in JSON.
pub const fn state_name(state: RecordingState) -> &'static str {
    match state {
        RecordingState::Recording => "recording",
        RecordingState::Finishing => "finishing",
        RecordingState::Uploading => "uploading",
        RecordingState::Ready => "ready",
        RecordingState::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_or_refused() {
        let parsed = RecordingsQuery::parse("conference=a%3Ab&limit=1000").unwrap();
        assert_eq!(parsed.conference, Some("a:b".parse().unwrap()));
        assert_eq!((parsed.limit, parsed.after), (1000, None));
        assert_eq!(RecordingsQuery::parse("").unwrap().limit, DEFAULT_LIMIT);
        for (query, code) in [
            ("limit=0", "invalid_request"),
            ("limit=1001", "invalid_request"),
            ("limit=x", "invalid_request"),
            ("offset=1", "invalid_request"),
            ("conference=", "invalid_id"),
            ("after=x", "invalid_id"),
        ] {
            assert_eq!(RecordingsQuery::parse(query).unwrap_err().code_and_status().0, code, "{query}");
        }
    }
}
