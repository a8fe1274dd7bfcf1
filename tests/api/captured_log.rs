//! Everything that all tests of this binary log, at the finest level. Installed for the whole process:
//! a subscriber for one thread would miss what another thread's test has switched off.

use std::{
    io,
    sync::{Mutex, OnceLock},
};
use tracing_subscriber::fmt::format::FmtSpan;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Captures from now on.
pub fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(|| Log)
            .init();
    });
}

/// What has been logged so far.
pub fn text() -> String {
    String::from_utf8(LINES.lock().unwrap().clone()).unwrap()
}
