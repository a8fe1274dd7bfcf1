//! A publisher's coded pictures as they come: H.264 access units of length-prefixed NAL units (ISO 14496-15
//! §5.3.2, four bytes of length), and what a decoder must know before them.

use bytes::{BufMut, Bytes, BytesMut};
use std::sync::Arc;

/// NAL unit types (H.264 table 7-1).
const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;

/// What a decoder must know before a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodedFormat {
    /// AVCDecoderConfigurationRecord.
    pub avcc: Bytes,
    /// Pixels, as shown.
    pub width: u32,
    /// Pixels, as shown.
    pub height: u32,
}

impl CodedFormat {
    /// What caps of `video/x-h264,stream-format=avc` say; `None` when they are others, or lengths have not four
    /// bytes.
    pub fn of_caps(caps: &gst::CapsRef) -> Option<Self> {
        let structure = caps.structure(0)?;
        let data = structure.get::<gst::Buffer>("codec_data").ok()?;
        let avcc = Bytes::copy_from_slice(&data.map_readable().ok()?);
        // lengthSizeMinusOne, the low two bits of the fifth byte.
        if avcc.get(4).is_none_or(|byte| byte & 3 != 3) {
            return None;
        }
        let pixels = |field| structure.get::<i32>(field).ok().and_then(|n| u32::try_from(n).ok());
        Some(Self { avcc, width: pixels("width")?, height: pixels("height")? })
    }
}

impl CodedFormat {
    /// Caps that say the same.
    pub fn caps(&self) -> gst::Caps {
        gst::Caps::builder("video/x-h264")
            .field("stream-format", "avc")
            .field("alignment", "au")
            .field("codec_data", gst::Buffer::from_slice(self.avcc.clone()))
            .field("width", i32::try_from(self.width).unwrap_or(i32::MAX))
            .field("height", i32::try_from(self.height).unwrap_or(i32::MAX))
            .build()
    }
}

/// A coded picture. Cloning shares the bytes.
#[derive(Debug, Clone)]
pub struct CodedPicture {
    /// Decoding can start here.
    pub idr: bool,
    /// What must be known before.
    pub format: Arc<CodedFormat>,
    /// The access unit.
    pub data: gst::Buffer,
}

/// The NAL units of an access unit; what is cut off at the end is none.
pub fn nal_units(access_unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = access_unit;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (unit, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = behind;
        Some(unit)
    })
}

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |byte| byte & 0x1f)
}

/// Whether decoding can start at this access unit. (A picture of I slices alone, which parsers call a keyframe
/// as well, is none: what follows may refer to what was before.)
pub fn is_idr(access_unit: &[u8]) -> bool {
    nal_units(access_unit).any(|unit| kind(unit) == IDR)
}

/// The access unit without its parameter sets, which are in the record that goes before it and must not stand in
/// the samples of an `avc1` track (ISO 14496-15 §5.4.2.1). Every other NAL unit is as it came.
pub fn without_parameters(access_unit: &[u8]) -> Bytes {
    let mut kept = BytesMut::with_capacity(access_unit.len());
    for unit in nal_units(access_unit).filter(|unit| !matches!(kind(unit), SPS | PPS)) {
        kept.put_u32(unit.len() as u32);
        kept.put_slice(unit);
    }
    kept.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&(unit.len() as u32).to_be_bytes(), *unit].concat()).collect()
    }

    #[test]
    fn a_format_says_what_its_caps_say() {
        gst::init().unwrap();
        let format = CodedFormat { avcc: vec![1, 66, 0xc0, 31, 0xff].into(), width: 640, height: 360 };
        assert_eq!(CodedFormat::of_caps(&format.caps()), Some(format.clone()));
        let short_lengths = CodedFormat { avcc: vec![1, 66, 0xc0, 31, 0xfd].into(), ..format };
        assert_eq!(CodedFormat::of_caps(&short_lengths.caps()), None);
    }

    #[test]
    fn only_an_idr_slice_makes_a_keyframe() {
        assert!(is_idr(&unit(&[&[0x67, 1], &[0x68, 1], &[0x65, 9]])));
        assert!(!is_idr(&unit(&[&[0x67, 1], &[0x68, 1], &[0x41, 9]])));
        assert!(!is_idr(&[]) && !is_idr(&[0, 0, 0, 9, 0x65]), "cut off");
    }

    #[test]
    fn parameter_sets_go_and_the_rest_stays_as_it_was() {
        let (sei, slice): (&[u8], &[u8]) = (&[0x06, 5, 1], &[0x65, 0, 0, 1, 7]);
        let given = unit(&[&[0x67, 1, 2], &[0x68, 3], sei, slice, slice]);
        assert_eq!(without_parameters(&given), unit(&[sei, slice, slice]));
        assert_eq!(without_parameters(&unit(&[&[0x67, 1], &[0x68, 1]])), Bytes::new());
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(without_parameters(&bytes).len() <= bytes.len());
            is_idr(&bytes);
        }

        #[test]
        fn slices_are_never_touched(units in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8)) {
            let slices: Vec<&[u8]> = units.iter().map(Vec::as_slice).filter(|u| !matches!(kind(u), 7 | 8)).collect();
            let given = unit(&units.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let kept = without_parameters(&given);
            prop_assert_eq!(nal_units(&kept).collect::<Vec<_>>(), slices);
        }
    }
}
