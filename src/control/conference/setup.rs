//! What a worker is told of the server's configuration.

use crate::{
    config::{
        Config, WebrtcConfig,
        ice::{Credentials, StunServer, TurnServer},
    },
    ids::{ConferenceId, Incarnation},
    ipc::{WebrtcSetup, WorkerSetup},
    redacted::Redacted,
};
use std::time::{Duration, SystemTime};

/// Who a worker is to TURN servers that share a secret with us.
const OURSELVES: &str = "meetingcast";

/// A worker gets its credentials once and lives as long as its conference: longer than any.
const WORKER_CREDENTIALS: Duration = Duration::from_secs(365 * 24 * 3600);

/// A colour of the configuration is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("program.background must be a colour like \"#101820\", not {0:?}")]
pub struct InvalidColour(pub String);

/// `#rrggbb` as 0xRRGGBB.
pub fn colour(text: &str) -> Result<u32, InvalidColour> {
    text.strip_prefix('#')
        .filter(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|hex| u32::from_str_radix(hex, 16).ok())
        .ok_or_else(|| InvalidColour(text.to_owned()))
}

/// The setup of a conference's worker. `epoch_ns` is the conference's epoch on CLOCK_MONOTONIC.
pub fn worker(
    conference: &ConferenceId,
    incarnation: Incarnation,
    epoch_ns: u64,
    config: &Config,
) -> WorkerSetup {
    WorkerSetup {
        conference: conference.to_string(),
        incarnation,
        epoch_ns,
        heartbeat_ms: config.worker.heartbeat_ms,
        webrtc: webrtc(&config.webrtc),
        encoder: config.encoding.encoder,
    }
}

fn webrtc(config: &WebrtcConfig) -> WebrtcSetup {
    // The configuration was checked when it was loaded, so that none of these is left out here.
    let stun = StunServer::parse(&config.stun_server);
    let turn = config.turn_servers.iter().filter_map(|server| TurnServer::parse(server));
    WebrtcSetup {
        udp_ports: (config.udp_port_min, config.udp_port_max),
        public_ip: config.public_ip,
        stun_server: stun.map(|server| format!("stun://{}:{}", server.host, server.port)),
        turn_servers: turn.map(|server| turn_uri(&server, &config.turn_secret)).collect(),
        jitter_ms: config.jitter_ms,
        inactivity_ms: config.inactivity_timeout_s.saturating_mul(1000),
    }
}

/// As webrtcbin reads it: it unescapes user and password, and takes the first `:` for their border.
fn turn_uri(server: &TurnServer, secret: &Redacted<String>) -> String {
    let TurnServer { tls, host, port, .. } = server;
    let scheme = if *tls { "turns" } else { "turn" };
    let Credentials { user, password } =
        server.credentials_of(OURSELVES, secret, SystemTime::now(), WORKER_CREDENTIALS);
    format!("{scheme}://{}:{}@{host}:{port}", escaped(&user), escaped(password.expose()))
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_one_form() {
        assert_eq!(colour("#101820"), Ok(0x10_18_20));
        for bad in ["101820", "#10182", "#1018200", "#+01820", "#ggg000", ""] {
            assert_eq!(colour(bad), Err(InvalidColour(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn ice_servers_are_written_as_gstreamer_reads_them() {
        let config = WebrtcConfig {
            stun_server: "stun:stun.example.org:3478".to_owned(),
            turn_servers: vec![
                "turn:user:p:w@x/%@turn.example.org:3478".to_owned(),
                "turns:u:p@[::1]:5349".to_owned(),
            ],
            inactivity_timeout_s: 15,
            ..WebrtcConfig::default()
        };
        let setup = webrtc(&config);
        assert_eq!(setup.stun_server.as_deref(), Some("stun://stun.example.org:3478"));
        assert_eq!(
            setup.turn_servers,
            ["turn://user:p%3Aw%40x%2F%25@turn.example.org:3478", "turns://u:p@[::1]:5349"]
        );
        assert_eq!(setup.inactivity_ms, 15_000);
        assert_eq!(webrtc(&WebrtcConfig::default()).stun_server, None);
    }
}
