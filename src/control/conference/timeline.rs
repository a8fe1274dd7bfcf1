//! A cast's own timeline: zero is the first video keyframe, whichever worker makes the frames.
//!
//! Workers stamp frames with time since the conference's epoch. Egress gets them relative to the
//! cast's zero, on a timeline that never steps back, also across workers.

use crate::{
    ids::Incarnation,
    media::{EncodedFrame, RenditionIndex, Track},
    units::MediaTime,
};
use std::collections::BTreeMap;

/// Sound that comes before the first picture waits for it: encoded video is later than audio by the
/// encoder's look-ahead, and what belongs to the first pictures must not be lost. 256 AAC frames are
/// 5.4 s at 48 kHz.
const MAX_HELD_AUDIO: usize = 256;

/// A smaller picture is encoded sooner than the program's, so a rendition's first keyframe may come first.
/// At most a keyframe distance of pictures waits.
const MAX_HELD_PICTURES: usize = 256;

/// Maps frames to the cast's time.
#[derive(Debug, Default)]
pub struct Timeline {
    zero: Option<MediaTime>,
    held: Vec<EncodedFrame>,
    held_renditions: Vec<(RenditionIndex, EncodedFrame)>,
    last_video: Option<MediaTime>,
    last_audio: Option<MediaTime>,
    last_renditions: BTreeMap<RenditionIndex, MediaTime>,
    takeover: Option<Incarnation>,
}

/// What became of a frame.
#[derive(Debug, Default, PartialEq)]
pub struct Mapped {
    /// This frame set the zero.
    pub first: bool,
    /// What egress gets now, in order.
    pub frames: Vec<EncodedFrame>,
    /// Pictures of smaller renditions that waited for this one.
    pub renditions: Vec<(RenditionIndex, EncodedFrame)>,
}

impl Timeline {
    /// The cast's zero since the conference's epoch, once it is known.
    pub fn zero(&self) -> Option<MediaTime> {
        self.zero
    }

    /// A point of the worker's time in the cast's time.
    pub fn relative(&self, at: MediaTime) -> MediaTime {
        MediaTime(at.0.saturating_sub(self.zero.unwrap_or_default().0))
    }

    /// From now on another worker makes the frames.
    pub fn take_over(&mut self, incarnation: Incarnation) {
        self.held.clear();
        self.held_renditions.clear();
        // Before the first frame there is nothing that could be discontinued.
        self.takeover = self.zero.map(|_| incarnation);
    }

    /// The worker whose frames follow, once, before its first parameters or frame.
    pub fn discontinuity(&mut self) -> Option<Incarnation> {
        self.takeover.take()
    }

    /// Takes a frame as the worker stamped it.
    pub fn accept(&mut self, frame: EncodedFrame) -> Mapped {
        match (self.zero, frame.track) {
            (Some(_), _) => Mapped { frames: self.map(frame).into_iter().collect(), ..Mapped::default() },
            (None, Track::Video) if frame.keyframe => {
                self.zero = Some(frame.pts);
                let held = std::mem::take(&mut self.held);
                let frames = std::iter::once(frame).chain(held).filter_map(|frame| self.map(frame)).collect();
                let held = std::mem::take(&mut self.held_renditions);
                let mapped =
                    held.into_iter().filter_map(|(of, frame)| Some((of, self.map_rendition(of, frame)?)));
                Mapped { first: true, frames, renditions: mapped.collect() }
            }
            (None, Track::Video) => Mapped::default(),
            (None, Track::Audio) => {
                if self.held.len() == MAX_HELD_AUDIO {
                    self.held.remove(0);
                }
                self.held.push(frame);
                Mapped::default()
            }
        }
    }

    /// Takes a smaller rendition's picture; before the program's first one it is kept.
    pub fn accept_rendition(&mut self, of: RenditionIndex, frame: EncodedFrame) -> Option<EncodedFrame> {
        if self.zero.is_some() {
            return self.map_rendition(of, frame);
        }
        if self.held_renditions.len() == MAX_HELD_PICTURES {
            self.held_renditions.remove(0);
        }
        self.held_renditions.push((of, frame));
        None
    }

    fn map_rendition(&mut self, of: RenditionIndex, frame: EncodedFrame) -> Option<EncodedFrame> {
        let last = self.last_renditions.get(&of).copied();
        if frame.pts < self.zero? || last.is_some_and(|last| frame.dts <= last) {
            return None;
        }
        self.last_renditions.insert(of, frame.dts);
        Some(self.placed(frame))
    }

    fn map(&mut self, frame: EncodedFrame) -> Option<EncodedFrame> {
        let zero = self.zero?;
        if frame.pts < zero {
            return None;
        }
        let last = match frame.track {
            Track::Video => &mut self.last_video,
            Track::Audio => &mut self.last_audio,
        };
        // A new worker may begin a frame's length before the old one's last frame ended.
        if last.is_some_and(|last| frame.dts <= last) {
            return None;
        }
        *last = Some(frame.dts);
        Some(self.placed(frame))
    }

    fn placed(&self, mut frame: EncodedFrame) -> EncodedFrame {
        frame.pts = self.relative(frame.pts);
        frame.dts = self.relative(frame.dts);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(track: Track, ms: u64, keyframe: bool) -> EncodedFrame {
        let at = MediaTime::from_millis(ms);
        EncodedFrame {
            track,
            pts: at,
            dts: at,
            duration: MediaTime::from_millis(20),
            keyframe,
            data: vec![1].into(),
        }
    }

    fn times(mapped: &Mapped) -> Vec<(Track, u64)> {
        mapped.frames.iter().map(|frame| (frame.track, frame.pts.as_millis())).collect()
    }

    #[test]
    fn zero_is_the_first_keyframe_and_earlier_sound_is_dropped() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.accept(frame(Track::Audio, 80, true)), Mapped::default());
        assert_eq!(timeline.accept(frame(Track::Audio, 100, true)), Mapped::default());
        assert_eq!(timeline.accept(frame(Track::Audio, 120, true)), Mapped::default());
        assert_eq!(timeline.accept(frame(Track::Video, 60, false)), Mapped::default());
        let mapped = timeline.accept(frame(Track::Video, 100, true));
        assert!(mapped.first);
        assert_eq!(times(&mapped), [(Track::Video, 0), (Track::Audio, 0), (Track::Audio, 20)]);
        let mapped = timeline.accept(frame(Track::Video, 133, false));
        assert!(!mapped.first);
        assert_eq!(times(&mapped), [(Track::Video, 33)]);
        assert_eq!(timeline.zero(), Some(MediaTime::from_millis(100)));
    }

    #[test]
    fn a_new_worker_goes_on_and_never_steps_back() {
        let mut timeline = Timeline::default();
        timeline.accept(frame(Track::Video, 1000, true));
        timeline.take_over(Incarnation(1));
        assert_eq!(timeline.discontinuity(), Some(Incarnation(1)));
        assert_eq!(timeline.discontinuity(), None);
        assert_eq!(times(&timeline.accept(frame(Track::Video, 990, true))), []);
        assert_eq!(times(&timeline.accept(frame(Track::Video, 1000, true))), []);
        assert_eq!(times(&timeline.accept(frame(Track::Video, 3000, true))), [(Track::Video, 2000)]);
    }

    #[test]
    fn a_rendition_waits_for_the_programs_first_picture_and_goes_by_the_same_zero() {
        let mut timeline = Timeline::default();
        let small = RenditionIndex(0);
        assert_eq!(timeline.accept_rendition(small, frame(Track::Video, 60, true)), None);
        assert_eq!(timeline.accept_rendition(small, frame(Track::Video, 100, true)), None);
        let mapped = timeline.accept(frame(Track::Video, 100, true));
        let held: Vec<_> = mapped.renditions.iter().map(|(of, frame)| (*of, frame.pts.as_millis())).collect();
        assert_eq!(held, [(small, 0)]);
        let next = timeline.accept_rendition(small, frame(Track::Video, 133, false));
        assert_eq!(next.map(|frame| frame.pts.as_millis()), Some(33));
        assert_eq!(timeline.accept_rendition(small, frame(Track::Video, 133, false)), None);
    }

    #[test]
    fn sound_without_picture_is_held_in_bounds() {
        let mut timeline = Timeline::default();
        for n in 0..1000 {
            timeline.accept(frame(Track::Audio, n * 20, true));
        }
        timeline.take_over(Incarnation(1));
        assert_eq!(timeline.discontinuity(), None);
        for n in 1000..1500 {
            timeline.accept(frame(Track::Audio, n * 20, true));
        }
        let mapped = timeline.accept(frame(Track::Video, 0, true));
        assert_eq!(mapped.frames.len(), 1 + MAX_HELD_AUDIO);
    }
}
