//! A publisher's SDP offer, made safe: parsed, validated and written anew.
//!
//! webrtcbin of GStreamer 1.22 asserts, or believes too much, when an SDP is odd, and one assertion
//! ends the worker of a whole conference. So no text of a client's offer ever reaches it. What the
//! offer *means* is read into plain values here, whatever is missing, doubled or contradictory is
//! refused with a sentence that says what is allowed, and a new SDP of a fixed form is written from
//! the values. The rules:
//!
//! 1. Everything is bounded: [`MAX_OFFER_BYTES`], [`MAX_LINES`], [`MAX_LINE_BYTES`],
//!    [`MAX_CANDIDATES`], [`MAX_SSRCS`].
//! 2. At most one audio and one video m-line, `UDP/TLS/RTP/SAVPF`, that sends (RFC 9725 §4.4.2).
//!    Nothing is rejected in part: an m-line that cannot be taken refuses the offer (§4.4.3).
//! 3. One transport: BUNDLE over everything, rtcp-mux, one ICE ufrag and password, one SHA-256
//!    fingerprint, one DTLS role. They may stand at session level (OBS) or only in the first m-section
//!    of the bundle (RFC 9143 §6, bundle-only); written they stand in each m-section and nowhere else.
//! 4. One codec per medium: Opus; H.264 with packetization-mode 1, else VP8, with its RTX.
//! 5. Of the header extensions stay the three that we use, of the candidates the UDP ones with a
//!    literal address, of the SSRCs the numbers.
//!
//! The written SDP is accepted by [`parse`] again and gives the same [`IngestOffer`].

pub mod candidate;
mod codec;
mod extension;
mod section;
pub(in crate::control) mod text;
pub(in crate::control) mod transport;

use crate::{
    control::error::ControlError,
    ipc::{IngestOffer, OfferedAudio, OfferedVideo, VideoCodec},
};
use section::{Kind, Section};
use std::{collections::BTreeSet, fmt::Write};
use transport::Transport;

/// Longest offer, bytes. A Chromium offer with every codec is 6 kB; candidates of many interfaces
/// and hardware codecs can triple it. The default of `limits.max_sdp_bytes`.
pub const MAX_OFFER_BYTES: usize = 65_536;

/// Most lines of an offer; Chromium's longest has 200.
pub const MAX_LINES: usize = 2_000;

/// Longest line, bytes. The longest useful one, a list of payload types or H.264 parameter sets, has
/// a few hundred.
pub const MAX_LINE_BYTES: usize = 2_048;

/// Most ICE candidates in an offer or in a trickle fragment.
pub const MAX_CANDIDATES: usize = 64;

/// Most SSRCs of one medium: six simulcast layers with RTX would be twelve.
pub const MAX_SSRCS: usize = 16;

/// Why an offer was refused; the sentence is shown to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Malformed, unsafe, or nothing that can be published.
    #[error("{0}")]
    Invalid(String),
    /// A medium offers only codecs that we cannot decode.
    #[error("{0}")]
    NoCommonCodec(String),
}

impl From<OfferError> for ControlError {
    fn from(error: OfferError) -> Self {
        match error {
            OfferError::Invalid(detail) => Self::SdpInvalid(detail),
            OfferError::NoCommonCodec(detail) => Self::NoCommonCodec(detail),
        }
    }
}

fn invalid(detail: impl Into<String>) -> OfferError {
    OfferError::Invalid(detail.into())
}

/// Reads an offer, checks it and writes it anew.
///
/// # Errors
/// [`OfferError`] with a sentence that names what is wrong and what is allowed.
pub fn parse(sdp: &str) -> Result<IngestOffer, OfferError> {
    read(sdp, Role::Publisher)
}

/// Reads a subscriber's offer (WHEP): the same rules, but its m-lines receive, and video is of `video` only.
///
/// # Errors
/// [`OfferError`] with a sentence that names what is wrong and what is allowed.
pub fn parse_subscriber(sdp: &str, video: VideoCodec) -> Result<IngestOffer, OfferError> {
    read(sdp, Role::Subscriber(video))
}

/// Who offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Sends, and we choose the codec.
    Publisher,
    /// Receives, and the publisher has chosen the codec.
    Subscriber(VideoCodec),
}

fn read(sdp: &str, role: Role) -> Result<IngestOffer, OfferError> {
    let session = text::tokenise(sdp)?;
    let sections = session
        .medias
        .iter()
        .map(|media| Section::read(media, &session, role))
        .collect::<Result<Vec<_>, _>>()?;
    if sections.is_empty() {
        return Err(invalid("there is no m-line; offer one audio and/or one video m-line"));
    }
    for kind in [Kind::Audio, Kind::Video] {
        if sections.iter().filter(|section| section.kind == kind).count() > 1 {
            return Err(invalid(format!(
                "there are several {kind} m-lines; one audio and one video are allowed, publish the rest in \
                 another session"
            )));
        }
    }
    let tag = bundle_tag(&session, &sections)?;
    let transport = Transport::read(&session, tag)?;
    refuse_clashes(&sections)?;

    Ok(IngestOffer {
        sdp: write(&sections, &transport, tag),
        fingerprint_sha256: transport.fingerprint,
        video: offered_video(&sections),
        audio: offered_audio(&sections),
    })
}

/// The index of the m-section whose transport all use: the first mid of the BUNDLE group.
fn bundle_tag(session: &sdp_types::Session, sections: &[Section]) -> Result<usize, OfferError> {
    let mut groups =
        session.get_attribute_values("group").flatten().filter_map(|value| value.strip_prefix("BUNDLE"));
    let Some(group) = groups.next() else {
        return match sections {
            [_] => Ok(0),
            _ => Err(invalid(
                "audio and video must share one transport: a=group:BUNDLE with both mids is missing",
            )),
        };
    };
    if groups.next().is_some() {
        return Err(invalid("there are several BUNDLE groups; one with every mid is allowed"));
    }
    let mids: Vec<&str> = group.split_ascii_whitespace().collect();
    let listed: BTreeSet<&str> = mids.iter().copied().collect();
    let present: BTreeSet<&str> = sections.iter().map(|section| section.mid.as_str()).collect();
    if present.len() != sections.len() {
        return Err(invalid("two m-lines have the same a=mid; each needs its own"));
    }
    if listed.len() != mids.len() || listed != present {
        return Err(invalid("a=group:BUNDLE must list the mid of every m-line once, and no other"));
    }
    sections
        .iter()
        .position(|section| mids.first() == Some(&section.mid.as_str()))
        .ok_or_else(|| invalid("a=group:BUNDLE is empty"))
}

/// Numbers that name one thing on the shared transport must not name two.
fn refuse_clashes(sections: &[Section]) -> Result<(), OfferError> {
    let mut payload_types = BTreeSet::new();
    let mut ssrcs = BTreeSet::new();
    let mut candidates = 0;
    for section in sections {
        for payload_type in section.codec.payload_types() {
            if !payload_types.insert(payload_type) {
                return Err(invalid(format!(
                    "payload type {payload_type} stands for two codecs of one bundle"
                )));
            }
        }
        for ssrc in &section.ssrcs {
            if !ssrcs.insert(*ssrc) {
                return Err(invalid(format!("SSRC {ssrc} stands in two m-sections")));
            }
        }
        candidates += section.candidate_lines;
    }
    if candidates > MAX_CANDIDATES {
        return Err(invalid(format!("there are {candidates} candidates; {MAX_CANDIDATES} are allowed")));
    }
    extension::refuse_clashes(sections.iter().map(|section| &section.extensions))
}

fn offered_video(sections: &[Section]) -> Option<OfferedVideo> {
    let (mline, section) = (0u32..).zip(sections).find(|(_, section)| section.kind == Kind::Video)?;
    Some(OfferedVideo {
        codec: section.codec.video?,
        payload_type: section.codec.payload_type,
        rtx_payload_type: section.codec.rtx,
        transport_cc_id: section.extensions.transport_cc,
        mline,
    })
}

fn offered_audio(sections: &[Section]) -> Option<OfferedAudio> {
    let (mline, section) = (0u32..).zip(sections).find(|(_, section)| section.kind == Kind::Audio)?;
    Some(OfferedAudio {
        payload_type: section.codec.payload_type,
        transport_cc_id: section.extensions.transport_cc,
        audio_level_id: section.extensions.audio_level,
        mline,
    })
}

/// The SDP that webrtcbin gets. The bundle is written in m-line order with the candidates in the first
/// m-section, since that is where webrtcbin makes the one transport.
fn write(sections: &[Section], transport: &Transport, tag: usize) -> String {
    let mut sdp = String::with_capacity(4096);
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = sdp.write_fmt(text);
        sdp.push_str("\r\n");
    };
    line(format_args!("v=0"));
    line(format_args!("o=- 0 0 IN IP4 127.0.0.1"));
    line(format_args!("s=-"));
    line(format_args!("t=0 0"));
    let mids: Vec<&str> = sections.iter().map(|section| section.mid.as_str()).collect();
    line(format_args!("a=group:BUNDLE {}", mids.join(" ")));
    for (index, section) in sections.iter().enumerate() {
        section.write_head(&mut line);
        transport.write(&mut line);
        section.write_media(&mut line);
        if index == 0 {
            for candidate in &sections[tag].candidates {
                line(format_args!("a={candidate}"));
            }
        }
    }
    sdp
}

#[cfg(test)]
mod tests;
