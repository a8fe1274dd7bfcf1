//! Whose pictures are decoded while a program is composed, pure: of those that are seen or about to be, and of a few
//! that are most likely next.

use crate::{ids::SourceId, ipc::SceneSpec, units::MediaTime};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Who leaves the picture stays decoded for so long, whatever the standby: tiles that re-flow twice, or a switch
/// that is taken back, cost no keyframe.
const LINGER: Duration = Duration::from_secs(1);
/// Who is gone for so long is no longer known to have been on the program.
const FORGET: Duration = Duration::from_secs(60);

/// A source with video that could be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub source: SourceId,
    /// When its session began to feed it.
    pub joined: MediaTime,
}

/// Chooses whose decoders run.
#[derive(Debug)]
pub struct Standby {
    places: usize,
    /// When somebody was last on a tile.
    on_air: BTreeMap<SourceId, MediaTime>,
}

/// Everybody on a tile. Also who is muted: he comes back without notice.
pub fn tiles(scene: &SceneSpec) -> impl Iterator<Item = SourceId> {
    scene.picture.tiles().into_iter().filter_map(|tile| tile.source)
}

impl Standby {
    /// With `places` for those who are not seen.
    pub const fn new(places: usize) -> Self {
        Self { places, on_air: BTreeMap::new() }
    }

    /// Whose pictures are decoded at `now`: those in the scenes `shown` and `others` (coming or going), who has just left,
    /// and of the other candidates as many as there are places. Those most recently on the program go first, then those who
    /// joined last.
    pub fn choose<'a>(
        &mut self,
        shown: &SceneSpec,
        others: impl IntoIterator<Item = &'a SceneSpec>,
        candidates: &[Candidate],
        now: MediaTime,
    ) -> BTreeSet<SourceId> {
        self.on_air.retain(|source, at| {
            now.since(*at) < FORGET || candidates.iter().any(|candidate| candidate.source == *source)
        });
        self.on_air.extend(tiles(shown).map(|source| (source, now)));
        let mut chosen: BTreeSet<SourceId> = tiles(shown).chain(others.into_iter().flat_map(tiles)).collect();
        let mut others: Vec<_> = candidates
            .iter()
            .filter(|candidate| !chosen.contains(&candidate.source))
            .map(|candidate| (self.on_air.get(&candidate.source), candidate.joined, candidate.source))
            .collect();
        others.sort_unstable_by(|one, other| other.cmp(one));
        let stays = |place: usize, on_air: Option<&MediaTime>| {
            place < self.places || on_air.is_some_and(|at| now.since(*at) < LINGER)
        };
        let staying = others.iter().enumerate().filter(|(place, (on_air, ..))| stays(*place, *on_air));
        chosen.extend(staying.map(|(_, (_, _, source))| *source));
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::{PictureSpec, TileSpec};
    use proptest::prelude::*;

    fn tile(source: u32) -> TileSpec {
        TileSpec { source: Some(SourceId(source)), label: String::new(), video_muted: false }
    }

    fn full(source: u32) -> SceneSpec {
        SceneSpec { picture: PictureSpec::Full(tile(source)), sound: Vec::new() }
    }

    /// Source `n` joined at second `n`.
    fn joined(sources: std::ops::Range<u32>) -> Vec<Candidate> {
        sources
            .map(|n| Candidate { source: SourceId(n), joined: MediaTime::from_millis(u64::from(n) * 1000) })
            .collect()
    }

    fn at(second: u64) -> MediaTime {
        MediaTime::from_millis(100_000 + second * 1000)
    }

    fn ids(chosen: BTreeSet<SourceId>) -> Vec<u32> {
        chosen.into_iter().map(|source| source.0).collect()
    }

    #[test]
    fn cold_decodes_who_is_seen_and_who_is_about_to_be() {
        let (mut standby, all) = (Standby::new(0), joined(0..4));
        assert_eq!(ids(standby.choose(&full(1), None, &all, at(0))), [1]);
        assert_eq!(ids(standby.choose(&full(1), Some(&full(2)), &all, at(5))), [1, 2]);
        assert_eq!(ids(standby.choose(&full(2), None, &all, at(5))), [1, 2], "who has just left stays");
        assert_eq!(ids(standby.choose(&full(2), None, &all, at(6))), [2], "but not for long");
    }

    #[test]
    fn hot_places_go_to_whom_was_seen_last_then_to_who_joined_last() {
        let (mut standby, all) = (Standby::new(2), joined(0..6));
        assert_eq!(ids(standby.choose(&full(0), None, &all, at(0))), [0, 4, 5]);
        standby.choose(&full(1), None, &all, at(1));
        assert_eq!(ids(standby.choose(&full(2), None, &all, at(10))), [0, 1, 2]);
        let without = [&all[..1], &all[2..]].concat();
        assert_eq!(
            ids(standby.choose(&full(2), None, &without, at(10))),
            [0, 2, 5],
            "who left takes no place"
        );
    }

    #[test]
    fn every_tile_counts_muted_or_not() {
        let grid = PictureSpec::Grid(vec![tile(3), TileSpec { video_muted: true, ..tile(4) }]);
        let grid = SceneSpec { picture: grid, sound: Vec::new() };
        let speaker = PictureSpec::Speaker { focus: tile(5), others: vec![tile(1)] };
        let speaker = SceneSpec { picture: speaker, sound: Vec::new() };
        let mut standby = Standby::new(0);
        assert_eq!(ids(standby.choose(&grid, Some(&speaker), &joined(0..9), at(0))), [1, 3, 4, 5]);
    }

    proptest! {
        /// Whatever is switched to: who is seen or coming is decoded, nobody takes a place that is not there, no
        /// place stays free while somebody could have it, and asking again changes nothing.
        #[test]
        fn no_place_is_wasted_or_overdrawn(
            places in 0usize..6,
            count in 1u32..12,
            steps in prop::collection::vec((0u32..12, prop::option::of(0u32..12), 0u64..3000), 1..30),
        ) {
            let (mut standby, all, mut now) = (Standby::new(places), joined(0..count), at(0));
            let mut left: BTreeMap<u32, MediaTime> = BTreeMap::new();
            for (shown, coming, wait) in steps {
                now = now + Duration::from_millis(wait);
                let (scene, next) = (full(shown), coming.map(full));
                let chosen = standby.choose(&scene, next.as_ref(), &all, now);
                prop_assert_eq!(&standby.choose(&scene, next.as_ref(), &all, now), &chosen);
                left.insert(shown, now);
                let wanted: BTreeSet<u32> = coming.into_iter().chain([shown]).collect();
                prop_assert!(wanted.iter().all(|source| chosen.contains(&SourceId(*source))));
                let others = (0..count).filter(|source| !wanted.contains(source));
                let lingering = others.clone()
                    .filter(|source| left.get(source).is_some_and(|at| now.since(*at) < LINGER)).count();
                prop_assert_eq!(chosen.len() - wanted.len(), others.count().min(places.max(lingering)));
            }
        }
    }
}
