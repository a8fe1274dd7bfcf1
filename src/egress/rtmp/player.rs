//! RTMP play: players pull a cast from us (`rtmp://host:port/live/{conference}`).
//!
//! [`server`] listens, once the first cast is played so, and finds what a player asks for; [`output`] is a
//! cast's output, whose [`feed`] holds the GOP so far and fans out; `connection` is one player. [`session`]
//! speaks the protocol without touching a socket; [`request`] reads what a player wants.

mod connection;
mod feed;
mod output;
pub mod request;
mod server;
pub mod session;

pub use self::{
    output::RtmpPlay,
    server::{PlayCheck, RtmpPlayError, RtmpPlayServer},
};
