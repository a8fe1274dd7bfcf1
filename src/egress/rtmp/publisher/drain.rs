//! The hub's queue while there is no connection: nobody will want what is in it, but its parameters.

use crate::{
    egress::hub::{HubItem, HubReader},
    media::{Track, TrackConfig},
};
use std::{future::Future, pin::pin, sync::Arc};
use tokio_util::sync::CancellationToken;

/// The latest parameters, for the next connection.
#[derive(Default)]
pub(super) struct Configs {
    video: Option<Arc<TrackConfig>>,
    audio: Option<Arc<TrackConfig>>,
}

impl Configs {
    pub(super) fn note(&mut self, config: Arc<TrackConfig>) {
        match config.track() {
            Track::Video => self.video = Some(config),
            Track::Audio => self.audio = Some(config),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &TrackConfig> {
        [&self.video, &self.audio].into_iter().flatten().map(Arc::as_ref)
    }
}

/// Does `work` while the hub's queue is emptied, so that it never fills with media nobody will want.
/// `None`: stop was asked for, or the cast ended.
pub(super) async fn draining<T>(
    reader: &mut HubReader,
    configs: &mut Configs,
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    loop {
        tokio::select! { biased;
            () = stop.cancelled() => return None,
            done = &mut work => return Some(done),
            item = reader.recv() => match item {
                HubItem::Config(config) => configs.note(config),
                HubItem::Frame(_) | HubItem::Discontinuity(_) => {}
                HubItem::End => return None,
            },
        }
    }
}
