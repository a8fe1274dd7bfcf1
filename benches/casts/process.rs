//! What processes use, by /proc.

pub use crate::stage::cpu_time;
use std::time::Duration;

/// Cores that the processes use together, over `window`.
pub fn cores(pids: &[u32], window: Duration) -> f64 {
    crate::stage::cores(pids, window).iter().sum()
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
