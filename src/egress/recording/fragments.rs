//! Reads a fragmented MP4 of ours as far as it is whole: where each fragment lies, and its samples into
//! tables. Works on anything that can be read and sought; what a crash cut off at the end is not an error.

use super::tables::{Sample, Table};
use mp4_atom::{Atom, Codec, Moof, Moov, Traf, Trak};
use std::io::{self, Read, Seek, SeekFrom};

/// A `moof` has some bytes a frame.
const MAX_MOOF: u64 = 16 * 1024 * 1024;
/// Sample tables: some bytes a sample; a day and a half have this many.
const MAX_TABLES: u64 = 128 * 1024 * 1024;
/// Samples of one track in a fragment: 3 s of anything have fewer.
const MAX_SAMPLES: usize = 65_536;
/// `sample_is_non_sync_sample` (ISO 14496-12 §8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;
/// nal_unit_type of a sequence parameter set (H.264 table 7-1).
const NAL_SPS: u8 = 7;

/// A fragmented file, as far as it is whole.
#[derive(Debug)]
pub struct Fragmented {
    /// Length of `ftyp` and `moov` before the first fragment.
    pub head: u64,
    /// End of the last whole fragment.
    pub end: u64,
    /// The tracks, in the order of the head.
    pub tracks: Vec<Table>,
    /// The fragments, in order.
    pub fragments: Vec<Fragment>,
}

/// Where a fragment lies and when it is shown. Times in ticks of the leading track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    pub offset: u64,
    pub length: u64,
    pub start: u64,
    pub end: u64,
    /// It begins with a keyframe of the leading track.
    pub independent: bool,
}

/// What [`read`] found.
#[derive(Debug)]
pub enum Found {
    /// No whole fragment.
    Nothing,
    /// The file has its sample tables already.
    Plain,
    Fragmented(Fragmented),
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FragmentsError {
    #[error("the file cannot be read")]
    Read(#[from] io::Error),
    #[error("the file is no recording of ours: {0}")]
    Foreign(&'static str),
}

struct BoxHead {
    kind: [u8; 4],
    start: u64,
    body: u64,
    end: u64,
}

/// Reads the headers of a whole file.
///
/// # Errors
/// When reading fails, or the file is something else.
pub fn read<R: Read + Seek>(file: &mut R) -> Result<Found, FragmentsError> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut at = 0;
    let mut found: Option<Fragmented> = None;
    let mut moof: Option<(BoxHead, Moof)> = None;
    while let Some(next) = box_head(file, at, length)? {
        at = next.end;
        match (&next.kind, &mut found) {
            (b"moov", None) => {
                let moov = Moov::decode_body(&mut body(file, &next, MAX_TABLES)?.as_slice())
                    .map_err(|_| FragmentsError::Foreign("its moov box cannot be read"))?;
                if moov.mvex.is_none() {
                    return Ok(Found::Plain);
                }
                let tracks: Vec<Table> = moov.trak.into_iter().map(Table::new).collect();
                if tracks.is_empty() {
                    return Err(FragmentsError::Foreign("it has no track"));
                }
                found = Some(Fragmented { head: next.end, end: next.end, tracks, fragments: Vec::new() });
            }
            (b"moof", Some(_)) => {
                let Ok(decoded) = Moof::decode_body(&mut body(file, &next, MAX_MOOF)?.as_slice()) else {
                    break;
                };
                moof = Some((next, decoded));
            }
            (b"mdat", Some(found)) => {
                let Some((head, moof)) = moof.take() else { break };
                if add(file, found, &head, &moof, &next)?.is_none() {
                    break;
                }
            }
            (b"ftyp" | b"styp" | b"free", _) => {}
            _ => break,
        }
    }
    Ok(match found {
        Some(found) if !found.fragments.is_empty() => Found::Fragmented(found),
        _ => Found::Nothing,
    })
}

/// Duration in milliseconds and picture size of a plain file.
///
/// # Errors
/// When reading fails, or the file is something else.
pub fn describe_plain<R: Read + Seek>(file: &mut R) -> Result<(u64, Option<(u32, u32)>), FragmentsError> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut at = 0;
    while let Some(next) = box_head(file, at, length)? {
        at = next.end;
        if &next.kind == b"moov" {
            let moov = Moov::decode_body(&mut body(file, &next, MAX_TABLES)?.as_slice())
                .map_err(|_| FragmentsError::Foreign("its moov box cannot be read"))?;
            let duration = u128::from(moov.mvhd.duration) * 1000 / u128::from(moov.mvhd.timescale.max(1));
            let picture = moov.trak.into_iter().map(Table::new).find_map(|track| track.picture());
            return Ok((u64::try_from(duration).unwrap_or(u64::MAX), picture));
        }
    }
    Err(FragmentsError::Foreign("it has no moov box"))
}

/// The box at `at`, if all of it is there.
fn box_head<R: Read + Seek>(file: &mut R, at: u64, length: u64) -> io::Result<Option<BoxHead>> {
    let mut head = [0; 16];
    let n = usize::try_from(length.saturating_sub(at)).unwrap_or(usize::MAX).min(head.len());
    if n < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut head[..n])?;
    let [a, b, c, d, k0, k1, k2, k3, ..] = head;
    let (size, header) = match u32::from_be_bytes([a, b, c, d]) {
        1 if n == 16 => {
            let mut large = [0; 8];
            large.copy_from_slice(&head[8..]);
            (u64::from_be_bytes(large), 16)
        }
        size => (u64::from(size), 8),
    };
    let end = at.saturating_add(size);
    if size < header || end > length {
        return Ok(None);
    }
    Ok(Some(BoxHead { kind: [k0, k1, k2, k3], start: at, body: at + header, end }))
}

fn body<R: Read + Seek>(file: &mut R, head: &BoxHead, max: u64) -> Result<Vec<u8>, FragmentsError> {
    let length = head.end - head.body;
    if length > max {
        return Err(FragmentsError::Foreign("one of its boxes is too long"));
    }
    let mut bytes = vec![0; length as usize];
    file.seek(SeekFrom::Start(head.body))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Takes a fragment's samples over; `None` if something in it contradicts itself.
fn add<R: Read + Seek>(
    file: &mut R,
    found: &mut Fragmented,
    head: &BoxHead,
    moof: &Moof,
    mdat: &BoxHead,
) -> Result<Option<()>, FragmentsError> {
    let mut runs = Vec::with_capacity(moof.traf.len());
    for traf in &moof.traf {
        let Some(track) = found.tracks.iter().position(|track| track.id() == traf.tfhd.track_id) else {
            return Ok(None);
        };
        let Some(run) = samples(traf, head.start, mdat) else { return Ok(None) };
        runs.push((track, run));
    }
    for (track, run) in &runs {
        let table = &mut found.tracks[*track];
        let mut offset = run.offset;
        for sample in &run.samples {
            if table.is_picture() && sample.sync && sample.size > 4 {
                let mut start = [0; 5];
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(&mut start)?;
                if start[4] & 0x1f == NAL_SPS {
                    in_band(table.trak_mut());
                }
            }
            offset += u64::from(sample.size);
        }
        if table.add_chunk(run.offset, run.start, &run.samples).is_none() {
            return Ok(None);
        }
    }
    if runs.is_empty() {
        return Ok(None);
    }
    let lead = runs.iter().find(|(track, _)| *track == 0).map(|(_, run)| run);
    let independent = lead.and_then(|run| run.samples.first()).is_some_and(|sample| sample.sync);
    let end = found.tracks[0].end();
    // Sound alone takes no time of the picture.
    let start = lead.map_or(end, |run| run.start);
    found.fragments.push(Fragment {
        offset: head.start,
        length: mdat.end - head.start,
        start,
        end,
        independent,
    });
    found.end = mdat.end;
    Ok(Some(()))
}

struct Run {
    offset: u64,
    start: u64,
    samples: Vec<Sample>,
}

/// One track's samples, all of which lie in the `mdat`.
fn samples(traf: &Traf, moof_start: u64, mdat: &BoxHead) -> Option<Run> {
    let [trun] = traf.trun.as_slice() else { return None };
    if trun.samples.len() > MAX_SAMPLES {
        return None;
    }
    let offset = moof_start.checked_add_signed(i64::from(trun.data_offset?))?;
    let header = &traf.tfhd;
    let mut samples = Vec::new();
    let mut end = offset;
    for entry in trun.samples.iter() {
        let sample = Sample {
            size: entry.size.or(header.default_sample_size)?,
            duration: entry.duration.or(header.default_sample_duration)?,
            shift: i32::try_from(entry.cts.unwrap_or(0)).ok()?,
            sync: entry.flags.or(header.default_sample_flags)? & NON_SYNC == 0,
        };
        end += u64::from(sample.size);
        if end > mdat.end {
            return None;
        }
        samples.push(sample);
    }
    let start = traf.tfdt.as_ref()?.base_media_decode_time;
    (offset >= mdat.body && !samples.is_empty()).then_some(Run { offset, start, samples })
}

/// Parameter sets stand in the stream too, which is `avc3` (ISO 14496-15 §5.4.2).
fn in_band(trak: &mut Trak) {
    for codec in &mut trak.mdia.minf.stbl.stsd.codecs {
        if let Codec::Avc1(avc1) = codec {
            *codec = Codec::Avc3(mp4_atom::Avc3 {
                visual: avc1.visual.clone(),
                avcc: avc1.avcc.clone(),
                ..mp4_atom::Avc3::default()
            });
        }
    }
}

/// The kinds of a file's top-level boxes in order; for tests and checks.
pub fn top_level<R: Read + Seek>(file: &mut R) -> io::Result<Vec<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let (mut at, mut kinds) = (0, Vec::new());
    while let Some(next) = box_head(file, at, length)? {
        kinds.push(String::from_utf8_lossy(&next.kind).into_owned());
        at = next.end;
    }
    Ok(kinds)
}
