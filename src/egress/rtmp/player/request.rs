//! What a player asks for: a stream's name, and perhaps a token.

use crate::redacted::Redacted;
use percent_encoding::percent_decode_str;

/// The application under which casts are played.
pub const APP: &str = "live";
/// Longest stream name or `tcUrl` that is looked at, bytes; a token has some hundred.
const MAX_TEXT: usize = 16 * 1024;

/// A `play` command, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayRequest {
    /// As asked for, without a query and percent-decoded; may be anything.
    pub stream: String,
    /// From `token=` in the stream's query, else in the application's or the `tcUrl`'s.
    pub token: Option<Redacted<String>>,
}

/// What `connect` said.
#[derive(Debug, Default)]
pub(super) struct Connected {
    token: Option<Redacted<String>>,
}

impl Connected {
    /// `None`: it is no application of ours.
    pub(super) fn read(app: &str, tc_url: &str) -> Option<Self> {
        let (name, query) = split(app);
        if name.trim_matches('/') != APP {
            return None;
        }
        Some(Self { token: token(query).or_else(|| token(split(tc_url).1)) })
    }

    /// A `play` of `name` on this connection.
    pub(super) fn play(&self, name: &str) -> PlayRequest {
        let (stream, query) = split(name);
        // Players pass the URL on as it was written, and `@` and `:` are often written `%40` and `%3A`. An id
        // has no `%`, so nothing is decoded twice.
        let stream = percent_decode_str(stream.trim_matches('/')).decode_utf8_lossy().into_owned();
        PlayRequest { stream, token: token(query).or_else(|| self.token.clone()) }
    }
}

fn split(text: &str) -> (&str, &str) {
    if text.len() > MAX_TEXT {
        return ("", "");
    }
    text.split_once('?').unwrap_or((text, ""))
}

fn token(query: &str) -> Option<Redacted<String>> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, value) = pairs.find(|(name, value)| name == "token" && !value.is_empty())?;
    Some(Redacted::new(value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(app: &str, tc_url: &str, name: &str) -> Option<(String, Option<String>)> {
        let request = Connected::read(app, tc_url)?.play(name);
        Some((request.stream, request.token.map(|token| token.expose().clone())))
    }

    #[test]
    fn a_token_stands_in_any_query_and_the_streams_own_counts_first() {
        let room = |token: Option<&str>| Some(("room".to_owned(), token.map(str::to_owned)));
        assert_eq!(asked("live", "rtmp://h/live", "room"), room(None));
        assert_eq!(asked("live/", "rtmp://h/live", "/room?token=a.b-c"), room(Some("a.b-c")));
        assert_eq!(asked("live?token=app", "rtmp://h/live?token=tc", "room"), room(Some("app")));
        assert_eq!(asked("live", "rtmp://h/live?x=1&token=tc", "room?token="), room(Some("tc")));
        assert_eq!(asked("live?token=app", "", "room?token=own"), room(Some("own")));
        assert_eq!(asked("live", "", "ann%40home?token=t").unwrap().0, "ann@home");
        assert_eq!(asked("live", "", "%ff%").unwrap().0, "\u{fffd}%");
        assert_eq!(asked("vod", "rtmp://h/vod", "room"), None);
        assert_eq!(asked("live", "", &"x".repeat(MAX_TEXT + 1)), Some((String::new(), None)));
    }
}
