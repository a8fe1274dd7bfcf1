//! What the program and the subscribers can use of each stream.

use super::{Audience, ConferenceState, Now};
use crate::{
    control::conference::{
        presence::ConferenceEvent,
        quality::{Quality, StreamKey, Wanted},
        roster::Feed,
        scene,
    },
    ids::SourceId,
    ipc::{ForwardOf, SceneSpec},
    layout::{self, Fit, Rect},
};
use std::collections::BTreeMap;

/// The aspect that cameras have as a rule.
const CAMERA: (u32, u32) = (16, 9);

impl ConferenceState {
    /// Tells senders who hear us what the server can use of their streams now.
    pub(super) fn tell_quality(&mut self, now: Now) {
        if !self.roster.has_seats() {
            return;
        }
        let wanted = self.wanted_quality();
        for (seat, stream, quality) in self.hints.settle(now.at, wanted) {
            self.tell(Audience::One(seat), ConferenceEvent::Quality { stream, quality });
        }
    }

    fn wanted_quality(&self) -> BTreeMap<StreamKey, Wanted> {
        let shown = self.shown_heights();
        let standby = self.config.switching.standby_height;
        let mut wanted = BTreeMap::new();
        for participant in self.roster.present() {
            let Some(seat) = &participant.seat else { continue };
            for stream in participant.streams.iter().filter(|stream| stream.video.is_some()) {
                let Feed::Session { session, connected: true } = &stream.feed else { continue };
                // A subscriber gets it as it comes, and how large he shows it is not known here. So do a passthrough
                // cast's viewers, of whoever comes on: a size that grows after a switch is a break in HLS.
                let forwarded =
                    self.forwards.has(ForwardOf::Source(stream.source)) || self.is_passing_through();
                let quality = match (shown.get(&stream.source), standby) {
                    _ if forwarded => None,
                    (Some(height), _) => Quality::for_height(*height),
                    (None, 0) => None,
                    (None, standby) => Quality::for_height(standby),
                };
                let key = (participant.id.clone(), stream.name.clone());
                wanted.insert(key, Wanted { seat: seat.id, session: session.clone(), quality });
            }
        }
        wanted
    }

    /// How high each source is shown, on the air or by a switch that is about to happen.
    fn shown_heights(&self) -> BTreeMap<SourceId, u32> {
        let mut heights = BTreeMap::new();
        let Some(run) = self.cast.as_ref().filter(|run| run.needs_worker()) else { return heights };
        let (width, height) = (run.encoding.width, run.encoding.height);
        let mut note = |scene: &SceneSpec| {
            for place in layout::places(&scene.picture, width, height) {
                if let Some(source) = place.tile.source {
                    let Rect { width, height, .. } = place.rect;
                    // A wide tile that is filled shows a part of a picture that is as wide as it is.
                    let needed = match place.fit {
                        Fit::Contain => height,
                        Fit::Cover => height.max(width * CAMERA.1 / CAMERA.0),
                    };
                    let most = heights.entry(source).or_insert(0);
                    *most = needed.max(*most);
                }
            }
        };
        note(&scene::scene(&run.source, run.audio, &self.roster));
        run.coming().for_each(note);
        heights
    }
}
