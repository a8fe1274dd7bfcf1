//! Makes a plain MP4 with its tables in front (faststart) of a fragmented one, in place of it, and the
//! playlist. Blocking; for `spawn_blocking`.

use super::{
    fragments::{self, Found, FragmentsError},
    playlist::{self, MOVIE, PLAYLIST},
    tables,
};
use jiff::Timestamp;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
};

/// Made beside a file and renamed over it.
const NEW: &str = ".new";

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    pub bytes: u64,
    pub duration_ms: u64,
    /// Pixels.
    pub picture: Option<(u32, u32)>,
}

/// Why a recording cannot be finished; it stays what it was.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    #[error("the recording cannot be read")]
    Read(#[from] FragmentsError),
    #[error("the finished recording cannot be written")]
    Write(#[from] io::Error),
    #[error("the recording's tables cannot be written")]
    Tables(#[from] mp4_atom::Error),
}

impl FinishError {
    /// The kind of what the disk said, if it was that.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Read(FragmentsError::Read(error)) | Self::Write(error) => Some(error),
            _ => None,
        }
    }
}

/// Finishes the recording in `folder`: its whole fragments, without what a crash left of the last one.
/// `None`: there is no whole fragment. One that is finished already stays as it is.
///
/// Needs as much space as the recording has until it is done. A crash leaves the fragmented file or the
/// plain one, never half of either.
///
/// # Errors
/// [`FinishError`].
pub fn finish(folder: &Path, began: Timestamp) -> Result<Option<Finished>, FinishError> {
    let path = folder.join(MOVIE);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FragmentsError::from(error).into()),
    };
    let found = match fragments::read(&mut BufReader::new(&mut file))? {
        Found::Nothing => return Ok(None),
        Found::Plain => return Ok(Some(plain(&mut file)?)),
        Found::Fragmented(found) => found,
    };
    let head = tables::plain_head(&found.tracks, found.end, began)?;
    let shift = head.len() as u64;

    let timescale = found.tracks.first().map_or(1, tables::Table::timescale);
    let list = playlist::render(&found.fragments, found.head, shift, timescale, began);
    replace(&folder.join(PLAYLIST), |out| out.write_all(list.as_bytes()))?;
    file.seek(SeekFrom::Start(0))?;
    replace(&path, |out| {
        out.write_all(&head)?;
        let copied = io::copy(&mut Read::by_ref(&mut file).take(found.end), out)?;
        if copied == found.end { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    })?;
    Ok(Some(Finished {
        bytes: shift + found.end,
        duration_ms: tables::duration_ms(&found.tracks),
        picture: found.tracks.iter().find_map(tables::Table::picture),
    }))
}

/// What the head of a plain file says; a crash came between its making and the note of it.
fn plain(file: &mut File) -> Result<Finished, FinishError> {
    let bytes = file.seek(SeekFrom::End(0)).map_err(FragmentsError::from)?;
    let (duration_ms, picture) = fragments::describe_plain(&mut BufReader::new(file))?;
    Ok(Finished { bytes, duration_ms, picture })
}

/// Writes a file beside `path`, has it on the disk, and puts it in the place of `path`.
///
/// # Errors
/// When the disk refuses; then `path` is what it was.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(NEW);
    let new = Path::new(&name);
    let written = File::create(new).and_then(|mut file| {
        write(&mut file)?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| std::fs::rename(new, path));
    if replaced.is_err() {
        // Space that others may need; if even this fails, the next try writes over it.
        let _ = std::fs::remove_file(new);
    }
    replaced?;
    // The rename itself; a file system that cannot do it keeps the file's content safe all the same.
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
    Ok(())
}
