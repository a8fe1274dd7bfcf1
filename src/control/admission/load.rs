//! How conferences hear of the load, and tell what they could do without.

use super::shedding::{Load, depth};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};
use tokio::sync::watch;

/// A conference's ear. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LoadMonitor {
    load: watch::Receiver<Load>,
    depth: Arc<AtomicU8>,
}

impl LoadMonitor {
    /// Hears what is sent to the other end, from what is now on.
    pub fn new() -> (watch::Sender<Load>, Self) {
        let (sender, load) = watch::channel(Load::default());
        (sender, Self { load, depth: Arc::default() })
    }

    /// As it is now, the first time; then whenever it has changed. Pends for good when nobody can tell any more.
    pub async fn next(&mut self) -> Load {
        match self.load.changed().await {
            Ok(()) => *self.load.borrow_and_update(),
            Err(_) => std::future::pending().await,
        }
    }

    /// The same, and what is now counts as a change.
    pub fn afresh(&self) -> Self {
        let mut fresh = self.clone();
        fresh.load.mark_changed();
        fresh
    }

    /// The running cast with most smaller renditions has so many.
    pub fn set_most_renditions(&self, renditions: usize) {
        self.depth.store(depth(renditions), Relaxed);
    }

    /// How many steps make a difference.
    pub(super) fn depth(&self) -> u8 {
        self.depth.load(Relaxed)
    }
}
