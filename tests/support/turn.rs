//! Two cores carry one test of moving media at a time.

use std::time::Instant;

/// The right to use the machine: given back when dropped.
pub struct Turn {
    _lock: std::fs::File,
    began: Instant,
}

/// Waits for one's turn, whichever process the others run in.
pub fn one_at_a_time() -> Turn {
    let path = std::env::temp_dir().join("meetingcast-e2e.lock");
    let lock = std::fs::File::create(path).unwrap();
    lock.lock().unwrap();
    Turn { _lock: lock, began: Instant::now() }
}

impl Drop for Turn {
    /// Says what the turn took, past the test's captured output: the sum is what the suite takes.
    fn drop(&mut self) {
        use std::io::Write;
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("a test");
        let _ = writeln!(std::io::stderr(), "{name}: {} s", self.began.elapsed().as_secs());
    }
}
