//! Control: names, rights and states. Never touches a media buffer, knows no GStreamer.
//!
//! A request's way: [`http`] parses and authorises, the [`directory`] finds the conference, its actor
//! ([`conference`]) decides with pure state machines ([`cast`]), the [`supervisor`] talks to the
//! worker process, and the answer goes back when the thing has *happened*.

pub mod admission;
pub mod auth;
pub mod cast;
pub mod conference;
pub mod directory;
pub mod error;
pub mod events;
pub mod figures;
pub mod http;
pub mod ice;
pub mod offer;
pub mod overlay;
pub mod serve;
pub mod signal;
pub mod store;
pub mod supervisor;
pub mod trickle;
pub mod webhooks;
