//! The program: one picture and one sound, made frame by frame on the conference's clock.
mod blend;
pub mod canvas;
pub mod card;
pub mod crossfade;
pub mod director;
mod edges;
pub mod fade;
pub mod frame;
pub mod mixer;
pub mod passthrough;
pub mod picture;
pub mod players;
pub mod projector;
pub mod reel;
pub mod scene;
pub mod snapshot;
pub mod sound;
pub mod standby;
