//! `source`: what the program shows.

use crate::{
    control::{
        cast::{AudioChoice, Source},
        error::ControlError,
    },
    ids::{ParticipantId, StreamName},
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

/// Tiles that a worker composes at most (`ipc::PictureSpec::Grid`).
const MAX_TILES: usize = 16;

/// What the program shows, in answers and as the description of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SourceJson {
    /// One participant, full frame.
    #[schema(title = "participant")]
    Participant {
        /// Whose media.
        participant: String,
        /// Which of their streams; `camera` when absent.
        #[schema(required = false, default = "camera")]
        stream: String,
    },
    /// Several at once. `grid`: equal tiles of `participants`, or of everybody in order of joining when
    /// absent. `speaker`: `focus` large, the others in a strip.
    #[schema(title = "layout")]
    Layout {
        /// `grid` or `speaker`.
        layout: Layout,
        /// With `grid`: who, 1 to 16, in this order.
        #[serde(skip_serializing_if = "Option::is_none")]
        participants: Option<Vec<String>>,
        /// With `speaker`: who is large.
        #[serde(skip_serializing_if = "Option::is_none")]
        focus: Option<String>,
    },
    /// Nobody.
    #[schema(title = "slate")]
    Slate {
        /// `true`.
        slate: bool,
    },
}

/// How several participants share the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    Grid,
    Speaker,
}

impl From<&Source> for SourceJson {
    fn from(source: &Source) -> Self {
        let names = |ids: &Vec<ParticipantId>| ids.iter().map(ToString::to_string).collect();
        match source {
            Source::Participant { participant, stream } => {
                Self::Participant { participant: participant.to_string(), stream: stream.to_string() }
            }
            Source::Grid { participants } => Self::Layout {
                layout: Layout::Grid,
                participants: participants.as_ref().map(names),
                focus: None,
            },
            Source::Speaker { focus } => {
                Self::Layout { layout: Layout::Speaker, participants: None, focus: Some(focus.to_string()) }
            }
            Source::Slate => Self::Slate { slate: true },
        }
    }
}

/// `source` of a request: one flat object, so that a field too many is named by its own name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceBody {
    participant: Option<String>,
    stream: Option<String>,
    layout: Option<String>,
    participants: Option<Vec<String>>,
    focus: Option<String>,
    tiles: Option<serde_json::Value>,
    follow: Option<String>,
    hold_ms: Option<u32>,
    slate: Option<bool>,
}

impl SourceBody {
    /// The domain's source.
    ///
    /// # Errors
    /// `invalid_request` for fields that do not go together, `invalid_id`, `not_implemented`.
    pub fn into_source(self) -> Result<Source, ControlError> {
        let kinds = [
            ("participant", self.participant.is_some()),
            ("layout", self.layout.is_some()),
            ("follow", self.follow.is_some()),
            ("slate", self.slate.is_some()),
        ];
        let named: Vec<_> = kinds.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        let kind = match named[..] {
            [kind] => kind,
            [] => {
                return Err(ControlError::invalid(
                    "source",
                    "source names nothing; allowed: one of participant, layout, slate",
                ));
            }
            _ => {
                return Err(ControlError::invalid(
                    "source",
                    format!("source names {} at once; allowed: one of them", named.join(" and ")),
                ));
            }
        };
        let layout = self.layout.as_deref();
        // What goes with what: field, whether it is there, where it belongs, whether that is here.
        let companions = [
            ("stream", self.stream.is_some(), "participant", kind == "participant"),
            ("participants", self.participants.is_some(), "layout \"grid\"", layout == Some("grid")),
            ("focus", self.focus.is_some(), "layout \"speaker\"", layout == Some("speaker")),
            ("tiles", self.tiles.is_some(), "layout \"custom\"", layout == Some("custom")),
            ("hold_ms", self.hold_ms.is_some(), "follow", kind == "follow"),
        ];
        for (field, there, home, at_home) in companions {
            if there && !at_home {
                return Err(ControlError::invalid(
                    &format!("source.{field}"),
                    format!("source.{field} goes with {home} only"),
                ));
            }
        }
        match kind {
            "participant" => participant(self.participant.unwrap_or_default(), self.stream),
            "layout" => match layout {
                Some("grid") => grid(self.participants),
                Some("speaker") => {
                    let focus = self.focus.ok_or_else(|| {
                        ControlError::invalid("source.focus", "layout \"speaker\" needs source.focus")
                    })?;
                    Ok(Source::Speaker { focus: focus.parse()? })
                }
                Some("custom") => Err(ControlError::NotImplemented("the layout \"custom\"".to_owned())),
                _ => Err(ControlError::invalid(
                    "source.layout",
                    "source.layout has a value that is not allowed; allowed: grid, speaker",
                )),
            },
            "follow" => match self.follow.as_deref() {
                Some("active_speaker") => {
                    Err(ControlError::NotImplemented("following the active speaker".to_owned()))
                }
                _ => Err(ControlError::invalid(
                    "source.follow",
                    "source.follow has a value that is not allowed; allowed: active_speaker",
                )),
            },
            _ => match self.slate {
                Some(true) => Ok(Source::Slate),
                _ => Err(ControlError::invalid("source.slate", "source.slate can be true only")),
            },
        }
    }
}

fn participant(participant: String, stream: Option<String>) -> Result<Source, ControlError> {
    let stream = stream.map(|stream| stream.parse::<StreamName>()).transpose()?.unwrap_or_default();
    Ok(Source::Participant { participant: participant.parse()?, stream })
}

fn grid(participants: Option<Vec<String>>) -> Result<Source, ControlError> {
    let Some(names) = participants else { return Ok(Source::Grid { participants: None }) };
    let field = "source.participants";
    if !(1..=MAX_TILES).contains(&names.len()) {
        let detail = format!("{field} has {} entries; allowed: 1 to {MAX_TILES}", names.len());
        return Err(ControlError::invalid(field, detail));
    }
    let ids = names.iter().map(|name| name.parse()).collect::<Result<Vec<ParticipantId>, _>>()?;
    let mut seen = HashSet::new();
    if let Some(twice) = ids.iter().find(|id| !seen.insert(*id)) {
        return Err(ControlError::invalid(field, format!("{field} names {twice} twice")));
    }
    Ok(Source::Grid { participants: Some(ids) })
}

/// `participant` or `source`, of a start or a switch.
///
/// # Errors
/// `invalid_request` when it is neither or both; see [`SourceBody::into_source`].
pub fn one_source(shorthand: Option<String>, source: Option<SourceBody>) -> Result<Source, ControlError> {
    match (shorthand, source) {
        (Some(name), None) => participant(name, None),
        (None, Some(source)) => source.into_source(),
        (Some(_), Some(_)) => Err(ControlError::invalid(
            "participant",
            "participant is the short form of source; allowed: one of them",
        )),
        (None, None) => Err(ControlError::invalid(
            "source",
            "the field source is missing: name a participant or a source",
        )),
    }
}

/// Who is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AudioJson {
    /// Those who are on the picture.
    Source,
    /// Everybody.
    Mix,
}

impl From<AudioChoice> for AudioJson {
    fn from(audio: AudioChoice) -> Self {
        match audio {
            AudioChoice::Source => Self::Source,
            AudioChoice::Mix => Self::Mix,
        }
    }
}

impl From<AudioJson> for AudioChoice {
    fn from(audio: AudioJson) -> Self {
        match audio {
            AudioJson::Source => Self::Source,
            AudioJson::Mix => Self::Mix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<Source, ControlError> {
        serde_json::from_str::<SourceBody>(text).unwrap().into_source()
    }

    #[test]
    fn every_form_comes_back_as_it_was_sent() {
        for text in [
            r#"{"participant":"alice","stream":"screen"}"#,
            r#"{"layout":"grid","participants":["b","a"]}"#,
            r#"{"layout":"grid"}"#,
            r#"{"layout":"speaker","focus":"alice"}"#,
            r#"{"slate":true}"#,
        ] {
            let back = serde_json::to_string(&SourceJson::from(&source(text).unwrap())).unwrap();
            assert_eq!(back, text);
        }
        let camera = source(r#"{"participant":"alice"}"#).unwrap();
        let Source::Participant { stream, .. } = camera else { panic!("{camera:?}") };
        assert_eq!(stream.as_str(), "camera");
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        for (text, field) in [
            ("{}", "source"),
            (r#"{"participant":"a","slate":true}"#, "source"),
            (r#"{"layout":"grid","stream":"screen"}"#, "source.stream"),
            (r#"{"layout":"speaker","participants":["a"]}"#, "source.participants"),
            (r#"{"layout":"grid","focus":"a"}"#, "source.focus"),
            (r#"{"layout":"speaker"}"#, "source.focus"),
            (r#"{"layout":"grid","tiles":[]}"#, "source.tiles"),
            (r#"{"slate":true,"hold_ms":5}"#, "source.hold_ms"),
            (r#"{"layout":"mosaic"}"#, "source.layout"),
            (r#"{"follow":"loudest"}"#, "source.follow"),
            (r#"{"slate":false}"#, "source.slate"),
            (r#"{"layout":"grid","participants":[]}"#, "source.participants"),
            (r#"{"layout":"grid","participants":["a","a"]}"#, "source.participants"),
        ] {
            let error = source(text).unwrap_err();
            assert_eq!(
                (error.code_and_status().0, error.field()),
                ("invalid_request", Some(field)),
                "{text}"
            );
        }
        let many = format!(
            "{{\"layout\":\"grid\",\"participants\":{:?}}}",
            (0..17).map(|n| n.to_string()).collect::<Vec<_>>()
        );
        assert_eq!(source(&many).unwrap_err().field(), Some("source.participants"));
    }

    #[test]
    fn bad_ids_and_later_kinds_have_their_own_codes() {
        for (text, code) in [
            (r#"{"participant":"a/b"}"#, "invalid_id"),
            (r#"{"participant":"a","stream":"Camera"}"#, "invalid_id"),
            (r#"{"layout":"grid","participants":["a b"]}"#, "invalid_id"),
            (r#"{"layout":"speaker","focus":""}"#, "invalid_id"),
            (r#"{"layout":"custom","tiles":[{"participant":"a"}]}"#, "not_implemented"),
            (r#"{"follow":"active_speaker","hold_ms":1500}"#, "not_implemented"),
        ] {
            assert_eq!(source(text).unwrap_err().code_and_status().0, code, "{text}");
        }
    }
}
