//! Hints to senders: they follow the tiles, ahead of a switch, and stop where somebody receives the stream.

use super::{super::*, bench::*};
use crate::{
    control::{
        cast::{Arrangement, Source, Switch, Tile, Transition, Who},
        conference::{Join, Subscribe, SubscribeTo, SubscriberOffers, quality::Quality},
    },
    ids::StreamName,
    ipc::ProgramMode,
    layout::{Area, EdgeSpec, Fit, Fraction},
    units::Kbps,
};
use serde_json::Value;
use std::sync::Arc;

const SEAT: SeatId = SeatId(7);

/// What alice was told since the last call, by height.
fn told(bench: &mut Bench) -> Vec<Option<u32>> {
    let quality = |effect| match effect {
        Effect::Tell { audience, event } => match &event.1 {
            ConferenceEvent::Quality { stream, quality } => {
                assert_eq!((&audience, stream), (&Audience::One(SEAT), &StreamName::default()));
                Some(quality.map(|quality: Quality| quality.max_height))
            }
            _ => None,
        },
        _ => None,
    };
    bench.effects().into_iter().filter_map(quality).collect()
}

/// alice sends and hears; bob sends by plain WHIP.
fn two() -> Bench {
    let mut config = config();
    config.switching.standby_height = 180;
    let mut bench = Bench::with(config, false);
    let join = Join { participant: who("alice"), name: None, user_data: Value::Null, seat: SEAT };
    bench.ask(Ask::Join(join));
    for (session, _) in ["alice", "bob"].map(|id| bench.publish(id, "camera")) {
        bench.feed(Input::Worker(WorkerEvent::SessionConnected { session }));
    }
    bench
}

#[test]
fn hints_follow_the_tiles_and_precede_the_switch() {
    let mut bench = two();
    assert_eq!(told(&mut bench), [Some(180)], "nobody sees her yet");
    let mut wide = start(Source::Grid { participants: None }, &[hls()]);
    (wide.encoding.width, wide.encoding.height) = (1920, 1080);
    bench.ask(Ask::StartCast(wide));
    assert_eq!(told(&mut bench), [Some(540)], "half of 1080");

    let mut bench = two();
    bench.go_live(camera("bob"), &[hls()]);
    bench.ask(Ask::Switch(Switch {
        source: camera("alice"),
        audio: None,
        transition: Transition::Cut,
        at: None,
    }));
    let effects = bench.effects();
    let compose = effects.iter().any(|one| matches!(one, Effect::Command(WorkerCommand::Compose { .. })));
    let raised = effects.iter().any(|one| {
        matches!(one, Effect::Tell { event, .. } if matches!(&event.1, ConferenceEvent::Quality {
            quality: Some(Quality { max_height: 360, max_kbps: Kbps(700) }), ..
        }))
    });
    assert!(compose && raised, "{effects:?}");
}

#[test]
fn hints_follow_tiles_of_a_custom_layout() {
    let tile = |width, height, fit| Tile {
        who: Who::Participant(who("alice")),
        stream: None,
        area: Area {
            x: Fraction::ZERO,
            y: Fraction::ZERO,
            width: Fraction::percent(width),
            height: Fraction::percent(height),
        },
        z: 0,
        fit,
        edge: EdgeSpec::default(),
    };
    // A wide one that is filled shows a slice of what is as wide as it is; of two, the larger counts.
    for (tiles, expected) in [
        (vec![tile(50, 75, Fit::Contain)], 540),
        (vec![tile(50, 10, Fit::Cover)], 360),
        (vec![tile(50, 10, Fit::Contain), tile(20, 33, Fit::Contain)], 240),
    ] {
        let mut bench = two();
        told(&mut bench);
        let arrangement = Arc::new(Arrangement::Custom(tiles));
        let custom = Source::Arranged { name: None, arrangement, participants: None };
        let mut start = start(custom, &[hls()]);
        (start.encoding.width, start.encoding.height) = (1280, 720);
        bench.ask(Ask::StartCast(start));
        assert_eq!(told(&mut bench), [Some(expected)]);
    }
}

#[test]
fn nobody_is_limited_while_pictures_pass_through() {
    let mut bench = two();
    assert_eq!(told(&mut bench), [Some(180)]);
    let mut passing = start(camera("bob"), &[hls()]);
    passing.encoding.mode = ProgramMode::Passthrough;
    bench.ask(Ask::StartCast(passing));
    // She is not on, and may come on.
    assert_eq!(told(&mut bench), [None]);
}

#[test]
fn what_is_received_as_it_comes_has_no_limit_and_less_is_told_late() {
    let mut bench = two();
    told(&mut bench);
    let to = SubscribeTo::Participant { participant: who("alice"), stream: None };
    let subscribe = Subscribe { to, offers: SubscriberOffers { h264: Ok(offer()), vp8: Ok(offer()) } };
    bench.ask(Ask::Subscribe { subscribe, session: "w1".into() });
    assert_eq!(told(&mut bench), [None]);
    bench.pass(Duration::from_secs(6));
    // The worker never answered: nobody receives it after all.
    bench.feed(Input::WorkerGone);
    for effect in bench.effects() {
        if let Effect::Tell { event, .. } = effect {
            assert!(!matches!(event.1, ConferenceEvent::Quality { .. }), "{event:?}");
        }
    }
}
