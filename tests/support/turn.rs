//! Two cores carry one test of moving media at a time.

use std::time::Instant;

/// As much of a failure as is said at once.
const FAILURE_CHARS: usize = 2000;

/// The right to use the machine: given back when dropped.
pub struct Turn {
    _lock: std::fs::File,
    began: Instant,
    /// What the machine had computed by then, hundredths of a second of all cores.
    busy: u64,
}

/// Waits for one's turn, whichever process the others run in.
pub fn one_at_a_time() -> Turn {
    say_failures_at_once();
    let path = std::env::temp_dir().join("meetingcast-e2e.lock");
    let lock = std::fs::File::create(path).unwrap();
    lock.lock().unwrap();
    Turn { _lock: lock, began: Instant::now(), busy: busy() }
}

/// A failure stands beside the test's turn, past the captured output: the collected failures come half an hour later,
/// and whoever shows the end of a long log may leave their beginning out.
fn say_failures_at_once() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            use std::io::Write;
            let text = panic.to_string();
            let begin: String = text.chars().take(FAILURE_CHARS).collect();
            let _ = writeln!(std::io::stderr(), "{begin}");
            usual(panic);
        }));
    });
}

/// Hundredths of a second that all cores have computed since the machine's start (proc(5), `/proc/stat`).
fn busy() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let times: Vec<u64> = line.split_whitespace().skip(1).filter_map(|time| time.parse().ok()).collect();
    // The fourth is idle, the fifth waits for the disk.
    times.iter().take(8).sum::<u64>() - times.iter().skip(3).take(2).sum::<u64>()
}

impl Drop for Turn {
    /// Says what the turn took, and how many cores the machine was busy on meanwhile, past the test's captured output: the sum is what the suite takes.
    fn drop(&mut self) {
        use std::io::Write;
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("a test");
        let seconds = self.began.elapsed().as_secs_f64();
        let cores = busy().saturating_sub(self.busy) as f64 / 100.0 / seconds.max(0.01);
        let _ = writeln!(std::io::stderr(), "{name}: {seconds:.0} s on {cores:.1} cores");
    }
}
