//! A server's own words, made fit to be shown.

use crate::{
    egress::rtmp::{amf0::Value, url::RtmpUrl},
    redacted::Redacted,
};

/// Longest description kept, characters.
const MAX_WORDS: usize = 200;
/// Parts of a key shorter than this are not searched for: they would blank out ordinary words.
const MIN_SECRET: usize = 4;

/// Knows what must not be repeated: servers like to quote the key ("stream abc is already live").
pub(super) struct ServerWords {
    secrets: Redacted<Vec<String>>,
}

impl ServerWords {
    pub(super) fn new(url: &RtmpUrl) -> Self {
        let key = url.key().expose();
        let name = key.split('?').next().unwrap_or_default();
        let query = key.split_once('?').map_or("", |(_, query)| query);
        let values = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        let mut secrets = vec![key.clone()];
        // The name is hidden however short it is: it is the key.
        if !name.is_empty() {
            secrets.push(name.to_owned());
        }
        secrets.extend(values.chain([query]).filter(|part| part.len() >= MIN_SECRET).map(str::to_owned));
        if let Some(credentials) = url.credentials() {
            secrets.push(credentials.password.expose().clone());
            secrets.extend(Some(credentials.user.expose().clone()).filter(|user| user.len() >= MIN_SECRET));
        }
        // The longest first, so that no part of a longer one stays.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets: Redacted::new(secrets) }
    }

    /// Code and description of an `_error` or `onStatus`; servers put the object in the third or
    /// fourth place.
    pub(super) fn of(&self, values: &[Value]) -> (String, String) {
        let text = |name: &str| {
            let found = values.iter().find_map(|value| value.get(name).and_then(Value::as_str));
            self.clean(found.unwrap_or_default())
        };
        let (code, mut description) = (text("code"), text("description"));
        if code.is_empty() && description.is_empty() {
            // Some servers send a plain string instead of the object.
            let plain = values.iter().skip(2).find_map(Value::as_str);
            description = self.clean(plain.unwrap_or_default());
        }
        (code, description)
    }

    fn clean(&self, text: &str) -> String {
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        for secret in self.secrets.expose() {
            text = text.replace(secret, "****");
        }
        let text = text.trim();
        match text.char_indices().nth(MAX_WORDS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: &str, description: &str) -> Vec<Value> {
        let property = |name: &str, text: &str| (name.to_owned(), Value::string(text));
        vec![
            Value::string("onStatus"),
            Value::Number(0.0),
            Value::Null,
            Value::Object(vec![property("code", code), property("description", description)]),
        ]
    }

    fn words(key: &str) -> ServerWords {
        ServerWords::new(&RtmpUrl::parse(&format!("rtmp://h/app/{key}")).unwrap())
    }

    #[test]
    fn the_key_and_its_query_are_not_repeated() {
        let words = words("my-key?token=t0psecret&a=1");
        let (code, description) = words.of(&status(
            "NetStream.Publish.BadName",
            "stream my-key (live/my-key?token=t0psecret&a=1) with t0psecret\r\nis taken",
        ));
        assert_eq!(code, "NetStream.Publish.BadName");
        assert_eq!(description, "stream **** (live/****) with ****  is taken");
    }

    #[test]
    fn words_are_shortened_and_plain_strings_count() {
        let words = words("k3y!");
        let (_, description) = words.of(&status("", &"ä".repeat(1000)));
        assert_eq!(description.chars().count(), MAX_WORDS + 1);
        let plain = [Value::string("_error"), Value::Number(1.0), Value::Null, Value::string("no")];
        assert_eq!(words.of(&plain), (String::new(), "no".to_owned()));
        assert_eq!(words.of(&[]), (String::new(), String::new()));
    }
}
