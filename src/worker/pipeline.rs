//! A pipeline at work: state changes off the async threads with a deadline, its bus drained by one task.

use crate::worker::timeline::Timeline;
use futures::StreamExt;
use gst::prelude::*;
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinHandle};

/// A state change that takes longer never ends: the pipeline is frozen and with it the worker, which
/// control replaces. Starting is a matter of milliseconds, DTLS and ICE teardown of a few hundred.
const STATE_DEADLINE: Duration = Duration::from_secs(5);

/// What a pipeline says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipelineEvent {
    /// An element failed; the pipeline is of no use any more.
    Error { element: String, detail: String },
    /// The end of all its streams.
    Eos,
}

/// Why a pipeline does not do what it is told.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("changing pipeline {name} to {state:?}")]
    StateChange { name: String, state: gst::State, source: gst::StateChangeError },
    #[error("pipeline {name} is frozen")]
    Frozen { name: String },
}

/// A running pipeline.
#[derive(Debug)]
pub struct RunningPipeline {
    pipeline: gst::Pipeline,
    name: String,
    bus_task: JoinHandle<()>,
}

impl RunningPipeline {
    /// Puts `pipeline` on the timeline and starts it. Its errors go to `events` (dropped when full: the
    /// first one is what matters).
    pub async fn start<E: Send + 'static>(
        pipeline: gst::Pipeline,
        name: String,
        timeline: &Timeline,
        events: mpsc::Sender<E>,
        wrap: impl Fn(PipelineEvent) -> E + Send + 'static,
    ) -> Result<Self, PipelineError> {
        timeline.rule(&pipeline);
        // A pipeline always has a bus.
        let mut messages = pipeline.bus().map(|bus| bus.stream());
        let bus_task = tokio::spawn(async move {
            let Some(messages) = messages.as_mut() else { return };
            while let Some(message) = messages.next().await {
                let event = match message.view() {
                    gst::MessageView::Error(error) => PipelineEvent::Error {
                        element: error.src().map(|src| src.name().to_string()).unwrap_or_default(),
                        detail: match error.debug() {
                            Some(debug) => format!("{}: {debug}", error.error()),
                            None => error.error().to_string(),
                        },
                    },
                    gst::MessageView::Eos(_) => PipelineEvent::Eos,
                    _ => continue,
                };
                let _ = events.try_send(wrap(event));
            }
        });
        let running = Self { pipeline, name, bus_task };
        match running.set_state(gst::State::Playing).await {
            Ok(()) => Ok(running),
            Err(error) => {
                running.stop().await?;
                Err(error)
            }
        }
    }

    /// The pipeline itself.
    pub fn pipeline(&self) -> &gst::Pipeline {
        &self.pipeline
    }

    /// Takes it down: bus flushing first (webrtcbin leaks descriptors otherwise), then NULL.
    pub async fn stop(self) -> Result<(), PipelineError> {
        if let Some(bus) = self.pipeline.bus() {
            bus.set_flushing(true);
        }
        self.bus_task.abort();
        self.set_state(gst::State::Null).await
    }

    async fn set_state(&self, state: gst::State) -> Result<(), PipelineError> {
        let pipeline = self.pipeline.clone();
        let change = tokio::task::spawn_blocking(move || pipeline.set_state(state));
        match tokio::time::timeout(STATE_DEADLINE, change).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err(source))) => Err(PipelineError::StateChange { name: self.name.clone(), state, source }),
            // A panic in a state change, or none in time: either way it cannot be used or mended.
            Ok(Err(_)) | Err(_) => Err(PipelineError::Frozen { name: self.name.clone() }),
        }
    }
}

/// Calls `take` with each packet that a webrtcbin's pipeline gets from the network, on the thread that gets it, to
/// say what becomes of it: without consent checks (RFC 7675, not in libnice 0.1.21) this is the only way to see
/// that the other end is gone. The transports must be there already.
pub fn on_packets_in(
    pipeline: &gst::Pipeline,
    take: impl Fn() -> gst::PadProbeReturn + Clone + Send + Sync + 'static,
) {
    let mut elements = pipeline.iterate_recurse();
    while let Ok(Some(element)) = elements.next() {
        let from_network = element.factory().is_some_and(|factory| factory.name() == "nicesrc");
        let Some(pad) = element.static_pad("src").filter(|_| from_network) else { continue };
        let take = take.clone();
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| take());
    }
}
