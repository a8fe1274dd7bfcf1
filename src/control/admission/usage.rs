//! The CPU that this process and its workers use, from `/proc` (proc(5)).

use super::cost::Cores;
use std::{collections::BTreeMap, fs, time::Instant};

/// Measures from call to call.
#[derive(Debug, Default)]
pub struct CpuMeter {
    /// Ticks of each process so far.
    last: Option<(Instant, BTreeMap<u32, u64>)>,
}

impl CpuMeter {
    /// What was used since the last call; `None` the first time. A process that began or ended in between counts
    /// with what is known of it.
    pub fn measure(&mut self, now: Instant) -> Option<Cores> {
        let ticks: BTreeMap<u32, u64> =
            processes().into_iter().filter_map(|pid| Some((pid, ticks_of(pid)?))).collect();
        let (then, before) = self.last.replace((now, ticks))?;
        let (_, ticks) = self.last.as_ref()?;
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        if seconds <= 0.0 {
            return None;
        }
        let spent: u64 =
            ticks.iter().map(|(pid, now)| now.saturating_sub(before.get(pid).copied().unwrap_or(0))).sum();
        Some(Cores(spent as f64 / rustix::param::clock_ticks_per_second() as f64 / seconds))
    }
}

/// This process and its children: the workers.
fn processes() -> Vec<u32> {
    let mut found = vec![std::process::id()];
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return found };
    for thread in threads.flatten() {
        // A thread that ended meanwhile has none.
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(children.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}

fn ticks_of(pid: u32) -> Option<u64> {
    ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// User and system time of a `stat` line. The name in brackets may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    // utime and stime are fields 14 and 15; the first behind the name is field 3.
    let mut fields = fields.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let line = "42 (a) b (c)) S 1 42 42 0 -1 4194304 100 0 0 0 17 5 0 0 20 0 9 0 123 456";
        assert_eq!(ticks(line), Some(22));
        assert_eq!(ticks("nonsense"), None);
        assert_eq!(ticks("1 (x) S 1 2"), None);
    }

    #[test]
    fn children_and_this_process_are_found() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let found = processes();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id()) && found.contains(&std::process::id()), "{found:?}");
    }

    #[test]
    fn what_is_spent_is_measured() {
        let mut meter = CpuMeter::default();
        let start = Instant::now();
        assert_eq!(meter.measure(start), None);
        let before = ticks_of(std::process::id()).unwrap();
        while ticks_of(std::process::id()).unwrap() < before + 10 {}
        // As if a second had gone by: ten ticks are a tenth of a core, or more, with other tests beside.
        let used = meter.measure(start + Duration::from_secs(1)).unwrap();
        assert!(used.0 >= 0.1, "{used:?}");
    }
}
