//! A file of coded media, sent as it is, again and again: a publisher that costs next to nothing.
//!
//! H.264 or VP8, and Opus, in whatever container GStreamer knows. Nothing is decoded: access units are read into
//! memory once and given away at their times. What a file cannot do is answer a request for a keyframe; it comes
//! when it comes, so that keyframes should stand close together.

use super::{options::VideoCodec, roles::PublisherRole, source::monotonic_ns};
use crate::{
    units::MediaTime,
    worker::pipeline_file::{ParamValue, PipelineFileError},
};
use gst::{glib, prelude::*};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Bytes of media that are kept: ten minutes of 3 Mbit/s.
pub const MAX_BYTES: usize = 256 << 20;
/// Reading a file of that size takes seconds.
const READ_DEADLINE: gst::ClockTime = gst::ClockTime::from_seconds(60);
/// Whoever is further behind than this goes on at the present.
const MAX_DELAY: Duration = Duration::from_millis(500);
/// The thread looks so often whether it should end.
const NAP: Duration = Duration::from_millis(50);

/// Why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    #[error("initialising GStreamer")]
    Init(#[source] glib::Error),
    #[error("building the reader of {path}")]
    Pipeline { path: PathBuf, source: PipelineFileError },
    #[error("reading {path}: {detail}")]
    Read { path: PathBuf, detail: String },
    #[error("{path} holds more than {} MB of media", MAX_BYTES >> 20)]
    TooLarge { path: PathBuf },
    #[error("{path} holds no H.264 or VP8 with a keyframe, and no Opus: these are sent as they are")]
    Nothing { path: PathBuf },
    #[error("{path} has pictures out of order (B-frames), which WebRTC does not carry")]
    Reordered { path: PathBuf },
}

/// A file in memory.
#[derive(Debug)]
pub struct Clip {
    pub picture: Option<Track>,
    pub sound: Option<Track>,
    /// After so long it begins again.
    length: MediaTime,
}

/// One medium of it.
#[derive(Debug, Clone)]
pub struct Track {
    pub caps: gst::Caps,
    units: Vec<Unit>,
}

/// An access unit, or a packet of sound.
#[derive(Debug, Clone)]
struct Unit {
    /// From the clip's start.
    at: MediaTime,
    data: gst::Buffer,
}

/// A medium while it is read.
#[derive(Debug, Default)]
struct Reading {
    tracks: Vec<Track>,
    bytes: usize,
}

impl Clip {
    /// Reads a file. Blocks.
    ///
    /// # Errors
    /// [`ClipError`].
    pub fn read(path: &Path) -> Result<Self, ClipError> {
        gst::init().map_err(ClipError::Init)?;
        let failed = |source| ClipError::Pipeline { path: path.to_owned(), source };
        let file = PublisherRole::Clip.load().map_err(failed)?;
        let location = path.to_string_lossy().into_owned();
        let pipeline = file.pipeline(&[("path", ParamValue::Text(location))]).map_err(failed)?;
        let parse = file.element(&pipeline, "parse").map_err(failed)?;
        let reading = Arc::new(Mutex::new(Reading::default()));
        let (weak, into) = (pipeline.downgrade(), reading.clone());
        parse.connect_pad_added(move |_, pad| {
            let Some(pipeline) = weak.upgrade() else { return };
            if attach(&pipeline, pad, &into).is_none() {
                gst::element_error!(pipeline, gst::CoreError::Pad, ("a stream was not linked"));
            }
        });
        let read = run(&pipeline);
        // Joins the streaming threads; it cannot fail for elements that were stopped by it.
        let _ = pipeline.set_state(gst::State::Null);
        let reading = std::mem::take(&mut *reading.lock().unwrap_or_else(PoisonError::into_inner));
        if reading.bytes > MAX_BYTES {
            return Err(ClipError::TooLarge { path: path.to_owned() });
        }
        read.map_err(|detail| ClipError::Read { path: path.to_owned(), detail })?;
        Self::of(reading.tracks, path)
    }

    fn of(tracks: Vec<Track>, path: &Path) -> Result<Self, ClipError> {
        let mut clip = Self { picture: None, sound: None, length: MediaTime::ZERO };
        for mut track in tracks {
            let place = if track.codec().is_some() { &mut clip.picture } else { &mut clip.sound };
            if place.is_some() {
                continue;
            }
            if track.codec().is_some() {
                track
                    .units
                    .drain(..track.units.iter().position(Unit::is_keyframe).unwrap_or(track.units.len()));
            }
            if track.units.windows(2).any(|pair| pair[1].at < pair[0].at) {
                return Err(ClipError::Reordered { path: path.to_owned() });
            }
            if !track.units.is_empty() {
                *place = Some(track);
            }
        }
        let tracks = || clip.picture.iter().chain(&clip.sound);
        let Some(begin) = tracks().map(|track| track.units[0].at).min() else {
            return Err(ClipError::Nothing { path: path.to_owned() });
        };
        let end = tracks().map(Track::end).max().unwrap_or(begin);
        for track in clip.picture.iter_mut().chain(&mut clip.sound) {
            track.units.iter_mut().for_each(|unit| unit.at = MediaTime(unit.at.0 - begin.0));
        }
        clip.length = MediaTime(end.0 - begin.0);
        Ok(clip)
    }

    /// Who of picture and sound is next, in the order of time: (time, is picture, index).
    fn order(&self) -> Vec<(MediaTime, bool, usize)> {
        let of = |track: &Option<Track>, picture| {
            let units = track.iter().flat_map(|track| track.units.iter().enumerate());
            units.map(|(index, unit)| (unit.at, picture, index)).collect::<Vec<_>>()
        };
        let mut order = of(&self.picture, true);
        order.extend(of(&self.sound, false));
        order.sort_by_key(|(at, ..)| *at);
        order
    }
}

impl Track {
    /// `None`: sound.
    pub fn codec(&self) -> Option<VideoCodec> {
        match self.caps.structure(0)?.name().as_str() {
            "video/x-h264" => Some(VideoCodec::H264),
            "video/x-vp8" => Some(VideoCodec::Vp8),
            _ => None,
        }
    }

    /// Of H.264: profile, constraints and level as they stand in its sequence parameter set.
    pub fn profile_level_id(&self) -> Option<String> {
        let map = self.units.first()?.data.map_readable().ok()?;
        let start = map.windows(4).position(|four| four[..3] == [0, 0, 1] && four[3] & 0x1f == 7)? + 4;
        let id = map.get(start..start + 3)?;
        Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn end(&self) -> MediaTime {
        let last = &self.units[self.units.len() - 1];
        // The last one lasts as long as the one before: containers do not always say.
        let before = self
            .units
            .len()
            .checked_sub(2)
            .map_or(MediaTime::from_millis(20), |index| MediaTime(last.at.0 - self.units[index].at.0));
        MediaTime(last.at.0 + before.0)
    }
}

impl Unit {
    fn is_keyframe(&self) -> bool {
        !self.data.flags().contains(gst::BufferFlags::DELTA_UNIT)
    }
}

/// Plays the pipeline to its end; why it did not come to that.
fn run(pipeline: &gst::Pipeline) -> Result<(), String> {
    let Some(bus) = pipeline.bus() else { return Err("it has no bus".to_owned()) };
    let started = pipeline.set_state(gst::State::Playing);
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    match bus.timed_pop_filtered(READ_DEADLINE, &kinds).as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(()),
        Some(gst::MessageView::Error(error)) => Err(error.error().to_string()),
        _ if started.is_err() => Err("it cannot be opened".to_owned()),
        _ => Err(format!("it took longer than {} s", READ_DEADLINE.seconds())),
    }
}

/// Links a stream that can be sent; others end here, since a stream that is not linked ends all of them.
fn attach(pipeline: &gst::Pipeline, pad: &gst::Pad, reading: &Arc<Mutex<Reading>>) -> Option<()> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let role = match caps.structure(0)?.name().as_str() {
        "video/x-h264" => PublisherRole::ClipH264,
        _ => PublisherRole::ClipStream,
    };
    let wanted =
        matches!(caps.structure(0)?.name().as_str(), "video/x-h264" | "video/x-vp8" | "audio/x-opus");
    let file = role.load().ok()?;
    let bin = file.bin(&[]).ok()?;
    let out: gst_app::AppSink = file.typed(&bin, "out").ok()?;
    if wanted {
        let number = {
            let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
            reading.tracks.push(Track { caps, units: Vec::new() });
            reading.tracks.len() - 1
        };
        let reading = reading.clone();
        let take = move |out: &gst_app::AppSink| {
            let sample = out.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
            let data = sample.buffer_owned().ok_or(gst::FlowError::Error)?;
            reading.bytes += data.size();
            if reading.bytes > MAX_BYTES {
                return Err(gst::FlowError::Eos);
            }
            let track = &mut reading.tracks[number];
            if let Some(caps) = sample.caps_owned() {
                track.caps = caps;
            }
            if let Some(pts) = data.pts() {
                track.units.push(Unit { at: MediaTime(pts.nseconds()), data });
            }
            Ok(gst::FlowSuccess::Ok)
        };
        out.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(take).build());
    } else {
        out.set_drop(true);
        // Nobody takes what it holds.
        out.set_wait_on_eos(false);
    }
    pipeline.add(&bin).ok()?;
    bin.sync_state_with_parent().ok()?;
    pad.link(&bin.static_pad("sink")?).ok()?;
    Some(())
}

/// The thread that gives a clip away. Dropping it ends it.
pub struct ClipPlayer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ClipPlayer {
    /// Begins now; timestamps count from `epoch_ns` on CLOCK_MONOTONIC.
    pub fn spawn(
        clip: Clip,
        picture: Option<gst_app::AppSrc>,
        sound: Option<gst_app::AppSrc>,
        epoch_ns: u64,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("publisher-clip".into())
            .spawn(move || play(&clip, picture.as_ref(), sound.as_ref(), epoch_ns, &stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for ClipPlayer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic over there was printed over there.
            let _ = thread.join();
        }
    }
}

fn play(
    clip: &Clip,
    picture: Option<&gst_app::AppSrc>,
    sound: Option<&gst_app::AppSrc>,
    epoch_ns: u64,
    stop: &AtomicBool,
) {
    let now = || MediaTime(monotonic_ns().saturating_sub(epoch_ns));
    let order = clip.order();
    let mut begin = now();
    loop {
        for (at, is_picture, index) in &order {
            let mut due = MediaTime(begin.0 + at.0);
            if now().since(due) > MAX_DELAY {
                begin = MediaTime(now().0 - at.0);
                due = now();
            }
            while now() < due {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(due.since(now()).min(NAP));
            }
            let (track, out) = if *is_picture { (&clip.picture, picture) } else { (&clip.sound, sound) };
            let (Some(track), Some(out)) = (track, out) else { continue };
            let mut buffer = track.units[*index].data.copy();
            // A copy has one owner; what it holds is shared.
            if let Some(header) = buffer.get_mut() {
                header.set_pts(gst::ClockTime::from_nseconds(due.0));
                header.set_dts(gst::ClockTime::NONE);
            }
            // Nobody takes the media any more: the pipeline stops.
            if out.push_buffer(buffer).is_err() || stop.load(Ordering::Relaxed) {
                return;
            }
        }
        begin = MediaTime(begin.0 + clip.length.0);
    }
}
