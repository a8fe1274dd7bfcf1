//! The whole server with real publishers, real browsers and real receivers.
//!
//! One behaviour per file. Each takes its turn ([`server::one_at_a_time`]): two cores carry one at a time.

#[path = "../support/capture_clock.rs"]
mod capture_clock;
#[path = "../support/clip.rs"]
#[allow(dead_code, reason = "tests/egress looks closer")]
mod clip;
#[path = "../support/coturn.rs"]
mod coturn;
#[path = "../support/counting_clip.rs"]
mod counting_clip;
#[path = "../support/film.rs"]
mod film;
#[path = "../support/flv.rs"]
mod flv;
#[path = "../support/nginx.rs"]
#[allow(dead_code, reason = "tests/egress reads its files")]
mod nginx;
#[path = "../support/nginx_process.rs"]
mod nginx_process;
#[path = "../support/on_air.rs"]
mod on_air;
#[path = "../support/part_follower.rs"]
mod part_follower;
#[path = "../support/rogue.rs"]
#[allow(dead_code, reason = "tests/egress uses more of its tricks")]
mod rogue;
#[path = "../support/sdp.rs"]
mod sdp;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/stage.rs"]
mod stage;
#[path = "../support/tls_front.rs"]
#[allow(dead_code, reason = "tests/egress uses more of it")]
mod tls_front;
#[path = "../support/turn.rs"]
mod turn;

mod bad_outputs;
mod bandwidth;
mod chromium_publishes;
mod codec_in_chromium;
mod conference_in_chromium;
mod cues;
mod delay;
mod fade;
mod follow;
mod grid;
mod hls_latency;
mod hls_players;
mod hundred_switches;
mod ingest_limits;
mod join_leave;
mod kept;
mod layouts;
mod loudness;
mod media_file;
mod motion;
mod mutes;
mod neighbours;
mod outputs_come_and_go;
mod overlay;
mod pages_in_chromium;
mod passthrough;
mod recording;
mod relay_by_coturn;
mod renditions;
mod rtmp_outage;
mod rtmp_play;
mod seeds_in_chromium;
mod shedding;
mod stall;
mod switching;
mod timed;
mod two_casts_share_nothing;
mod whep;
mod worker_killed;
