//! The JSON of the API. Wire types differ from the domain's: unknown fields are errors, defaults and
//! validation happen once, in the conversion beside the type.

pub mod cast;
pub mod conference;
pub mod cue;
pub mod encoding;
pub mod event;
pub mod layout;
pub mod media;
pub mod output;
pub mod overlay;
pub mod participant;
pub mod picture;
pub mod recording;
pub mod source;
pub mod start_cast;
pub mod switch;
pub mod webhook;
