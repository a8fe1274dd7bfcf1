//! RTP header extensions (RFC 8285) that we use; all others are left out of the answer.

use super::{OfferError, candidate::number, invalid};
use sdp_types::Media;
use std::{collections::BTreeMap, fmt::Arguments};

const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// Ids of one m-section, 1–14 each (one-byte headers, RFC 8285 §4.2; 15 is reserved).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// Congestion control: without it Chromium stays at half a megabit.
    pub(super) transport_cc: Option<u8>,
    /// RFC 6464: who speaks, without decoding.
    pub(super) audio_level: Option<u8>,
    /// RFC 9143 §15: tells webrtcbin which m-line an SSRC belongs to.
    pub(super) mid: Option<u8>,
}

impl Extensions {
    pub(super) fn read(media: &Media, is_audio: bool) -> Result<Self, OfferError> {
        let mut extensions = Self::default();
        let mut seen = BTreeMap::new();
        for value in media.get_attribute_values("extmap") {
            let bad =
                || invalid("a=extmap must have the form \"<id>[/direction] <uri>\" with an id of 1 to 255");
            let mut fields = value.unwrap_or_default().split_ascii_whitespace();
            let (head, uri) = (fields.next().ok_or_else(bad)?, fields.next().ok_or_else(bad)?);
            let (id, direction) = head.split_once('/').unwrap_or((head, "sendrecv"));
            let id = number::<u16>(id).filter(|id| *id > 0).ok_or_else(bad)?;
            if seen.insert(id, uri).is_some() {
                return Err(invalid(format!("a=extmap id {id} stands for two extensions in one m-section")));
            }
            // The peer would not send it.
            if direction == "recvonly" || direction == "inactive" {
                continue;
            }
            let Some(id) = u8::try_from(id).ok().filter(|id| (1..=14).contains(id)) else { continue };
            let slot = match uri {
                TRANSPORT_CC => &mut extensions.transport_cc,
                AUDIO_LEVEL if is_audio => &mut extensions.audio_level,
                MID => &mut extensions.mid,
                _ => continue,
            };
            slot.get_or_insert(id);
        }
        Ok(extensions)
    }

    fn all(&self) -> impl Iterator<Item = (u8, &'static str)> {
        let pairs = [(self.audio_level, AUDIO_LEVEL), (self.transport_cc, TRANSPORT_CC), (self.mid, MID)];
        pairs.into_iter().filter_map(|(id, uri)| Some((id?, uri)))
    }

    pub(super) fn write(&self, line: &mut impl FnMut(Arguments<'_>)) {
        for (id, uri) in self.all() {
            line(format_args!("a=extmap:{id} {uri}"));
        }
    }
}

/// Within a bundle an id means one extension (RFC 9143 §12); webrtcbin fails to answer otherwise.
pub(super) fn refuse_clashes<'a>(sections: impl Iterator<Item = &'a Extensions>) -> Result<(), OfferError> {
    let mut meaning = BTreeMap::new();
    for (id, uri) in sections.flat_map(Extensions::all) {
        if meaning.insert(id, uri).is_some_and(|earlier| earlier != uri) {
            return Err(invalid(format!("a=extmap id {id} stands for two extensions in one bundle")));
        }
    }
    Ok(())
}
