//! The types of events, and choices among them.

use std::{fmt, str::FromStr};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What an event tells. The name in JSON is stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// `type` in JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// A conference is there, or there again after a restart of the server.
    ConferenceCreated = "conference.created",
    /// And no longer.
    ConferenceEnded = "conference.ended",
    /// A picture for overlays was put or removed.
    ConferencePictures = "conference.pictures",
    /// Somebody came in.
    ParticipantConnected = "participant.connected",
    /// Somebody went, and why.
    ParticipantDisconnected = "participant.disconnected",
    /// Media of a participant comes in.
    StreamAdded = "stream.added",
    /// And no longer.
    StreamRemoved = "stream.removed",
    /// A cast was asked for; one of `cast.started`, `cast.stopped` and `cast.failed` follows.
    CastStarting = "cast.starting",
    /// It is live: its outputs are there.
    CastStarted = "cast.started",
    /// The program shows another source.
    CastSwitched = "cast.switched",
    /// Somebody came on the program by speaking.
    CastSpeaker = "cast.speaker",
    /// The run-down is another list, or none.
    CastCues = "cast.cues",
    /// A cue of it is next, on, done, failed or skipped.
    CastCue = "cast.cue",
    /// What is drawn over the program was changed.
    CastOverlay = "cast.overlay",
    /// It ended as asked, or since nobody was left.
    CastStopped = "cast.stopped",
    /// It ended for a fault.
    CastFailed = "cast.failed",
    /// The source on the program is live, stalled or absent, and was not before.
    CastSourceState = "cast.source_state",
    /// Another encoder makes the program's pictures.
    CastEncoderChanged = "cast.encoder_changed",
    /// An output was added to a running cast.
    OutputAdded = "output.added",
    /// An output is in another state, or went from one of its URLs to the other.
    OutputChanged = "output.changed",
    /// An output was taken away from a running cast.
    OutputRemoved = "output.removed",
    /// A recording is complete and where it is kept.
    RecordingReady = "recording.ready",
    /// The same of one that ended before its cast did.
    RecordingFailed = "recording.failed",
    /// The server does less for this conference, for want of cores.
    LoadShed = "load.shed",
    /// And more again.
    LoadRestored = "load.restored",
    /// The media worker was lost and is replaced.
    WorkerRestarted = "worker.restarted",
    /// Stands in the place of events that a webhook's queue could not take.
    EventsLost = "events.lost",
    /// `POST /v1/webhooks/{endpoint}/test`.
    WebhookTest = "webhook.test",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A choice of kinds: one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKinds(u64);

// One bit each must do.
const _: () = assert!(EventKind::ALL.len() <= 64);

/// A pattern that fits no type of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pattern fits no type of event; allowed: a type such as cast.started, a group such as cast.*, or *"
)]
pub struct UnknownPattern;

impl EventKinds {
    /// Every kind.
    pub const ALL: Self = Self(u64::MAX);

    /// What any of the patterns takes; without one, everything. A pattern is a type, `group.*` or `*`.
    ///
    /// # Errors
    /// [`UnknownPattern`].
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownPattern> {
        let mut bits = None;
        for pattern in patterns {
            *bits.get_or_insert(0) |= Self::from_str(pattern)?.0;
        }
        Ok(bits.map_or(Self::ALL, Self))
    }

    /// Whether `kind` is among them.
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
}

impl FromStr for EventKinds {
    type Err = UnknownPattern;

    fn from_str(pattern: &str) -> Result<Self, UnknownPattern> {
        if pattern == "*" {
            return Ok(Self::ALL);
        }
        let fits = |kind: &&EventKind| match pattern.strip_suffix(".*") {
            Some(group) => kind.name().split('.').next() == Some(group),
            None => kind.name() == pattern,
        };
        let bits = EventKind::ALL.iter().filter(fits).fold(0, |bits, kind| bits | 1 << *kind as u32);
        if bits == 0 { Err(UnknownPattern) } else { Ok(Self(bits)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_a_type_a_group_or_everything() {
        let takes = |patterns: &[&str]| {
            let kinds = EventKinds::of(patterns.iter().copied()).unwrap();
            EventKind::ALL
                .iter()
                .filter(|kind| kinds.contains(**kind))
                .map(|kind| kind.name())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            takes(&["conference.*"]),
            ["conference.created", "conference.ended", "conference.pictures"]
        );
        assert_eq!(takes(&["load.shed", "stream.added"]), ["stream.added", "load.shed"]);
        assert_eq!(takes(&[]).len(), EventKind::ALL.len());
        assert_eq!(takes(&["*"]).len(), EventKind::ALL.len());
        for bad in ["", "cast", "cast.", "cast.begun", "*.*", ".*", "cast.*.*", "Cast.*"] {
            assert_eq!(EventKinds::of([bad]), Err(UnknownPattern), "{bad}");
        }
    }

    #[test]
    fn names_are_a_group_and_a_word_and_differ() {
        let mut names = std::collections::BTreeSet::new();
        for kind in EventKind::ALL {
            assert_eq!(kind.name().split('.').count(), 2, "{kind}");
            assert!(names.insert(kind.name()), "{kind}");
        }
    }
}
