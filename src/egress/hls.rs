//! HLS: a program's frames as fMP4 segments and playlists (RFC 8216).
//!
//! A frame's way: the hub's reader → [`segmenter`] (decides the cuts) → [`fmp4`] (makes the bytes) →
//! [`store`] (memory, disk, rendered [`playlist`]s) → `control::http::hls`. The first three and the
//! playlists are sans-IO, put together by the [`packager`]; [`output`] is the actor around them.
//!
//! With low latency (draft-pantos-hls-rfc8216bis) a segment goes out in parts, each as soon as it is
//! complete; a segment is its parts one after the other, so players of both kinds share one URL. Held
//! requests wait on [`library::LiveStream::edge`]; what they are answered is rendered once, by the store.
//!
//! A cast with smaller renditions has a store for each, and one for the sound alone; one segmenter cuts them
//! all, so that a player changes between them at any segment.
//!
//! Media sequence numbers start at the Unix time of the cast's start and go up by one a segment, and
//! an init segment bears the number of the first segment that needs it. So a URL never names two
//! different things, not even when a conference is cast again or the server restarts, and everything
//! but the playlists can be cached for ever.

pub mod codec;
mod disk;
pub mod fmp4;
pub mod library;
pub mod output;
pub mod packager;
pub mod playlist;
pub mod rendered;
pub mod segmenter;
pub mod store;

pub use library::HlsLibrary;
pub use output::HlsOutput;

/// The name of the program's own rendition, as it stands in URLs.
pub const PROGRAM: &str = "video";
/// The name of the sound alone.
pub const SOUND: &str = "audio";

#[cfg(test)]
pub(crate) mod synthetic;
