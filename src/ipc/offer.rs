//! What a publisher or subscriber offers, as control understood it.

use serde::{Deserialize, Serialize};

/// A publisher's or subscriber's offer, already validated and normalised by control (`control::offer`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngestOffer {
    /// SDP with one codec per medium; `setup`, `ice-*` and `fingerprint` at media level only.
    pub sdp: String,
    /// SHA-256 of the peer's DTLS certificate in DER, which the worker compares after the handshake.
    pub fingerprint_sha256: [u8; 32],
    /// What is in the offer.
    pub video: Option<OfferedVideo>,
    /// Opus is in the offer.
    pub audio: Option<OfferedAudio>,
}

/// The one video codec that was chosen from an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedVideo {
    /// The codec.
    pub codec: VideoCodec,
    /// Its RTP payload type.
    pub payload_type: u8,
    /// The payload type of its RTX stream, where offered.
    pub rtx_payload_type: Option<u8>,
    /// The `extmap` id of transport-wide congestion control, where offered.
    pub transport_cc_id: Option<u8>,
    /// The m-line's index in the SDP.
    pub mline: u32,
}

/// The audio of an offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedAudio {
    /// Opus' RTP payload type.
    pub payload_type: u8,
    /// The `extmap` id of transport-wide congestion control, where offered.
    pub transport_cc_id: Option<u8>,
    /// The `extmap` id of `ssrc-audio-level` (RFC 6464), where offered.
    pub audio_level_id: Option<u8>,
    /// The m-line's index in the SDP.
    pub mline: u32,
}

/// Video codecs a publisher may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VideoCodec {
    /// H.264, packetization-mode 1.
    H264,
    /// VP8.
    Vp8,
}

/// A trickled ICE candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// m-line index.
    pub mline: u32,
    /// `candidate:…`, validated in form by control.
    pub candidate: String,
}
