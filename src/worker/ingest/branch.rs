//! From an RTP pad to a source: depayload, decode, hand over. While the program does not take decoded pictures,
//! they end before the decoder, which gets nothing: handed over as they come, or only counted.

use super::IngestError;
use crate::{
    ipc::VideoCodec,
    units::MediaTime,
    worker::{
        coded::{CodedFormat, CodedPicture, is_idr},
        pipeline_file::{PipelineFile, Role},
        program::frame::Frame,
        source::{Demand, SourceTap},
        timeline::{Timeline, presented_at, running_time},
    },
};
use gst::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// What a publisher's stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Video(VideoCodec),
    Audio,
    /// Not asked for, or a second one: received and thrown away.
    Unwanted,
}

impl Medium {
    const fn role(self) -> Role {
        match self {
            Self::Video(VideoCodec::H264) => Role::IngestH264,
            Self::Video(VideoCodec::Vp8) => Role::IngestVp8,
            Self::Audio => Role::IngestOpus,
            Self::Unwanted => Role::IngestDiscard,
        }
    }
}

/// A bin that takes the RTP of `medium` and feeds `tap`.
pub fn build(medium: Medium, tap: &SourceTap, timeline: &Timeline) -> Result<gst::Bin, IngestError> {
    let file = PipelineFile::of(medium.role())?;
    let bin = file.bin(&[])?;
    if medium == Medium::Unwanted {
        return Ok(bin);
    }
    if let Medium::Video(codec) = medium {
        let decoder = file.element(&bin, "decoder")?;
        // Decoders have one; without it, nothing could be linked to it either.
        if let Some(pad) = decoder.static_pad("sink") {
            bypass_decoder(&pad, codec, tap, timeline);
        }
    }
    let sink: gst_app::AppSink = file.typed(&bin, "out")?;
    let (tap, timeline) = (tap.clone(), timeline.clone());
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                hand_over(&sample, medium, &tap, timeline.now());
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    Ok(bin)
}

fn hand_over(sample: &gst::Sample, medium: Medium, tap: &SourceTap, now: MediaTime) -> Option<()> {
    let pts = presented_at(sample)?;
    match medium {
        Medium::Audio => tap.sound(pts, sample.buffer_owned()?, now),
        Medium::Video(_) => tap.picture(pts, Frame::from_sample(sample)?, now),
        Medium::Unwanted => {}
    }
    Some(())
}

/// The format of the caps that were last seen: looked at anew when they change.
type KnownFormat = Mutex<Option<(gst::Caps, Option<Arc<CodedFormat>>)>>;

/// Keeps pictures from the decoder behind `pad` while the program does not want them decoded.
fn bypass_decoder(pad: &gst::Pad, codec: VideoCodec, tap: &SourceTap, timeline: &Timeline) {
    let (tap, timeline) = (tap.clone(), timeline.clone());
    let known = KnownFormat::default();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(gst::PadProbeData::Buffer(buffer)) = &info.data else { return gst::PadProbeReturn::Ok };
        let demand = tap.meter().demand();
        if demand == Demand::Decoded {
            if !tap.meter().is_starved() {
                return gst::PadProbeReturn::Ok;
            }
            if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                tap.resume(time_of(pad, buffer));
                return gst::PadProbeReturn::Ok;
            }
        }
        tap.starve();
        if demand == Demand::Coded && codec == VideoCodec::H264 {
            take_coded(pad, buffer, &known, &tap, timeline.now());
        } else {
            tap.unused_picture(size(pad), timeline.now());
        }
        // Handled, not Drop, for the reason in `publisher::peer`.
        gst::PadProbeReturn::Handled
    });
}

fn time_of(pad: &gst::Pad, buffer: &gst::Buffer) -> Option<MediaTime> {
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    running_time(segment.segment(), buffer)
}

/// The size that parser or depayloader read from the stream.
fn size(pad: &gst::Pad) -> Option<(u32, u32)> {
    let caps = pad.current_caps()?;
    let structure = caps.structure(0)?;
    let pixels = |field| u32::try_from(structure.get::<i32>(field).ok()?).ok();
    pixels("width").zip(pixels("height"))
}

fn take_coded(
    pad: &gst::Pad,
    buffer: &gst::Buffer,
    known: &KnownFormat,
    tap: &SourceTap,
    now: MediaTime,
) -> Option<()> {
    let caps = pad.current_caps()?;
    // Locked by this streaming thread alone.
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.as_ref().is_none_or(|(of, _)| *of != caps) {
        let format = CodedFormat::of_caps(&caps).map(Arc::new);
        *known = Some((caps, format));
    }
    let format = known.as_ref()?.1.clone()?;
    drop(known);
    let pts = time_of(pad, buffer)?;
    let idr = is_idr(&buffer.map_readable().ok()?);
    tap.coded(pts, CodedPicture { idr, format, data: buffer.clone() }, now);
    Some(())
}
