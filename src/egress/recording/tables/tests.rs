use super::*;
use crate::egress::hls::{
    fmp4::init_segment,
    segmenter::Era,
    synthetic::{audio_config, video_config},
};
use crate::{media::TrackConfig, units::MediaTime};
use proptest::prelude::*;

/// What a plain file's tables say of a track, by ISO 14496-12 and nothing else: each sample's decoding time
/// (ticks, with the empty edit before it) and bytes.
pub fn samples(file: &[u8], track: usize) -> Vec<(u64, Vec<u8>)> {
    let moov = moov(file);
    expand(&moov, track)
        .into_iter()
        .map(|(at, offset, size)| (at, file[offset as usize..][..size as usize].to_vec()))
        .collect()
}

fn moov(file: &[u8]) -> Moov {
    let mut at = 0;
    loop {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        if &file[at + 4..at + 8] == b"moov" {
            return Moov::decode_body(&mut &file[at + 8..at + size]).unwrap();
        }
        at += size;
    }
}

/// Time, offset and size of each sample.
fn expand(moov: &Moov, track: usize) -> Vec<(u64, u64, u32)> {
    let trak = &moov.trak[track];
    let stbl = &trak.mdia.minf.stbl;
    let StszSamples::Different { sizes } = &stbl.stsz.samples else { panic!("sizes are listed") };
    let offsets: Vec<u64> = match (&stbl.stco, &stbl.co64) {
        (Some(stco), None) => stco.entries.iter().map(|offset| u64::from(*offset)).collect(),
        (None, Some(co64)) => co64.entries.clone(),
        both => panic!("one of them: {both:?}"),
    };
    let mut places = Vec::new();
    let mut size = sizes.iter();
    for (n, offset) in (1..).zip(&offsets) {
        let run = stbl.stsc.entries.iter().rfind(|run| run.first_chunk <= n).unwrap();
        assert_eq!(run.sample_description_index, 1);
        let mut at = *offset;
        for _ in 0..run.samples_per_chunk {
            let size = *size.next().unwrap();
            places.push((at, size));
            at += u64::from(size);
        }
    }
    assert_eq!(size.next(), None, "the chunks hold all samples");
    let edits = trak.edts.as_ref().and_then(|edts| edts.elst.as_ref());
    let empty = edits.map_or(0, |elst| elst.entries[0].segment_duration);
    let rate = u64::from(trak.mdia.mdhd.timescale);
    let mut at = (empty * rate + u64::from(moov.mvhd.timescale) / 2) / u64::from(moov.mvhd.timescale);
    let mut times = Vec::new();
    for run in &stbl.stts.entries {
        for _ in 0..run.sample_count {
            times.push(at);
            at += u64::from(run.sample_delta);
        }
    }
    assert_eq!(times.len(), places.len());
    times.into_iter().zip(places).map(|(at, (offset, size))| (at, offset, size)).collect()
}

fn tables() -> Vec<Table> {
    let (TrackConfig::Video(video), TrackConfig::Audio(audio)) =
        ((*video_config(30)).clone(), (*audio_config(48_000)).clone())
    else {
        panic!("a picture and a sound");
    };
    let era = Era {
        number: 0,
        base: MediaTime::ZERO,
        video: Some(video),
        audio: Some(audio),
        renditions: Vec::new(),
    };
    moov(&init_segment(&era).unwrap()).trak.into_iter().map(Table::new).collect()
}

fn sample(size: u32, duration: u32) -> Sample {
    Sample { size, duration, shift: 0, sync: true }
}

#[test]
fn offsets_are_as_wide_as_they_must_be() {
    for (payload, wide) in [(1 << 20, false), (0xffff_f000, false), (0xffff_ff00, true), (1 << 40, true)] {
        let mut tracks = tables();
        tracks[0].add_chunk(payload - 30, 0, &[sample(10, 3000), sample(20, 3000)]).unwrap();
        let head = plain_head(&tracks, payload, Timestamp::UNIX_EPOCH).unwrap();
        let moov = moov(&head);
        assert_eq!(moov.trak[0].mdia.minf.stbl.co64.is_some(), wide, "{payload}");
        let shift = head.len() as u64;
        let expected = [(0, shift + payload - 30, 10), (3000, shift + payload - 20, 20)];
        assert_eq!(expand(&moov, 0), expected);
        // The last 16 bytes are the mdat's head, which takes the payload in.
        let (mdat, size) = head[head.len() - 16..].split_at(8);
        assert_eq!(mdat, [&[0, 0, 0, 1][..], b"mdat"].concat());
        assert_eq!(u64::from_be_bytes(size.try_into().unwrap()), payload + 16);
    }
}

#[test]
fn a_track_that_begins_later_stays_later() {
    let mut tracks = tables();
    tracks[0].add_chunk(0, 0, &[sample(10, 3000)]).unwrap();
    tracks[1].add_chunk(10, 480, &[sample(5, 1024), sample(5, 1024)]).unwrap();
    let moov = moov(&plain_head(&tracks, 20, Timestamp::UNIX_EPOCH).unwrap());
    let times = |track| expand(&moov, track).iter().map(|sample| sample.0).collect::<Vec<_>>();
    assert_eq!(times(1), [480, 480 + 1024]);
    assert_eq!(moov.trak[0].edts, None);
    assert_eq!(moov.trak[1].mdia.mdhd.duration, 2048);
    assert_eq!(moov.mvhd.duration, (480 + 2048) * 90 / 48);
}

#[test]
fn what_does_not_follow_is_refused_and_changes_nothing() {
    let mut table = tables().remove(0);
    table.add_chunk(0, 9000, &[sample(10, 3000)]).unwrap();
    assert_eq!(table.add_chunk(10, 8000, &[sample(10, 3000)]), None);
    assert_eq!(table.add_chunk(10, 9000 + (1 << 40), &[sample(10, 3000)]), None);
    assert_eq!(table.add_chunk(10, 12_000, &[]), None);
    assert_eq!((table.samples(), table.end()), (1, 12_000));
}

proptest! {
    #[test]
    fn tables_say_what_was_put_in(
        start in 0u64..100_000,
        chunks in prop::collection::vec(
            (0u64..50_000, prop::collection::vec((1u32..5000, 1u32..9000, -3000i32..3000, any::<bool>()), 1..8)),
            1..20,
        ),
    ) {
        let mut tracks = tables();
        let (mut at, mut offset) = (start, 700);
        let mut expected = Vec::new();
        let (mut shifts, mut syncs) = (Vec::new(), Vec::new());
        for (gap, chunk) in &chunks {
            at += gap;
            let samples: Vec<Sample> = chunk
                .iter()
                .map(|(size, duration, shift, sync)| Sample { size: *size, duration: *duration, shift: *shift, sync: *sync })
                .collect();
            tracks[0].add_chunk(offset, at, &samples).unwrap();
            for sample in &samples {
                expected.push((at, offset, sample.size));
                at += u64::from(sample.duration);
                offset += u64::from(sample.size);
                shifts.push(i64::from(sample.shift));
                if sample.sync {
                    syncs.push(expected.len() as u32);
                }
            }
            offset += 100;
        }
        let head = plain_head(&tracks, offset, Timestamp::UNIX_EPOCH).unwrap();
        let moov = moov(&head);
        let shift = head.len() as u64;
        expected.iter_mut().for_each(|sample| sample.1 += shift);
        prop_assert_eq!(moov.trak.len(), 1, "a track without samples is left out");
        prop_assert_eq!(expand(&moov, 0), expected);
        prop_assert_eq!(moov.trak[0].mdia.mdhd.duration, at - (start + chunks[0].0));
        let stbl = &moov.trak[0].mdia.minf.stbl;
        let told: Vec<i64> = match &stbl.ctts {
            Some(ctts) => ctts.entries.iter().flat_map(|run| vec![run.sample_offset; run.sample_count as usize]).collect(),
            None => vec![0; shifts.len()],
        };
        prop_assert_eq!(told, shifts.clone());
        let told = stbl.stss.as_ref().map_or((1..=shifts.len() as u32).collect(), |stss| stss.entries.clone());
        prop_assert_eq!(told, syncs);
    }
}
