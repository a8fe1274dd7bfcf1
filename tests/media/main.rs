//! What the worker makes, judged by its content and its timestamps.

#[path = "../support/worker_process.rs"]
mod worker_process;

mod program_cadence;
