//! `[pictures]`: pictures that every conference's overlay may name.

use super::LimitsConfig;
use crate::{
    control::overlay::ServerPictures,
    ids::PictureName,
    ipc::overlay::{PictureFile, PictureKind},
};
use std::{collections::BTreeMap, fs, io, path::Path};

/// Pictures of the server's own.
pub const MAX_PICTURES: usize = 100;

/// `[pictures]`: files by name.
pub type PicturesConfig = BTreeMap<String, String>;

/// What is wrong with a picture of the configuration.
#[derive(Debug, thiserror::Error)]
enum BadPicture {
    #[error("is no name; allowed: 1 to 32 characters of a-z 0-9 _ -")]
    Name,
    #[error("= {0:?} is no picture; allowed: a file .png, .jpg, .jpeg or .svg")]
    Kind(String),
    #[error("= {path:?} cannot be read ({source})")]
    Read {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("= {path:?} has {bytes} bytes; allowed: up to {max} (limits.max_picture_bytes)")]
    Size { path: String, bytes: u64, max: usize },
}

/// Everything that is wrong, one sentence each.
pub fn faults(pictures: &PicturesConfig, limits: &LimitsConfig) -> Vec<String> {
    let bad = pictures.iter().filter_map(|(name, path)| {
        let fault = read(name, path, limits.max_picture_bytes).err()?;
        Some(format!("pictures.{name} {fault}"))
    });
    let many = pictures.len() > MAX_PICTURES;
    let many = many.then(|| format!("pictures has {} entries; allowed: {MAX_PICTURES}", pictures.len()));
    bad.chain(many).collect()
}

/// The pictures' files. One that cannot be read any more since the configuration was checked is left out, with a warning.
pub fn load(pictures: &PicturesConfig, limits: &LimitsConfig) -> ServerPictures {
    let mut loaded = ServerPictures::new();
    for (name, path) in pictures {
        match read(name, path, limits.max_picture_bytes) {
            Ok((name, file)) => drop(loaded.insert(name, file)),
            Err(error) => {
                tracing::warn!(picture = name, error = &error as &dyn std::error::Error, "picture left out");
            }
        }
    }
    loaded
}

fn read(name: &str, path: &str, max: usize) -> Result<(PictureName, PictureFile), BadPicture> {
    let name: PictureName = name.parse().map_err(|_| BadPicture::Name)?;
    let extension = Path::new(path).extension().and_then(|text| text.to_str()).unwrap_or_default();
    let kind = match extension.to_ascii_lowercase().as_str() {
        "png" => PictureKind::Png,
        "jpg" | "jpeg" => PictureKind::Jpeg,
        "svg" => PictureKind::Svg,
        _ => return Err(BadPicture::Kind(path.to_owned())),
    };
    let failed = |source| BadPicture::Read { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(failed)?.len();
    if bytes > max as u64 {
        return Err(BadPicture::Size { path: path.to_owned(), bytes, max });
    }
    let data = fs::read(path).map_err(failed)?;
    Ok((name, PictureFile { kind, data: data.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_read_by_their_names_and_faults_name_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("a.PNG"), [1, 2, 3]).unwrap();
        fs::write(path("large.svg"), [0; 2000]).unwrap();
        fs::write(path("b.gif"), [1]).unwrap();
        let limits = LimitsConfig { max_picture_bytes: 1024, ..LimitsConfig::default() };
        let good: PicturesConfig = [("logo".to_owned(), path("a.PNG"))].into();
        assert_eq!(faults(&good, &limits), Vec::<String>::new());
        let loaded = load(&good, &limits);
        let file = &loaded[&"logo".parse().unwrap()];
        assert_eq!((file.kind, &file.data[..]), (PictureKind::Png, &[1, 2, 3][..]));
        for (name, file, part) in [
            ("Logo", "a.PNG", "pictures.Logo is no name"),
            ("logo", "none.png", "cannot be read"),
            ("logo", "large.svg", "has 2000 bytes; allowed: up to 1024"),
            ("logo", "b.gif", "is no picture"),
        ] {
            let bad: PicturesConfig = [(name.to_owned(), path(file))].into();
            let faults = faults(&bad, &limits);
            assert!(faults.len() == 1 && faults[0].contains(part), "{faults:?}");
            assert!(load(&bad, &limits).is_empty());
        }
    }
}
