//! The program's way out of a conference: the hub of its cast and the outputs that read from it.

use crate::{
    control::{
        cast::OutputSpec,
        conference::{
            outputs::{KeyframeRequest, OutputFactory, OutputHandle, OutputOrder},
            state::{Input, OutputKey},
        },
    },
    egress::{
        hub::Hub,
        output::{OutputState, OutputStatus},
    },
    ids::ConferenceId,
    media::RenditionIndex,
};
use futures::FutureExt;
use jiff::Timestamp;
use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};

/// An output must have ended cleanly within.
const OUTPUT_STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Each cast has a hub of its own; the last one's stands until the next begins.
pub(super) struct WayOut {
    factory: Arc<dyn OutputFactory>,
    pub(super) hub: Hub,
    outputs: HashMap<OutputKey, Box<dyn OutputHandle>>,
    keyframe: KeyframeRequest,
    /// Outputs becoming playable or ending.
    tasks: JoinSet<Input>,
}

impl WayOut {
    pub(super) fn new(factory: Arc<dyn OutputFactory>, keyframe: KeyframeRequest) -> Self {
        Self { factory, hub: Hub::new(), outputs: HashMap::new(), keyframe, tasks: JoinSet::new() }
    }

    /// How its outputs are.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (OutputKey, OutputStatus)> {
        self.outputs.iter().map(|(key, output)| (*key, output.status()))
    }

    /// What came of an output that was waited for; `None` while none is. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Input> {
        Some(self.tasks.join_next().await?.unwrap_or_else(|error| {
            tracing::error!(%error, "an output's task failed");
            Input::Tick
        }))
    }

    /// Waits for nothing any more.
    pub(super) async fn shut(mut self) {
        self.tasks.shutdown().await;
    }

    /// A new cast, a new hub.
    pub(super) fn open(&mut self, renditions: Vec<String>, steady: bool) {
        tracing::info!("cast starts");
        self.hub = Hub::with_renditions(renditions).paced(steady);
    }

    /// Does something with a smaller rendition's hub; nothing if the cast has none of this number.
    pub(super) fn rendition(&self, RenditionIndex(index): RenditionIndex, with: impl FnOnce(&Hub)) {
        if let Some(rendition) = self.hub.renditions().get(usize::from(index)) {
            with(&rendition.hub);
        }
    }

    /// The cast's last frame was passed on.
    pub(super) fn end(&self) {
        tracing::info!("cast ends");
        self.hub.end();
    }

    pub(super) fn create_output(
        &mut self,
        conference: &ConferenceId,
        key: OutputKey,
        spec: OutputSpec,
        epoch: Timestamp,
    ) -> Input {
        let waits = spec.kind.is_played();
        let order = OutputOrder {
            conference: conference.clone(),
            id: spec.id.clone(),
            kind: spec.kind,
            hub: self.hub.clone(),
            epoch,
            keyframe: self.keyframe.clone(),
        };
        let result = self.factory.create(order).map(|output| {
            let status = output.status();
            if waits {
                let playable = output.playable();
                self.tasks.spawn(async move {
                    let playable = playable.await;
                    Input::OutputPlayable { key, playable }
                });
            }
            self.outputs.insert(key, output);
            status
        });
        match &result {
            Ok(_) => tracing::info!(output = %spec.id, "output created"),
            Err(error) => tracing::warn!(output = %spec.id, %error, "output not created"),
        }
        Input::OutputCreated { key, result }
    }

    pub(super) fn stop_output(&mut self, key: OutputKey) {
        let output = self.outputs.remove(&key);
        self.tasks.spawn(async move {
            let mut last = output
                .as_ref()
                .map_or_else(|| OutputStatus::connecting(Timestamp::now()), |output| output.status());
            last.enter(OutputState::Stopped, Timestamp::now());
            let Some(output) = output else { return Input::OutputStopped { key, status: last } };
            // Whatever goes wrong in an output, the cast's stop is answered.
            let stop = AssertUnwindSafe(output.stop()).catch_unwind();
            let status = match timeout(OUTPUT_STOP_TIMEOUT, stop).await {
                Ok(Ok(status)) => status,
                Ok(Err(_)) | Err(_) => {
                    last.last_error = Some("it did not end cleanly in time".to_owned());
                    last
                }
            };
            Input::OutputStopped { key, status }
        });
    }
}
