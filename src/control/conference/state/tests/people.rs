//! Joining, leaving, publishing again; the worker's life without a cast.

use super::{super::*, bench::*};
use crate::{
    control::conference::ParticipantPatch,
    ids::SourceId,
    ipc::{Candidate, ReplyError, ReplyOk, SessionEndReason},
};

fn closed(commands: &[WorkerCommand]) -> Vec<&str> {
    let mut closed = Vec::new();
    for command in commands {
        if let WorkerCommand::CloseIngest { session } = command {
            closed.push(session.as_str());
        }
    }
    closed
}

fn present(bench: &Bench) -> Vec<String> {
    bench.state.view(bench.now).participants.iter().map(|one| one.id.to_string()).collect()
}

#[test]
fn a_publication_launches_the_worker_and_waits_for_it() {
    let mut bench = Bench::new();
    let ticket = bench.ask_publish("alice", "camera");
    assert_eq!(bench.effects(), [Effect::LaunchWorker { incarnation: Incarnation(0), replacement: false }]);
    assert_eq!(present(&bench), [""; 0], "nobody sees who is only about to come in");
    bench.ready();
    let commands = bench.commands();
    let [WorkerCommand::OpenIngest { request, source: SourceId(0), .. }] = commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(bench.answer(ticket), None);
    bench.reply(request, Ok(ReplyOk::IngestOpened { answer: "sdp".to_owned() }));
    assert!(matches!(bench.ok(ticket), Reply::Published(published) if published.answer == "sdp"));
    assert_eq!(bench.effects(), [Effect::SessionOpened("s1".into())]);
    assert_eq!(present(&bench), ["alice"]);
}

#[test]
fn publishing_again_replaces_the_session_and_keeps_the_number() {
    let mut bench = Bench::new();
    let (first, source) = bench.publish("alice", "camera");
    let (_, screen) = bench.publish("alice", "screen");
    let (_, other) = bench.publish("bob", "camera");
    assert_eq!([source, screen, other], [SourceId(0), SourceId(1), SourceId(2)]);
    bench.effects();
    let ticket = bench.ask_publish("alice", "camera");
    let commands = bench.commands();
    let [WorkerCommand::OpenIngest { request, source: again, .. }] = commands[..] else {
        panic!("the old session must stay until the new one is open: {commands:?}")
    };
    assert_eq!(again, source);
    bench.reply(request, Ok(ReplyOk::IngestOpened { answer: String::new() }));
    bench.ok(ticket);
    assert_eq!(closed(&bench.commands()), [first.as_str()]);
    assert_eq!(bench.state.view(bench.now).participants[0].streams.len(), 2);
    let hang_up = bench.ask(Ask::HangUp(first));
    assert_eq!(bench.error(hang_up), &ControlError::SessionNotFound);
}

#[test]
fn a_refused_offer_leaves_no_trace_and_no_harm() {
    let refused = ReplyError::OfferRefused { detail: "no".to_owned() };
    leaves_no_trace(refused, &ControlError::SdpInvalid("no".to_owned()));
}

#[test]
fn an_offer_that_a_busy_worker_did_not_answer_may_come_again() {
    leaves_no_trace(ReplyError::Timeout, &ControlError::WorkerUnavailable);
}

fn leaves_no_trace(refusal: ReplyError, told: &ControlError) {
    let mut bench = Bench::new();
    bench.publish("bob", "camera");
    for id in ["alice", "bob"] {
        let ticket = bench.ask_publish(id, "camera");
        let commands = bench.commands();
        let [WorkerCommand::OpenIngest { request, .. }] = commands[..] else { panic!("{commands:?}") };
        bench.reply(request, Err(refusal.clone()));
        assert_eq!(bench.error(ticket), told);
        assert_eq!(bench.effects(), []);
    }
    assert_eq!(present(&bench), ["bob"]);
}

#[test]
fn the_faster_of_two_publications_loses_when_it_is_the_older() {
    let mut bench = Bench::new();
    bench.publish("bob", "camera");
    let (older, newer) = (bench.ask_publish("alice", "camera"), bench.ask_publish("alice", "camera"));
    let requests: Vec<_> = bench
        .commands()
        .into_iter()
        .filter_map(|command| match command {
            WorkerCommand::OpenIngest { request, .. } => Some(request),
            _ => None,
        })
        .collect();
    bench.reply(requests[1], Ok(ReplyOk::IngestOpened { answer: String::new() }));
    assert_eq!(bench.effects(), [Effect::SessionOpened("s3".into())]);
    bench.reply(requests[0], Ok(ReplyOk::IngestOpened { answer: String::new() }));
    assert_eq!(closed(&bench.commands()), ["s2"]);
    bench.ok(older);
    bench.ok(newer);
}

#[test]
fn rooms_have_a_size() {
    let mut bench = Bench::new();
    let settings = ConferenceSettings { name: None, max_participants: Some(2) };
    bench.ask(Ask::Update(settings.clone()));
    bench.publish("alice", "camera");
    let waiting = bench.ask_publish("bob", "camera");
    let third = bench.ask_publish("carol", "camera");
    assert_eq!(bench.answer(waiting), None);
    assert_eq!(bench.error(third), &ControlError::TooManyParticipants { max: 2 });
    let second_stream = bench.ask_publish("alice", "screen");
    assert_eq!(bench.answer(second_stream), None);
    // Settings do not lift the server's own limit.
    bench.ask(Ask::Update(ConferenceSettings { max_participants: Some(100), ..settings }));
    bench.ask_publish("carol", "camera");
    bench.ask_publish("dave", "camera");
    let fifth = bench.ask_publish("eve", "camera");
    assert_eq!(bench.error(fifth), &ControlError::TooManyParticipants { max: 4 });
}

#[test]
fn a_participant_has_a_bounded_number_of_streams() {
    let mut bench = Bench::new();
    for n in 0..8 {
        bench.publish("alice", &format!("s{n}"));
    }
    let ticket = bench.ask_publish("alice", "s8");
    assert_eq!(bench.error(ticket).field(), Some("stream"));
}

#[test]
fn whoever_has_no_stream_left_leaves() {
    let mut bench = Bench::new();
    let (camera, source) = bench.publish("alice", "camera");
    let (screen, _) = bench.publish("alice", "screen");
    bench.effects();
    let hang_up = bench.ask(Ask::HangUp(camera.clone()));
    bench.ok(hang_up);
    assert_eq!(
        bench.effects(),
        [
            Effect::Command(WorkerCommand::CloseIngest { session: camera.clone() }),
            Effect::SessionClosed(camera)
        ]
    );
    assert_eq!(present(&bench), ["alice"]);
    let reason = SessionEndReason::Disconnected;
    bench.feed(Input::Worker(WorkerEvent::SessionEnded { session: screen.clone(), reason }));
    assert_eq!(bench.effects(), [Effect::SessionClosed(screen)]);
    assert_eq!(present(&bench), [""; 0]);
    // The number is kept for the conference's life.
    assert_eq!(bench.publish("alice", "camera").1, source);
}

#[test]
fn a_removed_participant_is_hung_up_and_who_is_joining_gives_up() {
    let mut bench = Bench::new();
    let (camera, _) = bench.publish("alice", "camera");
    bench.effects();
    let joining = bench.ask_publish("alice", "screen");
    let commands = bench.commands();
    let [WorkerCommand::OpenIngest { request, .. }] = commands[..] else { panic!("{commands:?}") };
    let remove = bench.ask(Ask::RemoveParticipant(who("alice")));
    bench.ok(remove);
    assert_eq!(bench.error(joining), &ControlError::ParticipantNotFound(who("alice")));
    assert_eq!(closed(&bench.commands()), [camera.as_str()]);
    bench.reply(request, Ok(ReplyOk::IngestOpened { answer: String::new() }));
    assert_eq!(closed(&bench.commands()), ["s2"]);
    assert_eq!(present(&bench), [""; 0]);
    let again = bench.ask(Ask::RemoveParticipant(who("alice")));
    assert_eq!(bench.error(again), &ControlError::ParticipantNotFound(who("alice")));
}

#[test]
fn patches_are_checked_as_a_whole() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    let patch = |patch| Ask::PatchParticipant { participant: who("alice"), patch };
    let good = ParticipantPatch { audio_muted: Some(true), video_muted: None, gain_db: Some(-6.0) };
    let ticket = bench.ask(patch(good));
    let Reply::Participant(view) = bench.ok(ticket) else { panic!() };
    assert_eq!((view.audio_muted, view.video_muted, view.gain_db), (true, false, -6.0));
    let bad = ParticipantPatch { audio_muted: Some(false), gain_db: Some(f32::NAN), ..Default::default() };
    let ticket = bench.ask(patch(bad));
    assert_eq!(bench.error(ticket).field(), Some("gain_db"));
    let ticket = bench.ask(Ask::Participant(who("alice")));
    assert!(matches!(bench.ok(ticket), Reply::Participant(view) if view.audio_muted));
}

#[test]
fn candidates_reach_open_sessions_only() {
    let mut bench = Bench::new();
    let (session, _) = bench.publish("alice", "camera");
    bench.effects();
    let candidates = vec![Candidate { mline: 0, candidate: "candidate:1".to_owned() }];
    let ticket = bench.ask(Ask::Trickle { session: session.clone(), candidates: candidates.clone() });
    bench.ok(ticket);
    let expected = WorkerCommand::AddCandidates { session, candidates: candidates.clone() };
    assert_eq!(bench.commands(), [expected]);
    let ticket = bench.ask(Ask::Trickle { session: "other".into(), candidates });
    assert_eq!(bench.error(ticket), &ControlError::SessionNotFound);
}

#[test]
fn a_lost_worker_ends_sessions_and_keeps_places_for_a_while() {
    let mut bench = Bench::new();
    let (session, source) = bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    let waiting = bench.ask_publish("carol", "camera");
    bench.effects();
    bench.feed(Input::WorkerGone);
    assert_eq!(bench.error(waiting), &ControlError::WorkerUnavailable);
    assert_eq!(bench.effects()[0], Effect::SessionClosed(session.clone()));
    assert_eq!(present(&bench), ["alice", "bob"]);
    assert!(bench.state.view(bench.now).participants[0].streams.is_empty());
    let trickle = bench.ask(Ask::Trickle { session, candidates: Vec::new() });
    assert_eq!(bench.error(trickle), &ControlError::SessionNotFound);
    bench.pass(Duration::from_secs(9));
    assert_eq!(bench.publish("alice", "camera").1, source);
    assert_eq!(bench.state.view(bench.now).worker_restarts, 1);
    bench.pass(Duration::from_secs(2));
    assert_eq!(present(&bench), ["alice"]);
}

#[test]
fn a_worker_that_fails_quickly_is_awaited_longer_and_longer() {
    let mut bench = Bench::new();
    let mut waits = Vec::new();
    for _ in 0..4 {
        let ticket = bench.ask_publish("alice", "camera");
        let asked = bench.now.at;
        while !bench.effects().iter().any(|effect| matches!(effect, Effect::LaunchWorker { .. })) {
            bench.pass(Duration::from_millis(50));
        }
        waits.push((bench.now.at - asked).as_millis());
        bench.feed(Input::WorkerGone);
        assert_eq!(bench.error(ticket), &ControlError::WorkerUnavailable);
    }
    assert_eq!(waits, [0, 0, 500, 1000]);
}

#[test]
fn a_publication_does_not_wait_for_ever() {
    let mut bench = Bench::new();
    let unready = bench.ask_publish("alice", "camera");
    bench.pass(Duration::from_secs(16));
    assert_eq!(bench.error(unready), &ControlError::WorkerUnavailable);
    bench.ready();
    bench.effects();
    let unanswered = bench.ask_publish("alice", "camera");
    let commands = bench.commands();
    let [WorkerCommand::OpenIngest { request, .. }] = commands[..] else { panic!("{commands:?}") };
    bench.pass(Duration::from_secs(16));
    assert_eq!(bench.error(unanswered), &ControlError::WorkerUnavailable);
    bench.reply(request, Ok(ReplyOk::IngestOpened { answer: String::new() }));
    assert_eq!(closed(&bench.commands()), ["s2"]);
}

#[test]
fn an_empty_conference_goes_away_unless_it_is_kept() {
    let mut joined = Bench::new();
    let (session, _) = joined.publish("alice", "camera");
    joined.pass(Duration::from_secs(100));
    joined.ask(Ask::HangUp(session.clone()));
    joined.effects();
    joined.pass(Duration::from_secs(29));
    assert_eq!(joined.effects(), []);
    joined.pass(Duration::from_secs(2));
    assert_eq!(joined.effects(), [Effect::Finish { answer: Vec::new() }]);
    assert_eq!(joined.state.next_deadline(), None);

    let mut kept = Bench::with(config(), true);
    let (session, _) = kept.publish("alice", "camera");
    kept.ask(Ask::HangUp(session));
    kept.effects();
    kept.pass(Duration::from_secs(1000));
    assert_eq!(kept.effects(), [Effect::ShutWorker]);
    kept.publish("alice", "camera");
    assert_eq!(kept.state.view(kept.now).worker_restarts, 0);
}

#[test]
fn the_end_answers_everybody() {
    let mut bench = Bench::new();
    let (session, _) = bench.publish("alice", "camera");
    let joining = bench.ask_publish("bob", "camera");
    bench.effects();
    let end = bench.ask(Ask::End);
    assert_eq!(bench.effects(), [Effect::SessionClosed(session), Effect::Finish { answer: vec![end] }]);
    let gone = ControlError::ConferenceNotFound("room".parse().unwrap());
    assert_eq!(bench.error(joining), &gone);
    let late = bench.ask(Ask::View);
    assert_eq!(bench.error(late), &gone);
}
