//! The playlists' text (RFC 8216 §4; what low latency adds is in draft-pantos-hls-rfc8216bis §4.4). Pure.

use jiff::Timestamp;
use std::{fmt::Write, time::Duration};

/// `EXT-X-MAP` in a playlist that is not I-frames only needs 6 (RFC 8216 §7); nothing here needs more.
const VERSION: u32 = 6;
/// `EXT-X-SKIP` needs 9 (rfc8216bis §8).
const VERSION_WITH_SKIP: u32 = 9;
/// Shares of `PART-TARGET` that players stay behind the end: three (Apple's authoring specification, 14).
const PART_HOLD_BACK: u32 = 3;
/// Target durations at the end that a delta update never leaves out (rfc8216bis §4.4.3.8).
const SKIP_BOUNDARY: u32 = 6;

/// What the media playlist says about one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentEntry {
    /// Media sequence number.
    pub msn: u64,
    /// The init segment's number.
    pub init: u64,
    /// Its first frame does not follow on the last one's (`EXT-X-DISCONTINUITY`).
    pub discontinuity: bool,
    /// Wall-clock time of its first frame.
    pub date_time: Timestamp,
    pub duration: Duration,
    /// It starts with a keyframe.
    pub independent: bool,
    /// In order; none without low latency.
    pub parts: Vec<PartEntry>,
}

/// What is said about a part of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct PartEntry {
    pub duration: Duration,
    /// It starts with a keyframe.
    pub independent: bool,
    pub bytes: usize,
}

/// What a low-latency playlist has more.
#[derive(Debug, Clone, PartialEq)]
pub struct LowLatency<'a> {
    /// Never changes in a playlist's life.
    pub part_target: Duration,
    /// Segments before this number are listed without their parts.
    pub parts_from: u64,
    /// The parts of the segment that has no end yet.
    pub open: Option<&'a SegmentEntry>,
    /// What comes next, `(msn, part)`.
    pub hint: (u64, usize),
}

/// The name of a rendition's media playlist.
pub const MEDIA_NAME: &str = "media.m3u8";

/// The name of an init segment.
pub fn init_name(number: u64) -> String {
    format!("init-{number}.mp4")
}

/// The name of a segment.
pub fn segment_name(msn: u64) -> String {
    format!("seg-{msn}.m4s")
}

/// The name of a part of a segment.
pub fn part_name(msn: u64, part: usize) -> String {
    format!("part-{msn}.{part}.m4s")
}

/// A media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaPlaylist<'a> {
    /// Seconds; never changes in a playlist's life.
    pub target_duration: u32,
    /// Discontinuities before the first segment listed.
    pub discontinuity_sequence: u64,
    /// Oldest first, numbered without holes.
    pub segments: Vec<&'a SegmentEntry>,
    /// Nothing will be added.
    pub ended: bool,
    pub low_latency: Option<LowLatency<'a>>,
    /// The other renditions' names; they have got exactly as far as this one.
    pub siblings: &'a [String],
}

impl MediaPlaylist<'_> {
    /// The text.
    pub fn render(&self) -> String {
        self.render_from(0)
    }

    /// The text of a delta update: what `_HLS_skip` asks for. None if nothing is old enough to be left out.
    pub fn render_delta(&self) -> Option<String> {
        self.low_latency.as_ref()?;
        let open = self.low_latency.as_ref().and_then(|low| low.open);
        let boundary = SKIP_BOUNDARY * Duration::from_secs(self.target_duration.into());
        // How far each segment's end is from the playlist's, the newest first.
        let mut distance = open.map_or(Duration::ZERO, |open| open.duration);
        let kept = self.segments.iter().rev().take_while(|segment| {
            let near = distance < boundary;
            distance += segment.duration;
            near
        });
        let skipped = self.segments.len() - kept.count();
        (skipped > 0).then(|| self.render_from(skipped))
    }

    fn render_from(&self, skipped: usize) -> String {
        let mut out = String::with_capacity(1024 + self.segments.len() * 128);
        self.write(&mut out, skipped).unwrap_or_default(); // writing to a String cannot fail
        out
    }

    fn write(&self, out: &mut String, skipped: usize) -> std::fmt::Result {
        let first = self.segments.first().map_or(0, |segment| segment.msn);
        let version = if skipped > 0 { VERSION_WITH_SKIP } else { VERSION };
        writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{version}")?;
        writeln!(out, "#EXT-X-TARGETDURATION:{}", self.target_duration)?;
        if let Some(low) = &self.low_latency {
            // Three times what is written, not what it was rounded from.
            let target = Duration::from_micros(Seconds(low.part_target).micros() as u64);
            let (hold_back, target) = (Seconds(PART_HOLD_BACK * target), Seconds(target));
            let skip = SKIP_BOUNDARY * self.target_duration;
            writeln!(
                out,
                "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold_back},CAN-SKIP-UNTIL={skip}.0"
            )?;
            writeln!(out, "#EXT-X-PART-INF:PART-TARGET={target}")?;
        }
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{first}")?;
        writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence)?;
        let open = self.low_latency.as_ref().and_then(|low| low.open);
        if self.segments.iter().copied().chain(open).all(|segment| segment.independent) {
            writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        if skipped > 0 {
            writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")?;
        }
        let mut init = None;
        for segment in &self.segments[skipped..] {
            self.write_head(out, segment, &mut init)?;
            writeln!(out, "#EXTINF:{},", Seconds(segment.duration))?;
            writeln!(out, "{}", segment_name(segment.msn))?;
        }
        if let Some(open) = open {
            self.write_head(out, open, &mut init)?;
        }
        if self.ended {
            writeln!(out, "#EXT-X-ENDLIST")?;
        } else if let Some(LowLatency { hint: (msn, part), .. }) = self.low_latency {
            writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", part_name(msn, part))?;
            if let Some((msn, part)) = self.newest_part() {
                for name in self.siblings {
                    let uri = format!("../{name}/{MEDIA_NAME}");
                    writeln!(out, "#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={msn},LAST-PART={part}")?;
                }
            }
        }
        Ok(())
    }

    /// The last part that is listed.
    fn newest_part(&self) -> Option<(u64, usize)> {
        let open = self.low_latency.as_ref().and_then(|low| low.open);
        let newest = open.or(self.segments.last().copied())?;
        Some((newest.msn, newest.parts.len().checked_sub(1)?))
    }

    /// What stands before a segment's duration, its parts included.
    fn write_head(
        &self,
        out: &mut String,
        segment: &SegmentEntry,
        init: &mut Option<u64>,
    ) -> std::fmt::Result {
        if segment.discontinuity {
            writeln!(out, "#EXT-X-DISCONTINUITY")?;
        }
        if init.replace(segment.init) != Some(segment.init) {
            writeln!(out, "#EXT-X-MAP:URI=\"{}\"", init_name(segment.init))?;
        }
        // Sub-millisecond digits would promise more than the clock keeps.
        writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{:.3}", segment.date_time)?;
        if self.low_latency.as_ref().is_none_or(|low| segment.msn < low.parts_from) {
            return Ok(());
        }
        for (number, part) in segment.parts.iter().enumerate() {
            let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
            let (duration, name) = (Seconds(part.duration), part_name(segment.msn, number));
            writeln!(out, "#EXT-X-PART:DURATION={duration},URI=\"{name}\"{independent}")?;
        }
        Ok(())
    }
}

/// Written with six decimals, rounded.
struct Seconds(Duration);

impl Seconds {
    fn micros(&self) -> u128 {
        (self.0.as_nanos() + 500) / 1000
    }
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.micros();
        write!(f, "{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

/// One `EXT-X-STREAM-INF` of the multivariant playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Bits a second of the segment with the most.
    pub peak: u64,
    /// Bits a second over all segments.
    pub average: u64,
    /// RFC 6381 names.
    pub codecs: Vec<String>,
    /// Width, height, frames a second; none without a picture.
    pub picture: Option<(u32, u32, u32)>,
}

/// The multivariant playlist's text: each rendition's name and what it is. `independent`: every segment so
/// far starts with a keyframe.
pub fn multivariant(variants: &[(String, Variant)], independent: bool) -> String {
    let mut out = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
    if independent {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    for (name, Variant { peak, average, codecs, picture }) in variants {
        let codecs = codecs.join(",");
        out.push_str(&format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\""
        ));
        if let Some((width, height, fps)) = picture {
            out.push_str(&format!(",RESOLUTION={width}x{height},FRAME-RATE={fps}.000"));
        }
        out.push_str(&format!(",CLOSED-CAPTIONS=NONE\n{name}/{MEDIA_NAME}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(msn: u64, init: u64, discontinuity: bool, ms: u64) -> SegmentEntry {
        SegmentEntry {
            msn,
            init,
            discontinuity,
            date_time: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            duration: Duration::from_millis(ms),
            independent: true,
            parts: Vec::new(),
        }
    }

    fn with_parts(msn: u64, count: u64) -> SegmentEntry {
        let part = |number| PartEntry {
            duration: Duration::from_nanos(466_666_667),
            independent: number == 0,
            bytes: 1,
        };
        SegmentEntry { parts: (0..count).map(part).collect(), ..entry(msn, 5, false, count * 467) }
    }

    #[test]
    fn a_low_latency_playlist_lists_the_newest_parts_and_hints_at_the_next() {
        let (a, b, c) = (with_parts(7, 2), with_parts(8, 2), with_parts(9, 1));
        let mut playlist = MediaPlaylist {
            target_duration: 1,
            discontinuity_sequence: 0,
            segments: vec![&a, &b],
            ended: false,
            low_latency: Some(LowLatency {
                part_target: Duration::from_nanos(466_666_667),
                parts_from: 8,
                open: Some(&c),
                hint: (9, 1),
            }),
            siblings: &["360p".to_owned()],
        };
        assert_eq!(
            playlist.render(),
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:1\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.400001,CAN-SKIP-UNTIL=6.0\n\
             #EXT-X-PART-INF:PART-TARGET=0.466667\n\
             #EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-MAP:URI=\"init-5.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n\
             #EXTINF:0.934000,\nseg-7.m4s\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n\
             #EXT-X-PART:DURATION=0.466667,URI=\"part-8.0.m4s\",INDEPENDENT=YES\n\
             #EXT-X-PART:DURATION=0.466667,URI=\"part-8.1.m4s\"\n\
             #EXTINF:0.934000,\nseg-8.m4s\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n\
             #EXT-X-PART:DURATION=0.466667,URI=\"part-9.0.m4s\",INDEPENDENT=YES\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-9.1.m4s\"\n\
             #EXT-X-RENDITION-REPORT:URI=\"../360p/media.m3u8\",LAST-MSN=9,LAST-PART=0\n"
        );
        assert_eq!(playlist.render_delta(), None);
        playlist.ended = true;
        let text = playlist.render();
        assert!(text.ends_with("#EXT-X-ENDLIST\n") && !text.contains("PRELOAD-HINT"), "{text}");
    }

    #[test]
    fn a_delta_update_keeps_six_target_durations_and_their_state() {
        let segments: Vec<_> =
            (10..20).map(|msn| entry(msn, if msn < 15 { 10 } else { 15 }, msn == 15, 2000)).collect();
        let open = with_parts(20, 1);
        let low_latency = LowLatency {
            part_target: Duration::from_millis(500),
            parts_from: 18,
            open: Some(&open),
            hint: (20, 1),
        };
        let mut playlist = MediaPlaylist {
            target_duration: 2,
            discontinuity_sequence: 3,
            segments: segments.iter().collect(),
            ended: false,
            low_latency: Some(low_latency),
            siblings: &[],
        };
        // The first segment that ended 12 s ago or more is 13: 0.467 s and six segments are after it.
        let delta = playlist.render_delta().unwrap();
        assert!(delta.starts_with("#EXTM3U\n#EXT-X-VERSION:9\n"), "{delta}");
        let (head, rest) = delta.split_once("#EXT-X-SKIP:SKIPPED-SEGMENTS=4\n").unwrap();
        assert!(head.contains("#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n"), "{head}");
        assert!(rest.starts_with("#EXT-X-MAP:URI=\"init-10.mp4\"\n"), "{rest}");
        let full = playlist.render();
        let (_, tail) = full.split_once("seg-13.m4s\n").unwrap();
        assert_eq!(rest.split_once('\n').unwrap().1, tail);
        playlist.segments.drain(..4);
        assert_eq!(playlist.render_delta(), None);
        playlist.segments.clear();
        assert_eq!(playlist.render_delta(), None);
        playlist.low_latency = None;
        playlist.segments = segments.iter().collect();
        assert_eq!(playlist.render_delta(), None, "only low latency offers it");
    }

    #[test]
    fn a_media_playlist_reads_as_the_rfc_wants_it() {
        let (a, b, c) = (entry(7, 5, false, 2000), entry(8, 8, true, 1966), entry(9, 8, false, 2000));
        let mut playlist = MediaPlaylist {
            target_duration: 2,
            discontinuity_sequence: 3,
            segments: vec![&a, &b, &c],
            ended: true,
            low_latency: None,
            siblings: &[],
        };
        assert_eq!(
            playlist.render(),
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-MAP:URI=\"init-5.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n\
             #EXTINF:2.000000,\nseg-7.m4s\n\
             #EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-8.mp4\"\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n#EXTINF:1.966000,\nseg-8.m4s\n\
             #EXT-X-PROGRAM-DATE-TIME:2026-01-02T03:04:05.678Z\n#EXTINF:2.000000,\nseg-9.m4s\n\
             #EXT-X-ENDLIST\n"
        );
        let dependent = SegmentEntry { independent: false, ..entry(10, 8, false, 1) };
        playlist.segments.push(&dependent);
        playlist.ended = false;
        let text = playlist.render();
        assert!(!text.contains("INDEPENDENT") && !text.contains("ENDLIST"), "{text}");
    }

    #[test]
    fn a_multivariant_playlist_names_codecs_rates_and_size() {
        let variant = Variant {
            peak: 3_100_000,
            average: 2_600_000,
            codecs: vec!["avc1.4d401f".to_owned(), "mp4a.40.2".to_owned()],
            picture: Some((1280, 720, 30)),
        };
        assert_eq!(
            multivariant(&[("video".to_owned(), variant)], true),
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-STREAM-INF:BANDWIDTH=3100000,AVERAGE-BANDWIDTH=2600000,\
             CODECS=\"avc1.4d401f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30.000,\
             CLOSED-CAPTIONS=NONE\nvideo/media.m3u8\n"
        );
    }
}
