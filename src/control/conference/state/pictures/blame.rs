//! Which picture workers die of: a decoder that crashes takes its worker along, and the next one is told the same
//! overlay. A picture can be drawn, for a worker did when it was put; but after an update of the server's libraries,
//! or a restart with what was kept, that may be so no more.

use super::{ConferenceState, Pictures};
use crate::{
    control::conference::state::Now,
    ids::{PictureId, PictureName},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A picture that a worker has drawn for so long is not what it died of: decoding takes five seconds at most.
const ACQUITTED_AFTER: Duration = Duration::from_secs(10);
/// So many workers in a row, and the next one is not given it. Workers die of other things as well.
const MAX_DEATHS: u8 = 3;

/// Since when the present worker draws which pictures.
pub(super) type Drawing = BTreeMap<PictureId, Instant>;

impl Pictures {
    /// The worker's name of a picture, if workers can be trusted with it.
    pub(in super::super) fn drawable(&self, name: &PictureName) -> Option<PictureId> {
        self.kept.get(name).filter(|picture| picture.deaths < MAX_DEATHS).map(|picture| picture.id)
    }
}

impl ConferenceState {
    /// Notes what the worker draws now. It draws when a program begins, and when it is told while one is on.
    pub(in super::super) fn note_drawing(&mut self, now: Now) {
        let sent = if self.is_composing() { Some(self.overlay.sent()) } else { None };
        let drawing = &mut self.pictures.drawing;
        drawing.retain(|picture, _| sent.is_some_and(|sent| sent.contains(picture)));
        for picture in sent.into_iter().flatten() {
            drawing.entry(*picture).or_insert(now.at);
        }
    }

    /// The worker died: perhaps of what it was drawing.
    pub(in super::super) fn blame_pictures(&mut self, now: Now) {
        let drawing = std::mem::take(&mut self.pictures.drawing);
        for (name, picture) in &mut self.pictures.kept {
            let Some(since) = drawing.get(&picture.id) else { continue };
            if now.at.saturating_duration_since(*since) >= ACQUITTED_AFTER {
                picture.deaths = 0;
                continue;
            }
            picture.deaths = picture.deaths.saturating_add(1);
            if picture.deaths == MAX_DEATHS {
                tracing::error!(
                    conference = %self.id, picture = %name,
                    "workers die while they draw this picture: it is left out until it is put again"
                );
            }
        }
    }
}
