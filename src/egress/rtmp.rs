//! RTMP (Adobe's specification 1.0): the program's frames pushed to an ingest server, or pulled by players.
//!
//! Push: [`url`] names the server, [`session`] speaks the protocol without touching a socket, [`publisher`]
//! dials, feeds it and tries again; [`auth`] is user name and password. Play: [`player`] listens, and its
//! own session answers. Both share the formats ([`amf0`], [`chunk_reader`], [`flv`]), the connection behind
//! the handshake (`link`), and what frames become (`media_out`, `timeline`).
//!
//! From `rml_rtmp` we take the handshake and the chunk writer. Its reader and its message parser are
//! not used: both panic on input a broken server can send, and unbounded AMF0 nesting can overflow
//! the stack, which no panic handler catches.

pub mod amf0;
pub mod auth;
pub mod chunk_reader;
pub mod flv;
mod link;
mod media_out;
pub mod player;
pub mod publisher;
pub mod session;
mod timeline;
pub mod url;
