//! Overlays and pictures that are kept over a restart of the server, and pictures of which workers die.

use super::{
    super::*,
    bench::{Bench, config},
    overlay::{check, file, live, logo, told, upload, view},
};
use crate::{
    control::overlay::OverlayPatch,
    ipc::{ReplyOk, WorkerCommand, overlay::BackgroundSpec},
};
use std::time::Duration;

/// What was to be stored since the last look.
fn stored(bench: &mut Bench) -> Vec<Effect> {
    let of = |effect: &Effect| matches!(effect, Effect::StoreOverlay(_) | Effect::StorePictures(_));
    bench.effects().into_iter().filter(of).collect()
}

fn kept(name: &str, byte: u8) -> KeptPicture {
    KeptPicture { name: name.parse().unwrap(), file: file(byte), size: (64, 48) }
}

#[test]
fn what_is_changed_is_stored_before_it_is_answered() {
    let mut bench = Bench::with(config(), true);
    bench.ask_publish("alice", "camera");
    bench.ready();
    bench.effects();
    let put = bench.ask(Ask::PutPicture { name: "logo".parse().unwrap(), file: file(1) });
    let request = check(&mut bench);
    let input = WorkerEvent::Reply { request, result: Ok(ReplyOk::PictureChecked { width: 64, height: 48 }) };
    let effects = bench.state.apply(bench.now, Input::Worker(input));
    let at = |find: &dyn Fn(&Effect) -> bool| effects.iter().position(find).unwrap();
    let storing = at(&|effect| *effect == Effect::StorePictures(vec![kept("logo", 1)]));
    assert!(storing < at(&|effect| matches!(effect, Effect::Answer { ticket, .. } if *ticket == put)));
    bench.ask(Ask::PatchOverlay(logo("logo")));
    let overlay = Box::new(logo("logo").applied(&Overlay::default()));
    assert_eq!(stored(&mut bench), [Effect::StoreOverlay(overlay)]);
    // What is as it was is not stored again.
    bench.ask(Ask::PatchOverlay(logo("logo")));
    bench.ask(Ask::RemovePicture("none".parse().unwrap()));
    assert_eq!(stored(&mut bench), []);
    bench.ask(Ask::PatchOverlay(OverlayPatch { logo: Some(None), ..OverlayPatch::default() }));
    bench.ask(Ask::RemovePicture("logo".parse().unwrap()));
    let nothing = [Effect::StoreOverlay(Box::default()), Effect::StorePictures(Vec::new())];
    assert_eq!(stored(&mut bench), nothing);
}

#[test]
fn a_conference_that_is_set_up_later_is_stored_with_what_it_has() {
    let mut bench = live();
    upload(&mut bench, "logo", 1);
    bench.ask(Ask::PatchOverlay(logo("logo")));
    assert_eq!(stored(&mut bench), []);
    bench.ask(Ask::Update(ConferenceSettings::default()));
    let overlay = Box::new(logo("logo").applied(&Overlay::default()));
    let all = [Effect::StoreOverlay(overlay), Effect::StorePictures(vec![kept("logo", 1)])];
    assert_eq!(stored(&mut bench), all);
}

/// A conference that comes back with what was kept, and the server's own pictures.
fn restored(overlay: OverlayPatch, pictures: Vec<KeptPicture>, server: &ServerPictures) -> Bench {
    let mut bench = Bench::with(config(), true);
    let founding = Founding {
        id: "room".parse().unwrap(),
        settings: ConferenceSettings::default(),
        kept: true,
        restored: true,
        created_at: bench.now.wall,
        slate_colour: 0,
        rundown: Default::default(),
        overlay: overlay.applied(&Overlay::default()),
        pictures,
    };
    bench.state = ConferenceState::new(founding, config().into(), bench.now).with_pictures(server);
    bench
}

#[test]
fn what_was_kept_is_there_again_and_drawn_by_the_first_worker() {
    let mut bench = restored(
        OverlayPatch { labels: Some(true), ..logo("logo") },
        vec![kept("logo", 1), kept("wall", 2)],
        &ServerPictures::new(),
    );
    let list = bench.ask(Ask::Pictures);
    let Reply::Pictures(views) = bench.ok(list) else { panic!() };
    assert_eq!(views.iter().map(|view| view.size).collect::<Vec<_>>(), [Some((64, 48)); 2]);
    bench.ask_publish("alice", "camera");
    bench.ready();
    let commands = bench.commands();
    let given = commands.iter().find_map(|command| match command {
        WorkerCommand::AddPicture { file, .. } => Some(file.clone()),
        _ => None,
    });
    assert_eq!(given, Some(file(1)));
    assert!(commands.iter().any(|command| matches!(command, WorkerCommand::SetOverlay { .. })));
    assert!(!commands.iter().any(|command| matches!(command, WorkerCommand::CheckPicture { .. })));
    assert_eq!((stored(&mut bench), told(&mut bench)), (vec![], vec![]));
}

#[test]
fn what_names_a_picture_that_is_gone_does_not_stand_in_the_way() {
    let server = [("house".parse().unwrap(), file(7))].into();
    let wall = OverlayPatch {
        background: Some(Some(BackgroundSpec::Picture("gone".parse().unwrap()))),
        ..logo("house")
    };
    // And one that was uploaded gives way to the server's of the same name.
    let mut bench = restored(wall, vec![kept("house", 1)], &server);
    let read = bench.ask(Ask::Overlay);
    let overlay = view(&bench, read).overlay;
    assert!(overlay.logo.is_some() && overlay.background.is_none(), "{overlay:?}");
    let list = bench.ask(Ask::Pictures);
    let Reply::Pictures(views) = bench.ok(list) else { panic!() };
    assert!(views.len() == 1 && views[0].server);
    let labels = bench.ask(Ask::PatchOverlay(OverlayPatch { labels: Some(true), ..OverlayPatch::default() }));
    assert!(view(&bench, labels).overlay.labels);
}

/// Whether the next worker is given a picture.
fn is_given(bench: &mut Bench) -> bool {
    bench.pass(Duration::from_secs(11));
    bench.effects();
    bench.ready();
    let commands = bench.commands();
    assert!(commands.iter().any(|command| matches!(command, WorkerCommand::StartProgram { .. })));
    commands.iter().any(|command| matches!(command, WorkerCommand::AddPicture { .. }))
}

#[test]
fn a_picture_of_which_three_workers_die_is_left_out_until_it_is_put_again() {
    let mut bench = live();
    upload(&mut bench, "logo", 1);
    bench.ask(Ask::PatchOverlay(OverlayPatch { labels: Some(true), ..logo("logo") }));
    // It was drawn for long, so that nothing is held against it.
    bench.pass(Duration::from_secs(60));
    for given in [true, true, true, false] {
        bench.feed(Input::WorkerGone);
        assert_eq!(is_given(&mut bench), given);
        bench.effects();
    }
    let read = bench.ask(Ask::Overlay);
    assert!(view(&bench, read).overlay.logo.is_some(), "it is what the conference is to have");
    upload(&mut bench, "logo", 2);
    bench.feed(Input::WorkerGone);
    assert!(is_given(&mut bench));
}
