//! Choosing one codec from a medium's list.

use super::{OfferError, Role, candidate::number, invalid, section::Kind, text::shown};
use crate::ipc::VideoCodec;
use sdp_types::Media;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Arguments,
};

/// The payload formats of one m-section, most wanted by the client first.
struct Formats<'a> {
    order: Vec<u8>,
    /// `rtpmap`, upper case: `H264/90000`.
    names: BTreeMap<u8, String>,
    /// `fmtp` as `name=value` pairs, names in lower case.
    parameters: BTreeMap<u8, BTreeMap<String, &'a str>>,
    media: &'a Media,
}

/// The chosen codec with everything that is written about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Codec {
    /// `None`: Opus.
    pub(super) video: Option<VideoCodec>,
    pub(super) payload_type: u8,
    pub(super) rtx: Option<u8>,
    fmtp: Option<String>,
    feedback: Vec<&'static str>,
}

/// RTCP feedback that we use, in the order it is written. `goog-remb` is not: transport-cc
/// replaces it. Nor is `ccm fir`: with it every request of our depayloaders would go out as FIR, which is for
/// new receivers (RFC 5104 §3.5.1) and which some senders do not know; PLI all of them do.
const FEEDBACK: [&str; 3] = ["nack", "nack pli", TRANSPORT_CC_FEEDBACK];
pub(super) const TRANSPORT_CC_FEEDBACK: &str = "transport-cc";

impl Codec {
    /// Video: H.264 with packetization-mode 1 in a profile that we decode (Constrained Baseline, Main, High,
    /// as the client orders them, and plain Baseline after these), else VP8; for a subscriber what the
    /// publisher sends, or nothing. Audio: Opus.
    pub(super) fn choose(media: &Media, kind: Kind, role: Role) -> Result<Self, OfferError> {
        let formats = Formats::read(media)?;
        let h264 = || {
            formats
                .first("H264/90000", |parameter| h264_profile(parameter) == Some(Profile::Full))
                .or_else(|| formats.first("H264/90000", |parameter| h264_profile(parameter).is_some()))
                .map(|pt| (pt, Some(VideoCodec::H264)))
        };
        // webrtcbin leaves out the channels, which RFC 7587 §7 wants: it means the same.
        let opus =
            || formats.first("OPUS/48000/2", |_| true).or_else(|| formats.first("OPUS/48000", |_| true));
        let vp8 = || formats.first("VP8/90000", |_| true).map(|pt| (pt, Some(VideoCodec::Vp8)));
        let chosen = match (kind, role) {
            (Kind::Audio, _) => opus().map(|pt| (pt, None)),
            (Kind::Video, Role::Publisher) => h264().or_else(vp8),
            (Kind::Video, Role::Subscriber(VideoCodec::H264)) => h264(),
            (Kind::Video, Role::Subscriber(VideoCodec::Vp8)) => vp8(),
        };
        let Some((payload_type, video)) = chosen else { return Err(formats.none_in_common(kind)) };
        if !is_dynamic(payload_type) {
            return Err(invalid(format!(
                "payload type {payload_type} of the {kind} codec is not a dynamic one; use 96 to 127 or 35 to 63"
            )));
        }
        let feedback = formats.feedback(payload_type);
        Ok(Self {
            video,
            payload_type,
            rtx: formats.rtx_of(payload_type, &feedback),
            fmtp: formats.fmtp(payload_type, video),
            feedback,
        })
    }

    pub(super) fn payload_types(&self) -> impl Iterator<Item = u8> {
        std::iter::once(self.payload_type).chain(self.rtx)
    }

    pub(super) fn has_feedback(&self, feedback: &str) -> bool {
        self.feedback.contains(&feedback)
    }

    /// transport-cc needs the header extension too; one without the other is worth nothing.
    pub(super) fn drop_transport_cc(&mut self) {
        self.feedback.retain(|kept| *kept != TRANSPORT_CC_FEEDBACK);
    }

    pub(super) fn write(&self, line: &mut impl FnMut(Arguments<'_>)) {
        let pt = self.payload_type;
        let name = match self.video {
            None => "opus/48000/2",
            Some(VideoCodec::H264) => "H264/90000",
            Some(VideoCodec::Vp8) => "VP8/90000",
        };
        line(format_args!("a=rtpmap:{pt} {name}"));
        for feedback in &self.feedback {
            line(format_args!("a=rtcp-fb:{pt} {feedback}"));
        }
        if let Some(fmtp) = &self.fmtp {
            line(format_args!("a=fmtp:{pt} {fmtp}"));
        }
        if let Some(rtx) = self.rtx {
            line(format_args!("a=rtpmap:{rtx} rtx/90000"));
            line(format_args!("a=fmtp:{rtx} apt={pt}"));
        }
    }
}

impl<'a> Formats<'a> {
    fn read(media: &'a Media) -> Result<Self, OfferError> {
        let mut order = Vec::new();
        for format in media.fmt.split_ascii_whitespace() {
            let pt = payload_type(format).ok_or_else(|| {
                invalid(format!("\"{}\" in an m-line is not a payload type; use 0 to 127", shown(format)))
            })?;
            if order.contains(&pt) {
                return Err(invalid(format!("payload type {pt} stands twice in an m-line")));
            }
            order.push(pt);
        }
        let mut names = BTreeMap::new();
        for value in media.get_attribute_values("rtpmap") {
            let (pt, name) = format_line(value)
                .ok_or_else(|| invalid("a=rtpmap must have the form \"<payload type> <encoding>/<rate>\""))?;
            if names.insert(pt, name.to_ascii_uppercase()).is_some() {
                return Err(invalid(format!("payload type {pt} has two a=rtpmap in one m-section")));
            }
        }
        let mut parameters = BTreeMap::new();
        for value in media.get_attribute_values("fmtp") {
            let (pt, text) = format_line(value)
                .ok_or_else(|| invalid("a=fmtp must have the form \"<payload type> <parameters>\""))?;
            let pairs = text.split(';').filter_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                Some((name.trim().to_ascii_lowercase(), value.trim()))
            });
            if parameters.insert(pt, pairs.collect()).is_some() {
                return Err(invalid(format!("payload type {pt} has two a=fmtp in one m-section")));
            }
        }
        Ok(Self { order, names, parameters, media })
    }

    fn parameter(&self, pt: u8, name: &str) -> Option<&'a str> {
        self.parameters.get(&pt)?.get(name).copied()
    }

    /// The first payload type with this `rtpmap` whose parameters `suit`.
    fn first(&self, name: &str, suits: impl Fn(&dyn Fn(&str) -> Option<&'a str>) -> bool) -> Option<u8> {
        self.order.iter().copied().find(|pt| {
            self.names.get(pt).is_some_and(|known| known == name)
                && suits(&|parameter| self.parameter(*pt, parameter))
        })
    }

    /// The RTX stream of `pt` (RFC 4588 §8.6), where it can be asked for at all.
    fn rtx_of(&self, pt: u8, feedback: &[&str]) -> Option<u8> {
        self.order.iter().copied().find(|rtx| {
            feedback.contains(&"nack")
                && is_dynamic(*rtx)
                && self.names.get(rtx).is_some_and(|name| name == "RTX/90000")
                && self.parameter(*rtx, "apt").and_then(number::<u8>) == Some(pt)
        })
    }

    fn feedback(&self, pt: u8) -> Vec<&'static str> {
        let offered: BTreeSet<String> = self
            .media
            .get_attribute_values("rtcp-fb")
            .flatten()
            .filter_map(|value| {
                let mut words = value.split_ascii_whitespace();
                let whose = words.next()?;
                (whose == "*" || payload_type(whose) == Some(pt))
                    .then(|| words.collect::<Vec<_>>().join(" ").to_ascii_lowercase())
            })
            .collect();
        FEEDBACK.into_iter().filter(|feedback| offered.contains(*feedback)).collect()
    }

    /// The parameters that bear on what we decode, checked and in a fixed order.
    ///
    /// Left out: `sprop-parameter-sets` (WebRTC sends them in band only, RFC 7742 §6.2), what limits only
    /// the other direction (`max-fs`, `maxplaybackrate`), and `usedtx`: gaps in the sound cost more
    /// at the mixer than the bits they save.
    fn fmtp(&self, pt: u8, video: Option<VideoCodec>) -> Option<String> {
        let flag = |name: &str| self.parameter(pt, name).filter(|value| ["0", "1"].contains(value));
        let mut kept = Vec::new();
        match video {
            Some(VideoCodec::H264) => {
                kept.extend(flag("level-asymmetry-allowed").map(|v| format!("level-asymmetry-allowed={v}")));
                kept.push("packetization-mode=1".to_owned());
                let profile = self.parameter(pt, "profile-level-id").map(str::to_ascii_lowercase);
                kept.extend(profile.map(|v| format!("profile-level-id={v}")));
            }
            Some(VideoCodec::Vp8) => {}
            None => {
                let minptime = self.parameter(pt, "minptime").and_then(number::<u8>);
                // RFC 7587 §6.1: 3, 5, 10, 20, 40, 60 ms, or a sum of such up to 120.
                kept.extend(minptime.filter(|v| (3..=120).contains(v)).map(|v| format!("minptime={v}")));
                for name in ["sprop-stereo", "stereo", "useinbandfec"] {
                    kept.extend(flag(name).map(|v| format!("{name}={v}")));
                }
            }
        }
        (!kept.is_empty()).then(|| kept.join(";"))
    }

    fn none_in_common(&self, kind: Kind) -> OfferError {
        let mut offered = Vec::new();
        for name in self.order.iter().filter_map(|pt| self.names.get(pt)) {
            let name = shown(name);
            if !offered.contains(&name) && offered.len() < 12 {
                offered.push(name);
            }
        }
        let offered =
            if offered.is_empty() { "no codec with an a=rtpmap".to_owned() } else { offered.join(", ") };
        let allowed = match kind {
            Kind::Audio => "opus/48000/2",
            Kind::Video => {
                "H264/90000 with packetization-mode=1 (Baseline, Main or High profile) and VP8/90000"
            }
        };
        OfferError::NoCommonCodec(format!("the {kind} m-line offers {offered}; allowed: {allowed}"))
    }
}

/// How much of an H.264 profile our decoder knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    /// Constrained Baseline, Main, High.
    Full,
    /// Plain Baseline allows slice orders that libavcodec does not decode. Browsers offer it before the
    /// constrained one and send the constrained one all the same, so it is good enough alone.
    Baseline,
}

/// The profile of an H.264 format with mode 1. Without `profile-level-id` it is Baseline (RFC 6184 §8.1);
/// without `packetization-mode` it is mode 0.
fn h264_profile<'a>(parameter: &dyn Fn(&str) -> Option<&'a str>) -> Option<Profile> {
    /// `constraint_set1_flag`: the stream keeps to what Main allows too.
    const CONSTRAINT_SET_1: u8 = 0x40;
    if parameter("packetization-mode") != Some("1") {
        return None;
    }
    let Some(id) = parameter("profile-level-id") else { return Some(Profile::Baseline) };
    if id.len() != 6 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let [_, profile, constraints, _] = u32::from_str_radix(id, 16).ok()?.to_be_bytes();
    match profile {
        66 if constraints & CONSTRAINT_SET_1 == 0 => Some(Profile::Baseline),
        66 | 77 | 100 => Some(Profile::Full),
        _ => None,
    }
}

fn format_line(value: Option<&str>) -> Option<(u8, &str)> {
    let (pt, rest) = value?.split_once(' ')?;
    Some((payload_type(pt)?, rest.trim())).filter(|(_, rest)| !rest.is_empty())
}

fn payload_type(text: &str) -> Option<u8> {
    number::<u8>(text).filter(|pt| *pt <= 127)
}

/// 96–127 (RFC 3551 §6), or the lower unassigned range that browsers overflow into; 64–95 would be
/// taken for RTCP under rtcp-mux (RFC 5761 §4).
const fn is_dynamic(pt: u8) -> bool {
    matches!(pt, 96..=127 | 35..=63)
}
