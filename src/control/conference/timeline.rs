//! A cast's own timeline: zero is the first video keyframe, whichever worker makes the frames.
//!
//! Workers stamp frames with time since the conference's epoch. Egress gets them relative to the
//! cast's zero, on a timeline that never steps back, also across workers.

use crate::{
    ids::Incarnation,
    media::{EncodedFrame, Track},
    units::MediaTime,
};

/// Sound that comes before the first picture waits for it: encoded video is later than audio by the
/// encoder's look-ahead, and what belongs to the first pictures must not be lost. 256 AAC frames are
/// 5.4 s at 48 kHz.
const MAX_HELD_AUDIO: usize = 256;

/// Maps frames to the cast's time.
#[derive(Debug, Default)]
pub struct Timeline {
    zero: Option<MediaTime>,
    held: Vec<EncodedFrame>,
    last_video: Option<MediaTime>,
    last_audio: Option<MediaTime>,
    takeover: Option<Incarnation>,
}

/// What became of a frame.
#[derive(Debug, Default, PartialEq)]
pub struct Mapped {
    /// This frame set the zero.
    pub first: bool,
    /// What egress gets now, in order.
    pub frames: Vec<EncodedFrame>,
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
            (Some(_), _) => Mapped { first: false, frames: self.map(frame).into_iter().collect() },
            (None, Track::Video) if frame.keyframe => {
                self.zero = Some(frame.pts);
                let held = std::mem::take(&mut self.held);
                let frames = std::iter::once(frame).chain(held).filter_map(|frame| self.map(frame)).collect();
                Mapped { first: true, frames }
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

    fn map(&mut self, mut frame: EncodedFrame) -> Option<EncodedFrame> {
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
        frame.pts = self.relative(frame.pts);
        frame.dts = self.relative(frame.dts);
        Some(frame)
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
