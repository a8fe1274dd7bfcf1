//! MeetingCast broadcasts WebRTC conferences.
//!
//! **Control never touches a media buffer, the worker never knows a user, egress never blocks its
//! source.** Rooms: [`control`] (names, rights, states), `worker` (GStreamer, one child process per
//! conference), [`egress`] (RTMP, HLS), [`ipc`] (what crosses between control and worker). The house
//! is drawn in docs/ARCHITECTURE.md.

#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod doctor;
pub mod egress;
pub mod ids;
pub mod ipc;
pub mod layout;
pub mod media;
pub mod media_dir;
pub mod publisher;
pub mod redacted;
pub mod telemetry;
pub mod units;
pub mod worker;
