//! Control as a whole but HTTP: directory, conferences and supervisor, with workers that are tasks and
//! outputs that remember. Time is virtual.

mod casting;
mod directory;
mod harness;
mod publishing;
mod signalling;
mod supervisor_process;
mod takeover;
