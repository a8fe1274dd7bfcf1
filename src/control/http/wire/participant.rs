//! Participants: `PATCH …/{p}` and what is read.

use crate::control::{
    conference::{ParticipantPatch, ParticipantView},
    error::ControlError,
};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use utoipa::ToSchema;

/// −60 dB is a thousandth, as good as silent; +20 dB ten times.
const GAIN_DB: RangeInclusive<f32> = -60.0..=20.0;

/// A change of a participant by the server; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "ParticipantPatch")]
pub struct ParticipantBody {
    /// Not heard, in the program and in forwards.
    audio_muted: Option<bool>,
    /// Not seen, in the program and in forwards.
    video_muted: Option<bool>,
    /// Gain in the program, -60 to 20.
    gain_db: Option<f32>,
}

impl ParticipantBody {
    /// The domain's patch.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn into_patch(self) -> Result<ParticipantPatch, ControlError> {
        if let Some(gain_db) = self.gain_db
            && !GAIN_DB.contains(&gain_db)
        {
            return Err(ControlError::invalid(
                "gain_db",
                format!("gain_db = {gain_db} is not allowed; allowed: -60 to 20"),
            ));
        }
        Ok(ParticipantPatch {
            audio_muted: self.audio_muted,
            video_muted: self.video_muted,
            gain_db: self.gain_db,
        })
    }
}

/// A participant, as read at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Participant")]
pub struct ParticipantJson {
    /// Its id.
    pub id: String,
    /// A name to show, where there is one.
    pub name: Option<String>,
    /// When it joined.
    #[schema(format = DateTime)]
    pub joined_at: String,
    /// What it said of itself when it came in by signalling; `null` otherwise.
    #[schema(value_type = Object, nullable)]
    pub user_data: serde_json::Value,
    /// By the server.
    pub audio_muted: bool,
    /// By the server.
    pub video_muted: bool,
    /// Gain in the program.
    pub gain_db: f32,
    /// What it sends.
    pub streams: Vec<StreamJson>,
}

/// A stream of a participant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StreamJson {
    /// `camera`, `screen` …
    pub name: String,
    /// It has sound.
    pub audio: bool,
    /// It has a picture.
    pub video: bool,
    /// `h264` or `vp8`; `null` without a picture.
    pub video_codec: Option<String>,
    /// Of the decoded picture, once known.
    pub width: Option<u32>,
    /// Of the decoded picture, once known.
    pub height: Option<u32>,
    /// ICE and DTLS are up.
    pub connected: bool,
}

/// Everybody in a conference, in order of joining.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Participants")]
pub struct ParticipantsJson {
    /// One each.
    pub participants: Vec<ParticipantJson>,
}

impl From<&ParticipantView> for ParticipantJson {
    fn from(view: &ParticipantView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name.clone(),
            joined_at: view.joined_at.to_string(),
            user_data: view.user_data.clone(),
            audio_muted: view.audio_muted,
            video_muted: view.video_muted,
            gain_db: view.gain_db,
            streams: view
                .streams
                .iter()
                .map(|stream| StreamJson {
                    name: stream.name.to_string(),
                    audio: stream.audio,
                    video: stream.video_codec.is_some(),
                    video_codec: stream.video_codec.map(str::to_owned),
                    width: stream.width,
                    height: stream.height,
                    connected: stream.connected,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_stay_in_their_range() {
        let patch = |text: &str| {
            serde_json::from_str::<ParticipantBody>(text).unwrap().into_patch().map(|p| p.gain_db)
        };
        assert_eq!(patch(r#"{"gain_db":-6.0}"#), Ok(Some(-6.0)));
        assert_eq!(patch(r#"{"gain_db":20}"#), Ok(Some(20.0)));
        assert_eq!(patch("{}"), Ok(None));
        for text in [r#"{"gain_db":20.1}"#, r#"{"gain_db":-61}"#, r#"{"gain_db":1e38}"#] {
            assert_eq!(patch(text).unwrap_err().field(), Some("gain_db"));
        }
    }
}
