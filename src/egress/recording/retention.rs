//! Which recordings have to go. Pure.

use crate::ids::RecordingId;
use jiff::Timestamp;
use std::time::Duration;

/// How much is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Since a recording's end; none: for ever.
    pub max_age: Option<Duration>,
    /// All recordings together, those that are being made too; none: no limit.
    pub max_total_bytes: Option<u64>,
}

/// A recording, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: RecordingId,
    pub bytes: u64,
    /// When it ended; none while it is being made, and then it stays.
    pub ended_at: Option<Timestamp>,
}

/// Those that go: too old ones, and the oldest ones until the others fit. Oldest first.
pub fn expired(now: Timestamp, mut all: Vec<Kept>, limits: Limits) -> Vec<RecordingId> {
    let mut total: u64 = all.iter().map(|kept| kept.bytes).fold(0, u64::saturating_add);
    all.sort_by(|a, b| (a.ended_at, &a.id).cmp(&(b.ended_at, &b.id)));
    let mut gone = Vec::new();
    for kept in all {
        let Some(ended_at) = kept.ended_at else { continue };
        let age = Duration::try_from(now.duration_since(ended_at)).unwrap_or_default();
        let old = limits.max_age.is_some_and(|max| age > max);
        let large = limits.max_total_bytes.is_some_and(|max| total > max);
        if old || large {
            total = total.saturating_sub(kept.bytes);
            gone.push(kept.id);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(ended_s: Option<i64>, bytes: u64) -> Kept {
        let ended_at = ended_s.map(|s| Timestamp::from_second(s).unwrap());
        Kept { id: RecordingId::generate(), bytes, ended_at }
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(s).unwrap()
    }

    #[test]
    fn old_ones_and_the_oldest_go_and_running_ones_stay() {
        let all = vec![kept(Some(300), 10), kept(None, 50), kept(Some(100), 10), kept(Some(200), 10)];
        let id = |n: usize| all[n].id.clone();
        let by_age = Limits { max_age: Some(Duration::from_secs(150)), ..Limits::default() };
        assert_eq!(expired(at(300), all.clone(), by_age), [id(2)]);
        let by_size = |max| Limits { max_total_bytes: Some(max), ..Limits::default() };
        assert_eq!(expired(at(300), all.clone(), by_size(80)), [] as [RecordingId; 0]);
        assert_eq!(expired(at(300), all.clone(), by_size(79)), [id(2)]);
        assert_eq!(expired(at(300), all.clone(), by_size(1)), [id(2), id(3), id(0)]);
        assert!(expired(at(i64::from(u32::MAX)), all, Limits::default()).is_empty());
    }

    proptest! {
        #[test]
        fn what_stays_fits_and_nothing_goes_without_need(
            sizes in prop::collection::vec((prop::option::of(0i64..1000), 0u64..100), 0..20),
            max in 0u64..1000,
        ) {
            let all: Vec<_> = sizes.iter().map(|(ended, bytes)| kept(*ended, *bytes)).collect();
            let limits = Limits { max_age: None, max_total_bytes: Some(max) };
            let gone = expired(at(1000), all.clone(), limits);
            let stays = |kept: &&Kept| !gone.contains(&kept.id);
            let rest: u64 = all.iter().filter(stays).map(|kept| kept.bytes).sum();
            prop_assert!(all.iter().filter(|kept| kept.ended_at.is_none()).all(|kept| stays(&kept)));
            prop_assert!(rest <= max || all.iter().filter(stays).all(|kept| kept.ended_at.is_none()));
            if let Some(last) = gone.last() {
                let last = all.iter().find(|kept| kept.id == *last).unwrap();
                prop_assert!(rest + last.bytes > max, "the last one did not have to go");
            }
        }
    }
}
