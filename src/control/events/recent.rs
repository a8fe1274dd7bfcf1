//! The events of late, for readers that come back.

use super::Event;
use crate::ids::EventId;
use std::{collections::VecDeque, sync::Arc};

/// Events that are kept. At a few a second in a busy conference, some minutes of ten of them.
const MAX_EVENTS: usize = 4096;
/// And their bytes together.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The newest events, oldest first.
#[derive(Debug, Default)]
pub(super) struct Recent {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
}

/// What a reader gets that comes back.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Resumed {
    /// What it saw last is no longer known (or never was): there was more in between.
    pub missed: bool,
    pub events: Vec<Arc<Event>>,
}

impl Recent {
    /// One more; the oldest make room.
    pub fn push(&mut self, event: Arc<Event>) {
        self.bytes += event.body.len();
        self.events.push_back(event);
        while self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= oldest.body.len();
        }
    }

    /// Everything behind `id`; everything there is when it is not known.
    pub fn after(&self, id: &EventId) -> Resumed {
        let known = self.events.iter().rposition(|event| event.id == *id);
        let events = self.events.iter().skip(known.map_or(0, |at| at + 1)).cloned().collect();
        Resumed { missed: known.is_none(), events }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::events::kind::EventKind;
    use jiff::Timestamp;

    fn event(sequence: u64, bytes: usize) -> Arc<Event> {
        Arc::new(Event {
            id: EventId::generate(),
            kind: EventKind::CastStarted,
            at: Timestamp::UNIX_EPOCH,
            conference: "room".parse().unwrap(),
            sequence,
            body: vec![b' '; bytes].into(),
        })
    }

    fn sequences(resumed: &Resumed) -> Vec<u64> {
        resumed.events.iter().map(|event| event.sequence).collect()
    }

    #[test]
    fn a_reader_goes_on_behind_what_it_saw_last_or_hears_that_it_missed_some() {
        let mut recent = Recent::default();
        let events: Vec<_> = (1..=3).map(|n| event(n, 10)).collect();
        events.iter().for_each(|event| recent.push(event.clone()));
        let after = recent.after(&events[0].id);
        assert!(!after.missed);
        assert_eq!(sequences(&after), [2, 3]);
        assert_eq!(recent.after(&events[2].id), Resumed::default());
        let unknown = recent.after(&EventId::generate());
        assert!(unknown.missed);
        assert_eq!(sequences(&unknown), [1, 2, 3]);
    }

    #[test]
    fn it_is_bounded_in_events_and_in_bytes() {
        let mut recent = Recent::default();
        (0..MAX_EVENTS as u64 + 5).for_each(|n| recent.push(event(n, 1)));
        assert_eq!((recent.events.len(), recent.bytes), (MAX_EVENTS, MAX_EVENTS));
        assert_eq!(recent.events[0].sequence, 5);
        recent.push(event(0, MAX_BYTES - 1));
        assert_eq!((recent.events.len(), recent.bytes), (2, MAX_BYTES));
        recent.push(event(0, MAX_BYTES + 1));
        assert_eq!((recent.events.len(), recent.bytes), (0, 0));
    }
}
