//! From an RTP pad to a source: depayload, decode, hand over. While the program takes pictures as they come,
//! they are handed over before the decoder, which gets nothing.

use super::IngestError;
use crate::{
    ipc::VideoCodec,
    units::MediaTime,
    worker::{
        coded::{CodedFormat, CodedPicture, is_idr},
        pipeline_file::{PipelineFile, Role},
        program::frame::Frame,
        source::SourceTap,
        timeline::{Timeline, presented_at, running_time},
    },
};
use gst::prelude::*;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

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

/// Takes coded pictures away before the decoder's `pad` while the program wants them so.
fn bypass_decoder(pad: &gst::Pad, codec: VideoCodec, tap: &SourceTap, timeline: &Timeline) {
    let (tap, timeline) = (tap.clone(), timeline.clone());
    let known = KnownFormat::default();
    // What the decoder gets next must be a keyframe.
    let behind = AtomicBool::new(false);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(gst::PadProbeData::Buffer(buffer)) = &info.data else { return gst::PadProbeReturn::Ok };
        // Handled, not Drop, for the reason in `publisher::peer`.
        if tap.takes_coded() {
            behind.store(true, Relaxed);
            take_coded(pad, buffer, codec, &known, &tap, timeline.now());
            return gst::PadProbeReturn::Handled;
        }
        if behind.load(Relaxed) {
            if buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
                return gst::PadProbeReturn::Handled;
            }
            behind.store(false, Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
}

fn take_coded(
    pad: &gst::Pad,
    buffer: &gst::Buffer,
    codec: VideoCodec,
    known: &KnownFormat,
    tap: &SourceTap,
    now: MediaTime,
) -> Option<()> {
    let caps = pad.current_caps()?;
    if codec != VideoCodec::H264 {
        let structure = caps.structure(0)?;
        let pixels = |field| u32::try_from(structure.get::<i32>(field).ok()?).ok();
        tap.unused_picture(pixels("width").zip(pixels("height")), now);
        return Some(());
    }
    // Locked by this streaming thread alone.
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.as_ref().is_none_or(|(of, _)| *of != caps) {
        let format = CodedFormat::of_caps(&caps).map(Arc::new);
        *known = Some((caps, format));
    }
    let format = known.as_ref()?.1.clone()?;
    drop(known);
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let pts = running_time(segment.segment(), buffer)?;
    let idr = is_idr(&buffer.map_readable().ok()?);
    tap.coded(pts, CodedPicture { idr, format, data: buffer.clone() }, now);
    Some(())
}
