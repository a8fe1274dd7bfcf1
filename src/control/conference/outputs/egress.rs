//! The server's outputs: RTMP push, RTMP play, HLS and recordings.

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
        recording::{RecordingLibrary, RecordingOutput},
        rtmp::{
            player::{RtmpPlay, RtmpPlayServer},
            publisher::{Destination, RtmpPublisher},
        },
    },
    ids::ConferenceId,
};
use futures::{FutureExt, future::BoxFuture};
use std::sync::Arc;

/// Makes the outputs of `egress`.
pub struct EgressOutputs {
    config: Arc<Config>,
    library: HlsLibrary,
    recordings: RecordingLibrary,
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
    let check = move |conference: &_, token: Option<&str>| may_play(&auth, conference, token);
    // Checked with the configuration; a host with an IPv6 address comes in its brackets.
    let public = url::Url::parse(&config.server.public_url).ok();
    let host = public.and_then(|url| url.host_str().map(str::to_owned));
    RtmpPlayServer::new(config.rtmp.clone(), host, Arc::new(check))
}

impl EgressOutputs {
    /// HLS streams are put into `library`, from where HTTP serves them, recordings into theirs.
    pub fn new(config: Arc<Config>, library: HlsLibrary, recordings: RecordingLibrary) -> Self {
        let players = play_server(&config);
        Self { config, library, recordings, players }
    }
}

fn may_play(auth: &Auth, conference: &ConferenceId, token: Option<&str>) -> bool {
    let identity = match (auth, token) {
        (Auth::Open, _) => Ok(Identity::anybody()),
        (Auth::Token(_), Some(token)) => auth.identify_token(token),
        (Auth::Token(_), None) => return false,
    };
    identity.and_then(|who| who.require_in(Grant::Subscribe, conference)).is_ok()
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
                Box::new(self.players.play(&hub, conference).map_err(|error| error.to_string())?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{AuthConfig, AuthKey, AuthMode},
        control::auth::{NewToken, Scope, mint},
        redacted::Redacted,
    };
    use std::time::Duration;

    #[test]
    fn players_need_the_grant_where_tokens_are_asked_for() {
        let room: ConferenceId = "room".parse().unwrap();
        let key = AuthKey { id: "k".to_owned(), secret: Redacted::new("0123456789".repeat(4)) };
        let auth = Auth::new(&AuthConfig { mode: AuthMode::Token, keys: vec![key.clone()] });
        let token = |conference: &ConferenceId, grant| {
            let token = NewToken {
                participant: "viewer".parse().unwrap(),
                scope: Scope::One(conference.clone()),
                grants: vec![grant],
                name: None,
                valid_for: Duration::from_secs(600),
            };
            mint(&key, &token).unwrap().expose().clone()
        };
        assert!(may_play(&auth, &room, Some(&token(&room, Grant::Subscribe))));
        assert!(!may_play(&auth, &room, Some(&token(&room, Grant::Publish))));
        assert!(!may_play(&auth, &room, Some(&token(&"other".parse().unwrap(), Grant::Subscribe))));
        assert!(!may_play(&auth, &room, Some("rubbish")));
        assert!(!may_play(&auth, &room, None));
        assert!(may_play(&Auth::Open, &room, None));
    }
}
