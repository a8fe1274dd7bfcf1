//! Subscribers: who gets in, what they are kept from, how they end.

use super::{super::*, bench::*};
use crate::{
    control::conference::{ParticipantPatch, Published, Subscribe, SubscribeTo, SubscriberOffers, Without},
    ids::{RequestId, SourceId},
    ipc::{ForwardOf, Mutes, ReplyError, ReplyOk, SessionEndReason},
};

fn subscribe(bench: &mut Bench, id: &str, stream: Option<&str>, session: &str) -> Ticket {
    let none = || Err(ControlError::NoCommonCodec("only H.264".to_owned()));
    let stream = stream.map(|stream| stream.parse().unwrap());
    let to = SubscribeTo::Participant { participant: who(id), stream };
    let subscribe = Subscribe { to, offers: SubscriberOffers { h264: Ok(offer()), vp8: none() } };
    bench.ask(Ask::Subscribe { subscribe, session: session.into() })
}

fn opened(bench: &mut Bench) -> (RequestId, ForwardOf, Mutes) {
    let open = |command| match command {
        WorkerCommand::OpenForward { request, of, mutes, .. } => Some((request, of, mutes)),
        _ => None,
    };
    bench.commands().into_iter().find_map(open).expect("an OpenForward")
}

/// alice sends, and one subscriber is in.
fn with_subscriber() -> (Bench, SourceId) {
    let mut bench = Bench::new();
    let (session, source) = bench.publish("alice", "camera");
    bench.feed(Input::Worker(WorkerEvent::SessionConnected { session }));
    let ticket = subscribe(&mut bench, "alice", None, "w1");
    let (request, of, mutes) = opened(&mut bench);
    assert_eq!((of, mutes), (ForwardOf::Source(source), Mutes::default()));
    bench.reply(request, Ok(ReplyOk::ForwardOpened { answer: "answer".to_owned() }));
    let published = Published { session: "w1".into(), answer: "answer".to_owned() };
    assert_eq!(bench.ok(ticket), &Reply::Published(published));
    assert_eq!(bench.effects(), [Effect::SessionOpened("w1".into())]);
    (bench, source)
}

#[test]
fn a_subscriber_is_muted_trickles_and_hangs_up() {
    let (mut bench, source) = with_subscriber();
    let patch = ParticipantPatch { audio_muted: Some(true), ..ParticipantPatch::default() };
    bench.ask(Ask::PatchParticipant { participant: who("alice"), patch });
    let mutes = Mutes { audio: true, video: false };
    assert_eq!(bench.commands(), [WorkerCommand::MuteForwards { source, mutes }]);
    subscribe(&mut bench, "alice", Some("camera"), "w2");
    assert_eq!(opened(&mut bench).2, mutes, "who comes later is kept from it too");

    let trickled = bench.ask(Ask::Trickle { session: "w1".into(), candidates: Vec::new() });
    assert_eq!(bench.ok(trickled), &Reply::Done);
    let hung_up = bench.ask(Ask::HangUp("w1".into()));
    assert_eq!(bench.ok(hung_up), &Reply::Done);
    let closed = WorkerCommand::CloseForward { session: "w1".into() };
    assert_eq!(bench.effects(), [Effect::Command(closed), Effect::SessionClosed("w1".into())]);
    let again = bench.ask(Ask::HangUp("w1".into()));
    assert_eq!(bench.error(again), &ControlError::SessionNotFound);
}

#[test]
fn what_is_not_there_is_not_forwarded() {
    let mut bench = Bench::new();
    let nobody = subscribe(&mut bench, "alice", None, "w1");
    assert_eq!(bench.error(nobody), &ControlError::ParticipantNotFound(who("alice")));
    let (session, _) = bench.publish("alice", "camera");
    let early = subscribe(&mut bench, "alice", None, "w1");
    assert_eq!(bench.error(early).code_and_status(), ("media_not_ready", 409));
    bench.feed(Input::Worker(WorkerEvent::SessionConnected { session }));
    let screen = subscribe(&mut bench, "alice", Some("screen"), "w1");
    assert_eq!(bench.error(screen).code_and_status(), ("stream_not_found", 404));
}

#[test]
fn subscribers_end_with_their_source_and_with_the_worker() {
    let (mut bench, _) = with_subscriber();
    let reason = SessionEndReason::SourceGone;
    bench.feed(Input::Worker(WorkerEvent::SessionEnded { session: "w1".into(), reason }));
    assert_eq!(bench.effects(), [Effect::SessionClosed("w1".into())]);
    let (mut bench, _) = with_subscriber();
    let waiting = subscribe(&mut bench, "alice", None, "w2");
    bench.feed(Input::WorkerGone);
    assert_eq!(bench.error(waiting), &ControlError::WorkerUnavailable);
    assert!(bench.effects().contains(&Effect::SessionClosed("w1".into())));
}

fn watch(bench: &mut Bench, session: &str) -> Ticket {
    let vp8 = Err(ControlError::NoCommonCodec("only H.264".to_owned()));
    let subscribe = Subscribe {
        to: SubscribeTo::Program { without: Without::Nobody },
        offers: SubscriberOffers { h264: Ok(offer()), vp8 },
    };
    bench.ask(Ask::Subscribe { subscribe, session: session.into() })
}

#[test]
fn the_program_is_watched_while_there_is_one() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    let early = watch(&mut bench, "w1");
    assert_eq!(bench.error(early), &ControlError::CastNotStarted);
    let (_, start) = bench.begin_cast(camera("alice"), &[hls()]);
    let early = watch(&mut bench, "w1");
    assert_eq!(bench.error(early), &ControlError::WorkerUnavailable, "it is on the way");
    bench.reply(start, Ok(ReplyOk::ProgramStarted));
    let ticket = watch(&mut bench, "w1");
    let (request, of, mutes) = opened(&mut bench);
    assert_eq!((of, mutes), (ForwardOf::Program, Mutes::default()));
    bench.reply(request, Ok(ReplyOk::ForwardOpened { answer: "answer".to_owned() }));
    assert!(matches!(bench.ok(ticket), Reply::Published(_)));

    let late = watch(&mut bench, "w2");
    let (request, ..) = opened(&mut bench);
    bench.reply(request, Err(ReplyError::WrongState { detail: "no program runs".to_owned() }));
    assert_eq!(bench.error(late), &ControlError::CastNotStarted, "it ended meanwhile");
    // Mutes of participants are in the program already.
    let patch = ParticipantPatch { audio_muted: Some(true), ..ParticipantPatch::default() };
    bench.ask(Ask::PatchParticipant { participant: who("alice"), patch });
    assert!(!bench.commands().iter().any(|one| matches!(one, WorkerCommand::MuteForwards { .. })));
}

#[test]
fn who_speaks_and_watches_does_not_hear_themselves() {
    let mut bench = Bench::new();
    let (_, source) = bench.publish("alice", "camera");
    let (_, screen) = bench.publish("alice", "screen");
    bench.go_live(camera("alice"), &[hls()]);
    let mut watch = |without: Without| {
        let vp8 = Err(ControlError::NoCommonCodec("only H.264".to_owned()));
        let offers = SubscriberOffers { h264: Ok(offer()), vp8 };
        let subscribe = Subscribe { to: SubscribeTo::Program { without }, offers };
        let ticket = bench.ask(Ask::Subscribe { subscribe, session: "w1".into() });
        let left_out = bench.commands().into_iter().find_map(|command| match command {
            WorkerCommand::OpenForward { without, .. } => Some(without),
            _ => None,
        });
        left_out.ok_or_else(|| bench.error(ticket).clone())
    };
    assert_eq!(watch(Without::Listener(who("alice"))), Ok(vec![source, screen]));
    assert_eq!(watch(Without::Named(who("alice"))), Ok(vec![source, screen]));
    assert_eq!(
        watch(Without::Listener(who("viewer"))),
        Ok(Vec::new()),
        "sends nothing: hears the program as it is"
    );
    assert_eq!(watch(Without::Named(who("bob"))), Err(ControlError::ParticipantNotFound(who("bob"))));
}

#[test]
fn what_who_watches_sends_later_is_left_out_too() {
    let mut bench = Bench::new();
    let (_, source) = bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    for (session, without) in
        [("w1", Without::Listener(who("alice"))), ("w2", Without::Named(who("bob"))), ("w3", Without::Nobody)]
    {
        let vp8 = Err(ControlError::NoCommonCodec("only H.264".to_owned()));
        let offers = SubscriberOffers { h264: Ok(offer()), vp8 };
        let subscribe = Subscribe { to: SubscribeTo::Program { without }, offers };
        bench.ask(Ask::Subscribe { subscribe, session: session.into() });
    }
    bench.commands();
    let told = |commands: &[WorkerCommand]| -> Vec<_> {
        let leave_out = |command: &WorkerCommand| match command {
            WorkerCommand::LeaveOut { session, without } => Some((session.clone(), without.clone())),
            _ => None,
        };
        commands.iter().filter_map(leave_out).collect()
    };
    bench.ask_publish("alice", "screen");
    let commands = bench.commands();
    let opened = |command: &WorkerCommand| match command {
        WorkerCommand::OpenIngest { source, .. } => Some(*source),
        _ => None,
    };
    let screen = commands.iter().find_map(opened).unwrap();
    assert_eq!(told(&commands), [("w1".into(), vec![source, screen])]);
}

#[test]
fn who_cannot_take_h264_cannot_watch_the_program() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    let no = || Err(ControlError::NoCommonCodec("only VP8".to_owned()));
    let subscribe = Subscribe {
        to: SubscribeTo::Program { without: Without::Nobody },
        offers: SubscriberOffers { h264: no(), vp8: Ok(offer()) },
    };
    let ticket = bench.ask(Ask::Subscribe { subscribe, session: "w1".into() });
    assert_eq!(bench.error(ticket).code_and_status(), ("codec_unsupported", 406));
}

#[test]
fn who_waits_too_long_is_told_and_closed_when_it_comes() {
    let (mut bench, _) = with_subscriber();
    let late = subscribe(&mut bench, "alice", None, "w2");
    let (request, ..) = opened(&mut bench);
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.error(late), &ControlError::WorkerUnavailable);
    bench.reply(request, Ok(ReplyOk::ForwardOpened { answer: String::new() }));
    assert!(bench.commands().contains(&WorkerCommand::CloseForward { session: "w2".into() }));
}

#[test]
fn a_conference_has_so_many_subscribers_and_no_more() {
    let mut config = config();
    config.limits.max_subscribers = 1;
    let mut bench = Bench::with(config, false);
    let (session, _) = bench.publish("alice", "camera");
    bench.feed(Input::Worker(WorkerEvent::SessionConnected { session }));
    subscribe(&mut bench, "alice", None, "w1");
    let second = subscribe(&mut bench, "alice", None, "w2");
    assert_eq!(bench.error(second), &ControlError::TooManySubscribers { max: 1 });
}
