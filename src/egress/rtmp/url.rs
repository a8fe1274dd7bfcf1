//! RTMP URLs (replaced by the real parser).
/// A push URL.
#[derive(Debug, Clone, PartialEq)]
pub struct RtmpUrl;
