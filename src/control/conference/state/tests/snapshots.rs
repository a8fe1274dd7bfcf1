//! Stills: one command for all who ask, and an answer for each whatever becomes of the worker.

use super::bench::{Bench, camera, hls};
use crate::{
    control::{
        conference::{
            ask::{Ask, Reply, Ticket},
            state::Input,
        },
        error::ControlError,
    },
    ids::RequestId,
    ipc::{ReplyError, ReplyOk, WorkerCommand},
};
use bytes::Bytes;
use std::time::Duration;

fn live() -> Bench {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    bench.commands();
    bench
}

/// The stills that the worker was asked for.
fn asked(bench: &mut Bench) -> Vec<RequestId> {
    let still = |command| match command {
        WorkerCommand::Snapshot { request } => Some(request),
        _ => None,
    };
    bench.commands().into_iter().filter_map(still).collect()
}

fn jpeg(byte: u8) -> Result<ReplyOk, ReplyError> {
    Ok(ReplyOk::Snapshot { jpeg: Bytes::from(vec![byte]) })
}

fn shown(bench: &Bench, ticket: Ticket) -> u8 {
    let Reply::Snapshot(jpeg) = bench.ok(ticket) else { panic!() };
    jpeg[0]
}

#[test]
fn one_still_is_made_for_all_who_ask_within_a_second() {
    let mut bench = live();
    let first: Vec<Ticket> = (0..5).map(|_| bench.ask(Ask::Snapshot)).collect();
    let requests = asked(&mut bench);
    assert_eq!(requests.len(), 1);
    bench.pass(Duration::from_millis(300));
    bench.reply(requests[0], jpeg(1));
    assert!(first.iter().all(|ticket| shown(&bench, *ticket) == 1));
    // Its age counts from when it was asked for.
    bench.pass(Duration::from_millis(600));
    let second = bench.ask(Ask::Snapshot);
    assert_eq!((shown(&bench, second), asked(&mut bench).len()), (1, 0));
    bench.pass(Duration::from_millis(100));
    let third = bench.ask(Ask::Snapshot);
    let requests = asked(&mut bench);
    bench.reply(requests[0], jpeg(2));
    assert_eq!((shown(&bench, third), requests.len()), (2, 1));
}

#[test]
fn only_a_live_cast_can_be_seen_and_an_old_one_never() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    let early = bench.ask(Ask::Snapshot);
    assert_eq!(bench.error(early), &ControlError::CastNotStarted);
    bench.go_live(camera("alice"), &[hls()]);
    bench.commands();
    bench.ask(Ask::Snapshot);
    let requests = asked(&mut bench);
    bench.reply(requests[0], jpeg(1));
    bench.pass(Duration::from_millis(1100));
    let waiting = bench.ask(Ask::Snapshot);
    bench.ask(Ask::StopCast);
    assert_eq!(bench.error(waiting), &ControlError::CastNotStarted);
    bench.wind_down();
    bench.go_live(camera("alice"), &[hls()]);
    bench.commands();
    let fresh = bench.ask(Ask::Snapshot);
    assert!(bench.answer(fresh).is_none(), "the old cast's picture is not shown");
    assert_eq!(asked(&mut bench).len(), 1);
}

#[test]
fn whoever_waits_is_told_when_no_still_will_come() {
    let mut bench = live();
    let waiting = bench.ask(Ask::Snapshot);
    bench.feed(Input::WorkerGone);
    assert_eq!(bench.error(waiting), &ControlError::WorkerUnavailable);
    let meanwhile = bench.ask(Ask::Snapshot);
    assert_eq!(bench.error(meanwhile), &ControlError::WorkerUnavailable);

    let mut bench = live();
    let waiting = bench.ask(Ask::Snapshot);
    let requests = asked(&mut bench);
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.error(waiting), &ControlError::WorkerUnavailable);
    // The late answer is nobody's, not even theirs who ask meanwhile.
    let again = bench.ask(Ask::Snapshot);
    bench.reply(requests[0], jpeg(1));
    assert!(bench.answer(again).is_none());
    let requests = asked(&mut bench);
    bench.reply(requests[0], Err(ReplyError::Internal { detail: String::new() }));
    assert_eq!(bench.error(again), &ControlError::Internal);
}

#[test]
fn a_flood_is_refused() {
    let mut bench = live();
    let tickets: Vec<Ticket> = (0..300).map(|_| bench.ask(Ask::Snapshot)).collect();
    assert_eq!(asked(&mut bench).len(), 1);
    let refused = tickets.iter().filter(|ticket| bench.answer(**ticket).is_some()).count();
    assert_eq!(refused, 300 - 256);
    assert!(matches!(bench.error(tickets[299]), ControlError::Overloaded { .. }));
}
