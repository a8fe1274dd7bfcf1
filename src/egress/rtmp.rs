//! RTMP push: the program's frames to an ingest server (Adobe RTMP specification 1.0).
//!
//! [`url`] names the server, [`session`] speaks the protocol without touching a socket, [`publisher`]
//! dials, feeds it and tries again. [`amf0`], [`chunk_reader`] and [`flv`] are the formats,
//! [`auth`] user name and password.
//!
//! From `rml_rtmp` we take the handshake and the chunk writer. Its reader and its message parser are
//! not used: both panic on input a broken server can send, and unbounded AMF0 nesting can overflow
//! the stack, which no panic handler catches.

pub mod amf0;
pub mod auth;
pub mod chunk_reader;
pub mod flv;
pub mod publisher;
pub mod session;
pub mod url;
