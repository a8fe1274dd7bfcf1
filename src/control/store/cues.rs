//! The run-down in a conference's record. This is a stored form: fields are only ever added, with a default.

use crate::{
    config::layouts::LayoutsConfig,
    control::{
        cast::{CueError, CueState, CueView},
        conference::rundown::{Rundown, StoredState},
        http::wire::cue::{CueAsPut, CueErrorJson, read_stored},
    },
    units::MediaTime,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A run-down and what had become of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RundownRecord {
    /// A cast was live: times of the program were its.
    #[serde(default)]
    pub begun: bool,
    /// In their order.
    #[serde(default)]
    pub cues: Vec<CueRecord>,
}

/// A cue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CueRecord {
    /// As the API takes it.
    pub cue: Value,
    /// As the API calls it.
    pub state: String,
    #[serde(default)]
    pub program_pts_ms: Option<u64>,
    #[serde(default)]
    pub error: Option<CueErrorJson>,
}

impl RundownRecord {
    /// The record of a run-down.
    pub fn new(begun: bool, cues: &[CueView]) -> Self {
        let record = |view: &CueView| CueRecord {
            // Texts and numbers: writing them cannot fail.
            cue: serde_json::to_value(CueAsPut::from(&view.cue)).unwrap_or_default(),
            state: view.state.name().to_owned(),
            program_pts_ms: view.program_pts.map(MediaTime::as_millis),
            error: view
                .error
                .as_ref()
                .map(|CueError { code, detail }| CueErrorJson { code: code.clone(), detail: detail.clone() }),
        };
        Self { begun, cues: cues.iter().map(record).collect() }
    }

    /// The run-down it holds. A cue that cannot be read, for the configuration has lost its layout, is left out.
    pub fn rundown(self, layouts: &LayoutsConfig) -> Rundown {
        let read = |record: CueRecord| match read_stored(record.cue, layouts) {
            Ok(cue) => Some(StoredState {
                cue,
                state: state(&record.state),
                program_pts: record.program_pts_ms.map(MediaTime::from_millis),
                error: record.error.map(|CueErrorJson { code, detail }| CueError { code, detail }),
            }),
            Err(error) => {
                tracing::warn!(%error, "a stored cue is left out");
                None
            }
        };
        Rundown::restored(self.begun, self.cues.into_iter().filter_map(read).collect::<Vec<_>>())
    }
}

/// A state of a newer server's is none in which a cue is taken.
fn state(name: &str) -> CueState {
    let all = [
        CueState::Waiting,
        CueState::Next,
        CueState::On,
        CueState::Done,
        CueState::Failed,
        CueState::Skipped,
    ];
    all.into_iter().find(|state| state.name() == name).unwrap_or(CueState::Skipped)
}
