//! Reads a recording: decodes a file with GStreamer and keeps what its pictures and its sound say.

use super::{
    planes::{Picture, PictureSize, Plane},
    recording::{Layout, Recorder, Recording},
    roles::PublisherRole,
};
use crate::worker::pipeline_file::{ParamValue, PipelineFileError};
use gst::{glib, prelude::*};
use gst_video::prelude::*;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A longer recording is refused: what is kept of it grows with it (7 KB for each second).
pub const MAX_LENGTH: Duration = Duration::from_secs(6 * 3600);

/// A decoder that gives nothing for so long is stuck.
const STALL: Duration = Duration::from_secs(20);

/// Distance of looks at the bus and at the progress.
const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(200);

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    #[error("initialising GStreamer")]
    Init(#[source] glib::Error),
    #[error("building the viewer")]
    Pipeline(#[from] PipelineFileError),
    #[error("linking {what} to the viewer")]
    Link { what: &'static str },
    #[error("starting to decode {path}")]
    Start { path: PathBuf },
    #[error("decoding {path}: {element}: {message}")]
    Decode { path: PathBuf, element: String, message: String },
    #[error("decoding {path} stands still after {frames} frames and {samples} samples")]
    Stalled { path: PathBuf, frames: usize, samples: u64 },
    #[error("{path} is longer than {} s", MAX_LENGTH.as_secs())]
    TooLong { path: PathBuf },
    #[error("{path} holds neither picture nor sound that can be decoded")]
    Nothing { path: PathBuf },
}

/// Decodes a file (FLV, MP4, fragmented MP4, whatever `decodebin` knows) and looks for the pictures
/// of `layout` in each frame. Blocks until it is done: call it where that is allowed.
pub fn view_file(path: &Path, layout: Layout) -> Result<Recording, ViewError> {
    gst::init().map_err(ViewError::Init)?;
    let file = PublisherRole::Viewer.load()?;
    let location = path.to_string_lossy().into_owned();
    let pipeline = file.pipeline(&[("path", ParamValue::Text(location))])?;
    let decode = file.element(&pipeline, "decode")?;
    let recorder = SharedRecorder(Arc::new(Mutex::new(Recorder::new(layout))));
    let weak = pipeline.downgrade();
    let sink = recorder.clone();
    decode.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        if let Err(error) = sink.attach(&pipeline, pad) {
            gst::element_error!(pipeline, gst::StreamError::Failed, ("{error}"));
        }
    });
    let started = pipeline.set_state(gst::State::Playing);
    let ended = match started {
        Ok(_) => wait(&pipeline, path, &recorder),
        // The reason lies on the bus; if there is none, the start itself is all we know.
        Err(_) => match wait_for_error(&pipeline, path) {
            Some(error) => Err(error),
            None => Err(ViewError::Start { path: path.to_owned() }),
        },
    };
    // Going to NULL joins the streaming threads: nobody records any more after it. It cannot fail
    // for elements that were stopped by it.
    let _ = pipeline.set_state(gst::State::Null);
    ended?;
    let recorder = std::mem::replace(&mut *recorder.lock(), Recorder::new(Layout::Tiles(Vec::new())));
    if recorder.taken() == (0, 0) {
        return Err(ViewError::Nothing { path: path.to_owned() });
    }
    Ok(recorder.finish())
}

fn wait(pipeline: &gst::Pipeline, path: &Path, recorder: &SharedRecorder) -> Result<(), ViewError> {
    let path = || path.to_owned();
    let Some(bus) = pipeline.bus() else { return Err(ViewError::Start { path: path() }) };
    let mut progress = (recorder.lock().taken(), Instant::now());
    loop {
        let message = bus.timed_pop_filtered(POLL, &[gst::MessageType::Eos, gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => return Ok(()),
            Some(gst::MessageView::Error(error)) => return Err(decode_error(path(), error)),
            _ => {}
        }
        let (taken, length) = {
            let recorder = recorder.lock();
            (recorder.taken(), recorder.length())
        };
        if length > MAX_LENGTH {
            return Err(ViewError::TooLong { path: path() });
        }
        if taken != progress.0 {
            progress = (taken, Instant::now());
        } else if progress.1.elapsed() > STALL {
            return Err(ViewError::Stalled { path: path(), frames: taken.0, samples: taken.1 });
        }
    }
}

fn wait_for_error(pipeline: &gst::Pipeline, path: &Path) -> Option<ViewError> {
    let message = pipeline.bus()?.timed_pop_filtered(POLL, &[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(decode_error(path.to_owned(), error)),
        _ => None,
    }
}

fn decode_error(path: PathBuf, error: &gst::message::Error) -> ViewError {
    let element = error.src().map_or_else(|| "pipeline".into(), |src| src.name());
    ViewError::Decode { path, element: element.to_string(), message: error.error().to_string() }
}

/// The recorder, shared by the streaming threads of picture and sound.
#[derive(Clone)]
pub(super) struct SharedRecorder(pub(super) Arc<Mutex<Recorder>>);

impl SharedRecorder {
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Recorder> {
        // A panic in the other thread ends the recording anyway; what was read stays true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Links a raw stream to the recorder; streams that are neither picture nor sound are left alone.
    pub(super) fn attach(&self, pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<(), ViewError> {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let video = match caps.structure(0).map(|structure| structure.name().as_str()) {
            Some("video/x-raw") => true,
            Some("audio/x-raw") => false,
            _ => return Ok(()),
        };
        let role = if video { PublisherRole::ViewerVideo } else { PublisherRole::ViewerAudio };
        let file = role.load()?;
        let bin = file.bin(&[])?;
        let out: gst_app::AppSink = file.typed(&bin, "out")?;
        let recorder = self.clone();
        let take = move |out: &gst_app::AppSink| {
            let sample = out.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let taken = if video { recorder.take_frame(&sample) } else { recorder.take_sound(&sample) };
            taken.map(|()| gst::FlowSuccess::Ok).ok_or(gst::FlowError::Error)
        };
        out.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(take).build());
        let failed = ViewError::Link { what: if video { "the picture" } else { "the sound" } };
        let linked = || {
            pipeline.add(&bin).ok()?;
            pad.link(&bin.static_pad("sink")?).ok()?;
            bin.sync_state_with_parent().ok()
        };
        linked().ok_or(failed)
    }

    fn take_frame(&self, sample: &gst::Sample) -> Option<()> {
        let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
        let plane = |index: u32| {
            let stride = usize::try_from(*frame.plane_stride().get(index as usize)?).ok()?;
            Some(Plane { data: frame.plane_data(index).ok()?, stride })
        };
        let size = PictureSize { width: frame.width() as usize, height: frame.height() as usize };
        let picture = Picture { size, y: plane(0)?, u: plane(1)?, v: plane(2)? };
        self.lock().frame(running_time(sample)?, &picture);
        Some(())
    }

    fn take_sound(&self, sample: &gst::Sample) -> Option<()> {
        let map = sample.buffer()?.map_readable().ok()?;
        let samples: Vec<f32> = map
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        self.lock().sound(running_time(sample)?, &samples);
        Some(())
    }
}

/// The time at which a player would show it: the container's edit lists and start are in the segment.
fn running_time(sample: &gst::Sample) -> Option<u64> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    // Before the segment begins there is nothing to show: clipped to its start.
    let pts = sample.buffer()?.pts()?;
    Some(segment.to_running_time(pts).unwrap_or(gst::ClockTime::ZERO).nseconds())
}

#[cfg(test)]
mod tests;
