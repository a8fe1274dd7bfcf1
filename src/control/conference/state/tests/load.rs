//! Less room: smaller renditions get fewer pictures, clients hear it, and the next worker is told too.

use super::{super::*, bench::*};
use crate::{
    control::{
        cast::{Rendition, ShedRendition},
        conference::Join,
    },
    ipc::ReplyOk,
    media::Track,
};
use serde_json::Value;

const SEAT: SeatId = SeatId(7);

fn paces(bench: &mut Bench) -> Vec<Vec<u8>> {
    let pace = |command| match command {
        WorkerCommand::PaceRenditions { every } => Some(every),
        _ => None,
    };
    bench.commands().into_iter().filter_map(pace).collect()
}

/// For whom, whether it is worse, snapshots, renditions with their pictures a second.
type TellLoad = (Audience, bool, bool, Vec<(String, f64)>);

/// What was told of the load since the last call.
fn told(bench: &mut Bench) -> Vec<TellLoad> {
    let load = |effect| match effect {
        Effect::Tell { audience, event } => match &event.1 {
            ConferenceEvent::Load { worse, snapshots, renditions } => {
                let renditions = renditions.iter().map(|one| (one.name.clone(), one.fps)).collect();
                Some((audience, *worse, *snapshots, renditions))
            }
            _ => None,
        },
        _ => None,
    };
    bench.effects().into_iter().filter_map(load).collect()
}

fn load(pressed: bool, steps: u8) -> Input {
    Input::Load(Load { pressed, steps })
}

fn sit(bench: &mut Bench, id: &str, seat: SeatId) {
    bench.ask(Ask::Join(Join { participant: who(id), name: None, user_data: Value::Null, seat }));
}

/// A live cast in three sizes; somebody hears.
fn casting() -> Bench {
    let mut bench = Bench::new();
    sit(&mut bench, "ann", SEAT);
    bench.publish("ann", "camera");
    let mut wanted = start(camera("ann"), &[hls()]);
    wanted.encoding.renditions = vec![
        Rendition { width: 480, height: 270, video_kbps: 500 },
        Rendition { width: 320, height: 180, video_kbps: 250 },
    ];
    bench.ask(Ask::StartCast(wanted));
    go_on(&mut bench);
    bench
}

/// The program starts in the worker, and everything that waits for it.
fn go_on(bench: &mut Bench) {
    let request = bench.start_request();
    bench.pass(Duration::from_secs(1));
    let ms = bench.now.media.as_millis();
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, ms, true))));
    for key in bench.create_outputs() {
        bench.feed(Input::OutputPlayable { key, playable: true });
    }
    bench.effects();
    bench.reply(request, Ok(ReplyOk::ProgramStarted));
}

#[test]
fn the_worker_and_everybody_hear_each_step_down_and_up() {
    let mut bench = casting();
    bench.effects();
    assert_eq!(bench.state.figures().renditions, 2);
    bench.feed(load(true, 0));
    assert_eq!(told(&mut bench), [(Audience::Everybody, true, false, vec![])], "snapshots are refused");
    bench.feed(load(true, 1));
    let Some(Effect::Tell { .. }) = bench.effects().iter().find(|one| matches!(one, Effect::Tell { .. }))
    else {
        panic!("nobody was told")
    };
    bench.feed(load(true, 3));
    let shed = [
        ShedRendition { name: "270p".to_owned(), fps: 15.0 },
        ShedRendition { name: "180p".to_owned(), fps: 7.5 },
    ];
    assert_eq!(bench.state.cast_view(bench.now).shed, shed);
    assert_eq!(paces(&mut bench), [[2, 4]]);
    bench.feed(load(false, 3));
    bench.feed(load(false, 2));
    let all = vec![("270p".to_owned(), 15.0), ("180p".to_owned(), 7.5)];
    let halves = vec![("270p".to_owned(), 15.0), ("180p".to_owned(), 15.0)];
    let heard = told(&mut bench);
    assert_eq!(heard, [(Audience::Everybody, false, true, all), (Audience::Everybody, false, true, halves)]);
    bench.feed(load(false, 0));
    assert_eq!(paces(&mut bench), [[1, 1]]);
    assert_eq!(bench.state.cast_view(bench.now).shed, []);
}

#[test]
fn who_comes_while_something_is_shed_hears_it_and_so_does_the_next_worker() {
    let mut bench = casting();
    bench.feed(load(true, 1));
    bench.effects();
    sit(&mut bench, "bob", SeatId(8));
    let halved = vec![("180p".to_owned(), 15.0)];
    assert_eq!(told(&mut bench), [(Audience::One(SeatId(8)), true, false, halved)]);
    bench.feed(Input::WorkerGone);
    bench.pass(Duration::from_secs(1));
    bench.ready();
    assert_eq!(bench.state.cast_view(bench.now).shed.len(), 1);
    go_on(&mut bench);
    assert_eq!(paces(&mut bench), [[1, 2]]);
}

#[test]
fn a_cast_that_has_nothing_to_give_changes_nothing() {
    let mut bench = Bench::new();
    sit(&mut bench, "ann", SEAT);
    bench.publish("ann", "camera");
    bench.feed(load(true, 0));
    bench.go_live(camera("ann"), &[hls()]);
    for steps in [1, 8, 255] {
        bench.feed(load(true, steps));
        assert_eq!(bench.effects(), [], "{steps}");
    }
}
