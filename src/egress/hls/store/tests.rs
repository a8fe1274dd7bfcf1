use super::*;
use crate::egress::hls::playlist::PartEntry;
use std::io::Read;

const MAX_MEMORY: usize = 64 * 1024 * 1024;

fn segment(msn: u64, ms: u64, bytes: usize) -> Packaged {
    Packaged::Segment {
        entry: SegmentEntry {
            msn,
            init: 100,
            discontinuity: false,
            date_time: jiff::Timestamp::UNIX_EPOCH,
            duration: Duration::from_millis(ms),
            independent: true,
            parts: Vec::new(),
        },
        data: vec![msn as u8; bytes].into(),
    }
}

fn seconds(duration: u32) -> Targets {
    Targets { duration: Some(duration), part: None }
}

fn text(playlist: &RenderedPlaylist) -> String {
    String::from_utf8(playlist.plain.to_vec()).unwrap()
}

fn listed(store: &mut Store) -> Vec<u64> {
    let text = text(&store.media().unwrap());
    let names = text.lines().filter_map(|line| line.strip_prefix("seg-")?.strip_suffix(".m4s"));
    names.map(|msn| msn.parse().unwrap()).collect()
}

fn new() -> Store {
    Store::new(Duration::from_secs(20), "tag".to_owned(), 100, MAX_MEMORY)
}

/// What a disk does.
fn work(store: &mut Store, works: bool) -> Vec<u64> {
    let mut removed = Vec::new();
    while let Some(job) = store.next_disk_job() {
        match job {
            DiskJob::Write { msn, .. } => store.written(msn, works),
            DiskJob::Remove { msn } => removed.push(msn),
        }
    }
    removed
}

#[test]
fn the_window_slides_and_keeps_six_segments() {
    let mut store = new();
    for msn in 100..130 {
        store.publish(segment(msn, 2000, 10), seconds(2));
    }
    assert_eq!(listed(&mut store), (120..130).collect::<Vec<_>>());
    let mut short = Store::new(Duration::from_secs(1), "tag".to_owned(), 100, MAX_MEMORY);
    for msn in 100..130 {
        short.publish(segment(msn, 500, 10), seconds(1));
    }
    assert_eq!(listed(&mut short), (124..130).collect::<Vec<_>>());
    // Six short ones are not three target durations.
    for msn in 130..140 {
        short.publish(segment(msn, 500, 10), seconds(2));
    }
    assert_eq!(listed(&mut short).len(), 12);
}

#[test]
fn a_segment_can_be_fetched_as_long_as_a_slow_client_may_ask() {
    let mut store = new();
    for msn in 100..200 {
        store.publish(segment(msn, 2000, 10), seconds(2));
        // RFC 8216 §6.2.2: after it left the list, its duration and that of the longest list.
        if msn >= 110 {
            let oldest_listed = listed(&mut store)[0];
            assert_eq!(oldest_listed, msn - 9);
            assert!(store.segment(oldest_listed.saturating_sub(11).max(100)).is_some());
            assert!(store.segments.len() <= 10 + 11);
        }
    }
    assert!(store.segment(150).is_none());
    assert!(store.segment(99).is_none() && store.segment(200).is_none());
}

#[test]
fn discontinuities_are_counted_when_they_leave_the_list() {
    let mut store = new();
    for msn in 100..125 {
        let mut packaged = segment(msn, 2000, 10);
        if let Packaged::Segment { entry, .. } = &mut packaged {
            entry.discontinuity = [103, 120].contains(&msn);
            entry.init = if msn < 103 {
                100
            } else if msn < 120 {
                103
            } else {
                120
            };
            if entry.init == msn {
                store.publish(Packaged::Init { number: msn, data: Bytes::from_static(b"init") }, seconds(2));
            }
        }
        store.publish(packaged, seconds(2));
        let sequence = u64::from(msn >= 113);
        let text = text(&store.media().unwrap());
        assert!(text.contains(&format!("#EXT-X-DISCONTINUITY-SEQUENCE:{sequence}\n")), "{msn}: {text}");
    }
    // Segment 103 is still to be had, 102 is not; so it is with what they need.
    assert!(store.init(100).is_none() && store.init(103).is_some() && store.init(120).is_some());
}

#[test]
fn memory_holds_the_newest_and_files_go_when_their_time_has_come() {
    let mut store = new();
    let mut removed = Vec::new();
    for msn in 100..140 {
        store.publish(segment(msn, 2000, 10), seconds(2));
        removed.extend(work(&mut store, true));
        assert!(store.segments.len() <= 21);
    }
    assert_eq!(store.memory(), 10 * IN_MEMORY);
    assert_eq!(store.segment(139), Some(Located::Memory(vec![139; 10].into())));
    assert_eq!(store.segment(131), Some(Located::Disk));
    assert_eq!(removed, (100..119).collect::<Vec<_>>());
}

#[test]
fn a_dead_disk_costs_the_oldest_segments_only() {
    let mut store = Store::new(Duration::from_secs(60), "tag".to_owned(), 100, MAX_MEMORY);
    let size = MAX_MEMORY / 10;
    for msn in 100..150 {
        store.publish(segment(msn, 2000, size), seconds(2));
        work(&mut store, false);
        assert!(store.memory() <= MAX_MEMORY);
    }
    let listed = listed(&mut store);
    assert_eq!(listed, (140..150).collect::<Vec<_>>());
    assert!(listed.iter().all(|&msn| matches!(store.segment(msn), Some(Located::Memory(_)))));
    assert!(text(&store.media().unwrap()).contains("#EXT-X-MEDIA-SEQUENCE:140\n"));
}

#[test]
fn a_disk_that_hangs_is_the_same() {
    let mut store = Store::new(Duration::from_secs(60), "tag".to_owned(), 100, MAX_MEMORY);
    let Some(DiskJob::Write { msn: hung, .. }) = ({
        store.publish(segment(100, 2000, 10), seconds(2));
        store.next_disk_job()
    }) else {
        panic!("nothing to write");
    };
    for msn in 101..150 {
        store.publish(segment(msn, 2000, MAX_MEMORY / 10), seconds(2));
        assert!(store.memory() <= MAX_MEMORY);
    }
    // It comes back when the segment is long gone: the file must go too.
    store.written(hung, true);
    assert_eq!(store.next_disk_job(), Some(DiskJob::Remove { msn: hung }));
}

#[test]
fn a_playlist_appears_with_the_first_segment_and_ends() {
    let mut store = new();
    assert!(store.media().is_none());
    store.end();
    assert!(store.media().is_none(), "a playlist without segments is none");

    let mut store = new();
    store.publish(segment(100, 2000, 10), seconds(2));
    let live = store.media().unwrap();
    assert_eq!(store.media(), Some(live.clone()), "the same is not rendered again");
    store.end();
    let ended = store.media().unwrap();
    assert!(text(&ended).ends_with("#EXT-X-ENDLIST\n") && !text(&live).contains("ENDLIST"));
    assert_ne!(ended.tag, live.tag);
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&ended.gzip()[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, text(&ended));
}

#[test]
fn hours_of_window_cost_lines_not_segments() {
    let mut store = Store::new(Duration::from_secs(6 * 3600), "tag".to_owned(), 0, MAX_MEMORY);
    for msn in 0..12_000 {
        store.publish(segment(msn, 2000, 1000), seconds(2));
        work(&mut store, true);
    }
    assert_eq!(listed(&mut store), (1200..12_000).collect::<Vec<_>>());
    assert_eq!(store.memory(), 1000 * IN_MEMORY);
    assert!((1200..12_000).all(|msn| store.segment(msn).is_some()));
}

#[test]
fn a_rendition_that_was_away_begins_anew() {
    let mut store = new();
    for msn in (100..110).chain(120..125) {
        store.publish(segment(msn, 2000, 10), seconds(2));
    }
    assert_eq!(listed(&mut store), (120..125).collect::<Vec<_>>());
    assert!(text(&store.media().unwrap()).contains("#EXT-X-MEDIA-SEQUENCE:120\n"));
}

/// Publishes `parts` parts of segment `msn`, and the segment if `whole`.
fn publish_parts(store: &mut Store, msn: u64, parts: usize, whole: bool) {
    let mut entry = SegmentEntry {
        msn,
        init: 100,
        discontinuity: false,
        date_time: jiff::Timestamp::UNIX_EPOCH,
        duration: Duration::ZERO,
        independent: true,
        parts: Vec::new(),
    };
    let targets = |duration| Targets { duration, part: Some(Duration::from_millis(500)) };
    let mut all = Vec::new();
    for number in 0..parts {
        let data = vec![(msn * 10) as u8 + number as u8; 10 + number];
        entry.duration += Duration::from_millis(500);
        entry.parts.push(PartEntry {
            duration: Duration::from_millis(500),
            independent: number == 0,
            bytes: data.len(),
        });
        all.extend_from_slice(&data);
        let target = store.media().map(|_| 2);
        store.publish(Packaged::Part { entry: entry.clone(), data: data.into() }, targets(target));
    }
    if whole {
        store.publish(Packaged::Segment { entry, data: all.into() }, targets(Some(2)));
    }
}

#[test]
fn parts_are_listed_while_they_are_new_and_can_be_had_longer() {
    let mut store = new();
    publish_parts(&mut store, 100, 3, false);
    assert!(store.media().is_none(), "the target duration is not known");
    store = new();
    publish_parts(&mut store, 100, 4, true);
    assert_eq!(store.edge().next_msn, 101);
    let tag = store.media().unwrap().tag.clone();
    publish_parts(&mut store, 101, 1, false);
    assert_ne!(store.media().unwrap().tag, tag, "rendered with each part");
    assert_eq!(store.unused_msn(), 102, "101 has a part already");

    let mut store = new();
    for msn in 100..130 {
        publish_parts(&mut store, msn, 4, true);
        work(&mut store, true);
    }
    publish_parts(&mut store, 130, 2, false);
    assert_eq!(
        store.edge(),
        Edge {
            next_msn: 130,
            parts: 2,
            last_parts: 4,
            target_duration: 2,
            part_target: Some(Duration::from_millis(500)),
            listed: true,
            ended: false,
        }
    );
    let text = text(&store.media().unwrap());
    let listed: Vec<&str> = text.lines().filter(|line| line.starts_with("#EXT-X-PART:")).collect();
    assert_eq!(listed.len(), 10, "{text}");
    assert!(listed[0].contains("part-128.0.m4s") && listed[9].contains("part-130.1.m4s"), "{text}");
    assert!(text.ends_with("TYPE=PART,URI=\"part-130.2.m4s\"\n"), "{text}");

    let of =
        |data: &Bytes, part: usize| data.slice((0..part).map(|n| 10 + n).sum::<usize>()..).slice(..10 + part);
    let Some(Located::Memory(whole)) = store.segment(129) else { panic!("in memory") };
    for part in 0..4 {
        let Some((Located::Memory(data), range)) = store.part(129, part) else { panic!("in memory") };
        assert_eq!(data.slice(range), of(&whole, part));
    }
    assert_eq!(store.part(115, 3), Some((Located::Disk, 33..46)));
    assert_eq!(store.part(130, 1), Some((Located::Memory(vec![(1300_u64 as u8) + 1; 11].into()), 0..11)));
    assert!(store.part(129, 4).is_none() && store.part(130, 2).is_none() && store.part(131, 0).is_none());
}

#[test]
fn a_delta_update_is_the_playlist_until_there_is_something_to_skip() {
    let mut store = new();
    for msn in 100..106 {
        publish_parts(&mut store, msn, 4, true);
        assert_eq!(store.media_delta(), store.media());
    }
    for msn in 106..112 {
        publish_parts(&mut store, msn, 4, true);
    }
    let (delta, full) = (store.media_delta().unwrap(), store.media().unwrap());
    assert!(text(&delta).contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=4\n"), "{}", text(&delta));
    assert_ne!(delta.tag, full.tag);
}
