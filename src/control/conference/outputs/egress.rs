//! The server's outputs: RTMP push, RTMP play and HLS.

use super::{OutputFactory, OutputHandle, OutputOrder};
use crate::{
    config::Config,
    control::{
        auth::{Auth, Grant, Identity},
        cast::OutputKind,
    },
    egress::{
        hls::{HlsLibrary, HlsOutput},
        output::OutputStatus,
        rtmp::{
            player::{RtmpPlay, RtmpPlayServer},
            publisher::{Destination, RtmpPublisher},
        },
    },
};
use futures::{FutureExt, future::BoxFuture};
use std::sync::Arc;

/// Makes the outputs of `egress`.
pub struct EgressOutputs {
    config: Arc<Config>,
    library: HlsLibrary,
    players: RtmpPlayServer,
}

impl std::fmt::Debug for EgressOutputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EgressOutputs")
    }
}

/// Where players are served: they bring a token where requests do.
fn play_server(config: &Config) -> RtmpPlayServer {
    let auth = Auth::new(&config.auth);
    let may_play = move |conference: &_, token: Option<&str>| {
        let identity = match (&auth, token) {
            (Auth::Open, _) => Ok(Identity::anybody()),
            (Auth::Token(_), Some(token)) => auth.identify_token(token),
            (Auth::Token(_), None) => return false,
        };
        identity.and_then(|who| who.require_in(Grant::Subscribe, conference)).is_ok()
    };
    // Checked with the configuration; a host with an IPv6 address comes in its brackets.
    let public = url::Url::parse(&config.server.public_url).ok();
    let host = public.and_then(|url| url.host_str().map(str::to_owned));
    RtmpPlayServer::new(config.rtmp.clone(), host, Arc::new(may_play))
}

impl EgressOutputs {
    /// HLS streams are put into `library`, from where HTTP serves them.
    pub fn new(config: Arc<Config>, library: HlsLibrary) -> Self {
        let players = play_server(&config);
        Self { config, library, players }
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
            OutputKind::RtmpPlay => {
                Box::new(self.players.play(&hub, conference).map_err(|error| error.to_string())?)
            }
            OutputKind::Recording => {
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

impl OutputHandle for RtmpPlay {
    fn status(&self) -> OutputStatus {
        self.status()
    }

    fn playable(&self) -> BoxFuture<'static, bool> {
        RtmpPlay::playable(self).boxed()
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
