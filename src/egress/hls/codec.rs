//! Codec names as `CODECS` wants them (RFC 6381).

use crate::media::{AudioConfig, VideoConfig};

/// `avc1.PPCCLL`: profile, constraint flags and level as the avcC has them (ISO 14496-15 §5.3.3.1).
/// `None` when the record is too short to hold them.
pub fn avc1(config: &VideoConfig) -> Option<String> {
    match config.avcc.get(..4)? {
        [1, profile, constraints, level] => Some(format!("avc1.{profile:02x}{constraints:02x}{level:02x}")),
        _ => None,
    }
}

/// `mp4a.40.N`, N the audio object type (ISO 14496-3 §1.6.2.1; 2 is AAC-LC).
pub fn mp4a(config: &AudioConfig) -> Option<String> {
    let first = *config.asc.first()?;
    let second = *config.asc.get(1)?;
    let object_type = match first >> 3 {
        // 31 escapes to six more bits.
        31 => 32 + ((first & 7) << 3 | second >> 5),
        object_type => object_type,
    };
    (object_type != 0).then(|| format!("mp4a.40.{object_type}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(asc: &'static [u8]) -> AudioConfig {
        AudioConfig { asc: asc.into(), sample_rate: 48_000, channels: 2, kbps: 128 }
    }

    #[test]
    fn names_come_from_the_records() {
        let mut video = VideoConfig {
            avcc: vec![1, 0x4d, 0x40, 0x1f, 0xff].into(),
            width: 2,
            height: 2,
            fps: 30,
            kbps: 1,
        };
        assert_eq!(avc1(&video).as_deref(), Some("avc1.4d401f"));
        video.avcc = vec![1, 0x4d].into();
        assert_eq!(avc1(&video), None);
        assert_eq!(mp4a(&audio(&[0x11, 0x90])).as_deref(), Some("mp4a.40.2"));
        assert_eq!(mp4a(&audio(&[0xf9, 0x40])).as_deref(), Some("mp4a.40.42"));
        assert_eq!(mp4a(&audio(&[])), None);
    }
}
