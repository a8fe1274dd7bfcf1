//! From hub items to named segments: the segmenter, the muxer and the bit rates in one. Sans-IO.

use crate::{
    egress::{
        hls::{
            RENDITION, codec,
            fmp4::{self, Fmp4Error, Muxer},
            playlist::{PartEntry, SegmentEntry, Variant},
            segmenter::{Cut, Part, Segmenter},
        },
        hub::HubItem,
    },
    units::{Kbps, MediaTime},
};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use std::{collections::VecDeque, time::Duration};

/// Something to be stored, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Packaged {
    /// An init segment; the segments after it name it.
    Init { number: u64, data: Bytes },
    /// The newest part of a segment, which is so far as `entry` says; only with low latency.
    Part { entry: SegmentEntry, data: Bytes },
    /// A whole segment: its parts, one after the other.
    Segment { entry: SegmentEntry, data: Bytes },
}

/// [`handle`](Self::handle) items, then [`poll`](Self::poll) what came of them.
#[derive(Debug)]
pub struct Packager {
    segmenter: Segmenter,
    epoch: Timestamp,
    segment: Duration,
    low_latency: bool,
    next_msn: u64,
    era: Option<PackagedEra>,
    open: Option<OpenSegment>,
    next_fragment: u32,
    discontinuity: bool,
    independent: bool,
    rates: Rates,
    ready: VecDeque<Packaged>,
    discarded: u64,
}

#[derive(Debug)]
struct PackagedEra {
    number: u32,
    /// Number of its init segment; none if it could not be made.
    init: Option<u64>,
    muxer: Muxer,
}

/// The segment whose end is not there yet.
#[derive(Debug)]
struct OpenSegment {
    entry: SegmentEntry,
    start: MediaTime,
    data: Vec<Bytes>,
}

/// Measured over the whole cast.
#[derive(Debug, Default)]
struct Rates {
    bytes: u64,
    duration: Duration,
    peak: u64,
}

impl Packager {
    /// `epoch` is the wall-clock time of media time 0; `first_msn` the first segment's number. `part`:
    /// the longest part, none without low latency.
    pub fn new(segment: Duration, part: Option<Duration>, epoch: Timestamp, first_msn: u64) -> Self {
        Self {
            segmenter: Segmenter::new(segment, part),
            epoch,
            segment,
            low_latency: part.is_some(),
            next_msn: first_msn,
            era: None,
            open: None,
            next_fragment: 1,
            discontinuity: false,
            independent: true,
            rates: Rates::default(),
            ready: VecDeque::new(),
            discarded: 0,
        }
    }

    /// Takes the next item.
    pub fn handle(&mut self, item: &HubItem) {
        self.segmenter.handle(item);
    }

    /// The next thing to store.
    ///
    /// # Errors
    /// When an era's parameters or a part cannot be written; polling on goes past it.
    pub fn poll(&mut self) -> Result<Option<Packaged>, Fmp4Error> {
        while self.ready.is_empty() {
            match self.segmenter.poll() {
                Some(Cut::Part(part)) => self.package(&part)?,
                Some(Cut::SegmentEnd) => self.finish(),
                None => return Ok(None),
            }
        }
        Ok(self.ready.pop_front())
    }

    /// `EXT-X-TARGETDURATION`, seconds; known with the first segment.
    pub fn target_duration(&self) -> Option<u32> {
        self.segmenter.target_duration()
    }

    /// `PART-TARGET`; known with the first part, none without low latency.
    pub fn part_target(&self) -> Option<Duration> {
        self.segmenter.part_target()
    }

    /// Every segment so far starts with a keyframe.
    pub fn independent(&self) -> bool {
        self.independent
    }

    /// Frames that came into no segment.
    pub fn discarded(&self) -> u64 {
        self.segmenter.discarded() + self.discarded
    }

    /// What the multivariant playlist says. The rates are the encoder's targets with the container's
    /// overhead and a quarter more for the peak, or what was measured, whichever is higher.
    pub fn variant(&self) -> Variant {
        let (video, audio) = (self.segmenter.video(), self.segmenter.audio());
        let kbps = video.map_or(0, |video| video.kbps) + audio.map_or(0, |audio| audio.kbps);
        // Per fragment styp, moof and their like; per sample at most duration, size and flags.
        let fragment = self.part_target().unwrap_or(self.segment);
        let boxes = 250.0 / fragment.as_secs_f64().max(0.1)
            + 12.0 * f64::from(video.map_or(0, |video| video.fps))
            + 8.0 * f64::from(audio.map_or(0, |audio| audio.sample_rate / 1024));
        let planned = Kbps(kbps).bits_per_second() + (boxes * 8.0) as u64;
        let average = planned.max(bits_per_second(self.rates.bytes, self.rates.duration));
        Variant {
            name: RENDITION,
            peak: (average + average / 4).max(self.rates.peak),
            average,
            codecs: [video.and_then(codec::avc1), audio.and_then(codec::mp4a)]
                .into_iter()
                .flatten()
                .collect(),
            picture: video.map(|video| (video.width, video.height, video.fps)),
        }
    }

    fn package(&mut self, part: &Part) -> Result<(), Fmp4Error> {
        if self.era.as_ref().is_none_or(|era| era.number != part.era.number) {
            self.enter(part)?;
        }
        let frames = (part.run.video.len() + part.run.audio.len()) as u64;
        let Some((era, init)) = self.era.as_mut().and_then(|era| era.init.map(|init| (era, init))) else {
            self.discarded += frames;
            return Ok(());
        };
        let data = era.muxer.fragment(&part.run, self.open.is_none()).inspect_err(|_| {
            self.discarded += frames;
            self.discontinuity = true;
        })?;
        self.next_fragment = era.muxer.sequence();

        let date_time = self.wall_clock(part.start);
        let open = self.open.get_or_insert_with(|| OpenSegment {
            entry: SegmentEntry {
                msn: self.next_msn,
                init,
                discontinuity: std::mem::take(&mut self.discontinuity),
                date_time,
                duration: Duration::ZERO,
                independent: part.independent,
                parts: Vec::new(),
            },
            start: part.start,
            data: Vec::new(),
        });
        open.entry.duration = part.end.since(open.start);
        open.data.push(data.clone());
        if self.low_latency {
            open.entry.parts.push(PartEntry {
                duration: part.end.since(part.start),
                independent: part.independent,
                bytes: data.len(),
            });
            self.ready.push_back(Packaged::Part { entry: open.entry.clone(), data });
        }
        Ok(())
    }

    /// The segment's end.
    fn finish(&mut self) {
        let Some(OpenSegment { entry, mut data, .. }) = self.open.take() else { return };
        let data = if data.len() > 1 { data.concat().into() } else { data.pop().unwrap_or_default() };
        self.independent &= entry.independent;
        self.measure(data.len(), entry.duration);
        self.next_msn += 1;
        self.ready.push_back(Packaged::Segment { entry, data });
    }

    /// A new era: its init segment is named after its first segment.
    fn enter(&mut self, part: &Part) -> Result<(), Fmp4Error> {
        self.discontinuity |= self.era.is_some();
        let made = fmp4::init_segment(&part.era);
        self.era = Some(PackagedEra {
            number: part.era.number,
            init: made.is_ok().then_some(self.next_msn),
            muxer: Muxer::new(&part.era, self.next_fragment),
        });
        match made {
            Ok(data) => {
                self.ready.push_back(Packaged::Init { number: self.next_msn, data });
                Ok(())
            }
            Err(error) => {
                self.discarded += (part.run.video.len() + part.run.audio.len()) as u64;
                Err(error)
            }
        }
    }

    fn measure(&mut self, bytes: usize, duration: Duration) {
        self.rates.bytes += bytes as u64;
        self.rates.duration += duration;
        // RFC 8216 §4.3.4.2 takes the peak over at least half a target duration: the end of an era,
        // one keyframe long, is none.
        let enough = Duration::from_secs(self.target_duration().unwrap_or(1).into()) / 2;
        if duration >= enough {
            self.rates.peak = self.rates.peak.max(bits_per_second(bytes as u64, duration));
        }
    }

    fn wall_clock(&self, at: MediaTime) -> Timestamp {
        let since_epoch = SignedDuration::from_nanos(i64::try_from(at.0).unwrap_or(i64::MAX));
        self.epoch.checked_add(since_epoch).unwrap_or(Timestamp::MAX)
    }
}

fn bits_per_second(bytes: u64, duration: Duration) -> u64 {
    if duration.is_zero() { 0 } else { (bytes as f64 * 8.0 / duration.as_secs_f64()).ceil() as u64 }
}

#[cfg(test)]
mod tests;
