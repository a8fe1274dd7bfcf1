use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn id(text: &str) -> ParticipantId {
    text.parse().unwrap()
}

fn invite(caller: &str, callee: &str, takes: Option<usize>) -> Invite {
    Invite { caller: id(caller), callee: id(callee), mode: CallMode::P2p, user_data: Value::Null, takes }
}

type Told = (CallState, Option<CloseReason>);

/// What each end has heard: the states of each call, in order.
#[derive(Default)]
struct Heard(BTreeMap<(ParticipantId, CallId), Vec<Told>>);

impl Heard {
    fn drain(&mut self, calls: &mut Calls) {
        while let Some(event) = calls.poll_event() {
            if let CallEvent::State { to, call, state, reason, .. } = event {
                for end in to {
                    self.0.entry((end, call.clone())).or_default().push((state, reason));
                }
            }
        }
    }

    fn of(&self, who: &str, call: &CallId) -> Vec<Told> {
        self.0.get(&(id(who), call.clone())).cloned().unwrap_or_default()
    }
}

#[test]
fn a_call_goes_its_way_and_both_ends_hear_it() {
    let (mut calls, mut heard, now) = (Calls::default(), Heard::default(), Instant::now());
    let call = calls.invite(now, CallId::from("1"), invite("a", "b", Some(1))).unwrap();
    assert!(matches!(calls.poll_event(), Some(CallEvent::Incoming { to, .. }) if to == id("b")));
    assert_eq!(calls.other_end(&call, &id("a")), Err(CallError::NotReady));
    assert_eq!(calls.accept(now, &call, &id("a")), Err(CallError::NotCallee));
    assert_eq!(calls.accept(now, &call, &id("c")), Err(CallError::NotFound));
    calls.accept(now, &call, &id("b")).unwrap();
    assert_eq!(calls.other_end(&call, &id("a")), Ok(&id("b")));
    calls.connected(&call, &id("a")).unwrap();
    assert_eq!(calls.state(&call), CallState::Accepted);
    calls.connected(&call, &id("b")).unwrap();
    calls.tick(now + CONNECT_TIMEOUT * 100);
    calls.close(&call, &id("b")).unwrap();
    heard.drain(&mut calls);
    let all = [
        (CallState::Ringing, None),
        (CallState::Accepted, None),
        (CallState::Connected, None),
        (CallState::Closed, Some(CloseReason::Hangup)),
    ];
    assert_eq!(heard.of("a", &call), all);
    assert_eq!(heard.of("b", &call), all);
    assert_eq!(calls.close(&call, &id("a")), Err(CallError::NotFound));
}

#[test]
fn how_a_call_ends_says_who_ended_it_and_when() {
    let now = Instant::now();
    type Step = fn(&mut Calls, &CallId, Instant);
    let cases: [(Step, CloseReason); 6] = [
        (|calls, call, _| calls.close(call, &id("a")).unwrap(), CloseReason::Canceled),
        (|calls, call, _| calls.close(call, &id("b")).unwrap(), CloseReason::Refused),
        (|calls, call, _| calls.refuse(call, &id("b")).unwrap(), CloseReason::Refused),
        (|calls, _, now| calls.tick(now + RING_TIMEOUT), CloseReason::Timeout),
        (|calls, _, _| calls.lost(&id("a")), CloseReason::Lost),
        (
            |calls, call, now| {
                calls.accept(now, call, &id("b")).unwrap();
                calls.connected(call, &id("b")).unwrap();
                calls.tick(now + CONNECT_TIMEOUT);
            },
            CloseReason::Timeout,
        ),
    ];
    for (step, reason) in cases {
        let (mut calls, mut heard) = (Calls::default(), Heard::default());
        let call = calls.invite(now, CallId::from("1"), invite("a", "b", Some(1))).unwrap();
        step(&mut calls, &call, now);
        heard.drain(&mut calls);
        for end in ["a", "b"] {
            assert_eq!(heard.of(end, &call).last(), Some(&(CallState::Closed, Some(reason))), "{end}");
        }
        assert_eq!(calls.next_deadline(), None);
    }
}

#[test]
fn a_callee_who_is_away_or_busy_ends_the_call_at_once_and_hears_nothing() {
    let (mut calls, mut heard, now) = (Calls::default(), Heard::default(), Instant::now());
    let away = calls.invite(now, CallId::from("1"), invite("a", "b", None)).unwrap();
    calls.invite(now, CallId::from("2"), invite("c", "b", Some(1))).unwrap();
    let busy = calls.invite(now, CallId::from("3"), invite("a", "b", Some(1))).unwrap();
    heard.drain(&mut calls);
    assert_eq!(heard.of("a", &away), [(CallState::Closed, Some(CloseReason::Offline))]);
    assert_eq!(heard.of("a", &busy), [(CallState::Closed, Some(CloseReason::Busy))]);
    assert_eq!(heard.of("b", &away), []);
    assert_eq!(heard.of("b", &busy), []);
}

#[test]
fn a_second_invitation_between_the_same_two_is_the_same_call() {
    let (mut calls, now) = (Calls::default(), Instant::now());
    let first = calls.invite(now, CallId::from("1"), invite("a", "b", Some(1))).unwrap();
    assert_eq!(calls.invite(now, CallId::from("2"), invite("a", "b", Some(1))), Ok(first.clone()));
    assert_eq!(calls.invite(now, CallId::from("3"), invite("b", "a", Some(1))), Ok(first));
    assert_eq!(calls.invite(now, CallId::from("4"), invite("a", "a", Some(1))), Err(CallError::Oneself));
}

#[test]
fn a_mesh_of_five_is_the_largest() {
    let (mut calls, now) = (Calls::default(), Instant::now());
    for (index, other) in ["b", "c", "d", "e"].iter().enumerate() {
        calls.invite(now, CallId::from(index.to_string().as_str()), invite("a", other, Some(4))).unwrap();
    }
    assert_eq!(calls.invite(now, CallId::from("9"), invite("a", "f", Some(4))), Err(CallError::TooMany));
    calls.lost(&id("a"));
    assert_eq!(calls.next_deadline(), None);
}

/// What may happen, in any order.
#[derive(Debug, Clone)]
enum Step {
    Invite { caller: usize, callee: usize, takes: Option<usize> },
    Accept { call: usize, who: usize },
    Refuse { call: usize, who: usize },
    Close { call: usize, who: usize },
    Connected { call: usize, who: usize },
    Lost { who: usize },
    Wait { s: u64 },
}

const PEOPLE: [&str; 4] = ["a", "b", "c", "d"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..PEOPLE.len();
    let call = 0..8usize;
    let step = prop_oneof![
        4 => (who.clone(), who.clone(), proptest::option::weighted(0.9, 0..5usize))
            .prop_map(|(caller, callee, takes)| Step::Invite { caller, callee, takes }),
        3 => (call.clone(), who.clone()).prop_map(|(call, who)| Step::Accept { call, who }),
        1 => (call.clone(), who.clone()).prop_map(|(call, who)| Step::Refuse { call, who }),
        1 => (call.clone(), who.clone()).prop_map(|(call, who)| Step::Close { call, who }),
        4 => (call, who.clone()).prop_map(|(call, who)| Step::Connected { call, who }),
        1 => who.prop_map(|who| Step::Lost { who }),
        1 => (0..40u64).prop_map(|s| Step::Wait { s }),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn both_ends_hear_the_same_states_in_the_same_order(steps in steps()) {
        let (mut calls, mut heard, mut now) = (Calls::default(), Heard::default(), Instant::now());
        let mut ids = Vec::new();
        let person = |who: usize| id(PEOPLE[who]);
        for step in steps {
            let call = |index: usize| ids.get(index).cloned().unwrap_or_else(|| CallId::from("none"));
            match step {
                Step::Invite { caller, callee, takes } => {
                    let fresh = CallId::from(ids.len().to_string().as_str());
                    let invite = invite(PEOPLE[caller], PEOPLE[callee], takes);
                    if let Ok(made) = calls.invite(now, fresh.clone(), invite) && made == fresh {
                        ids.push(made);
                    }
                }
                Step::Accept { call: index, who } => drop(calls.accept(now, &call(index), &person(who))),
                Step::Refuse { call: index, who } => drop(calls.refuse(&call(index), &person(who))),
                Step::Close { call: index, who } => drop(calls.close(&call(index), &person(who))),
                Step::Connected { call: index, who } => drop(calls.connected(&call(index), &person(who))),
                Step::Lost { who } => calls.lost(&person(who)),
                Step::Wait { s } => now += Duration::from_secs(s),
            }
            calls.tick(now);
            prop_assert!(PEOPLE.iter().all(|who| calls.of(&id(who)) <= MAX_CALLS));
            prop_assert!(calls.next_deadline().is_none_or(|at| at > now));
        }
        // Everybody goes: whatever happened, nothing is left.
        PEOPLE.iter().for_each(|who| calls.lost(&id(who)));
        heard.drain(&mut calls);
        prop_assert_eq!(calls.next_deadline(), None);
        for call in &ids {
            let ends: Vec<_> = heard.0.iter().filter(|((_, id), _)| id == call).map(|(_, told)| told).collect();
            prop_assert!(matches!(ends.len(), 1 | 2), "{:?}", ends);
            prop_assert!(ends.windows(2).all(|pair| pair[0] == pair[1]));
            let told = ends[0];
            // Forward only, and closed once, at the end.
            prop_assert!(told.windows(2).all(|pair| (pair[0].0 as u8) < pair[1].0 as u8), "{:?}", told);
            prop_assert_eq!(told.last().map(|last| last.0), Some(CallState::Closed));
            prop_assert_eq!(told.iter().filter(|one| one.1.is_some()).count(), 1);
        }
    }
}
