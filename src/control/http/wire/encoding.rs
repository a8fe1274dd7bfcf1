//! `encoding`: how the program is encoded.

use crate::{
    config::{
        EncodingConfig,
        encoding::{KEYFRAME_MS, Numbers, RenditionNumbers},
    },
    control::{
        cast::{Encoding, Rendition},
        error::ControlError,
    },
    ipc::ProgramMode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A publisher is asked for keyframes once a second at most (`worker::ingest`).
const PASSTHROUGH_KEYFRAME_MS: u32 = 1000;

/// How the program is to be encoded; what is absent is the server's default.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EncodingBody {
    /// `compose` (the default): what the source says is drawn and encoded. `passthrough`: one participant's H.264
    /// goes out as it comes, only sound is encoded. Sources are then `{"participant": …}` ones who send H.264.
    #[schema(example = "compose")]
    mode: Option<String>,
    /// Pixels, even, 16 to 3840. With `passthrough` the slate's, until a participant's size is known.
    width: Option<u32>,
    /// Pixels, even, 16 to 2160. As `width`.
    height: Option<u32>,
    /// Frames a second, 5 to 60. With `passthrough` what outputs are told; pictures come as they are sent.
    fps: Option<u32>,
    /// kbit/s, 100 to 50000. Not with `passthrough`: the participant's client decides.
    video_kbps: Option<u32>,
    /// kbit/s, 32 to 320.
    audio_kbps: Option<u32>,
    /// Distance of keyframes, 500 to 10000, a whole number of frames. With `passthrough` from 1000: the participant
    /// is asked for them, once a second at most.
    keyframe_ms: Option<u32>,
    /// What the sound is brought towards, LUFS, -31 to -10, by a slow gain and a limiter; 0: as loud as the participants
    /// are.
    #[schema(example = -16)]
    loudness_lufs: Option<i32>,
    /// Smaller sizes for HLS players to choose from, at most 4; RTMP and recordings have the full size. The
    /// server's default ones when absent, as far as they are smaller than this cast. None with `passthrough`.
    renditions: Option<Vec<RenditionBody>>,
}

/// A smaller size of the program's picture.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenditionBody {
    /// Pixels, even, 16 to below the program's; the width follows from the program's aspect.
    #[schema(example = 360)]
    height: u32,
    /// kbit/s, 100 to the program's.
    #[schema(example = 600)]
    video_kbps: u32,
}

impl EncodingBody {
    /// The domain's encoding.
    ///
    /// # Errors
    /// `invalid_request` naming the field and what is allowed, `not_implemented`.
    pub fn into_encoding(self, defaults: &EncodingConfig) -> Result<Encoding, ControlError> {
        let mode = match self.mode.as_deref() {
            None | Some("compose") => ProgramMode::Compose,
            Some("passthrough") => {
                self.check_passthrough(defaults)?;
                ProgramMode::Passthrough
            }
            Some(_) => {
                return Err(ControlError::invalid(
                    "encoding.mode",
                    "encoding.mode has a value that is not allowed; allowed: compose, passthrough",
                ));
            }
        };
        let numbers = Numbers {
            width: self.width.unwrap_or(defaults.width),
            height: self.height.unwrap_or(defaults.height),
            fps: self.fps.unwrap_or(defaults.fps),
            video_kbps: self.video_kbps.unwrap_or(defaults.video_kbps),
            audio_kbps: self.audio_kbps.unwrap_or(defaults.audio_kbps),
            keyframe_ms: self.keyframe_ms.unwrap_or(defaults.keyframe_ms),
            loudness_lufs: self.loudness_lufs.unwrap_or(defaults.loudness_lufs),
        };
        let renditions = match self.renditions {
            Some(bodies) => {
                let number = |body: RenditionBody| RenditionNumbers {
                    height: body.height,
                    video_kbps: body.video_kbps,
                };
                bodies.into_iter().map(number).collect()
            }
            None if mode == ProgramMode::Passthrough => Vec::new(),
            None => {
                let fits = |one: &RenditionNumbers| {
                    one.height < numbers.height && one.video_kbps <= numbers.video_kbps
                };
                defaults.renditions.iter().copied().filter(fits).collect::<Vec<_>>()
            }
        };
        let faults = numbers.faults().into_iter().chain(numbers.rendition_faults(&renditions));
        if let Some(fault) = faults.into_iter().next() {
            return Err(ControlError::invalid(
                &format!("encoding.{}", fault.field),
                format!("encoding.{fault}"),
            ));
        }
        Ok(Encoding {
            mode,
            width: numbers.width,
            height: numbers.height,
            fps: numbers.fps,
            video_kbps: numbers.video_kbps,
            audio_kbps: numbers.audio_kbps,
            keyframe_ms: numbers.keyframe_ms,
            // Checked to be small.
            loudness_lufs: i8::try_from(numbers.loudness_lufs).ok().filter(|lufs| *lufs != 0),
            renditions: sorted(&numbers, renditions),
        })
    }
}

impl EncodingBody {
    /// What cannot be asked for where nothing is encoded.
    fn check_passthrough(&self, defaults: &EncodingConfig) -> Result<(), ControlError> {
        let refuse = |field: &str, detail: &str| {
            let field = format!("encoding.{field}");
            let detail = format!("{field} {detail}");
            Err(ControlError::invalid(&field, detail))
        };
        if self.renditions.as_ref().is_some_and(|renditions| !renditions.is_empty()) {
            let detail =
                "must be empty with mode \"passthrough\", which encodes no picture; use mode \"compose\"";
            return refuse("renditions", detail);
        }
        if self.video_kbps.is_some() {
            let detail =
                "goes with mode \"compose\" only: with \"passthrough\" the participant's client decides";
            return refuse("video_kbps", detail);
        }
        let keyframe_ms = self.keyframe_ms.unwrap_or(defaults.keyframe_ms);
        if keyframe_ms < PASSTHROUGH_KEYFRAME_MS {
            let detail = format!(
                "= {keyframe_ms} is not allowed with mode \"passthrough\"; allowed: {PASSTHROUGH_KEYFRAME_MS} to {} \
                 ms, since a participant is asked for keyframes once a second at most",
                KEYFRAME_MS.end()
            );
            return refuse("keyframe_ms", &detail);
        }
        Ok(())
    }
}

/// The largest first, as players expect them.
fn sorted(program: &Numbers, mut renditions: Vec<RenditionNumbers>) -> Vec<Rendition> {
    renditions.sort_by_key(|one| std::cmp::Reverse((one.height, one.video_kbps)));
    let rendition = |RenditionNumbers { height, video_kbps }| Rendition {
        width: program.rendition_width(height),
        height,
        video_kbps,
    };
    renditions.into_iter().map(rendition).collect()
}

/// A smaller size of the program's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RenditionJson {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// kbit/s.
    pub video_kbps: u32,
}

/// How the program is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EncodingJson {
    /// `compose` or `passthrough`.
    #[schema(example = "compose")]
    pub mode: &'static str,
    /// Pixels. With `passthrough` what is sent now.
    pub width: u32,
    /// Pixels. As `width`.
    pub height: u32,
    /// Frames a second. With `passthrough` nominal.
    pub fps: u32,
    /// kbit/s; `null` with `passthrough`.
    pub video_kbps: Option<u32>,
    /// kbit/s.
    pub audio_kbps: u32,
    /// Distance of keyframes.
    pub keyframe_ms: u32,
    /// What the sound is brought towards; `null`: it stays as it is.
    pub loudness_lufs: Option<i8>,
    /// Smaller sizes, the largest first.
    pub renditions: Vec<RenditionJson>,
}

impl From<&Encoding> for EncodingJson {
    fn from(encoding: &Encoding) -> Self {
        Self {
            mode: match encoding.mode {
                ProgramMode::Compose => "compose",
                ProgramMode::Passthrough => "passthrough",
            },
            width: encoding.width,
            height: encoding.height,
            fps: encoding.fps,
            video_kbps: (encoding.mode == ProgramMode::Compose).then_some(encoding.video_kbps),
            audio_kbps: encoding.audio_kbps,
            keyframe_ms: encoding.keyframe_ms,
            loudness_lufs: encoding.loudness_lufs,
            renditions: encoding
                .renditions
                .iter()
                .map(|&Rendition { width, height, video_kbps }| RenditionJson { width, height, video_kbps })
                .collect(),
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
        assert_eq!(some.loudness_lufs, None);
        assert_eq!(encoding(r#"{"loudness_lufs":-16}"#).unwrap().loudness_lufs, Some(-16));
        assert_eq!(encoding(r#"{"loudness_lufs":-9}"#).unwrap_err().field(), Some("encoding.loudness_lufs"));
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
    fn renditions_keep_the_aspect_and_come_largest_first() {
        let text = r#"{"renditions":[{"height":180,"video_kbps":250},{"height":360,"video_kbps":600}]}"#;
        let rendition = |width, height, video_kbps| Rendition { width, height, video_kbps };
        let some = encoding(text).unwrap();
        assert_eq!(some.renditions, [rendition(640, 360, 600), rendition(320, 180, 250)]);
        assert_eq!(Rendition::names(&some.renditions), ["360p", "180p"]);
        let odd = encoding(r#"{"renditions":[{"height":270,"video_kbps":250}],"width":854,"height":480}"#);
        assert_eq!(odd.unwrap().renditions, [rendition(480, 270, 250)]);
        let twice = r#"{"renditions":[{"height":360,"video_kbps":600},{"height":360,"video_kbps":300}]}"#;
        assert_eq!(Rendition::names(&encoding(twice).unwrap().renditions), ["360p-600k", "360p-300k"]);
    }

    #[test]
    fn default_renditions_are_those_that_are_smaller() {
        let one = |height, video_kbps| RenditionNumbers { height, video_kbps };
        let defaults =
            EncodingConfig { renditions: vec![one(360, 600), one(180, 250)], ..EncodingConfig::default() };
        let heights = |text: &str| -> Vec<u32> {
            let body: EncodingBody = serde_json::from_str(text).unwrap();
            body.into_encoding(&defaults).unwrap().renditions.iter().map(|one| one.height).collect()
        };
        assert_eq!(heights("{}"), [360, 180]);
        assert_eq!(heights(r#"{"width":640,"height":360}"#), [180]);
        assert_eq!(heights(r#"{"video_kbps":300}"#), [180]);
        assert_eq!(heights(r#"{"renditions":[]}"#), [0; 0]);
    }

    #[test]
    fn bad_renditions_are_named_with_what_is_allowed() {
        for (list, field, allowed) in [
            (
                r#"[{"height":720,"video_kbps":600}]"#,
                "renditions[0].height",
                "even numbers from 16 to 718 pixels",
            ),
            (r#"[{"height":361,"video_kbps":600}]"#, "renditions[0].height", "even numbers from 16"),
            (r#"[{"height":0,"video_kbps":600}]"#, "renditions[0].height", "even numbers from 16"),
            (
                r#"[{"height":360,"video_kbps":600},{"height":180,"video_kbps":9000}]"#,
                "renditions[1].video_kbps",
                "100 to 2500 kbit/s",
            ),
            (
                r#"[{"height":360,"video_kbps":600},{"height":360,"video_kbps":600}]"#,
                "renditions[1].height",
                "sizes and rates that differ",
            ),
        ] {
            let error = encoding(&format!(r#"{{"renditions":{list}}}"#)).unwrap_err();
            assert_eq!(error.field(), Some(&*format!("encoding.{field}")), "{list}");
            assert!(error.to_string().contains(allowed), "{error}");
        }
        let many: Vec<_> = (1..=5).map(|n| format!(r#"{{"height":{},"video_kbps":200}}"#, n * 20)).collect();
        let error = encoding(&format!(r#"{{"renditions":[{}]}}"#, many.join(","))).unwrap_err();
        assert_eq!(error.field(), Some("encoding.renditions"));
        assert!(serde_json::from_str::<EncodingBody>(r#"{"renditions":[{"height":360}]}"#).is_err());
    }

    #[test]
    fn passthrough_refuses_what_only_an_encoder_could_do() {
        let some = encoding(r#"{"mode":"passthrough","renditions":[],"keyframe_ms":1000}"#).unwrap();
        assert_eq!((some.mode, some.keyframe_ms), (ProgramMode::Passthrough, 1000));
        let defaults = EncodingConfig {
            renditions: vec![RenditionNumbers { height: 360, video_kbps: 600 }],
            ..EncodingConfig::default()
        };
        let body: EncodingBody = serde_json::from_str(r#"{"mode":"passthrough"}"#).unwrap();
        assert!(body.into_encoding(&defaults).unwrap().renditions.is_empty());
        for (more, field, allowed) in [
            (r#""renditions":[{"height":180,"video_kbps":250}]"#, "renditions", "must be empty with"),
            (r#""video_kbps":2000"#, "video_kbps", "goes with mode \"compose\" only"),
            (r#""keyframe_ms":500"#, "keyframe_ms", "allowed: 1000 to 10000 ms"),
            (r#""keyframe_ms":11000"#, "keyframe_ms", "allowed: 500 to 10000 ms"),
            (r#""width":641"#, "width", "even numbers"),
        ] {
            let error = encoding(&format!(r#"{{"mode":"passthrough",{more}}}"#)).unwrap_err();
            assert_eq!(error.field(), Some(&*format!("encoding.{field}")), "{more}");
            assert!(error.to_string().contains(allowed), "{error}");
        }
        let json = serde_json::to_value(EncodingJson::from(&some)).unwrap();
        assert_eq!((&json["mode"], &json["video_kbps"]), (&"passthrough".into(), &serde_json::Value::Null));
        assert_eq!(encoding(r#"{"mode":"magic"}"#).unwrap_err().field(), Some("encoding.mode"));
    }
}
