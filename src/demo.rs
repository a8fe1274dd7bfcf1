//! The demo room: what `meetingcast demo` and the tests stand beside the server, so that a cast can be
//! seen arriving without any service on the internet. Nothing in the server itself uses it.

pub mod rtmp_sink;
