//! Two cores carry one test of moving media at a time.

/// The right to use the machine: given back when dropped.
pub struct Turn {
    _lock: std::fs::File,
}

/// Waits for one's turn, whichever process the others run in.
pub fn one_at_a_time() -> Turn {
    let path = std::env::temp_dir().join("meetingcast-e2e.lock");
    let lock = std::fs::File::create(path).unwrap();
    lock.lock().unwrap();
    Turn { _lock: lock }
}
