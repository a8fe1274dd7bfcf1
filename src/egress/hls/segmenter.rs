//! Where one segment ends and the next begins, and where a segment is divided into parts (partial
//! segments, for low latency). Sans-IO; all times are media times.
//!
//! The rules, in the order in which they win:
//!
//! 1. A segment starts at a keyframe. It ends at the first keyframe that comes `segment` (less half a
//!    frame) or more after its start; a keyframe forced earlier does not end it.
//! 2. No segment is longer than the target duration + 0.5 s (Apple's authoring specification, 7.7;
//!    RFC 8216 §4.3.3.1 rounds `EXTINF` to the same effect). If one would be, it is split afterwards
//!    at the last keyframe inside it; without one, it ends between two ordinary frames and its
//!    successor is marked as not independent. With parts there is no afterwards, since they are out
//!    already: such a segment always ends between two frames.
//! 3. The target duration is `segment` in whole seconds, rounded up, or the length of the first
//!    segment if that is longer, since an encoder may make keyframes less often (the first segment
//!    waits for one up to [`FIRST_SEGMENT_LIMIT`]). From then on it never changes.
//! 4. Sound belongs to the segment in which it starts. A finished segment waits for its sound until
//!    a frame at or after the cut came, or the picture is [`SOUND_PATIENCE`] past it; what comes later
//!    still goes into the segment that is open then.
//! 5. An *era* is a run of segments that a decoder can play through with one init segment. A new one
//!    begins with a new worker, with other codec parameters, and after a hole of more than [`MAX_GAP`];
//!    the old one is closed with what it has. A worker that died left its tracks ragged: pictures past
//!    the sound's end ([`RAGGED`] at most) go with it, since players put the next era right after the
//!    picture and stall in a hole of the sound.
//!
//! 6. With parts, `PART-TARGET` is the largest whole number of the first era's frames that fits into
//!    what was asked for, and never changes. A part ends before the first frame that comes so much
//!    after its start, or with its segment; then it waits for its sound by rule 4. A missing frame
//!    never makes a part longer than `PART-TARGET`: the part ends where it should have, and the next one
//!    begins there. If that one would have no frame at all, a new era begins.
//!
//! 7. Smaller renditions follow the program's picture: their parts and segments end where its do, and wait
//!    for their pictures as they wait for their sound. They decide nothing.
//!
//! 8. Pictures that come as a participant sends them ([`Pace::AsSent`]) are less regular: a keyframe was asked for
//!    and comes a little early or late, so rule 1 takes one that comes three quarters of a segment after its
//!    start; a segment without one ends [`RESERVE`] before rule 2 forbids more; and a frame is shown until the next one for up to [`AS_SENT_GAP`] before rule 5 calls it a hole.
//!
//! The track that leads is video. Only if no video parameters came in [`SOUND_ALONE_AFTER`] of sound
//! does sound lead, so that a cast without a picture can be heard.

use crate::{
    egress::hub::HubItem,
    media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig},
    units::MediaTime,
};
use std::{collections::VecDeque, sync::Arc, time::Duration};

mod assembly;
mod cutting;
mod follower;
mod running;
mod segment;

use follower::Follower;
use running::{Closing, OpenEra};
pub use segment::{Cut, Era, FrameRun, Part, PictureRun};

/// How long a finished segment waits for its sound: five times what the worker's tracks differ by.
pub const SOUND_PATIENCE: Duration = Duration::from_millis(500);
/// A longer hole in the leading track is a discontinuity; a shorter one prolongs a frame.
pub const MAX_GAP: Duration = Duration::from_millis(500);
/// The same where a participant sends: after a second without a picture the worker shows the slate, whose
/// parameters begin an era anyway. A hole in a GOP would cost all of the GOP's rest.
pub const AS_SENT_GAP: Duration = Duration::from_millis(1500);
/// By how much a participant's next frame may be later than the last one was after the one before, without making
/// a segment too long: four frames at 30 a second.
const RESERVE: Duration = Duration::from_millis(150);
/// Sound without any video parameters for so long leads.
pub const SOUND_ALONE_AFTER: Duration = Duration::from_secs(3);
/// The first segment waits so long for the keyframe that ends it.
pub const FIRST_SEGMENT_LIMIT: Duration = Duration::from_millis(10_499);
/// What a dead worker's picture may be ahead of its sound: what its encoders hold back differs by tens
/// of milliseconds. Where more is missing, the sound failed before the worker did.
const RAGGED: Duration = Duration::from_millis(250);
/// Sound further than this past the picture means that the picture stands still: the era is closed,
/// so that viewers get what there is.
const STALL: Duration = Duration::from_secs(2);
/// A segment is also cut at so many bytes: 200 Mbit/s for 2.5 s. It bounds memory; no sane stream
/// gets there.
const MAX_SEGMENT_BYTES: usize = 64 * 1024 * 1024;
/// By how much a segment may exceed the target duration: half a second, less what rounding adds.
const TOLERANCE: Duration = Duration::from_millis(499);

/// How regularly pictures come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// At the rate that their parameters say, with keyframes at exact distances.
    #[default]
    Steady,
    /// As a participant sends them (rule 8).
    AsSent,
}

/// The state machine: [`handle`](Self::handle) items, then [`poll`](Self::poll) parts and segments.
#[derive(Debug)]
pub struct Segmenter {
    segment: Duration,
    pace: Pace,
    /// Longest part asked for; none: a segment is one part.
    part: Option<Duration>,
    part_target: Option<Duration>,
    target: Option<u32>,
    video: Option<VideoConfig>,
    audio: Option<AudioConfig>,
    base: Option<MediaTime>,
    eras: u32,
    open: Option<OpenEra>,
    closing: VecDeque<Closing>,
    /// The following track's frames that are in no segment yet.
    sound: VecDeque<Arc<EncodedFrame>>,
    /// Decoding time of the newest of them.
    sound_at: Option<MediaTime>,
    followers: Vec<Follower>,
    /// The era of the newest part that went out, as it went out.
    sealed: Option<Arc<Era>>,
    done: VecDeque<Cut>,
    discarded: u64,
}

impl Segmenter {
    /// `segment`: the shortest regular segment. It should not be shorter than the encoder's keyframe
    /// distance; rule 3 covers it if it is. `part`: the longest part, none for segments in one piece.
    pub fn new(segment: Duration, part: Option<Duration>) -> Self {
        Self::with_renditions(segment, part, 0)
    }

    /// The same with so many smaller renditions.
    pub fn with_renditions(segment: Duration, part: Option<Duration>, renditions: usize) -> Self {
        Self {
            segment,
            pace: Pace::Steady,
            part,
            part_target: None,
            target: None,
            video: None,
            audio: None,
            base: None,
            eras: 0,
            open: None,
            closing: VecDeque::new(),
            sound: VecDeque::new(),
            sound_at: None,
            followers: (0..renditions).map(|_| Follower::default()).collect(),
            sealed: None,
            done: VecDeque::new(),
            discarded: 0,
        }
    }

    /// The same for pictures that come so.
    pub fn paced(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Takes the next item.
    pub fn handle(&mut self, item: &HubItem) {
        match item {
            HubItem::Config(config) => self.set_config(config),
            HubItem::Frame(frame) => {
                self.take(frame);
                self.release(false);
            }
            HubItem::Discontinuity(_) | HubItem::End => {
                if let HubItem::Discontinuity(_) = item {
                    self.trim_to_sound();
                }
                self.close_era();
                // Sound past the picture's end would overlap the next era's.
                self.discarded += self.sound.len() as u64;
                self.sound.clear();
                self.sound_at = None;
                self.discarded += self.followers.iter_mut().map(Follower::clear).sum::<u64>();
            }
        }
    }

    /// Takes a smaller rendition's next item. Whoever calls takes care that what came before the program's
    /// break comes before it, and what came after it after it; the break itself is the program's to tell.
    pub fn handle_rendition(&mut self, rendition: usize, item: &HubItem) {
        let began = self.open.as_ref().map(|open| open.began);
        let Some(follower) = self.followers.get_mut(rendition) else { return };
        match item {
            HubItem::Config(config) => {
                let TrackConfig::Video(new) = config.as_ref() else { return };
                let old = follower.config.replace(new.clone());
                let changed = old.as_ref().is_some_and(|old| video_differs(old, new));
                // A part of the era is out and says that there is no such rendition.
                let late = self.sealed.as_ref().zip(self.open.as_ref()).is_some_and(|(sealed, open)| {
                    sealed.number == open.era.number
                        && sealed.renditions.get(rendition).is_some_and(Option::is_none)
                });
                if changed || late {
                    self.close_era();
                }
            }
            HubItem::Frame(frame) => {
                self.discarded += follower.take(frame, began);
                self.release(false);
            }
            HubItem::Discontinuity(_) | HubItem::End => {}
        }
    }

    /// A smaller rendition's latest parameters.
    pub fn rendition(&self, rendition: usize) -> Option<&VideoConfig> {
        self.followers.get(rendition)?.config.as_ref()
    }

    /// The next finished part, or the end of a segment.
    pub fn poll(&mut self) -> Option<Cut> {
        self.done.pop_front()
    }

    /// `EXT-X-TARGETDURATION`, seconds; fixed with the first segment.
    pub fn target_duration(&self) -> Option<u32> {
        self.target
    }

    /// `PART-TARGET`; fixed with the first frame.
    pub fn part_target(&self) -> Option<Duration> {
        self.part_target
    }

    /// The latest parameters.
    pub fn video(&self) -> Option<&VideoConfig> {
        self.video.as_ref()
    }

    /// The latest parameters.
    pub fn audio(&self) -> Option<&AudioConfig> {
        self.audio.as_ref()
    }

    /// Frames that came into no segment: before the first keyframe, out of order, in a hole.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    fn set_config(&mut self, config: &TrackConfig) {
        let (changed, new) = match config {
            TrackConfig::Video(new) => {
                let old = self.video.replace(new.clone());
                (old.as_ref().is_some_and(|old| video_differs(old, new)), old.is_none())
            }
            TrackConfig::Audio(new) => {
                let old = self.audio.replace(new.clone());
                (old.as_ref().is_some_and(|old| audio_differs(old, new)), old.is_none())
            }
        };
        if changed {
            self.close_era();
        } else if new && self.open.is_some() {
            self.add_track();
        }
    }

    /// A track's first parameters came after the other one's first frames. As long as nothing of the
    /// era is finished, it simply gets the track.
    fn add_track(&mut self) {
        let follows = self.open.as_ref().is_some_and(|open| open.lead == self.lead());
        let fresh = self.open.as_mut().filter(|open| open.fresh);
        match fresh.and_then(|open| Arc::get_mut(&mut open.era)) {
            Some(era) if follows => era.audio.clone_from(&self.audio),
            _ => self.close_era(),
        }
    }

    fn lead(&self) -> Track {
        if self.video.is_some() { Track::Video } else { Track::Audio }
    }

    fn take(&mut self, frame: &Arc<EncodedFrame>) {
        match (frame.track, self.lead()) {
            (Track::Video, Track::Audio) => self.discarded += 1,
            (Track::Audio, Track::Video) => self.take_sound(frame),
            (Track::Video, Track::Video) => self.take_lead(frame),
            (Track::Audio, Track::Audio) if self.audio.is_none() => self.discarded += 1,
            (Track::Audio, Track::Audio) if self.open.is_some() => self.take_lead(frame),
            (Track::Audio, Track::Audio) => {
                self.take_sound(frame);
                let span = self.sound.front().map(|first| frame.dts.since(first.dts));
                if span.is_some_and(|span| span >= SOUND_ALONE_AFTER) {
                    for frame in std::mem::take(&mut self.sound) {
                        self.take_lead(&frame);
                    }
                }
            }
        }
    }

    fn take_sound(&mut self, frame: &Arc<EncodedFrame>) {
        let too_early = self.open.as_ref().is_some_and(|open| frame.pts < open.began);
        if self.audio.is_none() || too_early || self.sound_at.is_some_and(|at| frame.dts <= at) {
            self.discarded += 1;
            return;
        }
        self.sound_at = Some(frame.dts);
        self.sound.push_back(frame.clone());
        if let Some(open) = &self.open {
            if frame.dts.since(open.decoded_until()) > STALL {
                self.close_era();
            }
        } else if self.video.is_some() {
            // Waiting for a keyframe: only the newest sound can still meet one.
            while self.sound.front().is_some_and(|first| frame.dts.since(first.dts) > STALL) {
                self.sound.pop_front();
                self.discarded += 1;
            }
        }
    }

    fn take_lead(&mut self, frame: &Arc<EncodedFrame>) {
        loop {
            let Some(open) = &self.open else {
                self.start_era(frame);
                return;
            };
            let Some(last) = open.frames.last() else { return };
            if frame.dts <= last.dts || frame.pts < open.start {
                self.discarded += 1;
                return;
            }
            let limit = self.target.map_or(FIRST_SEGMENT_LIMIT, |target| whole(target) + TOLERANCE);
            let split_limit = whole(self.target.unwrap_or(self.planned_target())) + TOLERANCE;
            let elapsed = frame.pts.since(open.start);
            let half = self.frame_duration() / 2;
            // How many parts the running one would be with this frame: it may have no second whole one.
            let in_part = frame.pts.since(open.part_start) + half;
            let part_over = open.part_length.is_some_and(|length| in_part >= length);
            let starved = open.part_length.is_some_and(|length| in_part >= 2 * length);
            // How far away the next frame may be, as far as one can know.
            let mut step = self.frame_duration().max(frame.dts.since(last.dts));
            let full = open.bytes + frame.data.len() > MAX_SEGMENT_BYTES;
            let divisible = open.part_length.is_none();
            let (early, max_gap) = match self.pace {
                Pace::Steady => (half, MAX_GAP),
                Pace::AsSent => {
                    step = step.max(RESERVE);
                    (self.segment / 4, AS_SENT_GAP)
                }
            };

            if frame.dts.since(open.decoded_until()) > max_gap || starved {
                self.close_era();
            } else if frame.keyframe && elapsed + early >= self.segment && elapsed <= limit {
                self.cut(frame, true);
                break;
            } else if divisible && elapsed + step > split_limit && self.split_at_last_keyframe() {
                // Look again: the running segment is shorter now.
            } else if elapsed > limit {
                self.close_era();
            } else if elapsed + step > limit || full {
                self.cut(frame, true);
                break;
            } else {
                if part_over {
                    self.cut(frame, false);
                }
                break;
            }
        }
        if let Some(open) = &mut self.open {
            open.bytes += frame.data.len();
            open.frames.push(frame.clone());
        }
    }

    fn start_era(&mut self, frame: &Arc<EncodedFrame>) {
        if !frame.keyframe {
            self.discarded += 1;
            return;
        }
        let before = self.sound.len();
        self.sound.retain(|sound| sound.pts >= frame.pts);
        self.discarded += (before - self.sound.len()) as u64;
        self.discarded += self.followers.iter_mut().map(|follower| follower.begin(frame.pts)).sum::<u64>();
        let era = Era {
            number: self.eras,
            base: *self.base.get_or_insert(frame.dts),
            video: self.video.clone(),
            audio: self.audio.clone(),
            // Known when its first part goes out.
            renditions: Vec::new(),
        };
        self.eras += 1;
        self.open = Some(OpenEra {
            era: Arc::new(era),
            lead: frame.track,
            began: frame.pts,
            start: frame.pts,
            part_start: frame.pts,
            part_length: self.part_length(),
            frames: vec![frame.clone()],
            bytes: frame.data.len(),
            fresh: true,
        });
    }

    /// The new era's length of a part: as many frames as fit into the target, which the first era sets.
    fn part_length(&mut self) -> Option<Duration> {
        let longest = self.part_target.or(self.part)?;
        let (units, rate) = self.frame_rate();
        let frames = |n: u128| (n * units * 1_000_000_000).div_ceil(rate);
        // The target was rounded up like this length, so the same rate gives the same number again.
        let n = (longest.as_nanos() * rate / (units * 1_000_000_000)).max(1);
        let length = Duration::from_nanos(u64::try_from(frames(n)).unwrap_or(u64::MAX));
        self.part_target.get_or_insert(length);
        Some(length)
    }

    fn planned_target(&self) -> u32 {
        (self.segment.as_millis() as u32).div_ceil(1000).max(1)
    }

    /// The nominal duration of the leading track's frames.
    fn frame_duration(&self) -> Duration {
        match (&self.video, &self.audio) {
            (Some(video), _) => Duration::from_secs(1) / video.fps.max(1),
            (None, Some(audio)) => aac_frame(audio),
            (None, None) => Duration::ZERO,
        }
    }

    /// The same without rounding: a frame lasts `units / rate` seconds.
    fn frame_rate(&self) -> (u128, u128) {
        match (&self.video, &self.audio) {
            (Some(video), _) => (1, video.fps.max(1).into()),
            (None, audio) => (1024, audio.as_ref().map_or(48_000, |audio| audio.sample_rate.max(1)).into()),
        }
    }
}

fn whole(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// A frame's own duration, or the nominal one if it has none.
fn duration_of(frame: &EncodedFrame, nominal: Duration) -> Duration {
    if frame.duration == MediaTime::ZERO { nominal } else { Duration::from_nanos(frame.duration.0) }
}

fn sound_step(era: &Era) -> Duration {
    era.audio.as_ref().map_or(Duration::ZERO, aac_frame)
}

/// 1024 samples (ISO 14496-3 §4.5.2.1).
fn aac_frame(audio: &AudioConfig) -> Duration {
    Duration::from_secs(1024) / audio.sample_rate.max(1)
}

/// Whether a decoder (or a player) must be told; a bit rate it finds out by itself.
fn video_differs(a: &VideoConfig, b: &VideoConfig) -> bool {
    (&a.avcc, a.width, a.height, a.fps) != (&b.avcc, b.width, b.height, b.fps)
}

fn audio_differs(a: &AudioConfig, b: &AudioConfig) -> bool {
    (&a.asc, a.sample_rate, a.channels) != (&b.asc, b.sample_rate, b.channels)
}

#[cfg(test)]
mod tests;
