use super::*;
use crate::{egress::hls::synthetic::*, ids::Incarnation};
use proptest::prelude::*;

/// A segment put together from its parts.
#[derive(Debug, Clone, PartialEq)]
struct Segment {
    era: Arc<Era>,
    start: MediaTime,
    end: MediaTime,
    independent: bool,
    run: FrameRun,
    parts: Vec<Part>,
}

impl Segment {
    fn of(parts: Vec<Part>) -> Option<Self> {
        let (first, last) = (parts.first()?, parts.last()?);
        let run = FrameRun {
            video: parts.iter().flat_map(|part| part.run.video.clone()).collect(),
            video_end: last.run.video_end,
            audio: parts.iter().flat_map(|part| part.run.audio.clone()).collect(),
            audio_end: last.run.audio_end,
        };
        let (start, end) = (first.start, last.end);
        Some(Self { era: first.era.clone(), start, end, independent: first.independent, run, parts })
    }
}

fn run(segment_ms: u64, items: impl IntoIterator<Item = HubItem>) -> (Vec<Segment>, Segmenter) {
    let (segments, segmenter) = run_with(segment_ms, None, items);
    assert!(segments.iter().all(|segment| segment.parts.len() == 1));
    (segments, segmenter)
}

fn run_with(
    segment_ms: u64,
    part_ms: Option<u64>,
    items: impl IntoIterator<Item = HubItem>,
) -> (Vec<Segment>, Segmenter) {
    run_paced(segment_ms, part_ms, Pace::Steady, items)
}

fn run_paced(
    segment_ms: u64,
    part_ms: Option<u64>,
    pace: Pace,
    items: impl IntoIterator<Item = HubItem>,
) -> (Vec<Segment>, Segmenter) {
    let part = part_ms.map(Duration::from_millis);
    let mut segmenter = Segmenter::new(Duration::from_millis(segment_ms), part).paced(pace);
    let (mut segments, mut parts) = (Vec::new(), Vec::new());
    for item in items {
        segmenter.handle(&item);
        while let Some(cut) = segmenter.poll() {
            match cut {
                Cut::Part(part) => parts.push(part),
                Cut::SegmentEnd => segments.extend(Segment::of(std::mem::take(&mut parts))),
            }
        }
    }
    assert!(parts.is_empty() || segmenter.open.is_some(), "parts without a segment");
    (segments, segmenter)
}

fn ended(stream: &Stream) -> Vec<HubItem> {
    let mut items = stream.items();
    items.push(HubItem::End);
    items
}

fn lengths_ms(segments: &[Segment]) -> Vec<u64> {
    // Frame times are whole nanoseconds; thirds of a second are not.
    let rounded = |length: Duration| (length + Duration::from_micros(1)).as_millis() as u64;
    segments.iter().map(|segment| rounded(segment.end.since(segment.start))).collect()
}

#[test]
fn a_regular_stream_is_cut_at_every_keyframe() {
    let (segments, segmenter) = run(2000, ended(&Stream::default()));
    assert_eq!(lengths_ms(&segments), [2000; 5]);
    assert_eq!(segmenter.target_duration(), Some(2));
    assert!(segments.iter().all(|segment| segment.independent && segment.run.video.len() == 60));
    assert_eq!(segmenter.discarded(), 0);
}

#[test]
fn shorter_gops_are_put_together() {
    let stream = Stream { keyint: 15, ..Stream::default() };
    assert_eq!(lengths_ms(&run(2000, ended(&stream)).0), [2000; 5]);
    assert_eq!(lengths_ms(&run(1800, ended(&stream)).0), [2000; 5]);
}

#[test]
fn a_forced_keyframe_inside_a_segment_does_not_end_it() {
    // The encoder keeps its cadence: a keyframe at 1.0 s more, the others where they were.
    let mut frames = Stream { forced: vec![30], ..Stream::default() };
    frames.keyint = 30;
    let (segments, _) = run(2000, ended(&frames));
    assert_eq!(lengths_ms(&segments), [2000; 5]);
}

#[test]
fn a_forced_keyframe_that_shifts_the_next_one_splits_the_segment_in_time() {
    // After the keyframe at 1.0 s the next comes at 3.0 s: the segment would be 3 s long.
    let (segments, segmenter) = run(2000, ended(&Stream { forced: vec![30], ..Stream::default() }));
    assert_eq!(lengths_ms(&segments), [1000, 2000, 2000, 2000, 2000, 1000]);
    assert!(segments.iter().all(|segment| segment.independent));
    assert_eq!(segmenter.target_duration(), Some(2));
}

#[test]
fn the_target_duration_follows_an_encoder_with_rarer_keyframes() {
    let (segments, segmenter) = run(2000, ended(&Stream { keyint: 120, ..Stream::default() }));
    assert_eq!(lengths_ms(&segments), [4000, 4000, 2000]);
    assert_eq!(segmenter.target_duration(), Some(4));
}

#[test]
fn without_a_keyframe_in_time_the_segment_ends_anyway() {
    let stream = Stream { keyint: 60, ..Stream::default() };
    let mut items = ended(&stream);
    // The keyframes after the second segment are lost to a sick encoder.
    for item in &mut items {
        if let HubItem::Frame(frame) = item
            && frame.track == Track::Video
            && frame.keyframe
            && frame.pts > MediaTime::from_millis(3000)
        {
            Arc::make_mut(frame).keyframe = false;
        }
    }
    let (segments, segmenter) = run(2000, items);
    assert!(segments.iter().all(|segment| segment.end.since(segment.start) < Duration::from_millis(2500)));
    assert_eq!(segments.iter().filter(|segment| !segment.independent).count(), 3);
    assert_eq!(segmenter.discarded(), 0);
    let frames: usize = segments.iter().map(|segment| segment.run.video.len()).sum();
    assert_eq!(frames, 300);
}

#[test]
fn a_segment_waits_for_its_sound_but_not_for_ever() {
    let stream = Stream { sound_delay_ms: 200, length: Duration::from_secs(3), ..Stream::default() };
    let (segments, _) = run(2000, stream.items());
    assert_eq!(segments.len(), 1);
    let last = segments[0].run.audio.last().unwrap();
    assert!(last.pts < segments[0].end && last.pts + Duration::from_millis(22) >= segments[0].end);

    // Sound stops at 1 s; the segment goes out once the picture is half a second past its end.
    let frames = stream.items().into_iter().filter(|item| match item {
        HubItem::Frame(frame) => frame.track == Track::Video || frame.pts < MediaTime::from_millis(1000),
        _ => true,
    });
    let mut segmenter = Segmenter::new(Duration::from_secs(2), None);
    for item in frames {
        segmenter.handle(&item);
        if let HubItem::Frame(frame) = &item {
            let out = segmenter.poll().is_some();
            assert!(!out || frame.pts >= MediaTime::from_millis(2450), "{}", frame.pts);
            if out {
                return;
            }
        }
    }
    panic!("the segment never came out");
}

#[test]
fn late_sound_goes_into_the_segment_that_is_open() {
    let stream = Stream { sound_delay_ms: 900, length: Duration::from_secs(8), ..Stream::default() };
    let (segments, segmenter) = run(2000, ended(&stream));
    let sound: Vec<MediaTime> =
        segments.iter().flat_map(|segment| &segment.run.audio).map(|frame| frame.pts).collect();
    assert!(sound.is_sorted());
    assert_eq!(sound.len() as u64 + segmenter.discarded(), 375);
    assert_eq!(segmenter.discarded(), 0);
}

#[test]
fn a_new_worker_starts_a_new_era() {
    let mut items = Stream { length: Duration::from_millis(4500), ..Stream::default() }.items();
    items.push(HubItem::Discontinuity(Incarnation(1)));
    let late = Stream { start: MediaTime::from_millis(6000), ..Stream::default() };
    // Leftovers that no decoder could use, then the new worker's frames; parameters are equal.
    items.push(HubItem::Frame(late.frames().into_iter().find(|frame| !frame.keyframe).unwrap()));
    items.extend(late.frames().into_iter().map(HubItem::Frame));
    items.push(HubItem::End);
    let (segments, segmenter) = run(2000, items);
    assert_eq!(lengths_ms(&segments), [2000, 2000, 500, 2000, 2000, 2000, 2000, 2000]);
    let eras: Vec<u32> = segments.iter().map(|segment| segment.era.number).collect();
    assert_eq!(eras, [0, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!(segments[3].start, MediaTime::from_millis(6000));
    assert!(segments.iter().all(|segment| segment.era.base == MediaTime::ZERO && segment.independent));
    assert_eq!(segmenter.discarded(), 1);
}

#[test]
fn a_worker_that_died_leaves_no_hole_in_the_sound() {
    // Sound up to 4.395 s (the frame from 4.373 s on), pictures up to 4.5 s.
    let ragged = |stream: Stream, sound_ms: u64| {
        let mut items = stream.items();
        items.retain(|item| match item {
            HubItem::Frame(frame) => {
                frame.track == Track::Video || frame.pts < MediaTime::from_millis(sound_ms)
            }
            _ => true,
        });
        items.push(HubItem::Discontinuity(Incarnation(1)));
        items
    };
    let stream = Stream { length: Duration::from_millis(4500), ..Stream::default() };
    let (segments, segmenter) = run(2000, ragged(stream.clone(), 4390));
    assert_eq!(lengths_ms(&segments), [2000, 2000, 366]);
    assert!(segments[2].run.audio_end >= segments[2].end);
    // Four pictures, and the sound after them.
    assert_eq!(segmenter.discarded(), 5);

    // A segment of nothing but such pictures is none.
    let short = Stream { length: Duration::from_millis(4060), ..Stream::default() };
    assert_eq!(lengths_ms(&run(2000, ragged(short, 3990)).0), [2000, 2000]);
    // Where the sound failed long before, the pictures are all there is.
    assert_eq!(lengths_ms(&run(2000, ragged(stream, 4200)).0), [2000, 2000, 500]);
}

#[test]
fn other_parameters_start_a_new_era_but_another_bit_rate_does_not() {
    let mut items = Stream { length: Duration::from_secs(4), ..Stream::default() }.items();
    let faster = TrackConfig::Video(match &*video_config(30) {
        TrackConfig::Video(config) => VideoConfig { kbps: 4000, ..config.clone() },
        TrackConfig::Audio(_) => unreachable!(),
    });
    items.push(HubItem::Config(Arc::new(faster)));
    let then =
        Stream { start: MediaTime::from_millis(4000), length: Duration::from_secs(4), ..Stream::default() };
    items.extend(then.frames().into_iter().map(HubItem::Frame));
    items.push(HubItem::Config(audio_config(44_100)));
    let last = Stream { start: MediaTime::from_millis(8000), sample_rate: 44_100, ..then };
    items.extend(last.frames().into_iter().map(HubItem::Frame));
    items.push(HubItem::End);
    let (segments, _) = run(2000, items);
    assert_eq!(lengths_ms(&segments), [2000; 6]);
    let eras: Vec<u32> = segments.iter().map(|segment| segment.era.number).collect();
    assert_eq!(eras, [0, 0, 0, 0, 1, 1]);
    assert_eq!(segments[4].era.audio.as_ref().unwrap().sample_rate, 44_100);
}

/// Frames of the video track at these times, keyframes at those among them, with all of the sound.
fn sent(times_ms: impl Iterator<Item = u64>, keyframes_ms: &[u64]) -> Vec<HubItem> {
    let template = Stream { length: Duration::from_secs(12), ..Stream::default() };
    let times: Vec<u64> = times_ms.collect();
    let mut items = template.items();
    let picture = items.iter().find_map(|item| match item {
        HubItem::Frame(frame) if frame.track == Track::Video => Some(frame.clone()),
        _ => None,
    });
    items.retain(|item| !matches!(item, HubItem::Frame(frame) if frame.track == Track::Video));
    let picture = picture.unwrap();
    for ms in times {
        let at = MediaTime::from_millis(ms);
        let keyframe = keyframes_ms.contains(&ms);
        let frame = EncodedFrame { pts: at, dts: at, keyframe, ..EncodedFrame::clone(&picture) };
        // Behind the sound of the same time, as the tracks arrive.
        let place = items.iter().rposition(|item| matches!(item, HubItem::Frame(other) if other.dts <= at));
        items.insert(place.map_or(2, |place| place + 1), HubItem::Frame(Arc::new(frame)));
    }
    items.push(HubItem::End);
    items
}

#[test]
fn a_participants_keyframes_may_be_early_or_late() {
    // Asked for every two seconds.
    let keyframes = [0, 1800, 3900, 5700, 7980, 9840];
    for part in [None, Some(500)] {
        let items = sent((0..12_000).step_by(30), &keyframes);
        let (segments, segmenter) = run_paced(2000, part, Pace::AsSent, items);
        assert_eq!(lengths_ms(&segments)[..5], [1800, 2100, 1800, 2280, 1860]);
        assert!(segments.iter().all(|segment| segment.independent && segment.era.number == 0), "{part:?}");
        assert_eq!((segmenter.target_duration(), segmenter.discarded()), (Some(2), 0));
    }
}

#[test]
fn a_keyframe_that_does_not_come_ends_no_segment_late() {
    let items = sent((0..12_000).step_by(30), &[0, 1950, 6000, 8040]);
    let (segments, segmenter) = run_paced(2000, Some(500), Pace::AsSent, items);
    assert_eq!(segmenter.target_duration(), Some(2));
    // Rounded, none is longer than the target (RFC 8216 §4.3.3.1).
    assert!(lengths_ms(&segments).iter().all(|ms| *ms < 2500), "{:?}", lengths_ms(&segments));
    let independent: Vec<bool> = segments.iter().map(|segment| segment.independent).collect();
    assert!(independent[0] && independent[1] && !independent[2], "{independent:?}");
    assert_eq!(segmenter.discarded(), 0);
}

#[test]
fn uneven_frames_without_keyframes_make_no_holes() {
    // Steps of 30 to 120 ms, in every phase to the segments' limit.
    for phase in (0..120).step_by(30) {
        let steps = [30, 60, 30, 120, 90, 30, 30].iter().cycle();
        let times = steps.scan(phase, |at, step| {
            *at += step;
            (*at < 12_000).then_some(*at)
        });
        let times: Vec<u64> = std::iter::once(0).chain(times).collect();
        for part in [None, Some(500)] {
            let items = sent(times.iter().copied(), &[0, 1980]);
            let (segments, segmenter) = run_paced(2000, part, Pace::AsSent, items);
            assert!(
                segments.iter().all(|segment| segment.era.number == 0),
                "{phase} {:?}",
                lengths_ms(&segments)
            );
            assert_eq!(segments.iter().map(|segment| segment.run.video.len()).sum::<usize>(), times.len());
            assert!(lengths_ms(&segments).iter().all(|ms| *ms < 2500), "{:?}", lengths_ms(&segments));
            assert!(segmenter.discarded() < 10);
        }
    }
}

#[test]
fn a_participant_who_sends_little_makes_no_holes() {
    // A still screen: from 3 s on a frame every 900 ms.
    let times = (0..3000).step_by(30).chain((3900..12_000).step_by(900));
    let pictures = times.clone().count();
    let items = sent(times, &[0, 2010, 3900, 5700, 7500, 9300]);
    let (segments, segmenter) = run_paced(2000, None, Pace::AsSent, items.clone());
    assert!(segments.iter().all(|segment| segment.era.number == 0), "{:?}", lengths_ms(&segments));
    assert_eq!(segments.iter().map(|segment| segment.run.video.len()).sum::<usize>(), pictures);
    // Sound past the last picture's end.
    assert!(segmenter.discarded() < 48);
    let (segments, _) = run(2000, items);
    assert!(segments.last().unwrap().era.number > 1, "a steady program has none of it");
}

#[test]
fn parameters_may_come_after_the_other_tracks_frames() {
    let mut items = Stream::default().items();
    let sound = items.remove(1);
    items.insert(8, sound);
    let (segments, _) = run(2000, items);
    assert!(segments.iter().all(|segment| segment.era.number == 0 && segment.era.audio.is_some()));
}

#[test]
fn a_hole_in_the_picture_is_a_discontinuity_and_a_missing_frame_is_not() {
    let stream = Stream::default();
    let hole = |from: u64, to: u64| {
        ended(&stream).into_iter().filter(move |item| match item {
            HubItem::Frame(frame) => {
                frame.track == Track::Audio || !(from..to).contains(&frame.pts.as_millis())
            }
            _ => true,
        })
    };
    // As the hub drops: from the middle of a GOP to its end.
    let (segments, _) = run(2000, hole(2500, 4000));
    assert_eq!(lengths_ms(&segments), [2000, 500, 2000, 2000, 2000]);
    assert_eq!(segments[2].era.number, 1);
    let (segments, _) = run(2000, hole(2500, 2600));
    assert_eq!(lengths_ms(&segments), [2000; 5]);
    assert_eq!(segments[4].era.number, 0);
}

#[test]
fn a_picture_that_stands_still_is_published_and_taken_up_again() {
    let items = ended(&Stream { length: Duration::from_secs(20), ..Stream::default() });
    let (segments, segmenter) = run(
        2000,
        items.into_iter().filter(|item| match item {
            HubItem::Frame(frame) => {
                frame.track == Track::Audio || !(3..14).contains(&(frame.pts.as_millis() / 1000))
            }
            _ => true,
        }),
    );
    assert_eq!(lengths_ms(&segments), [2000, 1000, 2000, 2000, 2000]);
    assert_eq!(segments[2].era.number, 1);
    // 11 s of sound had no picture.
    assert!((510..=520).contains(&segmenter.discarded()), "{}", segmenter.discarded());
}

#[test]
fn sound_alone_can_be_heard() {
    let sound_only = ended(&Stream::default()).into_iter().filter(|item| match item {
        HubItem::Frame(frame) => frame.track == Track::Audio,
        HubItem::Config(config) => config.track() == Track::Audio,
        _ => true,
    });
    let (segments, segmenter) = run(2000, sound_only);
    assert_eq!(segments.len(), 5);
    assert!(segments.iter().all(|segment| segment.run.video.is_empty() && segment.era.video.is_none()));
    assert_eq!(segments.iter().map(|segment| segment.run.audio.len()).sum::<usize>(), 469);
    assert_eq!(segmenter.discarded(), 0);
}

#[test]
fn frames_that_go_back_in_time_are_left_out() {
    let mut items = ended(&Stream::default());
    let again = items[40].clone();
    items.insert(50, again);
    let (segments, segmenter) = run(2000, items);
    assert_eq!(segmenter.discarded(), 1);
    assert_eq!(lengths_ms(&segments), [2000; 5]);
}

fn part_lengths_ms(segments: &[Segment]) -> Vec<Vec<u64>> {
    let rounded = |part: &Part| (part.end.since(part.start) + Duration::from_micros(1)).as_millis() as u64;
    segments.iter().map(|segment| segment.parts.iter().map(rounded).collect()).collect()
}

#[test]
fn parts_are_whole_frames_and_the_target_is_the_longest() {
    for (fps, part_ms, target_us, parts) in [
        (30, 500, 500_000, vec![500, 500, 500, 500]),
        (25, 500, 480_000, vec![480, 480, 480, 480, 80]),
        (15, 500, 466_666, vec![466, 466, 466, 466, 133]),
        (60, 1000, 1_000_000, vec![1000, 1000]),
        (5, 500, 400_000, vec![400; 5]),
    ] {
        let stream =
            Stream { fps, keyint: u64::from(fps) * 2, length: Duration::from_secs(4), ..Stream::default() };
        let (segments, segmenter) = run_with(2000, Some(part_ms), ended(&stream));
        assert_eq!(segmenter.part_target().unwrap().as_micros(), target_us, "{fps}");
        assert_eq!(part_lengths_ms(&segments), [parts.clone(), parts], "{fps}");
        assert!(segments.iter().all(|segment| segment.parts.iter().skip(1).all(|part| !part.independent)));
    }
}

#[test]
fn a_part_comes_as_soon_as_its_sound_is_there() {
    let stream = Stream { sound_delay_ms: 60, ..Stream::default() };
    let mut segmenter = Segmenter::new(Duration::from_secs(2), Some(Duration::from_millis(500)));
    let mut out = Vec::new();
    for item in stream.items() {
        segmenter.handle(&item);
        let Some(Cut::Part(part)) = segmenter.poll() else { continue };
        let HubItem::Frame(frame) = &item else { panic!("a part comes with a frame") };
        assert_eq!((frame.track, frame.pts >= part.end), (Track::Audio, true));
        assert!(frame.pts.since(part.end) < Duration::from_millis(22), "{} {}", frame.pts, part.end);
        out.push(part.end.as_millis());
        while segmenter.poll().is_some() {}
    }
    assert_eq!(out[..5], [500, 1000, 1500, 2000, 2500]);
}

#[test]
fn with_parts_a_segment_without_a_keyframe_ends_between_two_frames() {
    // After the keyframe forced at 1.0 s the next comes at 3.0 s.
    let (segments, segmenter) =
        run_with(2000, Some(500), ended(&Stream { forced: vec![30], ..Stream::default() }));
    assert_eq!(segmenter.target_duration(), Some(3), "the first segment may still say how long they are");
    assert_eq!(lengths_ms(&segments)[..1], [3000]);
    // Later it is too late: the forced one is at 5.0 s, in a segment from 4.0 s on.
    let (segments, segmenter) =
        run_with(2000, Some(500), ended(&Stream { forced: vec![150], ..Stream::default() }));
    assert_eq!(segmenter.target_duration(), Some(2));
    assert_eq!(lengths_ms(&segments)[..3], [2000, 2000, 2466]);
    let dependent: Vec<bool> = segments.iter().map(|segment| segment.independent).collect();
    assert_eq!(dependent[..4], [true, true, true, false]);
    assert_eq!(segmenter.discarded(), 0);
}

#[test]
fn a_missing_frame_makes_no_part_longer() {
    let without = |missing: std::ops::Range<u64>, part_ms: u64| {
        let items = ended(&Stream::default()).into_iter().filter(move |item| match item {
            HubItem::Frame(frame) => {
                frame.track == Track::Audio || !missing.contains(&frame.pts.to_timescale(30))
            }
            _ => true,
        });
        run_with(2000, Some(part_ms), items)
    };
    for missing in [15..17, 16..17, 14..18, 8..10, 58..63, 60..61] {
        let (segments, _) = without(missing.clone(), 500);
        assert_eq!(part_lengths_ms(&segments)[0][..3], [500; 3], "{missing:?}");
        let target = Duration::from_millis(500);
        let parts = segments.iter().flat_map(|segment| &segment.parts);
        assert!(parts.into_iter().all(|part| part.end.since(part.start) <= target), "{missing:?}");
    }
    // A part without any frame cannot be: the next keyframe begins a new era.
    let (segments, _) = without(77..90, 200);
    assert_eq!(segments[1].era.number, 0);
    assert_eq!((segments[2].era.number, segments[2].start), (1, MediaTime::from_millis(4000)));
}

#[test]
fn a_dead_workers_parts_leave_no_hole_in_the_sound() {
    let ragged = |sound_ms: u64, picture_ms: u64| {
        let mut items = Stream { length: Duration::from_millis(picture_ms), ..Stream::default() }.items();
        items.retain(|item| match item {
            HubItem::Frame(frame) => {
                frame.track == Track::Video || frame.pts < MediaTime::from_millis(sound_ms)
            }
            _ => true,
        });
        items.push(HubItem::Discontinuity(Incarnation(1)));
        let (segments, segmenter) = run_with(2000, Some(500), items);
        let last = segments.last().unwrap().parts.last().unwrap();
        assert!(last.run.audio_end >= last.end, "{sound_ms} {picture_ms}");
        (part_lengths_ms(&segments), segmenter.discarded())
    };
    // Sound up to 2.411 s: the running part is trimmed.
    assert_eq!(ragged(2390, 2460), (vec![vec![500; 4], vec![400]], 2));
    // Up to 2.453 s: the part from 2.0 s on, which waited for its sound, is trimmed too.
    assert_eq!(ragged(2450, 2560), (vec![vec![500; 4], vec![433]], 4));
    // Up to 2.496 s; the last sound begins after the last picture that it covers and goes too.
    assert_eq!(ragged(2490, 2560), (vec![vec![500; 4], vec![466]], 4));
    // Up to 1.963 s: all of the new segment goes, so it is none.
    assert_eq!(ragged(1950, 2060), (vec![vec![500, 500, 500, 433]], 5));
}

#[test]
fn parameters_of_a_second_track_after_the_first_part_start_a_new_era() {
    let mut items = Stream::default().items();
    let sound = items.remove(1);
    let at = items
        .iter()
        .position(|item| matches!(item, HubItem::Frame(frame) if frame.pts >= MediaTime::from_millis(700)));
    items.insert(at.unwrap(), sound);
    let (segments, _) = run_with(2000, Some(500), items);
    let eras: Vec<_> =
        segments.iter().map(|segment| (segment.era.number, segment.era.audio.is_some())).collect();
    assert_eq!(eras[..3], [(0, false), (1, true), (1, true)]);
}

prop_compose! {
    fn streams()(
        fps in prop::sample::select(vec![15u32, 24, 25, 30, 50, 60]),
        sample_rate in prop::sample::select(vec![44_100u32, 48_000]),
        start in 0u64..5_000_000_000,
        length_ms in 3000u64..15_000,
        keyint_tenths in 2u64..=20,
        forced in prop::collection::vec(0u64..900, 0..6),
        sound_delay_ms in -200i64..=200,
        reorder in 0u64..3,
    ) -> Stream {
        Stream {
            fps, sample_rate, start: MediaTime(start), length: Duration::from_millis(length_ms),
            keyint: (u64::from(fps) * keyint_tenths / 10).max(1), forced, sound_delay_ms, reorder,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn plausible_streams_are_cut_by_the_rules(stream in streams(), segment_ms in 2000u64..6000) {
        let (segments, segmenter) = run(segment_ms, ended(&stream));
        let target = Duration::from_secs(segmenter.target_duration().unwrap().into());
        let frame = Duration::from_secs(1) / stream.fps;

        for (index, segment) in segments.iter().enumerate() {
            let first = segment.run.video.first().unwrap();
            prop_assert!(first.keyframe && segment.independent);
            prop_assert_eq!(first.pts, segment.start);
            let length = segment.end.since(segment.start);
            prop_assert!(length < target + Duration::from_millis(500));
            let content = segment.run.video.iter().map(|frame| frame.pts).max().unwrap().since(segment.start);
            prop_assert!(length.abs_diff(content + frame) <= Duration::from_micros(1));
            if let Some(next) = segments.get(index + 1) {
                prop_assert_eq!(segment.end, next.start);
                prop_assert_eq!(segment.run.video_end, next.run.video[0].dts);
                if let Some(sound) = next.run.audio.first() {
                    prop_assert_eq!(segment.run.audio_end, sound.dts);
                }
                // Shorter only where a keyframe was forced, or where the next one comes too late.
                let gop = frame * stream.keyint as u32;
                let wanted = Duration::from_millis(segment_ms) - frame / 2;
                let next_keyframe = gop * wanted.as_nanos().div_ceil(gop.as_nanos()) as u32;
                let too_late = next_keyframe + frame >= target + TOLERANCE;
                prop_assert!(!stream.forced.is_empty() || too_late || length >= wanted);
            }
            let end = segment.end;
            prop_assert!(segment.run.audio.iter().all(|sound| sound.pts < end && sound.pts >= segment.start));
        }

        // Every frame exactly once, in order; only sound outside of the picture's time is left out.
        let (from, to) = (segments[0].start, segments[segments.len() - 1].end);
        let pick = |track| -> Vec<_> {
            stream.frames().into_iter().filter(|frame| frame.track == track).collect()
        };
        let video: Vec<_> = segments.iter().flat_map(|segment| segment.run.video.clone()).collect();
        prop_assert_eq!(video, pick(Track::Video));
        let audio: Vec<_> = segments.iter().flat_map(|segment| segment.run.audio.clone()).collect();
        let mut expected = pick(Track::Audio);
        expected.retain(|frame| frame.pts >= from && frame.pts < to);
        prop_assert_eq!(audio, expected);
    }

    #[test]
    fn parts_keep_their_target_and_hold_every_frame_once(
        stream in streams(), segment_ms in 2000u64..4000, part_ms in 200u64..1500,
    ) {
        let (segments, segmenter) = run_with(segment_ms, Some(part_ms), ended(&stream));
        let target = segmenter.part_target().unwrap();
        let frame = Duration::from_secs(1) / stream.fps;
        prop_assert!(target <= Duration::from_millis(part_ms).max(frame) + Duration::from_nanos(1));
        prop_assert!(target + frame > Duration::from_millis(part_ms));
        let whole = Duration::from_secs(segmenter.target_duration().unwrap().into());

        let parts: Vec<&Part> = segments.iter().flat_map(|segment| &segment.parts).collect();
        for pair in parts.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
            prop_assert_eq!(pair[0].run.video_end, pair[1].run.video[0].dts);
        }
        for segment in &segments {
            prop_assert!(segment.end.since(segment.start) < whole + Duration::from_millis(500));
            for (index, part) in segment.parts.iter().enumerate() {
                let length = part.end.since(part.start);
                prop_assert!(length <= target);
                let last = index + 1 == segment.parts.len();
                prop_assert!(last || length + Duration::from_nanos(2) >= target);
                prop_assert_eq!(part.run.video[0].pts, part.start);
                prop_assert_eq!(part.independent, part.run.video[0].keyframe);
                let inside = |sound: &Arc<EncodedFrame>| sound.pts >= part.start && sound.pts < part.end;
                prop_assert!(part.run.audio.iter().all(inside));
            }
        }

        let (from, to) = (segments[0].start, segments[segments.len() - 1].end);
        let pick = |track| -> Vec<_> {
            stream.frames().into_iter().filter(|frame| frame.track == track).collect()
        };
        let video: Vec<_> = parts.iter().flat_map(|part| part.run.video.clone()).collect();
        prop_assert_eq!(video, pick(Track::Video));
        let audio: Vec<_> = parts.iter().flat_map(|part| part.run.audio.clone()).collect();
        let mut expected = pick(Track::Audio);
        expected.retain(|frame| frame.pts >= from && frame.pts < to);
        prop_assert_eq!(audio, expected);
    }
}

/// A stream's pictures as a smaller rendition of it, from `start` on, without the numbers in `lost`.
fn smaller(stream: &Stream, lost: impl Fn(u64) -> bool) -> Vec<HubItem> {
    let mut n = 0;
    let pictures = stream.frames().into_iter().filter(|frame| frame.track == Track::Video).filter(|_| {
        n += 1;
        !lost(n - 1)
    });
    std::iter::once(HubItem::Config(video_config(stream.fps))).chain(pictures.map(HubItem::Frame)).collect()
}

/// Runs the program with one rendition whose items come `lag` items later.
fn run_both(
    part_ms: Option<u64>,
    program: Vec<HubItem>,
    rendition: Vec<HubItem>,
    lag: usize,
) -> (Vec<Part>, usize, Segmenter) {
    let part = part_ms.map(Duration::from_millis);
    let mut segmenter = Segmenter::with_renditions(Duration::from_secs(2), part, 1);
    let (mut parts, mut segments) = (Vec::new(), 0);
    let mut drain = |segmenter: &mut Segmenter| {
        while let Some(cut) = segmenter.poll() {
            match cut {
                Cut::Part(part) => parts.push(part),
                Cut::SegmentEnd => segments += 1,
            }
        }
    };
    let mut rendition = rendition.into_iter();
    for (n, item) in program.iter().enumerate() {
        if n >= lag {
            rendition.by_ref().take(1).for_each(|item| segmenter.handle_rendition(0, &item));
        }
        drain(&mut segmenter);
        segmenter.handle(item);
        drain(&mut segmenter);
    }
    (parts, segments, segmenter)
}

fn rendition_times(parts: &[Part]) -> Vec<MediaTime> {
    parts.iter().flat_map(|part| &part.renditions[0].frames).map(|frame| frame.pts).collect()
}

#[test]
fn a_smaller_rendition_is_cut_where_the_program_is() {
    for (part_ms, lag) in [(None, 0), (Some(500), 0), (Some(500), 20)] {
        let stream = Stream::default();
        // As many items of both, so that the lag stays.
        let mut rendition = smaller(&stream, |_| false);
        let program = stream.items();
        rendition.truncate(program.len());
        let (parts, segments, segmenter) = run_both(part_ms, program, rendition, lag);
        assert!(segments >= 3 && segmenter.discarded() == 0);
        for part in &parts {
            let run = &part.renditions[0];
            assert_eq!(part.era.renditions.len(), 1);
            assert!(part.era.renditions[0].is_some());
            let times =
                |frames: &[Arc<EncodedFrame>]| frames.iter().map(|frame| frame.pts).collect::<Vec<_>>();
            assert_eq!(times(&run.frames), times(&part.run.video), "{:?}", part.start);
            assert_eq!(run.end, part.run.video_end);
        }
    }
}

#[test]
fn a_rendition_that_loses_pictures_holds_nobody_up() {
    let stream = Stream::default();
    // Nothing at all from second 3 to second 6, where the next keyframe stands.
    let rendition = smaller(&stream, |n| (90..180).contains(&n));
    let mut program = stream.items();
    program.push(HubItem::End);
    let (parts, segments, segmenter) = run_both(Some(500), program, rendition, 0);
    assert_eq!(segments, 5);
    assert_eq!(segmenter.discarded(), 0);
    assert!(parts.iter().all(|part| part.end.since(part.start) <= Duration::from_millis(500)));
    let seen = rendition_times(&parts);
    assert!(seen.is_sorted() && seen.len() == 300 - 90, "{}", seen.len());
}

/// Other encoders take over at an IDR of second 3: all parameters come before the first new picture, as the worker tells
/// them, and nothing is lost.
#[test]
fn other_encoders_of_all_sizes_make_one_new_era() {
    let half = |start_ms: u64| Stream {
        start: MediaTime::from_millis(start_ms),
        length: Duration::from_secs(3),
        ..Stream::default()
    };
    let other = || {
        HubItem::Config(Arc::new(TrackConfig::Video(match &*video_config(30) {
            TrackConfig::Video(config) => {
                let mut avcc = config.avcc.to_vec();
                avcc.push(0);
                VideoConfig { avcc: avcc.into(), ..config.clone() }
            }
            TrackConfig::Audio(_) => unreachable!(),
        })))
    };
    let (before, after) = (half(0), half(3000));
    for part_ms in [None, Some(500)] {
        let part = part_ms.map(Duration::from_millis);
        let mut segmenter = Segmenter::with_renditions(Duration::from_secs(2), part, 1);
        let mut parts = Vec::new();
        let mut both = |items: Vec<HubItem>| {
            for item in items {
                let picture = matches!(&item, HubItem::Frame(frame) if frame.track == Track::Video);
                let config = matches!(&item, HubItem::Config(config) if config.track() == Track::Video);
                if picture || config {
                    segmenter.handle_rendition(0, &item);
                }
                segmenter.handle(&item);
                while let Some(cut) = segmenter.poll() {
                    if let Cut::Part(part) = cut {
                        parts.push(part);
                    }
                }
            }
            segmenter.discarded()
        };
        both(before.items());
        both(vec![other()]);
        both(after.frames().into_iter().map(HubItem::Frame).collect());
        assert_eq!(both(vec![HubItem::End]), 0, "every frame has its place");
        let eras: Vec<_> = parts.iter().map(|part| (part.era.number, part.start < after.start)).collect();
        assert!(eras.iter().all(|(era, early)| (*era == 0) == *early), "{eras:?}");
        let changed: Vec<_> = parts.iter().filter(|part| part.era.number == 1).collect();
        assert!(
            !changed.is_empty()
                && changed.iter().all(|part| {
                    part.era.renditions[0]
                        .as_ref()
                        .is_some_and(|config| config.avcc == part.era.video.as_ref().unwrap().avcc)
                })
        );
        let own: Vec<_> = parts.iter().flat_map(|part| &part.run.video).map(|frame| frame.pts).collect();
        assert_eq!(own.len(), 180);
        assert_eq!(rendition_times(&parts), own);
    }
}

#[test]
fn parameters_that_come_late_belong_to_the_era_or_begin_the_next() {
    let stream = Stream::default();
    for (lag, eras) in [(10, 1), (200, 2)] {
        let (parts, _, _) = run_both(Some(500), stream.items(), smaller(&stream, |n| n < 120), lag);
        let last = parts.last().unwrap();
        assert_eq!(last.era.number + 1, eras, "{lag}");
        assert!(last.era.renditions[0].is_some());
        // What came before its first keyframe in the era has no place.
        let first = parts.iter().find_map(|part| part.renditions[0].frames.first()).unwrap();
        assert!(first.keyframe);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever a rendition loses and however it lags: parts are those of the program alone, its pictures
    /// keep their order, and each comes once.
    #[test]
    fn a_rendition_decides_nothing(
        lag in 0usize..30,
        lost in prop::collection::btree_set(0u64..300, 0..40),
        part_ms in prop::option::of(200u64..1000),
        sound_delay_ms in -100i64..300,
    ) {
        let stream = Stream { sound_delay_ms, ..Stream::default() };
        let mut program = stream.items();
        program.push(HubItem::End);
        let (alone, _) = run_with(2000, part_ms, program.clone());
        let (parts, segments, _) = run_both(part_ms, program, smaller(&stream, |n| lost.contains(&n)), lag);
        prop_assert_eq!(segments, alone.len());
        let cuts = |parts: &[Part]| parts.iter().map(|part| (part.start, part.end)).collect::<Vec<_>>();
        let alone: Vec<Part> = alone.into_iter().flat_map(|segment| segment.parts).collect();
        prop_assert_eq!(cuts(&parts), cuts(&alone));
        let seen = rendition_times(&parts);
        prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
