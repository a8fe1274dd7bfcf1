//! The rules one by one, and then all of them under whatever happens.

use super::*;
use crate::control::{
    events::{kind::EventKind, news::News},
    http::wire::event,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const LIMITS: DeliveryLimits = DeliveryLimits {
    queue: 5,
    concurrency: 2,
    give_up: Duration::from_secs(100),
    backoff_min: Duration::from_secs(1),
    backoff_max: Duration::from_secs(30),
};

/// A state on the bench; keeps the time.
struct Bench {
    state: DeliveryState,
    now: Instant,
    sequences: BTreeMap<String, u64>,
}

impl Bench {
    fn new() -> Self {
        Self { state: DeliveryState::new(LIMITS), now: Instant::now(), sequences: BTreeMap::new() }
    }

    fn event(&mut self, conference: &str) -> Arc<Event> {
        let sequence = self.sequences.entry(conference.to_owned()).or_default();
        *sequence += 1;
        let news = News::WorkerRestarted { restarts: 1 };
        let event = Arc::new(event::write(&conference.parse().unwrap(), *sequence, &news, ""));
        self.state.handle(Input::Event(event.clone()), self.now);
        event
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.state.handle(Input::Tick, self.now);
    }

    fn answer(&mut self, attempt: AttemptId, outcome: Outcome) -> Verdict {
        self.state.handle(Input::Answered { attempt, outcome, roll: 1.0 }, self.now);
        let settled = self.state.out.iter().position(|output| matches!(output, Output::Settled { .. }));
        match settled.and_then(|at| self.state.out.remove(at)) {
            Some(Output::Settled { attempt: of, verdict }) if of == attempt => verdict,
            other => panic!("{other:?}"),
        }
    }

    fn sendings(&mut self) -> Vec<Sending> {
        let mut sendings = Vec::new();
        while let Some(output) = self.state.poll_output() {
            match output {
                Output::Send(sending) => sendings.push(sending),
                other => panic!("{other:?}"),
            }
        }
        sendings
    }

    /// What is sent now: conference, sequence, number of the attempt.
    fn sent(&mut self) -> Vec<(Sending, String)> {
        let text = |one: &Sending| format!("{}{} #{}", one.event.conference, one.event.sequence, one.number);
        self.sendings().into_iter().map(|one| (one.clone(), text(&one))).collect()
    }
}

const FAILED: Outcome = Outcome::Failed { retry_after: None };

#[test]
fn a_conferences_events_go_one_after_the_other_and_others_do_not_wait_for_them() {
    let mut bench = Bench::new();
    for conference in ["a", "a", "b", "c"] {
        bench.event(conference);
    }
    let first = bench.sent();
    assert_eq!([&*first[0].1, &*first[1].1], ["a1 #1", "b1 #1"], "two at once");
    assert_eq!(bench.answer(first[0].0.attempt, FAILED), Verdict::Retry { after: Duration::from_secs(1) });
    let third = bench.sent();
    assert_eq!(third[0].1, "c1 #1", "a waits, its second event too");
    bench.answer(third[0].0.attempt, Outcome::Delivered);
    bench.pass(Duration::from_millis(999));
    assert_eq!(bench.sent(), []);
    assert_eq!(bench.state.next_deadline(), Some(bench.now + Duration::from_millis(1)));
    bench.pass(Duration::from_millis(1));
    let again = bench.sent();
    assert_eq!(again[0].1, "a1 #2");
    assert_eq!(again[0].0.event.id, first[0].0.event.id, "the id is the same");
    bench.answer(again[0].0.attempt, Outcome::Delivered);
    assert_eq!(bench.sent()[0].1, "a2 #1");
}

#[test]
fn pauses_double_up_to_their_longest_and_are_as_long_as_the_receiver_asks() {
    let pauses = |roll: f64| {
        let pauses = (1..=7).map(|failures| pause(&LIMITS, failures, None, roll).as_millis());
        pauses.collect::<Vec<_>>()
    };
    assert_eq!(pauses(1.0), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    assert_eq!(pauses(0.0), [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    assert_eq!(pause(&LIMITS, u32::MAX, None, 1.0).as_secs(), 30);
    let asked = |s| pause(&LIMITS, 1, Some(Duration::from_secs(s)), 1.0).as_secs();
    assert_eq!([asked(0), asked(7), asked(u64::MAX)], [1, 7, 30]);
}

#[test]
fn an_old_event_is_given_up_and_the_next_gets_its_attempt_after_the_pause() {
    let mut bench = Bench::new();
    bench.event("a");
    bench.event("a");
    let first = bench.sent();
    bench.pass(LIMITS.give_up);
    assert_eq!(bench.answer(first[0].0.attempt, FAILED), Verdict::GivenUp);
    assert_eq!(bench.sent(), []);
    bench.pass(Duration::from_secs(1));
    let second = bench.sent();
    assert_eq!(second[0].1, "a2 #1");
    bench.answer(second[0].0.attempt, FAILED);
    let counters = bench.state.counters();
    assert_eq!((counters.given_up, counters.queued, counters.failed_attempts), (2, 0, 2));
    assert!(bench.state.is_idle());
}

#[test]
fn what_the_queue_cannot_take_is_told_in_its_place() {
    let mut bench = Bench::new();
    (0..5).for_each(|_| drop(bench.event("a")));
    let first = bench.sent();
    let lost = [bench.event("a"), bench.event("a")];
    bench.event("b");
    bench.answer(first[0].0.attempt, Outcome::Delivered);
    // There is room for one more, behind the gap.
    bench.event("a");
    let mut seen = Vec::new();
    loop {
        let sent = bench.sent();
        if sent.is_empty() {
            break;
        }
        for (sending, text) in sent {
            bench.answer(sending.attempt, Outcome::Delivered);
            seen.push((sending.event, text));
        }
    }
    let of_a: Vec<_> =
        seen.iter().filter(|(_, text)| text.starts_with('a')).map(|(_, text)| &**text).collect();
    assert_eq!(of_a, ["a2 #1", "a3 #1", "a4 #1", "a5 #1", "a7 #1", "a8 #1"]);
    let gap = &seen.iter().find(|(_, text)| text == "a7 #1").unwrap().0;
    assert_eq!((gap.kind, &gap.id), (EventKind::EventsLost, &lost[0].id));
    let body: serde_json::Value = serde_json::from_slice(&gap.body).unwrap();
    assert_eq!(body["data"], serde_json::json!({"count": 2, "first_sequence": 6, "last_sequence": 7}));
    let gap_of_b = &seen.iter().find(|(_, text)| text == "b1 #1").unwrap().0;
    assert_eq!(gap_of_b.kind, EventKind::EventsLost);
    assert_eq!(bench.state.counters().lost, 3);
}

#[test]
fn an_endpoint_that_is_gone_gets_nothing_until_it_is_enabled() {
    let mut bench = Bench::new();
    for conference in ["a", "a", "b", "c"] {
        bench.event(conference);
    }
    let sent = bench.sent();
    assert_eq!(bench.answer(sent[0].0.attempt, Outcome::Gone), Verdict::Disabled);
    bench.event("d");
    assert_eq!(bench.sent(), []);
    assert_eq!(bench.answer(sent[1].0.attempt, Outcome::Delivered), Verdict::Delivered, "it was on its way");
    let counters = bench.state.counters();
    assert_eq!((counters.disabled, counters.queued, counters.lost, counters.delivered), (true, 0, 5, 0));
    assert!(bench.state.is_idle());
    bench.state.handle(Input::Enable, bench.now);
    bench.event("b");
    assert_eq!(bench.sent()[0].1, "b2 #1");
}

#[test]
fn a_late_answer_from_before_does_not_touch_the_lane_of_after() {
    let mut bench = Bench::new();
    bench.event("a");
    bench.event("b");
    let sent = bench.sent();
    bench.answer(sent[1].0.attempt, Outcome::Gone);
    bench.state.handle(Input::Enable, bench.now);
    bench.event("a");
    let fresh = bench.sent();
    assert_eq!(fresh[0].1, "a2 #1");
    bench.answer(sent[0].0.attempt, Outcome::Delivered);
    assert_eq!(bench.state.counters().queued, 1, "the new one is still on its way");
    bench.answer(fresh[0].0.attempt, Outcome::Delivered);
    assert!(bench.state.is_idle());
}

#[test]
fn in_a_drain_each_lane_gets_one_chance() {
    let mut bench = Bench::new();
    for conference in ["a", "a", "b", "b"] {
        bench.event(conference);
    }
    for (sending, _) in bench.sent() {
        bench.answer(sending.attempt, FAILED);
    }
    bench.state.handle(Input::Drain, bench.now);
    let sent = bench.sent();
    assert_eq!([&*sent[0].1, &*sent[1].1], ["a1 #2", "b1 #2"], "nobody waits");
    assert_eq!(bench.answer(sent[0].0.attempt, FAILED), Verdict::GivenUp);
    bench.answer(sent[1].0.attempt, Outcome::Delivered);
    let last = bench.sent();
    assert_eq!(last[0].1, "b2 #1");
    assert_eq!(bench.state.undelivered(), 3);
    bench.answer(last[0].0.attempt, Outcome::Delivered);
    assert!(bench.state.is_idle());
    assert_eq!(bench.state.undelivered(), 2, "a1 was given up, a2 lost");
}

#[derive(Debug, Clone)]
enum Op {
    Event(u8),
    Answer(usize, u8, u8),
    Pass(u64),
    Enable,
    Drain,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..4u8).prop_map(Op::Event),
        6 => (any::<usize>(), 0..20u8, any::<u8>()).prop_map(|(which, outcome, roll)| Op::Answer(which, outcome, roll)),
        3 => (0..60_000u64).prop_map(Op::Pass),
        1 => Just(Op::Enable),
        1 => Just(Op::Drain),
    ];
    prop::collection::vec(op, 0..300)
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold(ops in ops()) {
        let mut bench = Bench::new();
        let mut flying: Vec<Sending> = Vec::new();
        // Per conference: the last sequence that was sent, and whether it was delivered.
        let mut last: BTreeMap<ConferenceId, (u64, bool)> = BTreeMap::new();
        let mut events = 0_u64;
        // To the end: everything is answered.
        let end = std::iter::repeat_n([Op::Answer(0, 0, 0), Op::Pass(60_000)], 40).flatten();
        for op in ops.into_iter().chain(end) {
            match op {
                Op::Event(conference) => {
                    bench.event(&format!("c{conference}"));
                    events += 1;
                }
                Op::Answer(..) if flying.is_empty() => {}
                Op::Answer(which, outcome, roll) => {
                    let sending = flying.swap_remove(which % flying.len());
                    let outcome = match outcome {
                        0..=9 => Outcome::Delivered,
                        10..=18 => Outcome::Failed { retry_after: (roll % 4 == 0).then(|| Duration::from_secs(roll.into())) },
                        _ => Outcome::Gone,
                    };
                    bench.state.handle(
                        Input::Answered { attempt: sending.attempt, outcome, roll: f64::from(roll) / 255.0 },
                        bench.now,
                    );
                    if outcome == Outcome::Delivered {
                        let seen = last.get_mut(&sending.event.conference).unwrap();
                        if seen.0 == sending.event.sequence {
                            seen.1 = true;
                        }
                    }
                }
                Op::Pass(ms) => bench.pass(Duration::from_millis(ms)),
                Op::Enable => bench.state.handle(Input::Enable, bench.now),
                Op::Drain => bench.state.handle(Input::Drain, bench.now),
            }
            while let Some(output) = bench.state.poll_output() {
                let Output::Send(sending) = output else { continue };
                let sequence = sending.event.sequence;
                let before = last.insert(sending.event.conference.clone(), (sequence, false));
                if let Some((before, delivered)) = before {
                    prop_assert!(before < sequence || (before == sequence && !delivered), "{sending:?} after {before}");
                    prop_assert!((sending.number > 1) == (before == sequence), "{sending:?}");
                }
                flying.push(sending);
            }
            // Those that the endpoint's 410 forgot may still be on their way beside new ones.
            let owned: Vec<_> = bench.state.in_flight.values().flatten().collect();
            let distinct: BTreeSet<_> = owned.iter().collect();
            prop_assert_eq!(owned.len(), distinct.len(), "one attempt of a conference at once");
            prop_assert!(bench.state.in_flight.len() <= LIMITS.concurrency);
            prop_assert_eq!(bench.state.in_flight.len(), flying.len());
            let items: usize = bench.state.lanes.values().map(|lane| lane.items.len()).sum();
            prop_assert!(items <= 2 * LIMITS.queue, "{items} items");
            prop_assert_eq!(items, bench.state.counters().queued + bench.state.gaps);
            prop_assert!(bench.state.gaps <= LIMITS.queue);
            prop_assert!(bench.state.due.len() + bench.state.waiting.len() <= bench.state.lanes.len());
        }
        prop_assert!(bench.state.is_idle(), "{:?}", bench.state);
        let counters = bench.state.counters();
        prop_assert_eq!(counters.queued, 0);
        prop_assert_eq!(counters.delivered + counters.given_up + counters.lost, events, "each is counted once");
    }
}
