//! The VOD playlist of a finished recording: byte ranges of its one file (RFC 8216 §4.3.2.2).

use super::fragments::Fragment;
use jiff::Timestamp;
use std::{fmt::Write, time::Duration};

/// The recording's file, as the playlist and the API name it.
pub const MOVIE: &str = "file.mp4";
/// The playlist, likewise.
pub const PLAYLIST: &str = "index.m3u8";
/// A longer hole between two segments is a discontinuity: a player's buffer would have the same hole, and
/// few players step over one by themselves (hls.js: 100 ms, `maxBufferHole`).
const MAX_GAP: Duration = Duration::from_millis(100);

/// One segment: fragments from a keyframe to the next that begins one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    offset: u64,
    length: u64,
    start: u64,
    end: u64,
}

/// Renders it. `head`: length of the fragments' own head, with which the payload begins; `shift`: what
/// stands before the payload; `timescale`: of the fragments' times; `began`: wall-clock time of their zero.
pub fn render(fragments: &[Fragment], head: u64, shift: u64, timescale: u32, began: Timestamp) -> String {
    let rate = u128::from(timescale.max(1));
    let time = |ticks: u64| Duration::from_nanos((u128::from(ticks) * 1_000_000_000 / rate) as u64);
    let mut segments: Vec<Segment> = Vec::new();
    for fragment in fragments {
        match segments.last_mut() {
            // What comes before the first keyframe cannot happen; it would be a segment like any other.
            Some(segment) if !fragment.independent => {
                segment.length = fragment.offset + fragment.length - segment.offset;
                segment.end = segment.end.max(fragment.end);
            }
            _ => segments.push(Segment {
                offset: fragment.offset,
                length: fragment.length,
                start: fragment.start,
                end: fragment.end,
            }),
        }
    }
    // A segment lasts until the next one, unless there is a hole.
    let next: Vec<Option<u64>> = segments.iter().skip(1).map(|next| Some(next.start)).chain([None]).collect();
    let mut breaks = Vec::with_capacity(segments.len());
    let mut broken = false;
    for (segment, next) in segments.iter_mut().zip(next) {
        breaks.push(broken);
        broken = next.is_some_and(|next| time(next.saturating_sub(segment.end)) > MAX_GAP);
        if let Some(next) = next.filter(|_| !broken) {
            segment.end = next.max(segment.start);
        }
    }
    let length = |segment: &Segment| time(segment.end.saturating_sub(segment.start));
    let target = segments.iter().map(|segment| length(segment).as_millis().div_ceil(1000)).max().unwrap_or(1);

    let mut text = String::with_capacity(200 + segments.len() * 80);
    let mut line = |args: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = text.write_fmt(args);
        text.push('\n');
    };
    line(format_args!("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}", target.max(1)));
    line(format_args!("#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS"));
    line(format_args!("#EXT-X-MAP:URI=\"{MOVIE}\",BYTERANGE=\"{head}@{shift}\""));
    let mut dated = false;
    for (segment, is_break) in segments.iter().zip(breaks) {
        if is_break {
            line(format_args!("#EXT-X-DISCONTINUITY"));
        }
        if is_break || !dated {
            let at =
                began.checked_add(jiff::SignedDuration::try_from(time(segment.start)).unwrap_or_default());
            if let Ok(at) = at {
                line(format_args!("#EXT-X-PROGRAM-DATE-TIME:{at:.3}"));
            }
            dated = true;
        }
        line(format_args!("#EXTINF:{:.6},", length(segment).as_secs_f64()));
        line(format_args!("#EXT-X-BYTERANGE:{}@{}\n{MOVIE}", segment.length, segment.offset + shift));
    }
    line(format_args!("#EXT-X-ENDLIST"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_become_segments_from_keyframe_to_keyframe() {
        let fragment = |offset, start: u64, end: u64, independent| Fragment {
            offset,
            length: 100,
            start: start * 90,
            end: end * 90,
            independent,
        };
        let fragments = [
            fragment(50, 0, 2000, true),
            fragment(150, 2000, 4500, false),
            fragment(250, 4510, 6000, true),
            fragment(350, 8000, 9000, true),
        ];
        let text = render(&fragments, 50, 1000, 90_000, "2026-01-02T03:04:05.5Z".parse().unwrap());
        assert_eq!(
            text,
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:5\n#EXT-X-PLAYLIST-TYPE:VOD\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"file.mp4\",BYTERANGE=\"50@1000\"\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.500Z\n\
             #EXTINF:4.510000,\n#EXT-X-BYTERANGE:200@1050\nfile.mp4\n\
             #EXTINF:1.490000,\n#EXT-X-BYTERANGE:100@1250\nfile.mp4\n\
             #EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:13.500Z\n\
             #EXTINF:1.000000,\n#EXT-X-BYTERANGE:100@1350\nfile.mp4\n#EXT-X-ENDLIST\n"
        );
    }
}
