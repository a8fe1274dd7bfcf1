//! Egress: encoded frames in, RTMP and HLS out. Pure Rust, never blocks its source, outlives workers.
//!
//! A cast has one [`hub::Hub`]. Control pushes the worker's frames into it; each output reads its own
//! bounded queue. One output's failure never touches another.

pub mod hls;
pub mod hub;
pub mod output;
pub mod recording;
pub mod rtmp;
