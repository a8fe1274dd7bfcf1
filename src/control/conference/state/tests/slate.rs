//! The slate as a picture or a clip: a clip is looked at before it is named, and both go to every worker.

use super::bench::{Bench, camera, config, hls, start};
use crate::{
    control::{
        conference::{
            ask::{Ask, Reply, Ticket},
            state::{Effect, Input},
        },
        error::ControlError,
        overlay::{NamedSlate, OverlayPatch},
    },
    ids::RequestId,
    ipc::{
        ProgramMode, ReplyError, ReplyOk, WorkerCommand,
        file::{FileFault, FileSpec},
        overlay::{OverlaySpec, PictureFile, PictureKind, StandIn, StandInMedia},
    },
    layout::Fit,
    units::MediaTime,
};
use std::time::Duration;

fn of(slate: Option<NamedSlate>) -> Ask {
    Ask::PatchOverlay(OverlayPatch { slate: Some(slate), ..OverlayPatch::default() })
}

fn clip(name: &str) -> Ask {
    of(Some(StandIn { shows: StandInMedia::Clip(name.parse().unwrap()), fit: Fit::Contain }))
}

fn picture(name: &str) -> Ask {
    of(Some(StandIn { shows: StandInMedia::Picture(name.parse().unwrap()), fit: Fit::Cover }))
}

/// A conference of a server with a folder of media files, and a picture `wall`.
fn conference() -> Bench {
    let mut config = config();
    config.media.dir = "/media".to_owned();
    let mut bench = Bench::with(config, true);
    let wall = PictureFile { kind: PictureKind::Png, data: vec![1].into() };
    bench.state = bench.state.with_pictures(&[("wall".parse().unwrap(), wall)].into());
    bench
}

fn live() -> Bench {
    let mut bench = conference();
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    bench.commands();
    bench
}

/// The clip that the worker is to look at.
#[track_caller]
fn check(bench: &mut Bench) -> (RequestId, FileSpec) {
    let commands = bench.commands();
    let [WorkerCommand::CheckClip { request, file }] = &commands[..] else { panic!("{commands:?}") };
    (*request, file.clone())
}

/// What it is told then.
#[track_caller]
fn told(bench: &mut Bench) -> (RequestId, OverlaySpec) {
    let found = bench.commands().into_iter().find_map(|command| match command {
        WorkerCommand::SetOverlay { request, overlay } => Some((request, overlay)),
        _ => None,
    });
    found.expect("a SetOverlay")
}

fn slate(bench: &mut Bench) -> Option<NamedSlate> {
    let ticket = bench.ask(Ask::Overlay);
    let Reply::Overlay(view) = bench.ok(ticket) else { panic!() };
    view.overlay.slate.clone()
}

#[track_caller]
fn pts(bench: &Bench, ticket: Ticket) -> Option<MediaTime> {
    let Reply::Overlay(view) = bench.ok(ticket) else { panic!() };
    view.program_pts
}

#[test]
fn a_clip_is_looked_at_and_then_named() {
    let mut bench = live();
    let ticket = bench.ask(clip("break.mp4"));
    let (request, file) = check(&mut bench);
    let spec = FileSpec {
        dir: "/media".into(),
        name: "break.mp4".to_owned(),
        repeat: true,
        from_ms: 0,
        paused: false,
    };
    assert_eq!(file, spec);
    assert_eq!(slate(&mut bench), None);
    assert_eq!(bench.answer(ticket), None);
    bench.reply(request, Ok(ReplyOk::ClipChecked));
    let (request, overlay) = told(&mut bench);
    assert_eq!(overlay.slate, Some(StandIn { shows: StandInMedia::Clip(spec), fit: Fit::Contain }));
    assert_eq!(bench.answer(ticket), None);
    bench.reply(request, Ok(ReplyOk::Overlaid { pts: Some(MediaTime::from_millis(1500)) }));
    // The first frame was at 1000 ms.
    assert_eq!(pts(&bench, ticket), Some(MediaTime::from_millis(500)));
    // The next worker is told of it before its program begins.
    bench.feed(Input::WorkerGone);
    bench.effects();
    bench.ready();
    let commands = bench.commands();
    let at = |find: fn(&WorkerCommand) -> bool| commands.iter().position(find).unwrap();
    let set = at(|c| matches!(c, WorkerCommand::SetOverlay { overlay, .. } if overlay.slate.is_some()));
    assert!(set < at(|c| matches!(c, WorkerCommand::StartProgram { .. })), "{commands:?}");
    // And the card again.
    let ticket = bench.ask(of(None));
    assert_eq!(told(&mut bench).1.slate, None);
    assert_eq!(pts(&bench, ticket), None, "its program does not run yet");
    assert_eq!(slate(&mut bench), None);
}

#[test]
fn one_that_cannot_be_shown_changes_nothing() {
    let mut bench = live();
    let detail = "it has no pictures".to_owned();
    for (fault, expected) in [
        (FileFault::NotFound, ("file_not_found", 404)),
        (FileFault::Unsupported { detail }, ("file_unsupported", 422)),
    ] {
        let ticket = bench.ask(clip("song.mp3"));
        let (request, _) = check(&mut bench);
        bench.reply(request, Err(ReplyError::ClipInvalid { fault }));
        assert_eq!(bench.error(ticket).code_and_status(), expected);
        assert_eq!(bench.error(ticket).field(), Some("slate.file"));
        assert_eq!((slate(&mut bench), bench.commands()), (None, vec![]));
    }
    let mut without = Bench::new();
    let ticket = without.ask(clip("break.mp4"));
    assert_eq!(without.error(ticket), &ControlError::MediaDisabled);
}

#[test]
fn it_is_looked_at_by_a_worker_that_is_launched_for_it_and_nobody_waits_for_ever() {
    let mut bench = conference();
    let (first, second) = (bench.ask(clip("a.mp4")), bench.ask(clip("b.mp4")));
    assert!(bench.effects().iter().any(|effect| matches!(effect, Effect::LaunchWorker { .. })));
    bench.ready();
    check(&mut bench);
    // Under the first one it dies.
    bench.feed(Input::WorkerGone);
    assert_eq!(bench.error(first), &ControlError::WorkerUnavailable);
    assert_eq!(bench.answer(second), None);
    bench.ready();
    let (request, file) = check(&mut bench);
    assert_eq!(file.name, "b.mp4");
    bench.pass(Duration::from_secs(21));
    assert_eq!(bench.error(second), &ControlError::WorkerUnavailable);
    // What comes then is nobody's.
    bench.reply(request, Ok(ReplyOk::ClipChecked));
    assert_eq!(slate(&mut bench), None);
    let tickets: Vec<Ticket> = (0..9).map(|_| bench.ask(clip("c.mp4"))).collect();
    assert_eq!(bench.error(tickets[8]).code_and_status(), ("overloaded", 503));
    bench.ask(Ask::End);
    assert_eq!(bench.error(tickets[0]).code_and_status(), ("conference_not_found", 404));
}

#[test]
fn a_picture_goes_the_way_of_pictures() {
    let mut bench = live();
    let none = bench.ask(picture("none"));
    assert_eq!(bench.error(none).code_and_status(), ("picture_not_found", 404));
    bench.ask(picture("wall"));
    let commands = bench.commands();
    let [WorkerCommand::AddPicture { picture: number, .. }, WorkerCommand::SetOverlay { overlay, .. }] =
        &commands[..]
    else {
        panic!("{commands:?}")
    };
    assert_eq!(overlay.slate.as_ref().and_then(StandIn::picture), Some(number));
    bench.ask(of(None));
    let commands = bench.commands();
    assert!(
        matches!(commands[..], [WorkerCommand::SetOverlay { .. }, WorkerCommand::RemovePicture { .. }]),
        "{commands:?}"
    );
}

#[test]
fn what_passes_through_has_a_picture_and_no_clip() {
    let mut bench = conference();
    bench.publish("alice", "camera");
    let mut passing = start(camera("alice"), &[hls()]);
    passing.encoding.mode = ProgramMode::Passthrough;
    bench.ask(Ask::StartCast(passing));
    bench.commands();
    let ticket = bench.ask(clip("break.mp4"));
    assert_eq!(bench.error(ticket).code_and_status(), ("overlay_unavailable", 409));
    let ticket = bench.ask(picture("wall"));
    // The worker does not say when it shows it.
    assert_eq!(pts(&bench, ticket), None);
    assert!(told(&mut bench).1.slate.is_some());
    let ticket = bench.ask(of(None));
    assert_eq!(pts(&bench, ticket), None);
    assert!(told(&mut bench).1.slate.is_none());
}
