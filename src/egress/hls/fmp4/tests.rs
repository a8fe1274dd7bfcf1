use super::*;
use crate::egress::hls::{
    segmenter::{Cut, Segmenter},
    synthetic::*,
};
use crate::egress::hub::HubItem;
use crate::media::Track;
use mp4_atom::{Any, Decode, DecodeMaybe};
use proptest::prelude::*;
use std::time::Duration;

/// A sample as a reader of the file sees it.
#[derive(Debug, PartialEq)]
struct Sample {
    dts: u64,
    pts: i64,
    duration: u32,
    sync: bool,
    data: Vec<u8>,
}

/// Reads a fragment without help from the code under test.
fn samples(fragment: &[u8], track_id: u32) -> Vec<Sample> {
    let mut rest = fragment;
    let mut at = 0;
    let mut found = None;
    while let Some(atom) = Any::decode_maybe(&mut rest).unwrap() {
        let end = fragment.len() - rest.len();
        if let Any::Moof(moof) = atom {
            found = Some((at, moof));
        }
        at = end;
    }
    let (moof_at, moof) = found.unwrap();
    let mut samples = Vec::new();
    for traf in moof.traf.iter().filter(|traf| traf.tfhd.track_id == track_id) {
        assert!(traf.tfhd.default_base_is_moof);
        let mut dts = traf.tfdt.as_ref().unwrap().base_media_decode_time;
        let trun = &traf.trun[0];
        let mut offset = moof_at + trun.data_offset.unwrap() as usize;
        for entry in trun.samples.iter() {
            let size = entry.size.unwrap() as usize;
            let duration = entry.duration.or(traf.tfhd.default_sample_duration).unwrap();
            let flags = entry.flags.or(traf.tfhd.default_sample_flags).unwrap();
            samples.push(Sample {
                dts,
                pts: dts as i64 + entry.cts.unwrap_or(0),
                duration,
                sync: flags & 0x0001_0000 == 0,
                data: fragment[offset..offset + size].to_vec(),
            });
            dts += u64::from(duration);
            offset += size;
        }
    }
    samples
}

fn era() -> Era {
    let (video, audio) = (video_config(30), audio_config(48_000));
    match (&*video, &*audio) {
        (crate::media::TrackConfig::Video(video), crate::media::TrackConfig::Audio(audio)) => Era {
            number: 0,
            base: MediaTime::ZERO,
            video: Some(video.clone()),
            audio: Some(audio.clone()),
            renditions: Vec::new(),
        },
        _ => unreachable!(),
    }
}

#[test]
fn an_init_segment_describes_both_tracks() {
    let init = init_segment(&era()).unwrap();
    let mut rest = init.as_ref();
    let ftyp = Ftyp::decode(&mut rest).unwrap();
    assert_eq!(ftyp.major_brand, b"iso6".into());
    let moov = Moov::decode(&mut rest).unwrap();
    assert!(rest.is_empty());
    assert_eq!(moov.trak.len(), 2);
    assert_eq!(moov.trak[0].mdia.mdhd.timescale, 90_000);
    assert_eq!(moov.trak[1].mdia.mdhd.timescale, 48_000);
    assert_eq!(moov.mvex.unwrap().trex.len(), 2);
    // The records are in there as they came.
    assert!(init.windows(AVCC.len()).any(|window| window == AVCC));
    let mut descriptor = vec![0x05, ASC.len() as u8];
    descriptor.extend(ASC);
    assert!(init.windows(descriptor.len()).any(|window| window == descriptor));
}

#[test]
fn a_single_track_is_enough() {
    for (era, handler) in [(Era { video: None, ..era() }, b"soun"), (Era { audio: None, ..era() }, b"vide")] {
        let init = init_segment(&era).unwrap();
        let mut rest = init.as_ref();
        Ftyp::decode(&mut rest).unwrap();
        let moov = Moov::decode(&mut rest).unwrap();
        let handlers: Vec<_> = moov.trak.iter().map(|trak| trak.mdia.hdlr.handler).collect();
        assert_eq!(handlers, [handler.into()]);
        assert_eq!(moov.mvex.unwrap().trex.len(), 1);
    }
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let broken = |change: fn(&mut Era)| {
        let mut era = era();
        change(&mut era);
        init_segment(&era)
    };
    let cases: [fn(&mut Era); 6] = [
        |era| era.video.as_mut().unwrap().avcc = Bytes::from_static(&[1, 2, 3]),
        |era| era.video.as_mut().unwrap().avcc = Bytes::new(),
        |era| era.video.as_mut().unwrap().width = 70_000,
        |era| era.video.as_mut().unwrap().height = 0,
        |era| era.audio.as_mut().unwrap().sample_rate = 0,
        |era| era.audio.as_mut().unwrap().asc = Bytes::new(),
    ];
    for (index, case) in cases.into_iter().enumerate() {
        assert!(broken(case).is_err(), "case {index}");
    }
}

#[test]
fn shared_values_are_said_once() {
    let stream = Stream { length: Duration::from_secs(2), ..Stream::default() };
    let frames = stream.frames();
    let of = |track| frames.iter().filter(|frame| frame.track == track).cloned().collect::<Vec<_>>();
    let end = MediaTime::from_millis(2000);
    let run = FrameRun { video: of(Track::Video), video_end: end, audio: of(Track::Audio), audio_end: end };
    let fragment = Muxer::new(&era(), 1).fragment(&run, true).unwrap();
    let mut rest = &fragment[..];
    assert_eq!(Styp::decode(&mut rest).unwrap().major_brand, b"msdh".into());
    let moof = Moof::decode(&mut rest).unwrap();
    assert_eq!(moof.traf[0].tfhd.default_sample_duration, Some(3000));
    assert_eq!(moof.traf[0].tfhd.default_sample_flags, Some(NON_SYNC));
    assert_eq!(moof.traf[1].tfhd.default_sample_flags, Some(SYNC));
    let first = moof.traf[0].trun[0].samples.get(0).unwrap();
    assert_eq!((first.flags, first.duration, first.cts), (Some(SYNC), None, None));
    let second = moof.traf[0].trun[0].samples.get(1).unwrap();
    assert_eq!((second.flags, second.duration), (None, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_read_back_is_what_went_in(
        fps in prop::sample::select(vec![7u32, 24, 25, 30, 48, 60]),
        sample_rate in prop::sample::select(vec![22_050u32, 44_100, 48_000]),
        start in 0u64..90_000_000_000_000,
        forced in prop::collection::vec(0u64..300, 0..5),
        sound_delay_ms in -200i64..=800,
        reorder in 0u64..3,
        part_ms in prop::option::of(200u64..1500),
    ) {
        let stream = Stream {
            fps, sample_rate, start: MediaTime(start), forced, sound_delay_ms, reorder,
            keyint: u64::from(fps) * 2, length: Duration::from_secs(9),
        };
        let mut segmenter = Segmenter::new(Duration::from_secs(2), part_ms.map(Duration::from_millis));
        for item in stream.items().into_iter().chain([HubItem::End]) {
            segmenter.handle(&item);
        }
        let mut muxer = None;
        let (mut video, mut audio) = (Vec::new(), Vec::new());
        let mut parts = Vec::new();
        while let Some(cut) = segmenter.poll() {
            let Cut::Part(part) = cut else { continue };
            let muxer = muxer.get_or_insert_with(|| Muxer::new(&part.era, 1));
            let fragment = muxer.fragment(&part.run, true).unwrap();
            video.extend(samples(&fragment, VIDEO_TRACK));
            audio.extend(samples(&fragment, AUDIO_TRACK));
            parts.push(part);
        }
        let base = parts[0].era.base;
        for (track, samples, timescale) in [(Track::Video, &video, VIDEO_TIMESCALE), (Track::Audio, &audio, sample_rate)] {
            let frames: Vec<_> = parts
                .iter()
                .flat_map(|part| if track == Track::Video { &part.run.video } else { &part.run.audio })
                .collect();
            prop_assert_eq!(frames.len(), samples.len());
            for (frame, sample) in frames.iter().zip(samples) {
                prop_assert_eq!(&frame.data[..], &sample.data[..]);
                prop_assert_eq!(frame.keyframe, sample.sync);
                // At most a tick off the true time, hours into a cast as well.
                let true_dts = MediaTime(frame.dts.0 - base.0).to_timescale(timescale);
                let true_pts = MediaTime(frame.pts.0 - base.0).to_timescale(timescale);
                prop_assert!(sample.dts.abs_diff(true_dts) <= 1, "{} {}", sample.dts, true_dts);
                prop_assert!(sample.pts.abs_diff(true_pts as i64) <= 1);
            }
            // No hole and no overlap, neither inside of segments nor between them.
            for pair in samples.windows(2) {
                prop_assert_eq!(pair[0].dts + u64::from(pair[0].duration), pair[1].dts);
            }
        }
    }
}
