use super::*;
use crate::egress::hls::synthetic::*;
use proptest::prelude::*;

fn package(stream: &Stream, part_ms: Option<u64>) -> Vec<Packaged> {
    let part = part_ms.map(Duration::from_millis);
    let mut packager = Packager::new(Duration::from_secs(2), part, Timestamp::UNIX_EPOCH, 100);
    let mut packaged = Vec::new();
    for item in stream.items().into_iter().chain([HubItem::End]) {
        packager.handle(&item);
        while let Some(next) = packager.poll().unwrap() {
            packaged.push(next);
        }
    }
    packaged
}

#[test]
fn without_low_latency_there_are_no_parts() {
    let packaged = package(&Stream::default(), None);
    assert!(matches!(&packaged[0], Packaged::Init { number: 100, .. }));
    assert_eq!(packaged.len(), 6);
    for (index, segment) in packaged[1..].iter().enumerate() {
        let Packaged::Segment { entry, .. } = segment else { panic!("{segment:?}") };
        assert_eq!((entry.msn, entry.init), (100 + index as u64, 100));
        assert!(entry.parts.is_empty());
    }
}

#[test]
fn a_segment_follows_on_its_last_part() {
    let packaged = package(&Stream { length: Duration::from_secs(4), ..Stream::default() }, Some(500));
    let kinds: String = packaged
        .iter()
        .map(|packaged| match packaged {
            Packaged::Init { .. } => 'i',
            Packaged::Part { .. } => 'p',
            Packaged::Segment { .. } => 'S',
        })
        .collect();
    assert_eq!(kinds, "ippppSppppS");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_segment_is_its_parts_one_after_the_other(
        fps in prop::sample::select(vec![15u32, 25, 30, 60]),
        length_ms in 3000u64..9000,
        forced in prop::collection::vec(0u64..300, 0..3),
        part_ms in 200u64..1500,
    ) {
        let keyint = u64::from(fps) * 2;
        let stream =
            Stream { fps, keyint, forced, length: Duration::from_millis(length_ms), ..Stream::default() };
        let mut parts: Vec<Bytes> = Vec::new();
        let mut msn = 100;
        for packaged in package(&stream, Some(part_ms)) {
            match packaged {
                Packaged::Init { .. } => prop_assert!(parts.is_empty()),
                Packaged::Part { entry, data } => {
                    // `styp` once a segment, then `moof`.
                    let first: &[u8] = if parts.is_empty() { b"styp" } else { b"moof" };
                    prop_assert_eq!(&data[4..8], first);
                    parts.push(data);
                    let bytes: Vec<_> = entry.parts.iter().map(|part| part.bytes).collect();
                    prop_assert_eq!(entry.msn, msn);
                    prop_assert_eq!(bytes, parts.iter().map(Bytes::len).collect::<Vec<_>>());
                    prop_assert_eq!(entry.duration, entry.parts.iter().map(|part| part.duration).sum::<Duration>());
                }
                Packaged::Segment { entry, data } => {
                    prop_assert_eq!(&data[..], &std::mem::take(&mut parts).concat()[..]);
                    prop_assert_eq!(entry.msn, msn);
                    msn += 1;
                }
            }
        }
        prop_assert!(parts.is_empty());
    }
}
