//! A publisher's RTP packets on their way to the subscribers: a bounded ring that everybody reads at their own
//! pace. Who is slow misses packets; the publisher's streaming thread never waits.

use std::sync::{Arc, OnceLock};
use tokio::sync::broadcast;

/// Packets kept for the slowest: a second and a half of 3 Mbit/s.
const PACKETS: usize = 512;

/// Which medium a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayedMedium {
    Video,
    Audio,
}

/// An RTP packet in order, stamped with running time on the worker's timeline.
pub type RelayedPacket = (RelayedMedium, gst::Buffer);

/// Of RTP packets.
pub type PacketRelay = Relay<RelayedPacket, PACKETS>;

/// The sender's end of a ring of `KEPT` items.
///
/// The ring is made for the first who listens: most publishers are only in the program.
#[derive(Debug)]
pub struct Relay<T, const KEPT: usize> {
    items: Arc<OnceLock<broadcast::Sender<T>>>,
}

impl<T, const KEPT: usize> Clone for Relay<T, KEPT> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone() }
    }
}

impl<T, const KEPT: usize> Default for Relay<T, KEPT> {
    fn default() -> Self {
        Self { items: Arc::default() }
    }
}

impl<T: Clone, const KEPT: usize> Relay<T, KEPT> {
    /// The ring, if somebody listens.
    fn heard(&self) -> Option<&broadcast::Sender<T>> {
        self.items.get().filter(|items| items.receiver_count() > 0)
    }

    /// Passes on what `make` makes. Costs nothing while nobody listens.
    pub fn pass_with(&self, make: impl FnOnce() -> Option<T>) {
        if let Some(items) = self.heard()
            && let Some(item) = make()
        {
            // An error says that the last one has just gone.
            drop(items.send(item));
        }
    }

    /// From now on.
    pub fn listen(&self) -> broadcast::Receiver<T> {
        self.items.get_or_init(|| broadcast::Sender::new(KEPT)).subscribe()
    }
}

/// The next item, where somebody listens; for ever none otherwise.
pub async fn next<T: Clone>(
    items: &mut Option<broadcast::Receiver<T>>,
) -> Result<T, broadcast::error::RecvError> {
    match items {
        Some(items) => items.recv().await,
        None => std::future::pending().await,
    }
}

impl PacketRelay {
    /// Passes on what a streaming thread pushes. Costs nothing while nobody listens.
    pub fn pass(&self, medium: Option<RelayedMedium>, info: &gst::PadProbeInfo<'_>) {
        let Some(packets) = self.heard() else { return };
        let Some(medium) = medium else { return };
        // An error says that the last one has just gone.
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => drop(packets.send((medium, buffer.clone()))),
            Some(gst::PadProbeData::BufferList(list)) => {
                for buffer in list.iter_owned() {
                    drop(packets.send((medium, buffer)));
                }
            }
            _ => {}
        }
    }
}
