//! The STUN and TURN servers that clients are told of.

use super::message::IceServer;
use crate::config::{
    WebrtcConfig,
    ice::{StunServer, TurnServer},
};

/// As configured.
pub fn servers(webrtc: &WebrtcConfig) -> Vec<IceServer> {
    let stun = StunServer::parse(&webrtc.stun_server)
        .map(|server| IceServer { urls: vec![server.uri()], credentials: None });
    let turn = webrtc.turn_servers.iter().filter_map(|text| TurnServer::parse(text)).map(|server| {
        // Networks that let no UDP out are why there is TURN.
        let uri = server.uri();
        IceServer {
            urls: vec![uri.clone(), format!("{uri}?transport=tcp")],
            credentials: Some((server.user, server.password)),
        }
    });
    stun.into_iter().chain(turn).collect()
}
