//! Media files on the program: opened with the switch that shows them, followed by what was on before, paused and moved.

use super::{CastRun, ConferenceState, Now, Phase, ProgramPhase, switching::Switching};
use crate::{
    control::{
        cast::{AfterFile, AudioChoice, FileSource, FileView, Source, SwitchResult, Transition},
        conference::{
            ask::{Reply, Ticket},
            roster::Roster,
            scene,
            state::working::Expected,
        },
        error::ControlError,
        events::news::News,
    },
    ids::{RequestId, SourceId},
    ipc::{
        PictureSpec, ReplyError, ReplyOk, SceneSpec, SoundSpec, WorkerCommand,
        file::{FileAction, FileFault, FileReport, FileSpec},
    },
    units::MediaTime,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Requests to a file under way; each takes a tenth of a second.
const MAX_ASKED: usize = 8;
/// The worker does such a thing in hundredths of a second; a seek in a long file may take longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The files of a cast.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The one on the program.
    on: Option<Playing>,
    /// Who waits for what was asked of it, by the worker's request.
    asked: BTreeMap<u64, (Ticket, Instant)>,
}

impl Files {
    /// Those who wait, at the cast's end.
    pub(super) fn into_asked(self) -> impl Iterator<Item = Ticket> {
        self.asked.into_values().map(|(ticket, _)| ticket)
    }
}

/// A file that the worker was told to open.
#[derive(Debug)]
pub(super) struct Playing {
    pub(super) player: SourceId,
    /// What was on before any file.
    previous: Source,
    then: AfterFile,
    /// What the worker was told to show after it.
    after: Option<SceneSpec>,
    report: Option<(FileReport, Instant)>,
    /// Why it cannot be played.
    pub(super) fault: Option<FileFault>,
}

impl Playing {
    fn back(&self) -> Option<Source> {
        match self.then {
            AfterFile::Previous => Some(self.previous.clone()),
            AfterFile::Slate => Some(Source::Slate),
            AfterFile::Hold => None,
        }
    }
}

/// The scene of a source; a file is shown by its player.
pub(super) fn scene_of(
    source: &Source,
    audio: AudioChoice,
    roster: &Roster,
    player: Option<SourceId>,
) -> SceneSpec {
    let mut scene = scene::scene(source, audio, roster);
    if let (Source::File(_), PictureSpec::Full(tile), Some(player)) = (source, &mut scene.picture, player) {
        tile.source = Some(player);
        scene.sound.push(SoundSpec { source: player, gain: 1.0 });
    }
    scene
}

impl CastRun {
    /// What shows the file on the program.
    pub(super) fn player(&self) -> Option<SourceId> {
        self.files.on.as_ref().map(|playing| playing.player)
    }

    /// The scene that the program should show.
    pub(super) fn scene(&self, roster: &Roster) -> SceneSpec {
        scene_of(&self.source, self.audio, roster, self.player())
    }

    /// When somebody has waited too long.
    pub(super) fn next_asked(&self) -> Option<Instant> {
        self.files.asked.values().map(|(_, deadline)| *deadline).min()
    }

    /// Those who wait for what was asked of a file.
    pub(super) fn take_asked(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.files.asked).into_values().map(|(ticket, _)| ticket).collect()
    }

    /// The file on the program cannot be played.
    pub(in super::super) fn has_broken_file(&self) -> bool {
        self.files.on.as_ref().is_some_and(|playing| playing.fault.is_some())
    }

    /// Where the file on the program stands.
    pub(in super::super) fn file_view(&self, now: Now) -> Option<FileView> {
        let (Source::File(file), Some(playing)) = (&self.source, &self.files.on) else { return None };
        let Some((report, at)) = &playing.report else {
            let position_ms = u64::try_from(file.from.as_millis()).unwrap_or(u64::MAX);
            return Some(FileView { position_ms, duration_ms: None, paused: false });
        };
        let FileReport { position_ms, duration_ms, paused, .. } = *report;
        let since = if paused { Duration::ZERO } else { now.at.saturating_duration_since(*at) };
        let position = position_ms + u64::try_from(since.as_millis()).unwrap_or(0);
        let position_ms = match duration_ms {
            Some(length) if file.repeat && length > 0 => position % length,
            Some(length) => position.min(length),
            None => position,
        };
        Some(FileView { position_ms, duration_ms, paused })
    }
}

impl ConferenceState {
    /// Whether this server can show it at all. That the file is there was looked at by who asked, and is by the worker.
    pub(super) fn check_file(&self, source: &Source) -> Result<(), ControlError> {
        match source {
            Source::File(_) if self.config.media.dir.is_empty() => Err(ControlError::MediaDisabled),
            _ => Ok(()),
        }
    }

    /// Has a file opened that a switch is to show; what comes after it is told with it.
    pub(super) fn open_file(&mut self, source: &Source, audio: AudioChoice) -> Option<Playing> {
        let Source::File(file) = source else { return None };
        let run = self.cast.as_ref()?;
        let previous = match (&run.source, &run.files.on) {
            (Source::File(_), Some(playing)) => playing.previous.clone(),
            (Source::File(_), None) => Source::Slate,
            (source, _) => source.clone(),
        };
        let from_ms = u64::try_from(file.from.as_millis()).unwrap_or(u64::MAX);
        Some(self.open_at(file.clone(), previous, audio, (from_ms, false)))
    }

    fn open_at(
        &mut self,
        file: FileSource,
        previous: Source,
        audio: AudioChoice,
        (from_ms, paused): (u64, bool),
    ) -> Playing {
        // The lower half of the serial.
        let player = SourceId::of_file((self.serial() & u64::from(u32::MAX)) as u32);
        let spec = FileSpec {
            dir: self.config.media.dir.clone().into(),
            name: file.name.to_string(),
            repeat: file.repeat,
            from_ms,
            paused,
        };
        self.command(WorkerCommand::OpenFile { source: player, file: spec });
        let mut playing =
            Playing { player, previous, then: file.then, after: None, report: None, fault: None };
        if let Some(back) = playing.back() {
            let scene = scene::scene(&back, audio, &self.roster);
            playing.after = Some(scene.clone());
            self.command(WorkerCommand::AfterFile { source: player, scene });
        }
        playing
    }

    /// A worker begins: it opens the file on the program, where the one before had come to.
    pub(super) fn reopen_file(&mut self, now: Now) {
        let Some(run) = &mut self.cast else { return };
        let Source::File(file) = &run.source else { return };
        let (file, audio, view) = (file.clone(), run.audio, run.file_view(now));
        let from = view.map_or(file.from.as_millis() as u64, |view| view.position_ms);
        let paused = view.is_some_and(|view| view.paused);
        let previous = run.files.on.take().map_or(Source::Slate, |playing| playing.previous);
        let length = view.and_then(|view| view.duration_ms);
        // At its very end there would be nothing to show.
        let from = length.map_or(from, |length| from.min(length.saturating_sub(1000)));
        let playing = self.open_at(file, previous, audio, (from, paused));
        if let Some(run) = &mut self.cast {
            run.files.on = Some(playing);
        }
    }

    /// The program shows what a switch brought: its file, or none.
    pub(super) fn file_is_on(&mut self, playing: Option<Playing>) {
        if let Some(run) = &mut self.cast {
            run.files.on = playing;
        }
    }

    /// What comes after the file has changed: somebody came, left or was muted.
    pub(super) fn keep_after(&mut self) {
        let Some(run) = &mut self.cast else { return };
        let Some(playing) = run.files.on.as_mut() else { return };
        let Some(back) = playing.back() else { return };
        let scene = scene::scene(&back, run.audio, &self.roster);
        if playing.after.as_ref() == Some(&scene) {
            return;
        }
        playing.after = Some(scene.clone());
        let source = playing.player;
        self.command(WorkerCommand::AfterFile { source, scene });
    }

    pub(in super::super) fn file_stands(&mut self, now: Now, report: FileReport) {
        if let Some(playing) = self.playing(report.source) {
            playing.report = Some((report, now.at));
        }
    }

    /// The file's end: the worker shows what it was told to.
    pub(in super::super) fn file_ended(&mut self, source: SourceId, pts: MediaTime) {
        let Some(run) = &mut self.cast else { return };
        let Some(playing) = run.files.on.take_if(|playing| playing.player == source) else { return };
        let Some(back) = playing.back() else { return };
        run.source = back.clone();
        run.shown = playing.after;
        if !run.is_live() {
            return;
        }
        let program_pts = run.timeline.relative(pts);
        self.announce(News::CastSwitched(SwitchResult {
            source: back,
            took: Duration::ZERO,
            program_pts,
            transition: Transition::Cut,
        }));
    }

    pub(in super::super) fn file_failed(&mut self, source: SourceId, fault: FileFault) {
        let Some(run) = &mut self.cast else { return };
        if let Some(waiting) = run.switches.values_mut().find_map(|one| one.file_of(source)) {
            waiting.fault = Some(fault);
            return;
        }
        let Some(playing) = self.playing(source) else { return };
        playing.fault = Some(fault.clone());
        let starting = self.cast.as_ref().is_some_and(|run| matches!(run.phase, Phase::Starting { .. }));
        if starting {
            self.fail_cast(&format!("the file cannot be played: {fault}"));
        }
    }

    fn playing(&mut self, source: SourceId) -> Option<&mut Playing> {
        self.cast.as_mut()?.files.on.as_mut().filter(|playing| playing.player == source)
    }

    /// Pause, play, seek.
    pub(in super::super) fn control_file(&mut self, now: Now, ticket: Ticket, action: FileAction) {
        let source = match self.controllable_file(action) {
            Ok(source) => source,
            Err(error) => return self.refuse(ticket, error),
        };
        let request = self.worker.expect(Expected::File);
        if let Some(run) = &mut self.cast {
            run.files.asked.insert(request.0, (ticket, now.at + PATIENCE));
        }
        self.command(WorkerCommand::ControlFile { request, source, action });
    }

    fn controllable_file(&self, action: FileAction) -> Result<SourceId, ControlError> {
        let run = self.live_cast()?;
        let none = || ControlError::FileNotPlaying("no file is on the program".to_owned());
        let playing = run.files.on.as_ref().ok_or_else(none)?;
        if run.program != ProgramPhase::On {
            return Err(ControlError::WorkerUnavailable);
        }
        if run.files.asked.len() >= MAX_ASKED {
            return Err(ControlError::Overloaded { retry_after: Duration::from_secs(1) });
        }
        let length = playing.report.as_ref().and_then(|(report, _)| report.duration_ms);
        if let (FileAction::Seek { to_ms }, Some(length)) = (action, length)
            && to_ms >= length
        {
            let detail = format!("to_ms = {to_ms} is not in the file; it is {length} ms long");
            return Err(ControlError::invalid("to_ms", detail));
        }
        Ok(playing.player)
    }

    pub(in super::super) fn file_reply(
        &mut self,
        now: Now,
        request: RequestId,
        result: Result<ReplyOk, ReplyError>,
    ) {
        let asked = self.cast.as_mut().and_then(|run| run.files.asked.remove(&request.0));
        if let Ok(ReplyOk::FileMoved(report)) = &result {
            self.file_stands(now, *report);
        }
        let Some((ticket, _)) = asked else { return };
        let answer = match result {
            Ok(ReplyOk::FileMoved(_)) => Ok(Reply::Cast(Box::new(self.cast_view(now)))),
            Err(ReplyError::WrongState { detail }) => Err(ControlError::FileNotPlaying(detail)),
            Err(ReplyError::Timeout) => {
                Err(ControlError::FileNotPlaying("the file cannot be read any further".to_owned()))
            }
            Ok(_) | Err(_) => Err(ControlError::Internal),
        };
        self.answer(ticket, answer);
    }

    /// Answers those whom the worker has not answered in time.
    pub(super) fn expire_asked(&mut self, now: Now) {
        let Some(run) = &mut self.cast else { return };
        let mut late = Vec::new();
        run.files.asked.retain(|_, (ticket, deadline)| {
            let waits = *deadline > now.at;
            if !waits {
                late.push(*ticket);
            }
            waits
        });
        for ticket in late {
            let detail = format!("the file did not follow within {} s", PATIENCE.as_secs());
            self.refuse(ticket, ControlError::FileNotPlaying(detail));
        }
    }
}

impl Switching {
    fn file_of(&mut self, source: SourceId) -> Option<&mut Playing> {
        self.file.as_mut().filter(|playing| playing.player == source)
    }

    /// Why the source that it waited for will not come, where that is a file.
    pub(super) fn file_error(&self, which: SourceId) -> Option<ControlError> {
        let Source::File(file) = &self.source else { return None };
        let playing = self.file.as_ref().filter(|playing| playing.player == which)?;
        Some(match &playing.fault {
            Some(FileFault::NotFound) => ControlError::FileNotFound(file.name.clone()),
            Some(FileFault::Unsupported { detail }) => {
                ControlError::FileUnsupported { name: file.name.clone(), detail: detail.clone() }
            }
            None => ControlError::MediaNotReady(file.name.to_string()),
        })
    }
}
