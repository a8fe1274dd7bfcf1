//! The numbers of conferences' events.

use crate::ids::ConferenceId;
use std::collections::{BTreeMap, HashMap};

/// Conferences whose number is remembered: more than `limits.max_conferences` can be, so that one which is
/// there keeps its own unless as many others come and go between two events of it.
const REMEMBERED: usize = 16_384;

/// Counts each conference's events, also over its end and a new beginning under the same id. Of those that were
/// not heard of for longest, it forgets what is beyond [`REMEMBERED`]; they begin anew at 1.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// The last number, and when it was given out.
    last: HashMap<ConferenceId, (u64, u64)>,
    /// By when.
    order: BTreeMap<u64, ConferenceId>,
    clock: u64,
}

impl Sequences {
    /// The next number of `conference`; the first is 1.
    pub fn next(&mut self, conference: &ConferenceId) -> u64 {
        self.clock += 1;
        let (last, when) = self.last.get(conference).copied().unwrap_or_default();
        self.order.remove(&when);
        self.order.insert(self.clock, conference.clone());
        self.last.insert(conference.clone(), (last + 1, self.clock));
        if self.last.len() > REMEMBERED
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.last.remove(&oldest);
        }
        last + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_conference_counts_for_itself_and_the_longest_silent_is_forgotten() {
        let mut sequences = Sequences::default();
        let id = |n: usize| format!("c{n}").parse::<ConferenceId>().unwrap();
        assert_eq!([sequences.next(&id(0)), sequences.next(&id(1)), sequences.next(&id(0))], [1, 1, 2]);
        for n in 2..REMEMBERED {
            assert_eq!(sequences.next(&id(n)), 1);
        }
        assert_eq!(sequences.next(&id(1)), 2, "all are remembered");
        sequences.next(&id(REMEMBERED));
        assert_eq!(sequences.next(&id(1)), 3);
        assert_eq!(sequences.next(&id(0)), 1, "it was silent for longest");
        assert_eq!((sequences.last.len(), sequences.order.len()), (REMEMBERED, REMEMBERED));
    }
}
