//! Finished parts get their sound and their smaller renditions, and go out.

use super::{
    Cut, Era, FrameRun, MAX_GAP, Part, SOUND_PATIENCE, Segmenter, duration_of,
    running::{Closing, ClosingPart, OpenEra},
    sound_step,
};
use crate::media::Track;
use std::sync::Arc;

impl Segmenter {
    /// Moves finished parts out, each when its sound is complete (rule 4).
    pub(super) fn release(&mut self, now: bool) {
        while let Some(first) = self.closing.front() {
            if let Closing::Part(first) = first {
                let follows = first.lead == Track::Video && first.era.audio.is_some();
                let heard = !follows || self.sound.back().is_some_and(|sound| sound.dts >= first.end);
                let seen = self.followers.iter().all(|follower| follower.has_reached(first.end));
                let decoded_until = self.open.as_ref().map(OpenEra::decoded_until);
                let patient = decoded_until.is_none_or(|at| at < first.end + SOUND_PATIENCE);
                let complete = heard && seen;
                if !now && !complete && patient {
                    return;
                }
            }
            let cut = match self.closing.pop_front() {
                Some(Closing::Part(part)) => Cut::Part(self.assemble(part)),
                Some(Closing::SegmentEnd) => Cut::SegmentEnd,
                None => return,
            };
            self.done.push_back(cut);
        }
    }

    pub(super) fn assemble(&mut self, part: ClosingPart) -> Part {
        let ClosingPart { era, lead, start, end, lead_end, independent, frames } = part;
        let era = self.sealed(era);
        let renditions = self.followers.iter_mut().map(|follower| follower.cut(end, lead_end)).collect();
        let run = match lead {
            Track::Audio => FrameRun { audio: frames, audio_end: lead_end, ..FrameRun::default() },
            Track::Video => {
                let n = self.sound.iter().take_while(|sound| sound.dts < end).count();
                let audio: Vec<_> = self.sound.drain(..n).collect();
                let own_end = audio.last().map(|last| last.dts + duration_of(last, sound_step(&era)));
                let next = self.sound.front().map(|next| next.dts);
                let audio_end = match (own_end, next) {
                    (Some(own), Some(next)) if next.since(own) <= MAX_GAP => next,
                    (own, _) => own.unwrap_or_default(),
                };
                FrameRun { video: frames, video_end: lead_end, audio, audio_end }
            }
        };
        Part { era, start, end, independent, run, renditions }
    }

    /// The era with the renditions that are there when its first part goes out.
    pub(super) fn sealed(&mut self, era: Arc<Era>) -> Arc<Era> {
        if self.followers.is_empty() {
            return era;
        }
        if let Some(sealed) = self.sealed.as_ref().filter(|sealed| sealed.number == era.number) {
            return sealed.clone();
        }
        let renditions = self.followers.iter().map(|follower| follower.config.clone()).collect();
        let sealed = Arc::new(Era { renditions, ..Era::clone(&era) });
        self.sealed.insert(sealed).clone()
    }
}
