//! What becomes of a conference in which nobody is: its cast stops, its worker goes, it ends.

use super::{CastRun, ConferenceState, Now};
use std::time::{Duration, Instant};

/// Since when nobody is in, no cast runs and nobody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Emptiness {
    Occupied,
    Since(Instant),
    /// The time is over and the conference is kept: its worker was let go.
    Resting,
}

impl ConferenceState {
    pub(super) fn mind_emptiness(&mut self, now: Now) {
        let live = self.cast.as_ref().is_some_and(CastRun::is_live);
        let nobody = self.roster.present().next().is_none();
        self.deserted_since = (live && nobody).then(|| self.deserted_since.unwrap_or(now.at));
        if self.deserted_since.is_some_and(|since| since + self.idle_timeout() <= now.at) {
            self.deserted_since = None;
            self.stop_deserted();
            self.drive_program(now);
            self.drive_phase(now);
        }
        let casting = self.cast.as_ref().is_some_and(CastRun::is_active);
        let waiting =
            self.pictures.uploads.is_waiting() || self.clips.is_waiting() || self.overlay.is_awaited();
        let empty = self.roster.is_empty() && !self.is_publishing() && !casting && !waiting;
        self.emptiness = match self.emptiness {
            _ if !empty => Emptiness::Occupied,
            Emptiness::Occupied => Emptiness::Since(now.at),
            Emptiness::Since(since) if since + self.empty_timeout() > now.at => Emptiness::Since(since),
            Emptiness::Since(_) if self.kept => {
                self.rest_worker();
                Emptiness::Resting
            }
            Emptiness::Since(since) => {
                self.ending.get_or_insert_default();
                Emptiness::Since(since)
            }
            Emptiness::Resting => Emptiness::Resting,
        };
    }

    pub(super) fn empty_timeout(&self) -> Duration {
        Duration::from_secs(self.config.conference.empty_timeout_s.into())
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.config.cast.idle_timeout_s.into())
    }
}
