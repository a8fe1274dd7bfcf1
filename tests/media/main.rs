//! What the worker makes, judged by its content and its timestamps.

#[path = "../support/counting_clip.rs"]
mod counting_clip;
#[path = "../support/direct_publisher.rs"]
mod direct_publisher;
#[path = "../support/flv_file.rs"]
mod flv_file;
#[path = "../support/turn.rs"]
mod turn;
#[path = "../support/worker_process.rs"]
mod worker_process;

mod broadcast;
mod clip;
mod encoders;
mod forwarding;
mod join_leave;
mod levels;
mod media_file;
mod offer_webrtcbin;
mod passthrough;
mod program_cadence;
mod renditions;
mod slate;
mod snapshot;
mod switching;
mod theatre;
