//! Egress by itself: encoded frames in, RTMP and HLS out, judged by other people's players.

#[path = "../support/flv.rs"]
mod flv;
#[path = "../support/flv_frames.rs"]
mod flv_frames;
#[path = "../support/nginx.rs"]
mod nginx;
#[path = "../support/rogue.rs"]
mod rogue;
#[path = "../support/tls_front.rs"]
mod tls_front;

mod hls_http;
mod hls_life;
mod hls_low_latency;
mod hls_playback;
mod hls_renditions;
mod push;
mod rtmp_auth;
mod rtmp_moves;
mod rtmp_play;
mod rtmp_push;
mod rtmp_tls;
