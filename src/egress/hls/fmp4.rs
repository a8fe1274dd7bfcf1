//! Fragmented MP4 (ISO 14496-12, profiled by RFC 8216 §3.3): init segments and fragments.
//!
//! Decode times are the frames' media times less the era's base, rounded to the track's timescale;
//! durations are differences of those, so no rounding ever adds up.

use crate::{
    egress::hls::segmenter::{Era, FrameRun},
    media::{AudioConfig, EncodedFrame, VideoConfig},
    units::MediaTime,
};
use bytes::Bytes;
use mp4_atom::{
    Atom, Audio, Avc1, Avcc, Codec, Dinf, Dref, Encode, Esds, FourCC, Ftyp, Hdlr, Header, Mdhd, Mdia, Mfhd,
    Minf, Moof, Moov, Mp4a, Mvex, Mvhd, Smhd, Stbl, Stco, Stsd, Styp, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex,
    Trun, TrunEntry, Visual, Vmhd,
    esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig},
};
use std::{sync::Arc, time::Duration};

/// Ticks a second of the video track; a whole number of them for every usual frame rate.
pub const VIDEO_TIMESCALE: u32 = 90_000;

const VIDEO_TRACK: u32 = 1;
const AUDIO_TRACK: u32 = 2;
/// `sample_depends_on` = 2: an I-picture, or sound (ISO 14496-12 §8.8.3.1).
const SYNC: u32 = 0x0200_0000;
/// `sample_depends_on` = 1 and `sample_is_non_sync_sample`.
const NON_SYNC: u32 = 0x0101_0000;
/// How far a fragment's first frame may be from the end of the last one and still count as following
/// it directly: the end was rounded, or taken from a frame's own duration.
pub const SNAP: Duration = Duration::from_millis(2);

/// Why frames or parameters cannot be written as MP4.
#[derive(Debug, thiserror::Error)]
pub enum Fmp4Error {
    /// The AVCDecoderConfigurationRecord is not one.
    #[error("the avcC record cannot be read")]
    Avcc(#[source] mp4_atom::Error),
    /// A size or rate that MP4 has no room for.
    #[error("the track parameters are out of range: {0}")]
    Parameters(&'static str),
    /// A box does not fit its fields.
    #[error("a box cannot be written")]
    Box(#[from] mp4_atom::Error),
}

/// The init segment (`ftyp`, `moov`) of an era.
pub fn init_segment(era: &Era) -> Result<Bytes, Fmp4Error> {
    let mut out = Vec::with_capacity(1024);
    Ftyp {
        major_brand: b"iso6".into(),
        minor_version: 0,
        compatible_brands: vec![b"iso6".into(), b"mp41".into()],
    }
    .encode(&mut out)?;

    let mut trak = Vec::new();
    if let Some(video) = &era.video {
        trak.push(video_track(video)?);
    }
    if let Some(audio) = &era.audio {
        trak.push(audio_track(audio)?);
    }
    let trex = trak
        .iter()
        .map(|trak| Trex {
            track_id: trak.tkhd.track_id,
            default_sample_description_index: 1,
            ..Trex::default()
        })
        .collect();
    Moov {
        mvhd: Mvhd { rate: 1.into(), volume: 1.into(), next_track_id: AUDIO_TRACK + 1, ..Mvhd::default() },
        mvex: Some(Mvex { mehd: None, trex }),
        trak,
        ..Moov::default()
    }
    .encode(&mut out)?;
    Ok(out.into())
}

fn video_track(config: &VideoConfig) -> Result<Trak, Fmp4Error> {
    let size = |pixels: u32| {
        u16::try_from(pixels)
            .ok()
            .filter(|&pixels| pixels > 0)
            .ok_or(Fmp4Error::Parameters("a picture has 1 to 65535 pixels each way"))
    };
    let (width, height) = (size(config.width)?, size(config.height)?);
    let avcc = Avcc::decode_body(&mut config.avcc.as_ref()).map_err(Fmp4Error::Avcc)?;
    let codec = Codec::Avc1(Avc1 {
        visual: Visual { data_reference_index: 1, width, height, ..Visual::default() },
        avcc,
        ..Avc1::default()
    });
    Ok(Trak {
        tkhd: Tkhd {
            track_id: VIDEO_TRACK,
            enabled: true,
            in_movie: true,
            width: width.into(),
            height: height.into(),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: Mdhd { timescale: VIDEO_TIMESCALE, language: "und".to_owned(), ..Mdhd::default() },
            hdlr: Hdlr { handler: b"vide".into(), name: "video".to_owned() },
            minf: Minf { vmhd: Some(Vmhd::default()), ..media_information(codec) },
        },
        ..Trak::default()
    })
}

fn audio_track(config: &AudioConfig) -> Result<Trak, Fmp4Error> {
    if config.sample_rate == 0 {
        return Err(Fmp4Error::Parameters("sound has a sample rate above 0"));
    }
    if !(2..=64).contains(&config.asc.len()) {
        return Err(Fmp4Error::Parameters("an AudioSpecificConfig has 2 to 64 bytes"));
    }
    let channel_count = u16::try_from(config.channels)
        .map_err(|_| Fmp4Error::Parameters("sound has at most 65535 channels"))?;
    let bitrate = config.kbps.saturating_mul(1000);
    let codec = Codec::Mp4a(Mp4a {
        audio: Audio {
            data_reference_index: 1,
            channel_count,
            sample_size: 16,
            // 16.16 fixed point: rates from 65536 on are 0 here and stand in the AudioSpecificConfig.
            sample_rate: u16::try_from(config.sample_rate).unwrap_or(0).into(),
        },
        esds: Esds {
            es_desc: EsDescriptor {
                es_id: AUDIO_TRACK as u16,
                dec_config: DecoderConfig {
                    // ISO 14496-1 table 5: 0x40 is MPEG-4 audio; table 6: stream type 5 is audio.
                    object_type_indication: 0x40,
                    stream_type: 5,
                    max_bitrate: bitrate,
                    avg_bitrate: bitrate,
                    dec_specific: Some(DecoderSpecific {
                        raw: config.asc.to_vec(),
                        ..DecoderSpecific::default()
                    }),
                    ..DecoderConfig::default()
                },
                sl_config: SLConfig {},
                ..EsDescriptor::default()
            },
        },
        btrt: None,
        taic: None,
    });
    Ok(Trak {
        tkhd: Tkhd {
            track_id: AUDIO_TRACK,
            alternate_group: 1,
            enabled: true,
            in_movie: true,
            volume: 1.into(),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: Mdhd { timescale: config.sample_rate, language: "und".to_owned(), ..Mdhd::default() },
            hdlr: Hdlr { handler: b"soun".into(), name: "sound".to_owned() },
            minf: Minf { smhd: Some(Smhd::default()), ..media_information(codec) },
        },
        ..Trak::default()
    })
}

/// What both kinds of track share: data in the same file, no samples here.
fn media_information(codec: Codec) -> Minf {
    Minf {
        dinf: Dinf { dref: Dref { entries: vec![mp4_atom::Url::default().into()] } },
        stbl: Stbl { stsd: Stsd { codecs: vec![codec] }, stco: Some(Stco::default()), ..Stbl::default() },
        ..Minf::default()
    }
}

/// Makes an era's fragments. Knows where each track's last fragment ended, nothing else.
#[derive(Debug)]
pub struct Muxer {
    base: MediaTime,
    video: Option<TrackClock>,
    audio: Option<TrackClock>,
    sequence: u32,
}

#[derive(Debug)]
struct TrackClock {
    id: u32,
    timescale: u32,
    /// Where the last fragment ended, in ticks.
    end: Option<u64>,
}

/// One track's part of a fragment.
struct TrackRun {
    traf: Traf,
    bytes: usize,
}

impl Muxer {
    /// `sequence`: the number of the first fragment (`mfhd`); it only has to go up.
    pub fn new(era: &Era, sequence: u32) -> Self {
        let clock = |id, timescale| TrackClock { id, timescale, end: None };
        Self {
            base: era.base,
            video: era.video.as_ref().map(|_| clock(VIDEO_TRACK, VIDEO_TIMESCALE)),
            audio: era.audio.as_ref().map(|audio| clock(AUDIO_TRACK, audio.sample_rate)),
            sequence,
        }
    }

    /// The number of the next fragment.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// One fragment; a segment is one or more of them, and its first begins with `styp`.
    ///
    /// # Errors
    /// When a number does not fit its box: frames of gigabytes or of hours.
    pub fn fragment(&mut self, run: &FrameRun, starts_segment: bool) -> Result<Bytes, Fmp4Error> {
        let video = self.video.as_mut().and_then(|clock| clock.run(&run.video, run.video_end, self.base));
        let audio = self.audio.as_mut().and_then(|clock| clock.run(&run.audio, run.audio_end, self.base));
        let runs: Vec<TrackRun> = [video, audio].into_iter().flatten().collect();
        let payload: usize = runs.iter().map(|run| run.bytes).sum();

        let mut out = Vec::with_capacity(payload + 4096);
        if starts_segment {
            Styp {
                major_brand: b"msdh".into(),
                minor_version: 0,
                compatible_brands: vec![b"msdh".into(), b"iso6".into()],
            }
            .encode(&mut out)?;
        }
        moof(self.sequence, &runs)?.encode(&mut out)?;
        Header { kind: FourCC::new(b"mdat"), size: Some(payload) }.encode(&mut out)?;
        let frames = |on: &Option<TrackClock>, frames: &[Arc<EncodedFrame>], out: &mut Vec<u8>| {
            if on.is_some() {
                frames.iter().for_each(|frame| out.extend_from_slice(&frame.data));
            }
        };
        frames(&self.video, &run.video, &mut out);
        frames(&self.audio, &run.audio, &mut out);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(out.into())
    }
}

/// The `moof` box with each run's data offset: from the box's start to its data in the `mdat` behind.
fn moof(sequence_number: u32, runs: &[TrackRun]) -> Result<Moof, Fmp4Error> {
    let mut moof =
        Moof { mfhd: Mfhd { sequence_number }, traf: runs.iter().map(|run| run.traf.clone()).collect() };
    // The offsets have a fixed size, so the box is as long with zeros as it will be in the end.
    let mut measure = Vec::new();
    moof.encode(&mut measure)?;
    let mut offset = measure.len() + 8;
    for (traf, run) in moof.traf.iter_mut().zip(runs) {
        let at = i32::try_from(offset).map_err(|_| mp4_atom::Error::TooLarge(Moof::KIND))?;
        traf.trun.iter_mut().for_each(|trun| trun.data_offset = Some(at));
        offset += run.bytes;
    }
    Ok(moof)
}

impl TrackClock {
    fn run(&mut self, frames: &[Arc<EncodedFrame>], end: MediaTime, base: MediaTime) -> Option<TrackRun> {
        let first = frames.first()?;
        let tick = |time: MediaTime| MediaTime(time.0.saturating_sub(base.0)).to_timescale(self.timescale);
        let snap = u64::from(self.timescale) * SNAP.as_millis() as u64 / 1000;
        let start = match self.end {
            Some(last) if tick(first.dts).abs_diff(last) <= snap => last,
            _ => tick(first.dts),
        };

        let mut entries = Vec::with_capacity(frames.len());
        let mut at = start;
        for (index, frame) in frames.iter().enumerate() {
            let next = frames.get(index + 1).map_or(end, |next| next.dts);
            let next = tick(next).max(at);
            entries.push(TrunEntry {
                duration: Some(u32::try_from(next - at).unwrap_or(u32::MAX)),
                size: Some(u32::try_from(frame.data.len()).unwrap_or(u32::MAX)),
                flags: Some(if frame.keyframe { SYNC } else { NON_SYNC }),
                cts: Some(tick(frame.pts) as i64 - tick(frame.dts) as i64),
            });
            at = next;
        }
        self.end = Some(at);
        Some(TrackRun {
            traf: compact(self.id, start, entries),
            bytes: frames.iter().map(|frame| frame.data.len()).sum(),
        })
    }
}

/// Puts into the header what all samples share, so that it need not be said for each.
fn compact(track_id: u32, start: u64, mut entries: Vec<TrunEntry>) -> Traf {
    let shared = |of: fn(&TrunEntry) -> Option<u32>| {
        let first = entries.first().and_then(of);
        first.filter(|_| entries.iter().all(|entry| of(entry) == first))
    };
    let duration = shared(|entry| entry.duration);
    let first_flags = entries.first().and_then(|entry| entry.flags);
    let rest_flags = entries.get(1).map_or(first_flags, |entry| entry.flags);
    let rest_share = entries.iter().skip(1).all(|entry| entry.flags == rest_flags);
    let shifted = entries.iter().any(|entry| entry.cts != Some(0));

    for (index, entry) in entries.iter_mut().enumerate() {
        if duration.is_some() {
            entry.duration = None;
        }
        // `first_sample_flags` says what only the first has; the encoder recognises the pattern.
        if rest_share && (index > 0 || first_flags == rest_flags) {
            entry.flags = None;
        }
        if !shifted {
            entry.cts = None;
        }
    }
    Traf {
        tfhd: Tfhd {
            track_id,
            default_base_is_moof: true,
            default_sample_duration: duration,
            default_sample_flags: rest_flags.filter(|_| rest_share),
            ..Tfhd::default()
        },
        tfdt: Some(Tfdt { base_media_decode_time: start }),
        trun: vec![Trun { data_offset: Some(0), samples: entries.into() }],
        ..Traf::default()
    }
}

#[cfg(test)]
mod tests;
