//! What a worker prints becomes lines in our log, bounded in length and rate.

use crate::ids::ConferenceId;
use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::Instant,
};

/// The longest part of a line that is kept, bytes.
const MAX_LINE: usize = 4096;
/// Lines a second from one pipe; a worker in trouble may print thousands.
const MAX_LINES_PER_SECOND: u32 = 200;

/// Logs everything that comes from `pipe` until it closes.
pub async fn log(mut pipe: impl AsyncRead + Unpin, conference: ConferenceId, worker: Option<u32>) {
    let worker = worker.unwrap_or_default();
    let mut splitter = LineSplitter::default();
    let mut rate = LineRate::default();
    let mut buffer = [0; 4096];
    loop {
        let count = match pipe.read(&mut buffer).await {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => {
                tracing::warn!(%conference, worker, %error, "worker output is not readable");
                break;
            }
        };
        for line in splitter.push(&buffer[..count]) {
            let passed = rate.pass(Instant::now());
            if passed.suppressed > 0 {
                let suppressed = passed.suppressed;
                tracing::warn!(%conference, worker, suppressed, "worker printed too much");
            }
            if passed.line {
                report(&conference, worker, &line);
            }
        }
    }
    if let Some(line) = splitter.finish() {
        report(&conference, worker, &line);
    }
}

fn report(conference: &ConferenceId, worker: u32, line: &str) {
    if is_trouble(line) {
        tracing::warn!(target: "meetingcast::worker_output", %conference, worker, "{line}");
    } else {
        tracing::info!(target: "meetingcast::worker_output", %conference, worker, "{line}");
    }
}

/// Somebody should look: our own log's levels (second word of a line), GLib's, and panics.
fn is_trouble(line: &str) -> bool {
    matches!(line.split_whitespace().nth(1), Some("WARN" | "ERROR"))
        || ["-CRITICAL **", "-WARNING **", "panicked at"].iter().any(|sign| line.contains(sign))
}

/// Cuts bytes into lines of at most [`MAX_LINE`] bytes; the rest of a longer line is left out.
#[derive(Debug, Default)]
struct LineSplitter {
    line: Vec<u8>,
    cut: bool,
}

impl LineSplitter {
    fn push(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            lines.extend(self.finish());
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
        lines
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.line.len();
        self.cut |= bytes.len() > room;
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let cut = std::mem::take(&mut self.cut);
        let mut text: String = String::from_utf8_lossy(&line)
            .chars()
            .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
            .collect();
        text.truncate(text.trim_end_matches('\u{fffd}').trim_end().len());
        if cut {
            text.push_str(" …");
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Lets [`MAX_LINES_PER_SECOND`] through in each second.
#[derive(Debug, Default)]
struct LineRate {
    window: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

struct Passed {
    line: bool,
    /// Lines left out in the second that has just ended.
    suppressed: u64,
}

impl LineRate {
    fn pass(&mut self, now: Instant) -> Passed {
        let fresh = self.window.is_none_or(|start| now - start >= Duration::from_secs(1));
        let mut reported = 0;
        if fresh {
            self.window = Some(now);
            self.lines = 0;
            reported = std::mem::take(&mut self.suppressed);
        }
        self.lines += 1;
        let line = self.lines <= MAX_LINES_PER_SECOND;
        self.suppressed += u64::from(!line);
        Passed { line, suppressed: reported }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_across_reads_and_cut_when_too_long() {
        let mut splitter = LineSplitter::default();
        assert!(splitter.push(b"one").is_empty());
        assert_eq!(splitter.push(b" line\r\n\nsecond\n"), ["one line", "second"]);
        assert!(splitter.push(&[b'x'; 10_000]).is_empty());
        let lines = splitter.push(b"tail\nnext\n");
        assert_eq!(lines[0].len(), MAX_LINE + " …".len());
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn trouble_is_told_from_talk() {
        assert!(is_trouble("(meetingcast:1): GStreamer-CRITICAL **: 11:00:27.245:"));
        assert!(is_trouble("2026-11-20T11:00:27Z  WARN meetingcast::worker: late"));
        assert!(is_trouble("thread 'main' panicked at src/x.rs:1:1:"));
        assert!(!is_trouble("2026-11-20T11:00:27Z  INFO meetingcast::worker: a WARN in the text"));
    }

    #[test]
    fn terminal_escapes_do_not_reach_the_log() {
        let mut splitter = LineSplitter::default();
        assert_eq!(splitter.push(b"\x1b[31mred\xff\n"), ["\u{fffd}[31mred"]);
    }

    #[test]
    fn a_flood_is_counted_instead_of_logged() {
        let mut rate = LineRate::default();
        let start = Instant::now();
        let logged = (0..1000).filter(|_| rate.pass(start).line).count();
        assert_eq!(logged, MAX_LINES_PER_SECOND as usize);
        let passed = rate.pass(start + Duration::from_secs(1));
        assert!(passed.line);
        assert_eq!(passed.suppressed, 1000 - u64::from(MAX_LINES_PER_SECOND));
    }
}
