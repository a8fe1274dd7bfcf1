//! The demo room: what `meetingcast demo` and the tests stand beside the server, so that a cast can be
//! seen arriving without any service on the internet. Nothing in the server itself uses it.

pub mod hls_recorder;
pub mod judge;
pub mod media_playlist;
pub mod rtmp_sink;
pub mod run;
pub mod server_process;
