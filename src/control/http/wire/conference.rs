//! Conferences: `PUT …/{c}` and what is read.

use super::{
    cast::{CastJson, state_name},
    participant::ParticipantJson,
};
use crate::{
    config::LimitsConfig,
    control::{
        auth::MAX_NAME_CHARS,
        conference::{ConferenceSettings, ConferenceView},
        error::ControlError,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A conference's settings; what is absent is the default.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "ConferenceSettings")]
pub struct ConferenceBody {
    /// Shown on the slate, 1 to 128 characters; the id when absent.
    name: Option<String>,
    /// Participants at once; the server's limit when absent.
    max_participants: Option<usize>,
}

impl ConferenceBody {
    /// The domain's settings.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn into_settings(self, limits: &LimitsConfig) -> Result<ConferenceSettings, ControlError> {
        if let Some(name) = &self.name {
            let length = name.chars().count();
            if !(1..=MAX_NAME_CHARS).contains(&length) || name.chars().any(char::is_control) {
                return Err(ControlError::invalid(
                    "name",
                    "name is not allowed; allowed: 1 to 128 characters, no control characters",
                ));
            }
        }
        if let Some(max) = self.max_participants
            && !(1..=limits.max_participants).contains(&max)
        {
            return Err(ControlError::invalid(
                "max_participants",
                format!(
                    "max_participants = {max} is not allowed; allowed: 1 to {} (limits.max_participants)",
                    limits.max_participants
                ),
            ));
        }
        Ok(ConferenceSettings { name: self.name, max_participants: self.max_participants })
    }
}

/// A conference, as read at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Conference")]
pub struct ConferenceJson {
    /// Its id.
    pub id: String,
    /// Its name, where one was set.
    pub name: Option<String>,
    /// Participants at once.
    pub max_participants: usize,
    /// When its first joiner or `PUT` made it.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Who is in it, in order of joining.
    pub participants: Vec<ParticipantJson>,
    /// Its cast.
    pub cast: CastJson,
    /// Replacements of its media worker so far.
    pub worker_restarts: u32,
}

impl ConferenceJson {
    /// `base_url` stands before the paths of play URLs.
    pub fn new(view: &ConferenceView, limits: &LimitsConfig, base_url: &str) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.settings.name.clone(),
            max_participants: view.settings.max_participants.unwrap_or(limits.max_participants),
            created_at: view.created_at.to_string(),
            participants: view.participants.iter().map(ParticipantJson::from).collect(),
            cast: CastJson::new(&view.cast, base_url),
            worker_restarts: view.worker_restarts,
        }
    }
}

/// All conferences that the token covers, in order of id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Conferences")]
pub struct ConferencesJson {
    /// One line each.
    pub conferences: Vec<ConferenceLine>,
}

/// A conference in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConferenceLine {
    /// Its id.
    pub id: String,
    /// Its name, where one was set.
    pub name: Option<String>,
    /// When its first joiner or `PUT` made it.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// How many are in it.
    pub participant_count: usize,
    /// As `state` of its Cast.
    #[schema(example = "live")]
    pub cast_state: &'static str,
}

impl From<&ConferenceView> for ConferenceLine {
    fn from(view: &ConferenceView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.settings.name.clone(),
            created_at: view.created_at.to_string(),
            participant_count: view.participants.len(),
            cast_state: state_name(view.cast.state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_bounded_and_the_bound_is_named() {
        let settings = |text: &str| {
            serde_json::from_str::<ConferenceBody>(text).unwrap().into_settings(&LimitsConfig::default())
        };
        assert_eq!(settings("{}").unwrap(), ConferenceSettings::default());
        assert_eq!(settings(r#"{"name":"Team","max_participants":16}"#).unwrap().max_participants, Some(16));
        for text in [r#"{"max_participants":0}"#, r#"{"max_participants":17}"#] {
            let error = settings(text).unwrap_err();
            assert_eq!(error.field(), Some("max_participants"));
            assert!(error.to_string().ends_with("allowed: 1 to 16 (limits.max_participants)"));
        }
        for name in ["", "a\u{7}", &"x".repeat(129)] {
            let text = serde_json::json!({ "name": name }).to_string();
            assert_eq!(settings(&text).unwrap_err().field(), Some("name"));
        }
    }
}
