//! From coded pictures to the frames that go to control.

use super::{
    feed::{FedFrame, ProgramFeed},
    frames_out::Outlet,
};
use crate::{
    media::{EncodedFrame, Track, TrackConfig, VideoConfig},
    units::MediaTime,
    worker::coded::{CodedFormat, CodedPicture, without_parameters},
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

/// Where the picture's parameters change, the new ones wait so long at most for the sound before them. AAC is some
/// 60 ms behind (two frames of 21 ms and a tick), and receivers that divide the stream there would otherwise
/// have a hole in the sound.
pub(super) const SOUND_PATIENCE: Duration = Duration::from_millis(250);

/// Passes coded pictures on. Used by the program's thread alone.
#[derive(Debug)]
pub(super) struct CodedOut {
    outlet: Outlet,
    feed: ProgramFeed,
    /// Nominal.
    fps: u32,
    /// The parameters that were passed on last.
    told: Option<Arc<CodedFormat>>,
    /// What was passed on last is not what the next ones refer to.
    awaits_idr: bool,
    /// New parameters' pictures, until the sound before the first of them is out.
    waiting: VecDeque<(Arc<CodedFormat>, EncodedFrame)>,
}

impl CodedOut {
    pub(super) fn new(outlet: Outlet, feed: ProgramFeed, fps: u32) -> Self {
        Self { outlet, feed, fps, told: None, awaits_idr: true, waiting: VecDeque::new() }
    }

    /// A picture; false when it is left out: its parameters changed without an IDR, or are not known to control.
    pub(super) fn push(&mut self, picture: &CodedPicture, pts: MediaTime) -> bool {
        let CodedPicture { idr, format, data } = picture;
        let newest = self.waiting.back().map(|(format, _)| format).or(self.told.as_ref());
        let same = newest.is_some_and(|newest| Arc::ptr_eq(newest, format) || newest == format);
        if !idr && (!same || self.awaits_idr) {
            self.awaits_idr = true;
            return false;
        }
        let data = data.map_readable().map_or_else(|_| Bytes::new(), |map| without_parameters(&map));
        if data.is_empty() {
            // Parameter sets alone: the next picture brings them in its format.
            return false;
        }
        self.awaits_idr = false;
        let frame = EncodedFrame {
            track: Track::Video,
            pts,
            dts: pts,
            duration: MediaTime(1_000_000_000 / u64::from(self.fps.max(1))),
            keyframe: *idr,
            data,
        };
        if self.waiting.is_empty() && (same || self.told.is_none()) {
            return self.pass(format, frame);
        }
        self.waiting.push_back((format.clone(), frame));
        true
    }

    /// Passes on what waited for its sound, at program time `now`.
    pub(super) fn settle(&mut self, now: MediaTime) {
        while let Some((format, frame)) = self.waiting.front() {
            let same = self.told.as_ref() == Some(format);
            let heard = self.outlet.counters.sound_until.load(Relaxed) >= frame.pts.0;
            if !same && !heard && now.since(frame.pts) < SOUND_PATIENCE {
                return;
            }
            if let Some((format, frame)) = self.waiting.pop_front() {
                self.pass(&format, frame);
            }
        }
    }

    fn pass(&mut self, format: &Arc<CodedFormat>, frame: EncodedFrame) -> bool {
        if self.told.as_ref() != Some(format) {
            let config = VideoConfig {
                avcc: format.avcc.clone(),
                width: format.width,
                height: format.height,
                fps: self.fps,
                // As it comes: nobody knows before.
                kbps: 0,
            };
            if !frame.keyframe || self.outlet.configure(TrackConfig::Video(config)).is_none() {
                self.awaits_idr = true;
                return false;
            }
            self.told = Some(format.clone());
        }
        self.outlet.counters.video_frames.fetch_add(1, Relaxed);
        self.feed.pass_with(|| FedFrame::coded(format, &frame));
        self.outlet.send(frame);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ipc::WorkerEvent, worker::encoder::frames_out::Counters};
    use tokio::sync::mpsc;

    fn format(width: u32) -> Arc<CodedFormat> {
        Arc::new(CodedFormat { avcc: Bytes::from(vec![1, width as u8]), width, height: 2 })
    }

    fn picture(format: &Arc<CodedFormat>, idr: bool) -> CodedPicture {
        gst::init().unwrap();
        let kind = if idr { 0x65 } else { 0x41 };
        let data = vec![0, 0, 0, 2, 0x67, 9, 0, 0, 0, 2, kind, 7];
        CodedPicture { idr, format: format.clone(), data: gst::Buffer::from_slice(data) }
    }

    fn said(out: &mut mpsc::Receiver<WorkerEvent>) -> Vec<String> {
        std::iter::from_fn(|| out.try_recv().ok())
            .map(|event| match event {
                WorkerEvent::Config(TrackConfig::Video(video)) => format!("{} wide", video.width),
                WorkerEvent::Frame(frame) => {
                    assert_eq!(frame.data[..4], [0, 0, 0, 2], "without parameter sets");
                    format!("{}{}", frame.pts.as_millis(), if frame.keyframe { " key" } else { "" })
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn ms(ms: u64) -> MediaTime {
        MediaTime::from_millis(ms)
    }

    #[test]
    fn new_parameters_wait_for_the_sound_before_them() {
        let (sender, mut out) = mpsc::channel(100);
        let counters = Arc::new(Counters::default());
        let mut coded =
            CodedOut::new(Outlet::new(sender, counters.clone(), None), ProgramFeed::default(), 30);
        let (a, b) = (format(4), format(6));
        assert!(!coded.push(&picture(&a, false), ms(0)), "nothing can be decoded yet");
        assert!(coded.push(&picture(&a, true), ms(10)) && coded.push(&picture(&a, false), ms(20)));
        assert_eq!(said(&mut out), ["4 wide", "10 key", "20"], "the first ones wait for nothing");
        // A format that came by another way and is the same.
        assert!(coded.push(&picture(&format(4), false), ms(30)));
        assert!(coded.push(&picture(&b, true), ms(40)) && coded.push(&picture(&b, false), ms(50)));
        coded.settle(ms(60));
        assert_eq!(said(&mut out), ["30"]);
        counters.sound_until.store(ms(41).0, Relaxed);
        coded.settle(ms(70));
        assert_eq!(said(&mut out), ["6 wide", "40 key", "50"]);
        // No sound comes at all.
        coded.push(&picture(&a, true), ms(80));
        coded.settle(ms(329));
        assert_eq!(said(&mut out), [""; 0]);
        coded.settle(ms(330));
        assert_eq!(said(&mut out), ["4 wide", "80 key"]);
    }

    #[test]
    fn parameters_that_change_without_an_idr_wait_for_one() {
        let (sender, mut out) = mpsc::channel(100);
        let counters = Arc::new(Counters::default());
        counters.sound_until.store(u64::MAX, Relaxed);
        let mut coded = CodedOut::new(Outlet::new(sender, counters, None), ProgramFeed::default(), 30);
        let (a, b) = (format(4), format(6));
        coded.push(&picture(&a, true), ms(10));
        assert!(!coded.push(&picture(&b, false), ms(20)) && !coded.push(&picture(&a, false), ms(30)));
        assert!(coded.push(&picture(&b, true), ms(40)));
        coded.settle(ms(50));
        assert_eq!(said(&mut out), ["4 wide", "10 key", "6 wide", "40 key"]);
    }
}
