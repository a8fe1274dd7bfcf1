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

/// The publisher's end.
///
/// The ring is made for the first who listens: most publishers are only in the program.
#[derive(Debug, Clone, Default)]
pub struct Relay {
    packets: Arc<OnceLock<broadcast::Sender<RelayedPacket>>>,
}

impl Relay {
    /// Passes on what a streaming thread pushes. Costs nothing while nobody listens.
    pub fn pass(&self, medium: Option<RelayedMedium>, info: &gst::PadProbeInfo<'_>) {
        let Some(packets) = self.packets.get().filter(|packets| packets.receiver_count() > 0) else { return };
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

    /// From now on.
    pub fn listen(&self) -> broadcast::Receiver<RelayedPacket> {
        self.packets.get_or_init(|| broadcast::Sender::new(PACKETS)).subscribe()
    }
}
