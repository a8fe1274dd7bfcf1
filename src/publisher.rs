//! `meetingcast publish`: a real WebRTC client with test media, and the viewer that reads such media
//! back from a recording. For the demo, the tests and the benches.
//!
//! Beside `src/worker` this is the only place that may use GStreamer. A frame's way: [`pattern`] draws
//! frame `n`, [`source`] gives it away at `n / fps` on CLOCK_MONOTONIC, [`peer`] encodes and sends it;
//! somewhere a recording is made; [`viewer`] decodes it, [`recording`] says what became of frame `n`.

pub mod args;
pub mod client;
pub mod clip;
pub mod glyphs;
pub mod listener;
pub mod options;
pub mod palette;
pub mod pattern;
pub mod peer;
pub mod planes;
pub mod recording;
pub mod roles;
pub mod source;
pub mod stats;
pub mod subscriber;
pub mod tone;
pub mod viewer;
pub mod whip;

pub use args::PublishArgs;
pub use client::{PublishError, Publisher, run};
pub use options::{PublishOptions, VideoCodec};
pub use viewer::view_file;
