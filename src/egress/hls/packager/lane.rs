//! One thing a client can choose: a picture with the sound, or the sound alone.

use super::{Packaged, rates::Rates};
use crate::{
    egress::hls::{
        fmp4::{self, Fmp4Error, Muxer},
        playlist::{PartEntry, SegmentEntry},
        segmenter::{Era, FrameRun, Part},
    },
    units::MediaTime,
};
use bytes::Bytes;
use jiff::Timestamp;
use std::{collections::VecDeque, time::Duration};

/// What a lane carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneKind {
    /// The program's picture and sound.
    Program,
    /// The picture of the smaller rendition of this number, and the sound.
    Rendition(usize),
    /// The sound.
    Sound,
}

/// Where a part stands, in every lane.
pub(super) struct Place {
    pub(super) msn: u64,
    pub(super) date_time: Timestamp,
    /// Parts are listed (low latency).
    pub(super) with_parts: bool,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) kind: LaneKind,
    era: Option<LaneEra>,
    open: Option<OpenSegment>,
    next_fragment: u32,
    discontinuity: bool,
    independent: bool,
    rates: Rates,
    ready: VecDeque<Packaged>,
}

#[derive(Debug)]
struct LaneEra {
    number: u32,
    /// Number of its init segment; none if it could not be made, or there is nothing for it.
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

impl Lane {
    pub(super) fn new(kind: LaneKind) -> Self {
        Self {
            kind,
            era: None,
            open: None,
            next_fragment: 1,
            discontinuity: false,
            independent: true,
            rates: Rates::default(),
            ready: VecDeque::new(),
        }
    }

    /// There is, or was, something to play.
    pub(super) fn is_begun(&self) -> bool {
        self.era.as_ref().is_some_and(|era| era.init.is_some())
    }

    /// Every whole segment so far starts with a keyframe.
    pub(super) fn is_independent(&self) -> bool {
        self.independent
    }

    /// Average and peak, bits a second.
    pub(super) fn measured(&self) -> (u64, u64) {
        (self.rates.average(), self.rates.peak())
    }

    pub(super) fn take_ready(&mut self) -> impl Iterator<Item = Packaged> {
        std::mem::take(&mut self.ready).into_iter()
    }

    /// Adds a part; false if the era has nothing for this lane, or its init segment could not be made.
    pub(super) fn package(&mut self, part: &Part, place: &Place) -> Result<bool, Fmp4Error> {
        if self.era.as_ref().is_none_or(|era| era.number != part.era.number) {
            self.enter(part, place.msn)?;
        }
        let kind = self.kind;
        let Some((era, init)) = self.era.as_mut().and_then(|era| era.init.map(|init| (era, init))) else {
            return Ok(false);
        };
        let (run, independent) = kind.share(part);
        let data =
            era.muxer.fragment(&run, self.open.is_none()).inspect_err(|_| self.discontinuity = true)?;
        self.next_fragment = era.muxer.sequence();

        let open = self.open.get_or_insert_with(|| OpenSegment {
            entry: SegmentEntry {
                msn: place.msn,
                init,
                discontinuity: std::mem::take(&mut self.discontinuity),
                date_time: place.date_time,
                duration: Duration::ZERO,
                independent,
                parts: Vec::new(),
            },
            start: part.start,
            data: Vec::new(),
        });
        open.entry.duration = part.end.since(open.start);
        open.data.push(data.clone());
        if place.with_parts {
            let duration = part.end.since(part.start);
            open.entry.parts.push(PartEntry { duration, independent, bytes: data.len() });
            self.ready.push_back(Packaged::Part { entry: open.entry.clone(), data });
        }
        Ok(true)
    }

    /// Ends the segment; `target` is the target duration in seconds.
    pub(super) fn finish(&mut self, target: u32) -> Option<Packaged> {
        let OpenSegment { entry, mut data, .. } = self.open.take()?;
        let data = if data.len() > 1 { data.concat().into() } else { data.pop().unwrap_or_default() };
        self.independent &= entry.independent;
        self.rates.add(data.len() as u64, entry.duration, target);
        Some(Packaged::Segment { entry, data })
    }

    /// A new era: its init segment is named after its first segment.
    fn enter(&mut self, part: &Part, number: u64) -> Result<(), Fmp4Error> {
        self.discontinuity |= self.era.is_some();
        let own = self.kind.own(&part.era);
        let made = own.as_ref().map(fmp4::init_segment).transpose();
        self.era = Some(LaneEra {
            number: part.era.number,
            init: matches!(made, Ok(Some(_))).then_some(number),
            muxer: Muxer::new(own.as_ref().unwrap_or(&part.era), self.next_fragment),
        });
        if let Some(data) = made? {
            self.ready.push_back(Packaged::Init { number, data });
        }
        Ok(())
    }
}

impl LaneKind {
    /// What of an era is this lane's; none when it has nothing of its own to show.
    fn own(self, era: &Era) -> Option<Era> {
        let video = match self {
            Self::Program => era.video.clone(),
            Self::Rendition(index) => Some(era.renditions.get(index)?.clone()?),
            // Where sound is all there is, the program's lane has it.
            Self::Sound if era.video.is_none() || era.audio.is_none() => return None,
            Self::Sound => None,
        };
        Some(Era { video, renditions: Vec::new(), ..era.clone() })
    }

    /// What of a part is this lane's, and whether it can be played without what came before.
    fn share(self, part: &Part) -> (FrameRun, bool) {
        match self {
            Self::Program => (part.run.clone(), part.independent),
            Self::Rendition(index) => {
                let pictures = part.renditions.get(index).cloned().unwrap_or_default();
                let independent =
                    pictures.frames.first().is_some_and(|first| first.keyframe && first.pts == part.start);
                let run = FrameRun { video: pictures.frames, video_end: pictures.end, ..part.run.clone() };
                (run, independent)
            }
            Self::Sound => (FrameRun { video: Vec::new(), ..part.run.clone() }, true),
        }
    }
}
