//! `encoding`: how the program is encoded.

use crate::{
    config::{EncodingConfig, encoding::Numbers},
    control::{cast::Encoding, error::ControlError},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the program is to be encoded; what is absent is the server's default.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EncodingBody {
    /// `compose` (the default).
    #[schema(example = "compose")]
    mode: Option<String>,
    /// Pixels, even, 16 to 3840.
    width: Option<u32>,
    /// Pixels, even, 16 to 2160.
    height: Option<u32>,
    /// Frames a second, 5 to 60.
    fps: Option<u32>,
    /// kbit/s, 100 to 50000.
    video_kbps: Option<u32>,
    /// kbit/s, 32 to 320.
    audio_kbps: Option<u32>,
    /// Distance of keyframes, 500 to 10000, a whole number of frames.
    keyframe_ms: Option<u32>,
    /// Further sizes; not implemented yet, so empty.
    #[schema(value_type = Option<Vec<Object>>)]
    renditions: Option<Vec<serde_json::Value>>,
}

impl EncodingBody {
    /// The domain's encoding.
    ///
    /// # Errors
    /// `invalid_request` naming the field and what is allowed, `not_implemented`.
    pub fn into_encoding(self, defaults: &EncodingConfig) -> Result<Encoding, ControlError> {
        match self.mode.as_deref() {
            None | Some("compose") => {}
            Some("passthrough") => {
                return Err(ControlError::NotImplemented("encoding.mode \"passthrough\"".to_owned()));
            }
            Some(_) => {
                return Err(ControlError::invalid(
                    "encoding.mode",
                    "encoding.mode has a value that is not allowed; allowed: compose, passthrough",
                ));
            }
        }
        if self.renditions.is_some_and(|renditions| !renditions.is_empty()) {
            return Err(ControlError::NotImplemented("encoding.renditions".to_owned()));
        }
        let numbers = Numbers {
            width: self.width.unwrap_or(defaults.width),
            height: self.height.unwrap_or(defaults.height),
            fps: self.fps.unwrap_or(defaults.fps),
            video_kbps: self.video_kbps.unwrap_or(defaults.video_kbps),
            audio_kbps: self.audio_kbps.unwrap_or(defaults.audio_kbps),
            keyframe_ms: self.keyframe_ms.unwrap_or(defaults.keyframe_ms),
        };
        if let Some(fault) = numbers.faults().first() {
            return Err(ControlError::invalid(
                &format!("encoding.{}", fault.field),
                format!("encoding.{fault}"),
            ));
        }
        Ok(Encoding {
            width: numbers.width,
            height: numbers.height,
            fps: numbers.fps,
            video_kbps: numbers.video_kbps,
            audio_kbps: numbers.audio_kbps,
            keyframe_ms: numbers.keyframe_ms,
            renditions: Vec::new(),
        })
    }
}

/// How the program is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EncodingJson {
    /// `compose`.
    pub mode: &'static str,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// kbit/s.
    pub video_kbps: u32,
    /// kbit/s.
    pub audio_kbps: u32,
    /// Distance of keyframes.
    pub keyframe_ms: u32,
}

impl From<&Encoding> for EncodingJson {
    fn from(encoding: &Encoding) -> Self {
        Self {
            mode: "compose",
            width: encoding.width,
            height: encoding.height,
            fps: encoding.fps,
            video_kbps: encoding.video_kbps,
            audio_kbps: encoding.audio_kbps,
            keyframe_ms: encoding.keyframe_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(text: &str) -> Result<Encoding, ControlError> {
        serde_json::from_str::<EncodingBody>(text).unwrap().into_encoding(&EncodingConfig::default())
    }

    #[test]
    fn absent_fields_are_the_defaults() {
        let some = encoding(r#"{"mode":"compose","width":640,"height":360,"renditions":[]}"#).unwrap();
        assert_eq!((some.width, some.height, some.fps, some.keyframe_ms), (640, 360, 30, 2000));
    }

    #[test]
    fn a_bad_number_is_named_with_what_is_allowed() {
        let error = encoding(r#"{"fps":25,"keyframe_ms":2010}"#).unwrap_err();
        assert_eq!(error.field(), Some("encoding.keyframe_ms"));
        assert_eq!(
            error.to_string(),
            "encoding.keyframe_ms = 2010 is not allowed; allowed: a whole number of frames at 25 frames a \
             second, the nearest is 2000 ms"
        );
    }

    #[test]
    fn later_modes_are_said_to_be_later() {
        for text in [r#"{"mode":"passthrough"}"#, r#"{"renditions":[{"height":360,"video_kbps":600}]}"#] {
            assert_eq!(encoding(text).unwrap_err().code_and_status(), ("not_implemented", 501));
        }
        assert_eq!(encoding(r#"{"mode":"magic"}"#).unwrap_err().field(), Some("encoding.mode"));
    }
}
