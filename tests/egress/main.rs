//! Egress by itself: encoded frames in, RTMP and HLS out, judged by other people's players.

#[path = "../support/clip.rs"]
mod clip;
#[path = "../support/flv.rs"]
mod flv;
#[path = "../support/flv_frames.rs"]
mod flv_frames;
#[path = "../support/https_client.rs"]
#[allow(dead_code, reason = "tests/api uses more of it")]
mod https_client;
#[path = "../support/nginx.rs"]
mod nginx;
#[path = "../support/nginx_cache.rs"]
mod nginx_cache;
#[path = "../support/nginx_process.rs"]
mod nginx_process;
#[path = "../support/rogue.rs"]
mod rogue;
#[path = "../support/s3.rs"]
mod s3;
#[path = "../support/tls_front.rs"]
mod tls_front;

mod hls_behind_nginx;
mod hls_http;
mod hls_judged;
mod hls_life;
mod hls_low_latency;
mod hls_over_http2;
mod hls_playback;
mod hls_renditions;
mod push;
mod recording_files;
mod recording_s3;
mod rtmp_auth;
mod rtmp_moves;
mod rtmp_play;
mod rtmp_push;
mod rtmp_tls;
