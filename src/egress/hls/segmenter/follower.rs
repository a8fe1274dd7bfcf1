//! A smaller rendition's pictures, cut where the program's are.

use super::{MAX_GAP, STALL, segment::PictureRun};
use crate::{
    media::{EncodedFrame, VideoConfig},
    units::MediaTime,
};
use std::{collections::VecDeque, sync::Arc};

/// One rendition's pictures that are in no part yet.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// The latest parameters.
    pub(super) config: Option<VideoConfig>,
    frames: VecDeque<Arc<EncodedFrame>>,
    /// Decoding time of the newest of them.
    at: Option<MediaTime>,
}

impl Follower {
    /// Takes a picture. `began`: the start of the running era, none while there is no era. Returns how many
    /// pictures found no place.
    pub(super) fn take(&mut self, frame: &Arc<EncodedFrame>, began: Option<MediaTime>) -> u64 {
        let too_early = began.is_some_and(|began| frame.pts < began);
        if self.config.is_none() || too_early || self.at.is_some_and(|at| frame.dts <= at) {
            return 1;
        }
        self.at = Some(frame.dts);
        self.frames.push_back(frame.clone());
        if began.is_some() {
            return 0;
        }
        // Only the newest pictures can still meet the keyframe that is waited for.
        let waiting = self.frames.len();
        while self.frames.front().is_some_and(|first| frame.dts.since(first.dts) > STALL) {
            self.frames.pop_front();
        }
        (waiting - self.frames.len()) as u64
    }

    /// An era begins at `start`: what is older belongs to none, and the first picture must be a keyframe.
    pub(super) fn begin(&mut self, start: MediaTime) -> u64 {
        let waiting = self.frames.len();
        while self.frames.front().is_some_and(|first| first.pts < start || !first.keyframe) {
            self.frames.pop_front();
        }
        (waiting - self.frames.len()) as u64
    }

    /// Everything before `end` has come.
    pub(super) fn has_reached(&self, end: MediaTime) -> bool {
        self.frames.back().is_some_and(|frame| frame.pts >= end)
    }

    /// The pictures before `end`. `lead_end`: when the program's next picture is decoded.
    pub(super) fn cut(&mut self, end: MediaTime, lead_end: MediaTime) -> PictureRun {
        let count = self.frames.iter().take_while(|frame| frame.pts < end).count();
        let frames: Vec<_> = self.frames.drain(..count).collect();
        let next = self.frames.front().map(|next| next.dts);
        let last = frames.last().map_or(lead_end, |last| last.dts);
        let end = next.filter(|next| next.since(last) <= MAX_GAP).unwrap_or(lead_end);
        PictureRun { frames, end }
    }

    /// The era ended: what is left belongs to none.
    pub(super) fn clear(&mut self) -> u64 {
        self.at = None;
        let left = self.frames.len() as u64;
        self.frames.clear();
        left
    }
}
