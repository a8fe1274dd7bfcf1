//! What processes use, by /proc.

use std::time::{Duration, Instant};

/// CPU time of a process and all of its threads so far.
pub fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // Fields 14 and 15 (proc(5)), in ticks of 10 ms; the name before them may hold spaces.
    let (_, rest) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Cores that the processes use together, over `window`.
pub fn cores(pids: &[u32], window: Duration) -> f64 {
    let used = || pids.iter().map(|pid| cpu_time(*pid)).sum::<Duration>();
    let (began, before) = (Instant::now(), used());
    std::thread::sleep(window);
    (used() - before).as_secs_f64() / began.elapsed().as_secs_f64()
}

/// Resident memory of them together, MB.
pub fn rss_mb(pids: &[u32]) -> f64 {
    let of = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    pids.iter().map(of).sum::<f64>() / 1024.0
}

/// Open file descriptors.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}
