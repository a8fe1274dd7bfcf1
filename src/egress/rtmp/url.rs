//! Where to push to: `rtmp[s]://[user:password@]host[:port]/app[/more]/key[?query]`.

use super::auth::Credentials;
use crate::redacted::Redacted;
use std::{fmt, net::Ipv6Addr, str::FromStr};

/// Longest URL, bytes. Signed keys with their query reach some hundred; no ingest documents more.
pub const MAX_URL_BYTES: usize = 2048;

/// An RTMP destination. The stream key shows nowhere: `Debug` and `Display` are redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtmpUrl {
    tls: bool,
    host: String,
    port: u16,
    app: String,
    key: Redacted<String>,
    credentials: Option<Credentials>,
}

/// Why a URL was refused. The sentence may be shown: it repeats nothing of the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtmpUrlError {
    #[error("the URL is too long: at most 2048 bytes are allowed")]
    TooLong,
    #[error("the URL holds a space or a control character: write it percent-encoded")]
    ForbiddenCharacter,
    #[error("the URL must start with rtmp:// or rtmps://")]
    Scheme,
    #[error("the URL names no host: expected rtmp://host/app/key")]
    NoHost,
    #[error("the host must be a name (A-Z a-z 0-9 . - _), an IPv4 address or an IPv6 address in brackets")]
    Host,
    #[error("the port must be a number from 1 to 65535")]
    Port,
    #[error("the URL must name an application and a stream key: rtmp://host/app/key")]
    NoKey,
    #[error(
        "what stands before the host must be a user name and a password: rtmp://user:password@host/app/key"
    )]
    Credentials,
    #[error("a stream that came by rtmps:// does not go on by rtmp://")]
    LeavesTls,
}

impl RtmpUrl {
    /// Reads a URL. Percent-encoding stays as it is: ingests compare keys byte by byte.
    pub fn parse(text: &str) -> Result<Self, RtmpUrlError> {
        if text.len() > MAX_URL_BYTES {
            return Err(RtmpUrlError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(RtmpUrlError::ForbiddenCharacter);
        }
        let (scheme, rest) = text.split_once("://").ok_or(RtmpUrlError::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "rtmp" => false,
            "rtmps" => true,
            _ => return Err(RtmpUrlError::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (credentials, host_port) = match authority.rsplit_once('@') {
            Some((credentials, host_port)) => (Some(read_credentials(credentials)?), host_port),
            None => (None, authority),
        };
        let (host, port) = split_host_port(host_port)?;
        let port = port.unwrap_or(default_port(tls));

        let (path, query) = match target.find('?') {
            Some(at) => target.split_at(at),
            None => (target, ""),
        };
        let path = path.strip_prefix('/').ok_or(RtmpUrlError::NoKey)?;
        let (app, name) = path.rsplit_once('/').ok_or(RtmpUrlError::NoKey)?;
        if app.is_empty() || name.is_empty() {
            return Err(RtmpUrlError::NoKey);
        }
        let key = Redacted::new(format!("{name}{query}"));
        Ok(Self { tls, host, port, app: app.to_owned(), key, credentials })
    }

    /// `rtmps://`.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Host name in lower case, or IP address (IPv6 without brackets, in its shortest form): what
    /// allow lists compare and the resolver gets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port; 1935 unless given, 443 for `rtmps`.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Everything between the host and the last path segment.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The last path segment with the query.
    pub const fn key(&self) -> &Redacted<String> {
        &self.key
    }

    /// User name and password, which are sent only when the server asks for them (see `auth`).
    pub const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Whether both name the same stream of the same server; user, password and TLS do not matter.
    pub fn is_same_stream(&self, other: &Self) -> bool {
        (&self.host, self.port, &self.app, &self.key) == (&other.host, other.port, &other.app, &other.key)
    }

    /// Our stream at the place `tc_url` names, which a server asked us to go to: absolute, or relative
    /// to this URL (`//host/app`, `/app`). User and password stay on their host.
    ///
    /// # Errors
    /// As [`RtmpUrl::parse`]; and when it would leave TLS, which would give the key away.
    pub fn moved_to(&self, tc_url: &str) -> Result<Self, RtmpUrlError> {
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        let tc_url = tc_url.trim_end_matches('/');
        let base = if tc_url.starts_with("//") {
            format!("{scheme}:{tc_url}")
        } else if tc_url.starts_with('/') {
            format!("{scheme}://{}{tc_url}", self.authority())
        } else {
            tc_url.to_owned()
        };
        let mut url = Self::parse(&format!("{base}/{}", self.key.expose()))?;
        if self.tls && !url.tls {
            return Err(RtmpUrlError::LeavesTls);
        }
        url.credentials = if url.host == self.host { self.credentials.clone() } else { None };
        Ok(url)
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }

    /// What `connect` tells the server (`tcUrl`): the URL without the key.
    pub fn tc_url(&self) -> String {
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        format!("{scheme}://{}/{}", self.authority(), self.app)
    }

    /// The URL for people: `rtmp://host/app/****`.
    pub fn redacted(&self) -> String {
        format!("{}/****", self.tc_url())
    }
}

impl FromStr for RtmpUrl {
    type Err = RtmpUrlError;
    fn from_str(text: &str) -> Result<Self, RtmpUrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

/// Adobe RTMP 1.0 §2 (1935); RTMPS as every ingest offers it (443).
const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 1935 }
}

/// `user:password`, percent-decoded; neither may be empty.
fn read_credentials(text: &str) -> Result<Credentials, RtmpUrlError> {
    let (user, password) = text.split_once(':').ok_or(RtmpUrlError::Credentials)?;
    if user.is_empty() || password.is_empty() {
        return Err(RtmpUrlError::Credentials);
    }
    Ok(Credentials { user: percent_decoded(user)?, password: percent_decoded(password)? })
}

fn percent_decoded(text: &str) -> Result<Redacted<String>, RtmpUrlError> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(|text| Redacted::new(text.into_owned())).map_err(|_| RtmpUrlError::Credentials)
}

fn split_host_port(text: &str) -> Result<(String, Option<u16>), RtmpUrlError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(RtmpUrlError::Host)?;
        let address: Ipv6Addr = host.parse().map_err(|_| RtmpUrlError::Host)?;
        let port = match port {
            "" => None,
            _ => Some(port.strip_prefix(':').ok_or(RtmpUrlError::Host)?),
        };
        (address.to_string(), port)
    } else {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        if host.is_empty() {
            return Err(RtmpUrlError::NoHost);
        }
        // RFC 1035 §2.3.4: a name has at most 255 octets.
        let known = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if host.len() > 255 || !host.bytes().all(known) {
            return Err(RtmpUrlError::Host);
        }
        (host.to_ascii_lowercase(), port)
    };
    let port = match port {
        Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            Some(port.parse().ok().filter(|port| *port != 0).ok_or(RtmpUrlError::Port)?)
        }
        Some(_) => return Err(RtmpUrlError::Port),
        None => None,
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str) -> (bool, String, u16, String, String) {
        let url = RtmpUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        (url.is_tls(), url.host().to_owned(), url.port(), url.app().to_owned(), url.key().expose().clone())
    }

    fn expect(tls: bool, host: &str, port: u16, app: &str, key: &str) -> (bool, String, u16, String, String) {
        (tls, host.to_owned(), port, app.to_owned(), key.to_owned())
    }

    #[test]
    fn urls_come_apart_as_ingests_want_them() {
        assert_eq!(parts("rtmp://a.example/live/key"), expect(false, "a.example", 1935, "live", "key"));
        assert_eq!(parts("RTMPS://A.Example/live/key"), expect(true, "a.example", 443, "live", "key"));
        assert_eq!(parts("rtmp://h:19350/app/inst/key"), expect(false, "h", 19350, "app/inst", "key"));
        assert_eq!(
            parts("rtmp://h/app/k%20ey?auth=a/b&c=%2F"),
            expect(false, "h", 1935, "app", "k%20ey?auth=a/b&c=%2F")
        );
        assert_eq!(
            parts("rtmp://[2001:DB8::0:1]:5222/app/k"),
            expect(false, "2001:db8::1", 5222, "app", "k")
        );
        assert_eq!(parts("rtmp://[::1]/app/k").1, "::1");
        assert_eq!(parts("rtmp://user:p@ss@h/app/k").1, "h");
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let refused = [
            ("http://h/app/secretkey", RtmpUrlError::Scheme),
            ("h/app/secretkey", RtmpUrlError::Scheme),
            ("rtmp:///app/secretkey", RtmpUrlError::NoHost),
            ("rtmp://:1935/app/secretkey", RtmpUrlError::NoHost),
            ("rtmp://h_ä/app/secretkey", RtmpUrlError::Host),
            ("rtmp://[::1/app/secretkey", RtmpUrlError::Host),
            ("rtmp://[1.2.3.4]/app/secretkey", RtmpUrlError::Host),
            ("rtmp://[::1]x/app/secretkey", RtmpUrlError::Host),
            ("rtmp://h:/app/secretkey", RtmpUrlError::Port),
            ("rtmp://h:0/app/secretkey", RtmpUrlError::Port),
            ("rtmp://h:65536/app/secretkey", RtmpUrlError::Port),
            ("rtmp://h:+80/app/secretkey", RtmpUrlError::Port),
            ("rtmp://::1/app/secretkey", RtmpUrlError::NoHost),
            ("rtmp://h/secretkey", RtmpUrlError::NoKey),
            ("rtmp://h//secretkey", RtmpUrlError::NoKey),
            ("rtmp://h/app/", RtmpUrlError::NoKey),
            ("rtmp://h?secretkey/app/k", RtmpUrlError::NoKey),
            ("rtmp://h", RtmpUrlError::NoKey),
            ("rtmp://h/app/secret key", RtmpUrlError::ForbiddenCharacter),
            ("rtmp://user@h/app/secretkey", RtmpUrlError::Credentials),
            ("rtmp://:secret@h/app/secretkey", RtmpUrlError::Credentials),
            ("rtmp://user:%FF@h/app/secretkey", RtmpUrlError::Credentials),
            ("rtmp://h/app/secretkey\r\n", RtmpUrlError::ForbiddenCharacter),
        ];
        for (text, error) in refused {
            assert_eq!(RtmpUrl::parse(text), Err(error), "{text}");
            assert!(!error.to_string().contains("secret"));
        }
        let long = format!("rtmp://h/app/{}", "k".repeat(MAX_URL_BYTES));
        assert_eq!(RtmpUrl::parse(&long), Err(RtmpUrlError::TooLong));
    }

    #[test]
    fn what_people_see_holds_no_secret() {
        let url = RtmpUrl::parse("rtmp://us3r:passw0rd@h.example:1936/app/s3cretkey?token=t0ken").unwrap();
        assert_eq!(url.redacted(), "rtmp://h.example:1936/app/****");
        assert_eq!(url.to_string(), url.redacted());
        let debug = format!("{url:?}");
        for secret in ["us3r", "passw0rd", "s3cret", "t0ken"] {
            assert!(!debug.contains(secret), "{debug}");
        }
        assert_eq!(RtmpUrl::parse("rtmps://h:443/a/k").unwrap().redacted(), "rtmps://h/a/****");
        assert_eq!(RtmpUrl::parse("rtmp://[::1]:1935/a/b/k").unwrap().tc_url(), "rtmp://[::1]/a/b");
    }

    #[test]
    fn user_and_password_are_decoded() {
        let credentials = |text: &str| {
            let url = RtmpUrl::parse(text).unwrap();
            url.credentials().map(|both| (both.user.expose().clone(), both.password.expose().clone()))
        };
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(credentials("rtmp://joe:p%40s%3As%zz@h/a/k"), pair("joe", "p@s:s%zz"));
        assert_eq!(credentials("rtmp://joe:p@:ss@h/a/k"), pair("joe", "p@:ss"));
        assert_eq!(credentials("rtmp://h/a/k"), None);
    }

    #[test]
    fn a_move_takes_the_key_and_leaves_the_password() {
        let url = RtmpUrl::parse("rtmp://joe:pass@a.example:1936/live/k3y?t=1").unwrap();
        let moved = |to: &str| {
            let url = url.moved_to(to).unwrap();
            assert_eq!(url.key().expose(), "k3y?t=1");
            (url.tc_url(), url.credentials().is_some())
        };
        assert_eq!(moved("rtmp://b.example/other/x"), ("rtmp://b.example/other/x".to_owned(), false));
        assert_eq!(moved("rtmps://b.example/other/"), ("rtmps://b.example/other".to_owned(), false));
        assert_eq!(moved("//b.example:5/live"), ("rtmp://b.example:5/live".to_owned(), false));
        assert_eq!(moved("/live2"), ("rtmp://a.example:1936/live2".to_owned(), true));
        assert_eq!(url.moved_to("http://b.example/live"), Err(RtmpUrlError::Scheme));
        assert_eq!(url.moved_to(""), Err(RtmpUrlError::Scheme));
        let safe = RtmpUrl::parse("rtmps://a.example/live/k3y").unwrap();
        assert_eq!(safe.moved_to("rtmp://a.example/live"), Err(RtmpUrlError::LeavesTls));
    }

    #[test]
    fn the_same_stream_is_recognised() {
        let url = RtmpUrl::parse("rtmp://a.example/live/key").unwrap();
        let same = |other: &str| url.is_same_stream(&RtmpUrl::parse(other).unwrap());
        assert!(same("rtmp://u:p@A.example:1935/live/key"));
        assert!(!same("rtmp://a.example/live/key2"));
        assert!(!same("rtmp://a.example:1936/live/key"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = RtmpUrl::parse(&text);
            let _ = RtmpUrl::parse(&format!("rtmp://{text}"));
        }

        #[test]
        fn what_is_parsed_is_what_was_written(
            host in "[a-z0-9]{1,12}", port in 1u16.., app in "[a-z0-9%/]{0,8}[a-z]", key in "[A-Za-z0-9_%-]{4,20}",
        ) {
            let url = RtmpUrl::parse(&format!("rtmp://{host}:{port}/{app}/{key}")).unwrap();
            prop_assert_eq!(
                (url.host(), url.port(), url.app(), url.key().expose()),
                (host.as_str(), port, app.as_str(), &key)
            );
        }
    }
}
