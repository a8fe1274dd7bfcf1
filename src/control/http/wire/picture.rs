//! Pictures, as they are read.

use crate::control::overlay::PictureView;
use serde::Serialize;
use utoipa::ToSchema;

/// A picture that overlays may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Picture")]
pub struct PictureJson {
    /// Its name in the conference.
    pub name: String,
    /// `image/png`, `image/jpeg` or `image/svg+xml`.
    pub content_type: &'static str,
    /// The file's length.
    pub bytes: usize,
    /// Pixels; null of the server's own.
    pub width: Option<u32>,
    /// Pixels; null of the server's own.
    pub height: Option<u32>,
    /// One of the server's configuration, which all conferences may name; it cannot be replaced or deleted.
    pub server: bool,
}

/// The pictures of a conference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Pictures")]
pub struct PicturesJson {
    /// By name.
    pub pictures: Vec<PictureJson>,
}

impl From<&[PictureView]> for PicturesJson {
    fn from(views: &[PictureView]) -> Self {
        Self { pictures: views.iter().map(PictureJson::from).collect() }
    }
}

impl From<&PictureView> for PictureJson {
    fn from(view: &PictureView) -> Self {
        Self {
            name: view.name.to_string(),
            content_type: view.kind.content_type(),
            bytes: view.bytes,
            width: view.size.map(|(width, _)| width),
            height: view.size.map(|(_, height)| height),
            server: view.server,
        }
    }
}
