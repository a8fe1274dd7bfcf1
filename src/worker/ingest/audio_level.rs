//! How loud a publisher says that a packet of sound is (RFC 6464): known before anything is decoded.

use crate::{units::Dbov, worker::rtp};

/// The profiles of the one-byte and the two-byte form (RFC 8285 §4.2, §4.3); the latter's last four bits are the
/// application's.
const ONE_BYTE: u16 = 0xBEDE;
const TWO_BYTE: u16 = 0x1000;

/// The level in the header extension `id` of an RTP packet, where it is there.
pub fn read(packet: &[u8], id: u8) -> Option<Dbov> {
    let (profile, extension) = rtp::parts(packet)?.extension?;
    let level = match profile {
        ONE_BYTE => element(extension, id, |head, _| match head {
            // 15 ends the list; length 0 is one byte.
            _ if head >> 4 == 15 => None,
            _ => Some((head >> 4, usize::from(head & 0x0f) + 1, 1)),
        }),
        profile if profile & 0xfff0 == TWO_BYTE => {
            element(extension, id, |head, length| Some((head, usize::from(length?), 2)))
        }
        _ => None,
    }?;
    // The highest bit says whether it is speech, of which we make our own picture.
    Some(Dbov::below(level & 0x7f))
}

/// The first byte of the element `id`; `read` tells id, length and size of an element's head.
fn element(
    mut rest: &[u8],
    id: u8,
    read: impl Fn(u8, Option<u8>) -> Option<(u8, usize, usize)>,
) -> Option<u8> {
    while let Some(&head) = rest.first() {
        // Padding.
        if head == 0 {
            rest = &rest[1..];
            continue;
        }
        let (found, length, size) = read(head, rest.get(1).copied())?;
        let data = rest.get(size..size + length)?;
        if found == id {
            return data.first().copied();
        }
        rest = &rest[size + length..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(csrcs: u8, profile: u16, extension: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x90 | csrcs, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend(std::iter::repeat_n(7, usize::from(csrcs) * 4));
        packet.extend(profile.to_be_bytes());
        packet.extend((extension.len().div_ceil(4) as u16).to_be_bytes());
        packet.extend(extension);
        packet.extend(std::iter::repeat_n(0, extension.len().next_multiple_of(4) - extension.len()));
        packet.extend([0x78, 1, 2, 3]);
        packet
    }

    #[test]
    fn both_forms_of_extensions_are_read() {
        // Transport-wide congestion control (id 3, two bytes), then the level (id 1).
        let one = packet(0, 0xBEDE, &[0x31, 0xab, 0xcd, 0x10, 0x80 | 30]);
        assert_eq!(read(&one, 1), Some(Dbov::below(30)));
        assert_eq!(read(&one, 2), None);
        let two = packet(2, 0x1005, &[3, 2, 0xab, 0xcd, 0, 1, 1, 127]);
        assert_eq!(read(&two, 1), Some(Dbov::SILENCE));
        assert_eq!(read(&packet(0, 0xBEDE, &[0xf0, 0x10, 20]), 1), None, "15 ends the list");
        assert_eq!(read(&packet(0, 0x4321, &[0x10, 20]), 1), None);
        assert_eq!(read(&packet(0, 0x1000, &[1, 0, 2, 0]), 1), None, "no data");
    }

    #[test]
    fn what_is_cut_off_has_no_level() {
        let whole = packet(1, 0xBEDE, &[0x31, 0xab, 0xcd, 0x10, 20]);
        let end = 12 + 4 + 4 + 8;
        assert!((0..end).all(|length| read(&whole[..length], 1).is_none()));
        assert_eq!(read(&whole[..end], 1), Some(Dbov::below(20)));
        let mut plain = whole;
        plain[0] &= !0x10;
        assert_eq!(read(&plain, 1), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(packet in prop::collection::vec(any::<u8>(), 0..80), id in 1u8..15) {
            let _ = read(&packet, id);
            let mut packet = packet;
            if packet.len() > 14 {
                packet[0] = 0x90 | packet[0] & 0x0f;
                packet[12..14].copy_from_slice(&0xBEDEu16.to_be_bytes());
            }
            let _ = read(&packet, id);
        }
    }
}
