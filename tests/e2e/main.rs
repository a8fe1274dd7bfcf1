//! The whole server with real publishers, real browsers and real receivers.
//!
//! One behaviour per file. Each takes its turn ([`server::one_at_a_time`]): two cores carry one at a time.

#[path = "../support/film.rs"]
mod film;
#[path = "../support/nginx.rs"]
mod nginx;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/stage.rs"]
mod stage;

mod delay;
mod grid;
mod hundred_switches;
mod ingest_limits;
mod join_leave;
mod mutes;
mod stall;
mod switching;
