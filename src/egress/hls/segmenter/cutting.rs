//! Ends of parts, segments and eras: what is finished moves on to wait for its sound.

use super::{
    RAGGED, Segmenter, duration_of,
    running::{Closing, ClosingPart, CutPoint, OpenEra},
    sound_step,
};
use crate::media::{EncodedFrame, Track};
use std::{sync::Arc, time::Duration};

impl Segmenter {
    /// Ends the running part before `frame`, which is not in it yet, and the segment if `segment`.
    pub(super) fn cut(&mut self, frame: &EncodedFrame, segment: bool) {
        self.finish(|open| CutPoint {
            frames: open.frames.len(),
            end: frame.pts,
            lead_end: frame.dts,
            segment,
        });
    }

    /// Ends the running segment at the last keyframe inside it, if there is one.
    pub(super) fn split_at_last_keyframe(&mut self) -> bool {
        let inside = self.open.as_ref().and_then(|open| {
            let frames = open.frames.iter().rposition(|frame| frame.keyframe).filter(|&at| at > 0)?;
            let next = &open.frames[frames];
            Some(CutPoint { frames, end: next.pts, lead_end: next.dts, segment: true })
        });
        let Some(point) = inside else { return false };
        self.finish(|_| point);
        true
    }

    pub(super) fn finish(&mut self, at: impl FnOnce(&OpenEra) -> CutPoint) {
        let planned = self.planned_target();
        let Some(open) = &mut self.open else { return };
        let CutPoint { frames, mut end, mut lead_end, segment } = at(open);
        if let Some(last) = open.part_length.map(|length| open.part_start + length).filter(|&last| last < end)
        {
            lead_end = lead_end - end.since(last);
            end = last;
        }
        let rest = open.frames.split_off(frames);
        let frames = std::mem::replace(&mut open.frames, rest);
        let start = std::mem::replace(&mut open.part_start, end);
        open.fresh = false;
        if let Some(first) = frames.first() {
            self.closing.push_back(Closing::Part(ClosingPart {
                era: open.era.clone(),
                lead: open.lead,
                start,
                end,
                lead_end,
                independent: first.keyframe,
                frames,
            }));
        }
        if segment {
            open.bytes = open.frames.iter().map(|frame| frame.data.len()).sum();
            let length = end.since(std::mem::replace(&mut open.start, end));
            if length.is_zero() {
                return; // trimmed to nothing
            }
            self.target.get_or_insert(planned.max((length + Duration::from_millis(500)).as_secs() as u32));
            self.closing.push_back(Closing::SegmentEnd);
        }
    }

    pub(super) fn close_era(&mut self) {
        let step = self.frame_duration();
        self.finish(|open| {
            let end = open.frames.iter().map(|frame| frame.pts + duration_of(frame, step)).max();
            CutPoint {
                frames: open.frames.len(),
                end: end.unwrap_or(open.part_start),
                lead_end: open.decoded_until(),
                segment: true,
            }
        });
        self.open = None;
        self.release(true);
    }

    /// Leaves out the newest pictures, as far as they are not out yet and have no sound.
    pub(super) fn trim_to_sound(&mut self) {
        let step = self.frame_duration();
        let Some(open) = self.open.as_mut().filter(|open| open.lead == Track::Video) else { return };
        let Some(sound) = self.sound_at.filter(|at| *at >= open.began) else { return };
        let sound_end = sound + sound_step(&open.era);
        let end = |frame: &Arc<EncodedFrame>| frame.pts + duration_of(frame, step);
        let picture_end = open.frames.iter().map(end).max().unwrap_or(open.part_start);
        if picture_end.since(sound_end) > RAGGED {
            return;
        }
        // What was decoded before it can still be.
        let trim = |frames: &mut Vec<Arc<EncodedFrame>>| {
            let whole = frames.iter().position(|frame| end(frame) > sound_end).unwrap_or(frames.len());
            frames.split_off(whole).len() as u64
        };
        self.discarded += trim(&mut open.frames);
        for closing in self.closing.iter_mut().rev().take_while(|_| open.frames.is_empty()) {
            let Closing::Part(part) = closing else { continue };
            if part.end <= sound_end || !Arc::ptr_eq(&part.era, &open.era) {
                break;
            }
            self.discarded += trim(&mut part.frames);
            if let Some(last) = part.frames.last() {
                let duration = duration_of(last, step);
                (part.end, part.lead_end) = (last.pts + duration, last.dts + duration);
                break;
            }
        }
        self.closing.retain(|closing| !matches!(closing, Closing::Part(part) if part.frames.is_empty()));
    }
}
