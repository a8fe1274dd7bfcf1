//! From the cast's timeline to a connection's: rebased to zero, strictly rising per track.
//!
//! 1. A connection starts with a picture: its first video frame is a keyframe, and that frame's dts
//!    becomes zero. Audio before it is left out, so that no player shows black over sound.
//! 2. But sound does not wait for ever: without a picture for [`MAX_AUDIO_WAIT`] it starts alone.
//! 3. A timestamp is never repaired by shifting what follows; only where two frames of a track would
//!    fall on the same millisecond, or go back, the later one gets one millisecond more than the other.

use crate::{
    media::{EncodedFrame, Track},
    units::MediaTime,
};
use std::time::Duration;

/// Longer than a keyframe can take that was asked for twice at the default distance of 2 s.
const MAX_AUDIO_WAIT: Duration = Duration::from_secs(3);
/// Composition time has 24 bits with sign (FLV E.4.3.1).
const MAX_COMPOSITION: i64 = (1 << 23) - 1;

/// Where a frame goes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    /// Milliseconds since the connection's first frame, modulo 2³².
    pub timestamp: u32,
    /// pts − dts, milliseconds.
    pub composition: i32,
    /// The connection's first frame.
    pub first: bool,
}

#[derive(Default)]
pub(super) struct Timeline {
    zero: Option<MediaTime>,
    held_since: Option<MediaTime>,
    last_video: Option<u64>,
    last_audio: Option<u64>,
    /// The decoder has a reference picture.
    video_runs: bool,
}

impl Timeline {
    /// The next video frame must be a keyframe.
    pub(super) fn need_keyframe(&mut self) {
        self.video_runs = false;
    }

    pub(super) const fn video_runs(&self) -> bool {
        self.video_runs
    }

    /// Places a frame, or leaves it out. `expect_video`: the connection has a video track.
    pub(super) fn place(&mut self, frame: &EncodedFrame, expect_video: bool) -> Option<Placed> {
        let first = self.zero.is_none();
        match frame.track {
            Track::Video if frame.keyframe => self.video_runs = true,
            Track::Video if !self.video_runs => return None,
            Track::Audio if first && expect_video => {
                let since = *self.held_since.get_or_insert(frame.dts);
                if frame.dts.since(since) < MAX_AUDIO_WAIT {
                    return None;
                }
            }
            Track::Video | Track::Audio => {}
        }
        let zero = *self.zero.get_or_insert(frame.dts);
        // Audio that was queued behind the first picture but belongs before it.
        if frame.track == Track::Audio && frame.dts < zero {
            return None;
        }
        let dts = frame.dts.since(zero).as_millis() as u64;
        let last = match frame.track {
            Track::Video => &mut self.last_video,
            Track::Audio => &mut self.last_audio,
        };
        let at = last.map_or(dts, |last| dts.max(last + 1));
        *last = Some(at);
        Some(Placed { timestamp: at as u32, composition: composition(frame), first })
    }
}

fn composition(frame: &EncodedFrame) -> i32 {
    // Rounded from the difference itself, so that equal times give zero. Without B-frames it is zero;
    // the clamp only meets broken input.
    let difference = i128::from(frame.pts.0) - i128::from(frame.dts.0);
    let ms = (difference as f64 / 1e6).round() as i64;
    ms.clamp(-MAX_COMPOSITION - 1, MAX_COMPOSITION) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(track: Track, ns: u64, keyframe: bool) -> EncodedFrame {
        let at = MediaTime(ns);
        EncodedFrame {
            track,
            pts: at,
            dts: at,
            duration: MediaTime::ZERO,
            keyframe,
            data: bytes::Bytes::new(),
        }
    }

    const MS: u64 = 1_000_000;

    #[test]
    fn a_connection_starts_with_a_picture_at_zero() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.place(&frame(Track::Audio, 990 * MS, true), true), None);
        assert_eq!(timeline.place(&frame(Track::Video, 995 * MS, false), true), None);
        let first = timeline.place(&frame(Track::Video, 1000 * MS, true), true);
        assert_eq!(first, Some(Placed { timestamp: 0, composition: 0, first: true }));
        assert_eq!(timeline.place(&frame(Track::Audio, 999 * MS, true), true), None);
        let audio = timeline.place(&frame(Track::Audio, 1021 * MS, true), true);
        assert_eq!(audio, Some(Placed { timestamp: 21, composition: 0, first: false }));
    }

    #[test]
    fn sound_starts_alone_when_there_is_no_picture() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.place(&frame(Track::Audio, 0, true), true), None);
        assert_eq!(timeline.place(&frame(Track::Audio, 2999 * MS, true), true), None);
        let start = timeline.place(&frame(Track::Audio, 3000 * MS, true), true);
        assert_eq!(start, Some(Placed { timestamp: 0, composition: 0, first: true }));
        let mut audio_only = Timeline::default();
        assert!(audio_only.place(&frame(Track::Audio, 5 * MS, true), false).is_some());
    }

    #[test]
    fn composition_time_is_the_difference() {
        let mut timeline = Timeline::default();
        let mut late = frame(Track::Video, 10 * MS, true);
        late.pts = MediaTime(76_666_667);
        assert_eq!(timeline.place(&late, true).map(|p| p.composition), Some(67));
        late.dts = MediaTime(80 * MS);
        assert_eq!(timeline.place(&late, true).map(|p| p.composition), Some(-3));
    }

    #[test]
    fn time_wraps_after_49_days() {
        let mut timeline = Timeline::default();
        let start = 7 * MS;
        assert!(timeline.place(&frame(Track::Video, start, true), true).is_some());
        let wrapped = frame(Track::Video, start + ((1 << 32) + 5) * MS, true);
        assert_eq!(timeline.place(&wrapped, true).map(|p| p.timestamp), Some(5));
    }

    #[test]
    fn a_discontinuity_waits_for_a_keyframe_and_keeps_the_time() {
        let mut timeline = Timeline::default();
        assert!(timeline.place(&frame(Track::Video, 0, true), true).is_some());
        timeline.need_keyframe();
        assert_eq!(timeline.place(&frame(Track::Video, 33 * MS, false), true), None);
        let next = timeline.place(&frame(Track::Video, 1500 * MS, true), true);
        assert_eq!(next.map(|p| p.timestamp), Some(1500));
    }

    proptest! {
        #[test]
        fn time_rises_strictly_per_track(frames in prop::collection::vec((any::<bool>(), 0u64..5000, any::<bool>()), 0..200)) {
            let mut timeline = Timeline::default();
            let mut last = [None, None];
            for (video, ms, keyframe) in frames {
                let track = if video { Track::Video } else { Track::Audio };
                if let Some(placed) = timeline.place(&frame(track, ms * MS, keyframe), true) {
                    let last = &mut last[usize::from(video)];
                    prop_assert!(last.is_none_or(|last| placed.timestamp > last));
                    *last = Some(placed.timestamp);
                }
            }
        }
    }
}
