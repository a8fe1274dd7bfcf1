//! Media files: in `source`, in the list of what there is, and what is asked of the one on the program.

use super::source::{SourceBody, SourceJson};
use crate::{
    control::{
        cast::{AfterFile, FileSource, FileView, Source},
        error::ControlError,
    },
    ipc::file::FileAction,
    media_dir::{MediaFile, MediaName},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// A place in a file, at most: a day.
const FURTHEST_MS: u64 = 86_400_000;

/// What the program shows when a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(title = "AfterFile")]
pub enum AfterJson {
    /// What was on before it; where that was a file, what was on before that.
    Previous,
    /// The slate.
    Slate,
    /// The file's last picture.
    Hold,
}

impl From<AfterFile> for AfterJson {
    fn from(then: AfterFile) -> Self {
        match then {
            AfterFile::Previous => Self::Previous,
            AfterFile::Slate => Self::Slate,
            AfterFile::Hold => Self::Hold,
        }
    }
}

impl From<AfterJson> for AfterFile {
    fn from(then: AfterJson) -> Self {
        match then {
            AfterJson::Previous => Self::Previous,
            AfterJson::Slate => Self::Slate,
            AfterJson::Hold => Self::Hold,
        }
    }
}

impl From<&FileSource> for SourceJson {
    fn from(file: &FileSource) -> Self {
        Self::File {
            file: file.name.to_string(),
            repeat: file.repeat,
            from_ms: u64::try_from(file.from.as_millis()).unwrap_or(u64::MAX),
            then: file.then.into(),
        }
    }
}

impl SourceBody {
    /// The file that `file` and its companions name.
    ///
    /// # Errors
    /// `invalid_request`: not a name that a file below the folder can have, a place that no file has, an end for one that has
    /// none.
    pub(super) fn into_file(self) -> Result<Source, ControlError> {
        let name = self.file.unwrap_or_default().parse::<MediaName>();
        let name = name.map_err(|error| ControlError::invalid("source.file", format!("source.{error}")))?;
        let (repeat, from_ms) = (self.repeat.unwrap_or(false), self.from_ms.unwrap_or(0));
        place("source.from_ms", from_ms)?;
        if repeat && self.then.is_some() {
            let detail = "source.then goes with loop = false only: what is looped does not end";
            return Err(ControlError::invalid("source.then", detail));
        }
        Ok(Source::File(FileSource {
            name,
            repeat,
            from: Duration::from_millis(from_ms),
            then: self.then.map(Into::into).unwrap_or_default(),
        }))
    }
}

fn place(field: &str, ms: u64) -> Result<(), ControlError> {
    if ms <= FURTHEST_MS {
        return Ok(());
    }
    let detail = format!("{field} = {ms} is not allowed; allowed: 0 to {FURTHEST_MS} ms");
    Err(ControlError::invalid(field, detail))
}

/// The media files that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Media")]
pub struct MediaJson {
    /// By name.
    pub files: Vec<MediaLine>,
    /// There are more than are listed.
    pub more: bool,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "MediaFile")]
pub struct MediaLine {
    /// What `source.file` is to be.
    #[schema(example = "intro.mp4")]
    pub file: String,
    /// Its size.
    pub bytes: u64,
}

impl MediaJson {
    /// As they were found.
    pub fn new(files: &[MediaFile], more: bool) -> Self {
        let line = |file: &MediaFile| MediaLine { file: file.name.to_string(), bytes: file.bytes };
        Self { files: files.iter().map(line).collect(), more }
    }
}

/// Where the file on the program stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "FileState")]
pub struct FileJson {
    /// From the file's beginning.
    pub position_ms: u64,
    /// Its length; `null` where it is not known (yet).
    pub duration_ms: Option<u64>,
    /// It stands still, and is not heard.
    pub paused: bool,
}

impl From<&FileView> for FileJson {
    fn from(file: &FileView) -> Self {
        let FileView { position_ms, duration_ms, paused } = *file;
        Self { position_ms, duration_ms, paused }
    }
}

/// What the file on the program shall do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "FileControl", example = json!({"action": "seek", "to_ms": 12000}))]
pub struct FileControlBody {
    /// What.
    action: ActionJson,
    /// With `seek`: where, from the file's beginning.
    #[schema(maximum = 86_400_000)]
    to_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(title = "FileAction")]
enum ActionJson {
    /// The picture stays, the sound is silent.
    Pause,
    /// On from there; one that has ended and is held, from its beginning.
    Play,
    /// To `to_ms`. A paused one stands still there.
    Seek,
}

impl FileControlBody {
    /// The domain's action.
    ///
    /// # Errors
    /// `invalid_request` for fields that do not go together.
    pub fn into_action(self) -> Result<FileAction, ControlError> {
        match (self.action, self.to_ms) {
            (ActionJson::Pause, None) => Ok(FileAction::Pause),
            (ActionJson::Play, None) => Ok(FileAction::Play),
            (ActionJson::Seek, Some(to_ms)) => {
                place("to_ms", to_ms)?;
                Ok(FileAction::Seek { to_ms })
            }
            (ActionJson::Seek, None) => Err(ControlError::invalid("to_ms", "action \"seek\" needs to_ms")),
            (_, Some(_)) => Err(ControlError::invalid("to_ms", "to_ms goes with action \"seek\" only")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layouts::LayoutsConfig;

    fn source(text: &str) -> Result<Source, ControlError> {
        serde_json::from_str::<SourceBody>(text).unwrap().into_source(&LayoutsConfig::new())
    }

    #[test]
    fn a_file_comes_back_with_its_defaults() {
        for (text, whole) in [
            (r#"{"file":"intro.mp4"}"#, r#"{"file":"intro.mp4","loop":false,"from_ms":0,"then":"previous"}"#),
            (
                r#"{"file":"a/b c.webm","loop":true,"from_ms":1500}"#,
                r#"{"file":"a/b c.webm","loop":true,"from_ms":1500,"then":"previous"}"#,
            ),
            (
                r#"{"file":"x.ogg","then":"hold"}"#,
                r#"{"file":"x.ogg","loop":false,"from_ms":0,"then":"hold"}"#,
            ),
        ] {
            let back = serde_json::to_string(&SourceJson::from(&source(text).unwrap())).unwrap();
            assert_eq!(back, whole);
        }
    }

    #[test]
    fn what_is_no_file_is_named() {
        for (text, field) in [
            (r#"{"file":"../secret.mp4"}"#, "source.file"),
            (r#"{"file":"/etc/passwd"}"#, "source.file"),
            (r#"{"file":""}"#, "source.file"),
            (r#"{"file":"a.mp4","participant":"a"}"#, "source"),
            (r#"{"file":"a.mp4","slate":true}"#, "source"),
            (r#"{"file":"a.mp4","stream":"camera"}"#, "source.stream"),
            (r#"{"file":"a.mp4","from_ms":86400001}"#, "source.from_ms"),
            (r#"{"file":"a.mp4","loop":true,"then":"slate"}"#, "source.then"),
            (r#"{"slate":true,"loop":true}"#, "source.loop"),
            (r#"{"participant":"a","from_ms":0}"#, "source.from_ms"),
            (r#"{"layout":"grid","then":"slate"}"#, "source.then"),
        ] {
            let error = source(text).unwrap_err();
            assert_eq!((error.code_and_status().1, error.field()), (400, Some(field)), "{text}");
        }
        let action = |text: &str| serde_json::from_str::<FileControlBody>(text).unwrap().into_action();
        assert_eq!(action(r#"{"action":"seek","to_ms":7}"#), Ok(FileAction::Seek { to_ms: 7 }));
        assert_eq!(action(r#"{"action":"pause"}"#), Ok(FileAction::Pause));
        for text in [
            r#"{"action":"seek"}"#,
            r#"{"action":"play","to_ms":1}"#,
            r#"{"action":"seek","to_ms":86400001}"#,
        ] {
            assert_eq!(action(text).unwrap_err().field(), Some("to_ms"), "{text}");
        }
    }
}
