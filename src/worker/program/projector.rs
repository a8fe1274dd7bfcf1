//! A media file as the program plays it: its reel, what moves it, and what is asked of it.
//!
//! The program pulls what it needs from the decoders' ends ([`Sinks`]); what is not pulled keeps them waiting. So the file is
//! paced by the program's own ticks, and never far ahead of them.

use super::{
    frame::Frame,
    picture::PictureLine,
    reel::Reel,
    sound::{Move, Voice},
};
use crate::{
    ids::{RequestId, SourceId},
    ipc::{
        ReplyError, SceneSpec,
        file::{FileAction, FileReport},
    },
    units::MediaTime,
    worker::timeline::stream_time,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// No length is known.
const UNKNOWN: u64 = u64::MAX;
/// Of a file that ends within this, what comes after it is decoded.
pub const NEAR_END: u64 = 3_000_000_000;

/// Where a file's decoded media can be fetched.
#[derive(Debug)]
pub struct Sinks {
    /// I420 pictures, where it has any.
    pub pictures: Option<gst_app::AppSink>,
    /// 48 kHz stereo F32, where it has sound.
    pub sound: Option<gst_app::AppSink>,
}

/// What is known of a file without asking anybody.
#[derive(Debug)]
pub struct FileMeter {
    position_ms: AtomicU64,
    duration_ms: AtomicU64,
    paused: AtomicBool,
}

impl FileMeter {
    /// Of a file that stands there.
    pub fn new(position_ms: u64, paused: bool) -> Self {
        Self {
            position_ms: AtomicU64::new(position_ms),
            duration_ms: AtomicU64::new(UNKNOWN),
            paused: AtomicBool::new(paused),
        }
    }

    /// The figures for control.
    pub fn report(&self, source: SourceId) -> FileReport {
        let duration_ms = self.duration_ms.load(Relaxed);
        FileReport {
            source,
            position_ms: self.position_ms.load(Relaxed),
            duration_ms: (duration_ms != UNKNOWN).then_some(duration_ms),
            paused: self.paused.load(Relaxed),
        }
    }
}

/// What happens to a file.
#[derive(Debug)]
pub enum FileRequest {
    /// It is being opened.
    Add { meter: Arc<FileMeter>, repeat: bool },
    /// It is decoded.
    Opened { sinks: Sinks, duration_ms: Option<u64> },
    /// It was read anew from the place that was wished for, or cannot be.
    Sought { well: bool },
    /// It cannot be played (any further).
    Failed,
    /// What comes after it.
    After { scene: Box<SceneSpec> },
    /// Somebody asks.
    Control { request: RequestId, action: FileAction },
}

/// Where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    /// It is read anew: what the sinks hold is not the next.
    Seeking {
        rewind: bool,
    },
    Failed,
}

/// What a tick tells of a file.
#[derive(Debug, Default)]
pub struct Told {
    /// To be read from this place on, nanoseconds.
    pub seek: Option<u64>,
    /// Whoever asked for something: it has happened.
    pub moved: Vec<RequestId>,
    /// Whoever asked for something that is not possible.
    pub refused: Vec<(RequestId, ReplyError)>,
}

/// A file in the program.
#[derive(Debug)]
pub struct Projector {
    meter: Arc<FileMeter>,
    reel: Reel<Frame>,
    sinks: Option<Sinks>,
    stage: Stage,
    added: MediaTime,
    paused: bool,
    /// A scene, or a switch that waited, had it.
    used: bool,
    /// What came after it was taken.
    over: bool,
    after: Option<SceneSpec>,
    wishes: Vec<(RequestId, FileAction)>,
    /// Answered when what was sought is there.
    waiting: Vec<RequestId>,
}

fn bytes(frame: &Frame) -> usize {
    frame.info().size()
}

impl Projector {
    /// A file that is being opened since `now`.
    pub fn new(meter: Arc<FileMeter>, repeat: bool, now: MediaTime) -> Self {
        let paused = meter.paused.load(Relaxed);
        Self {
            meter,
            reel: Reel::new(repeat),
            sinks: None,
            stage: Stage::Opening,
            added: now,
            paused,
            used: false,
            over: false,
            after: None,
            wishes: Vec::new(),
            waiting: Vec::new(),
        }
    }

    /// It is decoded.
    pub fn open(&mut self, sinks: Sinks, duration_ms: Option<u64>) {
        self.reel.holds(sinks.pictures.is_some(), sinks.sound.is_some());
        self.sinks = Some(sinks);
        self.meter.duration_ms.store(duration_ms.unwrap_or(UNKNOWN), Relaxed);
        if self.stage == Stage::Opening {
            self.stage = Stage::Open;
        }
    }

    /// It is read from the place that was wished for.
    pub fn sought(&mut self, well: bool) -> Vec<(RequestId, ReplyError)> {
        let Stage::Seeking { rewind } = self.stage else { return Vec::new() };
        self.stage = Stage::Open;
        if rewind {
            self.reel.rewound(well);
        }
        let cannot = |request| {
            let detail = "this file cannot be read from another place".to_owned();
            (request, ReplyError::WrongState { detail })
        };
        let refused = if well { Vec::new() } else { std::mem::take(&mut self.waiting) };
        refused.into_iter().map(cannot).collect()
    }

    /// It cannot be played (any further): whoever waits in vain.
    pub fn fail(&mut self) -> Vec<RequestId> {
        self.stage = Stage::Failed;
        std::mem::take(&mut self.waiting)
    }

    /// What comes after it.
    pub fn set_after(&mut self, scene: SceneSpec) {
        self.after = Some(scene);
    }

    /// Somebody asks; [`Self::tick`] answers.
    pub fn wish(&mut self, request: RequestId, action: FileAction) {
        self.wishes.push((request, action));
    }

    /// Its first picture, or sound, can be on the next tick.
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Open && (!self.reel.is_waiting() || self.reel.is_ready())
    }

    /// The picture that it begins with, once that is decoded and as long as it has not begun.
    pub fn first(&self) -> Option<&Frame> {
        (self.is_ready() && self.reel.is_waiting()).then(|| self.reel.first()).flatten()
    }

    /// There will never be a picture.
    pub fn is_hopeless(&self) -> bool {
        !self.is_coming() || self.reel.is_blank()
    }

    /// It will be.
    pub fn is_coming(&self) -> bool {
        self.stage != Stage::Failed
    }

    /// It has pictures; also while that is not known.
    pub fn has_pictures(&self) -> bool {
        self.sinks.is_none() || self.reel.has_pictures()
    }

    /// Its sound is not to be heard.
    pub fn is_silent(&self) -> bool {
        self.paused || !self.reel.is_rolling()
    }

    /// Since when it is here.
    pub const fn added(&self) -> MediaTime {
        self.added
    }

    /// What came after it is on the program.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Its last tick was before `due`, and something is to follow: that.
    pub fn take_after(&mut self, due: u64, period: u64) -> Option<SceneSpec> {
        if self.stage != Stage::Failed && !self.reel.has_ended(due, period) {
            return None;
        }
        let after = self.after.take()?;
        self.over = true;
        Some(after)
    }

    /// What comes after it should be decoded by now.
    pub fn nears_end(&self, due: u64) -> Option<&SceneSpec> {
        if self.reel.repeats() {
            return None;
        }
        let left = self.reel.left(due).or_else(|| {
            let length = self.meter.duration_ms.load(Relaxed).checked_mul(1_000_000);
            let place = self.reel.position(due)?;
            length.map(|length| length.saturating_sub(place))
        });
        self.after.as_ref().filter(|_| left.is_none_or(|left| left <= NEAR_END))
    }

    /// Takes what the decoders have and gives the tick at `due` what it needs.
    pub(super) fn advance(
        &mut self,
        due: u64,
        period: u64,
        picture: &mut PictureLine<Frame>,
        voice: &mut Voice,
    ) {
        self.fetch();
        self.reel.advance(
            due,
            period,
            bytes,
            |pts, frame| picture.push(pts, frame),
            |first, samples| voice.line.push(first, samples),
        );
        if let Some(place) = self.reel.position(due)
            && matches!(self.stage, Stage::Open | Stage::Seeking { rewind: true })
        {
            self.meter.position_ms.store(place / 1_000_000, Relaxed);
        }
    }

    fn fetch(&mut self) {
        let (Some(sinks), Stage::Open) = (&self.sinks, self.stage) else { return };
        if let Some(sink) = &sinks.pictures {
            while self.reel.wants_picture() {
                match sink.try_pull_sample(gst::ClockTime::ZERO) {
                    Some(sample) => {
                        let Some((at, duration)) = stream_time(&sample) else { continue };
                        if let Some(frame) = Frame::from_sample(&sample) {
                            self.reel.push_picture(at, duration, bytes(&frame), frame);
                        }
                    }
                    None => {
                        if sink.is_eos() {
                            self.reel.finish_pictures();
                        }
                        break;
                    }
                }
            }
        }
        if let Some(sink) = &sinks.sound {
            while self.reel.wants_sound() {
                match sink.try_pull_sample(gst::ClockTime::ZERO) {
                    Some(sample) => {
                        let Some((at, _)) = stream_time(&sample) else { continue };
                        if let Some(samples) = samples(&sample) {
                            self.reel.push_sound(at, samples);
                        }
                    }
                    None => {
                        if sink.is_eos() {
                            self.reel.finish_sound();
                        }
                        break;
                    }
                }
            }
        }
    }

    /// Nobody will come back to it: the scene or the switch that had it is gone, or it cannot be played.
    pub fn is_spent(&self) -> bool {
        self.used || self.stage == Stage::Failed
    }

    /// A scene, or a switch that waits, has it.
    pub fn use_it(&mut self) {
        self.used = true;
    }

    /// The tick at `due`, after [`Self::advance`]: begins when it is `on` the program, does what was asked. `level` is how loud the
    /// scene has it.
    pub(super) fn tick(
        &mut self,
        (due, period): (u64, u64),
        on: bool,
        level: f32,
        picture: &mut PictureLine<Frame>,
        voice: &mut Voice,
    ) -> Told {
        let mut told = Told::default();
        if on && self.reel.is_waiting() && self.is_ready() {
            self.begin(due, period, picture, voice);
            voice.gain.set(if self.is_silent() { 0.0 } else { level }, Move::Follow);
            told.moved.append(&mut self.waiting);
        }
        for (request, action) in std::mem::take(&mut self.wishes) {
            self.act(request, action, (due, period), picture, voice, &mut told);
            voice.gain.set(if self.is_silent() { 0.0 } else { level }, Move::Follow);
        }
        if self.stage == Stage::Open && self.reel.wants_rewind() {
            self.stage = Stage::Seeking { rewind: true };
            told.seek = Some(0);
        }
        self.meter.paused.store(self.paused, Relaxed);
        told
    }

    /// Its first picture is this tick's.
    fn begin(&mut self, due: u64, period: u64, picture: &mut PictureLine<Frame>, voice: &mut Voice) {
        if self.paused {
            if let Some(first) = self.reel.first().cloned() {
                picture.push(due, first);
            }
            self.reel.halt(due, period);
        } else {
            self.reel.roll(due);
            self.advance(due, period, picture, voice);
        }
        picture.advance(due, period);
        if let Some(place) = self.reel.position(due) {
            self.meter.position_ms.store(place / 1_000_000, Relaxed);
        }
    }

    fn act(
        &mut self,
        request: RequestId,
        action: FileAction,
        (due, period): (u64, u64),
        picture: &mut PictureLine<Frame>,
        voice: &mut Voice,
        told: &mut Told,
    ) {
        if matches!(self.stage, Stage::Failed | Stage::Opening) {
            let detail = "the file does not play".to_owned();
            told.refused.push((request, ReplyError::WrongState { detail }));
            return;
        }
        let seeking = self.stage == Stage::Seeking { rewind: false } || self.reel.is_waiting();
        match action {
            FileAction::Pause if seeking => {
                self.paused = true;
                self.waiting.push(request);
            }
            FileAction::Play if seeking => {
                self.paused = false;
                self.waiting.push(request);
            }
            FileAction::Pause => {
                if !self.reel.has_ended(due, period) {
                    self.paused = true;
                    self.reel.halt(due, period);
                }
                told.moved.push(request);
            }
            FileAction::Play if self.reel.has_ended(due, period) => {
                self.paused = false;
                self.seek(0, request, told);
            }
            FileAction::Play => {
                self.paused = false;
                self.reel.roll(due);
                self.advance(due, period, picture, voice);
                picture.advance(due, period);
                told.moved.push(request);
            }
            FileAction::Seek { to_ms } => {
                let length = self.meter.duration_ms.load(Relaxed);
                if length != UNKNOWN && to_ms >= length {
                    let detail = format!("the file is {length} ms long");
                    told.refused.push((request, ReplyError::WrongState { detail }));
                } else if matches!(self.stage, Stage::Seeking { .. }) {
                    // One at a time: when it is there, some hundredths of a second later.
                    self.wishes.push((request, action));
                } else {
                    self.seek(to_ms, request, told);
                }
            }
        }
    }

    fn seek(&mut self, to_ms: u64, request: RequestId, told: &mut Told) {
        self.reel.clear();
        self.stage = Stage::Seeking { rewind: false };
        self.meter.position_ms.store(to_ms, Relaxed);
        self.waiting.push(request);
        told.seek = Some(to_ms.saturating_mul(1_000_000));
    }

    /// Where it stands.
    pub fn report(&self, source: SourceId) -> FileReport {
        FileReport { paused: self.paused, ..self.meter.report(source) }
    }

    /// It is closed: whoever still waits.
    pub fn close(self) -> impl Iterator<Item = RequestId> {
        self.waiting.into_iter().chain(self.wishes.into_iter().map(|(request, _)| request))
    }
}

fn samples(sample: &gst::Sample) -> Option<Vec<f32>> {
    let map = sample.buffer()?.map_readable().ok()?;
    Some(super::players::samples(&map))
}
