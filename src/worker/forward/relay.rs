//! A publisher's RTP packets on their way to the subscribers: a bounded ring that everybody reads at their own
//! pace. Who is slow misses packets; the publisher's streaming thread never waits.

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
#[derive(Debug, Clone)]
pub struct Relay {
    packets: broadcast::Sender<RelayedPacket>,
}

impl Default for Relay {
    fn default() -> Self {
        Self { packets: broadcast::Sender::new(PACKETS) }
    }
}

impl Relay {
    /// Passes on what a streaming thread pushes. Costs nothing while nobody listens.
    pub fn pass(&self, medium: Option<RelayedMedium>, info: &gst::PadProbeInfo<'_>) {
        let Some(medium) = medium.filter(|_| self.packets.receiver_count() > 0) else { return };
        // An error says that the last one has just gone.
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => drop(self.packets.send((medium, buffer.clone()))),
            Some(gst::PadProbeData::BufferList(list)) => {
                for buffer in list.iter_owned() {
                    drop(self.packets.send((medium, buffer)));
                }
            }
            _ => {}
        }
    }

    /// From now on.
    pub fn listen(&self) -> broadcast::Receiver<RelayedPacket> {
        self.packets.subscribe()
    }
}
