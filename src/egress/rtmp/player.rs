//! RTMP play: players pull a cast from us (`rtmp://host:port/live/{conference}`).
//!
//! [`session`] speaks the protocol without touching a socket; [`request`] reads what a player wants.

pub mod request;
pub mod session;
