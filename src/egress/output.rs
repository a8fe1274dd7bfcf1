//! What every output tells about itself.

use jiff::Timestamp;

/// Where an output is in its life. RTMP push: all of them; HLS and RTMP play: `Connecting` until it is
/// playable, then `Live`, at the end `Stopped`. Recording: `Connecting` until the first fragment is on the
/// disk, then `Live`, at the end `Stopped`, or `Failed` when the disk refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputState {
    /// Not yet delivering for the first time.
    Connecting,
    /// Delivering.
    Live,
    /// Was refused or cut, and will try again.
    Retrying,
    /// Given up; will not try again.
    Failed,
    /// Ended as asked.
    Stopped,
}

/// An output's figures, as the Cast object shows them.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputStatus {
    pub state: OutputState,
    /// Since when it is in `state`.
    pub since: Timestamp,
    /// Connections lost or refused since the start.
    pub retries: u64,
    /// Media bytes handed to the network (RTMP; of all players together) or stored (HLS, recording).
    pub bytes_sent: u64,
    /// Frames left out since the peer was too slow.
    pub frames_dropped: u64,
    /// Media that waits for the peer now: from the oldest to the newest frame, milliseconds.
    pub queued_ms: u64,
    /// The same in payload bytes.
    pub queued_bytes: u64,
    /// It goes, or last went, to its backup URL.
    pub on_backup: bool,
    /// Where players pull it, for what is served on a port of its own.
    pub play_url: Option<String>,
    /// A sentence; never a key or a password.
    pub last_error: Option<String>,
}

impl OutputStatus {
    /// A fresh output.
    pub fn connecting(now: Timestamp) -> Self {
        Self {
            state: OutputState::Connecting,
            since: now,
            retries: 0,
            bytes_sent: 0,
            frames_dropped: 0,
            queued_ms: 0,
            queued_bytes: 0,
            on_backup: false,
            play_url: None,
            last_error: None,
        }
    }

    /// What changes only when something happened to the output.
    pub fn without_counters(&self) -> Self {
        let (bytes_sent, frames_dropped, queued_ms, queued_bytes) = (0, 0, 0, 0);
        Self { bytes_sent, frames_dropped, queued_ms, queued_bytes, ..self.clone() }
    }

    /// Moves to `state`; `since` changes only when the state does.
    pub fn enter(&mut self, state: OutputState, now: Timestamp) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }
}
