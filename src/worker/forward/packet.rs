//! A publisher's RTP packet made a subscriber's, pure: payload type, SSRC and sequence number are the
//! subscription's own, header extensions and CSRCs (whose numbers mean something to the publisher only) are
//! left out, the payload stays as it came.

use crate::{
    ipc::VideoCodec,
    worker::rtp::{self, HEADER, Parts},
};

/// H.264: a key picture or its parameters (RFC 6184 §5.2; types 5, 7).
const H264_IDR: u8 = 5;
const H264_SPS: u8 = 7;
const H264_STAP_A: u8 = 24;
const H264_FU_A: u8 = 28;

/// Renumbers one medium of one subscription.
#[derive(Debug)]
pub struct Renumbering {
    payload_type: u8,
    ssrc: u32,
    /// What is added to a publisher's sequence number.
    shift: u16,
    /// Our last sequence number.
    last: u16,
    /// What was left out so far is no loss: go on without a gap.
    resume: bool,
    /// Video that cannot be decoded yet is left out; `None` for audio.
    codec: Option<VideoCodec>,
    awaits_keyframe: bool,
}

impl Renumbering {
    /// Begins with `first`; video with a keyframe.
    pub const fn new(payload_type: u8, ssrc: u32, first: u16, codec: Option<VideoCodec>) -> Self {
        let awaits_keyframe = codec.is_some();
        Self {
            payload_type,
            ssrc,
            shift: 0,
            last: first.wrapping_sub(1),
            resume: true,
            codec,
            awaits_keyframe,
        }
    }

    /// A packet was kept from the subscriber on purpose: what follows is whole without it, video from the next
    /// keyframe on.
    pub const fn skip(&mut self) {
        self.resume = true;
        self.awaits_keyframe = self.codec.is_some();
    }

    /// Nothing is sent until a keyframe comes.
    pub const fn awaits_keyframe(&self) -> bool {
        self.awaits_keyframe
    }

    /// The subscriber's packet; `None` for what is no RTP, or no use before a keyframe.
    pub fn renumber(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let payload = payload(packet)?;
        if self.awaits_keyframe {
            if !self.codec.is_some_and(|codec| begins_keyframe(codec, payload)) {
                return None;
            }
            self.awaits_keyframe = false;
        }
        let number = u16::from_be_bytes([packet[2], packet[3]]);
        if std::mem::take(&mut self.resume) {
            self.shift = self.last.wrapping_add(1).wrapping_sub(number);
        }
        let number = number.wrapping_add(self.shift);
        // The jitter buffer gives packets in order; should one come late all the same, the last stays the last.
        if number.wrapping_sub(self.last) < 0x8000 {
            self.last = number;
        }
        let mut out = Vec::with_capacity(HEADER + payload.len());
        out.push(0x80);
        out.push((packet[1] & 0x80) | self.payload_type);
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&packet[4..8]);
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(payload);
        Some(out)
    }
}

/// What an RTP packet carries, without padding.
fn payload(packet: &[u8]) -> Option<&[u8]> {
    let Parts { header, rest, .. } = rtp::parts(packet)?;
    if header[0] & 0x20 == 0 {
        return Some(rest);
    }
    let padding = usize::from(*rest.last()?);
    rest.get(..rest.len().checked_sub(padding)?)
}

/// Whether a keyframe, or the parameters before it, begins with this payload.
fn begins_keyframe(codec: VideoCodec, payload: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => h264_begins_keyframe(payload),
        VideoCodec::Vp8 => vp8_begins_keyframe(payload).unwrap_or(false),
    }
}

fn h264_begins_keyframe(payload: &[u8]) -> bool {
    let kind = |byte: Option<&u8>| byte.map(|byte| byte & 0x1f);
    match kind(payload.first()) {
        Some(H264_IDR | H264_SPS) => true,
        Some(H264_STAP_A) => {
            let mut rest = &payload[1..];
            while let [high, low, unit @ ..] = rest {
                if matches!(kind(unit.first()), Some(H264_IDR | H264_SPS)) {
                    return true;
                }
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = unit.get(length..).unwrap_or_default();
            }
            false
        }
        Some(H264_FU_A) => payload.get(1).is_some_and(|fu| fu & 0x80 != 0 && fu & 0x1f == H264_IDR),
        _ => false,
    }
}

/// RFC 7741 §4.2, §4.3: the start of the first partition of a frame whose P bit is 0.
fn vp8_begins_keyframe(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & 0x80 != 0 {
        let more = *payload.get(1)?;
        at = 2;
        if more & 0x80 != 0 {
            at += if *payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(more & 0x40 != 0);
        at += usize::from(more & 0x30 != 0);
    }
    let begins = first & 0x10 != 0 && first & 0x07 == 0;
    Some(begins && payload.get(at)? & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 0xe0];
        packet.extend_from_slice(&number.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 9, 1, 2, 3, 4]);
        packet.extend_from_slice(payload);
        packet
    }

    const IDR: &[u8] = &[0x65, 1];
    const DELTA: &[u8] = &[0x41, 1];

    fn numbers(renumbering: &mut Renumbering, packets: &[(u16, &[u8])]) -> Vec<Option<u16>> {
        let mut out = Vec::new();
        for (number, payload) in packets {
            let sent = renumbering.renumber(&packet(*number, payload));
            out.push(sent.map(|sent| u16::from_be_bytes([sent[2], sent[3]])));
        }
        out
    }

    #[test]
    fn a_packet_keeps_marker_time_and_payload() {
        let mut audio = Renumbering::new(111, 0x0a0b_0c0d, 7, None);
        // With a CSRC, an extension of one word and two bytes of padding.
        let full = [
            0xb1, 0xee, 0, 50, 0, 0, 0, 9, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 0x55, 0x66,
            0, 2,
        ];
        let sent = audio.renumber(&full).unwrap();
        assert_eq!(sent, [0x80, 0x80 | 111, 0, 7, 0, 0, 0, 9, 0x0a, 0x0b, 0x0c, 0x0d, 0x55, 0x66]);
        for length in 0..full.len() {
            // Whatever a publisher sends, nothing panics.
            let _ = audio.renumber(&full[..length]);
        }
        assert_eq!(audio.renumber(&[0; 20]), None, "not version 2");
    }

    #[test]
    fn video_begins_with_a_keyframe_and_losses_stay_losses() {
        let mut video = Renumbering::new(96, 1, 65_535, Some(VideoCodec::H264));
        let sent = numbers(&mut video, &[(9, DELTA), (10, IDR), (11, DELTA), (13, DELTA)]);
        assert_eq!(sent, [None, Some(65_535), Some(0), Some(2)]);
        video.skip();
        let sent = numbers(&mut video, &[(20, DELTA), (30, IDR), (31, DELTA)]);
        assert_eq!(sent, [None, Some(3), Some(4)], "what was muted is no gap");
    }

    #[test]
    fn keyframes_are_known_by_their_payload() {
        for (payload, key) in [
            (&[0x67, 0x42][..], true),
            (&[0x78, 0, 2, 0x09, 0x10, 0, 1, 0x67], true),
            (&[0x78, 0, 1, 0x41], false),
            (&[0x7c, 0x85], true),
            (&[0x7c, 0x05], false),
            (&[], false),
        ] {
            assert_eq!(begins_keyframe(VideoCodec::H264, payload), key, "{payload:x?}");
        }
        for (payload, key) in [
            (&[0x10, 0x00][..], true),
            (&[0x10, 0x01], false),
            (&[0x00, 0x00], false),
            (&[0x90, 0x80, 0x81, 0x02, 0x00], true),
            (&[0x90, 0xf0, 0x81, 0x02, 0x00, 0x00, 0x01], false),
            (&[0x90], false),
        ] {
            assert_eq!(begins_keyframe(VideoCodec::Vp8, payload), key, "{payload:x?}");
        }
    }
}
