//! The program's sound without somebody: for who speaks and listens at once, and must not hear themselves late.

use super::sound;
use crate::{
    ids::SourceId,
    units::MediaTime,
    worker::encoder::feed::{FedFrame, ProgramFeed},
};
use std::sync::Weak;

/// Where one listener's sound goes. It is made as long as somebody holds this.
#[derive(Debug, Default)]
pub struct MixMinus {
    /// Sound only.
    pub feed: ProgramFeed,
}

/// What is left out of a listener's sound, while a stretch of it is mixed.
#[derive(Debug)]
struct Minus {
    of: Weak<MixMinus>,
    without: Vec<SourceId>,
    own: Vec<f32>,
}

/// Everybody's.
#[derive(Debug, Default)]
pub struct Minuses {
    wanted: Vec<Minus>,
    /// One voice's part of the stretch.
    voice: Vec<f32>,
}

impl Minuses {
    /// Somebody listens, from now on without those.
    pub fn set(&mut self, of: Weak<MixMinus>, without: Vec<SourceId>) {
        match self.wanted.iter_mut().find(|minus| minus.of.ptr_eq(&of)) {
            Some(minus) => minus.without = without,
            None => self.wanted.push(Minus { of, without, own: Vec::new() }),
        }
    }

    /// The next `samples` are mixed.
    pub fn begin(&mut self, samples: usize) {
        for minus in &mut self.wanted {
            minus.own.resize(minus.own.len() + samples, 0.0);
        }
    }

    /// Mixes a voice into `out`; what `add` adds is noted for those who are not to hear it.
    pub fn mix(&mut self, source: SourceId, out: &mut [f32], add: impl FnOnce(&mut [f32])) {
        let Self { wanted, voice } = self;
        let mut without = wanted.iter_mut().filter(|minus| minus.without.contains(&source)).peekable();
        if without.peek().is_none() {
            return add(out);
        }
        voice.clear();
        voice.resize(out.len(), 0.0);
        add(voice);
        sum(out, voice);
        for minus in without {
            let begin = minus.own.len() - voice.len();
            sum(&mut minus.own[begin..], voice);
        }
    }

    /// A stretch is mixed: everybody gets theirs, `gain` times as loud.
    pub fn tell(&mut self, mixed: &[f32], gain: f32, pts: MediaTime) {
        self.wanted.retain_mut(|minus| {
            let own = std::mem::take(&mut minus.own);
            let Some(to) = minus.of.upgrade() else { return false };
            to.feed.pass_with(|| {
                let mut left: Vec<f32> =
                    mixed.iter().zip(&own).map(|(all, own)| (all - own) * gain).collect();
                sound::limit(&mut left);
                Some(FedFrame::sound(sound::buffer(&left, pts)))
            });
            minus.own = own;
            minus.own.clear();
            true
        });
    }
}

fn sum(out: &mut [f32], voice: &[f32]) {
    for (out, voice) in out.iter_mut().zip(voice) {
        *out += voice;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn heard(frames: &mut tokio::sync::broadcast::Receiver<FedFrame>) -> Vec<f32> {
        let fed = frames.try_recv().unwrap();
        let buffer = fed.frame.buffer().unwrap().map_readable().unwrap();
        buffer.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    #[test]
    fn each_hears_everybody_but_themselves() {
        gst::init().unwrap();
        let (first, second) = (Arc::new(MixMinus::default()), Arc::new(MixMinus::default()));
        let (mut at_first, mut at_second) = (first.feed.listen(), second.feed.listen());
        let mut minuses = Minuses::default();
        minuses.set(Arc::downgrade(&first), vec![SourceId(1)]);
        minuses.set(Arc::downgrade(&second), vec![SourceId(3)]);
        minuses.set(Arc::downgrade(&second), vec![SourceId(2)]);
        // In two stretches, as where a scene changes between them.
        let mut out = [0.0; 4];
        for half in out.chunks_mut(2) {
            minuses.begin(2);
            for (source, level) in [(1, 0.1), (2, 0.2), (3, 0.4)] {
                minuses.mix(SourceId(source), half, |out| out.iter_mut().for_each(|s| *s += level));
            }
        }
        let near =
            |heard: &[f32], level: f32| heard.len() == 4 && heard.iter().all(|s| (s - level).abs() < 1e-6);
        assert!(near(&out, 0.7));
        minuses.tell(&out, 0.5, MediaTime::from_millis(40));
        assert!(near(&heard(&mut at_first), 0.3) && near(&heard(&mut at_second), 0.25));
        drop(second);
        minuses.begin(2);
        minuses.tell(&[0.0; 2], 1.0, MediaTime::from_millis(80));
        assert_eq!(heard(&mut at_first), [0.0; 2]);
        assert_eq!(minuses.wanted.len(), 1, "nobody listens there any more");
    }
}
