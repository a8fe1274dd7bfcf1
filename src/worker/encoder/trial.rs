//! Which hardware encoders work: each that is there encodes a few pictures, once in a worker's life.
//!
//! A driver may fail in any way, and may never come back: each encoder is tried on a thread of its own, nobody waits
//! longer than [`DEADLINE`] for all of them, and a thread that hangs is left behind.

use super::{EncoderError, settings::VideoSettings};
use crate::{
    media::EncoderKind,
    worker::{
        elements,
        pipeline_file::{PipelineFile, Role},
    },
};
use gst::prelude::*;
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

/// What all trials may take together, from the worker's start. A GPU's first use takes some hundred milliseconds; a cast
/// that starts with its worker waits so long at most, and less than the five seconds its first picture may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// Why an encoder does not count as working.
#[derive(Debug, thiserror::Error)]
enum TrialError {
    #[error("building the trial")]
    Build(#[from] EncoderError),
    #[error("starting the trial")]
    Start(#[source] gst::StateChangeError),
    #[error("{element} failed: {detail}")]
    Failed { element: String, detail: String },
    #[error("{pictures} pictures came out, keyframe first: {keyframe}")]
    Output { pictures: u32, keyframe: bool },
    #[error("the trial's thread did not start")]
    Thread(#[source] io::Error),
}

/// The trials of a worker.
#[derive(Debug, Clone)]
pub struct HardwareTrials {
    works: watch::Receiver<Option<Vec<EncoderKind>>>,
}

impl HardwareTrials {
    /// Tries every hardware encoder that is installed. Returns at once.
    pub fn begin() -> Self {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        let (told, works) = watch::channel(None);
        let (tell, mut outcomes) = mpsc::unbounded_channel();
        for kind in EncoderKind::hardware() {
            let tell = tell.clone();
            let begun = std::thread::Builder::new().name(format!("try-{}", kind.name())).spawn({
                let tell = tell.clone();
                move || {
                    // Even to look for an element may load a driver.
                    let outcome = elements::is_present(kind.element()).then(|| attempt(kind));
                    // Refused when nobody waits any more.
                    let _ = tell.send((kind, outcome));
                }
            });
            if let Err(error) = begun {
                let _ = tell.send((kind, Some(Err(TrialError::Thread(error)))));
            }
        }
        drop(tell);
        tokio::spawn(async move {
            let mut found = Vec::new();
            let mut open: Vec<_> = EncoderKind::hardware().collect();
            while let Ok(Some((kind, outcome))) = tokio::time::timeout_at(deadline, outcomes.recv()).await {
                open.retain(|one| *one != kind);
                match outcome {
                    None => {}
                    Some(Ok(())) => {
                        tracing::info!(encoder = kind.element(), "a hardware encoder works");
                        found.push(kind);
                    }
                    Some(Err(error)) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(encoder = kind.element(), error, "a hardware encoder does not work");
                    }
                }
            }
            for kind in open {
                tracing::warn!(encoder = kind.element(), "a hardware encoder does not answer");
            }
            told.send_replace(Some(found));
        });
        Self { works }
    }

    /// Those that work. Waits for the trials, [`DEADLINE`] from their beginning at most.
    pub async fn working(&self) -> Vec<EncoderKind> {
        let mut works = self.works.clone();
        // The sender goes without a word only with the runtime.
        works.wait_for(Option::is_some).await.ok().and_then(|works| works.clone()).unwrap_or_default()
    }
}

/// Encodes a few pictures.
fn attempt(kind: EncoderKind) -> Result<(), TrialError> {
    let file = PipelineFile::of(Role::Trial).map_err(EncoderError::from)?;
    let pipeline = file.pipeline(&[]).map_err(EncoderError::from)?;
    let element = |name| file.element(&pipeline, name).map_err(EncoderError::from);
    let between = [element("size-caps")?, element("video-caps")?];
    VideoSettings::trial(kind).encode(&pipeline, &between, (640, 360), 1000)?;
    let sink: gst_app::AppSink = file.typed(&pipeline, "video-out").map_err(EncoderError::from)?;
    let outcome = encoded(&pipeline, &sink);
    // What cannot be taken down here could not be in a program either, and then this does not return.
    let _ = pipeline.set_state(gst::State::Null);
    outcome
}

fn encoded(pipeline: &gst::Pipeline, sink: &gst_app::AppSink) -> Result<(), TrialError> {
    pipeline.set_state(gst::State::Playing).map_err(TrialError::Start)?;
    let began = Instant::now();
    let (mut pictures, mut keyframe) = (0, false);
    loop {
        let left = DEADLINE.saturating_sub(began.elapsed());
        let wait = gst::ClockTime::from_nseconds(left.as_nanos() as u64);
        let Some(sample) = sink.try_pull_sample(wait) else { break };
        let delta =
            sample.buffer().is_none_or(|buffer| buffer.flags().contains(gst::BufferFlags::DELTA_UNIT));
        keyframe |= pictures == 0 && !delta;
        pictures += 1;
    }
    let error = pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    if let Some(gst::MessageView::Error(error)) = error.as_ref().map(|message| message.view()) {
        return Err(TrialError::Failed {
            element: error.src().map(|src| src.name().to_string()).unwrap_or_default(),
            detail: error.error().to_string(),
        });
    }
    // All ten, since the end drains it: an encoder that leaves pictures out is of no use.
    if pictures == 10 && keyframe { Ok(()) } else { Err(TrialError::Output { pictures, keyframe }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_that_works_passes_and_one_that_is_not_there_does_not() {
        gst::init().unwrap();
        // The trial itself asks for no hardware.
        attempt(EncoderKind::X264).unwrap();
        attempt(EncoderKind::Openh264).unwrap();
        let missing = EncoderKind::hardware().find(|kind| !elements::is_present(kind.element()));
        if let Some(kind) = missing {
            assert!(matches!(attempt(kind), Err(TrialError::Build(_))), "{kind:?}");
        }
    }
}
