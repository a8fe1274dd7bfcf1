//! A run-down on a live cast: told to the worker in time, taken by hand, and what is in its way.

use super::{super::*, bench::*};
use crate::{
    control::{
        cast::{AudioChoice, Cue, CueState, CueTime, Source, Switch, SwitchTime, Transition},
        conference::scene,
    },
    ids::RequestId,
    ipc::{ProgramMode, ReplyError, ReplyOk},
};

fn program(ms: u64) -> CueTime {
    CueTime::At(SwitchTime::Program(MediaTime::from_millis(ms)))
}

fn after(ms: u64) -> CueTime {
    CueTime::After(Duration::from_millis(ms))
}

fn live() -> Bench {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    // The cast's zero is one second after the conference's epoch, and now.
    bench.go_live(camera("alice"), &[hls()]);
    bench.effects();
    bench.news();
    bench
}

const ZERO_MS: u64 = 1000;

fn at(bench: &Bench) -> u64 {
    bench.now.media.as_millis() - ZERO_MS
}

/// A list of cues of bob and alice in turn.
fn put(bench: &mut Bench, times: &[CueTime]) {
    let one = |(n, when): (usize, &CueTime)| cue(&format!("c{n}"), camera(["bob", "alice"][n % 2]), *when);
    put_list(bench, times.iter().enumerate().map(one).collect());
}

#[track_caller]
fn put_list(bench: &mut Bench, cues: Vec<Cue>) {
    let ticket = bench.ask(Ask::PutCues(cues));
    bench.ok(ticket);
}

/// What the worker was told: requests and their program times, where they have one.
fn told(bench: &mut Bench) -> Vec<(RequestId, Option<u64>)> {
    let time = |command| match command {
        WorkerCommand::Compose { request, at, .. } => Some((request, at.map(|at| at.as_millis() - ZERO_MS))),
        _ => None,
    };
    bench.commands().into_iter().filter_map(time).collect()
}

fn taken(bench: &mut Bench, request: RequestId, program_ms: u64) {
    let pts = MediaTime::from_millis(ZERO_MS + program_ms);
    bench.reply(request, Ok(ReplyOk::Composed { pts, took_ms: 3 }));
}

fn cues(bench: &mut Bench) -> Vec<(CueState, Option<String>)> {
    let ticket = bench.ask(Ask::Cues);
    let Reply::Rundown(view) = bench.ok(ticket) else { panic!("a run-down") };
    view.cues.iter().map(|cue| (cue.state, cue.error.as_ref().map(|error| error.code.clone()))).collect()
}

fn states(bench: &mut Bench) -> Vec<CueState> {
    cues(bench).into_iter().map(|(state, _)| state).collect()
}

fn pass(bench: &mut Bench, ms: u64) {
    bench.pass(Duration::from_millis(ms));
}

fn switch(who: &str) -> Ask {
    Ask::Switch(Switch { source: camera(who), audio: None, transition: Transition::Cut, at: None })
}

#[test]
fn a_list_is_told_in_time_and_runs_by_what_was_really_on() {
    use CueState::*;
    let mut bench = live();
    put(&mut bench, &[program(5000), after(310), after(310), CueTime::Manual]);
    assert_eq!(told(&mut bench), []);
    pass(&mut bench, 3499);
    assert_eq!(told(&mut bench), []);
    pass(&mut bench, 1);
    let [(request, Some(5000))] = told(&mut bench)[..] else { panic!("one") };
    pass(&mut bench, 1510);
    assert_eq!(told(&mut bench), []);
    taken(&mut bench, request, 5033);
    let [(request, Some(5343))] = told(&mut bench)[..] else { panic!("the next, after the frame that was") };
    assert_eq!(states(&mut bench), [On, Next, Waiting, Waiting]);
    pass(&mut bench, 320);
    taken(&mut bench, request, 5366);
    let [(request, Some(5676))] = told(&mut bench)[..] else { panic!("and the next") };
    taken(&mut bench, request, 5700);
    pass(&mut bench, 60_000);
    assert_eq!(told(&mut bench), []);
    let ticket = bench.ask(Ask::NextCue);
    let [(request, None)] = told(&mut bench)[..] else { panic!("at once") };
    taken(&mut bench, request, 66_000);
    let Reply::Switched(result) = bench.ok(ticket) else { panic!("as a switch") };
    assert_eq!((result.program_pts.as_millis(), &result.source), (66_000, &camera("alice")));
    assert_eq!(states(&mut bench), [Done, Done, Done, On]);
    let ticket = bench.ask(Ask::NextCue);
    assert_eq!(bench.error(ticket), &ControlError::NoNextCue);
    // Outside it was told as it happened.
    let told: Vec<_> = bench
        .news()
        .into_iter()
        .filter_map(|news| match news {
            News::CastCue(view) => Some(format!("{} {}", view.cue.id, view.state.name())),
            _ => None,
        })
        .collect();
    let expected = "c0 next,c0 on,c1 next,c0 done,c1 on,c2 next,c1 done,c2 on,c3 next,c2 done,c3 on";
    assert_eq!(told.join(","), expected);
}

#[test]
fn one_that_cannot_be_shown_fails_and_the_rest_runs() {
    use CueState::*;
    let mut bench = live();
    let absent = cue("c1", camera("carol"), program(5310));
    put_list(
        &mut bench,
        vec![cue("c0", camera("bob"), program(5000)), absent, cue("c2", camera("alice"), program(5620))],
    );
    pass(&mut bench, 3500);
    let [(request, Some(5000))] = told(&mut bench)[..] else { panic!("the first") };
    pass(&mut bench, 1500);
    taken(&mut bench, request, 5000);
    assert_eq!(told(&mut bench), [], "she may still come");
    assert_eq!(states(&mut bench), [On, Next, Waiting]);
    pass(&mut bench, 310);
    let [(request, Some(5620))] = told(&mut bench)[..] else { panic!("the third") };
    let failed = (Failed, Some("participant_not_found".to_owned()));
    assert_eq!(cues(&mut bench)[1], failed);
    taken(&mut bench, request, 5633);
    assert_eq!(states(&mut bench), [Done, Failed, On]);
    // By hand it can be tried again.
    pass(&mut bench, 1000);
    bench.publish("carol", "camera");
    let ticket = bench.ask(Ask::GoCue("c1".parse().unwrap()));
    let [(request, None)] = told(&mut bench)[..] else { panic!("at once") };
    taken(&mut bench, request, 7000);
    bench.ok(ticket);
    assert_eq!(states(&mut bench), [Done, On, Done], "the third's time is over");
}

#[test]
fn one_that_is_not_ready_gives_way_when_the_next_ones_time_has_come() {
    use CueState::*;
    let mut bench = live();
    put(&mut bench, &[program(5000), program(5310), program(9000)]);
    pass(&mut bench, 3500);
    let [(stuck, Some(5000))] = told(&mut bench)[..] else { panic!("the first") };
    pass(&mut bench, 1809);
    assert_eq!(told(&mut bench), []);
    pass(&mut bench, 1);
    let [(request, Some(5310))] = told(&mut bench)[..] else { panic!("the second") };
    bench.reply(stuck, Err(ReplyError::Superseded));
    taken(&mut bench, request, 5333);
    assert_eq!(cues(&mut bench)[0], (Failed, Some("media_not_ready".to_owned())));
    assert_eq!(states(&mut bench), [Failed, On, Next]);
    // The last one has no other behind it: it has the time that a switch has.
    pass(&mut bench, 3000);
    let [(request, Some(9000))] = told(&mut bench)[..] else { panic!("the third") };
    bench.reply(request, Err(ReplyError::Timeout));
    assert_eq!(cues(&mut bench)[2], (Failed, Some("switch_timeout".to_owned())));
}

#[test]
fn a_switch_by_hand_changes_nothing_in_the_list() {
    use CueState::*;
    let mut bench = live();
    put(&mut bench, &[program(5000), program(8000)]);
    pass(&mut bench, 4000);
    let [(waiting, Some(5000))] = told(&mut bench)[..] else { panic!("the first") };
    let ticket = bench.ask(switch("bob"));
    let [(by_hand, None)] = told(&mut bench)[..] else { panic!("at once") };
    bench.reply(waiting, Err(ReplyError::Superseded));
    assert_eq!(told(&mut bench), [], "somebody waits for the other");
    taken(&mut bench, by_hand, 4033);
    bench.ok(ticket);
    let [(request, Some(5000))] = told(&mut bench)[..] else { panic!("again") };
    pass(&mut bench, 1000);
    taken(&mut bench, request, 5000);
    assert_eq!(states(&mut bench), [On, Next]);
    // The next by hand although it has a time; and a second one before the first has happened.
    let ticket = bench.ask(Ask::NextCue);
    let [(request, None)] = told(&mut bench)[..] else { panic!("at once") };
    let none = bench.ask(Ask::NextCue);
    assert_eq!(bench.error(none), &ControlError::NoNextCue);
    taken(&mut bench, request, 5100);
    bench.ok(ticket);
    pass(&mut bench, 20_000);
    assert_eq!(told(&mut bench), [], "taken once");
}

#[test]
fn one_that_is_earlier_overtakes_and_the_later_one_is_told_again() {
    let mut bench = live();
    put(&mut bench, &[CueTime::Manual, after(500), program(5000)]);
    pass(&mut bench, 3600);
    let [(later, Some(5000))] = told(&mut bench)[..] else { panic!("the third") };
    let ticket = bench.ask(Ask::NextCue);
    let [(request, None)] = told(&mut bench)[..] else { panic!("the first") };
    bench.reply(later, Err(ReplyError::Superseded));
    taken(&mut bench, request, 3633);
    bench.ok(ticket);
    let [(request, Some(4133))] = told(&mut bench)[..] else { panic!("the second") };
    pass(&mut bench, 533);
    taken(&mut bench, request, 4133);
    let [(_, Some(5000))] = told(&mut bench)[..] else { panic!("the third again") };
}

#[test]
fn the_next_worker_takes_what_the_lost_one_was_told() {
    use CueState::*;
    let mut bench = live();
    put_list(
        &mut bench,
        vec![cue("c0", Source::Slate, program(5000)), cue("c1", Source::Slate, program(60_000))],
    );
    pass(&mut bench, 4000);
    assert_eq!(told(&mut bench).len(), 1);
    bench.feed(Input::WorkerGone);
    assert_eq!(states(&mut bench), [Next, Waiting]);
    pass(&mut bench, 2000);
    bench.ready();
    let start = bench.start_request();
    bench.reply(start, Ok(ReplyOk::ProgramStarted));
    let [(request, Some(5000))] = told(&mut bench)[..] else { panic!("late, but it is") };
    taken(&mut bench, request, 6000);
    assert_eq!(states(&mut bench), [On, Next]);
    // Without one in time it fails.
    bench.feed(Input::WorkerGone);
    pass(&mut bench, 65_000);
    assert_eq!(cues(&mut bench)[1], (Failed, Some("worker_unavailable".to_owned())));
}

#[test]
fn a_list_that_takes_the_place_of_one_withdraws_what_waits_in_the_worker() {
    let mut bench = live();
    put(&mut bench, &[program(5000)]);
    pass(&mut bench, 4000);
    let [(waiting, Some(5000))] = told(&mut bench)[..] else { panic!("one") };
    put(&mut bench, &[]);
    let composes = bench.composes();
    let [(request, scene, true)] = &composes[..] else { panic!("what is on the air") };
    let alice = scene::scene(&camera("alice"), AudioChoice::Source, &bench.state.roster);
    assert_eq!(scene, &alice);
    bench.reply(waiting, Err(ReplyError::Superseded));
    bench.reply(*request, Ok(ReplyOk::Composed { pts: bench.now.media, took_ms: 1 }));
    pass(&mut bench, 10_000);
    assert_eq!(told(&mut bench), []);
    assert_eq!(states(&mut bench), []);
}

#[test]
fn without_a_cast_the_list_waits_and_its_times_pass() {
    use CueState::*;
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    let wall =
        |bench: &Bench, s| CueTime::At(SwitchTime::Wall(bench.now.wall + jiff::SignedDuration::from_secs(s)));
    let times = [wall(&bench, 5), CueTime::Manual, program(60_000), wall(&bench, 3600)];
    put(&mut bench, &times);
    let ticket = bench.ask(Ask::NextCue);
    assert_eq!(bench.error(ticket), &ControlError::CastNotStarted);
    pass(&mut bench, 4999);
    assert_eq!(states(&mut bench), [Next, Waiting, Waiting, Waiting]);
    pass(&mut bench, 1);
    assert_eq!(states(&mut bench), [Skipped, Next, Waiting, Waiting]);
    bench.go_live(camera("alice"), &[hls()]);
    let now = at(&bench);
    bench.ask(Ask::StopCast);
    bench.wind_down();
    assert_eq!(states(&mut bench), [Skipped, Next, Skipped, Waiting], "at {now} ms");
    pass(&mut bench, 3_600_000);
    assert_eq!(states(&mut bench), [Skipped, Next, Skipped, Skipped]);
}

#[test]
fn what_passes_through_is_refused_as_a_switch_is() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    let mut start = start(camera("alice"), &[hls()]);
    start.encoding.mode = ProgramMode::Passthrough;
    let ticket = bench.ask(Ask::StartCast(start));
    let request = bench.start_request();
    pass(&mut bench, 1000);
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(crate::media::Track::Video, 1000, true))));
    let keys = bench.create_outputs();
    bench.reply(request, Ok(ReplyOk::ProgramStarted));
    for key in keys {
        bench.feed(Input::OutputPlayable { key, playable: true });
    }
    bench.ok(ticket);
    let mut fade = cue("c0", camera("alice"), CueTime::Manual);
    fade.transition = Transition::Fade(Duration::from_millis(500));
    for (cue, field) in [
        (cue("c0", Source::Slate, CueTime::Manual), "cues[0].source"),
        (fade, "cues[0].transition.type"),
        (cue("c0", camera("alice"), program(60_000)), "cues[0].at_pts_ms"),
    ] {
        let ticket = bench.ask(Ask::PutCues(vec![cue]));
        let error = bench.error(ticket);
        assert_eq!((error.code_and_status().0, error.field()), ("invalid_request", Some(field)));
    }
    put(&mut bench, &[]);
    let follow = Source::Follow { hold: Duration::from_secs(1) };
    put_list(
        &mut bench,
        vec![cue("c0", camera("alice"), CueTime::Manual), cue("c1", follow, CueTime::Manual)],
    );
}

#[test]
fn a_kept_conference_stores_every_change() {
    let mut bench = Bench::with(config(), true);
    let stored = |bench: &mut Bench| {
        let effects = bench.effects().into_iter().filter_map(|effect| match effect {
            Effect::StoreCues { begun, cues } => {
                Some((begun, cues.iter().map(|cue| cue.state).collect::<Vec<_>>()))
            }
            _ => None,
        });
        effects.collect::<Vec<_>>()
    };
    put_list(&mut bench, vec![cue("c0", Source::Slate, CueTime::Manual)]);
    assert_eq!(stored(&mut bench), [(false, vec![CueState::Next])]);
    bench.ask(Ask::Cues);
    assert_eq!(stored(&mut bench), []);
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    let ticket = bench.ask(Ask::NextCue);
    let composes = bench.composes();
    bench.reply(composes[0].0, Ok(ReplyOk::Composed { pts: bench.now.media, took_ms: 1 }));
    bench.ok(ticket);
    assert_eq!(stored(&mut bench), [(true, vec![CueState::On])]);
    bench.ask(Ask::StopCast);
    assert_eq!(stored(&mut bench), [(false, vec![CueState::Done])]);
}
