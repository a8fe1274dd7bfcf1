use super::*;
use std::io::Read;

fn segment(msn: u64, ms: u64, bytes: usize) -> Packaged {
    Packaged::Segment {
        entry: SegmentEntry {
            msn,
            init: 100,
            discontinuity: false,
            date_time: jiff::Timestamp::UNIX_EPOCH,
            duration: Duration::from_millis(ms),
            independent: true,
        },
        data: vec![msn as u8; bytes].into(),
    }
}

fn text(playlist: &RenderedPlaylist) -> String {
    String::from_utf8(playlist.plain.to_vec()).unwrap()
}

fn listed(store: &Store) -> Vec<u64> {
    let text = text(store.media().unwrap());
    let names = text.lines().filter_map(|line| line.strip_prefix("seg-")?.strip_suffix(".m4s"));
    names.map(|msn| msn.parse().unwrap()).collect()
}

fn new() -> Store {
    Store::new(Duration::from_secs(20), "tag".to_owned())
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
        store.publish(segment(msn, 2000, 10), 2);
    }
    assert_eq!(listed(&store), (120..130).collect::<Vec<_>>());
    let mut short = Store::new(Duration::from_secs(1), "tag".to_owned());
    for msn in 100..130 {
        short.publish(segment(msn, 500, 10), 1);
    }
    assert_eq!(listed(&short), (124..130).collect::<Vec<_>>());
    // Six short ones are not three target durations.
    for msn in 130..140 {
        short.publish(segment(msn, 500, 10), 2);
    }
    assert_eq!(listed(&short).len(), 12);
}

#[test]
fn a_segment_can_be_fetched_as_long_as_a_slow_client_may_ask() {
    let mut store = new();
    for msn in 100..200 {
        store.publish(segment(msn, 2000, 10), 2);
        // RFC 8216 §6.2.2: after it left the list, its duration and that of the longest list.
        if msn >= 110 {
            let oldest_listed = listed(&store)[0];
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
                store.publish(Packaged::Init { number: msn, data: Bytes::from_static(b"init") }, 2);
            }
        }
        store.publish(packaged, 2);
        let sequence = u64::from(msn >= 113);
        let text = text(store.media().unwrap());
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
        store.publish(segment(msn, 2000, 10), 2);
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
    let mut store = Store::new(Duration::from_secs(60), "tag".to_owned());
    let size = MAX_MEMORY / 10;
    for msn in 100..150 {
        store.publish(segment(msn, 2000, size), 2);
        work(&mut store, false);
        assert!(store.memory() <= MAX_MEMORY);
    }
    let listed = listed(&store);
    assert_eq!(listed, (140..150).collect::<Vec<_>>());
    assert!(listed.iter().all(|&msn| matches!(store.segment(msn), Some(Located::Memory(_)))));
    assert!(text(store.media().unwrap()).contains("#EXT-X-MEDIA-SEQUENCE:140\n"));
}

#[test]
fn a_disk_that_hangs_is_the_same() {
    let mut store = Store::new(Duration::from_secs(60), "tag".to_owned());
    let Some(DiskJob::Write { msn: hung, .. }) = ({
        store.publish(segment(100, 2000, 10), 2);
        store.next_disk_job()
    }) else {
        panic!("nothing to write");
    };
    for msn in 101..150 {
        store.publish(segment(msn, 2000, MAX_MEMORY / 10), 2);
        assert!(store.memory() <= MAX_MEMORY);
    }
    // It comes back when the segment is long gone: the file must go too.
    store.written(hung, true);
    assert_eq!(store.next_disk_job(), Some(DiskJob::Remove { msn: hung }));
}

#[test]
fn playlists_appear_with_the_first_segment_and_end() {
    let mut store = new();
    let variant = Variant { name: "video", peak: 2, average: 1, codecs: vec![], picture: None };
    store.describe(vec![variant.clone()], true);
    assert!(store.media().is_none() && store.multivariant().is_none());
    store.end();
    assert!(store.media().is_none(), "a playlist without segments is none");

    let mut store = new();
    store.publish(segment(100, 2000, 10), 2);
    store.describe(vec![variant.clone()], true);
    let before = store.multivariant().unwrap().clone();
    store.describe(vec![variant.clone()], true);
    assert_eq!(store.multivariant(), Some(&before), "an equal one is not rendered again");
    store.describe(vec![Variant { peak: 3, ..variant }], true);
    assert_ne!(store.multivariant().unwrap().tag, before.tag);
    let live = store.media().unwrap().clone();
    store.end();
    let ended = store.media().unwrap();
    assert!(text(ended).ends_with("#EXT-X-ENDLIST\n") && !text(&live).contains("ENDLIST"));
    assert_ne!(ended.tag, live.tag);
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&ended.gzip[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, text(ended));
}
