//! From hub items to the bytes of a growing fragmented MP4. Sans-IO; all times are media times.
//!
//! The rules:
//!
//! 1. The file begins with the first keyframe whose parameters are known. If one track's parameters are not
//!    there yet, frames wait for them up to [`PATIENCE`]; then the file has the other track alone.
//! 2. A fragment ends before the keyframe that comes [`FRAGMENT`] (less half a frame) or more after the last
//!    fragment that began with one, and before any frame [`LONGEST`] after its own start: so long is what a
//!    crash can cost. It takes the sound that has arrived; what comes later is in the next one.
//! 3. One file holds everything. A new worker's frames follow at their own time: a gap stays a gap. Nothing
//!    that arrived is left out, except frames that go back in time.
//! 4. Other picture parameters than the first travel in the stream, before each keyframe, as decoders take
//!    them from there; other sound parameters have no such place, so that sound is left out.

use crate::{
    egress::{
        hls::{
            fmp4::{Fmp4Error, Muxer, init_segment},
            segmenter::{Era, FrameRun},
        },
        hub::HubItem,
    },
    media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig},
    units::MediaTime,
};
use bytes::{BufMut, Bytes, BytesMut};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// How long a fragment regularly is.
pub const FRAGMENT: Duration = Duration::from_secs(2);
/// A fragment ends after so long without a keyframe too.
pub const LONGEST: Duration = Duration::from_millis(2500);
/// How long the first frames wait for the other track's parameters: the worker's tracks differ by less
/// than a second, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Sound so far behind the fragment's start means that the picture stands still.
const STALL: Duration = Duration::from_millis(3500);
/// A fragment is cut at so many bytes as well; no sane stream gets there (200 Mbit/s for 2.5 s).
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Something to append to the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// A fragment; the first one has the file's head before it.
    pub data: Bytes,
    /// From the file's first frame to the end of this fragment.
    pub until: Duration,
}

/// [`handle`](Self::handle) items, then [`poll`](Self::poll) what is to be written.
#[derive(Debug, Default)]
pub struct Fragmenter {
    video: Option<VideoConfig>,
    audio: Option<AudioConfig>,
    /// Frames from before the file's beginning.
    waiting: VecDeque<Arc<EncodedFrame>>,
    open: Option<Open>,
    ready: VecDeque<Result<Piece, Fmp4Error>>,
    discarded: u64,
    unfit: Option<&'static str>,
}

#[derive(Debug)]
struct Open {
    era: Era,
    muxer: Muxer,
    /// What stands before the first fragment; gone with it.
    head: Option<Bytes>,
    lead: Track,
    run: FrameRun,
    bytes: usize,
    start: MediaTime,
    /// Start of the last fragment that began with a keyframe.
    independent: MediaTime,
    video_until: Until,
    audio_until: Until,
    /// Parameter sets that differ from the file's head, as NAL units with their lengths.
    in_band: Option<Bytes>,
    /// There were others than the head's.
    changed: bool,
    end: MediaTime,
}

/// How far a track has got.
#[derive(Debug, Clone, Copy, Default)]
struct Until {
    dts: Option<MediaTime>,
    duration: Duration,
    broken: bool,
}

impl Fragmenter {
    /// Nothing came yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next item.
    pub fn handle(&mut self, item: &HubItem) {
        match item {
            HubItem::Config(config) => self.set_config(config),
            HubItem::Frame(frame) => self.take(frame),
            HubItem::Discontinuity(_) => {
                self.cut(None);
                if let Some(open) = &mut self.open {
                    open.video_until.broken = true;
                }
            }
            HubItem::End => {
                self.begin(true);
                self.cut(None);
            }
        }
    }

    /// The next piece.
    ///
    /// # Errors
    /// When parameters or frames do not fit into MP4; what they concern is lost, polling on goes past it.
    pub fn poll(&mut self) -> Result<Option<Piece>, Fmp4Error> {
        self.ready.pop_front().transpose()
    }

    /// Frames that are not in the file: before its beginning, back in time, of unknown parameters.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// The picture's size, once the file has begun; none without a picture.
    pub fn size(&self) -> Option<(u32, u32)> {
        let video = self.open.as_ref()?.era.video.as_ref()?;
        Some((video.width, video.height))
    }

    /// When the file's first frame is decoded; none before the file has begun.
    pub fn began(&self) -> Option<MediaTime> {
        self.open.as_ref().map(|open| open.era.base)
    }

    /// Why frames are left out now, a sentence.
    pub fn unfit(&self) -> Option<&'static str> {
        self.unfit
    }

    fn set_config(&mut self, config: &TrackConfig) {
        match config {
            TrackConfig::Video(new) => {
                self.video = Some(new.clone());
                if let Some(open) = &mut self.open
                    && let Some(first) = &open.era.video
                    && (first.avcc != new.avcc || open.changed)
                {
                    open.changed = true;
                    // From here on they stand before every keyframe: a decoder that saw others must be
                    // told of the first ones too.
                    open.in_band = parameter_sets(&new.avcc);
                    self.unfit = open.in_band.is_none().then_some("the picture's parameters cannot be read");
                }
            }
            TrackConfig::Audio(new) => {
                self.audio = Some(new.clone());
                let first = self.open.as_ref().and_then(|open| open.era.audio.as_ref());
                if first.is_some_and(|first| (&first.asc, first.sample_rate) != (&new.asc, new.sample_rate)) {
                    self.unfit = Some("the sound has changed its format, for which the file has no place");
                }
            }
        }
    }

    fn take(&mut self, frame: &Arc<EncodedFrame>) {
        if self.open.is_none() {
            self.waiting.push_back(frame.clone());
            self.begin(false);
        } else {
            self.add(frame);
        }
    }

    /// Begins the file if it can begin (rule 1).
    fn begin(&mut self, now: bool) {
        if self.open.is_some() {
            return;
        }
        let lead = if self.video.is_some() { Track::Video } else { Track::Audio };
        let known = |track| match track {
            Track::Video => self.video.is_some(),
            Track::Audio => self.audio.is_some(),
        };
        // Nothing can be done with frames of unknown parameters.
        let before = self.waiting.len();
        self.waiting.retain(|frame| match frame.track {
            Track::Video => known(Track::Video),
            Track::Audio => true,
        });
        let first = self.waiting.iter().position(|frame| frame.track == lead && frame.keyframe);
        let span = self.waiting.front().zip(self.waiting.back()).map(|(a, b)| b.dts.since(a.dts));
        let patient = !now && span.is_none_or(|span| span < PATIENCE);
        self.discarded += (before - self.waiting.len()) as u64;
        let complete = self.video.is_some() && self.audio.is_some();
        let (Some(first), true) = (first, known(lead) && (complete || !patient)) else {
            if !patient {
                // A picture whose keyframe does not come: only the newest sound is of use.
                let keep = self.waiting.back().map(|newest| newest.dts - PATIENCE);
                let old = self.waiting.iter().take_while(|frame| Some(frame.dts) < keep).count();
                self.discarded += self.waiting.drain(..old).count() as u64;
            }
            return;
        };
        let base = self.waiting[first].dts;
        let era = Era {
            number: 0,
            base,
            video: self.video.clone(),
            audio: self.audio.clone(),
            renditions: Vec::new(),
        };
        let head = match init_segment(&era) {
            Ok(head) => head,
            Err(error) => {
                self.ready.push_back(Err(error));
                // Other parameters may come.
                match lead {
                    Track::Video => self.video = None,
                    Track::Audio => self.audio = None,
                }
                self.discarded += self.waiting.drain(..).count() as u64;
                return;
            }
        };
        self.open = Some(Open {
            muxer: Muxer::new(&era, 1),
            era,
            head: Some(head),
            lead,
            run: FrameRun::default(),
            bytes: 0,
            start: base,
            independent: base,
            video_until: Until { broken: true, ..Until::default() },
            audio_until: Until::default(),
            in_band: None,
            changed: false,
            end: base,
        });
        for frame in std::mem::take(&mut self.waiting) {
            self.add(&frame);
        }
    }

    fn add(&mut self, frame: &Arc<EncodedFrame>) {
        if !self.fits(frame) {
            self.discarded += 1;
            return;
        }
        let Some(open) = &self.open else { return };
        let elapsed = frame.dts.since(open.start);
        let half = Duration::from_nanos(frame.duration.0) / 2;
        let lead = frame.track == open.lead;
        // Sound that came before its picture stays with it.
        let due = frame.track == Track::Video && frame.keyframe && !lead_is_empty(open);
        let over = if lead {
            (due && frame.dts.since(open.independent) + half >= FRAGMENT)
                || elapsed + half >= LONGEST
                || (open.lead == Track::Audio && elapsed + half >= FRAGMENT)
        } else {
            elapsed >= STALL
        };
        if over || open.bytes + frame.data.len() > MAX_BYTES {
            self.cut(Some(frame));
        }
        let Some(open) = &mut self.open else { return };
        let frame = match &open.in_band {
            Some(parameters) if frame.track == Track::Video && frame.keyframe => {
                let mut data = BytesMut::with_capacity(parameters.len() + frame.data.len());
                data.put_slice(parameters);
                data.put_slice(&frame.data);
                Arc::new(EncodedFrame { data: data.freeze(), ..EncodedFrame::clone(frame) })
            }
            _ => frame.clone(),
        };
        let empty = open.run.video.is_empty() && open.run.audio.is_empty();
        if empty {
            open.start = frame.dts;
        }
        if frame.track == open.lead && frame.keyframe && lead_is_empty(open) {
            open.independent = frame.dts;
        }
        open.bytes += frame.data.len();
        let duration = Duration::from_nanos(frame.duration.0);
        let until = Until { dts: Some(frame.dts), duration, broken: false };
        open.end = open.end.max(frame.pts + duration);
        match frame.track {
            Track::Video => {
                open.video_until = until;
                open.run.video.push(frame);
            }
            Track::Audio => {
                open.audio_until = until;
                open.run.audio.push(frame);
            }
        }
    }

    /// Whether a frame has a place behind those that are there.
    fn fits(&self, frame: &EncodedFrame) -> bool {
        let Some(open) = &self.open else { return false };
        let until = match frame.track {
            Track::Video => open.video_until,
            Track::Audio => open.audio_until,
        };
        // A replaced worker's last frame may reach into the first one of its successor. Within one worker's
        // frames none can be spared: a participant's pictures, passed through, come as close as they were sent,
        // and those of another one after a switch closer still.
        let reach = if until.broken { until.duration / 2 } else { Duration::ZERO };
        let follows = until.dts.is_none_or(|dts| frame.dts >= dts + reach && frame.dts > dts);
        let decodable = !until.broken || frame.keyframe;
        let known = match frame.track {
            Track::Video => match (&open.era.video, &self.video) {
                (Some(_), Some(_)) => !open.changed || open.in_band.is_some(),
                _ => false,
            },
            Track::Audio => match (&open.era.audio, &self.audio) {
                (Some(first), Some(now)) => (&first.asc, first.sample_rate) == (&now.asc, now.sample_rate),
                _ => false,
            },
        };
        follows && decodable && known && frame.dts >= open.era.base
    }

    /// Ends the running fragment, before `next` if that is known.
    fn cut(&mut self, next: Option<&EncodedFrame>) {
        let Some(open) = &mut self.open else { return };
        if open.run.video.is_empty() && open.run.audio.is_empty() {
            return;
        }
        let mut run = std::mem::take(&mut open.run);
        open.bytes = 0;
        let own_end = |until: Until| until.dts.map_or(open.era.base, |dts| dts + until.duration);
        run.video_end = own_end(open.video_until);
        run.audio_end = own_end(open.audio_until);
        // A frame lasts until the next one, as far as that is not a gap.
        if let Some(next) = next {
            let end = match next.track {
                Track::Video => &mut run.video_end,
                Track::Audio => &mut run.audio_end,
            };
            if next.dts.since(*end) < FRAGMENT / 4 {
                *end = next.dts;
            }
        }
        let frames = (run.video.len() + run.audio.len()) as u64;
        let until = open.end.since(open.era.base);
        let made = open.muxer.fragment(&run, false).map(|fragment| {
            let data = match open.head.take() {
                Some(head) => [head, fragment].concat().into(),
                None => fragment,
            };
            Piece { data, until }
        });
        if made.is_err() {
            self.discarded += frames;
        }
        self.ready.push_back(made);
    }
}

fn lead_is_empty(open: &Open) -> bool {
    match open.lead {
        Track::Video => open.run.video.is_empty(),
        Track::Audio => open.run.audio.is_empty(),
    }
}

/// The sequence and picture parameter sets of an avcC (ISO 14496-15 §5.3.3.1.2), each behind its length in
/// four bytes as in the stream.
fn parameter_sets(avcc: &[u8]) -> Option<Bytes> {
    let mut out = BytesMut::new();
    let mut rest = avcc.get(5..)?;
    for mask in [0x1f, 0xff] {
        let count = rest.first()? & mask;
        rest = &rest[1..];
        if count == 0 {
            return None;
        }
        for _ in 0..count {
            let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
            let unit = rest.get(2..2 + length).filter(|unit| !unit.is_empty())?;
            out.put_u32(length as u32);
            out.put_slice(unit);
            rest = &rest[2 + length..];
        }
    }
    Some(out.freeze())
}

#[cfg(test)]
mod tests;
