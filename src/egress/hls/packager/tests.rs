use super::*;
use crate::egress::hls::synthetic::*;
use proptest::prelude::*;

fn package(stream: &Stream, part_ms: Option<u64>) -> Vec<Packaged> {
    let cutting = Cutting {
        segment: Duration::from_secs(2),
        part: part_ms.map(Duration::from_millis),
        pace: Pace::Steady,
    };
    let mut packager = Packager::new(&[LaneKind::Program], cutting, Timestamp::UNIX_EPOCH, 100);
    let mut packaged = Vec::new();
    for item in stream.items().into_iter().chain([HubItem::End]) {
        packager.handle(&item);
        while let Some((lane, next)) = packager.poll().unwrap() {
            assert_eq!(lane, 0);
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

/// The program, one smaller rendition and the sound alone.
const LANES: [LaneKind; 3] = [LaneKind::Program, LaneKind::Rendition(0), LaneKind::Sound];

fn package_lanes(items: &[HubItem], renditions: &[HubItem]) -> (Packager, [Vec<Packaged>; 3]) {
    let cutting = Cutting {
        segment: Duration::from_secs(2),
        part: Some(Duration::from_millis(500)),
        pace: Pace::Steady,
    };
    let mut packager = Packager::new(&LANES, cutting, Timestamp::UNIX_EPOCH, 100);
    let mut packaged = [const { Vec::new() }; 3];
    let mut renditions = renditions.iter();
    for item in items {
        renditions.by_ref().take(1).for_each(|item| packager.handle_rendition(0, item));
        packager.handle(item);
        while let Some((lane, next)) = packager.poll().unwrap() {
            packaged[lane].push(next);
        }
    }
    (packager, packaged)
}

#[test]
fn all_lanes_have_the_same_segments_and_parts() {
    let stream = Stream::default();
    let mut items = stream.items();
    items.push(HubItem::End);
    let pictures: Vec<_> = stream
        .items()
        .into_iter()
        .filter(|item| match item {
            HubItem::Config(config) => config.track() == crate::media::Track::Video,
            HubItem::Frame(frame) => frame.track == crate::media::Track::Video,
            _ => false,
        })
        .collect();
    let (packager, lanes) = package_lanes(&items, &pictures);
    let shape = |lane: &[Packaged]| -> Vec<_> {
        let shape = |packaged: &Packaged| match packaged {
            Packaged::Init { number, .. } => (*number, 0, Duration::ZERO, false),
            Packaged::Part { entry, .. } | Packaged::Segment { entry, .. } => {
                (entry.msn, entry.parts.len(), entry.duration, entry.discontinuity)
            }
        };
        lane.iter().map(shape).collect()
    };
    assert_eq!(shape(&lanes[0]), shape(&lanes[1]));
    assert_eq!(shape(&lanes[0]), shape(&lanes[2]));
    assert!(lanes[0].len() > 20 && packager.independent());
    let bytes = |lane: &[Packaged]| {
        let bytes = |packaged: &Packaged| match packaged {
            Packaged::Segment { data, .. } => data.len(),
            _ => 0,
        };
        lane.iter().map(bytes).sum::<usize>()
    };
    assert!(bytes(&lanes[2]) < bytes(&lanes[1]));
    let variants = packager.variants();
    let codecs: Vec<_> = variants.iter().flatten().map(|variant| variant.codecs.join(",")).collect();
    assert_eq!(codecs, ["avc1.4d400d,mp4a.40.2", "avc1.4d400d,mp4a.40.2", "mp4a.40.2"]);
    assert!(variants[2].as_ref().is_some_and(|sound| sound.picture.is_none() && sound.peak < 250_000));
}

#[test]
fn a_rendition_that_never_comes_is_not_offered() {
    let stream = Stream { length: Duration::from_secs(6), ..Stream::default() };
    let mut items = stream.items();
    items.push(HubItem::End);
    let (packager, lanes) = package_lanes(&items, &[]);
    assert!(lanes[1].is_empty() && !lanes[0].is_empty());
    let offered: Vec<_> = packager.variants().iter().map(Option::is_some).collect();
    assert_eq!(offered, [true, false, true]);
}
