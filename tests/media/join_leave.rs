//! Publishers come and go; the worker keeps nothing of them.

use crate::{
    direct_publisher::DirectPublisher,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns},
};
use meetingcast::{
    ipc::{SessionEndReason, WorkerCommand, WorkerEvent},
    publisher::options::VideoCodec,
};

/// What the kernel says of a process: descriptors, threads, resident memory in KiB.
fn figures(pid: u32) -> (usize, usize, usize) {
    let entries = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    (entries("fd"), entries("task"), rss.trim().trim_end_matches(" kB").parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_keeps_nothing_of_publishers_that_left() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start_with(1000).await;
    let mut seen = Vec::new();
    for cycle in 0..12usize {
        let codec = if cycle % 2 == 0 { VideoCodec::H264 } else { VideoCodec::Vp8 };
        let publisher = DirectPublisher::join(&mut worker, 1, codec, monotonic_ns()).await;
        // Every other one hangs up properly, the rest just vanish and are missed.
        let session = publisher.session.clone();
        if cycle % 2 == 0 {
            worker.commands.send(&WorkerCommand::CloseIngest { session }).await.unwrap();
            publisher.vanish().await;
        } else {
            publisher.vanish().await;
            worker
                .until("the end of a session", |worker| {
                    let ended = WorkerEvent::SessionEnded {
                        session: session.clone(),
                        reason: SessionEndReason::Inactive,
                    };
                    worker.others.contains(&ended)
                })
                .await;
        }
        // Two heartbeats later the teardown is over.
        let beats = |worker: &WorkerProcess| {
            worker.others.iter().filter(|event| matches!(event, WorkerEvent::Heartbeat(_))).count()
        };
        let until = beats(&worker) + 6;
        worker.until("heartbeats", |worker| beats(worker) >= until).await;
        seen.push(figures(worker.child.id()));
    }
    println!("descriptors, threads, KiB: {seen:?}");
    // The first cycles fill caches and thread pools.
    let (first, last) = (seen[3], seen[11]);
    assert!(last.0 <= first.0, "descriptors grow: {seen:?}");
    assert!(last.1 <= first.1 + 1, "threads grow: {seen:?}");
    assert!(last.2 <= first.2 + 8 * 1024, "memory grows: {seen:?}");
}
