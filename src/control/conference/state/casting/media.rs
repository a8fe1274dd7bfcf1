//! The program's parameters and frames on their way from the worker to the hub, on the cast's own timeline; and
//! what the worker is told of the encoding.

use super::super::{ConferenceState, Effect, Now};
use crate::{
    config::EncodingConfig,
    control::cast::{Encoding, Rendition},
    ipc::{EncodingSpec, ProgramMode, RenditionSpec},
    media::{EncodedFrame, RenditionIndex, TrackConfig, VideoConfig},
};

impl ConferenceState {
    pub(in super::super) fn program_config(&mut self, config: TrackConfig) {
        if let Some(run) = self.cast.as_mut().filter(|run| run.is_open()) {
            if let TrackConfig::Video(video) = &config
                && run.encoding.mode == ProgramMode::Passthrough
            {
                // The next worker's slate has the size of what was on.
                (run.encoding.width, run.encoding.height) = (video.width, video.height);
            }
            self.out.extend(run.timeline.discontinuity().map(Effect::Discontinuity));
            self.out.push(Effect::Config(config));
        }
    }

    pub(in super::super) fn program_frame(&mut self, now: Now, frame: EncodedFrame) {
        let Some(run) = self.cast.as_mut().filter(|run| run.is_open()) else { return };
        self.out.extend(run.timeline.discontinuity().map(Effect::Discontinuity));
        let mapped = run.timeline.accept(frame);
        if mapped.first {
            let age = now.media.since(run.timeline.zero().unwrap_or(now.media));
            run.epoch = Some(now.wall.checked_sub(age).unwrap_or(now.wall));
            // Before the frame itself is passed on: outputs begin with the cast's first keyframe.
            self.create_planned_outputs();
        }
        self.out.extend(mapped.frames.into_iter().map(Effect::Frame));
        self.out
            .extend(mapped.renditions.into_iter().map(|(index, frame)| Effect::RenditionFrame(index, frame)));
    }

    pub(in super::super) fn rendition_config(&mut self, rendition: RenditionIndex, config: VideoConfig) {
        if let Some(run) = self.cast.as_mut().filter(|run| run.is_open()) {
            self.out.extend(run.timeline.discontinuity().map(Effect::Discontinuity));
            self.out.push(Effect::RenditionConfig(rendition, config));
        }
    }

    pub(in super::super) fn rendition_frame(&mut self, rendition: RenditionIndex, frame: EncodedFrame) {
        let Some(run) = self.cast.as_mut().filter(|run| run.is_open()) else { return };
        self.out.extend(run.timeline.discontinuity().map(Effect::Discontinuity));
        let mapped = run.timeline.accept_rendition(rendition, frame);
        self.out.extend(mapped.map(|frame| Effect::RenditionFrame(rendition, frame)));
    }
}

pub(super) fn encoding_spec(encoding: &Encoding, config: &EncodingConfig) -> EncodingSpec {
    EncodingSpec {
        width: encoding.width,
        height: encoding.height,
        fps: encoding.fps,
        video_kbps: encoding.video_kbps,
        audio_kbps: encoding.audio_kbps,
        keyframe_ms: encoding.keyframe_ms,
        loudness_lufs: encoding.loudness_lufs,
        filler: config.filler,
        encoder: config.encoder,
        preset: config.preset.clone(),
        renditions: encoding.renditions.iter().map(rendition_spec).collect(),
    }
}

fn rendition_spec(rendition: &Rendition) -> RenditionSpec {
    let Rendition { width, height, video_kbps } = *rendition;
    RenditionSpec { width, height, video_kbps }
}
