//! Media files on the program: opened, followed, paused, lost with a worker.

use super::{super::*, bench::*};
use crate::{
    control::cast::{AfterFile, FileSource, FileView, Source, Switch, Transition},
    ids::{RequestId, SourceId},
    ipc::{
        PictureSpec, ReplyError, ReplyOk, SceneSpec,
        file::{FileAction, FileFault, FileReport, FileSpec},
    },
};

fn file(name: &str, then: AfterFile) -> Source {
    Source::File(FileSource { name: name.parse().unwrap(), repeat: false, from: Duration::ZERO, then })
}

fn live() -> Bench {
    let mut config = config();
    config.media.dir = "/media".to_owned();
    let mut bench = Bench::with(config, false);
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    bench.commands();
    bench.news();
    bench
}

fn switch(bench: &mut Bench, source: Source) -> Ticket {
    bench.ask(Ask::Switch(Switch { source, audio: None, transition: Transition::Cut, at: None }))
}

/// What the worker was told: the file that it is to open, what comes after it, and the scene that shows it.
fn told(bench: &mut Bench) -> (SourceId, FileSpec, Option<SceneSpec>, RequestId) {
    let (mut opened, mut after, mut composed) = (None, None, None);
    for command in bench.commands() {
        match command {
            WorkerCommand::OpenFile { source, file } => opened = Some((source, file)),
            WorkerCommand::AfterFile { scene, .. } => after = Some(scene),
            WorkerCommand::Compose { request, scene, .. } => composed = Some((request, scene)),
            _ => {}
        }
    }
    let ((source, file), (request, scene)) = (opened.expect("opened"), composed.expect("shown"));
    let PictureSpec::Full(tile) = &scene.picture else { panic!("{scene:?}") };
    assert_eq!((tile.source, tile.label.as_str()), (Some(source), file.name.as_str()));
    assert!(scene.sound.iter().any(|sound| sound.source == source && sound.gain == 1.0));
    (source, file, after, request)
}

fn composed(bench: &mut Bench, request: RequestId) {
    let pts = bench.now.media;
    bench.reply(request, Ok(ReplyOk::Composed { pts, took_ms: 50 }));
}

fn shows(scene: &SceneSpec) -> Option<SourceId> {
    scene.picture.tiles().first().and_then(|tile| tile.source)
}

fn source(bench: &Bench) -> Source {
    bench.state.cast_view(bench.now).source.unwrap()
}

fn stands(bench: &mut Bench, source: SourceId, position_ms: u64, paused: bool) {
    let report = FileReport { source, position_ms, duration_ms: Some(10_000), paused };
    bench.feed(Input::Worker(WorkerEvent::File(report)));
}

#[test]
fn a_file_is_opened_before_it_is_shown_and_followed_by_what_was_on() {
    let mut bench = live();
    let ticket = switch(&mut bench, file("intro.mp4", AfterFile::Previous));
    let (player, spec, after, request) = told(&mut bench);
    assert!(player.is_file());
    assert_eq!((spec.dir.to_str(), spec.from_ms, spec.repeat), (Some("/media"), 0, false));
    assert_eq!(shows(&after.unwrap()), Some(SourceId(0)), "alice");
    composed(&mut bench, request);
    assert!(matches!(bench.ok(ticket), Reply::Switched(_)));
    assert_eq!(source(&bench), file("intro.mp4", AfterFile::Previous));
    bench.news();

    // The end.
    let pts = bench.now.media + Duration::from_secs(5);
    bench.feed(Input::Worker(WorkerEvent::FileEnded { source: player, pts }));
    assert_eq!(source(&bench), camera("alice"));
    let news = bench.news();
    let [News::CastSwitched(switched), ..] = &news[..] else { panic!("{news:?}") };
    assert_eq!((&switched.source, switched.transition), (&camera("alice"), Transition::Cut));
    assert_eq!(bench.commands(), [], "the worker shows it already");
    // It came twice, or of another one.
    bench.feed(Input::Worker(WorkerEvent::FileEnded { source: player, pts }));
    assert!(bench.news().is_empty());
}

#[test]
fn what_comes_after_it_is_kept_as_people_come_and_go() {
    let mut bench = live();
    let grid = Source::Grid { participants: None };
    switch(&mut bench, grid.clone());
    let (request, _, _) = bench.composes().remove(0);
    composed(&mut bench, request);
    switch(&mut bench, file("intro.mp4", AfterFile::Previous));
    let (player, _, after, request) = told(&mut bench);
    assert_eq!(after.unwrap().picture.tiles().len(), 2);
    composed(&mut bench, request);
    bench.publish("carol", "camera");
    // The bench looks for the reply of the publication and drops the rest; the next change is seen.
    bench.ask(Ask::RemoveParticipant(who("bob")));
    let told = |command| match command {
        WorkerCommand::AfterFile { source, scene } if source == player => Some(scene),
        _ => None,
    };
    let after = bench.commands().into_iter().filter_map(told).next_back();
    assert_eq!(after.expect("told anew").picture.tiles().len(), 2, "alice and carol");
    bench.feed(Input::Worker(WorkerEvent::FileEnded { source: player, pts: bench.now.media }));
    assert_eq!((source(&bench), bench.composes().len()), (grid, 0));
}

#[test]
fn a_second_file_goes_back_to_what_was_on_before_the_first() {
    let mut bench = live();
    switch(&mut bench, file("one.mp4", AfterFile::Hold));
    let (first, _, after, request) = told(&mut bench);
    assert_eq!(after, None, "its last picture stays");
    composed(&mut bench, request);
    switch(&mut bench, file("two.mp4", AfterFile::Previous));
    let (second, _, after, request) = told(&mut bench);
    assert!(first != second);
    assert_eq!(shows(&after.unwrap()), Some(SourceId(0)));
    composed(&mut bench, request);
    switch(&mut bench, file("three.mp4", AfterFile::Slate));
    let (_, _, after, request) = told(&mut bench);
    assert_eq!(after.unwrap().picture, PictureSpec::Slate);
    composed(&mut bench, request);
    switch(&mut bench, camera("bob"));
    let (request, _, _) = bench.composes().remove(0);
    composed(&mut bench, request);
    let ticket = bench.ask(Ask::ControlFile(FileAction::Pause));
    assert!(matches!(bench.error(ticket), ControlError::FileNotPlaying(_)));
}

#[test]
fn what_cannot_be_played_is_said_and_the_program_stays() {
    for (fault, code) in [
        (FileFault::NotFound, "file_not_found"),
        (FileFault::Unsupported { detail: "no".to_owned() }, "file_unsupported"),
    ] {
        let mut bench = live();
        let ticket = switch(&mut bench, file("intro.mp4", AfterFile::Previous));
        let (which, _, _, request) = told(&mut bench);
        bench.feed(Input::Worker(WorkerEvent::FileFailed { source: which, fault }));
        bench.reply(request, Err(ReplyError::MediaNotReady { which }));
        assert_eq!(bench.error(ticket).code_and_status().0, code);
        assert_eq!(source(&bench), camera("alice"));
        assert_eq!(bench.state.cast_view(bench.now).file, None);
    }
    let mut config = config();
    config.media.dir.clear();
    let mut bench = Bench::with(config, false);
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    let ticket = switch(&mut bench, file("intro.mp4", AfterFile::Previous));
    assert_eq!(bench.error(ticket), &ControlError::MediaDisabled);
}

#[test]
fn a_cast_can_start_with_a_file_and_fails_with_one_that_cannot_be_played() {
    let start_with_file = || {
        let mut config = config();
        config.media.dir = "/media".to_owned();
        let mut bench = Bench::with(config, false);
        bench.publish("alice", "camera");
        let ticket = bench.ask(Ask::StartCast(start(file("intro.mp4", AfterFile::Previous), &[hls()])));
        let commands = bench.commands();
        let [
            WorkerCommand::OpenFile { source, .. },
            WorkerCommand::AfterFile { scene: after, .. },
            WorkerCommand::StartProgram { program, request },
        ] = &commands[..]
        else {
            panic!("{commands:?}")
        };
        assert_eq!((shows(&program.scene), &after.picture), (Some(*source), &PictureSpec::Slate));
        (bench, ticket, *source, *request)
    };
    let (mut bench, ticket, player, request) = start_with_file();
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(crate::media::Track::Video, 0, true))));
    let keys = bench.create_outputs();
    bench.reply(request, Ok(ReplyOk::ProgramStarted));
    bench.feed(Input::OutputPlayable { key: keys[0], playable: true });
    assert!(matches!(bench.ok(ticket), Reply::Cast(_)));
    bench.feed(Input::Worker(WorkerEvent::FileEnded { source: player, pts: bench.now.media }));
    assert_eq!(source(&bench), Source::Slate);

    let (mut bench, ticket, player, _) = start_with_file();
    bench.feed(Input::Worker(WorkerEvent::FileFailed { source: player, fault: FileFault::NotFound }));
    bench.wind_down();
    assert_eq!(bench.error(ticket).code_and_status().0, "cast_failed");
}

#[test]
fn it_is_paused_moved_and_seen_where_it_stands() {
    let mut bench = live();
    switch(&mut bench, file("intro.mp4", AfterFile::Previous));
    let (player, _, _, request) = told(&mut bench);
    composed(&mut bench, request);
    let view = |bench: &Bench| bench.state.cast_view(bench.now).file.unwrap();
    assert_eq!(view(&bench), FileView { position_ms: 0, duration_ms: None, paused: false });
    stands(&mut bench, player, 2000, false);
    bench.pass(Duration::from_millis(150));
    assert_eq!(view(&bench).position_ms, 2150);
    let ticket = bench.ask(Ask::ControlFile(FileAction::Pause));
    let commands = bench.commands();
    let [WorkerCommand::ControlFile { request, source, action: FileAction::Pause }] = commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(source, player);
    let report = FileReport { source, position_ms: 2200, duration_ms: Some(10_000), paused: true };
    bench.reply(request, Ok(ReplyOk::FileMoved(report)));
    let Reply::Cast(cast) = bench.ok(ticket) else { panic!("{ticket:?}") };
    let paused = FileView { position_ms: 2200, duration_ms: Some(10_000), paused: true };
    assert_eq!(cast.file, Some(paused));
    bench.pass(Duration::from_secs(20));
    assert_eq!(view(&bench), paused);
    // Not in the file.
    let ticket = bench.ask(Ask::ControlFile(FileAction::Seek { to_ms: 10_000 }));
    assert_eq!(bench.error(ticket).field(), Some("to_ms"));
    // A worker that does not answer, and one that goes.
    let ticket = bench.ask(Ask::ControlFile(FileAction::Play));
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.error(ticket).code_and_status().0, "file_not_playing");
    let ticket = bench.ask(Ask::ControlFile(FileAction::Play));
    bench.feed(Input::WorkerGone);
    assert_eq!(bench.error(ticket), &ControlError::WorkerUnavailable);
}

#[test]
fn the_next_worker_goes_on_where_the_one_before_was() {
    let mut bench = live();
    switch(&mut bench, file("intro.mp4", AfterFile::Previous));
    let (player, _, _, request) = told(&mut bench);
    composed(&mut bench, request);
    stands(&mut bench, player, 4200, true);
    bench.feed(Input::WorkerGone);
    bench.ready();
    let commands = bench.commands();
    let opened = commands.iter().find_map(|command| match command {
        WorkerCommand::OpenFile { source, file } => Some((*source, file.clone())),
        _ => None,
    });
    let (again, spec) = opened.expect("opened anew");
    assert!(again != player);
    assert_eq!((spec.from_ms, spec.paused), (4200, true));
    let Some(WorkerCommand::StartProgram { program, .. }) = commands.last() else { panic!("{commands:?}") };
    assert_eq!(shows(&program.scene), Some(again));
    bench.feed(Input::Worker(WorkerEvent::FileEnded { source: again, pts: bench.now.media }));
    assert_eq!(source(&bench), camera("alice"));
}
