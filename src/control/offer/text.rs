//! From bytes to lines: bounded and clean before anything is looked at.

use super::{MAX_LINE_BYTES, MAX_LINES, MAX_OFFER_BYTES, OfferError, invalid};
use sdp_types::Session;

/// Longest piece of a client's text that is shown back in an error.
const MAX_SHOWN_CHARS: usize = 40;

/// Checks sizes and characters, then splits into session, m-sections and attributes.
pub(super) fn tokenise(sdp: &str) -> Result<Session, OfferError> {
    check(sdp, "the offer").map_err(OfferError::Invalid)?;
    Session::parse(sdp.as_bytes()).map_err(|error| invalid(format!("it is not SDP: {error}")))
}

/// Bounds `text` and refuses control characters other than line ends. `what` begins the sentence.
pub(in crate::control) fn check(text: &str, what: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.len() > MAX_OFFER_BYTES {
        return Err(format!("{what} has {} bytes; {MAX_OFFER_BYTES} are allowed", text.len()));
    }
    for (index, line) in text.lines().enumerate() {
        if index >= MAX_LINES {
            return Err(format!("{what} has more than {MAX_LINES} lines"));
        }
        if line.len() > MAX_LINE_BYTES {
            return Err(format!("line {} is longer than {MAX_LINE_BYTES} bytes", index + 1));
        }
        if line.chars().any(char::is_control) {
            return Err(format!("line {} has a control character in it", index + 1));
        }
    }
    Ok(())
}

/// A client's text as an error may quote it: short, and without anything that is not printable.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN_CHARS).flat_map(char::escape_default).collect();
    if text.chars().nth(MAX_SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// A token of RFC 8866 §9 with at most `max` characters.
pub(super) fn is_token(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b))
}
