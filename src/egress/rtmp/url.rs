//! RTMP URLs (replaced by the real parser).

use crate::redacted::Redacted;
use std::str::FromStr;

/// A push URL.
#[derive(Debug, Clone, PartialEq)]
pub struct RtmpUrl {
    host: String,
    shown: String,
    whole: Redacted<String>,
}

impl RtmpUrl {
    /// The URL as it may be shown: everything after the app name is `****`.
    pub fn redacted(&self) -> String {
        self.shown.clone()
    }

    /// The host or IP address, in lower case, without port.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl FromStr for RtmpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|error| error.to_string())?;
        let host = url.host_str().ok_or("a host is missing")?.to_ascii_lowercase();
        let app = url.path().split('/').nth(1).unwrap_or_default();
        let shown = format!("{}://{host}/{app}/****", url.scheme());
        Ok(Self { host, shown, whole: Redacted::new(text.to_owned()) })
    }
}
