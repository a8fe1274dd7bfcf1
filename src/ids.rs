//! Names of things: one newtype per kind, so that no bare `String` crosses a function.
//!
//! Ids come from clients and go into URLs, JSON and logs; they never become file names unescaped
//! (see [`ConferenceId::file_name`]).

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a name was refused; the sentence is shown to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {allowed}")]
pub struct InvalidId {
    /// Which name: `conference id`, `stream name`, …
    pub what: &'static str,
    /// What would have been accepted.
    pub allowed: &'static str,
}

const ID_ALLOWED: &str = "1 to 128 characters of A-Z a-z 0-9 . _ ~ - @ : + and not \".\" or \"..\"";
const STREAM_ALLOWED: &str = "1 to 32 characters of a-z 0-9 _ -";

fn is_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text != "."
        && text != ".."
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-@:+".contains(&b))
}

fn is_stream_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident, $allowed:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as the client wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if $check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { what: $what, allowed: $allowed })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A conference, named by its users (contract, "Ids").
    ConferenceId, "conference id", is_id, ID_ALLOWED
}
text_id! {
    /// A participant, unique within a conference.
    ParticipantId, "participant id", is_id, ID_ALLOWED
}
text_id! {
    /// An output of a cast, unique within the cast.
    OutputId, "output id", is_id, ID_ALLOWED
}
text_id! {
    /// A cue of a conference's run-down, unique within it.
    CueId, "cue id", is_id, ID_ALLOWED
}
text_id! {
    /// One of a participant's streams: `camera` (the default), `screen`, …
    StreamName, "stream name", is_stream_name, STREAM_ALLOWED
}

text_id! {
    /// A layout of `[layouts]`.
    LayoutName, "layout name", is_stream_name, STREAM_ALLOWED
}

text_id! {
    /// A picture of a conference or of `[pictures]`.
    PictureName, "picture name", is_stream_name, STREAM_ALLOWED
}

impl StreamName {
    /// What a shared screen is called.
    pub fn screen() -> Self {
        Self("screen".to_owned())
    }
}

impl Default for StreamName {
    fn default() -> Self {
        Self("camera".to_owned())
    }
}

impl ConferenceId {
    /// The id as a file name: `:` and a leading dot are escaped as `%xx`, everything else an id may
    /// hold is safe on every file system we run on. Two ids never share a file name.
    pub fn file_name(&self) -> String {
        let mut name = String::with_capacity(self.0.len());
        for (index, c) in self.0.char_indices() {
            match c {
                ':' => name.push_str("%3A"),
                '.' if index == 0 => name.push_str("%2E"),
                _ => name.push(c),
            }
        }
        name
    }
}

/// 128 random bits in hexadecimal.
pub(crate) fn unguessable() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A WHIP or WHEP session. The id is a capability (RFC 9725 §4.6: unguessable URL): 128 random bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(String);

impl SessionId {
    /// A fresh unguessable id.
    pub fn generate() -> Self {
        Self(unguessable())
    }

    /// A fresh unguessable id of a subscriber's session. It says so itself, so that the right to touch it is
    /// known before anybody is asked.
    pub fn generate_subscriber() -> Self {
        Self(format!("w{:032x}", rand::random::<u128>()))
    }

    /// Made by [`Self::generate_subscriber`].
    pub fn is_subscriber(&self) -> bool {
        self.0.starts_with('w')
    }

    /// The id as it stands in the session URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SessionId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A call between two clients. Unguessable, since the conference of a relayed call is named by it: 128 random
/// bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(String);

impl CallId {
    /// A fresh id.
    pub fn generate() -> Self {
        Self(unguessable())
    }

    /// The id as it stands in messages.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The private conference of a relayed call.
    pub fn conference(&self) -> ConferenceId {
        ConferenceId(format!("call-{}", self.0))
    }
}

impl From<&str> for CallId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A recording. Unguessable like a session: whoever may not list recordings cannot name one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordingId(String);

impl RecordingId {
    /// A fresh unguessable id: 128 random bits.
    pub fn generate() -> Self {
        Self(unguessable())
    }

    /// The id as it stands in URLs, and the name of its folder.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecordingId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 32 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { what: "recording id", allowed: "32 characters of 0-9 a-f" })
        }
    }
}

impl TryFrom<String> for RecordingId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<RecordingId> for String {
    fn from(id: RecordingId) -> Self {
        id.0
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event (`control/events`): `evt_` and 128 random bits in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

impl EventId {
    /// A fresh id.
    pub fn generate() -> Self {
        Self(format!("evt_{}", unguessable()))
    }

    /// The id as it stands in JSON and headers.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        match text.strip_prefix("evt_") {
            Some(digits) if digits.len() == 32 && digits.bytes().all(hex) => Ok(Self(text.to_owned())),
            _ => Err(InvalidId { what: "event id", allowed: "evt_ and 32 characters of 0-9 a-f" }),
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_id! {
    /// A receiver of webhooks, named by the operator (`webhooks.endpoints`).
    EndpointId, "endpoint id", is_id, ID_ALLOWED
}

/// What the worker calls a (participant, stream) pair. Control hands the numbers out, keeps them for
/// the life of the conference, and gives the same number to the same pair after a re-publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(pub u32);

impl SourceId {
    /// From here on numbers are of media files, each time one is opened another.
    const FIRST_FILE: u32 = 1 << 31;
    /// From here on of those that a worker opens by itself, for its slate.
    const FIRST_CLIP: u32 = 3 << 30;

    /// The number of the `n`th file that a conference opened; a conference opens fewer than there are.
    pub const fn of_file(n: u32) -> Self {
        Self(Self::FIRST_FILE | (n & (u32::MAX >> 2)))
    }

    /// The number of the `n`th clip that a worker opened for its slate.
    pub const fn of_clip(n: u32) -> Self {
        Self(Self::FIRST_CLIP | (n & (u32::MAX >> 2)))
    }

    /// It is a clip of the slate's, of which control knows nothing.
    pub const fn is_clip(self) -> bool {
        self.0 >= Self::FIRST_CLIP
    }

    /// It is a media file, and no participant's.
    pub const fn is_file(self) -> bool {
        self.0 >= Self::FIRST_FILE
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source-{}", self.0)
    }
}

/// What the worker calls a picture. Never given to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PictureId(pub u32);

impl fmt::Display for PictureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "picture-{}", self.0)
    }
}

/// Pairs a worker's reply with the command it answers. Unique per worker link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Which life of a conference's worker: 0 for the first, one more for each replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_take_what_the_contract_allows_and_nothing_else() {
        for good in ["a", "Room-1", "a.b_c~d-e@f:g+h", &"x".repeat(128), "..."] {
            assert!(good.parse::<ConferenceId>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\0", "%2e", &"x".repeat(129)] {
            assert!(bad.parse::<ConferenceId>().is_err(), "{bad}");
        }
        assert!("screen-2_b".parse::<StreamName>().is_ok());
        for bad in ["", "Camera", "a.b", &"x".repeat(33)] {
            assert!(bad.parse::<StreamName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn recording_ids_are_ours_or_none() {
        assert!(RecordingId::generate().as_str().parse::<RecordingId>().is_ok());
        for bad in [
            "",
            "..",
            "0123456789ABCDEF0123456789abcdef",
            &"a".repeat(33),
            "../../../../../../../../etc/passw",
        ] {
            assert!(bad.parse::<RecordingId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn file_names_are_escaped_and_distinct() {
        let name = |id: &str| id.parse::<ConferenceId>().unwrap().file_name();
        assert_eq!(name("a:b"), "a%3Ab");
        assert_eq!(name(".hidden.x"), "%2Ehidden.x");
        assert_eq!(name("..."), "%2E..");
    }

    #[test]
    fn session_ids_do_not_repeat() {
        assert_ne!(SessionId::generate(), SessionId::generate());
        assert_eq!(SessionId::generate().as_str().len(), 32);
    }
}
