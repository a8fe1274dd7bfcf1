//! Just enough of a playlist reader for a recorder: what is there, in which order.

/// Why a playlist was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    #[error("it does not begin with #EXTM3U")]
    NoHeader,
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("it names no rendition")]
    NoRendition,
    #[error("the value of {tag} is no number")]
    BadNumber { tag: &'static str },
}

/// A media playlist at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaPlaylist {
    pub entries: Vec<Entry>,
    /// `EXT-X-ENDLIST`
    pub ended: bool,
}

/// A segment in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub sequence: u64,
    pub uri: String,
    /// The initialisation segment before it.
    pub map: Option<String>,
}

/// The first rendition's URI of a multivariant playlist.
pub fn first_rendition(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with("#EXT-X-STREAM-INF:"))?;
    lines.find(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
}

/// Reads a media playlist.
pub fn parse(text: &str) -> Result<MediaPlaylist, PlaylistError> {
    if !text.starts_with("#EXTM3U") {
        return Err(PlaylistError::NoHeader);
    }
    let mut playlist = MediaPlaylist::default();
    let (mut sequence, mut map) = (0, None);
    for line in text.lines().map(str::trim) {
        if let Some(number) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            sequence =
                number.parse().map_err(|_| PlaylistError::BadNumber { tag: "EXT-X-MEDIA-SEQUENCE" })?;
        } else if let Some(attributes) = line.strip_prefix("#EXT-X-MAP:") {
            map = attributes
                .split_once("URI=\"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(uri, _)| uri.to_owned());
        } else if line == "#EXT-X-ENDLIST" {
            playlist.ended = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            playlist.entries.push(Entry { sequence, uri: line.to_owned(), map: map.clone() });
            sequence += 1;
        }
    }
    Ok(playlist)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_numbered_and_know_their_map() {
        let text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"init-0.mp4\"\n#EXTINF:2.0,\nseg-7.m4s\n\
            #EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-1.mp4\"\n#EXTINF:2.0,\nseg-8.m4s\n#EXT-X-ENDLIST\n";
        let playlist = parse(text).unwrap();
        let entry = |sequence, uri: &str, map: &str| Entry {
            sequence,
            uri: uri.to_owned(),
            map: Some(map.to_owned()),
        };
        assert_eq!(
            playlist.entries,
            [entry(7, "seg-7.m4s", "init-0.mp4"), entry(8, "seg-8.m4s", "init-1.mp4")]
        );
        assert!(playlist.ended);
        assert_eq!(parse("nonsense"), Err(PlaylistError::NoHeader));
        assert!(parse("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x\n").is_err());
    }

    #[test]
    fn the_first_rendition_is_found() {
        let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nvideo/media.m3u8\n";
        assert_eq!(first_rendition(text).as_deref(), Some("video/media.m3u8"));
        assert_eq!(first_rendition("#EXTM3U\n"), None);
    }
}
