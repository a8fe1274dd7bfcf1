//! `source`: what the program shows.

use super::media::AfterJson;
use crate::{
    config::layouts::{CornerName, FitName, LayoutsConfig, TileNumbers},
    control::{
        cast::{AudioChoice, Focus, Source},
        error::ControlError,
    },
    ids::{ParticipantId, StreamName},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// The one thing that can be followed.
const ACTIVE_SPEAKER: &str = "active_speaker";
/// Shorter, and a picture is gone before one has seen who it is.
const HOLD_MS: u32 = 1500;
const MAX_HOLD_MS: u32 = 30_000;

/// What the program shows, in answers and as the description of requests.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
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
    /// Several at once, or several streams of one:
    /// - `grid`: equal tiles of `participants`, or of everybody in order of joining when absent;
    /// - `speaker`: `focus` large, the others in a strip below, in order of joining, 16 altogether;
    /// - `pip`: `focus` fills the frame, `inset` stands above it in a corner;
    /// - `side_by_side`: two `participants` have a half each, or the first two who joined;
    /// - `screen`: the `screen` stream of `participant` with their camera in a corner; as long as there is no such stream, the
    ///   camera alone;
    /// - `custom`: `tiles` anywhere;
    /// - the name of a layout of the server's configuration (`GET /v1/layouts`), whose places `participants` fill, or everybody
    ///   in order of joining.
    ///
    /// Who is not there, or sends no picture, is shown by name on a coloured field. With `speaker`, `pip`, `side_by_side` and
    /// `custom` also who has not joined yet may be named.
    #[schema(title = "layout")]
    Layout {
        /// `grid`, `speaker`, `pip`, `side_by_side`, `screen`, `custom`, or a name from the configuration.
        #[schema(example = "grid")]
        layout: String,
        /// With `grid`: who, 1 to 16, in this order. With `side_by_side`: left and right. With `custom` and a layout of the
        /// configuration: who fills the tiles without a participant of their own.
        #[serde(skip_serializing_if = "Option::is_none")]
        participants: Option<Vec<String>>,
        /// With `speaker` and `pip`: who is large. With `speaker`, `follow` may stand in its place.
        #[serde(skip_serializing_if = "Option::is_none")]
        focus: Option<String>,
        /// With `speaker`, instead of `focus`: `active_speaker`, whoever speaks is large.
        #[serde(skip_serializing_if = "Option::is_none")]
        follow: Option<String>,
        /// With `follow`: whoever came on stays large for so long at least, 0 to 30000; 1500 when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        hold_ms: Option<u64>,
        /// With `pip`: who is small.
        #[serde(skip_serializing_if = "Option::is_none")]
        inset: Option<String>,
        /// With `pip`: where the small one stands; `bottom_right` when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        corner: Option<CornerName>,
        /// With `pip`: the small one's part of the frame's width and height, 0.1 to 0.5; 0.25 when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(minimum = 0.1, maximum = 0.5)]
        size: Option<f64>,
        /// With `side_by_side`: `cover` (when absent) fills the halves and cuts the pictures at their sides, `contain` shows all
        /// of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        fit: Option<FitName>,
        /// With `screen`: whose.
        #[serde(skip_serializing_if = "Option::is_none")]
        participant: Option<String>,
        /// With `custom`: 1 to 25.
        #[serde(skip_serializing_if = "Option::is_none")]
        tiles: Option<Vec<TileNumbers>>,
    },
    /// Whoever speaks, full frame: by the levels that senders tell (`ssrc-audio-level`), else by those of their sound. Nobody who
    /// is muted or sends no picture comes on; everybody is heard, also with `audio: "source"`.
    #[schema(title = "follow")]
    Follow {
        /// `active_speaker`.
        #[schema(example = "active_speaker")]
        follow: String,
        /// Whoever came on stays for so long at least, 0 to 30000; 1500 when absent.
        #[schema(required = false, default = 1500, maximum = 30000)]
        hold_ms: u64,
    },
    /// A media file of the server's folder (`GET /v1/media`), full frame, with its sound. Its first picture is on the frame of
    /// the switch; `POST …/cast/file` pauses it and moves in it.
    #[schema(title = "file")]
    File {
        /// Which.
        #[schema(example = "intro.mp4")]
        file: String,
        /// Again and again, without a seam.
        #[serde(rename = "loop")]
        #[schema(required = false, default = false)]
        repeat: bool,
        /// Where it begins the first time, milliseconds.
        #[schema(required = false, default = 0, maximum = 86_400_000)]
        from_ms: u64,
        /// What comes, by a cut, at the frame after its last one.
        #[schema(required = false)]
        then: AfterJson,
    },
    /// Nobody.
    #[schema(title = "slate")]
    Slate {
        /// `true`.
        slate: bool,
    },
}

impl From<&Source> for SourceJson {
    fn from(source: &Source) -> Self {
        let names = |ids: &Vec<ParticipantId>| ids.iter().map(ToString::to_string).collect();
        match source {
            Source::Participant { participant, stream } => {
                Self::Participant { participant: participant.to_string(), stream: stream.to_string() }
            }
            Source::Grid { participants: who } => {
                let mut json = Self::layout("grid");
                if let Self::Layout { participants, .. } = &mut json {
                    *participants = who.as_ref().map(names);
                }
                json
            }
            Source::Follow { hold } => {
                Self::Follow { follow: ACTIVE_SPEAKER.to_owned(), hold_ms: hold.as_millis() as u64 }
            }
            Source::Speaker { focus: who } => {
                let mut json = Self::layout("speaker");
                if let Self::Layout { focus, follow, hold_ms, .. } = &mut json {
                    match who {
                        Focus::Participant(who) => *focus = Some(who.to_string()),
                        Focus::ActiveSpeaker { hold } => {
                            *follow = Some(ACTIVE_SPEAKER.to_owned());
                            *hold_ms = Some(hold.as_millis() as u64);
                        }
                    }
                }
                json
            }
            Source::Screen { participant: who } => {
                let mut json = Self::layout("screen");
                if let Self::Layout { participant, .. } = &mut json {
                    *participant = Some(who.to_string());
                }
                json
            }
            Source::Arranged { name, arrangement, participants } => {
                Self::arranged(name.as_ref(), arrangement, participants.as_deref())
            }
            Source::File(file) => Self::from(file),
            Source::Slate => Self::Slate { slate: true },
        }
    }
}

/// `source` of a request: one flat object, so that a field too many is named by its own name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceBody {
    pub(super) participant: Option<String>,
    stream: Option<String>,
    layout: Option<String>,
    pub(super) participants: Option<Vec<String>>,
    pub(super) focus: Option<String>,
    pub(super) inset: Option<String>,
    pub(super) corner: Option<CornerName>,
    pub(super) size: Option<f64>,
    pub(super) fit: Option<FitName>,
    pub(super) tiles: Option<Vec<TileNumbers>>,
    pub(super) follow: Option<String>,
    pub(super) hold_ms: Option<u32>,
    pub(super) file: Option<String>,
    #[serde(rename = "loop")]
    pub(super) repeat: Option<bool>,
    pub(super) from_ms: Option<u64>,
    pub(super) then: Option<AfterJson>,
    slate: Option<bool>,
}

impl SourceBody {
    /// The domain's source.
    ///
    /// # Errors
    /// `invalid_request` for fields that do not go together, `invalid_id`.
    pub fn into_source(mut self, layouts: &LayoutsConfig) -> Result<Source, ControlError> {
        let kinds = [
            // One layout is of a participant.
            ("participant", self.participant.is_some() && self.layout.as_deref() != Some("screen")),
            ("layout", self.layout.is_some()),
            ("file", self.file.is_some()),
            // One layout may follow somebody.
            ("follow", self.follow.is_some() && self.layout.as_deref() != Some("speaker")),
            ("slate", self.slate.is_some()),
        ];
        let named: Vec<_> = kinds.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        let kind = match named[..] {
            [kind] => kind,
            [] => {
                return Err(ControlError::invalid(
                    "source",
                    "source names nothing; allowed: one of participant, layout, file, slate",
                ));
            }
            _ => {
                return Err(ControlError::invalid(
                    "source",
                    format!("source names {} at once; allowed: one of them", named.join(" and ")),
                ));
            }
        };
        let (layout, is_layout) = (self.layout.take(), kind == "layout");
        // What goes with what: field, whether it is there, where it belongs, whether that is here.
        let companions = [
            ("stream", self.stream.is_some(), "participant", kind == "participant"),
            ("participants", self.participants.is_some(), "a layout", is_layout),
            ("focus", self.focus.is_some(), "layout \"speaker\", \"pip\"", is_layout),
            ("inset", self.inset.is_some(), "layout \"pip\"", is_layout),
            ("corner", self.corner.is_some(), "layout \"pip\"", is_layout),
            ("size", self.size.is_some(), "layout \"pip\"", is_layout),
            ("fit", self.fit.is_some(), "layout \"side_by_side\"", is_layout),
            ("tiles", self.tiles.is_some(), "layout \"custom\"", is_layout),
            ("loop", self.repeat.is_some(), "file", kind == "file"),
            ("from_ms", self.from_ms.is_some(), "file", kind == "file"),
            ("then", self.then.is_some(), "file", kind == "file"),
            ("hold_ms", self.hold_ms.is_some(), "follow", self.follow.is_some()),
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
            "file" => self.into_file(),
            "layout" => self.into_layout(&layout.unwrap_or_default(), layouts),
            "follow" => Ok(Source::Follow { hold: self.hold()? }),
            _ => match self.slate {
                Some(true) => Ok(Source::Slate),
                _ => Err(ControlError::invalid("source.slate", "source.slate can be true only")),
            },
        }
    }
}

impl SourceBody {
    /// How long one stays on who came on by speaking.
    ///
    /// # Errors
    /// `invalid_request` when nobody is followed that can be, or for too long.
    pub(super) fn hold(&self) -> Result<Duration, ControlError> {
        if self.follow.as_deref() != Some(ACTIVE_SPEAKER) {
            let detail = format!("source.follow has a value that is not allowed; allowed: {ACTIVE_SPEAKER}");
            return Err(ControlError::invalid("source.follow", detail));
        }
        let hold_ms = self.hold_ms.unwrap_or(HOLD_MS);
        if hold_ms > MAX_HOLD_MS {
            let detail = format!("source.hold_ms is {hold_ms}; allowed: 0 to {MAX_HOLD_MS}");
            return Err(ControlError::invalid("source.hold_ms", detail));
        }
        Ok(Duration::from_millis(hold_ms.into()))
    }
}

fn participant(participant: String, stream: Option<String>) -> Result<Source, ControlError> {
    let stream = stream.map(|stream| stream.parse::<StreamName>()).transpose()?.unwrap_or_default();
    Ok(Source::Participant { participant: participant.parse()?, stream })
}

/// `participant` or `source`, of a start or a switch.
///
/// # Errors
/// `invalid_request` when it is neither or both; see [`SourceBody::into_source`].
pub fn one_source(
    shorthand: Option<String>,
    source: Option<SourceBody>,
    layouts: &LayoutsConfig,
) -> Result<Source, ControlError> {
    match (shorthand, source) {
        (Some(name), None) => participant(name, None),
        (None, Some(source)) => source.into_source(layouts),
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
        serde_json::from_str::<SourceBody>(text).unwrap().into_source(&layouts())
    }

    fn layouts() -> LayoutsConfig {
        serde_json::from_value(serde_json::json!({
            "corner": {"layout": "pip", "corner": "top_left", "size": 0.3},
            "stage": {"layout": "custom", "tiles": [
                {"x": 0, "y": 0, "width": 0.5, "height": 1}, {"participant": "host", "x": 0.5, "y": 0, "width": 0.5, "height": 1},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn every_form_comes_back_as_it_was_sent() {
        for text in [
            r#"{"participant":"alice","stream":"screen"}"#,
            r#"{"layout":"grid","participants":["b","a"]}"#,
            r#"{"layout":"grid"}"#,
            r#"{"layout":"speaker","focus":"alice"}"#,
            r#"{"layout":"speaker","follow":"active_speaker","hold_ms":0}"#,
            r#"{"follow":"active_speaker","hold_ms":2000}"#,
            r#"{"layout":"pip","focus":"alice","inset":"bob","corner":"top_left","size":0.3}"#,
            r#"{"layout":"side_by_side","participants":["b","a"],"fit":"contain"}"#,
            r#"{"layout":"screen","participant":"alice"}"#,
            r#"{"layout":"custom","participants":["a"],"tiles":[{"x":0.0,"y":0.1,"width":0.333,"height":0.5,"z":-3,"fit":"cover"}]}"#,
            r##"{"layout":"custom","tiles":[{"participant":"a","stream":"screen","x":0.0,"y":0.0,"width":1.0,"height":1.0,"z":0,"fit":"contain","border":{"width":0.01,"color":"#00ff7f"},"radius":0.1}]}"##,
            r#"{"layout":"custom","tiles":[{"slot":3,"x":0.0,"y":0.0,"width":1.0,"height":1.0,"z":0,"fit":"contain"}]}"#,
            r#"{"layout":"corner","participants":["b","a"]}"#,
            r#"{"layout":"stage"}"#,
            r#"{"slate":true}"#,
        ] {
            let back = serde_json::to_string(&SourceJson::from(&source(text).unwrap())).unwrap();
            assert_eq!(back, text);
        }
        let camera = source(r#"{"participant":"alice"}"#).unwrap();
        let Source::Participant { stream, .. } = camera else { panic!("{camera:?}") };
        assert_eq!(stream.as_str(), "camera");
        let follow = source(r#"{"follow":"active_speaker"}"#).unwrap();
        assert_eq!(follow.follows(), Some(Duration::from_millis(1500)));
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
            (r#"{"slate":true,"inset":"a"}"#, "source.inset"),
            (r#"{"layout":"pip","focus":"a"}"#, "source.inset"),
            (r#"{"layout":"pip","inset":"a"}"#, "source.focus"),
            (r#"{"layout":"pip","focus":"a","inset":"b","size":0.6}"#, "source.size"),
            (r#"{"layout":"pip","focus":"a","inset":"b","fit":"cover"}"#, "source.fit"),
            (r#"{"layout":"side_by_side","participants":["a","b","c"]}"#, "source.participants"),
            (r#"{"layout":"screen"}"#, "source.participant"),
            (r#"{"layout":"screen","participant":"a","stream":"screen"}"#, "source.stream"),
            (r#"{"layout":"custom"}"#, "source.tiles"),
            (r#"{"layout":"custom","tiles":[]}"#, "source.tiles"),
            (
                r#"{"layout":"custom","tiles":[{"x":0.6,"y":0,"width":0.5,"height":1}]}"#,
                "source.tiles[0].width",
            ),
            (r#"{"layout":"custom","tiles":[{"x":-0.1,"y":0,"width":0.5,"height":1}]}"#, "source.tiles[0].x"),
            (
                r#"{"layout":"custom","tiles":[{"x":0,"y":0,"width":0.5,"height":0.01}]}"#,
                "source.tiles[0].height",
            ),
            (
                r#"{"layout":"custom","tiles":[{"x":0,"y":0,"width":1,"height":1,"z":101}]}"#,
                "source.tiles[0].z",
            ),
            (
                r#"{"layout":"custom","tiles":[{"x":0,"y":0,"width":1,"height":1,"slot":25}]}"#,
                "source.tiles[0].slot",
            ),
            (
                r#"{"layout":"custom","tiles":[{"x":0,"y":0,"width":1,"height":1,"radius":1}]}"#,
                "source.tiles[0].radius",
            ),
            (
                r#"{"layout":"custom","tiles":[{"x":0,"y":0,"width":1,"height":1,"border":{"width":0.01,"color":"red"}}]}"#,
                "source.tiles[0].border.color",
            ),
            (
                r#"{"layout":"custom","tiles":[{"participant":"a","slot":0,"x":0,"y":0,"width":1,"height":1}]}"#,
                "source.tiles[0].slot",
            ),
            (
                r#"{"layout":"custom","participants":["b"],"tiles":[{"participant":"a","x":0,"y":0,"width":1,"height":1}]}"#,
                "source.participants",
            ),
            (r#"{"layout":"stage","participants":["a","b"]}"#, "source.participants"),
            (r#"{"layout":"stage","tiles":[]}"#, "source.tiles"),
            (r#"{"layout":"corner","focus":"a"}"#, "source.focus"),
            (r#"{"follow":"loudest"}"#, "source.follow"),
            (r#"{"follow":"active_speaker","hold_ms":30001}"#, "source.hold_ms"),
            (r#"{"follow":"active_speaker","participant":"a"}"#, "source"),
            (r#"{"layout":"grid","follow":"active_speaker"}"#, "source"),
            (r#"{"layout":"speaker","follow":"loudest"}"#, "source.follow"),
            (r#"{"layout":"speaker","focus":"a","follow":"active_speaker"}"#, "source.follow"),
            (r#"{"layout":"speaker","focus":"a","hold_ms":5}"#, "source.hold_ms"),
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
    fn bad_ids_have_their_own_code() {
        for (text, code) in [
            (r#"{"participant":"a/b"}"#, "invalid_id"),
            (r#"{"participant":"a","stream":"Camera"}"#, "invalid_id"),
            (r#"{"layout":"grid","participants":["a b"]}"#, "invalid_id"),
            (r#"{"layout":"speaker","focus":""}"#, "invalid_id"),
        ] {
            assert_eq!(source(text).unwrap_err().code_and_status().0, code, "{text}");
        }
    }
}
