//! What of one rendition can be fetched: the window in the playlist, and for a while what left it. Pure;
//! the lock, the files and the clock are its owner's.
//!
//! Memory holds the newest segments and those that are not on disk (yet). A disk that fails or hangs
//! costs the oldest segments when the memory's limit is reached, never the cast. So the window may be hours
//! long: what grows with it is a line in the playlist.
//!
//! A playlist is rendered when the first client asks for it, once for all.
//!
//! A part (low latency) is a piece of its segment's bytes, so it can be had as long as the segment.

use crate::egress::hls::{
    packager::Packaged,
    playlist::{LowLatency, MediaPlaylist, SegmentEntry},
    rendered::RenderedPlaylist,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::Duration,
};

/// Fewest segments in a live playlist (Apple's authoring specification, 8.11).
pub const MIN_SEGMENTS: usize = 6;
/// So many of the newest segments stay in memory: what players at the live edge ask for.
const IN_MEMORY: usize = 6;

/// So many of the newest whole segments are listed with their parts. A live player is at most three
/// `PART-TARGET`s behind, and rfc8216bis §4.4.4.9 wants no parts further than three target durations back.
const WITH_PARTS: u64 = 2;

/// Where a segment's bytes are.
#[derive(Debug, Clone, PartialEq)]
pub enum Located {
    Memory(Bytes),
    Disk,
}

/// The numbers that a playlist's end has: what a blocking reload waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The segment that has no end yet.
    pub next_msn: u64,
    /// Its parts.
    pub parts: usize,
    /// The parts of the segment before it.
    pub last_parts: usize,
    /// Seconds.
    pub target_duration: u32,
    /// Set with low latency only.
    pub part_target: Option<Duration>,
    /// There is a playlist.
    pub listed: bool,
    /// Nothing will be added.
    pub ended: bool,
}

/// What the playlist says about all its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Targets {
    /// `EXT-X-TARGETDURATION`, seconds; none before the first segment.
    pub duration: Option<u32>,
    /// `PART-TARGET`; none without low latency.
    pub part: Option<Duration>,
}

/// What the disk should do next.
#[derive(Debug, Clone, PartialEq)]
pub enum DiskJob {
    Write { msn: u64, data: Bytes },
    Remove { msn: u64 },
}

/// A rendition's segments, init segments and playlist.
#[derive(Debug)]
pub struct Store {
    tag: String,
    window: Duration,
    max_memory: usize,
    /// The other renditions' names.
    siblings: Vec<String>,
    target_duration: u32,
    part_target: Option<Duration>,
    next_msn: u64,
    inits: BTreeMap<u64, Bytes>,
    /// Oldest first; those that have left the playlist come first.
    segments: VecDeque<Stored>,
    open: Option<OpenSegment>,
    discontinuity_sequence: u64,
    /// All segments' durations so far: the clock by which segments go.
    published: Duration,
    longest_playlist: Duration,
    ended: bool,
    version: u64,
    garbage: VecDeque<u64>,
    /// The first segment is whole: there is a playlist.
    is_listed: bool,
    /// Of the present version, once somebody asked.
    media: Option<RenderedPlaylist>,
    /// The delta update, the same way; the inner none when nothing can be skipped.
    delta: Option<Option<RenderedPlaylist>>,
}

/// The parts of a segment whose end is not there yet.
#[derive(Debug)]
struct OpenSegment {
    entry: SegmentEntry,
    data: Vec<Bytes>,
}

#[derive(Debug)]
struct Stored {
    entry: SegmentEntry,
    data: Option<Bytes>,
    disk: DiskState,
    /// `published` when it left the playlist.
    left_at: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DiskState {
    Waiting,
    Writing,
    Written,
    Failed,
}

impl Store {
    /// `window`: how far back the playlist reaches at least; `tag` distinguishes this stream's
    /// playlists from another's; `first_msn` is the first segment's number; `max_memory` bounds the bytes of
    /// segments in memory.
    pub fn new(window: Duration, tag: String, first_msn: u64, max_memory: usize) -> Self {
        Self {
            tag,
            window,
            max_memory,
            siblings: Vec::new(),
            target_duration: 1,
            part_target: None,
            next_msn: first_msn,
            inits: BTreeMap::new(),
            segments: VecDeque::new(),
            open: None,
            discontinuity_sequence: 0,
            published: Duration::ZERO,
            longest_playlist: Duration::ZERO,
            ended: false,
            version: 0,
            garbage: VecDeque::new(),
            is_listed: false,
            media: None,
            delta: None,
        }
    }

    /// The other renditions' names, for the reports on them.
    pub fn set_siblings(&mut self, names: Vec<String>) {
        if self.siblings != names {
            self.siblings = names;
            self.changed();
        }
    }

    /// Adds what the packager made. It is in the playlist when this returns, but parts are not before the
    /// first segment is whole: only then is the target duration known.
    pub fn publish(&mut self, packaged: Packaged, targets: Targets) {
        self.part_target = targets.part;
        match packaged {
            Packaged::Init { number, data } => {
                self.inits.insert(number, data);
            }
            Packaged::Part { entry, data } => {
                self.next_msn = entry.msn;
                let mut parts = self.open.take().map_or_else(Vec::new, |open| open.data);
                parts.push(data);
                self.open = Some(OpenSegment { entry, data: parts });
                self.changed();
            }
            Packaged::Segment { entry, data } => {
                self.target_duration = targets.duration.unwrap_or(self.target_duration);
                self.next_msn = entry.msn + 1;
                self.open = None;
                if self.segments.back().is_some_and(|last| last.entry.msn + 1 != entry.msn) {
                    // Numbers have no holes in a playlist: this rendition was away and begins anew.
                    while !self.segments.is_empty() {
                        self.drop_oldest();
                    }
                }
                self.published += entry.duration;
                self.segments.push_back(Stored {
                    entry,
                    data: Some(data),
                    disk: DiskState::Waiting,
                    left_at: None,
                });
                self.slide();
                self.expire();
                self.trim_memory();
                self.is_listed = true;
                self.changed();
            }
        }
    }

    /// `EXT-X-ENDLIST`.
    pub fn end(&mut self) {
        self.ended = true;
        self.changed();
    }

    /// There is a playlist.
    pub fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// The media playlist, once it has a segment.
    pub fn media(&mut self) -> Option<RenderedPlaylist> {
        if self.is_listed && self.media.is_none() {
            let text = self.playlist().render();
            self.media = Some(self.rendered(text, ""));
        }
        self.media.clone()
    }

    /// The media playlist's delta update, or all of it when nothing can be left out.
    pub fn media_delta(&mut self) -> Option<RenderedPlaylist> {
        if self.is_listed && self.delta.is_none() {
            let text = self.playlist().render_delta();
            self.delta = Some(text.map(|text| self.rendered(text, "d")));
        }
        self.delta.clone().flatten().or_else(|| self.media())
    }

    /// How far the media playlist has got.
    pub fn edge(&self) -> Edge {
        Edge {
            next_msn: self.next_msn,
            parts: self.open.as_ref().map_or(0, |open| open.data.len()),
            last_parts: self.segments.back().map_or(0, |last| last.entry.parts.len()),
            target_duration: self.target_duration,
            part_target: self.part_target,
            listed: self.is_listed,
            ended: self.ended,
        }
    }

    /// An init segment.
    pub fn init(&self, number: u64) -> Option<Bytes> {
        self.inits.get(&number).cloned()
    }

    /// Where segment `msn` is, if it can still be had.
    pub fn segment(&self, msn: u64) -> Option<Located> {
        let stored = self.stored(msn)?;
        Some(stored.data.clone().map_or(Located::Disk, Located::Memory))
    }

    /// Where part `part` of segment `msn` is, if it can still be had: a range of that.
    pub fn part(&self, msn: u64, part: usize) -> Option<(Located, Range<usize>)> {
        if let Some(open) = self.open.as_ref().filter(|open| open.entry.msn == msn) {
            let data = open.data.get(part)?;
            return Some((Located::Memory(data.clone()), 0..data.len()));
        }
        let parts = &self.stored(msn)?.entry.parts;
        let length = parts.get(part)?.bytes;
        let from: usize = parts[..part].iter().map(|part| part.bytes).sum();
        Some((self.segment(msn)?, from..from + length))
    }

    /// The first number that no segment, part or init segment has.
    pub fn unused_msn(&self) -> u64 {
        self.next_msn + u64::from(self.open.is_some())
    }

    /// The next file to write or remove; removals first, since they make room.
    pub fn next_disk_job(&mut self) -> Option<DiskJob> {
        if let Some(msn) = self.garbage.pop_front() {
            return Some(DiskJob::Remove { msn });
        }
        let next = self.segments.iter_mut().find(|stored| stored.disk == DiskState::Waiting)?;
        next.disk = DiskState::Writing;
        let data = next.data.clone()?;
        Some(DiskJob::Write { msn: next.entry.msn, data })
    }

    /// Segment `msn` is on disk, or could not be written.
    pub fn written(&mut self, msn: u64, success: bool) {
        match self.segments.iter_mut().find(|stored| stored.entry.msn == msn) {
            Some(stored) => {
                stored.disk = if success { DiskState::Written } else { DiskState::Failed };
                self.trim_memory();
            }
            // It was dropped in the meantime.
            None => self.garbage.push_back(msn),
        }
    }

    fn stored(&self, msn: u64) -> Option<&Stored> {
        let first = self.segments.front()?.entry.msn;
        // Numbers have no holes.
        let index = usize::try_from(msn.checked_sub(first)?).ok()?;
        self.segments.get(index)
    }

    fn listed(&self) -> impl Iterator<Item = &Stored> {
        self.segments.iter().filter(|stored| stored.left_at.is_none())
    }

    /// Takes the oldest segments off the playlist as long as the rest is long enough: the window, six
    /// segments, and three target durations (RFC 8216 §6.2.2).
    fn slide(&mut self) {
        let least = self.window.max(3 * Duration::from_secs(self.target_duration.into()));
        let durations: Vec<Duration> = self.listed().map(|stored| stored.entry.duration).collect();
        let mut left: Duration = durations.iter().sum();
        let removable = durations.len().saturating_sub(MIN_SEGMENTS);
        for oldest in durations.into_iter().take(removable) {
            if left - oldest < least {
                break;
            }
            left -= oldest;
            self.unlist_oldest();
        }
        self.longest_playlist = self.longest_playlist.max(left);
    }

    fn unlist_oldest(&mut self) {
        let published = self.published;
        if let Some(oldest) = self.segments.iter_mut().find(|stored| stored.left_at.is_none()) {
            oldest.left_at = Some(published);
            self.discontinuity_sequence += u64::from(oldest.entry.discontinuity);
        }
    }

    /// Drops what left the playlist long enough ago: its own duration and that of the longest playlist
    /// that listed it (RFC 8216 §6.2.2).
    fn expire(&mut self) {
        while let Some(first) = self.segments.front()
            && let Some(left_at) = first.left_at
            && self.published - left_at >= first.entry.duration + self.longest_playlist
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if self.segments.front().is_some_and(|first| first.left_at.is_none()) {
            self.unlist_oldest();
        }
        let Some(first) = self.segments.pop_front() else { return };
        if first.disk == DiskState::Written {
            self.garbage.push_back(first.entry.msn);
        }
        let oldest_init = self.segments.front().map_or(0, |first| first.entry.init);
        self.inits.retain(|&number, _| number >= oldest_init);
    }

    fn trim_memory(&mut self) {
        let old = self.segments.len().saturating_sub(IN_MEMORY);
        for stored in self.segments.iter_mut().take(old) {
            if stored.disk == DiskState::Written {
                stored.data = None;
            }
        }
        while self.segments.len() > 1 && self.memory() > self.max_memory {
            self.drop_oldest();
            self.changed();
        }
    }

    fn memory(&self) -> usize {
        let open = self.open.iter().flat_map(|open| &open.data);
        self.segments.iter().filter_map(|stored| stored.data.as_ref()).chain(open).map(Bytes::len).sum()
    }

    /// What was rendered is no longer true.
    fn changed(&mut self) {
        self.version += 1;
        self.media = None;
        self.delta = None;
    }

    fn playlist(&self) -> MediaPlaylist<'_> {
        MediaPlaylist {
            target_duration: self.target_duration,
            discontinuity_sequence: self.discontinuity_sequence,
            segments: self.listed().map(|stored| &stored.entry).collect(),
            ended: self.ended,
            low_latency: self.part_target.map(|part_target| LowLatency {
                part_target,
                parts_from: self.next_msn.saturating_sub(WITH_PARTS),
                open: self.open.as_ref().map(|open| &open.entry),
                hint: (self.next_msn, self.open.as_ref().map_or(0, |open| open.data.len())),
            }),
            siblings: &self.siblings,
        }
    }

    fn rendered(&self, text: String, kind: &str) -> RenderedPlaylist {
        RenderedPlaylist::new(text, format!("{}-{}{kind}", self.tag, self.version))
    }
}

#[cfg(test)]
mod tests;
