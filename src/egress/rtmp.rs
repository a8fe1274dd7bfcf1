//! RTMP push.
pub mod url;
