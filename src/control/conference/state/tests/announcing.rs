//! What those outside are told.

use super::bench::*;
use crate::{
    control::{
        admission::shedding::Load,
        cast::{CastState, SourceState, Switch, Transition},
        conference::{
            ask::Ask,
            presence::Absence,
            state::{Input, OutputKey},
        },
        events::news::{Departure, EndReason, News},
    },
    egress::output::{OutputState, OutputStatus},
    ids::{ParticipantId, SessionId, SourceId},
    ipc::{ReplyOk, SessionEndReason, SourceReport, VideoReport, WorkerEvent, WorkerReport},
    media::EncoderKind,
};
use std::time::Duration;

fn names(news: &[News]) -> Vec<&'static str> {
    news.iter().map(|one| one.kind().name()).collect()
}

fn connect(bench: &mut Bench, session: &SessionId) {
    bench.feed(Input::Worker(WorkerEvent::SessionConnected { session: session.clone() }));
}

fn departures(news: &[News]) -> Vec<(ParticipantId, Departure)> {
    let departure = |one: &News| match one {
        News::ParticipantDisconnected { participant, reason } => Some((participant.clone(), *reason)),
        _ => None,
    };
    news.iter().filter_map(departure).collect()
}

fn observe(bench: &mut Bench, key: OutputKey, state: OutputState) {
    let mut status = OutputStatus::connecting(bench.now.wall);
    status.enter(state, bench.now.wall);
    status.bytes_sent = 1;
    bench.state.observe_output(key, status);
    bench.feed(Input::Tick);
}

#[test]
fn who_publishes_is_told_without_anybody_inside_and_why_they_go() {
    let mut bench = Bench::new();
    let (alice, _) = bench.publish("alice", "camera");
    let (bob, _) = bench.publish("bob", "camera");
    assert_eq!(names(&bench.news()), ["participant.connected", "participant.connected"]);
    connect(&mut bench, &alice);
    assert_eq!(names(&bench.news()), ["stream.added"]);
    bench.feed(Input::Worker(WorkerEvent::SessionEnded {
        session: alice,
        reason: SessionEndReason::Inactive,
    }));
    let news = bench.news();
    assert_eq!(names(&news), ["stream.removed", "participant.disconnected"]);
    assert_eq!(departures(&news), [(who("alice"), Departure::Absent(Absence::Lost))]);
    bench.ask(Ask::HangUp(bob));
    assert_eq!(departures(&bench.news()), [(who("bob"), Departure::Absent(Absence::Left))]);
    bench.publish("carol", "camera");
    bench.ask(Ask::RemoveParticipant(who("carol")));
    assert_eq!(departures(&bench.news()), [(who("carol"), Departure::Absent(Absence::Removed))]);
}

#[test]
fn a_cast_is_told_from_its_start_to_its_stop_with_one_end() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    bench.news();
    let key = bench.go_live(camera("alice"), &[hls()])[0];
    let news = bench.news();
    assert_eq!(names(&news), ["cast.starting", "cast.started"]);
    let News::CastStarted(cast) = &news[1] else { panic!("{news:?}") };
    assert_eq!((cast.state, cast.source.as_ref()), (CastState::Live, Some(&camera("alice"))));

    observe(&mut bench, key, OutputState::Live);
    observe(&mut bench, key, OutputState::Live);
    assert_eq!(names(&bench.news()), ["output.changed"], "once, whatever its counters do");

    bench.ask(Ask::Switch(Switch {
        source: camera("bob"),
        audio: None,
        transition: Transition::Cut,
        at: None,
    }));
    let (request, ..) = bench.composes().remove(0);
    let pts = bench.now.media;
    bench.reply(request, Ok(ReplyOk::Composed { pts, took_ms: 41 }));
    let news = bench.news();
    let News::CastSwitched(switched) = &news[0] else { panic!("{news:?}") };
    assert_eq!((&switched.source, switched.took), (&camera("bob"), Duration::from_millis(41)));
    assert_eq!(news.len(), 1);

    let added = bench.ask(Ask::AddOutput(rtmp("second", "rtmp://a.example/live/hush")));
    bench.create_outputs();
    bench.ok(added);
    bench.effects();
    assert_eq!(names(&bench.news()), ["output.added"]);
    bench.ask(Ask::RemoveOutput("second".parse().unwrap()));
    bench.wind_down();
    let news = bench.news();
    assert_eq!(names(&news), ["output.removed"]);
    assert!(!format!("{news:?}").contains("hush"), "{news:?}");

    bench.ask(Ask::StopCast);
    bench.wind_down();
    let news = bench.news();
    assert_eq!(names(&news), ["output.changed", "cast.stopped"]);
    bench.pass(Duration::from_secs(5));
    assert_eq!(names(&bench.news()), [] as [&str; 0]);
    bench.go_live(camera("alice"), &[hls()]);
    assert_eq!(names(&bench.news()), ["cast.starting", "cast.started"], "the next one is another");
}

#[test]
fn a_start_that_comes_to_nothing_has_its_end_too() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.news();
    bench.begin_cast(camera("alice"), &[hls()]);
    bench.pass(Duration::from_millis(config().cast.start_timeout_ms.into()));
    bench.wind_down();
    let news = bench.news();
    assert_eq!(names(&news), ["cast.starting", "output.changed", "cast.failed"]);
    let News::CastFailed(cast) = &news[2] else { panic!("{news:?}") };
    assert!(cast.error.is_some());
}

#[test]
fn the_sources_state_and_the_encoder_are_told_when_they_change() {
    let mut bench = Bench::new();
    let (_, source) = bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    bench.news();
    let heartbeat = |bench: &mut Bench, age_ms: u32, encoder: EncoderKind| {
        let mut report = WorkerReport::default();
        report.program.encoder = Some(encoder);
        report.sources = vec![source_report(source, age_ms)];
        bench.feed(Input::Worker(WorkerEvent::Heartbeat(report)));
        bench.news()
    };
    let live = heartbeat(&mut bench, 20, EncoderKind::Nvenc);
    assert_eq!(names(&live), ["cast.source_state"]);
    assert!(matches!(live[0], News::CastSourceState { state: SourceState::Live, age_ms: Some(20), .. }));
    assert_eq!(names(&heartbeat(&mut bench, 30, EncoderKind::Nvenc)), [] as [&str; 0]);
    let stalled = heartbeat(&mut bench, 60_000, EncoderKind::X264);
    assert_eq!(names(&stalled), ["cast.source_state", "cast.encoder_changed"]);
    assert!(matches!(
        stalled[1],
        News::CastEncoderChanged { encoder: EncoderKind::X264, previous: EncoderKind::Nvenc, .. }
    ));
}

fn source_report(source: SourceId, age_ms: u32) -> SourceReport {
    SourceReport {
        source,
        session: "s1".into(),
        video: Some(VideoReport { width: 640, height: 360, frames: 9, age_ms, decoded: true }),
        audio_age_ms: None,
    }
}

#[test]
fn a_lost_worker_and_the_load_are_told_and_the_end_with_its_reason() {
    let mut bench = Bench::new();
    let (alice, _) = bench.publish("alice", "camera");
    connect(&mut bench, &alice);
    bench.go_live(camera("alice"), &[hls()]);
    bench.news();
    bench.feed(Input::WorkerGone);
    assert_eq!(names(&bench.news()), ["stream.removed", "worker.restarted", "cast.source_state"]);
    bench.feed(Input::Load(Load { pressed: true, steps: 0 }));
    bench.feed(Input::Load(Load::default()));
    assert_eq!(names(&bench.news()), ["load.shed", "load.restored"]);
    bench.ask(Ask::End);
    bench.wind_down();
    let news = bench.news();
    assert_eq!(
        names(&news)[news.len() - 3..],
        ["cast.stopped", "participant.disconnected", "conference.ended"]
    );
    assert_eq!(departures(&news), [(who("alice"), Departure::ConferenceEnded)]);
    assert_eq!(news.last(), Some(&News::ConferenceEnded { reason: EndReason::Deleted }));

    for (end, reason) in [(Some(Ask::Shutdown), EndReason::Shutdown), (None, EndReason::Empty)] {
        let mut bench = Bench::new();
        match end {
            Some(ask) => drop(bench.ask(ask)),
            None => bench.pass(Duration::from_secs(3600)),
        }
        assert_eq!(bench.news(), [News::ConferenceEnded { reason }]);
    }
}
