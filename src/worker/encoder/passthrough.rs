//! The "encoder" of a program whose pictures pass through: samples in, AAC out; coded pictures in, the same out.

use super::{
    EncoderError, EncoderEvent,
    coded_out::CodedOut,
    feed::ProgramFeed,
    frames_out::{Counters, Outlet},
    sound_encoder::SoundEncoder,
    sound_input::SoundInput,
};
use crate::{
    ipc::{EncodingSpec, WorkerEvent},
    units::MediaTime,
    worker::{coded::CodedPicture, timeline::Timeline},
};
use std::sync::{Arc, atomic::Ordering::Relaxed};
use tokio::sync::mpsc;

/// The pipeline for the sound, and what is known of the pictures.
#[derive(Debug)]
pub struct PassthroughEncoder {
    sound: SoundEncoder,
    counters: Arc<Counters>,
    feed: ProgramFeed,
}

/// Where a program that passes pictures through puts its frames.
#[derive(Debug)]
pub struct CodedInput {
    sound: SoundInput,
    pictures: CodedOut,
}

impl PassthroughEncoder {
    /// Starts it. Frames go to `out`, its failure to `failed`.
    pub async fn start(
        spec: &EncodingSpec,
        timeline: &Timeline,
        out: mpsc::Sender<WorkerEvent>,
        failed: mpsc::Sender<EncoderEvent>,
    ) -> Result<(Self, CodedInput), EncoderError> {
        let counters = Arc::new(Counters::default());
        let feed = ProgramFeed::default();
        let outlet = || Outlet::new(out.clone(), counters.clone(), None);
        let kbps = spec.audio_kbps;
        let sound = SoundEncoder::start(kbps, timeline, outlet(), feed.clone(), failed).await?;
        let pictures = CodedOut::new(outlet(), feed.clone(), spec.fps);
        let input = CodedInput { sound: sound.input(), pictures };
        Ok((Self { sound, counters, feed }, input))
    }

    /// The program's picture as it goes out, and its sound as it goes in.
    pub const fn feed(&self) -> &ProgramFeed {
        &self.feed
    }

    /// Frames that were lost on the way to control.
    pub fn link_drops(&self) -> u64 {
        self.counters.link_drops.load(Relaxed)
    }

    /// Pictures that went out so far.
    pub fn video_frames(&self) -> u64 {
        self.counters.video_frames.load(Relaxed)
    }

    /// As [`super::Encoder::finish`].
    pub async fn finish(self) -> Result<(), EncoderError> {
        self.sound.finish().await
    }
}

impl CodedInput {
    /// Interleaved 48 kHz stereo.
    pub fn push_sound(&self, samples: &[f32], pts: MediaTime) {
        self.sound.push(samples, pts);
    }

    /// The program's next picture, of the program's time; false when it is left out.
    pub fn push_picture(&mut self, picture: &CodedPicture, pts: MediaTime) -> bool {
        self.pictures.push(picture, pts)
    }

    /// To be called at every tick: what waited for its sound goes out.
    pub fn settle(&mut self, now: MediaTime) {
        self.pictures.settle(now);
    }
}
