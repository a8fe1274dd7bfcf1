//! `Switch` and `SwitchResult`: `POST …/cast/switch`.

use super::source::{AudioJson, SourceBody, SourceJson, one_source};
use crate::{
    config::layouts::LayoutsConfig,
    control::{
        cast::{Switch, SwitchResult},
        error::ControlError,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A switch. `{"participant":"bob"}` alone is a whole request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "Switch", example = json!({"participant": "bob"}))]
pub struct SwitchBody {
    /// Short for `"source": {"participant": …}`.
    participant: Option<String>,
    /// What the program shall show.
    #[schema(value_type = Option<SourceJson>)]
    source: Option<SourceBody>,
    /// Who is heard; as before when absent.
    audio: Option<AudioJson>,
    /// How it changes; a cut when absent.
    transition: Option<TransitionBody>,
}

/// How the picture changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TransitionBody {
    /// `cut`.
    #[serde(rename = "type")]
    #[schema(example = "cut")]
    kind: String,
    /// With `fade`, which is not implemented yet.
    duration_ms: Option<u32>,
}

impl SwitchBody {
    /// The domain's switch.
    ///
    /// # Errors
    /// See [`one_source`]; `not_implemented` for a fade.
    pub fn into_switch(self, layouts: &LayoutsConfig) -> Result<Switch, ControlError> {
        if let Some(transition) = self.transition {
            match transition.kind.as_str() {
                "cut" if transition.duration_ms.is_some() => {
                    return Err(ControlError::invalid(
                        "transition.duration_ms",
                        "transition.duration_ms goes with type \"fade\" only",
                    ));
                }
                "cut" => {}
                "fade" => return Err(ControlError::NotImplemented("the transition \"fade\"".to_owned())),
                _ => {
                    return Err(ControlError::invalid(
                        "transition.type",
                        "transition.type has a value that is not allowed; allowed: cut, fade",
                    ));
                }
            }
        }
        let source = one_source(self.participant, self.source, layouts)?;
        Ok(Switch { source, audio: self.audio.map(Into::into) })
    }
}

/// What a switch did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "SwitchResult")]
pub struct SwitchResultJson {
    /// What the program shows now.
    pub source: SourceJson,
    /// From the request to the first program frame that shows it.
    pub took_ms: u64,
    /// That frame's time on the program.
    pub program_pts_ms: u64,
    /// `cut`.
    pub transition: &'static str,
}

impl From<&SwitchResult> for SwitchResultJson {
    fn from(result: &SwitchResult) -> Self {
        Self {
            source: SourceJson::from(&result.source),
            took_ms: u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX),
            program_pts_ms: result.program_pts.as_millis(),
            transition: "cut",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::cast::AudioChoice;

    fn switch(text: &str) -> Result<Switch, ControlError> {
        serde_json::from_str::<SwitchBody>(text).unwrap().into_switch(&LayoutsConfig::new())
    }

    #[test]
    fn absent_audio_keeps_the_choice() {
        assert_eq!(switch(r#"{"participant":"bob"}"#).unwrap().audio, None);
        let mix =
            switch(r#"{"source":{"layout":"grid"},"audio":"mix","transition":{"type":"cut"}}"#).unwrap();
        assert_eq!(mix.audio, Some(AudioChoice::Mix));
    }

    #[test]
    fn a_fade_is_said_to_be_later_and_others_are_refused() {
        let fade = switch(r#"{"participant":"b","transition":{"type":"fade","duration_ms":500}}"#);
        assert_eq!(fade.unwrap_err().code_and_status().0, "not_implemented");
        for (transition, field) in [
            (r#"{"type":"wipe"}"#, "transition.type"),
            (r#"{"type":"cut","duration_ms":5}"#, "transition.duration_ms"),
        ] {
            let text = format!("{{\"participant\":\"b\",\"transition\":{transition}}}");
            assert_eq!(switch(&text).unwrap_err().field(), Some(field));
        }
        assert_eq!(switch("{}").unwrap_err().field(), Some("source"));
    }
}
