//! The slate of an overlay, where it is not the card: a picture or a clip.

use crate::{
    config::layouts::FitName,
    control::{error::ControlError, overlay::NamedSlate},
    ipc::overlay::{StandIn, StandInMedia},
    media_dir::MediaName,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A slate that is not the card: a picture or a media file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "Slate", example = json!({"picture": "pause", "fit": "cover"}))]
pub struct SlateJson {
    /// The name of one of the conference's pictures, or of the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// A media file of the server's folder (`GET /v1/media`). It is shown without its sound and again and again, from its
    /// beginning whenever the slate comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "break.mp4")]
    pub file: Option<String>,
    /// `cover` (when absent) fills the frame and cuts what does not fit; `contain` shows all of it, with the background beside
    /// it.
    #[serde(default = "cover")]
    pub fit: FitName,
}

const fn cover() -> FitName {
    FitName::Cover
}

impl SlateJson {
    pub(super) fn into_slate(self) -> Result<NamedSlate, ControlError> {
        let shows = match (self.picture, self.file) {
            (Some(picture), None) => StandInMedia::Picture(picture.parse()?),
            (None, Some(file)) => {
                let name = file.parse::<MediaName>();
                let name =
                    name.map_err(|error| ControlError::invalid("slate.file", format!("slate.{error}")))?;
                StandInMedia::Clip(name)
            }
            (Some(_), Some(_)) | (None, None) => {
                let detail = "slate is one of {\"picture\": …} and {\"file\": …}; null is the card";
                return Err(ControlError::invalid("slate", detail));
            }
        };
        Ok(StandIn { shows, fit: self.fit.into() })
    }
}

impl From<&NamedSlate> for SlateJson {
    fn from(slate: &NamedSlate) -> Self {
        Self {
            picture: slate.picture().map(ToString::to_string),
            file: slate.clip().map(ToString::to_string),
            fit: slate.fit.into(),
        }
    }
}
