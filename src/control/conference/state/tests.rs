//! The state alone: inputs in, effects out, time as given.

mod announcing;
mod bench;
mod casts;
mod cues;
mod files;
mod forwarding;
mod kept;
mod layouts;
mod listeners;
mod load;
mod outsiders;
mod overlay;
mod passthrough;
mod people;
mod quality;
mod random;
mod slate;
mod snapshots;
mod speaking;
mod timed;
