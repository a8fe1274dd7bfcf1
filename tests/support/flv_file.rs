//! Writes a worker's frames into an FLV file, so that players and our viewer can judge them.

use meetingcast::media::{EncodedFrame, Track, TrackConfig};
use std::path::Path;

/// Configurations first, then frames in order of time; timestamps count from the first frame.
pub fn write(path: &Path, configs: &[TrackConfig], frames: &[EncodedFrame]) {
    write_changing(path, configs, &vec![0; configs.len()], frames);
}

/// The same, each configuration before the first of its track's frames from `configs_at` (an index) on.
pub fn write_changing(path: &Path, configs: &[TrackConfig], configs_at: &[usize], frames: &[EncodedFrame]) {
    let mut out = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
    let mut configs: Vec<_> = configs.iter().zip(configs_at).collect();
    let mut frames: Vec<_> = frames.iter().enumerate().collect();
    frames.sort_by_key(|(_, frame)| frame.dts);
    let zero = frames.first().map_or(0, |(_, frame)| frame.dts.as_millis());
    for (index, frame) in frames {
        let at = (frame.dts.as_millis() - zero) as u32;
        let due =
            |(config, from): &mut (&TrackConfig, &usize)| config.track() == frame.track && **from <= index;
        for (config, _) in configs.extract_if(.., due) {
            match config {
                TrackConfig::Video(video) => {
                    tag(&mut out, 9, at, &[&[0x17, 0, 0, 0, 0], &video.avcc[..]].concat())
                }
                TrackConfig::Audio(audio) => tag(&mut out, 8, at, &[&[0xaf, 0], &audio.asc[..]].concat()),
            }
        }
        match frame.track {
            Track::Video => {
                let head = [if frame.keyframe { 0x17 } else { 0x27 }, 1, 0, 0, 0];
                tag(&mut out, 9, at, &[&head, &frame.data[..]].concat());
            }
            Track::Audio => tag(&mut out, 8, at, &[&[0xaf, 1], &frame.data[..]].concat()),
        }
    }
    std::fs::write(path, out).unwrap();
}

fn tag(out: &mut Vec<u8>, kind: u8, at: u32, body: &[u8]) {
    let size = body.len() as u32;
    out.push(kind);
    out.extend(&size.to_be_bytes()[1..]);
    out.extend(&at.to_be_bytes()[1..]);
    out.push((at >> 24) as u8);
    out.extend([0, 0, 0]);
    out.extend(body);
    out.extend((size + 11).to_be_bytes());
}
