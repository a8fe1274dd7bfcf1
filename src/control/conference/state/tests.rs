//! The state alone: inputs in, effects out, time as given.

mod bench;
mod casts;
mod forwarding;
mod listeners;
mod load;
mod passthrough;
mod people;
mod quality;
mod random;
mod snapshots;
