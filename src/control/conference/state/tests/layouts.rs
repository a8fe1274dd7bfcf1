//! Layouts with places of their own: who stands where, with which stream, and who is heard.

use super::{super::*, bench::*};
use crate::{
    control::cast::{Arrangement, AudioChoice, Focus, Source, SourceState, Switch, Tile, Transition, Who},
    ids::SourceId,
    ipc::{PictureSpec, ReplyOk, SceneSpec, TileSpec},
    layout::{Area, Corner, EdgeSpec, Fit, Fraction},
};
use std::sync::Arc;

fn arranged(arrangement: Arrangement, participants: Option<&[&str]>) -> Source {
    Source::Arranged {
        name: None,
        arrangement: Arc::new(arrangement),
        participants: participants.map(|ids| ids.iter().map(|id| who(id)).collect()),
    }
}

fn tile(who: Who, stream: Option<&str>, z: i32) -> Tile {
    let whole = Fraction::WHOLE;
    Tile {
        who,
        stream: stream.map(|name| name.parse().unwrap()),
        area: Area { x: Fraction::ZERO, y: Fraction::ZERO, width: whole, height: whole },
        z,
        fit: Fit::Contain,
        edge: EdgeSpec::default(),
    }
}

fn slot(index: usize) -> Who {
    Who::Slot { index, explicit: true }
}

fn shown(scene: &SceneSpec) -> Vec<(Option<u32>, &str)> {
    let one = |tile: &TileSpec| tile.source.map(|source| source.0);
    scene.picture.tiles().into_iter().map(|tile| (one(tile), tile.label.as_str())).collect()
}

fn switched(bench: &mut Bench, source: Source) -> SceneSpec {
    bench.ask(Ask::Switch(Switch {
        source,
        audio: Some(AudioChoice::Source),
        transition: Transition::Cut,
        at: None,
    }));
    let (request, scene, waits) = bench.composes().remove(0);
    assert!(waits, "a switch like any other");
    bench.reply(request, Ok(ReplyOk::Composed { pts: MediaTime::from_millis(5000), took_ms: 40 }));
    scene
}

fn heard(scene: &SceneSpec) -> Vec<u32> {
    scene.sound.iter().map(|sound| sound.source.0).collect()
}

/// Alice with camera (0) and screen (1), Bob with a camera (2).
fn live() -> Bench {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("alice", "screen");
    bench.publish("bob", "camera");
    bench.go_live(Source::Slate, &[hls()]);
    bench.composes();
    bench
}

#[test]
fn a_screen_has_its_camera_in_a_corner_as_long_as_it_is_shared() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(Source::Screen { participant: who("alice") }, &[hls()]);
    bench.composes();
    bench.publish("alice", "screen");
    let (request, scene, waits) = bench.composes().remove(0);
    let PictureSpec::Pip { focus, inset, .. } = &scene.picture else { panic!("{scene:?}") };
    assert_eq!((focus.source, inset.source, waits), (Some(SourceId(1)), Some(SourceId(0)), false));
    assert_eq!(heard(&scene), [0, 1], "each of her streams once");
    bench.reply(request, Ok(ReplyOk::Composed { pts: MediaTime::from_millis(5000), took_ms: 0 }));
    let alone = switched(&mut bench, Source::Screen { participant: who("alice") });
    assert_eq!(shown(&alone), [(Some(1), "alice"), (Some(0), "alice")]);
    let nobody = bench.ask(Ask::Switch(Switch {
        source: Source::Screen { participant: who("zoe") },
        audio: None,
        transition: Transition::Cut,
        at: None,
    }));
    assert_eq!(bench.error(nobody).code_and_status().0, "participant_not_found");
}

#[test]
fn presets_take_the_named_or_the_first_and_show_names_of_who_is_not_there() {
    let mut bench = live();
    let pip = || Arrangement::Pip { corner: Corner::TopLeft, size: Fraction::percent(30) };
    let scene = switched(&mut bench, arranged(pip(), Some(&["bob", "zoe"])));
    assert_eq!(shown(&scene), [(Some(2), "bob"), (None, "zoe")]);
    assert_eq!(heard(&scene), [2]);
    let scene = switched(&mut bench, arranged(pip(), None));
    assert_eq!(shown(&scene), [(Some(0), "alice"), (Some(2), "bob")], "everybody in order of joining");
    let halves = Arrangement::SideBySide { fit: Fit::Cover };
    let scene = switched(&mut bench, arranged(halves, Some(&["bob"])));
    assert_eq!(shown(&scene), [(Some(2), "bob")]);
    let scene = switched(&mut bench, Source::Speaker { focus: Focus::Participant(who("zoe")) });
    assert_eq!(shown(&scene), [(None, "zoe"), (Some(0), "alice"), (Some(2), "bob")]);
    // Who comes in takes the place that bears his name.
    bench.publish("zoe", "camera");
    let (_, scene, waits) = bench.composes().remove(0);
    assert_eq!((shown(&scene)[0], waits), ((Some(3), "zoe"), false));
}

#[test]
fn custom_tiles_lie_by_z_and_their_slots_are_filled() {
    let mut bench = live();
    let tiles = vec![
        tile(slot(0), Some("screen"), 5),
        tile(slot(0), None, 7),
        tile(Who::Participant(who("bob")), None, 5),
        tile(slot(1), None, -1),
        tile(slot(0), Some("slides"), 6),
    ];
    let custom = Arrangement::Custom(tiles);
    assert_eq!(custom.slots(), 2);
    // Bob has a tile of his own: of everybody only Alice is left for the slots, and the second stays empty.
    let scene = switched(&mut bench, arranged(custom.clone(), None));
    assert_eq!(shown(&scene), [(Some(1), "alice"), (Some(2), "bob"), (None, "alice"), (Some(0), "alice")]);
    assert_eq!(heard(&scene), [0, 1, 2], "once each");
    let scene = switched(&mut bench, arranged(custom, Some(&["zoe", "alice"])));
    assert_eq!(
        shown(&scene),
        [(Some(0), "alice"), (None, "zoe"), (Some(2), "bob"), (None, "zoe"), (None, "zoe")]
    );
    let view = bench.state.cast_view(bench.now);
    assert_ne!(view.source_state, SourceState::Absent);
    let none = vec![tile(Who::Participant(who("yann")), None, 0)];
    switched(&mut bench, arranged(Arrangement::Custom(none), None));
    assert_eq!(bench.state.cast_view(bench.now).source_state, SourceState::Absent);
}
