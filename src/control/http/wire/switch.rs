//! `Switch` and `SwitchResult`: `POST …/cast/switch`.

use super::source::{AudioJson, SourceBody, SourceJson, one_source};
use crate::{
    config::layouts::LayoutsConfig,
    control::{
        cast::{Switch, SwitchResult, SwitchTime, Transition},
        error::ControlError,
    },
    units::MediaTime,
};
use serde::{Deserialize, Serialize};
use std::{ops::RangeInclusive, time::Duration};
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
    /// With a cut from one layout to another: whoever is in both moves to their new place within so long, 100 to 2000 ms.
    #[schema(minimum = 100, maximum = 2000, example = 400)]
    animate_ms: Option<u32>,
    /// When: at the first frame of the program that is not before, by its own time (as `program_pts_ms`). Within the time
    /// that a request has (about 25 s); the answer comes when it has happened.
    #[schema(example = 83366)]
    at_pts_ms: Option<u64>,
    /// The same by the server's clock, RFC 3339; not both.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-27T12:00:00Z")]
    at: Option<String>,
}

/// How the program changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransitionBody {
    /// `cut`, or `fade`: picture and sound of the new source come over the old one together.
    #[serde(rename = "type")]
    #[schema(example = "fade")]
    kind: String,
    /// How long a `fade` takes, 100 to 5000 ms; 500 when absent. Counted in whole frames.
    #[schema(minimum = 100, maximum = 5000, example = 500)]
    duration_ms: Option<u32>,
}

/// Milliseconds. Above, one waits for it.
pub const ANIMATE_MS: RangeInclusive<u32> = 100..=2000;
/// Milliseconds. Below, it is hard to tell from a cut; above, both sources would be decoded for long.
const FADE_MS: RangeInclusive<u32> = 100..=5000;
/// What most mixers begin with.
const DEFAULT_FADE_MS: u32 = 500;

impl TransitionBody {
    pub(super) fn into_transition(self) -> Result<Transition, ControlError> {
        match (self.kind.as_str(), self.duration_ms) {
            ("cut", None) => Ok(Transition::Cut),
            ("cut", Some(_)) => Err(ControlError::invalid(
                "transition.duration_ms",
                "transition.duration_ms goes with type \"fade\" only",
            )),
            ("fade", length) => {
                let ms = length.unwrap_or(DEFAULT_FADE_MS);
                if !FADE_MS.contains(&ms) {
                    return Err(ControlError::invalid(
                        "transition.duration_ms",
                        format!("transition.duration_ms = {ms} is not allowed; allowed: 100 to 5000 ms"),
                    ));
                }
                Ok(Transition::Fade(Duration::from_millis(ms.into())))
            }
            _ => Err(ControlError::invalid(
                "transition.type",
                "transition.type has a value that is not allowed; allowed: cut, fade",
            )),
        }
    }
}

/// How the program changes, from the two fields that say so.
///
/// # Errors
/// `invalid_request` for what is not allowed, or does not go together.
pub(super) fn change(
    transition: Option<TransitionBody>,
    animate_ms: Option<u32>,
) -> Result<Transition, ControlError> {
    let transition = transition.map(TransitionBody::into_transition).transpose()?.unwrap_or_default();
    let Some(ms) = animate_ms else { return Ok(transition) };
    let detail = match transition {
        Transition::Cut if ANIMATE_MS.contains(&ms) => {
            return Ok(Transition::Move(Duration::from_millis(ms.into())));
        }
        Transition::Cut => {
            let (least, most) = ANIMATE_MS.into_inner();
            format!("animate_ms = {ms} is not allowed; allowed: {least} to {most} ms")
        }
        _ => "animate_ms goes with transition.type \"cut\" only".to_owned(),
    };
    Err(ControlError::invalid("animate_ms", detail))
}

impl SwitchBody {
    /// The domain's switch.
    ///
    /// # Errors
    /// See [`one_source`]; `invalid_request` for a transition that is not allowed.
    pub fn into_switch(self, layouts: &LayoutsConfig) -> Result<Switch, ControlError> {
        let transition = change(self.transition, self.animate_ms)?;
        let at = switch_time(self.at_pts_ms, self.at.as_deref())?;
        Ok(Switch {
            source: one_source(self.participant, self.source, layouts)?,
            audio: self.audio.map(Into::into),
            transition,
            at,
        })
    }
}

pub(super) fn switch_time(
    pts_ms: Option<u64>,
    wall: Option<&str>,
) -> Result<Option<SwitchTime>, ControlError> {
    match (pts_ms, wall) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ControlError::invalid("at", "at and at_pts_ms do not go together")),
        // 34 years: nothing overflows.
        (Some(ms), None) if ms > 1 << 40 => Err(ControlError::invalid(
            "at_pts_ms",
            format!("at_pts_ms = {ms} is not allowed; allowed: up to 2^40 ms"),
        )),
        (Some(ms), None) => Ok(Some(SwitchTime::Program(MediaTime::from_millis(ms)))),
        (None, Some(text)) => match text.parse() {
            Ok(at) => Ok(Some(SwitchTime::Wall(at))),
            Err(_) => Err(ControlError::invalid(
                "at",
                "at is no time of RFC 3339, such as 2026-11-27T12:00:00.500Z",
            )),
        },
    }
}

/// What a switch did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "SwitchResult")]
pub struct SwitchResultJson {
    /// What the program shows now.
    pub source: SourceJson,
    /// From the request, or from its time where it has one, to the first program frame that shows it.
    pub took_ms: u64,
    /// That frame's time on the program; of a fade, its first step.
    pub program_pts_ms: u64,
    /// `cut`, `fade` or `animate`.
    pub transition: &'static str,
}

impl From<&SwitchResult> for SwitchResultJson {
    fn from(result: &SwitchResult) -> Self {
        Self {
            source: SourceJson::from(&result.source),
            took_ms: u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX),
            program_pts_ms: result.program_pts.as_millis(),
            transition: result.transition.name(),
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
    fn a_fade_has_a_length_within_bounds_and_others_are_refused() {
        let with =
            |transition: &str| switch(&format!("{{\"participant\":\"b\",\"transition\":{transition}}}"));
        let fade = |ms| Transition::Fade(Duration::from_millis(ms));
        for (transition, expected) in [
            (r#"{"type":"cut"}"#, Transition::Cut),
            (r#"{"type":"fade"}"#, fade(500)),
            (r#"{"type":"fade","duration_ms":100}"#, fade(100)),
            (r#"{"type":"fade","duration_ms":5000}"#, fade(5000)),
        ] {
            assert_eq!(with(transition).unwrap().transition, expected);
        }
        assert_eq!(switch(r#"{"participant":"b"}"#).unwrap().transition, Transition::Cut);
        for (transition, field) in [
            (r#"{"type":"wipe"}"#, "transition.type"),
            (r#"{"type":"cut","duration_ms":5}"#, "transition.duration_ms"),
            (r#"{"type":"fade","duration_ms":99}"#, "transition.duration_ms"),
            (r#"{"type":"fade","duration_ms":5001}"#, "transition.duration_ms"),
        ] {
            assert_eq!(with(transition).unwrap_err().field(), Some(field), "{transition}");
        }
        let animated = switch(r#"{"source":{"layout":"grid"},"animate_ms":400}"#).unwrap().transition;
        assert_eq!(animated, Transition::Move(Duration::from_millis(400)));
        for text in [
            r#"{"participant":"b","animate_ms":99}"#,
            r#"{"participant":"b","animate_ms":2001}"#,
            r#"{"participant":"b","animate_ms":400,"transition":{"type":"fade"}}"#,
        ] {
            assert_eq!(switch(text).unwrap_err().field(), Some("animate_ms"), "{text}");
        }
        assert_eq!(switch("{}").unwrap_err().field(), Some("source"));
    }

    #[test]
    fn a_time_is_one_of_the_program_or_of_the_clock() {
        let with = |times: &str| switch(&format!("{{\"participant\":\"b\",{times}}}"));
        let program = SwitchTime::Program(MediaTime::from_millis(83_366));
        assert_eq!(with(r#""at_pts_ms":83366"#).unwrap().at, Some(program));
        let wall = SwitchTime::Wall("2026-11-27T11:00:00.25Z".parse().unwrap());
        assert_eq!(with(r#""at":"2026-11-27T12:00:00.25+01:00""#).unwrap().at, Some(wall));
        assert_eq!(switch(r#"{"participant":"b"}"#).unwrap().at, None);
        for (times, field) in [
            (r#""at_pts_ms":1,"at":"2026-11-27T12:00:00Z""#, "at"),
            (r#""at":"tomorrow""#, "at"),
            (r#""at_pts_ms":1099511627777"#, "at_pts_ms"),
        ] {
            assert_eq!(with(times).unwrap_err().field(), Some(field), "{times}");
        }
    }
}
