//! One m-section, read and written.

use super::{
    MAX_SSRCS, OfferError, Role,
    candidate::{self, number},
    codec::{Codec, TRANSPORT_CC_FEEDBACK},
    extension::Extensions,
    invalid,
    text::{is_token, shown},
};
use sdp_types::{Media, Session};
use std::fmt::{self, Arguments};

/// What an m-section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    Video,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}

/// The one profile that WebRTC uses (RFC 8834 §4.2), and that webrtcbin answers with in any case.
const PROTO: &str = "UDP/TLS/RTP/SAVPF";

/// Longest mid, bytes. RFC 8829 §5.2.1 advises three; browsers and SDKs use up to ten.
const MAX_MID_BYTES: usize = 32;

/// What we keep of an m-section, apart from its transport.
pub(super) struct Section {
    pub(super) kind: Kind,
    pub(super) mid: String,
    pub(super) codec: Codec,
    pub(super) extensions: Extensions,
    pub(super) ssrcs: Vec<u32>,
    /// The useful ones, written anew.
    pub(super) candidates: Vec<String>,
    /// How many were offered, useful or not.
    pub(super) candidate_lines: usize,
    reduced_size: bool,
    role: Role,
}

impl Section {
    pub(super) fn read(media: &Media, session: &Session, role: Role) -> Result<Self, OfferError> {
        let kind = kind_of(media)?;
        check_direction(media, session, kind, role)?;
        let mut codec = Codec::choose(media, kind, role)?;
        // What is forwarded carries none: their numbers would be the publisher's.
        let mut extensions = match role {
            Role::Publisher => Extensions::read(media, kind == Kind::Audio)?,
            Role::Subscriber(_) => Extensions::default(),
        };
        if extensions.transport_cc.is_none() {
            codec.drop_transport_cc();
        } else if !codec.has_feedback(TRANSPORT_CC_FEEDBACK) {
            extensions.transport_cc = None;
        }
        let mut candidates = Vec::new();
        let mut candidate_lines = 0;
        for value in media.get_attribute_values("candidate") {
            candidate_lines += 1;
            let text = format!("candidate:{}", value.unwrap_or_default());
            candidates.extend(candidate::normalise(&text).map_err(OfferError::Invalid)?);
        }
        Ok(Self {
            kind,
            mid: mid_of(media, kind)?,
            codec,
            extensions,
            ssrcs: ssrcs_of(media, kind)?,
            candidates,
            candidate_lines,
            reduced_size: media.has_attribute("rtcp-rsize"),
            role,
        })
    }

    /// From the m-line to the mid.
    pub(super) fn write_head(&self, line: &mut impl FnMut(Arguments<'_>)) {
        let formats: Vec<String> = self.codec.payload_types().map(|pt| pt.to_string()).collect();
        line(format_args!("m={} 9 {PROTO} {}", self.kind, formats.join(" ")));
        line(format_args!("c=IN IP4 0.0.0.0"));
        line(format_args!("a=mid:{}", self.mid));
    }

    /// Everything that is not transport.
    pub(super) fn write_media(&self, line: &mut impl FnMut(Arguments<'_>)) {
        if self.reduced_size {
            line(format_args!("a=rtcp-rsize"));
        }
        // Also for sendrecv: media goes one way on a session (RFC 9725 §4.2), and our answer is good for
        // both.
        line(format_args!("a={}", wanted(self.role)));
        self.extensions.write(line);
        self.codec.write(line);
        for ssrc in &self.ssrcs {
            // The name is ours: RTCP brings the true one, and nothing reads this.
            line(format_args!("a=ssrc:{ssrc} cname:publisher"));
        }
    }
}

fn kind_of(media: &Media) -> Result<Kind, OfferError> {
    match media.media.as_str() {
        "audio" => Ok(Kind::Audio),
        "video" => Ok(Kind::Video),
        other => Err(invalid(format!(
            "an m-line of {} is not allowed; one audio and one video m-line are",
            shown(other)
        ))),
    }
}

/// The direction that an offer needs, beside sendrecv.
const fn wanted(role: Role) -> &'static str {
    match role {
        Role::Publisher => "sendonly",
        Role::Subscriber(_) => "recvonly",
    }
}

fn check_direction(media: &Media, session: &Session, kind: Kind, role: Role) -> Result<(), OfferError> {
    if media.proto != PROTO {
        return Err(invalid(format!(
            "the {kind} m-line has protocol {}; {PROTO} is needed",
            shown(&media.proto)
        )));
    }
    if media.num_ports.is_some() {
        return Err(invalid(format!("the {kind} m-line asks for several ports; one transport has one")));
    }
    // Port 0 means refused, except under bundle-only, where there is no port of its own (RFC 9143 §6).
    if media.port == 0 && !media.has_attribute("bundle-only") {
        return Err(invalid(format!(
            "the {kind} m-line is switched off (port 0); leave it out of the offer"
        )));
    }
    // Under bundle-only the section uses another's transport, which says rtcp-mux itself.
    if !media.has_attribute("rtcp-mux") && !media.has_attribute("bundle-only") {
        return Err(invalid(format!("the {kind} m-line lacks a=rtcp-mux; RTP and RTCP must share one port")));
    }
    let directions = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let own: Vec<&str> = directions.into_iter().filter(|d| media.has_attribute(d)).collect();
    let general: Vec<&str> = directions.into_iter().filter(|d| session.has_attribute(d)).collect();
    match (&own[..], &general[..]) {
        ([own], _) if [wanted(role), "sendrecv"].contains(own) => Ok(()),
        ([], [general]) if [wanted(role), "sendrecv"].contains(general) => Ok(()),
        ([], []) => Ok(()),
        ([_], _) | ([], [_]) if role != Role::Publisher => Err(invalid(format!(
            "the {kind} m-line does not receive; a subscriber's m-lines must be recvonly or sendrecv"
        ))),
        ([_], _) | ([], [_]) => Err(invalid(format!(
            "the {kind} m-line does not send; a publisher's m-lines must be sendonly or sendrecv"
        ))),
        _ => Err(invalid(format!(
            "the {kind} m-line has several directions; one of {} and sendrecv is needed",
            wanted(role)
        ))),
    }
}

fn mid_of(media: &Media, kind: Kind) -> Result<String, OfferError> {
    let mut mids = media.get_attribute_values("mid");
    match (mids.next().flatten(), mids.next()) {
        (Some(mid), None) if is_token(mid, MAX_MID_BYTES) => Ok(mid.to_owned()),
        (None, None) => Err(invalid(format!("the {kind} m-line has no a=mid"))),
        _ => Err(invalid(format!(
            "the {kind} m-line must have one a=mid of 1 to {MAX_MID_BYTES} letters, digits or - _ . +"
        ))),
    }
}

/// The SSRCs of a medium; webrtcbin uses them to tell audio from video where the mid extension is not
/// there, and asserts on 0.
fn ssrcs_of(media: &Media, kind: Kind) -> Result<Vec<u32>, OfferError> {
    let mut ssrcs = Vec::new();
    for value in media.get_attribute_values("ssrc") {
        let id = value.unwrap_or_default().split(' ').next().unwrap_or_default();
        let Some(ssrc) = number::<u32>(id).filter(|ssrc| *ssrc != 0) else {
            return Err(invalid(format!("a=ssrc:{} is not a number from 1 to 4294967295", shown(id))));
        };
        if !ssrcs.contains(&ssrc) {
            ssrcs.push(ssrc);
        }
        if ssrcs.len() > MAX_SSRCS {
            return Err(invalid(format!("the {kind} m-line has more than {MAX_SSRCS} SSRCs")));
        }
    }
    Ok(ssrcs)
}
