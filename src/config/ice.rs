//! `webrtc.stun_server` and `webrtc.turn_servers`: where the browser's and our own ICE look for
//! more addresses.

use crate::redacted::Redacted;

/// `stun:host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StunServer {
    /// Host name or IP address (IPv6 in brackets).
    pub host: String,
    /// UDP port.
    pub port: u16,
}

/// `turn:user:password@host:port`; `turns:` for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnServer {
    /// TLS (`turns:`).
    pub tls: bool,
    /// The user.
    pub user: String,
    /// The password; publishers get it (that is what it is for), logs do not.
    pub password: Redacted<String>,
    /// Host name or IP address (IPv6 in brackets).
    pub host: String,
    /// Port.
    pub port: u16,
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
        let (credentials, address) = rest.rsplit_once('@')?;
        let (user, password) = credentials.split_once(':')?;
        let (host, port) = host_and_port(address)?;
        // Both go into a header's quoted string as they are.
        let printable = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| (0x21..0x7f).contains(&b) && !b"\"\\".contains(&b))
        };
        if !printable(user) || !printable(password) {
            return None;
        }
        Some(Self { tls, user: user.to_owned(), password: Redacted::new(password.to_owned()), host, port })
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
        assert_eq!((turn.user.as_str(), turn.password.expose().as_str()), ("user", "p:w@x"));
        assert_eq!(turn.uri(), "turn:t.example:3478");
        assert_eq!(TurnServer::parse("turns:u:p@t:5349").unwrap().uri(), "turns:t:5349");
        assert!(!format!("{turn:?}").contains("p:w"));
        for bad in [
            "turn:t:3478",
            "turn:user@t:3478",
            "turn::p@t:1",
            "turn:u:@t:1",
            "turn:u:p\"@t:1",
            "stun:u:p@t:1",
        ] {
            assert_eq!(TurnServer::parse(bad), None, "{bad}");
        }
    }
}
