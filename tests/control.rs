//! Control as a whole but HTTP: directory, conferences and supervisor, with workers that are tasks and
//! outputs that remember. Time is virtual.

#[path = "control/casting.rs"]
mod casting;
#[path = "control/directory.rs"]
mod directory;
#[path = "control/harness.rs"]
mod harness;
#[path = "control/publishing.rs"]
mod publishing;
#[path = "control/takeover.rs"]
mod takeover;
