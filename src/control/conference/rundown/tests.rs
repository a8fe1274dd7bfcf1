use super::*;
use crate::control::{
    cast::{Source, Transition},
    conference::state::Now,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const ZERO_MS: u64 = 1000;

fn clock(ms: u64, live: bool) -> Clock {
    let wall = Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_millis(ms as i64);
    let now = Now { at: Instant::now(), wall, media: MediaTime::from_millis(ms) };
    Clock { now, zero: live.then(|| MediaTime::from_millis(ZERO_MS)) }
}

fn live(ms: u64) -> Clock {
    clock(ms, true)
}

fn cue(id: &str, when: CueTime) -> Cue {
    Cue {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        source: Source::Slate,
        audio: None,
        transition: Transition::Cut,
        when,
    }
}

/// At that time of the program, in media time.
fn program(media_ms: u64) -> CueTime {
    CueTime::At(SwitchTime::Program(MediaTime::from_millis(media_ms - ZERO_MS)))
}

/// At that time of the clock, in media time.
fn wall(media_ms: u64) -> CueTime {
    CueTime::At(SwitchTime::Wall(clock(media_ms, false).now.wall))
}

fn after(ms: u64) -> CueTime {
    CueTime::After(Duration::from_millis(ms))
}

fn rundown(times: &[CueTime]) -> Rundown {
    let cues = times.iter().enumerate().map(|(n, when)| cue(&format!("c{n}"), *when)).collect();
    let mut rundown = Rundown::default();
    rundown.put(cues, clock(0, false)).unwrap();
    rundown
}

fn states(rundown: &Rundown) -> String {
    let letter = |state: CueState| match state {
        CueState::Waiting => 'w',
        CueState::Next => 'n',
        CueState::On => 'O',
        CueState::Done => 'd',
        CueState::Failed => 'f',
        CueState::Skipped => 's',
    };
    rundown.cues(clock(0, false)).iter().map(|cue| letter(cue.state)).collect()
}

fn key(rundown: &Rundown, id: &str) -> CueKey {
    rundown.find(&id.parse().unwrap()).unwrap()
}

/// It is told when it is due, and is on exactly then.
fn run(rundown: &mut Rundown, ms: u64) {
    let due = rundown.due(live(ms)).unwrap();
    assert_eq!(due.at.as_millis(), ms, "{}", states(rundown));
    rundown.told(due.key);
    rundown.on(due.key, due.at, due.at, live(ms));
}

#[test]
fn a_list_runs_through_by_its_times_and_by_hand() {
    let mut list = rundown(&[program(5000), after(310), CueTime::Manual, after(0), wall(9000)]);
    assert_eq!(states(&list), "nwwww");
    list.cast_begins(live(3000));
    run(&mut list, 5000);
    assert_eq!(states(&list), "Onwww");
    run(&mut list, 5310);
    assert_eq!(list.due(live(5310)).unwrap().at.as_millis(), 9000, "the third is for hands");
    let third = list.next().unwrap();
    list.take(third);
    assert_eq!(states(&list), "dOnww");
    list.on(third, MediaTime::from_millis(7000), MediaTime::ZERO, live(7000));
    run(&mut list, 7000);
    run(&mut list, 9000);
    assert_eq!(states(&list), "ddddO");
    assert_eq!((list.next(), list.due(live(9000))), (None, None));
    list.cast_over();
    assert_eq!(states(&list), "ddddd");
}

#[test]
fn what_was_not_taken_by_the_time_of_a_later_one_is_skipped() {
    let mut list = rundown(&[CueTime::Manual, after(100), program(5000), CueTime::Manual]);
    list.cast_begins(live(2000));
    run(&mut list, 5000);
    assert_eq!(states(&list), "ssOn");
}

#[test]
fn one_that_fails_leaves_what_is_on_and_the_next_has_its_turn() {
    let mut list = rundown(&[program(5000), after(300), after(300), CueTime::Manual]);
    list.cast_begins(live(2000));
    run(&mut list, 5000);
    let due = list.due(live(5300)).unwrap();
    list.fail(due.key, &ControlError::NoNextCue, due.at);
    assert_eq!(states(&list), "Ofnw");
    let failed = &list.cues(live(5300))[1];
    assert_eq!(failed.error.as_ref().unwrap().code, "no_next_cue");
    run(&mut list, 5600);
    assert_eq!(states(&list), "dfOn");
}

#[test]
fn times_that_are_over_when_a_cast_begins_are_skipped_with_what_hangs_on_them() {
    let times = [wall(1000), after(500), after(60_000), program(2000), CueTime::Manual];
    let mut list = rundown(&times);
    list.expire(clock(1200, false));
    assert_eq!(states(&list), "snwww");
    list.cast_begins(live(4000));
    assert_eq!(states(&list), "ssnsw", "the third is a minute after the second");
    assert_eq!(list.due(live(4000)).unwrap().at.as_millis(), 61_500);
    list.cast_over();
    assert_eq!(states(&list), "ssssn", "it hung on the cast's");
}

#[test]
fn times_of_the_clock_outlive_a_cast_and_those_of_the_program_do_not() {
    let mut list = rundown(&[program(5000), program(6000), after(100), wall(60_000), after(100)]);
    list.cast_begins(live(2000));
    run(&mut list, 5000);
    let due = list.due(live(5500)).unwrap();
    list.told(due.key);
    list.cast_over();
    assert_eq!(states(&list), "dssnw");
    // A server that was killed in the middle is the same.
    let stored = list.cues(clock(0, false)).into_iter().map(|cue| StoredState {
        state: if cue.cue.id.as_str() == "c1" { CueState::Next } else { cue.state },
        cue: cue.cue,
        program_pts: cue.program_pts,
        error: cue.error,
    });
    let stored: Vec<_> = stored.collect();
    assert_eq!(states(&Rundown::restored(true, stored.clone())), "dssnw");
    assert_eq!(states(&Rundown::restored(false, stored)), "dnsww");
}

#[test]
fn going_back_lets_those_after_it_run_again() {
    let mut list = rundown(&[CueTime::Manual, after(100), program(5000), CueTime::Manual]);
    list.cast_begins(live(2000));
    let first = key(&list, "c0");
    list.take(first);
    list.on(first, MediaTime::from_millis(3000), MediaTime::ZERO, live(3000));
    run(&mut list, 3100);
    run(&mut list, 5000);
    assert_eq!(states(&list), "ddOn");
    list.take(first);
    list.on(first, MediaTime::from_millis(8000), MediaTime::ZERO, live(8000));
    assert_eq!(states(&list), "Ondw", "the third's time is over");
    run(&mut list, 8100);
    assert_eq!(states(&list), "dOdn");
    // Forward: those between are skipped.
    let list_of_four = [CueTime::Manual; 4];
    let mut list = rundown(&list_of_four);
    list.cast_begins(live(2000));
    let last = key(&list, "c3");
    list.take(last);
    list.on(last, MediaTime::from_millis(3000), MediaTime::ZERO, live(3000));
    assert_eq!(states(&list), "sssO");
}

#[test]
fn one_whose_place_was_taken_waits_again_but_not_for_ever() {
    let mut list = rundown(&[program(5000)]);
    list.cast_begins(live(2000));
    for _ in 0..MAX_TRIES {
        let due = list.due(live(4000)).unwrap();
        list.told(due.key);
        assert_eq!(list.due(live(4000)), None);
        // The worker was lost: that does not count.
        list.untold(due.key, None, MediaTime::ZERO);
        list.told(due.key);
        list.untold(due.key, Some(&ControlError::SwitchSuperseded), MediaTime::ZERO);
    }
    assert_eq!(states(&list), "f");
}

#[test]
fn times_in_no_order_are_named() {
    let put = |clock: Clock, times: &[CueTime]| {
        let cues = times.iter().enumerate().map(|(n, when)| cue(&format!("c{n}"), *when)).collect();
        let error = Rundown::default().put(cues, clock).err();
        error.map(|error| error.field().unwrap().to_owned())
    };
    let manual = CueTime::Manual;
    let off = clock(3000, false);
    assert_eq!(put(off, &[program(5000), manual, program(4999)]).as_deref(), Some("cues[2].at_pts_ms"));
    assert_eq!(put(off, &[wall(5000), wall(4999)]).as_deref(), Some("cues[1].at"));
    assert_eq!(put(off, &[wall(5000), program(4000), wall(5000)]), None, "nobody knows yet");
    assert_eq!(put(off, &[wall(1), program(1500)]), None, "they will be skipped");
    assert_eq!(put(live(3000), &[wall(5000), manual, program(4000)]).as_deref(), Some("cues[2].at_pts_ms"));
    assert_eq!(put(live(3000), &[manual, program(2999)]).as_deref(), Some("cues[1].at_pts_ms"));
    assert_eq!(put(live(3000), &[wall(2999)]).as_deref(), Some("cues[0].at"));
    assert_eq!(put(live(3000), &[wall(3000), program(3000), program(90_000)]), None);
}

#[test]
fn what_stands_in_both_lists_keeps_what_has_become_of_it() {
    let mut list = rundown(&[program(5000), after(300), CueTime::Manual]);
    list.cast_begins(live(2000));
    run(&mut list, 5000);
    let cues = |times: &[(&str, CueTime)]| times.iter().map(|(id, when)| cue(id, *when)).collect::<Vec<_>>();
    let second = list.next().unwrap();
    list.told(second);
    let longer = [("c0", program(5000)), ("c1", after(300)), ("new", after(100)), ("c2", CueTime::Manual)];
    list.put(cues(&longer), live(5100)).unwrap();
    assert_eq!(states(&list), "Onww");
    assert_eq!(list.next(), Some(second), "it is the same one");
    // Another time is another cue, and may not have passed.
    let changed = cues(&[("c0", program(5001)), ("c1", after(300))]);
    assert_eq!(list.put(changed, live(5100)).unwrap_err().field(), Some("cues[0].at_pts_ms"));
    list.put(cues(&[("c0", program(5001 + 1000))]), live(5100)).unwrap();
    assert_eq!(states(&list), "n");
}

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Next,
    Reply(u8),
    Go(usize),
}

fn time() -> impl Strategy<Value = (u8, u64)> {
    (0..4_u8, 0..5000_u64)
}

proptest! {
    /// Against a worker that takes, refuses or forgets: each is taken once at most (unless somebody jumps) and in the list's
    /// order, and when all times are over only hands are waited for.
    #[test]
    fn none_is_taken_twice_and_the_order_is_kept(
        times in prop::collection::vec(time(), 1..12),
        steps in prop::collection::vec(prop_oneof![
            4 => (0..3000_u64).prop_map(Step::Pass),
            2 => Just(Step::Next),
            6 => any::<u8>().prop_map(Step::Reply),
            1 => (0..12_usize).prop_map(Step::Go),
        ], 1..60),
        jumps in any::<bool>(),
    ) {
        let (mut of_program, mut of_wall) = (2000, 2000);
        let times: Vec<CueTime> = times.into_iter().map(|(kind, ms)| match kind {
            0 => CueTime::Manual,
            1 => { of_program += ms; program(of_program) }
            2 => { of_wall += ms; wall(of_wall) }
            _ => after(ms),
        }).collect();
        let mut list = rundown(&times);
        let mut now = 2000;
        list.cast_begins(live(now));
        let mut taken: Vec<CueKey> = Vec::new();
        // What the worker was told, and whether by hand: a newer one takes its place.
        let mut told: Option<(CueKey, bool)> = None;
        for step in steps {
            let at = MediaTime::from_millis(now);
            let by_hand = match step {
                Step::Pass(ms) => {
                    now += ms;
                    let due = list.due(live(now)).filter(|due| due.at.as_millis() <= now);
                    if let Some(due) = due.filter(|_| told.is_none()) {
                        list.told(due.key);
                        told = Some((due.key, false));
                    }
                    None
                }
                Step::Next => list.next(),
                Step::Go(index) if jumps => list.find(&format!("c{index}").parse().unwrap()),
                Step::Go(_) => None,
                Step::Reply(how) => {
                    match (told.take(), how % 5) {
                        (Some((key, by_hand)), 0) => list.failed(key, by_hand, &ControlError::NoNextCue, at),
                        (Some((key, false)), 1) => list.untold(key, None, at),
                        (Some((key, _)), _) => {
                            list.on(key, at, at, live(now));
                            taken.push(key);
                        }
                        (None, _) => {}
                    }
                    None
                }
            };
            if let Some(key) = by_hand {
                match told.replace((key, true)) {
                    Some((former, true)) => list.failed(former, true, &ControlError::SwitchSuperseded, at),
                    Some((former, false)) => list.untold(former, None, at),
                    None => {}
                }
                list.take(key);
            }
        }
        if !jumps {
            prop_assert!(taken.is_sorted_by(|a, b| a < b), "taken twice, or in another order: {taken:?}");
        }
        // Whatever is left: time alone ends it, but for hands.
        if let Some((key, by_hand)) = told {
            list.failed(key, by_hand, &ControlError::NoNextCue, MediaTime::from_millis(now));
        }
        let mut last = None;
        for _ in 0..times.len() + 1 {
            now += 100_000;
            let Some(due) = list.due(live(now)) else { break };
            prop_assert!(due.at.as_millis() <= now, "due far ahead: {:?}", due);
            list.told(due.key);
            list.on(due.key, MediaTime::from_millis(now), MediaTime::ZERO, live(now));
            prop_assert!(last.is_none_or(|last| last < due.key), "out of order");
            last = Some(due.key);
        }
        prop_assert_eq!(list.due(live(now)), None);
        for cue in list.cues(live(now)) {
            let waits = matches!(cue.state, CueState::Waiting | CueState::Next);
            prop_assert!(!waits || !matches!(cue.cue.when, CueTime::At(_)), "{:?} waits for ever", cue);
        }
    }
}
