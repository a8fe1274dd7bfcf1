//! The pictures in a conference's record. This is a stored form: fields are only ever added, with a default. Their files
//! are kept beside the record, named by their content.

use super::{ConferenceRecord, Store};
use crate::{
    config::LimitsConfig,
    control::overlay::KeptPicture,
    ids::PictureName,
    ipc::overlay::{PictureFile, PictureKind},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A picture; its file is [`Store::picture`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureRecord {
    /// As the API calls it.
    pub name: String,
    /// As MIME has it.
    pub content_type: String,
    /// The file's length.
    pub bytes: usize,
    /// Pixels, as it was decoded when it was put.
    pub width: u32,
    pub height: u32,
    /// Of the file, in hexadecimal.
    pub sha256: String,
}

impl PictureRecord {
    /// The record of a picture whose file the store calls `sha256`.
    pub fn new(picture: &KeptPicture, sha256: String) -> Self {
        let KeptPicture { name, file, size: (width, height) } = picture;
        let (bytes, content_type) = (file.data.len(), file.kind.content_type().to_owned());
        Self { name: name.to_string(), content_type, bytes, width: *width, height: *height, sha256 }
    }

    /// Whether `data` is what was stored; otherwise what is wrong with it.
    pub(super) fn check(&self, data: &[u8]) -> Result<(), String> {
        if data.len() != self.bytes {
            return Err(format!("it has {} bytes, and had {}", data.len(), self.bytes));
        }
        if digest(data) == self.sha256 {
            Ok(())
        } else {
            Err("its bytes are not those that were put".to_owned())
        }
    }
}

/// What a file is called.
pub(super) fn digest(data: &[u8]) -> String {
    Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A name that [`digest`] may give: nothing else becomes part of a path.
pub(super) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The pictures that a record names. What is broken, or beyond `limits` by now, is left out with a warning that names
/// it: it stays on the disk until the conference's pictures change.
pub async fn load_pictures(
    store: &dyn Store,
    record: &ConferenceRecord,
    limits: &LimitsConfig,
) -> Vec<KeptPicture> {
    let mut loaded = BTreeMap::new();
    for picture in &record.pictures {
        let read = match loaded.len() < limits.max_pictures {
            true => load(store, record, picture, limits.max_picture_bytes).await,
            false => Err(format!("there are more than {} (limits.max_pictures)", limits.max_pictures)),
        };
        match read {
            Ok(picture) => drop(loaded.insert(picture.name.clone(), picture)),
            Err(error) => {
                let (conference, picture) = (&record.id, &picture.name);
                tracing::warn!(%conference, picture, error, "a stored picture is left out");
            }
        }
    }
    loaded.into_values().collect()
}

async fn load(
    store: &dyn Store,
    record: &ConferenceRecord,
    picture: &PictureRecord,
    max: usize,
) -> Result<KeptPicture, String> {
    let name: PictureName = picture.name.parse().map_err(|_| "its name is none".to_owned())?;
    let kind = PictureKind::of_content_type(&picture.content_type);
    let kind = kind.ok_or_else(|| format!("this server knows no {:?}", picture.content_type))?;
    // Before anything of it is read.
    if picture.bytes > max {
        return Err(format!("it has {} bytes, more than {max} (limits.max_picture_bytes)", picture.bytes));
    }
    let data = store.picture(record.id.clone(), picture.clone()).await.map_err(|error| error.to_string())?;
    Ok(KeptPicture { name, file: PictureFile { kind, data }, size: (picture.width, picture.height) })
}
