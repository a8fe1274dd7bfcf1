//! Control as a whole but HTTP: directory, conferences and supervisor, with workers that are tasks and
//! outputs that remember. Time is virtual.

mod casting;
mod cues;
mod directory;
mod harness;
#[path = "../support/hook_receiver.rs"]
#[allow(dead_code, reason = "tests/api uses more of it")]
mod hook_receiver;
mod kept;
mod publishing;
mod signalling;
mod supervisor_process;
mod takeover;
mod telling;
