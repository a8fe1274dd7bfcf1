//! The one transport of a session: ICE credentials, DTLS role and certificate fingerprint.

use super::{OfferError, candidate::is_ice_char, invalid, text::shown};
use crate::redacted::Redacted;
use sdp_types::{Media, Session};
use std::fmt::Arguments;

/// Read from wherever an offer has it, written into each m-section.
pub(super) struct Transport {
    ufrag: String,
    password: Redacted<String>,
    setup: &'static str,
    /// SHA-256 of the peer's certificate.
    pub(super) fingerprint: [u8; 32],
}

impl Transport {
    /// Looks at session level and into every m-section. What is said twice must be the same; the
    /// m-section `tag`, whose transport the others use, must be complete (with the session's help).
    pub(super) fn read(session: &Session, tag: usize) -> Result<Self, OfferError> {
        let ufrag = agreed(session, tag, "ice-ufrag")?;
        let password = agreed(session, tag, "ice-pwd")?;
        check_ufrag(ufrag).map_err(OfferError::Invalid)?;
        check_password(password).map_err(OfferError::Invalid)?;
        let setup = match agreed(session, tag, "setup")? {
            "actpass" => "actpass",
            "active" => "active",
            other => {
                return Err(invalid(format!(
                    "a=setup:{} is not allowed in an offer; use actpass or active",
                    shown(other)
                )));
            }
        };
        Ok(Self {
            ufrag: ufrag.to_owned(),
            password: Redacted::new(password.to_owned()),
            setup,
            fingerprint: agreed_fingerprint(session, tag)?,
        })
    }

    pub(super) fn write(&self, line: &mut impl FnMut(Arguments<'_>)) {
        line(format_args!("a=ice-ufrag:{}", self.ufrag));
        line(format_args!("a=ice-pwd:{}", self.password.expose()));
        // Always: candidates may follow, and libnice must not give up for want of them.
        line(format_args!("a=ice-options:trickle"));
        let pairs: Vec<String> = self.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        line(format_args!("a=fingerprint:sha-256 {}", pairs.join(":")));
        line(format_args!("a=setup:{}", self.setup));
        line(format_args!("a=rtcp-mux"));
    }
}

/// RFC 8839 §5.4: 4 to 256 ice-chars.
///
/// # Errors
/// A sentence that says so.
pub(in crate::control) fn check_ufrag(ufrag: &str) -> Result<(), String> {
    if (4..=256).contains(&ufrag.len()) && ufrag.bytes().all(is_ice_char) {
        return Ok(());
    }
    Err("a=ice-ufrag must be 4 to 256 characters of A-Z a-z 0-9 + /".to_owned())
}

/// RFC 8839 §5.4: 22 to 256 ice-chars.
///
/// # Errors
/// A sentence that says so, and does not show the password.
pub(in crate::control) fn check_password(password: &str) -> Result<(), String> {
    if (22..=256).contains(&password.len()) && password.bytes().all(is_ice_char) {
        return Ok(());
    }
    Err("a=ice-pwd must be 22 to 256 characters of A-Z a-z 0-9 + /".to_owned())
}

/// The one value of `attribute`, from session level and all m-sections.
fn agreed<'a>(session: &'a Session, tag: usize, attribute: &'static str) -> Result<&'a str, OfferError> {
    let mut found = None;
    for value in everywhere(session, attribute) {
        if found.is_some_and(|earlier| earlier != value) {
            return Err(invalid(format!("a={attribute} has different values; one bundle has one transport")));
        }
        found = Some(value);
    }
    match found {
        Some(value) if applies_to_tag(session, tag, attribute) => Ok(value),
        _ => Err(invalid(format!("a={attribute} is missing"))),
    }
}

fn everywhere<'a>(session: &'a Session, attribute: &'static str) -> impl Iterator<Item = &'a str> {
    let at_session = session.get_attribute_values(attribute);
    let at_media = session.medias.iter().flat_map(move |media| media.get_attribute_values(attribute));
    at_session.chain(at_media).map(|value| value.unwrap_or_default().trim())
}

fn applies_to_tag(session: &Session, tag: usize, attribute: &str) -> bool {
    session.has_attribute(attribute)
        || session.medias.get(tag).is_some_and(|media: &Media| media.has_attribute(attribute))
}

/// The one SHA-256 fingerprint. Others beside it (RFC 8122 §5 allows several hashes) are left out.
fn agreed_fingerprint(session: &Session, tag: usize) -> Result<[u8; 32], OfferError> {
    let mut found = None;
    let mut other = None;
    for value in everywhere(session, "fingerprint") {
        let (hash, digest) = value.split_once(' ').unwrap_or((value, ""));
        if !hash.eq_ignore_ascii_case("sha-256") {
            other = Some(hash);
            continue;
        }
        let digest = digest_of(digest.trim()).ok_or_else(|| {
            invalid("a=fingerprint:sha-256 must be followed by 32 pairs of hex digits with colons between")
        })?;
        if found.is_some_and(|earlier| earlier != digest) {
            return Err(invalid("a=fingerprint has different values; one bundle has one certificate"));
        }
        found = Some(digest);
    }
    match (found, other) {
        (Some(digest), _) if applies_to_tag(session, tag, "fingerprint") => Ok(digest),
        (None, Some(other)) => {
            Err(invalid(format!("the only a=fingerprint is of {}; one of sha-256 is needed", shown(other))))
        }
        _ => Err(invalid("a=fingerprint:sha-256 is missing; media is taken from a known certificate only")),
    }
}

fn digest_of(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let mut pairs = text.split(':');
    for byte in &mut digest {
        let pair = pairs.next()?;
        if pair.len() != 2 || !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(digest)
}
