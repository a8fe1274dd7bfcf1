//! Hardware that is not here: an element that goes by a hardware encoder's name, has the properties that our pipeline
//! file sets, makes H.264 by OpenH264, and breaks as it is told.
//!
//! `FAKE_ENCODERS=nvenc=error,va=hang,v4l2=die:120` says which there are, by the names in `pipelines/encode-*.toml`;
//! each trial and each program's first picture adds a line to the file that `FAKE_ENCODERS_LOG` names.

use gst::{glib, prelude::*, subclass::prelude::*};
use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Pictures that an encoder which breaks has taken and never gives out.
const WITHIN: u64 = 4;

/// What becomes of the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// An error at the first one.
    Error,
    /// The first one never comes back from the driver.
    Hang,
    /// An error after so many.
    Die(u64),
    /// No error and no picture after so many.
    Stall(u64),
    /// The one after so many never comes back from the driver.
    Freeze(u64),
}

/// The faults that the environment asks for, by the element's name in its pipeline.
fn faults() -> Vec<(String, Fault)> {
    let asked = std::env::var("FAKE_ENCODERS").unwrap_or_default();
    let one = |text: &str| {
        let (name, fault) = text.split_once('=').expect("name=fault");
        let count = |text: &str| text.split_once(':').expect("fault:count").1.parse().unwrap();
        let fault = match fault {
            "error" => Fault::Error,
            "hang" => Fault::Hang,
            text if text.starts_with("die:") => Fault::Die(count(text)),
            text if text.starts_with("stall:") => Fault::Stall(count(text)),
            text if text.starts_with("freeze:") => Fault::Freeze(count(text)),
            other => panic!("no such fault: {other}"),
        };
        (name.to_owned(), fault)
    };
    asked.split(',').filter(|text| !text.is_empty()).map(one).collect()
}

/// Makes those that the environment asks for known to GStreamer, which must be initialised.
pub fn register() {
    for (name, _) in faults() {
        let element = match &*name {
            "nvenc" => "nvh264enc",
            "va" => "vah264enc",
            "vaapi" => "vaapih264enc",
            "v4l2" => "v4l2h264enc",
            other => panic!("no such encoder: {other}"),
        };
        gst::Element::register(None, element, gst::Rank::NONE, FakeEncoder::static_type()).unwrap();
    }
}

mod imp {
    use super::*;
    use std::sync::LazyLock;

    #[derive(Default)]
    pub struct FakeEncoder {
        taken: AtomicU64,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for FakeEncoder {
        const NAME: &'static str = "FakeHardwareEncoder";
        type Type = super::FakeEncoder;
        type ParentType = gst::Bin;
    }

    impl ObjectImpl for FakeEncoder {
        /// Those of all the encoders that it stands for. Their values do not matter here.
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
                let number = |name| glib::ParamSpecUInt::builder(name).build();
                let text = |name| glib::ParamSpecString::builder(name).build();
                vec![
                    number("bitrate"),
                    number("gop-size"),
                    number("key-int-max"),
                    number("keyframe-period"),
                    number("b-frames"),
                    number("max-bframes"),
                    text("preset"),
                    text("rc-mode"),
                    text("rate-control"),
                    glib::ParamSpecBoolean::builder("zerolatency").build(),
                    glib::ParamSpecBoxed::builder::<gst::Structure>("extra-controls").build(),
                ]
            });
            &PROPERTIES
        }

        fn set_property(&self, _: usize, value: &glib::Value, spec: &glib::ParamSpec) {
            if spec.name() == "extra-controls" {
                let controls = value.get::<gst::Structure>().expect("controls");
                assert!(controls.get::<i32>("video_bitrate").is_ok(), "{controls}");
            }
        }

        fn property(&self, _: usize, spec: &glib::ParamSpec) -> glib::Value {
            spec.default_value().clone()
        }

        fn constructed(&self) {
            self.parent_constructed();
            let bin = self.obj();
            let encoder = gst::ElementFactory::make("openh264enc")
                .property("bitrate", 1_500_000u32)
                .property("gop-size", 0u32)
                .property_from_str("rate-control", "bitrate")
                .build()
                .unwrap();
            bin.add(&encoder).unwrap();
            for name in ["sink", "src"] {
                let target = encoder.static_pad(name).unwrap();
                let pad = gst::GhostPad::builder_with_target(&target).unwrap().name(name).build();
                if name == "sink" {
                    let weak = bin.downgrade();
                    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                        weak.upgrade().map_or(gst::PadProbeReturn::Ok, |bin| bin.imp().take(info))
                    });
                }
                bin.add_pad(&pad).unwrap();
            }
        }
    }

    impl FakeEncoder {
        fn take(&self, info: &mut gst::PadProbeInfo<'_>) -> gst::PadProbeReturn {
            let name = self.obj().name();
            let fault = faults().into_iter().find(|(of, _)| of == name.as_str()).expect("a fault").1;
            let before = self.taken.fetch_add(1, Relaxed);
            if before == 0 {
                note(&name);
            }
            match fault {
                Fault::Hang => stuck(),
                Fault::Freeze(at) if before >= at => stuck(),
                Fault::Error => self.fail(info),
                Fault::Die(at) if before >= at => self.fail(info),
                Fault::Die(at) if before + WITHIN >= at => swallow(info, Ok(gst::FlowSuccess::Ok)),
                Fault::Stall(at) if before >= at => swallow(info, Ok(gst::FlowSuccess::Ok)),
                Fault::Die(_) | Fault::Stall(_) | Fault::Freeze(_) => gst::PadProbeReturn::Ok,
            }
        }

        fn fail(&self, info: &mut gst::PadProbeInfo<'_>) -> gst::PadProbeReturn {
            gst::element_error!(self.obj(), gst::StreamError::Encode, ["the GPU fell off the bus"]);
            swallow(info, Err(gst::FlowError::Error))
        }
    }

    fn stuck() -> ! {
        loop {
            std::thread::park();
        }
    }

    /// Nothing comes of the picture.
    fn swallow(
        info: &mut gst::PadProbeInfo<'_>,
        outcome: Result<gst::FlowSuccess, gst::FlowError>,
    ) -> gst::PadProbeReturn {
        info.data = None;
        info.flow_res = outcome;
        gst::PadProbeReturn::Handled
    }

    fn note(name: &str) {
        let Some(path) = std::env::var_os("FAKE_ENCODERS_LOG") else { return };
        let mut log = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        // One write: two encoders note themselves at the same time, and what is formatted piece by piece would mix.
        log.write_all(format!("{name}\n").as_bytes()).unwrap();
    }

    impl GstObjectImpl for FakeEncoder {}

    impl ElementImpl for FakeEncoder {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Fake hardware encoder",
                    "Codec/Encoder/Video",
                    "Breaks as it is told",
                    "MeetingCast's tests",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
                let template = |name, direction, caps: &str| {
                    let caps: gst::Caps = caps.parse().unwrap();
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).unwrap()
                };
                vec![
                    template("sink", gst::PadDirection::Sink, "video/x-raw,format=I420"),
                    template("src", gst::PadDirection::Src, "video/x-h264"),
                ]
            });
            &TEMPLATES
        }
    }

    impl BinImpl for FakeEncoder {}
}

glib::wrapper! {
    pub struct FakeEncoder(ObjectSubclass<imp::FakeEncoder>)
        @extends gst::Bin, gst::Element, gst::Object,
        @implements gst::ChildProxy;
}
