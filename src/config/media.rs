//! `[media]`: files that a program can show.

use super::check::Faults;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// `[media]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// The folder of the files, and nothing outside of it; empty = there are none.
    pub dir: String,
}

impl MediaConfig {
    pub(super) fn check(&self, faults: &mut Faults) {
        if !self.dir.is_empty() && !Path::new(&self.dir).is_dir() {
            faults.add(
                "media.dir",
                &format!("= {:?} is no folder", self.dir),
                "\"\" or a folder that is there",
            );
        }
    }
}
