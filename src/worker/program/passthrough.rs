//! A program of one source's pictures as they come. Nothing is decoded, drawn or encoded but sound.
//!
//! The tick is the composed program's: at tick `n`, whose time is `start + n / fps`, everything goes out that the
//! sources had [`delay`](StartPassthrough::delay) earlier, pictures and sound alike. What goes on is decided by
//! the [`cutter`]; keyframes are asked for in the [`rhythm`] of the program.

pub mod cutter;
pub mod line;
pub mod rhythm;
pub mod stills;

use super::{
    card::{CardSpec, field_colour},
    director::Verdict,
    loudness::{self, Loudness},
    minus::Minuses,
    overlay::SlatePicture,
    players::{KEYFRAME_PATIENCE, Players},
    sound,
};
use crate::{
    ids::{RequestId, SourceId},
    ipc::{PictureSpec, ProgramSpec, SceneSpec},
    units::{Dbov, FrameRate, MediaTime},
    worker::{coded::CodedPicture, encoder::CodedInput},
};
use cutter::{Cutter, Step, Window};
use rhythm::Rhythm;
use std::time::Duration;
use stills::{StillSpec, Stills};

/// A program to start.
pub struct StartPassthrough {
    pub spec: ProgramSpec,
    pub input: CodedInput,
}

/// What a tick has to tell.
#[derive(Debug, Default)]
pub struct Told {
    /// A switch ended; times are the program's.
    pub answer: Option<(Verdict, MediaTime)>,
    /// A keyframe of theirs is needed.
    pub keyframes: Vec<SourceId>,
    /// Pictures that went out, and pictures that were left out.
    pub pictures: u64,
    pub left_out: u64,
    /// How loud the mixed sound is.
    pub level: Dbov,
}

/// A running program.
pub struct Passthrough {
    spec: ProgramSpec,
    delay: Duration,
    input: CodedInput,
    cutter: Cutter,
    rhythm: Rhythm,
    /// Whom the rhythm is of.
    follows: Option<SourceId>,
    stills: Stills,
    slate: Option<SlatePicture>,
    /// The newest stream's, which the still has too.
    size: (u32, u32),
    last_plea: Option<MediaTime>,
    /// Time of tick 0 and number of the next tick.
    start: MediaTime,
    next: u64,
    /// The sound of the next tick starts with this sample.
    next_sample: i64,
    loudness: Option<Loudness>,
}

impl Passthrough {
    /// Begins at `now`.
    pub fn new(start: StartPassthrough, delay: Duration, now: MediaTime) -> Self {
        let StartPassthrough { spec, input } = start;
        let encoding = &spec.encoding;
        Self {
            cutter: Cutter::new(
                spec.scene.clone(),
                Duration::from_millis(spec.stall_hold_ms.into()),
                now - delay,
            ),
            rhythm: Rhythm::new(Duration::from_millis(encoding.keyframe_ms.into())),
            follows: None,
            stills: Stills::default(),
            slate: None,
            size: (encoding.width, encoding.height),
            last_plea: None,
            start: now,
            next: 0,
            next_sample: sound::sample_before(now, delay),
            loudness: Loudness::towards(encoding.loudness_lufs),
            spec,
            delay,
            input,
        }
    }

    /// When the next tick is.
    pub fn due(&self) -> MediaTime {
        self.time_of(self.next)
    }

    /// As [`Cutter::compose`].
    pub fn compose(
        &mut self,
        request: RequestId,
        scene: SceneSpec,
        wait_ready: bool,
        now: MediaTime,
        patience: Duration,
    ) -> Option<Verdict> {
        self.last_plea = None;
        self.cutter.compose(request, scene, wait_ready, now, patience)
    }

    /// Something the scene's sound stands on changed.
    pub fn touch(&mut self) {
        self.cutter.touch();
    }

    /// An output needs a keyframe.
    pub fn want_keyframe(&mut self) {
        self.rhythm.want();
    }

    /// As [`Cutter::stop`].
    pub fn stop(self) -> Option<Verdict> {
        self.cutter.stop()
    }

    /// The next tick, at `now`. The slate is this picture, where it is one.
    pub fn tick(
        &mut self,
        players: &mut Players,
        minuses: &mut Minuses,
        slate: Option<SlatePicture>,
        now: MediaTime,
    ) -> Told {
        self.slate = slate;
        let rate = FrameRate(self.spec.encoding.fps);
        let (from, until) = (self.time_of(self.next), self.time_of(self.next + 1));
        self.next += 1;
        let window = Window { from: from - self.delay, until: until - self.delay };
        players.advance(window.from, rate);
        let mut told = Told { left_out: players.take_lost_coded(), ..Told::default() };
        let look = players.looks(now);
        let steps = self.cutter.tick(window, now, look, players);

        let mut block = vec![0.0; self.samples_until(until) * sound::CHANNELS];
        let mut mixed = 0;
        for step in steps {
            match step {
                Step::Scene { at, scene } => {
                    // Never before what is mixed already, never beyond the tick.
                    let ahead = (sound::sample_at(at.0) - self.next_sample).max(0) as usize;
                    let to = (ahead * sound::CHANNELS).clamp(mixed, block.len());
                    self.mix(players, minuses, &mut block[mixed..to], mixed);
                    mixed = to;
                    players.set_gains(&scene, sound::Move::Follow);
                }
                Step::Picture { at, source, unit } => {
                    self.follow(source);
                    self.size = (unit.picture.format.width, unit.picture.format.height);
                    self.stills.rest();
                    self.push(&unit.picture, at, &mut told);
                }
                Step::Still { at } => {
                    let still = self.still();
                    if let Some(picture) = self.stills.next(&still) {
                        self.push(&picture, at, &mut told);
                    }
                }
                Step::Answer { at, verdict } => told.answer = Some((verdict, at + self.delay)),
            }
        }
        self.mix(players, minuses, &mut block[mixed..], mixed);
        loudness::finish(&mut block, self.loudness.as_mut(), minuses, from);
        told.level = Dbov::of(&block);
        self.input.push_sound(&block, from);
        self.next_sample += (block.len() / sound::CHANNELS) as i64;
        self.input.settle(from);
        if self.cutter.expects_still(window.from) {
            let still = self.still();
            self.stills.prepare(&still);
        }
        self.plead(players, now, &mut told);
        told
    }

    fn push(&mut self, picture: &CodedPicture, at: MediaTime, told: &mut Told) {
        if self.input.push_picture(picture, at + self.delay) {
            told.pictures += 1;
        } else {
            told.left_out += 1;
            self.rhythm.want();
        }
    }

    fn mix(&self, players: &mut Players, minuses: &mut Minuses, out: &mut [f32], done: usize) {
        players.mix(self.next_sample + (done / sound::CHANNELS) as i64, out, minuses);
    }

    /// From the next sample to what is heard at that time of the program.
    fn samples_until(&self, until: MediaTime) -> usize {
        (sound::sample_before(until, self.delay) - self.next_sample).max(0) as usize
    }

    /// The rhythm is that of whose pictures are on the program.
    fn follow(&mut self, source: SourceId) {
        if self.follows.replace(source) != Some(source) {
            self.rhythm = Rhythm::new(Duration::from_millis(self.spec.encoding.keyframe_ms.into()));
        }
    }

    /// Says whose keyframes are needed.
    fn plead(&mut self, players: &Players, now: MediaTime, told: &mut Told) {
        if self.cutter.take_hole() {
            self.rhythm.want();
        }
        if let Some(source) = self.cutter.on_air() {
            if let Some(at) = players.newest_idr(source) {
                self.rhythm.came(at);
            }
            if self.rhythm.ask(now) {
                told.keyframes.push(source);
            }
        }
        if self.last_plea.is_none_or(|last| now.since(last) >= KEYFRAME_PATIENCE) {
            let before = told.keyframes.len();
            told.keyframes.extend(self.cutter.awaited());
            if told.keyframes.len() > before {
                self.last_plea = Some(now);
            }
        }
    }

    /// What stands in: the slate, or the name of who is muted or has no stream.
    fn still(&self) -> StillSpec {
        let (colour, text, picture) = match &self.cutter.scene().picture {
            PictureSpec::Full(tile) if tile.video_muted || tile.source.is_none() => {
                (field_colour(&tile.label), tile.label.clone(), None)
            }
            _ => (self.spec.slate.colour, self.spec.slate.text.clone(), self.slate.clone()),
        };
        // 4:2:0 has no odd sizes; a stream's may be cropped to one.
        let even = |pixels: u32| (pixels & !1).clamp(16, 4096);
        let card = CardSpec { width: even(self.size.0), height: even(self.size.1), colour, text };
        let fps = self.spec.encoding.fps;
        StillSpec { card, picture, fps, gop: Stills::gop(self.spec.encoding.keyframe_ms, fps) }
    }

    fn time_of(&self, tick: u64) -> MediaTime {
        self.start + FrameRate(self.spec.encoding.fps).frame_time(tick).since(MediaTime::ZERO)
    }
}
