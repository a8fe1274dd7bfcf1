//! Pipelines as data: `pipelines/*.toml`, compiled into the binary.
//!
//! A file holds a description, the launch text (one element per line, the touched ones named) and
//! typed parameters. Values are set as properties after the text was parsed; nothing is ever spliced
//! into it, so no value can become syntax.

use gst::{glib, prelude::*};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Every pipeline of the program, by the name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A still picture with a text in the middle.
    Card,
    /// Program frames in, H.264 out.
    Encoder,
    /// The NVENC of an encoder's pipeline.
    EncodeNvenc,
    /// The VA-API of an encoder's pipeline, newer plugin.
    EncodeVa,
    /// The same, older plugin.
    EncodeVaapi,
    /// The V4L2 of an encoder's pipeline.
    EncodeV4l2,
    /// The x264 of an encoder's pipeline.
    EncodeX264,
    /// The OpenH264 of an encoder's pipeline.
    EncodeOpenh264,
    /// Test pictures in, H.264 of an encoder that is tried out.
    Trial,
    /// Program samples in, AAC out.
    Sound,
    /// A card in, H.264 of it out.
    Still,
    /// Program frames in, smaller H.264 out.
    Rendition,
    /// A program frame in, a JPEG out.
    Snapshot,
    /// A transparent picture in, with a text on it out.
    Lettering,
    /// A PNG file in, its picture out.
    PicturePng,
    /// A JPEG file in, its picture out.
    PictureJpeg,
    /// An SVG file in, its picture out.
    PictureSvg,
    /// One webrtcbin that receives a publisher.
    Ingest,
    /// H.264 RTP in, decoded frames out.
    IngestH264,
    /// VP8 RTP in, decoded frames out.
    IngestVp8,
    /// Opus RTP in, decoded samples out.
    IngestOpus,
    /// An RTP stream that nobody wants.
    IngestDiscard,
    /// A media file in, decoded frames and samples out.
    File,
    /// One webrtcbin that sends to a subscriber.
    Forward,
    /// RTP packets in, for a subscriber's webrtcbin.
    ForwardRtp,
    /// The program's pictures and sound in, RTP out.
    Broadcast,
}

impl Role {
    /// All of them: for the test that loads each, and for `doctor`.
    pub const ALL: [Self; 26] = [
        Self::Card,
        Self::Encoder,
        Self::EncodeNvenc,
        Self::EncodeVa,
        Self::EncodeVaapi,
        Self::EncodeV4l2,
        Self::EncodeX264,
        Self::EncodeOpenh264,
        Self::Trial,
        Self::Sound,
        Self::Still,
        Self::Rendition,
        Self::Snapshot,
        Self::Lettering,
        Self::PicturePng,
        Self::PictureJpeg,
        Self::PictureSvg,
        Self::Ingest,
        Self::IngestH264,
        Self::IngestVp8,
        Self::IngestOpus,
        Self::IngestDiscard,
        Self::File,
        Self::Forward,
        Self::ForwardRtp,
        Self::Broadcast,
    ];

    /// The file's name below `pipelines/`.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Card => "card.toml",
            Self::Encoder => "encoder.toml",
            Self::EncodeNvenc => "encode-nvenc.toml",
            Self::EncodeVa => "encode-va.toml",
            Self::EncodeVaapi => "encode-vaapi.toml",
            Self::EncodeV4l2 => "encode-v4l2.toml",
            Self::EncodeX264 => "encode-x264.toml",
            Self::EncodeOpenh264 => "encode-openh264.toml",
            Self::Trial => "trial.toml",
            Self::Sound => "sound.toml",
            Self::Still => "still.toml",
            Self::Rendition => "rendition.toml",
            Self::Snapshot => "snapshot.toml",
            Self::Lettering => "lettering.toml",
            Self::PicturePng => "picture-png.toml",
            Self::PictureJpeg => "picture-jpeg.toml",
            Self::PictureSvg => "picture-svg.toml",
            Self::Ingest => "ingest.toml",
            Self::IngestH264 => "ingest-h264.toml",
            Self::IngestVp8 => "ingest-vp8.toml",
            Self::IngestOpus => "ingest-opus.toml",
            Self::IngestDiscard => "ingest-discard.toml",
            Self::File => "file.toml",
            Self::Forward => "forward.toml",
            Self::ForwardRtp => "forward-rtp.toml",
            Self::Broadcast => "broadcast.toml",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Card => include_str!("../../pipelines/card.toml"),
            Self::Encoder => include_str!("../../pipelines/encoder.toml"),
            Self::EncodeNvenc => include_str!("../../pipelines/encode-nvenc.toml"),
            Self::EncodeVa => include_str!("../../pipelines/encode-va.toml"),
            Self::EncodeVaapi => include_str!("../../pipelines/encode-vaapi.toml"),
            Self::EncodeV4l2 => include_str!("../../pipelines/encode-v4l2.toml"),
            Self::EncodeX264 => include_str!("../../pipelines/encode-x264.toml"),
            Self::EncodeOpenh264 => include_str!("../../pipelines/encode-openh264.toml"),
            Self::Trial => include_str!("../../pipelines/trial.toml"),
            Self::Sound => include_str!("../../pipelines/sound.toml"),
            Self::Still => include_str!("../../pipelines/still.toml"),
            Self::Rendition => include_str!("../../pipelines/rendition.toml"),
            Self::Snapshot => include_str!("../../pipelines/snapshot.toml"),
            Self::Lettering => include_str!("../../pipelines/lettering.toml"),
            Self::PicturePng => include_str!("../../pipelines/picture-png.toml"),
            Self::PictureJpeg => include_str!("../../pipelines/picture-jpeg.toml"),
            Self::PictureSvg => include_str!("../../pipelines/picture-svg.toml"),
            Self::Ingest => include_str!("../../pipelines/ingest.toml"),
            Self::IngestH264 => include_str!("../../pipelines/ingest-h264.toml"),
            Self::IngestVp8 => include_str!("../../pipelines/ingest-vp8.toml"),
            Self::IngestOpus => include_str!("../../pipelines/ingest-opus.toml"),
            Self::IngestDiscard => include_str!("../../pipelines/ingest-discard.toml"),
            Self::File => include_str!("../../pipelines/file.toml"),
            Self::Forward => include_str!("../../pipelines/forward.toml"),
            Self::ForwardRtp => include_str!("../../pipelines/forward-rtp.toml"),
            Self::Broadcast => include_str!("../../pipelines/broadcast.toml"),
        }
    }

    /// Whether the file can be built only where its hardware is.
    pub const fn needs_hardware(self) -> bool {
        matches!(self, Self::EncodeNvenc | Self::EncodeVa | Self::EncodeVaapi | Self::EncodeV4l2)
    }

    /// Whether the file describes a bin with ghost pads, to stand inside another pipeline.
    pub const fn is_bin(self) -> bool {
        matches!(
            self,
            Self::EncodeNvenc
                | Self::EncodeVa
                | Self::EncodeVaapi
                | Self::EncodeV4l2
                | Self::EncodeX264
                | Self::EncodeOpenh264
                | Self::IngestH264
                | Self::IngestVp8
                | Self::IngestOpus
                | Self::IngestDiscard
                | Self::ForwardRtp
        )
    }
}

/// Why a pipeline could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PipelineFileError {
    #[error("reading pipeline {file}")]
    Parse { file: &'static str, source: Box<toml::de::Error> },
    #[error("building pipeline {file}")]
    Launch { file: &'static str, source: glib::Error },
    #[error("pipeline {file} has no element {element}")]
    NoElement { file: &'static str, element: String },
    #[error("pipeline {file} has no parameter {param}")]
    NoParam { file: &'static str, param: String },
    #[error("pipeline {file}: element {element} has no property {property}, or of another type")]
    BadProperty { file: &'static str, element: String, property: String },
}

/// A parameter's value. The pipeline file names the type; a value of another type is refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// `type = "bool"`
    Bool(bool),
    /// `type = "int"`: any integer property, range-checked against its own type.
    Int(i64),
    /// `type = "text"`: strings, enums by nick, caps.
    Text(String),
}

/// A parameter as the file declares it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// The named element it belongs to.
    pub element: String,
    /// The property it sets.
    pub property: String,
    /// `bool`, `int` or `text`.
    #[serde(rename = "type")]
    pub kind: ParamKind,
    /// For people.
    #[serde(default)]
    pub unit: String,
    /// Set when no value is given.
    pub default: ParamValue,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    Bool,
    Int,
    Text,
}

impl ParamKind {
    const fn takes(self, value: &ParamValue) -> bool {
        matches!(
            (self, value),
            (Self::Bool, ParamValue::Bool(_))
                | (Self::Int, ParamValue::Int(_))
                | (Self::Text, ParamValue::Text(_))
        )
    }
}

/// A parsed pipeline file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineFile {
    #[serde(skip)]
    file: &'static str,
    /// What it is for.
    pub description: String,
    launch: String,
    #[serde(default)]
    params: BTreeMap<String, Param>,
}

impl PipelineFile {
    /// The file of `role`.
    pub fn of(role: Role) -> Result<Self, PipelineFileError> {
        Self::parse(role.file_name(), role.text())
    }

    /// A file from elsewhere (the publisher has its own roles). `file` is for messages.
    pub fn parse(file: &'static str, text: &str) -> Result<Self, PipelineFileError> {
        let mut parsed: Self = toml::from_str(text)
            .map_err(|source| PipelineFileError::Parse { file, source: Box::new(source) })?;
        parsed.file = file;
        Ok(parsed)
    }

    /// Builds the pipeline and sets its parameters: `values` over the defaults.
    pub fn pipeline(&self, values: &[(&str, ParamValue)]) -> Result<gst::Pipeline, PipelineFileError> {
        let element = gst::parse::launch(&self.launch)
            .map_err(|source| PipelineFileError::Launch { file: self.file, source })?;
        // A launch text of one element gives that element, not a pipeline around it.
        let pipeline = match element.downcast::<gst::Pipeline>() {
            Ok(pipeline) => pipeline,
            Err(element) => {
                let pipeline = gst::Pipeline::new();
                pipeline.add(&element).map_err(|_| PipelineFileError::NoElement {
                    file: self.file,
                    element: "launch".into(),
                })?;
                pipeline
            }
        };
        self.set_params(pipeline.upcast_ref(), values)?;
        Ok(pipeline)
    }

    /// Builds the file as a bin whose unlinked pads are ghosted.
    pub fn bin(&self, values: &[(&str, ParamValue)]) -> Result<gst::Bin, PipelineFileError> {
        let bin = gst::parse::bin_from_description(&self.launch, true)
            .map_err(|source| PipelineFileError::Launch { file: self.file, source })?;
        self.set_params(&bin, values)?;
        Ok(bin)
    }

    /// A named element of a pipeline or bin built from this file.
    pub fn element(&self, bin: &impl IsA<gst::Bin>, name: &str) -> Result<gst::Element, PipelineFileError> {
        bin.by_name(name)
            .ok_or_else(|| PipelineFileError::NoElement { file: self.file, element: name.to_owned() })
    }

    /// A named element of a certain type.
    pub fn typed<T: IsA<gst::Element>>(
        &self,
        bin: &impl IsA<gst::Bin>,
        name: &str,
    ) -> Result<T, PipelineFileError> {
        self.element(bin, name)?
            .downcast::<T>()
            .map_err(|_| PipelineFileError::NoElement { file: self.file, element: name.to_owned() })
    }

    fn set_params(&self, bin: &gst::Bin, values: &[(&str, ParamValue)]) -> Result<(), PipelineFileError> {
        if let Some((param, _)) = values.iter().find(|(name, _)| !self.params.contains_key(*name)) {
            return Err(PipelineFileError::NoParam { file: self.file, param: (*param).to_owned() });
        }
        for (name, param) in &self.params {
            let value = values.iter().find(|(given, _)| given == name).map_or(&param.default, |(_, v)| v);
            self.set_param(bin, param, value)?;
        }
        Ok(())
    }

    fn set_param(&self, bin: &gst::Bin, param: &Param, value: &ParamValue) -> Result<(), PipelineFileError> {
        let element = self.element(bin, &param.element)?;
        let bad = || PipelineFileError::BadProperty {
            file: self.file,
            element: param.element.clone(),
            property: param.property.clone(),
        };
        let spec = element.find_property(&param.property).ok_or_else(bad)?;
        if !param.kind.takes(value) {
            return Err(bad());
        }
        let text = match value {
            ParamValue::Bool(value) => value.to_string(),
            ParamValue::Int(value) => value.to_string(),
            // A string property takes the text as it is: deserialising would interpret quotes in it.
            ParamValue::Text(text) if spec.value_type() == glib::Type::STRING => {
                element.set_property(&param.property, text);
                return Ok(());
            }
            ParamValue::Text(text) => text.clone(),
        };
        let value = glib::Value::deserialize_with_pspec(&text, &spec).map_err(|_| bad())?;
        element.set_property_from_value(&param.property, &value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pipeline_file_that_needs_no_hardware_reaches_ready() {
        gst::init().unwrap();
        for role in Role::ALL {
            let file = PipelineFile::of(role).unwrap();
            assert!(!file.description.is_empty(), "{role:?}");
            if role.needs_hardware() {
                let named = |param: &Param| file.launch.contains(&format!("name={}", param.element));
                assert!(file.params.values().all(named), "{role:?}");
                continue;
            }
            let element: gst::Element = if role.is_bin() {
                file.bin(&[]).unwrap().upcast()
            } else {
                file.pipeline(&[]).unwrap().upcast()
            };
            element.set_state(gst::State::Ready).unwrap_or_else(|_| panic!("{role:?} does not reach READY"));
            element.set_state(gst::State::Null).unwrap();
        }
    }

    #[test]
    fn values_are_properties_and_never_syntax() {
        gst::init().unwrap();
        let text = r#"
            description = "x"
            launch = "fakesrc name=a ! textoverlay name=t ! fakesink"
            [params.text]
            element = "t"
            property = "text"
            type = "text"
            default = ""
            [params.blocks]
            element = "a"
            property = "num-buffers"
            type = "int"
            default = 3
        "#;
        let file = PipelineFile::parse("x.toml", text).unwrap();
        let evil = "\"! filesink location=/tmp/x \\";
        let pipeline = file.pipeline(&[("text", ParamValue::Text(evil.to_owned()))]).unwrap();
        assert_eq!(file.element(&pipeline, "t").unwrap().property::<String>("text"), evil);
        assert_eq!(file.element(&pipeline, "a").unwrap().property::<i32>("num-buffers"), 3);
        assert!(matches!(
            file.pipeline(&[("nonsense", ParamValue::Int(1))]),
            Err(PipelineFileError::NoParam { .. })
        ));
        assert!(matches!(
            file.pipeline(&[("blocks", ParamValue::Text("7".to_owned()))]),
            Err(PipelineFileError::BadProperty { .. })
        ));
    }
}
