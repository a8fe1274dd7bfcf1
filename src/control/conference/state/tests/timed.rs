//! Switches with a time of their own.

use super::{super::*, bench::*};
use crate::{
    control::cast::{AudioChoice, Switch, SwitchTime, Transition},
    ids::RequestId,
    ipc::{ReplyError, ReplyOk},
};

fn ask(bench: &mut Bench, who: &str, at: SwitchTime) -> Ticket {
    let source = camera(who);
    bench.ask(Ask::Switch(Switch { source, audio: None, transition: Transition::Cut, at: Some(at) }))
}

fn program(ms: u64) -> SwitchTime {
    SwitchTime::Program(MediaTime::from_millis(ms))
}

/// The times of the switches that the worker was told, and their requests.
fn told(bench: &mut Bench) -> Vec<(RequestId, u64)> {
    let time = |command| match command {
        WorkerCommand::Compose { request, at: Some(at), .. } => Some((request, at.as_millis())),
        _ => None,
    };
    bench.commands().into_iter().filter_map(time).collect()
}

fn live() -> Bench {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    // The cast's zero is one second after the conference's epoch.
    bench.go_live(camera("alice"), &[hls()]);
    bench.commands();
    bench
}

/// The cast's zero, and where its program is now.
fn times(bench: &Bench) -> (u64, u64) {
    let zero = bench.state.cast.as_ref().unwrap().timeline.zero().unwrap().as_millis();
    (zero, bench.now.media.as_millis() - zero)
}

fn reply(bench: &mut Bench, request: RequestId, ms: u64) {
    bench.reply(request, Ok(ReplyOk::Composed { pts: MediaTime::from_millis(ms), took_ms: 3 }));
}

#[test]
fn each_is_told_when_its_time_is_near_and_the_one_before_is_done() {
    let mut bench = live();
    let (zero, now) = times(&bench);
    let second = ask(&mut bench, "alice", program(now + 5100));
    let first = ask(&mut bench, "bob", program(now + 5000));
    assert_eq!(told(&mut bench), []);
    bench.pass(Duration::from_millis(3499));
    assert_eq!(told(&mut bench), []);
    bench.pass(Duration::from_millis(1));
    let [(request, at)] = told(&mut bench)[..] else { panic!("one") };
    assert_eq!(at, zero + now + 5000);
    bench.pass(Duration::from_millis(1500));
    assert_eq!(told(&mut bench), [], "a newer one would take its place");
    reply(&mut bench, request, zero + now + 5000);
    let [(request, at)] = told(&mut bench)[..] else { panic!("the other") };
    assert_eq!(at, zero + now + 5100);
    reply(&mut bench, request, zero + now + 5100);
    for (ticket, ms) in [(first, 5000), (second, 5100)] {
        let Reply::Switched(result) = bench.ok(ticket) else { panic!("{ms}") };
        assert_eq!(result.program_pts.as_millis(), now + ms);
    }
}

#[test]
fn a_switch_by_hand_before_a_time_comes_between_and_the_timed_one_still_happens() {
    let mut bench = live();
    let (zero, now) = times(&bench);
    let timed = ask(&mut bench, "bob", program(now + 1000));
    let [(first, _)] = told(&mut bench)[..] else { panic!("told at once") };
    let by_hand = bench.ask(Ask::Switch(Switch {
        source: camera("alice"),
        audio: Some(AudioChoice::Mix),
        transition: Transition::Cut,
        at: None,
    }));
    let commands = bench.commands();
    let [WorkerCommand::Compose { request: by_hand_request, at: None, .. }] = &commands[..] else {
        panic!("{commands:?}")
    };
    bench.pass(Duration::from_millis(100));
    bench.reply(first, Err(ReplyError::Superseded));
    assert_eq!(told(&mut bench), [], "it would take the other's place");
    reply(&mut bench, *by_hand_request, zero + now + 120);
    bench.ok(by_hand);
    let commands = bench.commands();
    let [WorkerCommand::Compose { request: again, at: Some(at), scene, .. }] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert_eq!(at.as_millis(), zero + now + 1000);
    assert_eq!(scene.sound.len(), 2, "the sound that was chosen meanwhile goes on: {scene:?}");
    reply(&mut bench, *again, zero + now + 1000);
    let Reply::Switched(result) = bench.ok(timed) else { panic!("switched") };
    assert_eq!(result.program_pts.as_millis(), now + 1000);
}

#[test]
fn who_is_superseded_when_the_time_has_come_is_told_so() {
    let mut bench = live();
    let (_, now) = times(&bench);
    let timed = ask(&mut bench, "bob", program(now + 1000));
    let [(first, _)] = told(&mut bench)[..] else { panic!("told at once") };
    // Its picture is not there yet.
    bench.pass(Duration::from_millis(1200));
    bench.reply(first, Err(ReplyError::Superseded));
    assert_eq!(bench.error(timed), &ControlError::SwitchSuperseded);
}

#[test]
fn times_are_within_what_a_request_can_wait_and_end_with_the_cast() {
    let mut bench = live();
    bench.pass(Duration::from_secs(2));
    let hour = bench.now.wall + jiff::SignedDuration::from_hours(1);
    let before = bench.now.wall - jiff::SignedDuration::from_millis(1);
    for at in [program(0), program(600_000), SwitchTime::Wall(hour), SwitchTime::Wall(before)] {
        let ticket = ask(&mut bench, "bob", at);
        let error = bench.error(ticket);
        assert_eq!(error.code_and_status().0, "invalid_request", "{at:?}: {error}");
    }
    let soon = SwitchTime::Wall(bench.now.wall + jiff::SignedDuration::from_secs(9));
    let ticket = ask(&mut bench, "nobody", soon);
    assert!(matches!(bench.error(ticket), ControlError::ParticipantNotFound(_)), "at once");
    let ticket = ask(&mut bench, "bob", soon);
    bench.ask(Ask::StopCast);
    assert!(matches!(bench.error(ticket), ControlError::CastNotStarted));
}
