//! The STUN and TURN servers that clients are told of: in `welcome` and in WHIP's `Link` headers.

use crate::config::{
    WebrtcConfig,
    ice::{Credentials, StunServer, TurnServer},
};
use std::time::{Duration, SystemTime};

/// A STUN or TURN server as `RTCPeerConnection` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceServer {
    /// RFC 7064, RFC 7065.
    pub url: String,
    /// Of a TURN server.
    pub credentials: Option<Credentials>,
}

/// For `client`, as of now.
pub fn servers(webrtc: &WebrtcConfig, client: &str) -> Vec<IceServer> {
    let (now, ttl) = (SystemTime::now(), Duration::from_secs(webrtc.turn_ttl_s.into()));
    let stun = StunServer::parse(&webrtc.stun_server)
        .map(|server| IceServer { url: server.uri(), credentials: None });
    let turn =
        webrtc.turn_servers.iter().filter_map(|text| TurnServer::parse(text)).map(|server| IceServer {
            url: server.uri(),
            credentials: Some(server.credentials_of(client, &webrtc.turn_secret, now, ttl)),
        });
    stun.into_iter().chain(turn).collect()
}

impl IceServer {
    /// A value of `Link` (RFC 9725 §4.6).
    pub fn link(&self) -> String {
        let link = format!("<{}>; rel=\"ice-server\"", self.url);
        match &self.credentials {
            Some(Credentials { user, password }) => {
                let password = password.expose();
                format!(
                    "{link}; username=\"{user}\"; credential=\"{password}\"; credential-type=\"password\""
                )
            }
            None => link,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redacted::Redacted;

    #[test]
    fn ice_servers_become_links() {
        let mut webrtc = WebrtcConfig {
            stun_server: "stun:s.example:3478".to_owned(),
            turn_servers: vec!["turn:u:p@t.example:3478".to_owned()],
            ..WebrtcConfig::default()
        };
        let links =
            |webrtc: &WebrtcConfig| servers(webrtc, "ann").iter().map(IceServer::link).collect::<Vec<_>>();
        assert_eq!(
            links(&webrtc),
            [
                "<stun:s.example:3478>; rel=\"ice-server\"",
                "<turn:t.example:3478>; rel=\"ice-server\"; username=\"u\"; credential=\"p\"; \
                 credential-type=\"password\"",
            ]
        );
        webrtc.turn_servers = vec!["turn:t.example:3478".to_owned()];
        webrtc.turn_secret = Redacted::new("north".to_owned());
        assert!(links(&webrtc)[1].contains(":ann\"; credential=\""), "{:?}", links(&webrtc));
        assert!(links(&WebrtcConfig::default()).is_empty());
    }
}
