//! RTMP URLs (replaced by the real parser).

use crate::redacted::Redacted;

/// A push URL.
#[derive(Debug, Clone, PartialEq)]
pub struct RtmpUrl {
    tls: bool,
    host: String,
    text: Redacted<String>,
}

/// Why a text is no push URL; never repeats it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be rtmp://host[:port]/app/key or rtmps://host[:port]/app/key")]
pub struct RtmpUrlError;

impl RtmpUrl {
    /// # Errors
    /// [`RtmpUrlError`] for what is not `rtmp(s)://host[:port]/app/key`.
    pub fn parse(text: &str) -> Result<Self, RtmpUrlError> {
        let url = url::Url::parse(text).map_err(|_| RtmpUrlError)?;
        let tls = match url.scheme() {
            "rtmp" => false,
            "rtmps" => true,
            _ => return Err(RtmpUrlError),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(RtmpUrlError)?.to_owned();
        if url.path().trim_matches('/').split('/').count() < 2 {
            return Err(RtmpUrlError);
        }
        Ok(Self { tls, host, text: Redacted::new(text.to_owned()) })
    }

    /// `rtmps://`.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host, as the URL names it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The URL as it may be shown: everything after the app name is `****`.
    pub fn redacted(&self) -> String {
        let app = self.text.expose().split('/').nth(3).unwrap_or_default();
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        format!("{scheme}://{}/{app}/****", self.host)
    }
}
