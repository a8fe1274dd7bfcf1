//! The HTTP interface: one file per resource.

pub mod hls;
