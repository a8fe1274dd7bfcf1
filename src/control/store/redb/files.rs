//! The files of conferences' pictures: a folder for each conference, each file called by its content's SHA-256.
//!
//! A file is whole under its name or not there at all: written beside it, flushed, renamed. Other files that somebody
//! keeps in these folders are let alone.

use crate::{
    control::store::{
        ConferenceRecord, PictureRecord, StoreError,
        pictures::{digest, is_digest},
    },
    ids::ConferenceId,
};
use bytes::Bytes;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// The folder's name in the data directory.
const FOLDER: &str = "pictures";
/// The end of a file's name that is not written yet.
const UNFINISHED: &str = ".new";
/// The longest name of a folder that file systems have.
const MAX_NAME: usize = 255;

/// The folder of all conferences' pictures. Everything here blocks.
#[derive(Debug, Clone)]
pub(super) struct PictureFiles {
    root: PathBuf,
}

impl PictureFiles {
    /// In the data directory; nothing is made before there is a picture.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { root: data_dir.join(FOLDER) }
    }

    fn folder(&self, id: &ConferenceId) -> PathBuf {
        let name = id.file_name();
        self.root.join(if name.len() > MAX_NAME { digest(name.as_bytes()) } else { name })
    }

    /// Keeps a file; durable when done. The answer is its name.
    pub(super) fn save(&self, id: &ConferenceId, data: &[u8]) -> Result<String, StoreError> {
        let name = digest(data);
        let folder = self.folder(id);
        let path = folder.join(&name);
        // What is there may be broken by now: it is as long as it should be, or it is written anew.
        if fs::read(&path).is_ok_and(|there| there == data) {
            return Ok(name);
        }
        let saved = || -> io::Result<()> {
            fs::create_dir_all(&folder)?;
            let unfinished = folder.join(format!("{name}{UNFINISHED}"));
            let mut file = File::create(&unfinished)?;
            file.write_all(data)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            // The names are durable, too: of the file, of its folder, and of the folder of all.
            for folder in [Some(&*folder), folder.parent(), self.root.parent()].into_iter().flatten() {
                File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?
                    .sync_all()?;
            }
            Ok(())
        };
        saved().map_err(|error| StoreError::Write(error.into()))?;
        Ok(name)
    }

    /// A file, whole.
    pub(super) fn read(&self, id: &ConferenceId, record: &PictureRecord) -> Result<Bytes, StoreError> {
        let path = self.folder(id).join(&record.sha256);
        let bad = |why: String| StoreError::Picture { file: path.display().to_string(), why };
        if !is_digest(&record.sha256) {
            return Err(bad("the record has no name for it".to_owned()));
        }
        // One byte more than there should be tells that there is more, however long it is.
        let read = || -> io::Result<Vec<u8>> {
            let mut data = Vec::new();
            File::open(&path)?.take(record.bytes as u64 + 1).read_to_end(&mut data)?;
            Ok(data)
        };
        let data = read().map_err(|error| bad(error.to_string()))?;
        record.check(&data).map_err(bad)?;
        Ok(data.into())
    }

    /// Removes a conference's files but for those that its record names.
    pub(super) fn keep_only(&self, id: &ConferenceId, record: Option<&ConferenceRecord>) -> io::Result<()> {
        let named = record.iter().flat_map(|record| &record.pictures);
        clear(&self.folder(id), &named.map(|picture| picture.sha256.as_str()).collect())
    }

    /// Removes all files that none of these records name: a server died between two steps.
    pub(super) fn tidy(&self, records: &[ConferenceRecord]) -> io::Result<()> {
        let folders = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            folders => folders?,
        };
        for folder in folders {
            let folder = folder?.path();
            let record = records.iter().find(|record| self.folder(&record.id) == folder);
            let named = record.iter().flat_map(|record| &record.pictures);
            if folder.is_dir() {
                clear(&folder, &named.map(|picture| picture.sha256.as_str()).collect())?;
            }
        }
        Ok(())
    }
}

/// Removes files of ours from a folder but for those that are `named`, and the folder once it is empty.
fn clear(folder: &Path, named: &BTreeSet<&str>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut gone = false;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let ours = is_digest(name.strip_suffix(UNFINISHED).unwrap_or(name));
        if ours && !named.contains(name) {
            fs::remove_file(entry.path())?;
            gone = true;
        }
    }
    if gone {
        File::open(folder)?.sync_all()?;
    }
    // With something else in it, it stays.
    if named.is_empty() {
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::conference::ConferenceSettings;
    use jiff::Timestamp;

    fn picture(sha256: &str, bytes: usize) -> PictureRecord {
        let (name, content_type) = ("logo".to_owned(), "image/png".to_owned());
        PictureRecord { name, content_type, bytes, width: 1, height: 1, sha256: sha256.to_owned() }
    }

    fn record(id: &ConferenceId, pictures: Vec<PictureRecord>) -> ConferenceRecord {
        let settings = ConferenceSettings::default();
        let record = ConferenceRecord::new(id.clone(), Timestamp::UNIX_EPOCH, &settings);
        ConferenceRecord { pictures, ..record }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).map(Iterator::collect::<Vec<_>>).unwrap_or_default();
        let mut names: Vec<_> =
            entries.into_iter().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_found_again_and_go_with_what_names_them() {
        let dir = tempfile::tempdir().unwrap();
        let files = PictureFiles::new(dir.path());
        let id: ConferenceId = "a:1".parse().unwrap();
        let first = files.save(&id, b"one").unwrap();
        assert_eq!(files.save(&id, b"one").unwrap(), first);
        let second = files.save(&id, b"second").unwrap();
        assert_eq!(files.read(&id, &picture(&first, 3)).unwrap(), &b"one"[..]);
        let root = dir.path().join("pictures");
        assert_eq!(names(&root), ["a%3A1"]);
        files.keep_only(&id, Some(&record(&id, vec![picture(&second, 6)]))).unwrap();
        assert_eq!(names(&root.join("a%3A1")), [second]);
        files.keep_only(&id, None).unwrap();
        assert_eq!(names(&root), [""; 0]);
        files.keep_only(&id, None).unwrap();
    }

    #[test]
    fn what_is_broken_is_named_and_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let files = PictureFiles::new(dir.path());
        let id: ConferenceId = "room".parse().unwrap();
        let name = files.save(&id, b"data").unwrap();
        let path = dir.path().join("pictures/room").join(&name);
        for broken in [&b"date"[..], b"dat", b"data and more", b""] {
            fs::write(&path, broken).unwrap();
            let error = files.read(&id, &picture(&name, 4)).unwrap_err().to_string();
            assert!(error.contains(&name), "{error}");
        }
        assert_eq!(files.save(&id, b"data").unwrap(), name);
        assert_eq!(files.read(&id, &picture(&name, 4)).unwrap(), &b"data"[..]);
        fs::remove_file(&path).unwrap();
        assert!(files.read(&id, &picture(&name, 4)).is_err());
        fs::write(dir.path().join("secret"), b"data").unwrap();
        assert!(files.read(&id, &picture("../../secret", 4)).is_err());
    }

    #[test]
    fn what_nobody_names_is_tidied_away_and_what_is_not_ours_stays() {
        let dir = tempfile::tempdir().unwrap();
        let files = PictureFiles::new(dir.path());
        files.tidy(&[]).unwrap();
        let (room, gone): (ConferenceId, ConferenceId) = ("room".parse().unwrap(), "gone".parse().unwrap());
        let kept = files.save(&room, b"kept").unwrap();
        files.save(&room, b"not kept").unwrap();
        files.save(&gone, b"kept").unwrap();
        let root = dir.path().join("pictures");
        fs::write(root.join("room").join(format!("{kept}.new")), b"ke").unwrap();
        fs::write(root.join("room/mine.png"), b"x").unwrap();
        fs::write(root.join("house.png"), b"x").unwrap();
        files.tidy(&[record(&room, vec![picture(&kept, 4)])]).unwrap();
        assert_eq!(names(&root), ["house.png", "room"]);
        assert_eq!(names(&root.join("room")), [kept, "mine.png".to_owned()]);
    }

    #[test]
    fn the_longest_name_has_a_folder_too() {
        let dir = tempfile::tempdir().unwrap();
        let files = PictureFiles::new(dir.path());
        let id: ConferenceId = ":".repeat(128).parse().unwrap();
        let name = files.save(&id, b"data").unwrap();
        assert_eq!(files.read(&id, &picture(&name, 4)).unwrap(), &b"data"[..]);
        files.keep_only(&id, None).unwrap();
        assert_eq!(names(&dir.path().join("pictures")), [""; 0]);
    }
}
