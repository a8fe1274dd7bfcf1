//! The parts of an RTP packet (RFC 3550 §5.1), pure.

/// Bytes of an RTP header without CSRCs and extension.
pub const HEADER: usize = 12;

/// A packet in its parts; CSRCs are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The first [`HEADER`] bytes.
    pub header: &'a [u8],
    /// What its profile says, and the header extension itself, where there is one.
    pub extension: Option<(u16, &'a [u8])>,
    /// All that follows, with padding.
    pub rest: &'a [u8],
}

/// Takes a packet apart; `None` for what is no RTP, or is cut off before its payload.
pub fn parts(packet: &[u8]) -> Option<Parts<'_>> {
    let (header, rest) = packet.split_at_checked(HEADER)?;
    if header[0] >> 6 != 2 {
        return None;
    }
    let rest = rest.get(usize::from(header[0] & 0x0f) * 4..)?;
    if header[0] & 0x10 == 0 {
        return Some(Parts { header, extension: None, rest });
    }
    let [a, b, c, d, rest @ ..] = rest else { return None };
    let words = usize::from(u16::from_be_bytes([*c, *d]));
    let (extension, rest) = rest.split_at_checked(words * 4)?;
    Some(Parts { header, extension: Some((u16::from_be_bytes([*a, *b]), extension)), rest })
}
