//! The bodies of FLV tags, which RTMP audio, video and data messages carry (Adobe FLV 10.1, annex E).

use super::amf0::Value;
use crate::media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig};
use bytes::{BufMut, Bytes, BytesMut};

/// AAC, "44 kHz", 16 bit, stereo: fixed for AAC whatever the stream really is (E.4.2.1).
const AAC_TAG: u8 = 0xAF;
/// CodecID AVC (E.4.3.1), low four bits of a video tag's first byte.
const AVC: u8 = 7;
const KEYFRAME: u8 = 0x10;
const INTER_FRAME: u8 = 0x20;
/// AVCPacketType and AACPacketType: parameters, or a frame.
const SEQUENCE_HEADER: u8 = 0;
const FRAME: u8 = 1;

/// The sequence header that tells a decoder `config`.
pub fn sequence_header(config: &TrackConfig) -> Bytes {
    match config {
        TrackConfig::Video(video) => body(&[KEYFRAME | AVC, SEQUENCE_HEADER, 0, 0, 0], &video.avcc),
        TrackConfig::Audio(audio) => body(&[AAC_TAG, SEQUENCE_HEADER], &audio.asc),
    }
}

/// A frame's tag body. `composition_ms` is pts − dts in the range of 24 bits with sign; audio has none.
pub fn frame(frame: &EncodedFrame, composition_ms: i32) -> Bytes {
    match frame.track {
        Track::Video => {
            let kind = if frame.keyframe { KEYFRAME } else { INTER_FRAME };
            let [_, a, b, c] = composition_ms.to_be_bytes();
            body(&[kind | AVC, FRAME, a, b, c], &frame.data)
        }
        Track::Audio => body(&[AAC_TAG, FRAME], &frame.data),
    }
}

/// `onMetaData`'s argument. Enhanced RTMP v2 demands an associative array; names as in annex E.5.
pub fn metadata(video: Option<&VideoConfig>, audio: Option<&AudioConfig>) -> Value {
    let number = |name: &str, value: u32| (name.to_owned(), Value::Number(f64::from(value)));
    // A live stream has no duration; readers expect the property nevertheless.
    let mut properties = vec![number("duration", 0)];
    if let Some(video) = video {
        properties.extend([
            number("width", video.width),
            number("height", video.height),
            number("framerate", video.fps),
            number("videocodecid", u32::from(AVC)),
        ]);
        if video.kbps > 0 {
            properties.push(number("videodatarate", video.kbps));
        }
    }
    if let Some(audio) = audio {
        properties.extend([
            number("audiocodecid", u32::from(AAC_TAG >> 4)),
            number("audiodatarate", audio.kbps),
            number("audiosamplerate", audio.sample_rate),
            number("audiosamplesize", 16),
            number("audiochannels", audio.channels),
            ("stereo".to_owned(), Value::Boolean(audio.channels == 2)),
        ]);
    }
    properties
        .push(("encoder".to_owned(), Value::string(concat!("MeetingCast/", env!("CARGO_PKG_VERSION")))));
    Value::EcmaArray(properties)
}

fn body(head: &[u8], payload: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(head.len() + payload.len());
    body.put_slice(head);
    body.put_slice(payload);
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MediaTime;

    fn video_frame(keyframe: bool) -> EncodedFrame {
        EncodedFrame {
            track: Track::Video,
            pts: MediaTime::ZERO,
            dts: MediaTime::ZERO,
            duration: MediaTime::ZERO,
            keyframe,
            data: Bytes::from_static(&[0, 0, 0, 1, 0x65]),
        }
    }

    #[test]
    fn video_bodies_say_key_and_composition_time() {
        assert_eq!(frame(&video_frame(true), 66)[..], [0x17, 1, 0, 0, 66, 0, 0, 0, 1, 0x65]);
        assert_eq!(frame(&video_frame(false), -2)[..5], [0x27, 1, 0xFF, 0xFF, 0xFE]);
    }

    #[test]
    fn headers_carry_the_parameters() {
        let video = VideoConfig { avcc: Bytes::from_static(&[1, 2]), width: 4, height: 2, fps: 30, kbps: 9 };
        let audio = AudioConfig {
            asc: Bytes::from_static(&[0x11, 0x90]),
            sample_rate: 48_000,
            channels: 2,
            kbps: 128,
        };
        assert_eq!(sequence_header(&TrackConfig::Video(video.clone()))[..], [0x17, 0, 0, 0, 0, 1, 2]);
        assert_eq!(sequence_header(&TrackConfig::Audio(audio.clone()))[..], [0xAF, 0, 0x11, 0x90]);
        let metadata = metadata(Some(&video), Some(&audio));
        assert!(matches!(metadata, Value::EcmaArray(_)));
        assert_eq!(metadata.get("width"), Some(&Value::Number(4.0)));
        assert_eq!(metadata.get("videocodecid"), Some(&Value::Number(7.0)));
        assert_eq!(metadata.get("videodatarate"), Some(&Value::Number(9.0)));
        let as_sent = super::metadata(Some(&VideoConfig { kbps: 0, ..video.clone() }), None);
        assert_eq!(as_sent.get("videodatarate"), None, "nobody knows it");
        assert_eq!(metadata.get("audiocodecid"), Some(&Value::Number(10.0)));
        assert_eq!(metadata.get("stereo"), Some(&Value::Boolean(true)));
    }
}
