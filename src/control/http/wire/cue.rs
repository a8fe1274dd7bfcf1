//! `Rundown`: a list of cues as it is put, read and stored.

use super::{
    source::{AudioJson, SourceBody, SourceJson, one_source},
    switch::{TransitionBody, change, switch_time},
};
use crate::{
    config::layouts::LayoutsConfig,
    control::{
        cast::{Cue, CueError, CueState, CueTime, CueView, RundownView, SwitchTime, Transition, in_cue},
        error::ControlError,
    },
    ids::CueId,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};
use utoipa::ToSchema;

/// A show of three hours with a cue every two minutes.
const MAX_CUES: usize = 100;
const MAX_NAME_CHARS: usize = 100;
/// Milliseconds: a day. What is later has a time of the clock.
const MAX_AFTER_MS: u64 = 24 * 3600 * 1000;

/// A run-down. It takes the place of the one there was.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "RundownBody", example = json!({"cues": [
    {"name": "Welcome", "participant": "alice", "at": "2026-11-27T12:00:00Z"},
    {"name": "Both", "source": {"layout": "grid"}, "audio": "mix", "after_ms": 8000},
    {"name": "Guest", "participant": "bob", "transition": {"type": "fade"}}]}))]
pub struct RundownBody {
    /// 1 to 100, in their order.
    cues: Vec<CueBody>,
}

/// A cue. Without a time it is taken when somebody says so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "CueBody")]
pub struct CueBody {
    /// Unique in the list; one is made when absent. A cue that stands in the list there is, under its id and unchanged, keeps
    /// what has become of it.
    id: Option<String>,
    /// For people, 1 to 100 characters.
    #[schema(example = "Welcome")]
    name: String,
    /// Short for `"source": {"participant": …}`. Who is named may come later.
    participant: Option<String>,
    /// What the program shall show.
    #[schema(value_type = Option<SourceJson>)]
    source: Option<SourceBody>,
    /// Who is heard; as before when absent.
    audio: Option<AudioJson>,
    /// How the program changes; a cut when absent.
    transition: Option<TransitionBody>,
    /// With a cut from one layout to another: whoever is in both moves to their new place within so long, 100 to 2000 ms.
    animate_ms: Option<u32>,
    /// When, by the program's own time: at the first frame that is not before. Belongs to the cast that is live, or else to
    /// the next one.
    #[schema(example = 83366)]
    at_pts_ms: Option<u64>,
    /// When, by the server's clock, RFC 3339.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-27T12:00:00Z")]
    at: Option<String>,
    /// So long after the cue before it was taken (or failed, or was skipped), up to a day.
    #[schema(maximum = 86400000, example = 8000)]
    after_ms: Option<u64>,
}

impl RundownBody {
    /// The domain's cues.
    ///
    /// # Errors
    /// `invalid_request`, which names the cue's place; `not_implemented`.
    pub fn into_cues(self, layouts: &LayoutsConfig) -> Result<Vec<Cue>, ControlError> {
        let count = self.cues.len();
        if !(1..=MAX_CUES).contains(&count) {
            let detail = format!("cues has {count} of them; allowed: 1 to {MAX_CUES}");
            return Err(ControlError::invalid("cues", detail));
        }
        let mut taken = BTreeSet::new();
        let mut cues = Vec::with_capacity(count);
        for (index, mut body) in self.cues.into_iter().enumerate() {
            // None that an earlier list may have had: under such a one a cue is another one.
            let made = || format!("cue-{}-{:06x}", index + 1, rand::random::<u32>() >> 8);
            let id = body.id.take().unwrap_or_else(made);
            let cue = body.into_cue(&id, layouts).map_err(|error| in_cue(index, error))?;
            if !taken.insert(id) {
                let error = ControlError::invalid("id", "id stands twice in the list");
                return Err(in_cue(index, error));
            }
            if index == 0 && matches!(cue.when, CueTime::After(_)) {
                let error = ControlError::invalid("after_ms", "after_ms needs a cue before this one");
                return Err(in_cue(index, error));
            }
            cues.push(cue);
        }
        Ok(cues)
    }
}

impl CueBody {
    fn into_cue(self, id: &str, layouts: &LayoutsConfig) -> Result<Cue, ControlError> {
        let id = id.parse::<CueId>().map_err(|error| ControlError::invalid("id", error.to_string()))?;
        let length = self.name.chars().count();
        if !(1..=MAX_NAME_CHARS).contains(&length) || self.name.chars().any(char::is_control) {
            let detail = format!(
                "name is not allowed; allowed: 1 to {MAX_NAME_CHARS} characters, no control characters"
            );
            return Err(ControlError::invalid("name", detail));
        }
        let when = match (switch_time(self.at_pts_ms, self.at.as_deref())?, self.after_ms) {
            (None, None) => CueTime::Manual,
            (Some(time), None) => CueTime::At(time),
            (None, Some(ms)) if ms <= MAX_AFTER_MS => CueTime::After(Duration::from_millis(ms)),
            (None, Some(ms)) => {
                let detail = format!("after_ms = {ms} is not allowed; allowed: up to {MAX_AFTER_MS} ms");
                return Err(ControlError::invalid("after_ms", detail));
            }
            (Some(time), Some(_)) => {
                let detail = format!("after_ms and {} do not go together", time.field());
                return Err(ControlError::invalid("after_ms", detail));
            }
        };
        let transition = change(self.transition, self.animate_ms)?;
        Ok(Cue {
            id,
            name: self.name,
            source: one_source(self.participant, self.source, layouts)?,
            audio: self.audio.map(Into::into),
            transition,
            when,
        })
    }
}

/// A run-down, as read at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Rundown")]
pub struct RundownJson {
    /// Whose it is.
    pub conference: String,
    /// The cue that `POST …/cast/cues/next` takes, or that is just being taken.
    #[schema(example = "guest")]
    pub next: Option<String>,
    /// The cue that was taken last, as long as the cast is live. A switch by hand may have followed it.
    #[schema(example = "welcome")]
    pub on: Option<String>,
    /// In their order; empty when there is no run-down.
    pub cues: Vec<CueJson>,
}

/// A cue of a run-down.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Cue")]
pub struct CueJson {
    /// As it was put.
    #[serde(flatten)]
    pub cue: CueAsPut,
    /// `waiting`, `next`, `on` (the last that was taken), `done`, `failed` (it could not be shown when it was its turn) or
    /// `skipped` (its time passed without a cast, or another cue was taken first).
    #[schema(example = "next")]
    pub state: &'static str,
    /// When it is to be taken, by the time of the live program; `null` as long as nobody knows.
    pub planned_pts_ms: Option<u64>,
    /// The first program frame that showed it.
    pub program_pts_ms: Option<u64>,
    /// Why it `failed`.
    pub error: Option<CueErrorJson>,
}

/// A cue as it was put.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CueAsPut {
    /// Unique in the list.
    #[schema(example = "welcome")]
    pub id: String,
    /// For people.
    pub name: String,
    /// What it shows.
    pub source: SourceJson,
    /// Who is heard; absent: as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioJson>,
    /// How the program changes.
    pub transition: TransitionJson,
    /// With a cut: how long tiles take to their new places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub animate_ms: Option<u32>,
    /// When, by the program's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_pts_ms: Option<u64>,
    /// When, by the server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// So long after the cue before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
}

/// How the program changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct TransitionJson {
    /// `cut` or `fade`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Of a fade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
}

/// Why a cue failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CueErrorJson {
    /// As in a problem.
    #[schema(example = "participant_not_found")]
    pub code: String,
    /// For people.
    pub detail: String,
}

impl From<&Cue> for CueAsPut {
    fn from(cue: &Cue) -> Self {
        let (at_pts_ms, at, after_ms) = match cue.when {
            CueTime::Manual => (None, None, None),
            CueTime::At(SwitchTime::Program(pts)) => (Some(pts.as_millis()), None, None),
            CueTime::At(SwitchTime::Wall(at)) => (None, Some(at.to_string()), None),
            CueTime::After(time) => (None, None, u64::try_from(time.as_millis()).ok()),
        };
        let length = cue.transition.length_ms();
        let (kind, duration_ms, animate_ms) = match cue.transition {
            Transition::Cut => ("cut", None, None),
            Transition::Fade(_) => ("fade", Some(length), None),
            Transition::Move(_) => ("cut", None, Some(length)),
        };
        Self {
            id: cue.id.to_string(),
            name: cue.name.clone(),
            source: SourceJson::from(&cue.source),
            audio: cue.audio.map(Into::into),
            transition: TransitionJson { kind, duration_ms },
            animate_ms,
            at_pts_ms,
            at,
            after_ms,
        }
    }
}

impl From<&CueView> for CueJson {
    fn from(view: &CueView) -> Self {
        let error =
            |error: &CueError| CueErrorJson { code: error.code.clone(), detail: error.detail.clone() };
        Self {
            cue: CueAsPut::from(&view.cue),
            state: view.state.name(),
            planned_pts_ms: view.planned_pts.map(|at| at.as_millis()),
            program_pts_ms: view.program_pts.map(|at| at.as_millis()),
            error: view.error.as_ref().map(error),
        }
    }
}

impl From<&RundownView> for RundownJson {
    fn from(view: &RundownView) -> Self {
        let find = |state| {
            let found = view.cues.iter().find(|cue| cue.state == state);
            found.map(|found| found.cue.id.to_string())
        };
        Self {
            conference: view.conference.to_string(),
            next: find(CueState::Next),
            on: find(CueState::On),
            cues: view.cues.iter().map(CueJson::from).collect(),
        }
    }
}

/// Reads a cue that [`CueAsPut`] wrote.
///
/// # Errors
/// It is not one, or names a layout that the configuration does not have any more.
pub fn read_stored(cue: serde_json::Value, layouts: &LayoutsConfig) -> Result<Cue, ControlError> {
    let mut body: CueBody =
        serde_json::from_value(cue).map_err(|error| ControlError::invalid("cue", error.to_string()))?;
    let id = body.id.take().unwrap_or_default();
    body.into_cue(&id, layouts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cues(text: &str) -> Result<Vec<Cue>, ControlError> {
        let body: RundownBody = serde_json::from_str(text).unwrap();
        body.into_cues(&LayoutsConfig::new())
    }

    #[test]
    fn what_is_stored_is_read_as_it_was_put() {
        let list = cues(
            r#"{"cues": [
                {"name": "One", "participant": "alice", "at_pts_ms": 1500},
                {"id": "x", "name": "Zwei ♥", "source": {"layout": "speaker", "focus": "bob"}, "audio": "mix",
                 "transition": {"type": "fade", "duration_ms": 300}, "after_ms": 310},
                {"name": "3", "source": {"slate": true}, "at": "2026-11-27T12:00:00.25+01:00"},
                {"id": "cue-2", "name": "4", "source": {"layout": "custom", "tiles":
                    [{"participant": "a", "x": 0, "y": 0, "width": 0.5, "height": 1}]}, "transition": {"type": "cut"}, "animate_ms": 400}]}"#,
        )
        .unwrap();
        assert_eq!((list[1].id.as_str(), list[3].id.as_str()), ("x", "cue-2"));
        assert!(list[0].id.as_str().starts_with("cue-1-"), "{}", list[0].id);
        for cue in &list {
            let stored = serde_json::to_value(CueAsPut::from(cue)).unwrap();
            assert_eq!(read_stored(stored, &LayoutsConfig::new()).as_ref(), Ok(cue));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let long = "x".repeat(101);
        let many: Vec<_> = (0..101).map(|_| r#"{"name":"n","source":{"slate":true}}"#).collect();
        let at = |wrong: &str| format!(r#"{{"cues":[{{"name":"n","source":{{"slate":true}}}},{wrong}]}}"#);
        for (text, field) in [
            (r#"{"cues":[]}"#.to_owned(), "cues"),
            (format!("{{\"cues\":[{}]}}", many.join(",")), "cues"),
            (r#"{"cues":[{"name":"n","participant":"a","after_ms":5}]}"#.to_owned(), "cues[0].after_ms"),
            (at(r#"{"name":"n"}"#), "cues[1].source"),
            (at(r#"{"name":"","participant":"a"}"#), "cues[1].name"),
            (at(&format!(r#"{{"name":"{long}","participant":"a"}}"#)), "cues[1].name"),
            (at(r#"{"id":"a b","name":"n","participant":"a"}"#), "cues[1].id"),
            (at(r#"{"name":"n","participant":"a b"}"#), "cues[1]"),
            (at(r#"{"name":"n","source":{"layout":"pip","focus":"a"}}"#), "cues[1].source.inset"),
            (at(r#"{"name":"n","source":{"participant":"a","slate":true}}"#), "cues[1].source"),
            (at(r#"{"name":"n","participant":"a","at":"tomorrow"}"#), "cues[1].at"),
            (at(r#"{"name":"n","participant":"a","at_pts_ms":5,"after_ms":5}"#), "cues[1].after_ms"),
            (at(r#"{"name":"n","participant":"a","after_ms":86400001}"#), "cues[1].after_ms"),
            (at(r#"{"name":"n","participant":"a","transition":{"type":"wipe"}}"#), "cues[1].transition.type"),
            (
                at(
                    r#"{"id":"cue-1","name":"n","participant":"a"},{"id":"cue-1","name":"n","participant":"a"}"#,
                ),
                "cues[2].id",
            ),
        ] {
            let error = cues(&text).unwrap_err();
            assert_eq!((error.code_and_status().1, error.field()), (400, Some(field)), "{text}: {error}");
            assert!(error.to_string().starts_with(field.split('.').next().unwrap()), "{error}");
        }
    }
}
