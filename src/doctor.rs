//! What GStreamer must bring: every element that a pipeline of ours uses, with its Debian package.
//!
//! Data only. The check itself needs GStreamer and so stands in the worker's room.

/// An element without which something does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// The factory's name.
    pub element: &'static str,
    /// The Debian package that brings it, the same on Debian 12 and 13.
    pub package: &'static str,
    /// What does not work without it: the second half of "… is needed for …".
    pub needed_for: &'static str,
}

const CORE: &str = "libgstreamer1.0-0";
const BASE: &str = "gstreamer1.0-plugins-base";
const GOOD: &str = "gstreamer1.0-plugins-good";
const BAD: &str = "gstreamer1.0-plugins-bad";
const UGLY: &str = "gstreamer1.0-plugins-ugly";
const LIBAV: &str = "gstreamer1.0-libav";
const NICE: &str = "gstreamer1.0-nice";
const X: &str = "gstreamer1.0-x";

const INGEST: &str = "receiving WebRTC publishers";
const INGEST_H264: &str = "receiving H.264";
const INGEST_VP8: &str = "receiving VP8";
const INGEST_OPUS: &str = "receiving Opus";
const PROGRAM: &str = "making the program";
const ENCODE: &str = "encoding the program";
const CARDS: &str = "the slate, name tiles and titles";
const PICTURES: &str = "logos and backgrounds";
const PUBLISH: &str = "the test publisher (publish, demo, tests)";
const BROADCAST: &str = "the program by WHEP, and publishing test media";
const FILES: &str = "showing media files";

const fn needs(element: &'static str, package: &'static str, needed_for: &'static str) -> Requirement {
    Requirement { element, package, needed_for }
}

/// Sorted by what they are needed for; each element once, named for its first use.
static REQUIRED: [Requirement; 60] = [
    needs("appsink", BASE, PROGRAM),
    needs("appsrc", BASE, PROGRAM),
    needs("capsfilter", CORE, PROGRAM),
    needs("fakesink", CORE, PROGRAM),
    needs("queue", CORE, PROGRAM),
    needs("audioconvert", BASE, PROGRAM),
    needs("audioresample", BASE, PROGRAM),
    needs("videoconvert", BASE, PROGRAM),
    // textoverlay is Pango's, and Debian puts the Pango plugin into the X package.
    needs("textoverlay", X, CARDS),
    needs("videoscale", BASE, ENCODE),
    needs("videotestsrc", BASE, CARDS),
    needs("pngdec", GOOD, PICTURES),
    needs("jpegdec", GOOD, PICTURES),
    needs("rsvgdec", BAD, PICTURES),
    needs("x264enc", UGLY, ENCODE),
    needs("openh264enc", BAD, "encoding where x264 is not there"),
    needs("jpegenc", GOOD, ENCODE),
    needs("h264parse", BAD, ENCODE),
    needs("avenc_aac", LIBAV, ENCODE),
    needs("aacparse", GOOD, ENCODE),
    needs("webrtcbin", BAD, INGEST),
    // webrtcbin makes the following itself, and fails late and obscurely where one is not there.
    needs("nicesrc", NICE, INGEST),
    needs("nicesink", NICE, INGEST),
    needs("dtlssrtpdec", BAD, INGEST),
    needs("dtlssrtpenc", BAD, INGEST),
    needs("dtlsdec", BAD, INGEST),
    needs("dtlsenc", BAD, INGEST),
    needs("srtpdec", BAD, INGEST),
    needs("srtpenc", BAD, INGEST),
    needs("rtpbin", GOOD, INGEST),
    needs("rtpjitterbuffer", GOOD, INGEST),
    needs("rtpfunnel", GOOD, INGEST),
    needs("rtprtxreceive", GOOD, INGEST),
    needs("rtprtxsend", GOOD, INGEST),
    needs("rtphdrexttwcc", GOOD, INGEST),
    needs("rtphdrextmid", GOOD, INGEST),
    needs("rtphdrextclientaudiolevel", GOOD, INGEST),
    needs("rtph264depay", GOOD, INGEST_H264),
    needs("avdec_h264", LIBAV, INGEST_H264),
    needs("rtpvp8depay", GOOD, INGEST_VP8),
    needs("vp8dec", GOOD, INGEST_VP8),
    needs("rtpopusdepay", GOOD, INGEST_OPUS),
    needs("opusdec", BASE, INGEST_OPUS),
    needs("opusenc", BASE, BROADCAST),
    needs("vp8enc", GOOD, PUBLISH),
    needs("level", GOOD, PUBLISH),
    needs("rtph264pay", GOOD, BROADCAST),
    needs("rtpopuspay", GOOD, BROADCAST),
    needs("rtpvp8pay", GOOD, PUBLISH),
    needs("decodebin", BASE, FILES),
    needs("videoflip", GOOD, FILES),
    needs("qtdemux", GOOD, FILES),
    needs("matroskademux", GOOD, FILES),
    needs("oggdemux", BASE, FILES),
    needs("wavparse", GOOD, FILES),
    needs("avdec_aac", LIBAV, FILES),
    needs("mpg123audiodec", GOOD, FILES),
    needs("vorbisdec", BASE, FILES),
    needs("parsebin", BASE, "files that are sent as they are"),
    needs("filesrc", CORE, FILES),
];

/// Encoders that are taken where their hardware is and works; nothing asks for them.
pub const HARDWARE_ENCODERS: [&str; 4] = ["nvh264enc", "vah264enc", "vaapih264enc", "v4l2h264enc"];

/// Every element that is needed, each once.
pub fn required() -> &'static [Requirement] {
    &REQUIRED
}

#[cfg(test)]
mod tests {
    use super::required;
    use std::collections::BTreeSet;

    #[test]
    fn each_element_stands_once() {
        let elements: BTreeSet<_> = required().iter().map(|requirement| requirement.element).collect();
        assert_eq!(elements.len(), required().len());
    }
}
