//! The sending side of a subscriber's webrtcbin: one branch and one transceiver for each medium.

use super::{packet::Renumbering, relay::RelayedMedium};
use crate::{
    ipc::{IngestOffer, VideoCodec},
    worker::{
        ingest::IngestError,
        pipeline_file::{PipelineFile, Role},
    },
};
use gst::{glib, prelude::*};
use gst_webrtc::{WebRTCRTPTransceiver, WebRTCRTPTransceiverDirection};
use std::sync::Arc;
use tokio::sync::Notify;

/// One medium of a subscription.
#[derive(Debug)]
pub struct Sender {
    pub medium: RelayedMedium,
    input: gst_app::AppSrc,
    renumbering: Renumbering,
}

impl Sender {
    /// Sends a publisher's packet on; true if it went out.
    pub fn send(&mut self, packet: &gst::BufferRef) -> bool {
        let renumbered = packet.map_readable().ok().and_then(|map| self.renumbering.renumber(&map));
        let Some(bytes) = renumbered else { return false };
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(packet.pts());
            buffer.set_dts(packet.pts());
        }
        // Never waits: a full queue drops its oldest. An error says that the pipeline is going down.
        self.input.push_buffer(buffer).is_ok()
    }

    /// A packet is kept from the subscriber: muted.
    pub const fn skip(&mut self) {
        self.renumbering.skip();
    }

    /// Its picture waits for a keyframe.
    pub const fn awaits_keyframe(&self) -> bool {
        self.renumbering.awaits_keyframe()
    }
}

/// A sender for each m-line of the offer, linked, and their transceivers. `keyframe` is rung when the subscriber
/// asks for a keyframe.
pub fn senders(
    pipeline: &gst::Pipeline,
    webrtcbin: &gst::Element,
    offer: &IngestOffer,
    keyframe: &Arc<Notify>,
) -> Result<(Vec<Sender>, Vec<gst::Object>), IngestError> {
    let mut wanted: Vec<(u32, RelayedMedium, u8)> = Vec::new();
    wanted.extend(offer.video.as_ref().map(|v| (v.mline, RelayedMedium::Video, v.payload_type)));
    wanted.extend(offer.audio.as_ref().map(|a| (a.mline, RelayedMedium::Audio, a.payload_type)));
    wanted.sort_by_key(|(mline, ..)| *mline);
    let codec = offer.video.as_ref().map(|video| video.codec);
    let mut senders = Vec::new();
    let mut transceivers = Vec::new();
    for (mline, medium, payload_type) in wanted {
        let codec = codec.filter(|_| medium == RelayedMedium::Video);
        let ssrc = rand::random::<u32>().max(1);
        let caps = caps(codec, payload_type, ssrc, offer);
        let file = PipelineFile::of(Role::ForwardRtp)?;
        let bin = file.bin(&[])?;
        let input: gst_app::AppSrc = file.typed(&bin, "in")?;
        input.set_caps(Some(&caps));
        pipeline.add(&bin)?;
        let missing = |what: &str| glib::bool_error!("the subscriber's branch has no {what}");
        let src = bin.static_pad("src").ok_or_else(|| missing("pad"))?;
        let template = webrtcbin.pad_template("sink_%u").ok_or_else(|| missing("template"))?;
        let name = format!("sink_{mline}");
        let sink = webrtcbin
            .request_pad(&template, Some(&name), Some(&caps))
            .ok_or_else(|| missing("sink pad of webrtcbin"))?;
        let transceiver = sink.property::<WebRTCRTPTransceiver>("transceiver");
        transceiver.set_property("direction", WebRTCRTPTransceiverDirection::Sendonly);
        transceiver.set_property("codec-preferences", &caps);
        transceiver.set_property("do-nack", codec.is_some());
        if medium == RelayedMedium::Video {
            let bell = keyframe.clone();
            src.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| match info.event() {
                Some(event) if gst_video::UpstreamForceKeyUnitEvent::parse(event).is_ok() => {
                    bell.notify_one();
                    // Not Drop: the binding (0.25) frees the event and leaves GStreamer a null pointer to free.
                    gst::PadProbeReturn::Handled
                }
                _ => gst::PadProbeReturn::Ok,
            });
        }
        src.link(&sink).map_err(|error| glib::bool_error!("{error}"))?;
        transceivers.extend(transceiver.dynamic_cast::<gst::Object>());
        let renumbering = Renumbering::new(payload_type, ssrc, rand::random(), codec);
        senders.push(Sender { medium, input, renumbering });
    }
    Ok((senders, transceivers))
}

fn caps(codec: Option<VideoCodec>, payload_type: u8, ssrc: u32, offer: &IngestOffer) -> gst::Caps {
    let (media, encoding, rate) = match codec {
        Some(VideoCodec::H264) => ("video", "H264", 90_000),
        Some(VideoCodec::Vp8) => ("video", "VP8", 90_000),
        None => ("audio", "OPUS", 48_000),
    };
    let mut caps = gst::Structure::builder("application/x-rtp")
        .field("media", media)
        .field("encoding-name", encoding)
        .field("clock-rate", rate)
        .field("payload", i32::from(payload_type))
        .field("ssrc", ssrc);
    if codec.is_some() {
        caps = caps.field("rtcp-fb-nack", true).field("rtcp-fb-nack-pli", true);
    }
    if codec == Some(VideoCodec::H264) {
        caps = caps.field("packetization-mode", "1");
        // The offered one: caps without it, or with another, have nothing in common with the offer.
        let prefix = format!("a=fmtp:{payload_type} ");
        let fmtp = offer.sdp.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default();
        let value = |name: &str| fmtp.split(';').find_map(|pair| pair.strip_prefix(name)).map(str::to_owned);
        for (name, key) in [
            ("profile-level-id", "profile-level-id="),
            ("level-asymmetry-allowed", "level-asymmetry-allowed="),
        ] {
            if let Some(value) = value(key) {
                caps = caps.field(name, value);
            }
        }
    }
    std::iter::once(caps.build()).collect()
}
