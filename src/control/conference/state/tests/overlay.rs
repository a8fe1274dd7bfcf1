//! Overlays and pictures: kept by the conference, told to each worker, answered whatever becomes of it.

use super::bench::{Bench, camera, config, hls, start};
use crate::{
    control::{
        conference::{
            ask::{Ask, Reply, Ticket},
            state::{Effect, Input},
        },
        error::ControlError,
        events::news::News,
        overlay::{Overlay, OverlayPatch, OverlayView, PicturePut},
    },
    ids::{PictureId, RequestId},
    ipc::{
        ProgramMode, ReplyError, ReplyOk, WorkerCommand,
        overlay::{
            BackgroundSpec, LogoSpec, OverlaySpec, PictureFile, PictureKind, TitlePosition, TitleSpec,
        },
    },
    layout::{Corner, Fraction},
    units::MediaTime,
};
use std::time::Duration;

pub fn title(text: &str) -> OverlayPatch {
    let title = TitleSpec { text: text.to_owned(), position: TitlePosition::Bottom };
    OverlayPatch { title: Some(Some(title)), ..OverlayPatch::default() }
}

pub fn logo(name: &str) -> OverlayPatch {
    let logo = LogoSpec {
        picture: name.parse().unwrap(),
        corner: Corner::TopRight,
        size: Fraction::percent(10),
        opacity: Fraction::WHOLE,
    };
    OverlayPatch { logo: Some(Some(logo)), ..OverlayPatch::default() }
}

pub fn file(byte: u8) -> PictureFile {
    PictureFile { kind: PictureKind::Png, data: vec![byte].into() }
}

pub fn live() -> Bench {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    bench.commands();
    bench
}

/// The overlays that the worker was told since the last look.
fn overlays(bench: &mut Bench) -> Vec<(RequestId, OverlaySpec)> {
    let told = |command| match command {
        WorkerCommand::SetOverlay { request, overlay } => Some((request, overlay)),
        _ => None,
    };
    bench.commands().into_iter().filter_map(told).collect()
}

#[track_caller]
pub fn view(bench: &Bench, ticket: Ticket) -> OverlayView {
    let Reply::Overlay(view) = bench.ok(ticket) else { panic!() };
    (**view).clone()
}

/// Uploads a picture that the worker takes.
pub fn upload(bench: &mut Bench, name: &str, byte: u8) -> PicturePut {
    let ticket = bench.ask(Ask::PutPicture { name: name.parse().unwrap(), file: file(byte) });
    let request = check(bench);
    bench.reply(request, Ok(ReplyOk::PictureChecked { width: 64, height: 48 }));
    let Reply::Picture(put) = bench.ok(ticket) else { panic!() };
    put.clone()
}

#[track_caller]
pub fn check(bench: &mut Bench) -> RequestId {
    let found = bench.commands().into_iter().find_map(|command| match command {
        WorkerCommand::CheckPicture { request, .. } => Some(request),
        _ => None,
    });
    found.expect("a CheckPicture")
}

#[test]
fn a_change_is_answered_when_it_is_on_the_program() {
    let mut bench = live();
    let first = bench.ask(Ask::PatchOverlay(title("one")));
    let second = bench.ask(Ask::PatchOverlay(OverlayPatch { labels: Some(true), ..OverlayPatch::default() }));
    let told = overlays(&mut bench);
    assert_eq!(told.len(), 2);
    assert!(told[1].1.labels && told[1].1.title == told[0].1.title);
    assert_eq!((bench.answer(first), bench.answer(second)), (None, None));
    // The first frame was at 1000 ms.
    bench.reply(told[0].0, Ok(ReplyOk::Overlaid { pts: Some(MediaTime::from_millis(1500)) }));
    assert_eq!(view(&bench, first).program_pts, Some(MediaTime::from_millis(500)));
    assert_eq!(bench.answer(second), None);
    bench.reply(told[1].0, Ok(ReplyOk::Overlaid { pts: Some(MediaTime::from_millis(1600)) }));
    assert_eq!(view(&bench, second).program_pts, Some(MediaTime::from_millis(600)));
    let read = bench.ask(Ask::Overlay);
    let read = view(&bench, read);
    assert!(read.overlay.labels && read.program_pts.is_none());
}

#[test]
fn without_a_program_it_is_kept_and_told_before_the_program_begins() {
    let mut bench = Bench::new();
    let early = bench.ask(Ask::PatchOverlay(title("early")));
    assert_eq!(view(&bench, early).program_pts, None);
    bench.publish("alice", "camera");
    let ticket = bench.ask(Ask::StartCast(start(camera("alice"), &[hls()])));
    let told: Vec<_> = bench
        .commands()
        .into_iter()
        .filter(|c| matches!(c, WorkerCommand::SetOverlay { .. } | WorkerCommand::StartProgram { .. }))
        .collect();
    // The worker had it since it was ready.
    assert!(matches!(told[..], [WorkerCommand::StartProgram { .. }]), "{told:?}");
    assert_eq!(bench.answer(ticket), None);
}

#[test]
fn the_next_worker_is_told_and_gets_the_pictures_that_are_used() {
    let mut bench = live();
    assert!(upload(&mut bench, "logo", 1).created);
    upload(&mut bench, "unused", 2);
    bench.ask(Ask::PatchOverlay(logo("logo")));
    let commands = bench.commands();
    let [WorkerCommand::AddPicture { picture, file: given }, WorkerCommand::SetOverlay { overlay, .. }] =
        &commands[..]
    else {
        panic!("{commands:?}")
    };
    assert_eq!((given, overlay.pictures().collect::<Vec<_>>()), (&file(1), vec![picture]));
    let waits = bench.ask(Ask::PatchOverlay(title("kept")));
    bench.commands();
    bench.feed(Input::WorkerGone);
    assert_eq!(view(&bench, waits).program_pts, None, "kept, and not on the program yet");
    bench.effects();
    bench.ready();
    let commands = bench.commands();
    let at = |find: fn(&WorkerCommand) -> bool| commands.iter().position(find).unwrap();
    let (add, set, go) = (
        at(|c| matches!(c, WorkerCommand::AddPicture { .. })),
        at(|c| matches!(c, WorkerCommand::SetOverlay { .. })),
        at(|c| matches!(c, WorkerCommand::StartProgram { .. })),
    );
    assert!(add < set && set < go, "{commands:?}");
    let added = commands.iter().filter(|c| matches!(c, WorkerCommand::AddPicture { .. })).count();
    assert_eq!(added, 1, "the other one is not used");
}

#[test]
fn a_worker_that_does_not_answer_holds_nobody_for_long() {
    let mut bench = live();
    let ticket = bench.ask(Ask::PatchOverlay(title("slow")));
    bench.pass(Duration::from_millis(2900));
    assert_eq!(bench.answer(ticket), None);
    bench.pass(Duration::from_millis(200));
    assert_eq!(view(&bench, ticket).program_pts, None);
}

#[test]
fn what_passes_through_has_nothing_over_it() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    let mut passing = start(camera("alice"), &[hls()]);
    passing.encoding.mode = ProgramMode::Passthrough;
    bench.ask(Ask::StartCast(passing));
    let ticket = bench.ask(Ask::PatchOverlay(title("x")));
    assert_eq!(bench.error(ticket).code_and_status(), ("overlay_unavailable", 409));
}

#[test]
fn a_picture_that_nobody_has_is_refused_and_nothing_changes() {
    let mut bench = live();
    let ticket = bench.ask(Ask::PatchOverlay(OverlayPatch { labels: Some(true), ..logo("none") }));
    assert_eq!(bench.error(ticket).code_and_status(), ("picture_not_found", 404));
    let read = bench.ask(Ask::Overlay);
    assert!(!view(&bench, read).overlay.labels);
    assert_eq!(overlays(&mut bench), []);
}

#[test]
fn a_picture_in_the_overlay_can_be_replaced_and_not_deleted() {
    let mut bench = live();
    upload(&mut bench, "wall", 1);
    let wall = BackgroundSpec::Picture("wall".parse().unwrap());
    bench.ask(Ask::PatchOverlay(OverlayPatch { background: Some(Some(wall)), ..OverlayPatch::default() }));
    bench.commands();
    let kept = bench.ask(Ask::RemovePicture("wall".parse().unwrap()));
    assert_eq!(bench.error(kept).code_and_status(), ("picture_in_use", 409));
    let ticket = bench.ask(Ask::PutPicture { name: "wall".parse().unwrap(), file: file(2) });
    let request = check(&mut bench);
    bench.reply(request, Ok(ReplyOk::PictureChecked { width: 1, height: 1 }));
    let Reply::Picture(PicturePut { created: false, .. }) = bench.ok(ticket) else { panic!() };
    let commands = bench.commands();
    let [
        WorkerCommand::AddPicture { picture: PictureId(new), .. },
        WorkerCommand::SetOverlay { .. },
        WorkerCommand::RemovePicture { picture: PictureId(old) },
    ] = commands[..]
    else {
        panic!("{commands:?}")
    };
    assert_ne!(new, old, "a number is not given again");
    bench.ask(Ask::PatchOverlay(OverlayPatch { background: Some(None), ..OverlayPatch::default() }));
    let gone = bench.ask(Ask::RemovePicture("wall".parse().unwrap()));
    assert_eq!(bench.ok(gone), &Reply::Done);
    let again = bench.ask(Ask::RemovePicture("wall".parse().unwrap()));
    assert_eq!(bench.error(again).code_and_status(), ("picture_not_found", 404));
}

#[test]
fn a_picture_is_judged_by_a_worker_that_is_launched_for_it() {
    let mut bench = Bench::new();
    let ticket = bench.ask(Ask::PutPicture { name: "logo".parse().unwrap(), file: file(1) });
    assert!(bench.effects().iter().any(|effect| matches!(effect, Effect::LaunchWorker { .. })));
    bench.ready();
    let request = check(&mut bench);
    let detail = "it is no image/png".to_owned();
    bench.reply(request, Err(ReplyError::PictureInvalid { detail }));
    assert_eq!(bench.error(ticket).code_and_status(), ("picture_invalid", 422));
    let list = bench.ask(Ask::Pictures);
    assert_eq!(bench.ok(list), &Reply::Pictures(Vec::new()));
}

#[test]
fn a_picture_under_which_the_worker_dies_is_not_given_to_the_next() {
    let mut bench = Bench::new();
    let first = bench.ask(Ask::PutPicture { name: "a".parse().unwrap(), file: file(1) });
    let second = bench.ask(Ask::PutPicture { name: "b".parse().unwrap(), file: file(2) });
    bench.ready();
    check(&mut bench);
    bench.feed(Input::WorkerGone);
    assert_eq!(bench.error(first), &ControlError::WorkerUnavailable);
    assert_eq!(bench.answer(second), None);
    bench.ready();
    let request = check(&mut bench);
    bench.reply(request, Ok(ReplyOk::PictureChecked { width: 1, height: 1 }));
    assert!(matches!(bench.ok(second), Reply::Picture(_)));
}

#[test]
fn uploads_end_by_themselves_and_are_bounded() {
    let mut config = config();
    config.limits.max_pictures = 2;
    let mut bench = Bench::with(config, true);
    let put = |bench: &mut Bench, name: &str| {
        bench.ask(Ask::PutPicture { name: name.parse().unwrap(), file: file(1) })
    };
    let (a, b, c) = (put(&mut bench, "a"), put(&mut bench, "b"), put(&mut bench, "c"));
    assert_eq!(bench.error(c).code_and_status(), ("too_many_pictures", 429));
    bench.pass(Duration::from_secs(21));
    for ticket in [a, b] {
        assert_eq!(bench.error(ticket), &ControlError::WorkerUnavailable);
    }
}

#[test]
fn the_servers_own_pictures_are_there_and_stay() {
    let mut bench = Bench::new();
    bench.state = std::mem::replace(&mut bench.state, Bench::new().state)
        .with_pictures(&[("house".parse().unwrap(), file(7))].into());
    for ask in [
        Ask::RemovePicture("house".parse().unwrap()),
        Ask::PutPicture { name: "house".parse().unwrap(), file: file(1) },
    ] {
        let ticket = bench.ask(ask);
        assert_eq!(bench.error(ticket).code_and_status(), ("picture_is_servers", 409));
    }
    let used = bench.ask(Ask::PatchOverlay(logo("house")));
    assert!(view(&bench, used).overlay.logo.is_some());
    bench.ask_publish("alice", "camera");
    bench.ready();
    let given = bench.commands().into_iter().any(|command| match command {
        WorkerCommand::AddPicture { file: given, .. } => given == file(7),
        _ => false,
    });
    assert!(given);
}

/// What was announced of overlays and pictures since the last look.
pub fn told(bench: &mut Bench) -> Vec<News> {
    let of = |news: &News| matches!(news, News::CastOverlay(_) | News::ConferencePictures(_));
    bench.news().into_iter().filter(of).collect()
}

#[test]
fn everybody_is_told_of_each_change_when_it_is_answered() {
    let mut bench = live();
    told(&mut bench);
    bench.ask(Ask::PatchOverlay(title("one")));
    bench.ask(Ask::PatchOverlay(title("two")));
    let requests: Vec<_> = overlays(&mut bench).into_iter().map(|(request, _)| request).collect();
    assert_eq!(told(&mut bench), []);
    for (request, ms, text) in [(requests[0], 1500, "one"), (requests[1], 1600, "two")] {
        bench.reply(request, Ok(ReplyOk::Overlaid { pts: Some(MediaTime::from_millis(ms)) }));
        let overlay = title(text).applied(&Overlay::default());
        let program_pts = Some(MediaTime::from_millis(ms - 1000));
        assert_eq!(told(&mut bench), [News::CastOverlay(OverlayView { overlay, program_pts })]);
    }
    // An older change that is answered after a newer one is not how it is.
    let [older, _] = ["three", "two"].map(|text| bench.ask(Ask::PatchOverlay(title(text))));
    let requests: Vec<_> = overlays(&mut bench).into_iter().map(|(request, _)| request).collect();
    for request in [requests[1], requests[0]] {
        bench.reply(request, Ok(ReplyOk::Overlaid { pts: None }));
        assert_eq!(told(&mut bench), []);
    }
    assert_eq!(view(&bench, older).overlay, title("three").applied(&Overlay::default()));
    // What is so already is no news, and neither is who reads.
    bench.ask(Ask::PatchOverlay(title("two")));
    let (request, _) = overlays(&mut bench)[0];
    bench.reply(request, Ok(ReplyOk::Overlaid { pts: None }));
    bench.ask(Ask::Overlay);
    assert_eq!(told(&mut bench), []);
    upload(&mut bench, "logo", 1);
    upload(&mut bench, "logo", 2);
    let [News::ConferencePictures(first), News::ConferencePictures(second)] = &told(&mut bench)[..] else {
        panic!()
    };
    assert_eq!((first.len(), first), (1, second), "another of the same size is told as well");
    bench.ask(Ask::RemovePicture("logo".parse().unwrap()));
    assert_eq!(told(&mut bench), [News::ConferencePictures(Vec::new())]);
}

#[test]
fn the_end_answers_everybody() {
    let mut bench = live();
    let change = bench.ask(Ask::PatchOverlay(title("x")));
    let upload = bench.ask(Ask::PutPicture { name: "a".parse().unwrap(), file: file(1) });
    bench.ask(Ask::End);
    for ticket in [change, upload] {
        assert_eq!(bench.error(ticket).code_and_status(), ("conference_not_found", 404));
    }
}
