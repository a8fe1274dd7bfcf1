//! From hub items to named segments: the segmenter, the muxers and the bit rates in one. Sans-IO.
//!
//! What a client can choose from is a *lane*: the program's picture with its sound, each smaller rendition
//! with the same sound, and the sound alone. All lanes have the same segments and parts with the same
//! numbers, durations and discontinuities, since one segmenter cuts them all.

use crate::{
    egress::{
        hls::{
            codec,
            fmp4::Fmp4Error,
            playlist::{SegmentEntry, Variant},
            segmenter::{Cut, Pace, Part, Segmenter},
        },
        hub::HubItem,
    },
    units::{Kbps, MediaTime},
};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use std::{collections::VecDeque, time::Duration};

/// What a picture is taken to need whose rate nobody knows before: as much as libwebrtc sends of 720p at most
/// unless it is told otherwise.
const UNKNOWN_KBPS: u32 = 2500;

mod lane;
mod rates;

pub use lane::LaneKind;
use lane::{Lane, Place};

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

/// How segments are to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutting {
    /// Shortest regular segment.
    pub segment: Duration,
    /// Longest part; none without low latency.
    pub part: Option<Duration>,
    /// How regularly frames come.
    pub pace: Pace,
}

/// [`handle`](Self::handle) items, then [`poll`](Self::poll) what came of them.
#[derive(Debug)]
pub struct Packager {
    segmenter: Segmenter,
    epoch: Timestamp,
    cutting: Cutting,
    next_msn: u64,
    /// The program first.
    lanes: Vec<Lane>,
    ready: VecDeque<(usize, Packaged)>,
    discarded: u64,
}

impl Packager {
    /// `lanes`: the program first; `epoch` is the wall-clock time of media time 0; `first_msn` the first
    /// segment's number.
    pub fn new(lanes: &[LaneKind], cutting: Cutting, epoch: Timestamp, first_msn: u64) -> Self {
        let renditions = lanes.iter().filter(|kind| matches!(kind, LaneKind::Rendition(_))).count();
        Self {
            segmenter: Segmenter::with_renditions(cutting.segment, cutting.part, renditions)
                .paced(cutting.pace),
            epoch,
            cutting,
            next_msn: first_msn,
            lanes: lanes.iter().map(|kind| Lane::new(*kind)).collect(),
            ready: VecDeque::new(),
            discarded: 0,
        }
    }

    /// Takes the next item of the program.
    pub fn handle(&mut self, item: &HubItem) {
        self.segmenter.handle(item);
    }

    /// Takes a smaller rendition's next item; see [`Segmenter::handle_rendition`] for the order.
    pub fn handle_rendition(&mut self, rendition: usize, item: &HubItem) {
        self.segmenter.handle_rendition(rendition, item);
    }

    /// The next thing to store, and the number of its lane.
    ///
    /// # Errors
    /// When an era's parameters or a part cannot be written; polling on goes past it.
    pub fn poll(&mut self) -> Result<Option<(usize, Packaged)>, Fmp4Error> {
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

    /// Every segment so far starts with a keyframe, in every lane.
    pub fn independent(&self) -> bool {
        self.lanes.iter().all(Lane::is_independent)
    }

    /// Frames that came into no segment.
    pub fn discarded(&self) -> u64 {
        self.segmenter.discarded() + self.discarded
    }

    /// What the multivariant playlist says of each lane; none of one that has nothing to play yet. The
    /// rates are the encoder's targets with the container's overhead and a quarter more for the peak, or
    /// what was measured, whichever is higher.
    pub fn variants(&self) -> Vec<Option<Variant>> {
        self.lanes.iter().map(|lane| self.variant(lane)).collect()
    }

    fn variant(&self, lane: &Lane) -> Option<Variant> {
        let audio = self.segmenter.audio();
        let video = match lane.kind {
            LaneKind::Program => self.segmenter.video(),
            LaneKind::Rendition(index) => Some(self.segmenter.rendition(index)?),
            LaneKind::Sound => None,
        };
        if !lane.is_begun() {
            return None;
        }
        let kbps = video.map_or(0, |video| if video.kbps == 0 { UNKNOWN_KBPS } else { video.kbps })
            + audio.map_or(0, |audio| audio.kbps);
        // Per fragment styp, moof and their like; per sample at most duration, size and flags.
        let fragment = self.part_target().unwrap_or(self.cutting.segment);
        let boxes = 250.0 / fragment.as_secs_f64().max(0.1)
            + 12.0 * f64::from(video.map_or(0, |video| video.fps))
            + 8.0 * f64::from(audio.map_or(0, |audio| audio.sample_rate / 1024));
        let planned = Kbps(kbps).bits_per_second() + (boxes * 8.0) as u64;
        let (average, peak) = lane.measured();
        let average = planned.max(average);
        Some(Variant {
            peak: (average + average / 4).max(peak),
            average,
            codecs: [video.and_then(codec::avc1), audio.and_then(codec::mp4a)]
                .into_iter()
                .flatten()
                .collect(),
            picture: video.map(|video| (video.width, video.height, video.fps)),
        })
    }

    /// The program goes first: what it cannot write, no lane has, or their numbers would part.
    fn package(&mut self, part: &Part) -> Result<(), Fmp4Error> {
        let frames = (part.run.video.len() + part.run.audio.len()) as u64;
        let place = Place {
            msn: self.next_msn,
            date_time: self.wall_clock(part.start),
            with_parts: self.cutting.part.is_some(),
        };
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            let packaged = lane.package(part, &place);
            self.ready.extend(lane.take_ready().map(|packaged| (number, packaged)));
            match packaged {
                Ok(true) => {}
                Ok(false) if number > 0 => {}
                Ok(false) => {
                    self.discarded += frames;
                    return Ok(());
                }
                Err(error) => {
                    self.discarded += frames;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The segment's end.
    fn finish(&mut self) {
        let target = self.target_duration().unwrap_or(1);
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            match lane.finish(target) {
                Some(segment) => self.ready.push_back((number, segment)),
                None if number == 0 => return,
                None => {}
            }
        }
        self.next_msn += 1;
    }

    fn wall_clock(&self, at: MediaTime) -> Timestamp {
        let since_epoch = SignedDuration::from_nanos(i64::try_from(at.0).unwrap_or(i64::MAX));
        self.epoch.checked_add(since_epoch).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests;
