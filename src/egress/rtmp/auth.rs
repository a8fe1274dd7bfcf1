//! User name and password as Adobe's and Limelight's servers ask for them (`authmod=adobe`,
//! `authmod=llnw`). RTMP has no place for them; both servers use the refusal of `connect`.
//!
//! 1. The first `connect` is refused with `code=403 need auth; authmod=…`.
//! 2. A new connection names the user: `app?authmod=…&user=…`. It is refused with a challenge,
//!    `?reason=needauth&…`.
//! 3. A third connection carries the response, made of MD5 sums.

use super::amf0::Value;
use crate::redacted::Redacted;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use md5::{Digest, Md5};
use std::fmt::Write;

/// Longest value of a challenge that is taken, bytes. Real ones have some dozen.
const MAX_VALUE: usize = 256;
/// The realm Limelight's servers have.
const LLNW_REALM: &str = "live";
/// Digest fields (RFC 2617 §3.2.2): one request per nonce, protection of the request only.
const LLNW_COUNT: &str = "00000001";
const LLNW_QOP: &str = "auth";
/// The instance Adobe's servers take when the application names none.
const DEFAULT_INSTANCE: &str = "/_definst_";

/// Who publishes: what stands before the host of a URL, percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: Redacted<String>,
    pub password: Redacted<String>,
}

/// Whose scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Adobe,
    Llnw,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Adobe => "adobe",
            Self::Llnw => "llnw",
        }
    }
}

/// What a refusal of `connect` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Connect anew and say who it is.
    Name(Scheme),
    /// Connect anew with a response to this.
    Proof(Challenge),
    /// The user name or the password is wrong.
    Denied,
}

/// A server's challenge. Its values go into the response only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: Scheme,
    salt: Redacted<String>,
    opaque: Option<Redacted<String>>,
    challenge: Option<Redacted<String>>,
    nonce: Redacted<String>,
}

impl Demand {
    /// Reads an `_error`; `None` when it is about something else.
    pub(super) fn read(values: &[Value]) -> Option<Self> {
        let info = values.iter().find_map(|value| value.get("description").and_then(Value::as_str));
        let text = info.or_else(|| values.iter().skip(2).find_map(Value::as_str))?;
        let scheme = [Scheme::Adobe, Scheme::Llnw]
            .into_iter()
            .find(|scheme| text.contains(&format!("authmod={}", scheme.name())))?;
        if ["?reason=authfailed", "?reason=nosuchuser"].iter().any(|reason| text.contains(reason)) {
            return Some(Self::Denied);
        }
        if text.contains("code=403 need auth") {
            return Some(Self::Name(scheme));
        }
        let query = &text[text.find("?reason=needauth")? + 1..];
        let value = |name: &str| {
            let found = query.split('&').find_map(|pair| match pair.split_once('=') {
                Some((key, value)) if key == name => Some(value.trim()),
                _ => None,
            });
            found.filter(|value| value.len() <= MAX_VALUE).map(|value| Redacted::new(value.to_owned()))
        };
        let empty = || Redacted::new(String::new());
        Some(Self::Proof(Challenge {
            scheme,
            salt: value("salt").unwrap_or_else(empty),
            opaque: value("opaque"),
            challenge: value("challenge"),
            nonce: value("nonce").unwrap_or_else(empty),
        }))
    }
}

impl Credentials {
    /// The query that names the user.
    pub fn name(&self, scheme: Scheme) -> Redacted<String> {
        Redacted::new(format!("authmod={}&user={}", scheme.name(), self.user_in_query()))
    }

    /// The query that answers `challenge`. `app`: the application without a query; `random`: a number
    /// never used before.
    pub fn prove(&self, challenge: &Challenge, app: &str, random: u32) -> Redacted<String> {
        let ours = format!("{random:08x}");
        Redacted::new(match challenge.scheme {
            Scheme::Adobe => self.adobe(challenge, &ours),
            Scheme::Llnw => self.llnw(challenge, app, &ours),
        })
    }

    fn adobe(&self, theirs: &Challenge, ours: &str) -> String {
        let secret = [self.user.expose(), theirs.salt.expose(), self.password.expose()];
        let secret = BASE64.encode(md5(&secret.map(String::as_str)));
        let given = theirs.opaque.as_ref().or(theirs.challenge.as_ref());
        let given = given.map_or("", |given| given.expose());
        let response = BASE64.encode(md5(&[&secret, given, ours]));
        let user = self.user_in_query();
        let mut query = format!("authmod=adobe&user={user}&challenge={ours}&response={response}");
        if let Some(opaque) = &theirs.opaque {
            query.push_str("&opaque=");
            query.push_str(opaque.expose());
        }
        query
    }

    fn llnw(&self, theirs: &Challenge, app: &str, ours: &str) -> String {
        let nonce = theirs.nonce.expose();
        let instance = if app.contains('/') { "" } else { DEFAULT_INSTANCE };
        let who = hex(&md5(&[self.user.expose(), ":", LLNW_REALM, ":", self.password.expose()]));
        let what = hex(&md5(&["publish:/", app, instance]));
        let parts = [&who, ":", nonce, ":", LLNW_COUNT, ":", ours, ":", LLNW_QOP, ":", &what];
        let response = hex(&md5(&parts));
        let user = self.user_in_query();
        format!("authmod=llnw&user={user}&nonce={nonce}&cnonce={ours}&nc={LLNW_COUNT}&response={response}")
    }

    /// The name with what would end it in a query percent-encoded.
    fn user_in_query(&self) -> String {
        let mut text = String::new();
        for byte in self.user.expose().bytes() {
            match byte {
                b'&' | b'=' | b'%' | b'?' | b'#' | 0..=b' ' | 0x7F.. => {
                    // Writing to a String does not fail.
                    let _ = write!(text, "%{byte:02X}");
                }
                _ => text.push(char::from(byte)),
            }
        }
        text
    }
}

fn md5(parts: &[&str]) -> [u8; 16] {
    let mut sum = Md5::new();
    parts.iter().for_each(|part| sum.update(part.as_bytes()));
    sum.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(description: &str) -> Vec<Value> {
        let info = Value::Object(vec![("description".to_owned(), Value::string(description))]);
        vec![Value::string("_error"), Value::Number(1.0), Value::Null, info]
    }

    fn credentials() -> Credentials {
        Credentials { user: Redacted::new("joe".to_owned()), password: Redacted::new("pass".to_owned()) }
    }

    fn proof(description: &str) -> Challenge {
        match Demand::read(&error(description)) {
            Some(Demand::Proof(challenge)) => challenge,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        let read = |text: &str| Demand::read(&error(text));
        let first = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ";
        assert_eq!(read(first), Some(Demand::Name(Scheme::Adobe)));
        let first = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=llnw ] : ";
        assert_eq!(read(first), Some(Demand::Name(Scheme::Llnw)));
        let wrong = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed&opaque=x";
        assert_eq!(read(wrong), Some(Demand::Denied));
        assert_eq!(read("[ authmod=adobe ] : ?reason=nosuchuser"), Some(Demand::Denied));
        assert_eq!(read("no such application"), None);
        assert_eq!(read("[ authmod=adobe ] : something else"), None);
        assert_eq!(Demand::read(&[]), None);
    }

    /// Expected values made with `md5sum` and `base64` by the published description of the schemes.
    #[test]
    fn adobe_responses_are_the_published_ones() {
        let challenge = proof(
            "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=joe&salt=abc=&challenge=def&opaque=ghi",
        );
        assert_eq!(
            credentials().prove(&challenge, "live", 0x0102_0304).expose(),
            "authmod=adobe&user=joe&challenge=01020304&response=iz8PVcHoAuNadDqz3WhP4g==&opaque=ghi"
        );
        let challenge = proof("[ authmod=adobe ] : ?reason=needauth&user=joe&salt=abc=&challenge=def");
        assert_eq!(
            credentials().prove(&challenge, "live", 0x0102_0304).expose(),
            "authmod=adobe&user=joe&challenge=01020304&response=2M/jdZqpGruvbc2tCQcw/Q=="
        );
    }

    #[test]
    fn llnw_responses_are_the_published_ones() {
        let challenge = proof("[ authmod=llnw ] : ?reason=needauth&user=joe&nonce=n0nce");
        assert_eq!(
            credentials().prove(&challenge, "live", 0x0102_0304).expose(),
            "authmod=llnw&user=joe&nonce=n0nce&cnonce=01020304&nc=00000001&response=d9011d791a186044c6c9d915f38878a5"
        );
        let query = credentials().prove(&challenge, "live/inst", 0x0102_0304);
        assert!(query.expose().ends_with("&response=1066b526060f7113cf87754c0e25988e"), "{}", query.expose());
    }

    #[test]
    fn names_cannot_break_out_of_the_query() {
        let odd = Credentials { user: Redacted::new("j&o=e ä".to_owned()), ..credentials() };
        assert_eq!(odd.name(Scheme::Adobe).expose(), "authmod=adobe&user=j%26o%3De%20%C3%A4");
        assert_eq!(format!("{odd:?}"), "Credentials { user: ****, password: **** }");
    }
}
