//! Sample tables (ISO 14496-12 §8.6, §8.7) of a track, grown chunk by chunk, and the head of a plain MP4
//! made of them. Sans-IO.
//!
//! A sample costs four bytes here (its size); times are kept in runs. An hour of 30 frames a second with
//! sound is about a megabyte.

use jiff::Timestamp;
use mp4_atom::{
    Atom, Co64, Codec, Ctts, CttsEntry, Edts, Elst, ElstEntry, Encode, Ftyp, Moov, Mvhd, Stco, Stsc,
    StscEntry, Stss, Stsz, StszSamples, Stts, SttsEntry, Trak,
};

/// Ticks a second of the movie: an edit is exact to 11 µs.
const MOVIE_TIMESCALE: u32 = 90_000;
/// From 1904, the zero of ISO 14496-12 §8.2.2.3, to 1970.
const UNIX_EPOCH_S: i64 = 2_082_844_800;

/// A sample of a fragment. Times in ticks of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Bytes.
    pub size: u32,
    pub duration: u32,
    /// From decoding to presentation.
    pub shift: i32,
    pub sync: bool,
}

/// A track whose samples are added in order.
#[derive(Debug)]
pub struct Table {
    trak: Trak,
    start: Option<u64>,
    /// The newest sample, whose duration is only known with the next one.
    last: Option<(u64, u32)>,
    durations: Vec<SttsEntry>,
    shifts: Vec<CttsEntry>,
    syncs: Vec<u32>,
    sizes: Vec<u32>,
    chunks: Vec<StscEntry>,
    offsets: Vec<u64>,
}

impl Table {
    /// An empty track with the description in `trak`.
    pub fn new(trak: Trak) -> Self {
        Self {
            trak,
            start: None,
            last: None,
            durations: Vec::new(),
            shifts: Vec::new(),
            syncs: Vec::new(),
            sizes: Vec::new(),
            chunks: Vec::new(),
            offsets: Vec::new(),
        }
    }

    /// Its number in the file.
    pub fn id(&self) -> u32 {
        self.trak.tkhd.track_id
    }

    /// Ticks a second.
    pub fn timescale(&self) -> u32 {
        self.trak.mdia.mdhd.timescale
    }

    /// Samples so far.
    pub fn samples(&self) -> usize {
        self.sizes.len()
    }

    /// It is the video track.
    pub fn is_picture(&self) -> bool {
        self.trak.mdia.minf.vmhd.is_some()
    }

    /// Pixels, where it is the video track.
    pub fn picture(&self) -> Option<(u32, u32)> {
        match self.trak.mdia.minf.stbl.stsd.codecs.first()? {
            Codec::Avc1(avc1) => Some((avc1.visual.width.into(), avc1.visual.height.into())),
            Codec::Avc3(avc3) => Some((avc3.visual.width.into(), avc3.visual.height.into())),
            _ => None,
        }
    }

    /// Its description.
    pub fn trak_mut(&mut self) -> &mut Trak {
        &mut self.trak
    }

    /// Adds samples that lie one after the other from `offset` on and are decoded from `start` on, ticks.
    /// A gap before them prolongs the sample before it. `None`, and nothing added, if they do not follow.
    pub fn add_chunk(&mut self, offset: u64, start: u64, samples: &[Sample]) -> Option<()> {
        let count = u32::try_from(samples.len()).ok().filter(|count| *count > 0)?;
        let mut at = start;
        let mut last = self.last;
        let mut durations = Vec::with_capacity(samples.len());
        for sample in samples {
            if let Some((before, _)) = last {
                durations.push(u32::try_from(at.checked_sub(before)?).ok()?);
            }
            last = Some((at, sample.duration));
            at = at.checked_add(sample.duration.into())?;
        }
        let number = u32::try_from(self.sizes.len()).ok()?.checked_add(1)?;
        self.start.get_or_insert(start);
        self.last = last;
        durations.into_iter().for_each(|duration| push_duration(&mut self.durations, duration));
        for (n, sample) in (number..).zip(samples) {
            match self.shifts.last_mut() {
                Some(run) if run.sample_offset == i64::from(sample.shift) => run.sample_count += 1,
                _ => self.shifts.push(CttsEntry { sample_count: 1, sample_offset: sample.shift.into() }),
            }
            if sample.sync {
                self.syncs.push(n);
            }
            self.sizes.push(sample.size);
        }
        self.offsets.push(offset);
        if self.chunks.last().is_none_or(|run| run.samples_per_chunk != count) {
            let first_chunk = u32::try_from(self.offsets.len()).ok()?;
            self.chunks.push(StscEntry {
                first_chunk,
                samples_per_chunk: count,
                sample_description_index: 1,
            });
        }
        Some(())
    }

    /// When its last sample ends, ticks from the file's zero.
    pub fn end(&self) -> u64 {
        self.last.map_or(0, |(at, duration)| at + u64::from(duration))
    }

    fn movie_ticks(&self, ticks: u64) -> u64 {
        let rate = u128::from(self.timescale().max(1));
        ((u128::from(ticks) * u128::from(MOVIE_TIMESCALE) + rate / 2) / rate) as u64
    }

    /// Its `trak` box. `shift`: the bytes that come before everything; `wide`: offsets in 64 bits.
    fn trak(&self, created: u64, shift: u64, wide: bool) -> Trak {
        let mut trak = self.trak.clone();
        let start = self.start.unwrap_or(0);
        let duration = self.end().saturating_sub(start);
        trak.tkhd.duration = self.movie_ticks(self.end());
        (trak.tkhd.creation_time, trak.tkhd.modification_time) = (created, created);
        trak.mdia.mdhd.duration = duration;
        (trak.mdia.mdhd.creation_time, trak.mdia.mdhd.modification_time) = (created, created);
        if start > 0 {
            // An empty edit keeps the tracks together: they do not begin at the same time.
            let entry = |ticks, media_time| ElstEntry {
                segment_duration: self.movie_ticks(ticks),
                media_time,
                media_rate: 1.into(),
            };
            let entries = vec![entry(start, None), entry(duration, Some(0))];
            trak.edts = Some(Edts { elst: Some(Elst { entries }) });
        }
        let mut durations = self.durations.clone();
        if let Some((_, duration)) = self.last {
            push_duration(&mut durations, duration);
        }
        let stbl = &mut trak.mdia.minf.stbl;
        stbl.stts = Stts { entries: durations };
        stbl.ctts = self
            .shifts
            .iter()
            .any(|run| run.sample_offset != 0)
            .then(|| Ctts { entries: self.shifts.clone() });
        // Without the table every sample is one (§8.6.2).
        let all = self.syncs.len() == self.sizes.len();
        stbl.stss = (!all).then(|| Stss { entries: self.syncs.clone() });
        stbl.stsc = Stsc { entries: self.chunks.clone() };
        stbl.stsz = Stsz { samples: StszSamples::Different { sizes: self.sizes.clone() } };
        let offsets = self.offsets.iter().map(|offset| offset + shift);
        if wide {
            (stbl.stco, stbl.co64) = (None, Some(Co64 { entries: offsets.collect() }));
        } else {
            // Not wide: the caller has seen that the last byte's offset fits.
            (stbl.stco, stbl.co64) =
                (Some(Stco { entries: offsets.map(|offset| offset as u32).collect() }), None);
        }
        trak
    }
}

fn push_duration(runs: &mut Vec<SttsEntry>, duration: u32) {
    match runs.last_mut() {
        Some(run) if run.sample_delta == duration => run.sample_count += 1,
        _ => runs.push(SttsEntry { sample_count: 1, sample_delta: duration }),
    }
}

/// How long the movie of these tracks is, milliseconds.
pub fn duration_ms(tracks: &[Table]) -> u64 {
    let ticks = tracks.iter().map(|track| track.movie_ticks(track.end())).max().unwrap_or(0);
    u64::try_from(u128::from(ticks) * 1000 / u128::from(MOVIE_TIMESCALE)).unwrap_or(u64::MAX)
}

/// What stands before the `payload` bytes that hold the tracks' samples: `ftyp`, `moov`, and the head of one
/// `mdat` around the payload. The tables' offsets, which count from the payload's start, count from the
/// file's start in it.
///
/// # Errors
/// When a box cannot be written.
pub fn plain_head(tracks: &[Table], payload: u64, created: Timestamp) -> Result<Vec<u8>, mp4_atom::Error> {
    let created = u64::try_from(created.as_second().saturating_add(UNIX_EPOCH_S)).unwrap_or(0);
    // The tables are as long with other offsets.
    let narrow = head(tracks, payload, created, 0, false)?.len() as u64;
    let wide = narrow.saturating_add(payload) > u64::from(u32::MAX);
    let shift = if wide { head(tracks, payload, created, 0, true)?.len() as u64 } else { narrow };
    head(tracks, payload, created, shift, wide)
}

fn head(
    tracks: &[Table],
    payload: u64,
    created: u64,
    shift: u64,
    wide: bool,
) -> Result<Vec<u8>, mp4_atom::Error> {
    let mut out = Vec::new();
    Ftyp {
        major_brand: b"isom".into(),
        minor_version: 0x200,
        compatible_brands: vec![b"isom".into(), b"iso2".into(), b"avc1".into(), b"mp41".into()],
    }
    .encode(&mut out)?;
    let trak: Vec<Trak> = tracks
        .iter()
        .filter(|track| track.samples() > 0)
        .map(|track| track.trak(created, shift, wide))
        .collect();
    Moov {
        mvhd: Mvhd {
            creation_time: created,
            modification_time: created,
            timescale: MOVIE_TIMESCALE,
            duration: trak.iter().map(|trak| trak.tkhd.duration).max().unwrap_or(0),
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: trak.iter().map(|trak| trak.tkhd.track_id).max().unwrap_or(0) + 1,
            ..Mvhd::default()
        },
        trak,
        ..Moov::default()
    }
    .encode(&mut out)?;
    // 64 bits for the size too, so that the head's length does not depend on it.
    out.extend_from_slice(&1u32.to_be_bytes());
    out.extend_from_slice(mp4_atom::Mdat::KIND.as_ref());
    out.extend_from_slice(&payload.saturating_add(16).to_be_bytes());
    Ok(out)
}

#[cfg(test)]
pub(super) mod tests;
