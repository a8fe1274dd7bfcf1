//! The playlists' text (RFC 8216 §4). Pure.

use jiff::Timestamp;
use std::{fmt::Write, time::Duration};

/// `EXT-X-MAP` in a playlist that is not I-frames only needs 6 (RFC 8216 §7); nothing here needs more.
const VERSION: u32 = 6;

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
}

/// The name of an init segment.
pub fn init_name(number: u64) -> String {
    format!("init-{number}.mp4")
}

/// The name of a segment.
pub fn segment_name(msn: u64) -> String {
    format!("seg-{msn}.m4s")
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
}

impl MediaPlaylist<'_> {
    /// The text.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(256 + self.segments.len() * 128);
        self.write(&mut out).unwrap_or_default(); // writing to a String cannot fail
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let first = self.segments.first().map_or(0, |segment| segment.msn);
        writeln!(out, "#EXTM3U\n#EXT-X-VERSION:{VERSION}")?;
        writeln!(out, "#EXT-X-TARGETDURATION:{}", self.target_duration)?;
        writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{first}")?;
        writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence)?;
        if self.segments.iter().all(|segment| segment.independent) {
            writeln!(out, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        let mut init = None;
        for segment in &self.segments {
            if segment.discontinuity {
                writeln!(out, "#EXT-X-DISCONTINUITY")?;
            }
            if init.replace(segment.init) != Some(segment.init) {
                writeln!(out, "#EXT-X-MAP:URI=\"{}\"", init_name(segment.init))?;
            }
            // Sub-millisecond digits would promise more than the clock keeps.
            writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{:.3}", segment.date_time)?;
            let micros = (segment.duration.as_nanos() + 500) / 1000;
            writeln!(out, "#EXTINF:{}.{:06},", micros / 1_000_000, micros % 1_000_000)?;
            writeln!(out, "{}", segment_name(segment.msn))?;
        }
        if self.ended {
            writeln!(out, "#EXT-X-ENDLIST")?;
        }
        Ok(())
    }
}

/// One `EXT-X-STREAM-INF` of the multivariant playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The rendition's name: its media playlist is `{name}/media.m3u8`.
    pub name: &'static str,
    /// Bits a second of the segment with the most.
    pub peak: u64,
    /// Bits a second over all segments.
    pub average: u64,
    /// RFC 6381 names.
    pub codecs: Vec<String>,
    /// Width, height, frames a second; none without a picture.
    pub picture: Option<(u32, u32, u32)>,
}

/// The multivariant playlist's text. `independent`: every segment so far starts with a keyframe.
pub fn multivariant(variants: &[Variant], independent: bool) -> String {
    let mut out = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
    if independent {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    for variant in variants {
        let Variant { name, peak, average, codecs, picture } = variant;
        let codecs = codecs.join(",");
        out.push_str(&format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{codecs}\""
        ));
        if let Some((width, height, fps)) = picture {
            out.push_str(&format!(",RESOLUTION={width}x{height},FRAME-RATE={fps}.000"));
        }
        out.push_str(&format!(",CLOSED-CAPTIONS=NONE\n{name}/media.m3u8\n"));
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
        }
    }

    #[test]
    fn a_media_playlist_reads_as_the_rfc_wants_it() {
        let (a, b, c) = (entry(7, 5, false, 2000), entry(8, 8, true, 1966), entry(9, 8, false, 2000));
        let mut playlist = MediaPlaylist {
            target_duration: 2,
            discontinuity_sequence: 3,
            segments: vec![&a, &b, &c],
            ended: true,
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
            name: "video",
            peak: 3_100_000,
            average: 2_600_000,
            codecs: vec!["avc1.4d401f".to_owned(), "mp4a.40.2".to_owned()],
            picture: Some((1280, 720, 30)),
        };
        assert_eq!(
            multivariant(&[variant], true),
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-STREAM-INF:BANDWIDTH=3100000,AVERAGE-BANDWIDTH=2600000,\
             CODECS=\"avc1.4d401f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30.000,\
             CLOSED-CAPTIONS=NONE\nvideo/media.m3u8\n"
        );
    }
}
