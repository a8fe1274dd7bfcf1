//! What webrtcbin is to receive: a transceiver for each m-line of the offer, and the branches its streams go to.

use crate::{
    ipc::{IngestOffer, VideoCodec},
    units::MediaTime,
    worker::{
        forward::relay::RelayedMedium,
        ingest::{
            IngestError, IngestSetup, audio_level,
            branch::{self, Medium},
        },
        source::SourceTap,
    },
};
use gst::prelude::*;
use gst_webrtc::{WebRTCRTPTransceiver, WebRTCRTPTransceiverDirection};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// One receiving transceiver for each m-line, in order, with the formats and feedback we want answered:
/// without `codec-preferences` of our own the answer carries no transport-wide congestion control and
/// browsers stay at half a megabit.
pub(super) fn transceivers(webrtcbin: &gst::Element, offer: &IngestOffer) -> Vec<gst::Object> {
    let mut wanted: Vec<(u32, gst::Caps)> = Vec::new();
    if let Some(video) = &offer.video {
        let encoding = match video.codec {
            VideoCodec::H264 => "H264",
            VideoCodec::Vp8 => "VP8",
        };
        let mut caps = gst::Caps::new_empty();
        {
            let caps = caps.make_mut();
            let mut format = gst::Structure::builder("application/x-rtp")
                .field("media", "video")
                .field("encoding-name", encoding)
                .field("clock-rate", 90_000)
                .field("payload", i32::from(video.payload_type))
                .field("rtcp-fb-nack", true)
                .field("rtcp-fb-nack-pli", true);
            if let Some(id) = video.transport_cc_id {
                format =
                    format.field("rtcp-fb-transport-cc", true).field(format!("extmap-{id}"), TRANSPORT_CC);
            }
            caps.append_structure(format.build());
            if let Some(rtx) = video.rtx_payload_type {
                caps.append_structure(
                    gst::Structure::builder("application/x-rtp")
                        .field("media", "video")
                        .field("encoding-name", "RTX")
                        .field("clock-rate", 90_000)
                        .field("payload", i32::from(rtx))
                        .field("apt", video.payload_type.to_string())
                        .build(),
                );
            }
        }
        wanted.push((video.mline, caps));
    }
    if let Some(audio) = &offer.audio {
        let mut format = gst::Structure::builder("application/x-rtp")
            .field("media", "audio")
            .field("encoding-name", "OPUS")
            .field("clock-rate", 48_000)
            .field("payload", i32::from(audio.payload_type));
        if let Some(id) = audio.transport_cc_id {
            format = format.field("rtcp-fb-transport-cc", true).field(format!("extmap-{id}"), TRANSPORT_CC);
        }
        if let Some(id) = audio.audio_level_id {
            format = format.field(format!("extmap-{id}"), AUDIO_LEVEL);
        }
        let mut caps = gst::Caps::new_empty();
        caps.make_mut().append_structure(format.build());
        wanted.push((audio.mline, caps));
    }
    wanted.sort_by_key(|(mline, _)| *mline);
    wanted
        .into_iter()
        .filter_map(|(_, caps)| {
            let transceiver = webrtcbin.emit_by_name::<WebRTCRTPTransceiver>(
                "add-transceiver",
                &[&WebRTCRTPTransceiverDirection::Recvonly, &caps],
            );
            // In a bundle the last one's setting counts for all: the same on each.
            transceiver.set_property("do-nack", true);
            transceiver.dynamic_cast::<gst::Object>().ok()
        })
        .collect()
}

const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Prepares the branches now, so that a pad that appears is only linked.
pub(super) fn link_branches(
    pipeline: &gst::Pipeline,
    webrtcbin: &gst::Element,
    setup: &IngestSetup,
    keyframe: &Arc<Notify>,
) -> Result<(), IngestError> {
    let mut media = Vec::new();
    media.extend(setup.offer.video.as_ref().map(|video| ("video", Medium::Video(video.codec))));
    media.extend(setup.offer.audio.as_ref().map(|_| ("audio", Medium::Audio)));
    let mut branches = Vec::new();
    for (name, medium) in media {
        branches.push((name, branch::build(medium, &setup.tap, &setup.timeline)?));
    }
    let branches = Mutex::new(branches);
    let level_id = setup.offer.audio.as_ref().and_then(|audio| audio.audio_level_id);
    let (tap, timeline) = (setup.tap.clone(), setup.timeline.clone());
    let (pipeline, keyframe) = (pipeline.downgrade(), keyframe.clone());
    // Linking must be done before the pad's first buffer, that is here on the streaming thread; it happens
    // once per stream.
    webrtcbin.connect_pad_added(move |_, pad| {
        let Some(pipeline) = pipeline.upgrade().filter(|_| pad.direction() == gst::PadDirection::Src) else {
            return;
        };
        let caps = pad.current_caps().or_else(|| pad.allowed_caps());
        let medium = caps.as_ref().and_then(|caps| caps.structure(0)?.get::<String>("media").ok());
        let prepared = branches.lock().ok().and_then(|mut branches| {
            let at = branches.iter().position(|(name, _)| Some(*name) == medium.as_deref())?;
            Some(branches.swap_remove(at).1)
        });
        let relayed = match (&prepared, medium.as_deref()) {
            (Some(_), Some("video")) => Some(RelayedMedium::Video),
            (Some(_), Some("audio")) => Some(RelayedMedium::Audio),
            _ => None,
        };
        let branch = match prepared {
            Some(branch) => Ok(branch),
            None => branch::build(Medium::Unwanted, &tap, &timeline),
        };
        let linked = branch.map_err(|error| error.to_string()).and_then(|branch| {
            let sink = branch.static_pad("sink").ok_or("the branch has no sink pad")?;
            let (tap, timeline) = (tap.clone(), timeline.clone());
            sink.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
                let now = timeline.now();
                tap.meter().rtp(now);
                if tap.meter().delivers() {
                    tap.relay().pass(relayed, info);
                    if let Some(id) = level_id.filter(|_| relayed == Some(RelayedMedium::Audio)) {
                        note_levels(info, id, &tap, now);
                    }
                }
                gst::PadProbeReturn::Ok
            });
            // Depayloaders and decoders ask too often to be let through.
            let keyframe = keyframe.clone();
            sink.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| match info.event() {
                Some(event) if gst_video::UpstreamForceKeyUnitEvent::parse(event).is_ok() => {
                    keyframe.notify_one();
                    // Not Drop: the binding (0.25) frees the event and leaves GStreamer a null pointer to free.
                    gst::PadProbeReturn::Handled
                }
                _ => gst::PadProbeReturn::Ok,
            });
            pipeline.add(&branch).map_err(|error| error.to_string())?;
            branch.sync_state_with_parent().map_err(|error| error.to_string())?;
            pad.link(&sink).map_err(|error| error.to_string())?;
            Ok(())
        });
        if let Err(detail) = linked {
            gst::element_error!(
                pipeline,
                gst::CoreError::Pad,
                ("a publisher's stream was not linked"),
                ["{detail}"]
            );
        }
    });
    Ok(())
}

/// What the publisher says of the loudness of packets.
fn note_levels(info: &gst::PadProbeInfo<'_>, id: u8, tap: &SourceTap, now: MediaTime) {
    let note = |buffer: &gst::BufferRef| {
        if let Some(level) = buffer.map_readable().ok().and_then(|packet| audio_level::read(&packet, id)) {
            tap.meter().told_level(level, now);
        }
    };
    match &info.data {
        Some(gst::PadProbeData::Buffer(buffer)) => note(buffer),
        Some(gst::PadProbeData::BufferList(list)) => list.iter().for_each(note),
        _ => {}
    }
}
