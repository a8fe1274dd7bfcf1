//! `webrtc.stun_server` and `webrtc.turn_servers`: where the browser's and our own ICE look for
//! more addresses.

use crate::redacted::Redacted;
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `stun:host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StunServer {
    /// Host name or IP address (IPv6 in brackets).
    pub host: String,
    /// UDP port.
    pub port: u16,
}

/// `turn:user:password@host:port`, or without both; `turns:` for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnServer {
    /// TLS (`turns:`).
    pub tls: bool,
    /// User and password; clients get them (that is what they are for), logs do not. `None`: they are made
    /// for each client with a secret that is shared with the server.
    pub credentials: Option<Credentials>,
    /// Host name or IP address (IPv6 in brackets).
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What a TURN server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Redacted<String>,
}

impl Credentials {
    /// A user and a password that hold until `expires`, Unix seconds, for a server that shares `secret`:
    /// "A REST API For Access To TURN Services" (draft-uberti-behave-turn-rest-00), as coturn's
    /// `use-auth-secret` has it.
    pub fn expiring(secret: &str, client: &str, expires: u64) -> Self {
        let user = format!("{expires}:{client}");
        // HMAC takes keys of any length; without one there would be no password, which no server takes.
        let password = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map(|mac| {
            let signed = mac.chain_update(user.as_bytes()).finalize().into_bytes();
            base64::engine::general_purpose::STANDARD.encode(signed)
        });
        Self { user, password: Redacted::new(password.unwrap_or_default()) }
    }
}

impl StunServer {
    /// `None` when `text` has another form.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = host_and_port(text.strip_prefix("stun:")?)?;
        Some(Self { host, port })
    }

    /// RFC 7064.
    pub fn uri(&self) -> String {
        format!("stun:{}:{}", self.host, self.port)
    }
}

impl TurnServer {
    /// `None` when `text` has another form. The password may hold `:`, and `@` too.
    pub fn parse(text: &str) -> Option<Self> {
        let (tls, rest) = match text.strip_prefix("turns:") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("turn:")?),
        };
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials.split_once(':')?), address),
            None => (None, rest),
        };
        let (host, port) = host_and_port(address)?;
        // Both go into a header's quoted string as they are.
        let printable = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| (0x21..0x7f).contains(&b) && !b"\"\\".contains(&b))
        };
        if credentials.is_some_and(|(user, password)| !printable(user) || !printable(password)) {
            return None;
        }
        let credentials = credentials.map(|(user, password)| Credentials {
            user: user.to_owned(),
            password: Redacted::new(password.to_owned()),
        });
        Some(Self { tls, credentials, host, port })
    }

    /// What `client` says who it is with: those of the configuration, or ones that hold for `ttl` from `now`.
    pub fn credentials_of(
        &self,
        client: &str,
        secret: &Redacted<String>,
        now: SystemTime,
        ttl: Duration,
    ) -> Credentials {
        let expires = now.duration_since(UNIX_EPOCH).unwrap_or_default() + ttl;
        self.credentials
            .clone()
            .unwrap_or_else(|| Credentials::expiring(secret.expose(), client, expires.as_secs()))
    }

    /// RFC 7065, without the credentials.
    pub fn uri(&self) -> String {
        format!("turn{}:{}:{}", if self.tls { "s" } else { "" }, self.host, self.port)
    }
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'),
    };
    good.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stun_servers_have_one_form() {
        assert_eq!(StunServer::parse("stun:a.example:3478").unwrap().uri(), "stun:a.example:3478");
        assert_eq!(StunServer::parse("stun:[::1]:3478").unwrap().host, "[::1]");
        for bad in [
            "",
            "a.example:3478",
            "stun:a",
            "stun:a:0",
            "stun:a:99999",
            "stun::1",
            "stun:::1:1",
            "stun:a b:1",
        ] {
            assert_eq!(StunServer::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn turn_servers_carry_credentials_that_are_not_printed() {
        let turn = TurnServer::parse("turn:user:p:w@x@t.example:3478").unwrap();
        let Credentials { user, password } = turn.credentials.clone().unwrap();
        assert_eq!((user.as_str(), password.expose().as_str()), ("user", "p:w@x"));
        assert_eq!(turn.uri(), "turn:t.example:3478");
        assert_eq!(TurnServer::parse("turns:u:p@t:5349").unwrap().uri(), "turns:t:5349");
        assert!(!format!("{turn:?}").contains("p:w"));
        assert_eq!(TurnServer::parse("turn:t:3478").unwrap().credentials, None);
        for bad in ["turn:user@t:3478", "turn::p@t:1", "turn:u:@t:1", "turn:u:p\"@t:1", "stun:u:p@t:1"] {
            assert_eq!(TurnServer::parse(bad), None, "{bad}");
        }
    }

    /// The password is what `openssl dgst -sha1 -hmac north -binary | base64` makes of the user.
    #[test]
    fn credentials_that_expire_are_those_of_the_draft() {
        let made = Credentials::expiring("north", "ann", 1_700_000_000);
        assert_eq!(made.user, "1700000000:ann");
        assert_eq!(made.password.expose(), "jeamH6dA5l2I9g3jmieza7CzEDo=");
        let server = TurnServer::parse("turn:t:3478").unwrap();
        let secret = Redacted::new("north".to_owned());
        let now = UNIX_EPOCH + Duration::from_secs(1_699_999_000);
        assert_eq!(server.credentials_of("ann", &secret, now, Duration::from_secs(1000)), made);
    }
}
