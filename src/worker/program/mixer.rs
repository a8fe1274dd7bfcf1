//! The program's thread: at every frame it moves all sources on, asks the [`Director`] what is shown,
//! draws the picture, mixes exactly the sound of that frame, and gives both to the encoder.
//!
//! Picture and sound of one frame cover the same stretch of time and are made in one go: that is why a
//! switch is atomic. Frame `n` of a program has the time `start + n / fps`, and shows what the sources
//! had [`delay`](MixerSetup::delay) earlier, when everything for it has arrived.

use super::{
    canvas::{Canvas, CanvasError},
    card::Cards,
    director::{Change, Manner},
    fade::Fade,
    frame::Frame,
    loudness,
    minus::{Minuses, MixMinus},
    motion::Motion,
    overlay::Overlay,
    passthrough::{Passthrough, StartPassthrough},
    players::Players,
    projector::FileRequest,
    snapshot::Still,
    sound::{self, Move},
    standby::tiles,
};
use crate::{
    ids::{PictureId, RequestId, SessionId, SourceId},
    ipc::{
        ProgramSpec, ReplyError, ReplyOk, SceneSpec,
        overlay::{OverlaySpec, PictureFile},
    },
    units::{Dbov, FrameRate, MediaTime},
    worker::{
        encoder::{EncoderInput, PicturesInput},
        source::{Demand, SourceFeed},
        timeline::Timeline,
    },
};
use std::{
    sync::{
        Arc, Weak,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

mod drawing;
mod files;
mod lateness;
mod meter;
mod running;
mod serving;

use drawing::places;
pub use files::FileWish;
pub use meter::ProgramMeter;
use running::Running;

/// Commands under way to the mixer.
const MAILBOX: usize = 256;
/// Without a program the sources are moved on at this rate, so that they are in time when one starts.
const IDLE_RATE: FrameRate = FrameRate(30);
/// Pictures that may wait for the encoder (half a second at 30 fps) before new ones are left out.
const BACKLOG: u64 = 15;

/// What can be asked of the mixer.
pub enum MixerRequest {
    /// A session begins to feed a source, or takes it over.
    AddSource { source: SourceId, feed: SourceFeed },
    /// A session feeds its source no more; ignored when another one has taken over.
    RemoveSource { source: SourceId, session: SessionId },
    /// Start the program: the encoder runs, the slate is drawn.
    Start(Box<StartProgram>),
    /// Start a program whose pictures pass through.
    Pass(Box<StartPassthrough>),
    /// Show another scene.
    Compose { request: RequestId, scene: SceneSpec, wait_ready: bool, patience: Duration, manner: Manner },
    /// What happens to a media file.
    File { source: SourceId, request: FileRequest },
    /// Other encoders take over: they get the pictures that have not come out of those before.
    Encode(Box<PicturesInput>),
    /// An IDR, soon.
    Keyframe,
    /// Somebody listens to the program, from now on without some sources, as long as this is held.
    Minus { of: Weak<MixMinus>, without: Vec<SourceId> },
    /// The next picture, for a still.
    Snapshot { request: RequestId },
    /// From now on what is over the scene.
    Overlay { request: RequestId, overlay: OverlaySpec },
    /// A picture that an overlay may name.
    AddPicture { picture: PictureId, file: PictureFile },
    /// No overlay names it any more.
    RemovePicture { picture: PictureId },
    /// No frame after this; `done` is told when that is so.
    Stop { done: oneshot::Sender<()> },
}

/// A program to start.
pub struct StartProgram {
    pub spec: ProgramSpec,
    pub input: EncoderInput,
    pub canvas: Canvas,
    /// The slate, in the output's size.
    pub slate: Frame,
}

/// What the mixer tells.
#[derive(Debug)]
pub enum MixerEvent {
    /// A `Compose` ended.
    Reply { request: RequestId, result: Result<ReplyOk, ReplyError> },
    /// A source's keyframe is needed; `hurry`: for a picture that is on the program, or about to be.
    WantsKeyframe { source: SourceId, hurry: bool },
    /// What is to be done about a media file.
    File { source: SourceId, wish: FileWish },
    /// A picture that was asked for, or none since no program runs.
    Still { request: RequestId, still: Option<Still> },
    /// The picture cannot be drawn.
    Failed { detail: String },
}

/// What the mixer must know.
#[derive(Debug, Clone)]
pub struct MixerSetup {
    pub timeline: Timeline,
    /// How long after its time a source's frame is shown: long enough for it to have arrived and been
    /// decoded, the same for sound and picture.
    pub delay: Duration,
}

/// The handle. The thread ends when it is dropped.
#[derive(Debug, Clone)]
pub struct Mixer {
    mailbox: SyncSender<MixerRequest>,
    meter: Arc<ProgramMeter>,
}

/// The mixer does not answer: the worker is of no use any more.
#[derive(Debug, thiserror::Error)]
#[error("the program's thread does not take requests")]
pub struct MixerStuck;

impl Mixer {
    /// Starts the thread.
    pub fn start(setup: MixerSetup, events: mpsc::Sender<MixerEvent>) -> Self {
        let (mailbox, inbox) = sync_channel(MAILBOX);
        let meter = Arc::new(ProgramMeter::default());
        let runner = MixerRunner {
            setup,
            inbox,
            events,
            meter: meter.clone(),
            players: Players::default(),
            minuses: Minuses::default(),
            cards: Cards::new(),
            overlay: Overlay::default(),
            program: None,
            passing: None,
        };
        std::thread::spawn(move || runner.run());
        Self { mailbox, meter }
    }

    /// Asks; never waits.
    pub fn ask(&self, request: MixerRequest) -> Result<(), MixerStuck> {
        self.mailbox.try_send(request).map_err(|_| MixerStuck)
    }

    /// The running program's counters.
    pub fn meter(&self) -> &ProgramMeter {
        &self.meter
    }
}

struct MixerRunner {
    setup: MixerSetup,
    inbox: Receiver<MixerRequest>,
    events: mpsc::Sender<MixerEvent>,
    meter: Arc<ProgramMeter>,
    players: Players,
    cards: Cards,
    overlay: Overlay,
    program: Option<Running>,
    /// Instead of [`Self::program`].
    passing: Option<Passthrough>,
    minuses: Minuses,
}

impl MixerRunner {
    fn run(mut self) {
        let mut idle_tick = 0;
        let idle_start = self.setup.timeline.now();
        loop {
            let due = match (&self.program, &self.passing) {
                (Some(program), _) => program.time_of(program.next),
                (None, Some(passing)) => passing.due(),
                (None, None) => idle_start + IDLE_RATE.frame_time(idle_tick).since(MediaTime::ZERO),
            };
            if self.serve_until(due).is_err() {
                return;
            }
            if self.program.is_some() {
                self.make_frame();
            } else if self.passing.is_some() {
                self.pass_on();
            } else {
                let behind = self.setup.timeline.now().since(idle_start);
                idle_tick = (behind.as_nanos() as u64 * u64::from(IDLE_RATE.0) / 1_000_000_000) + 1;
                self.idle(self.setup.timeline.now());
            }
        }
    }

    /// Serves requests until `due`. An error is the end of the worker. Returns early when a request
    /// changes what is due.
    fn serve_until(&mut self, due: MediaTime) -> Result<(), ()> {
        loop {
            let wait = due.since(self.setup.timeline.now());
            let request = if wait.is_zero() {
                match self.inbox.try_recv() {
                    Ok(request) => request,
                    Err(TryRecvError::Empty) => return Ok(()),
                    Err(TryRecvError::Disconnected) => return Err(()),
                }
            } else {
                match self.inbox.recv_timeout(wait) {
                    Ok(request) => request,
                    Err(RecvTimeoutError::Timeout) => return Ok(()),
                    Err(RecvTimeoutError::Disconnected) => return Err(()),
                }
            };
            let running = |runner: &Self| runner.program.is_some() || runner.passing.is_some();
            let was_running = running(self);
            self.serve(request);
            if was_running != running(self) {
                return Ok(());
            }
        }
    }

    /// Without a program: sources move on, nothing is made.
    fn idle(&mut self, now: MediaTime) {
        let due = now - self.setup.delay;
        self.players.set_demand(|_| Demand::Nothing);
        self.idle_files(now);
        self.players.advance(due, IDLE_RATE);
        self.players.skip_sound(sound::sample_at(due.0));
    }

    fn pass_on(&mut self) {
        self.meter.turns.fetch_add(1, Relaxed);
        let now = self.setup.timeline.now();
        let Some(passing) = &mut self.passing else { return };
        self.players.set_demand(|_| Demand::Coded);
        let slate = self.overlay.slate_picture();
        let told = passing.tick(&mut self.players, &mut self.minuses, slate, now);
        self.meter.frames.fetch_add(told.pictures, Relaxed);
        self.meter.dropped.fetch_add(told.left_out, Relaxed);
        self.meter.level.note(told.level);
        for source in told.keyframes {
            let _ = self.events.try_send(MixerEvent::WantsKeyframe { source, hurry: true });
        }
        if let Some((verdict, pts)) = told.answer {
            self.reply(verdict, pts);
        }
    }

    fn make_frame(&mut self) {
        self.meter.turns.fetch_add(1, Relaxed);
        let Some(mut program) = self.program.take() else { return };
        let rate = FrameRate(program.spec.encoding.fps);
        let pts = program.time_of(program.next);
        let due = pts - self.setup.delay;
        self.players.advance(due, rate);
        self.look_at_clips();

        let now = self.setup.timeline.now();
        if self.waits_to_begin(&mut program, now, due) {
            self.open_clips(now);
            self.attend(&mut program, now);
            self.program = Some(program);
            return;
        }
        self.tick_files(&mut program, pts, due, rate);
        if let Some(verdict) = program.director.tick(now, pts, |source| self.players.look(source, now, due)) {
            self.reply(verdict, pts);
        }
        self.roll_files(&program, now, due, rate);
        self.attend(&mut program, now);
        let changed = self.change_scene(&mut program, rate);
        program.picture.advance();
        program.motion.take_if(|motion| !motion.advance());

        let gop = u64::from(program.spec.encoding.keyframe_ms) * u64::from(rate.0) / 1000;
        // Also when this picture is left out: then the next one is the keyframe, in every rendition.
        program.keyframe_wanted |= program.next.saturating_sub(program.gop_begins).is_multiple_of(gop.max(1));
        let late = program.lateness.leaves_out(pts, program.keyframe_wanted, now);
        if late || program.input.backlog() > BACKLOG {
            self.meter.dropped.fetch_add(1, Relaxed);
        } else if let Err(error) = changed.and_then(|()| self.push_picture(&mut program, pts, due, rate)) {
            let detail = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
            let _ = self.events.try_send(MixerEvent::Failed { detail });
        }
        self.push_sound(&mut program, pts);
        self.open_clips(now);
        program.next += 1;
        self.program = Some(program);
    }

    /// Puts the first frame off by one while somebody in the first scene is about to be seen.
    fn waits_to_begin(&mut self, program: &mut Running, now: MediaTime, due: MediaTime) -> bool {
        let Some(latest) = program.begins else { return false };
        let more = program.director.expects_more(|source| self.players.look(source, now, due))
            || self.overlay.is_drawing(self.wall(program.start));
        if now >= latest || !more {
            program.begins = None;
            return false;
        }
        program.start = program.time_of(1);
        program.next_sample = sound::sample_before(program.start, self.setup.delay);
        self.players.skip_sound(sound::sample_at(due.0));
        true
    }

    /// What the director changed, for picture and sound at once.
    fn change_scene(&mut self, program: &mut Running, rate: FrameRate) -> Result<(), CanvasError> {
        let fade = match program.director.take_change() {
            None => return Ok(()),
            Some(Change::Touched) => {
                self.players.set_gains(program.director.scene(), Move::Follow);
                return Ok(());
            }
            Some(Change::Move { from, length }) => {
                let places = places(&from, program.picture.info());
                let motion = Motion::new(&places, program.motion.as_ref(), length, rate);
                self.players.set_gains(program.director.scene(), Move::Follow);
                program.picture.cut();
                program.motion = motion;
                return Ok(());
            }
            Some(Change::Cut) => None,
            Some(Change::Fade { from, length }) => Fade::new(length, rate).map(|fade| (from, fade)),
        };
        program.motion = None;
        let how = fade.as_ref().map_or(Move::Cut, |(_, fade)| Move::Fade(fade.samples()));
        self.players.set_gains(program.director.scene(), how);
        match fade {
            Some((from, fade)) => program.picture.begin(*from, fade)?,
            None => program.picture.cut(),
        }
        Ok(())
    }

    /// Says whose pictures are to be decoded, and asks for the keyframes that this needs.
    fn attend(&mut self, program: &mut Running, now: MediaTime) {
        let (scene, coming) = (program.director.scene(), program.director.coming());
        let due = program.time_of(program.next) - self.setup.delay;
        let nearing = tiles(scene).filter_map(|source| self.players.look_up_file(source)?.nears_end(due.0));
        let chosen = program.standby.choose(
            scene,
            coming.into_iter().chain(program.picture.under()).chain(nearing),
            &self.players.candidates(now),
            now,
        );
        self.players.set_demand(|source| match chosen.contains(&source) {
            true => Demand::Decoded,
            false => Demand::Nothing,
        });
        let awaited = program.director.awaited(|source| self.players.look(source, now, due));
        for source in self.players.pleas(&awaited, now) {
            let hurry = tiles(scene).chain(coming.into_iter().flat_map(tiles)).any(|tile| tile == source);
            let _ = self.events.try_send(MixerEvent::WantsKeyframe { source, hurry });
        }
    }

    fn push_sound(&mut self, program: &mut Running, pts: MediaTime) {
        // Up to where the next frame's sound begins: every sample once, whatever the frame rate.
        let end = sound::sample_before(program.time_of(program.next + 1), self.setup.delay);
        let count = (end - program.next_sample).max(0) as usize;
        let mut block = vec![0.0; count * sound::CHANNELS];
        self.players.mix(program.next_sample, &mut block, &mut self.minuses);
        loudness::finish(&mut block, program.loudness.as_mut(), &mut self.minuses, pts);
        self.meter.level.note(Dbov::of(&block));
        program.input.push_sound(&block, pts);
        program.next_sample = end;
    }
}
