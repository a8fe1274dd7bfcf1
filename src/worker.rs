//! The worker: one child process per conference, all of its GStreamer. Knows sources, scenes and
//! numbers; never a user.

pub mod pipeline_file;
