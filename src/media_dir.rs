//! The folder of media files that programs may show, and the names of what is in it. Nothing outside of it can be named.

use crate::ids::InvalidId;
use serde::{Deserialize, Serialize};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Folders below the folder, at most.
const DEPTH: usize = 8;
/// Bytes of a name.
const LENGTH: usize = 255;

/// A file's name below the folder: `intro.mp4`, `jingles/one.ogg`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaName(String);

impl MediaName {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MediaName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| !c.is_control() && c != '\\' && c != char::REPLACEMENT_CHARACTER)
        };
        let parts = text.split('/').count();
        if text.len() <= LENGTH && parts <= DEPTH && text.split('/').all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId {
            what: "file",
            allowed: "a path below the media folder, up to 255 bytes, without a part that begins with a dot, a backslash or a \
                      slash at either end",
        })
    }
}

impl TryFrom<String> for MediaName {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<MediaName> for String {
    fn from(name: MediaName) -> Self {
        name.0
    }
}

impl fmt::Display for MediaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file in the folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MediaFile {
    /// Its name.
    pub name: MediaName,
    /// Its size.
    pub bytes: u64,
}

/// Where a file really is. Links are followed; one that leads out of the folder leads nowhere.
///
/// # Errors
/// It is not there, no file, or outside of the folder.
pub fn resolve(dir: &Path, name: &MediaName) -> io::Result<PathBuf> {
    let (dir, path) = (dir.canonicalize()?, dir.join(name.as_str()).canonicalize()?);
    if path.starts_with(&dir) && path.is_file() {
        return Ok(path);
    }
    Err(io::ErrorKind::NotFound.into())
}

/// What is in the folder and below it, by name, `most` at most; true when there is more.
///
/// # Errors
/// The folder cannot be read.
pub fn list(dir: &Path, most: usize) -> io::Result<(Vec<MediaFile>, bool)> {
    let dir = dir.canonicalize()?;
    let mut files = Vec::new();
    let mut folders = vec![(dir.clone(), String::new(), 1)];
    // A folder that cannot be read now, or was deleted meanwhile, has nothing; but the first must be there.
    fs::read_dir(&dir)?;
    let mut looked_at = 0;
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            looked_at += 1;
            if looked_at > most.saturating_mul(4) {
                files.sort();
                files.truncate(most);
                return Ok((files, true));
            }
            let Ok(part) = entry.file_name().into_string() else { continue };
            let name = format!("{prefix}{part}");
            let (Ok(parsed), Ok(path)) = (name.parse::<MediaName>(), entry.path().canonicalize()) else {
                continue;
            };
            let Some(found) = path.starts_with(&dir).then(|| path.metadata().ok()).flatten() else {
                continue;
            };
            if found.is_file() {
                files.push(MediaFile { name: parsed, bytes: found.len() });
            } else if found.is_dir()
                && depth < DEPTH
                && !entry.file_type().is_ok_and(|kind| kind.is_symlink())
            {
                folders.push((path, format!("{name}/"), depth + 1));
            }
        }
    }
    files.sort();
    let more = files.len() > most;
    files.truncate(most);
    Ok((files, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_folder() {
        for good in ["intro.mp4", "a b/Pausenmusik für heute.ogg", "x", "a/b/c/d/e/f/g/h.wav"] {
            assert_eq!(good.parse::<MediaName>().unwrap().as_str(), good);
        }
        let long = "x".repeat(256);
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "a/../x",
            "a/./x",
            "a//x",
            "a/",
            "/",
            ".hidden",
            "a/.hidden",
            "a\\b",
            "a\0b",
            "a\nb",
            "a/b/c/d/e/f/g/h/i",
            &long,
        ] {
            assert!(bad.parse::<MediaName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_link_leads_out() {
        let home = tempfile::tempdir().unwrap();
        let (dir, outside) = (home.path().join("media"), home.path().join("outside"));
        fs::create_dir_all(dir.join("deep")).unwrap();
        fs::create_dir_all(&outside).unwrap();
        for file in [
            dir.join("one.mp4"),
            dir.join("deep/two.mp4"),
            outside.join("secret.mp4"),
            dir.join(".hidden.mp4"),
        ] {
            fs::write(file, "12345").unwrap();
        }
        std::os::unix::fs::symlink(outside.join("secret.mp4"), dir.join("link.mp4")).unwrap();
        std::os::unix::fs::symlink(&outside, dir.join("folder")).unwrap();
        std::os::unix::fs::symlink(&dir, dir.join("deep/round")).unwrap();
        std::os::unix::fs::symlink(dir.join("one.mp4"), dir.join("deep/inside.mp4")).unwrap();
        let find = |name: &str| resolve(&dir, &name.parse().unwrap());
        assert_eq!(find("one.mp4").unwrap(), dir.join("one.mp4").canonicalize().unwrap());
        assert!(find("deep/two.mp4").is_ok() && find("deep/inside.mp4").is_ok());
        for name in ["link.mp4", "folder/secret.mp4", "deep", "none.mp4"] {
            assert!(find(name).is_err(), "{name}");
        }
        let names = |most| {
            let (files, more) = list(&dir, most).unwrap();
            (files.into_iter().map(|file| file.name.to_string()).collect::<Vec<_>>(), more)
        };
        let all = ["deep/inside.mp4", "deep/two.mp4", "one.mp4"].map(str::to_owned).to_vec();
        assert_eq!(names(10), (all, false));
        assert!(names(1).1);
        assert!(list(&home.path().join("nowhere"), 10).is_err());
    }
}
