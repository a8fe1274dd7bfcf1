//! Media files in the mixer: what is told to them, and what of them happens at a tick. The slate's clips are among them.

use super::{MixerEvent, MixerRunner, Running};
use crate::{
    ids::{RequestId, SourceId},
    ipc::{ReplyError, ReplyOk, SceneSpec, file::FileSpec},
    layout,
    units::{FrameRate, MediaTime},
    worker::program::{
        overlay::slate::Seen,
        projector::{FileMeter, FileRequest, Projector, Told},
        scene::{self, Content},
        standby::tiles,
    },
};
use std::{sync::Arc, time::Duration};

/// An opened file that no program shows is closed after so long: its start came to nothing.
const UNSHOWN: Duration = Duration::from_secs(30);
/// The command that shows a file follows the one that opens it at once.
const UNASKED: Duration = Duration::from_secs(1);

/// What the mixer tells of a file.
#[derive(Debug)]
pub enum FileWish {
    /// The slate wants it opened, for its pictures alone.
    Open { spec: FileSpec, meter: Arc<FileMeter> },
    /// It is to be read from this place on, nanoseconds.
    Seek { to: u64 },
    /// It ended, and what comes after it is on since then.
    Ended { pts: MediaTime },
    /// Nothing shows it any more.
    Close,
}

impl MixerRunner {
    pub(super) fn serve_file(&mut self, source: SourceId, request: FileRequest) {
        let now = self.setup.timeline.now();
        if let FileRequest::Add { meter, repeat } = request {
            self.players.add_file(source, Projector::new(meter, repeat, now));
            return;
        }
        let Some(file) = self.players.file(source) else {
            if let FileRequest::Control { request, .. } = request {
                let detail = "there is no such file".to_owned();
                self.refuse_file(request, ReplyError::WrongState { detail });
            }
            return;
        };
        match request {
            FileRequest::Add { .. } => {}
            FileRequest::Opened { sinks, duration_ms } => file.open(sinks, duration_ms),
            FileRequest::After { scene } => file.set_after(*scene),
            FileRequest::Control { request, action } => file.wish(request, action),
            FileRequest::Sought { well } => {
                for (request, error) in file.sought(well) {
                    self.refuse_file(request, error);
                }
            }
            FileRequest::Failed => {
                for request in file.fail() {
                    self.refuse_file(request, ReplyError::Timeout);
                }
            }
        }
        if let Some(program) = &mut self.program {
            // Its gain is set at the next tick.
            program.director.touch();
        }
    }

    /// A scene that was made before its file ended: it comes too late.
    pub(super) fn is_past(&self, scene: &SceneSpec) -> bool {
        let over = |source: SourceId| self.players.look_up_file(source).is_none_or(Projector::is_over);
        tiles(scene).any(|source| source.is_file() && over(source))
    }

    /// The tick of all files, after the sources have been moved on: what follows one that ended, and who begins.
    pub(super) fn tick_files(
        &mut self,
        program: &mut Running,
        pts: MediaTime,
        due: MediaTime,
        rate: FrameRate,
    ) {
        let period = rate.frame_duration().as_nanos() as u64;
        let ended = tiles(program.director.scene()).find_map(|source| {
            let after = self.players.file(source)?.take_after(due.0, period)?;
            Some((source, after))
        });
        if let Some((source, after)) = ended {
            program.director.follow(after);
            self.wish(source, FileWish::Ended { pts });
        }
    }

    /// What is on the program since this tick begins with it.
    pub(super) fn roll_files(&mut self, program: &Running, now: MediaTime, due: MediaTime, rate: FrameRate) {
        let slate = self.overlay.slate().has_clip() && self.sees_slate(program, due);
        self.overlay.slate().roll(slate);
        let clips = self.overlay.slate().clips();
        let scenes = || std::iter::once(program.director.scene()).chain(program.picture.under());
        let shows = |source| clips.shows(source) || scenes().flat_map(tiles).any(|one| one == source);
        for (source, told) in self.players.tick_files(due, rate, shows) {
            self.tell_of_file(source, told);
        }
        // What it fades from becomes `under` only later in this tick.
        let kept = |source| {
            shows(source)
                || clips.holds(source)
                || program
                    .director
                    .coming()
                    .into_iter()
                    .chain(program.director.fades_from())
                    .flat_map(tiles)
                    .any(|one| one == source)
        };
        self.close_files(|source, file| {
            !kept(source) && (file.is_spent() || now.since(file.added()) > UNASKED)
        });
        self.players.use_files(kept);
    }

    /// Whether the slate is in the frame of this tick, or under a scene that comes over it.
    fn sees_slate(&self, program: &Running, due: MediaTime) -> bool {
        let hold = u64::from(program.spec.stall_hold_ms) * 1_000_000;
        let (width, height) = (program.picture.info().width(), program.picture.info().height());
        let director = &program.director;
        let mut scenes =
            std::iter::once(director.scene()).chain(program.picture.under()).chain(director.fades_from());
        scenes.any(|scene| {
            let places = layout::places(&scene.picture, width, height);
            let sight = |source| self.players.sight(source, due, hold);
            places.is_empty() || places.iter().any(|place| scene::content(place, sight) == Content::Slate)
        })
    }

    /// What became of the clips that the slate has open.
    pub(super) fn look_at_clips(&mut self) {
        let players = &self.players;
        self.overlay.slate().observe(|source| players.look_up_file(source).map(Seen::from));
    }

    /// Has the clips opened that the slate wants.
    pub(super) fn open_clips(&mut self, now: MediaTime) {
        for (source, spec) in self.overlay.slate().take_orders() {
            let meter = Arc::new(FileMeter::new(spec.from_ms, spec.paused));
            self.players.add_file(source, Projector::new(meter.clone(), spec.repeat, now));
            self.wish(source, FileWish::Open { spec, meter });
        }
    }

    fn tell_of_file(&mut self, source: SourceId, told: Told) {
        if let Some(to) = told.seek {
            self.wish(source, FileWish::Seek { to });
        }
        for (request, error) in told.refused {
            self.refuse_file(request, error);
        }
        let Some(report) = self.players.look_up_file(source).map(|file| file.report(source)) else { return };
        for request in told.moved {
            self.tell(MixerEvent::Reply { request, result: Ok(ReplyOk::FileMoved(report)) });
        }
    }

    /// Without a program: one whose start came to nothing goes.
    pub(super) fn idle_files(&mut self, now: MediaTime) {
        self.close_files(|_, file| now.since(file.added()) > UNSHOWN);
    }

    pub(super) fn close_files(&mut self, of_no_use: impl Fn(SourceId, &Projector) -> bool) {
        for (source, file) in self.players.close_files(of_no_use) {
            for request in file.close() {
                let detail = "the file is not on the program any more".to_owned();
                self.refuse_file(request, ReplyError::WrongState { detail });
            }
            self.wish(source, FileWish::Close);
        }
    }

    fn refuse_file(&self, request: RequestId, error: ReplyError) {
        self.tell(MixerEvent::Reply { request, result: Err(error) });
    }

    fn wish(&self, source: SourceId, wish: FileWish) {
        self.tell(MixerEvent::File { source, wish });
    }

    fn tell(&self, event: MixerEvent) {
        if self.events.try_send(event).is_err() {
            tracing::error!("a file's event was lost: the controller does not read");
        }
    }
}
