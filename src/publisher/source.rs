//! The camera and the microphone: one thread that draws and sounds in step with the clock.
//!
//! 1. Frame `n` has timestamp `n / fps` and is given away at that time, as a camera would.
//! 2. A block of sound has the timestamp of its first sample and is given away when its last one has
//!    been "heard", 10 ms later, as a microphone would.
//! 3. Both count from the same epoch, which is also the pipeline's base time: a timestamp is a media
//!    time, and frame numbers tell the time of capture on CLOCK_MONOTONIC.
//! 4. Who is late leaves frames out, and never shifts one.

use super::{pattern::Pattern, tone::Tone};
use crate::units::{FrameRate, MediaTime};
use gst::prelude::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// A block of sound: 10 ms.
const BLOCK_SAMPLES: u64 = 480;
const BLOCK: MediaTime = MediaTime::from_millis(10);
/// Sound that is further behind than this is given up, and goes on at the present.
const MAX_SOUND_DELAY: Duration = Duration::from_millis(500);
/// The thread looks so often whether it should end.
const NAP: Duration = Duration::from_millis(50);

/// Maps frame numbers to the time of their capture on this machine's CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameClock {
    /// CLOCK_MONOTONIC, nanoseconds, of frame 0.
    pub epoch_ns: u64,
    /// Frames a second.
    pub rate: FrameRate,
}

impl FrameClock {
    /// When frame `n` was captured: CLOCK_MONOTONIC, nanoseconds.
    pub const fn capture_ns(&self, n: u64) -> u64 {
        self.epoch_ns + self.rate.frame_time(n).0
    }
}

/// This machine's CLOCK_MONOTONIC, nanoseconds: what GStreamer's system clock shows too.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // Both parts are never negative on a monotonic clock.
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// A picture and where it goes.
pub(super) struct Camera {
    pub out: gst_app::AppSrc,
    pub pattern: Pattern,
}

/// A sound and where it goes.
pub(super) struct Microphone {
    pub out: gst_app::AppSrc,
    pub tone: Tone,
}

/// The running thread.
pub(super) struct Source {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// Starts to draw and sound. `skipped` counts frames that were left out.
    pub fn spawn(
        camera: Option<Camera>,
        microphone: Option<Microphone>,
        epoch_ns: u64,
        skipped: Arc<AtomicU64>,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker { camera, microphone, epoch_ns, skipped, stop: stop.clone() };
        let thread =
            std::thread::Builder::new().name("publisher-source".into()).spawn(move || worker.run())?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic over there was printed over there.
            let _ = thread.join();
        }
    }
}

struct Worker {
    camera: Option<Camera>,
    microphone: Option<Microphone>,
    epoch_ns: u64,
    skipped: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    /// Ends when told to, or when nobody takes the media any more (the pipeline stops).
    fn run(mut self) {
        let now = self.now();
        let mut frame = self.camera.as_ref().map(|camera| next_frame(now, camera.pattern.rate()));
        let mut block = self.microphone.as_ref().map(|_| now.0 / BLOCK.0);
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.now();
            let frame_due =
                self.camera.as_ref().zip(frame).map(|(camera, n)| camera.pattern.rate().frame_time(n));
            let block_due = block.map(|n| MediaTime((n + 1) * BLOCK.0));
            if let (Some(n), Some(due)) = (block, block_due.filter(|due| *due <= now)) {
                if self.sound(n).is_err() {
                    return;
                }
                let late = now.since(due) > MAX_SOUND_DELAY;
                block = Some(if late { now.0 / BLOCK.0 } else { n + 1 });
            } else if let (Some(n), Some(_)) = (frame, frame_due.filter(|due| *due <= now)) {
                frame = match self.picture(n, now) {
                    Ok(next) => Some(next),
                    Err(_) => return,
                };
            } else {
                let due = frame_due.into_iter().chain(block_due).min().unwrap_or(now);
                std::thread::sleep(due.since(self.now()).min(NAP));
            }
        }
    }

    /// Media time. Before the epoch it is zero: nothing is due yet, as time stands still there.
    fn now(&self) -> MediaTime {
        MediaTime(monotonic_ns().saturating_sub(self.epoch_ns))
    }

    fn picture(&mut self, due: u64, now: MediaTime) -> Result<u64, gst::FlowError> {
        let Some(camera) = &self.camera else { return Ok(due) };
        let rate = camera.pattern.rate();
        // Of frames whose time is over, only the newest is worth drawing.
        let n = next_frame(now, rate).saturating_sub(1).max(due);
        self.skipped.fetch_add(n - due, Ordering::Relaxed);
        let mut data = vec![0; camera.pattern.size().bytes()];
        camera.pattern.draw(n, &mut data);
        let (from, to) = (rate.frame_time(n), rate.frame_time(n + 1));
        camera.out.push_buffer(timed(data, from, to))?;
        Ok(n + 1)
    }

    fn sound(&mut self, n: u64) -> Result<(), gst::FlowError> {
        let Some(microphone) = &self.microphone else { return Ok(()) };
        let mut samples = [0i16; BLOCK_SAMPLES as usize];
        microphone.tone.fill(n * BLOCK_SAMPLES, &mut samples);
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let from = MediaTime(n * BLOCK.0);
        microphone.out.push_buffer(timed(data, from, MediaTime(from.0 + BLOCK.0))).map(|_| ())
    }
}

/// The first frame that is not due yet at `now`.
fn next_frame(now: MediaTime, rate: FrameRate) -> u64 {
    let estimate = (u128::from(now.0) * u128::from(rate.0) / 1_000_000_000) as u64;
    // Frame times are rounded down: the estimate may be one too low.
    (estimate..).find(|n| rate.frame_time(*n) > now).unwrap_or(estimate)
}

fn timed(data: Vec<u8>, from: MediaTime, to: MediaTime) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(data);
    // A buffer just made has one owner.
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(gst::ClockTime::from_nseconds(from.0));
        buffer.set_duration(gst::ClockTime::from_nseconds(to.0 - from.0));
    }
    buffer
}

/// The caps of what is drawn. BT.601 whatever the size: it is what the palette is drawn with.
pub(super) fn picture_caps(pattern: &Pattern) -> gst::Caps {
    let size = pattern.size();
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", size.width as i32)
        .field("height", size.height as i32)
        .field("framerate", gst::Fraction::new(pattern.rate().0 as i32, 1))
        .field("colorimetry", "bt601")
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build()
}

/// The caps of what is sounded.
pub(super) fn sound_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("rate", super::tone::RATE as i32)
        .field("channels", 1i32)
        .field("layout", "interleaved")
        .build()
}

/// The clock every publisher's pipeline runs on; `None` when it does not show CLOCK_MONOTONIC.
pub(super) fn system_clock() -> Option<gst::Clock> {
    let clock = gst::SystemClock::obtain();
    let (before, shown, after) = (monotonic_ns(), clock.time().nseconds(), monotonic_ns());
    (before..=after).contains(&shown).then_some(clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_frame_is_the_first_that_is_not_due() {
        for rate in [7, 24, 30, 60].map(FrameRate) {
            for n in [1u64, 2, 299, 30 * 86_400] {
                assert_eq!(next_frame(rate.frame_time(n), rate), n + 1);
                assert_eq!(next_frame(MediaTime(rate.frame_time(n).0 - 1), rate), n);
            }
        }
    }

    #[test]
    fn gstreamer_shows_the_monotonic_clock() {
        gst::init().unwrap();
        assert!(system_clock().is_some());
    }

    /// A stand for a pipeline: appsrc into appsink, no clock of its own.
    #[test]
    fn frames_and_sound_come_with_the_media_times_they_show() {
        gst::init().unwrap();
        let pipeline = gst::parse::launch(
            "appsrc name=video format=time is-live=true ! appsink name=video-out sync=false max-buffers=0 \
             appsrc name=audio format=time is-live=true ! appsink name=audio-out sync=false max-buffers=0",
        );
        let pipeline = pipeline.unwrap().downcast::<gst::Pipeline>().unwrap();
        let source = |name| pipeline.by_name(name).unwrap().downcast::<gst_app::AppSrc>().unwrap();
        let sink = |name| pipeline.by_name(name).unwrap().downcast::<gst_app::AppSink>().unwrap();
        let size = crate::publisher::planes::PictureSize { width: 160, height: 90 };
        let colour = crate::publisher::palette::Colour::of(1);
        let pattern = Pattern::new(colour, "", size, FrameRate(25)).unwrap();
        source("video").set_caps(Some(&picture_caps(&pattern)));
        source("audio").set_caps(Some(&sound_caps()));
        pipeline.set_state(gst::State::Playing).unwrap();
        // Three hours ago: as after a reconnect.
        let epoch_ns = monotonic_ns().saturating_sub(3 * 3600 * 1_000_000_000);
        let skipped = Arc::new(AtomicU64::new(0));
        let camera = Camera { out: source("video"), pattern };
        let microphone = Microphone { out: source("audio"), tone: Tone::of(1) };
        let thread = Source::spawn(Some(camera), Some(microphone), epoch_ns, skipped.clone()).unwrap();
        let mut last = None;
        for _ in 0..10 {
            let sample = sink("video-out").pull_sample().unwrap();
            let clock = FrameClock { epoch_ns, rate: FrameRate(25) };
            let map = sample.buffer().unwrap().map_readable().unwrap();
            let picture = crate::publisher::planes::Picture::new(size, &map).unwrap();
            let reading =
                crate::publisher::pattern::read(&picture, crate::publisher::pattern::Tile::whole(size));
            let n = u64::from(reading.unwrap().counter.unwrap());
            let pts = sample.buffer().unwrap().pts().unwrap().nseconds();
            assert_eq!(epoch_ns + pts, clock.capture_ns(n));
            assert!(clock.capture_ns(n) <= monotonic_ns(), "a frame from the future");
            assert!(last.is_none_or(|last| n > last));
            last = Some(n);
        }
        let mut next = None;
        for _ in 0..20 {
            let sample = sink("audio-out").pull_sample().unwrap();
            let buffer = sample.buffer().unwrap();
            let first = MediaTime(buffer.pts().unwrap().nseconds()).to_timescale(48_000);
            assert!(next.is_none_or(|next| first >= next));
            let mut expected = [0i16; 480];
            Tone::of(1).fill(first, &mut expected);
            let bytes: Vec<u8> = expected.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            assert_eq!(buffer.map_readable().unwrap().as_slice(), bytes);
            next = Some(first + 480);
        }
        drop(thread);
        pipeline.set_state(gst::State::Null).unwrap();
    }
}
