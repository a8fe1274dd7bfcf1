use super::*;
use crate::{
    egress::{
        hls::{
            fmp4::SNAP,
            synthetic::{Stream, audio_config, video_config},
        },
        recording::fragments::{self, Found, Fragmented},
    },
    ids::Incarnation,
};
use proptest::prelude::*;
use std::io::Cursor;

fn record(items: impl IntoIterator<Item = HubItem>) -> (Vec<Piece>, Fragmenter) {
    let mut fragmenter = Fragmenter::new();
    let mut pieces = Vec::new();
    for item in items.into_iter().chain([HubItem::End]) {
        fragmenter.handle(&item);
        while let Some(piece) = fragmenter.poll().unwrap() {
            pieces.push(piece);
        }
    }
    (pieces, fragmenter)
}

fn file(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| piece.data.to_vec()).collect()
}

fn read(file: &[u8]) -> Option<Fragmented> {
    match fragments::read(&mut Cursor::new(file)).unwrap() {
        Found::Fragmented(found) => Some(found),
        Found::Nothing => None,
        Found::Plain => panic!("not finished yet"),
    }
}

/// A finished file's samples of a track: decoding time in ticks, bytes.
fn samples(file: &[u8], track: usize) -> Vec<(u64, Vec<u8>)> {
    let found = read(file).unwrap();
    let head =
        crate::egress::recording::tables::plain_head(&found.tracks, found.end, jiff::Timestamp::UNIX_EPOCH);
    let plain = [&head.unwrap(), &file[..found.end as usize]].concat();
    crate::egress::recording::tables::tests::samples(&plain, track)
}

fn frames(items: &[HubItem], track: Track) -> Vec<Arc<EncodedFrame>> {
    let frames = items.iter().filter_map(|item| match item {
        HubItem::Frame(frame) if frame.track == track => Some(frame.clone()),
        _ => None,
    });
    frames.collect()
}

fn assert_complete(file: &[u8], items: &[HubItem], base: MediaTime) {
    assert_complete_within(Duration::ZERO, file, items, base);
}

/// Every frame is there, in its order, at its time give or take `most`.
fn assert_complete_within(most: Duration, file: &[u8], items: &[HubItem], base: MediaTime) {
    for (track, of, rate) in [(0, Track::Video, 90_000), (1, Track::Audio, 48_000)] {
        let (found, expected) = (samples(file, track), frames(items, of));
        assert_eq!(found.len(), expected.len(), "{of:?}");
        let most = u64::from(rate) * most.as_millis() as u64 / 1000;
        for ((at, data), frame) in found.iter().zip(&expected) {
            assert_eq!(*data, frame.data, "{of:?}");
            let expected = MediaTime(frame.dts.0 - base.0).to_timescale(rate);
            assert!(at.abs_diff(expected) <= most, "{of:?} at {at} instead of {expected}");
        }
    }
}

#[test]
fn every_frame_is_in_the_file_in_fragments_of_two_seconds() {
    let items = Stream::default().items();
    let (pieces, fragmenter) = record(items.clone());
    assert_eq!(pieces.len(), 5);
    assert_eq!(fragmenter.discarded(), 0);
    let until: Vec<_> = pieces.iter().map(|piece| piece.until.as_millis()).collect();
    assert!(until.iter().zip(1..).all(|(until, n)| until.abs_diff(n * 2000) < 50), "{until:?}");
    let file = file(&pieces);
    assert_complete(&file, &items, MediaTime::ZERO);
    let found = read(&file).unwrap();
    assert!(found.fragments.iter().all(|fragment| fragment.independent));
    assert_eq!(found.end, file.len() as u64);
}

#[test]
fn a_long_gop_does_not_make_a_long_fragment() {
    let items = Stream { keyint: 300, ..Stream::default() }.items();
    let (pieces, _) = record(items.clone());
    let file = file(&pieces);
    assert_complete(&file, &items, MediaTime::ZERO);
    let found = read(&file).unwrap();
    let longest = found.fragments.iter().map(|fragment| fragment.end - fragment.start).max();
    assert!(longest <= Some(90 * 2600), "{longest:?}");
    assert_eq!(found.fragments.iter().filter(|fragment| fragment.independent).count(), 1);
}

#[test]
fn a_keyframe_begins_a_fragment_whatever_the_distance_is() {
    for keyint in [1, 7, 45, 59, 61, 75, 76, 90, 140] {
        let items = Stream { keyint, length: Duration::from_secs(30), ..Stream::default() }.items();
        let (pieces, _) = record(items.clone());
        let file = file(&pieces);
        assert_complete(&file, &items, MediaTime::ZERO);
        let starts: Vec<_> =
            read(&file).unwrap().fragments.iter().filter(|f| f.independent).map(|f| f.start / 90).collect();
        let gop = keyint * 1000 / 30;
        let longest = 2000 + gop.max(34);
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] <= longest), "{keyint}: {starts:?}");
    }
}

#[test]
fn a_new_worker_goes_on_in_the_same_file_after_a_gap() {
    let first = Stream { length: Duration::from_millis(3_140), ..Stream::default() };
    let start = MediaTime::from_millis(4_500);
    let second = Stream { start, length: Duration::from_secs(3), ..Stream::default() };
    let mut items = first.items();
    items.push(HubItem::Discontinuity(Incarnation(1)));
    items.extend(second.items());
    let (pieces, fragmenter) = record(items.clone());
    assert_eq!(fragmenter.discarded(), 0, "not a frame of either is lost");
    let file = file(&pieces);
    assert_complete(&file, &items, MediaTime::ZERO);
    assert!(!file.windows(4).any(|four| four == b"avc3"));
}

#[test]
fn a_new_worker_that_goes_on_next_to_the_last_frames_end_follows_it() {
    let first = Stream { fps: 5, keyint: 1, length: Duration::from_millis(6_722), ..Stream::default() };
    let mut items = first.items();
    items.push(HubItem::Discontinuity(Incarnation(1)));
    // The last picture lasts until 6800 ms.
    items.extend(Stream { start: MediaTime::from_millis(6_798), ..first }.items());
    let (pieces, fragmenter) = record(items.clone());
    assert_eq!(fragmenter.discarded(), 0);
    let file = file(&pieces);
    assert_complete_within(SNAP, &file, &items, MediaTime::ZERO);
    assert_eq!(samples(&file, 0)[34].0, 6_800 * 90);
}

#[test]
fn sound_before_the_picture_does_not_hide_where_a_new_worker_begins() {
    let first = Stream { length: Duration::from_secs(4), ..Stream::default() };
    let mut items = first.items();
    items.push(HubItem::Discontinuity(Incarnation(1)));
    let start = MediaTime::from_millis(4_700);
    items.extend(Stream { start, sound_delay_ms: -50, ..first }.items());
    let (pieces, fragmenter) = record(items.clone());
    assert_eq!(fragmenter.discarded(), 0);
    let file = file(&pieces);
    assert_complete(&file, &items, MediaTime::ZERO);
    let starts: Vec<_> =
        read(&file).unwrap().fragments.iter().map(|f| (f.independent, f.start / 90, f.end / 90)).collect();
    assert_eq!(starts, [(true, 0, 2000), (true, 2000, 4000), (true, 4700, 6700), (true, 6700, 8700)]);
}

#[test]
fn other_parameters_travel_in_the_stream_and_the_file_says_so() {
    let first = Stream { length: Duration::from_secs(2), ..Stream::default() };
    let start = MediaTime::from_millis(3_000);
    let second = Stream { start, length: Duration::from_secs(2), keyint: 30, ..Stream::default() };
    let mut items = first.items();
    items.push(HubItem::Discontinuity(Incarnation(1)));
    let TrackConfig::Video(mut other) = (*video_config(30)).clone() else { panic!() };
    let mut avcc = other.avcc.to_vec();
    // Another picture parameter set.
    *avcc.last_mut().unwrap() = 0x81;
    other.avcc = avcc.into();
    items.extend(second.items());
    let at = items
        .iter()
        .rposition(|item| matches!(item, HubItem::Config(c) if c.track() == Track::Video))
        .unwrap();
    items[at] = HubItem::Config(Arc::new(TrackConfig::Video(other)));
    let (pieces, fragmenter) = record(items.clone());
    assert_eq!((fragmenter.discarded(), fragmenter.unfit()), (0, None));
    let video = samples(&file(&pieces), 0);
    let sent = frames(&items, Track::Video);
    assert_eq!(video.len(), sent.len());
    let parameters = [
        &[0, 0, 0, 10][..],
        &super::super::super::hls::synthetic::AVCC[8..18],
        &[0, 0, 0, 4, 0x68, 0xce, 0x3c, 0x81],
    ]
    .concat();
    for ((_, data), frame) in video.iter().zip(&sent) {
        let changed = frame.keyframe && frame.dts >= start;
        let expected = if changed { [&parameters[..], &frame.data].concat() } else { frame.data.to_vec() };
        assert_eq!(*data, expected);
    }
    let found = read(&file(&pieces)).unwrap();
    let head =
        crate::egress::recording::tables::plain_head(&found.tracks, found.end, jiff::Timestamp::UNIX_EPOCH);
    assert!(head.unwrap().windows(4).any(|four| four == b"avc3"));
}

#[test]
fn frames_that_come_close_are_all_kept() {
    let first = Stream { length: Duration::from_secs(2), ..Stream::default() };
    let mut items = first.items();
    // A switch of a program that passes pictures through: a keyframe 3 ms after the last picture.
    let second = Stream { start: MediaTime::from_millis(1_970), length: Duration::from_secs(2), ..first };
    items.extend(second.frames().into_iter().filter(|frame| frame.track == Track::Video).map(HubItem::Frame));
    let (pieces, fragmenter) = record(items.clone());
    assert_eq!(fragmenter.discarded(), 0);
    let sent: Vec<_> = frames(&items, Track::Video).iter().map(|frame| frame.data.to_vec()).collect();
    let kept: Vec<_> = samples(&file(&pieces), 0).into_iter().map(|(_, data)| data).collect();
    assert_eq!(kept, sent);
}

#[test]
fn a_file_begins_with_what_there_is() {
    // No sound at all: after a while the picture alone.
    let mut silent: Vec<_> = Stream::default().items();
    silent.retain(|item| !matches!(item, HubItem::Frame(f) if f.track == Track::Audio));
    silent.remove(1);
    let (pieces, _) = record(silent.clone());
    let found = read(&file(&pieces)).unwrap();
    assert_eq!((found.tracks.len(), found.tracks[0].samples()), (1, 300));
    // No picture.
    let mut dark: Vec<_> = Stream::default().items();
    dark.retain(|item| !matches!(item, HubItem::Frame(f) if f.track == Track::Video));
    dark.remove(0);
    let (pieces, _) = record(dark);
    let found = read(&file(&pieces)).unwrap();
    assert_eq!((found.tracks.len(), found.tracks[0].samples()), (1, 469));
    assert_eq!(found.tracks[0].picture(), None);
    // A picture that never has a keyframe is none.
    let mut broken = Stream::default().items();
    for item in &mut broken {
        if let HubItem::Frame(frame) = item
            && frame.track == Track::Video
        {
            *frame = Arc::new(EncodedFrame { keyframe: false, ..EncodedFrame::clone(frame) });
        }
    }
    assert!(record(broken).0.is_empty());
    // Nothing.
    assert!(record([HubItem::Config(video_config(30)), HubItem::Config(audio_config(48_000))]).0.is_empty());
}

#[test]
fn sound_of_another_kind_is_left_out_and_told() {
    let mut items = Stream { length: Duration::from_secs(2), ..Stream::default() }.items();
    items.push(HubItem::Config(audio_config(44_100)));
    let start = MediaTime::from_millis(2_000);
    items.extend(
        Stream { start, length: Duration::from_secs(2), ..Stream::default() }
            .frames()
            .into_iter()
            .map(HubItem::Frame),
    );
    let (pieces, fragmenter) = record(items);
    let found = read(&file(&pieces)).unwrap();
    assert_eq!((found.tracks[0].samples(), found.tracks[1].samples()), (120, 94));
    assert!(fragmenter.unfit().is_some() && fragmenter.discarded() == 94, "{}", fragmenter.discarded());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_frame_is_lost_and_a_cut_costs_one_fragment(
        fps in 5u32..61,
        keyint in 1u64..200,
        reorder in 0u64..3,
        delay in -300i64..900,
        length_ms in 500u64..9000,
        gap_ms in 1u64..4000,
        cut in 0.0f64..1.0,
    ) {
        let length = Duration::from_millis(length_ms);
        let stream = |start| Stream { fps, keyint, reorder, sound_delay_ms: delay, length, start, ..Stream::default() };
        let mut items = stream(MediaTime::ZERO).items();
        items.push(HubItem::Discontinuity(Incarnation(1)));
        items.extend(stream(MediaTime::from_millis(length_ms + gap_ms + 50)).items());
        let (pieces, fragmenter) = record(items.clone());
        prop_assert_eq!(fragmenter.discarded(), 0);
        let whole = file(&pieces);
        // A fragment that begins next to the end of the one before is put there.
        assert_complete_within(SNAP, &whole, &items, MediaTime::ZERO);

        let at = (whole.len() as f64 * cut) as usize;
        let mut ends = pieces.iter().scan(0, |end, piece| { *end += piece.data.len(); Some(*end) });
        let kept = ends.by_ref().take_while(|end| *end <= at).last();
        prop_assert_eq!(read(&whole[..at]).map(|found| found.end as usize), kept);
    }

    #[test]
    fn nothing_in_a_file_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..2000) {
        let _ = fragments::read(&mut Cursor::new(&bytes));
        let (pieces, _) = record(Stream { length: Duration::from_millis(300), ..Stream::default() }.items());
        let mut file = file(&pieces);
        let at = at.min(file.len());
        let end = (at + bytes.len()).min(file.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        if let Ok(Found::Fragmented(found)) = fragments::read(&mut Cursor::new(&file)) {
            let _ = crate::egress::recording::tables::plain_head(&found.tracks, found.end, jiff::Timestamp::UNIX_EPOCH);
        }
    }
}
