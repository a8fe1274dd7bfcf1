//! The server's outputs: RTMP push, HLS and recordings.

use super::{OutputFactory, OutputHandle, OutputOrder};
use crate::{
    config::Config,
    control::cast::OutputKind,
    egress::{
        hls::{HlsLibrary, HlsOutput},
        output::OutputStatus,
        recording::{RecordingLibrary, RecordingOutput},
        rtmp::publisher::{Destination, RtmpPublisher},
    },
};
use futures::{FutureExt, future::BoxFuture};
use std::sync::Arc;

/// Makes the outputs of `egress`.
#[derive(Debug)]
pub struct EgressOutputs {
    config: Arc<Config>,
    library: HlsLibrary,
    recordings: RecordingLibrary,
}

impl EgressOutputs {
    /// HLS streams are put into `library`, from where HTTP serves them, recordings into theirs.
    pub fn new(config: Arc<Config>, library: HlsLibrary, recordings: RecordingLibrary) -> Self {
        Self { config, library, recordings }
    }
}

impl OutputFactory for EgressOutputs {
    fn create(&self, order: OutputOrder) -> Result<Box<dyn OutputHandle>, String> {
        let OutputOrder { conference, id, kind, hub, epoch, keyframe } = order;
        let config = &self.config;
        Ok(match kind {
            OutputKind::Rtmp { url, backup } => {
                let allowed_hosts = config.cast.allowed_output_hosts.clone();
                let to = Destination { url, backup, allowed_hosts };
                Box::new(RtmpPublisher::spawn(&hub, to, id, config.rtmp.clone(), move || keyframe.ask()))
            }
            OutputKind::Hls { low_latency } => {
                let mut hls = config.hls.clone();
                hls.low_latency = low_latency.unwrap_or(hls.low_latency);
                let dir = config.server.data_dir.clone();
                let library = self.library.clone();
                Box::new(HlsOutput::spawn(&hub, conference, epoch, hls, dir, library))
            }
            OutputKind::Recording => {
                Box::new(RecordingOutput::spawn(&hub, conference, epoch, self.recordings.clone()))
            }
            OutputKind::RtmpPlay => {
                return Err(format!("an output of type {} cannot be made yet", kind.name()));
            }
        })
    }
}

impl OutputHandle for RtmpPublisher {
    fn status(&self) -> OutputStatus {
        self.status()
    }

    fn playable(&self) -> BoxFuture<'static, bool> {
        // Nothing of ours plays what was pushed; the start of a cast does not ask.
        std::future::ready(true).boxed()
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, OutputStatus> {
        (*self).stop().boxed()
    }
}

impl OutputHandle for HlsOutput {
    fn status(&self) -> OutputStatus {
        self.status()
    }

    fn playable(&self) -> BoxFuture<'static, bool> {
        let output = self.clone();
        async move { HlsOutput::playable(&output).await }.boxed()
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, OutputStatus> {
        async move {
            HlsOutput::stop(&self).await;
            HlsOutput::status(&self)
        }
        .boxed()
    }
}

impl OutputHandle for RecordingOutput {
    fn status(&self) -> OutputStatus {
        self.status()
    }

    fn playable(&self) -> BoxFuture<'static, bool> {
        // The start of a cast does not wait for it.
        std::future::ready(true).boxed()
    }

    fn stop(self: Box<Self>) -> BoxFuture<'static, OutputStatus> {
        async move {
            RecordingOutput::stop(&self).await;
            RecordingOutput::status(&self)
        }
        .boxed()
    }
}
