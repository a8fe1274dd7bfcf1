//! A cast from start to stop, through switches, re-flows and lost workers.

use super::{super::*, bench::*};
use crate::{
    control::{
        cast::{AudioChoice, CastState, CastView, Focus, Source, SourceState, Switch, Transition},
        conference::ParticipantPatch,
    },
    ids::SourceId,
    ipc::{PictureSpec, ReplyError, ReplyOk, SceneSpec, SourceReport, VideoReport, WorkerReport},
    media::Track,
};

fn cast(bench: &Bench) -> CastView {
    bench.state.cast_view(bench.now)
}

fn ask_switch(bench: &mut Bench, source: Source) -> Ticket {
    bench.ask(Ask::Switch(Switch { source, audio: None, transition: Transition::Cut, at: None }))
}

fn tiles(scene: &SceneSpec) -> Vec<(Option<u32>, &str)> {
    let PictureSpec::Grid(tiles) = &scene.picture else { panic!("{scene:?}") };
    tiles.iter().map(|tile| (tile.source.map(|source| source.0), tile.label.as_str())).collect()
}

fn heard(scene: &SceneSpec) -> Vec<u32> {
    scene.sound.iter().map(|sound| sound.source.0).collect()
}

fn everybody() -> Source {
    Source::Grid { participants: None }
}

fn composed(ms: u64) -> Result<ReplyOk, ReplyError> {
    Ok(ReplyOk::Composed { pts: MediaTime::from_millis(ms), took_ms: 40 })
}

#[test]
fn a_start_answers_when_everything_is_playable() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.effects();
    let outputs = [hls(), rtmp("yt", "rtmp://h/app/key")];
    let ticket = bench.ask(Ask::StartCast(start(camera("alice"), &outputs)));
    let effects = bench.effects();
    assert_eq!(effects[0], Effect::OpenHub { renditions: Vec::new(), steady: true });
    let Effect::Command(WorkerCommand::StartProgram { request, program }) = &effects[1] else {
        panic!("{effects:?}")
    };
    let PictureSpec::Full(tile) = &program.scene.picture else { panic!("{program:?}") };
    assert_eq!(tile.source, Some(SourceId(0)));
    assert_eq!(heard(&program.scene), [0]);
    assert_eq!(program.slate.text, "room");
    assert_eq!(cast(&bench).state, CastState::Starting);

    bench.pass(Duration::from_millis(1500));
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, 1000, true))));
    let effects = bench.effects();
    let [
        Effect::CreateOutput { key: play, epoch, .. },
        Effect::CreateOutput { key: push, .. },
        Effect::Frame(first),
    ] = &effects[..]
    else {
        panic!("outputs begin before the first frame is passed on: {effects:?}")
    };
    assert_eq!(first.pts, MediaTime::ZERO);
    assert_eq!(bench.now.wall.duration_since(*epoch).as_millis(), 500);
    for key in [play, push] {
        let result = Ok(OutputStatus::connecting(bench.now.wall));
        bench.feed(Input::OutputCreated { key: *key, result });
    }
    bench.reply(*request, Ok(ReplyOk::ProgramStarted));
    assert_eq!(bench.answer(ticket), None, "HLS is not playable yet");
    bench.feed(Input::OutputPlayable { key: *play, playable: true });
    let Reply::Cast(view) = bench.ok(ticket) else { panic!() };
    assert_eq!(view.state, CastState::Live);
    assert_eq!(view.outputs[1].url.as_deref(), Some("rtmp://h/app/****"));
    assert_eq!(bench.effects(), []);
}

#[test]
fn what_cannot_start_is_refused_and_changes_nothing() {
    let mut config = config();
    config.cast.allowed_output_hosts = vec!["Good.example".to_owned()];
    let mut bench = Bench::with(config, false);
    bench.publish("alice", "camera");
    bench.effects();
    let refused = |bench: &mut Bench, source: Source, outputs: &[OutputSpec]| {
        let ticket = bench.ask(Ask::StartCast(start(source, outputs)));
        assert_eq!(bench.effects(), []);
        bench.error(ticket).code_and_status().0
    };
    let good = |n: &str| rtmp(n, &format!("rtmp://good.example/a/{n}"));
    assert_eq!(refused(&mut bench, camera("bob"), &[hls()]), "participant_not_found");
    let screen = Source::Participant { participant: who("alice"), stream: "screen".parse().unwrap() };
    assert_eq!(refused(&mut bench, screen, &[hls()]), "stream_not_found");
    let evil = rtmp("x", "rtmp://evil.example/a/k");
    assert_eq!(refused(&mut bench, camera("alice"), &[evil]), "output_url_forbidden");
    let many = [hls(), good("a"), good("b"), good("c")];
    assert_eq!(refused(&mut bench, camera("alice"), &many), "too_many_outputs");
    assert_eq!(refused(&mut bench, camera("alice"), &[good("a"), good("a")]), "output_exists");
    let second = OutputSpec { id: "hls2".parse().unwrap(), ..hls() };
    assert_eq!(refused(&mut bench, camera("alice"), &[hls(), second]), "invalid_request");
    assert_eq!(refused(&mut bench, camera("alice"), &[]), "invalid_request");
    let twice = Source::Grid { participants: Some(vec![who("alice"), who("alice")]) };
    assert_eq!(refused(&mut bench, twice, &[hls()]), "invalid_request");
    assert_eq!(cast(&bench).state, CastState::Idle);
    let (ticket, _) = bench.begin_cast(camera("alice"), &[hls()]);
    assert_eq!(bench.answer(ticket), None);
    assert_eq!(refused(&mut bench, camera("alice"), &[hls()]), "cast_already_started");
    for ask in [
        Ask::Switch(Switch { source: Source::Slate, audio: None, transition: Transition::Cut, at: None }),
        Ask::AddOutput(good("a")),
    ] {
        let ticket = bench.ask(ask);
        assert_eq!(bench.error(ticket), &ControlError::CastNotStarted);
    }
}

#[test]
fn the_operator_can_switch_casts_off() {
    let mut config = config();
    config.cast.enabled = false;
    let mut bench = Bench::with(config, false);
    let ticket = bench.ask(Ask::StartCast(start(Source::Slate, &[hls()])));
    assert_eq!(bench.error(ticket), &ControlError::CastDisabled);
}

#[test]
fn a_cast_needs_nobody_but_a_worker() {
    let mut bench = Bench::new();
    let ticket = bench.ask(Ask::StartCast(start(everybody(), &[hls()])));
    assert!(
        bench.effects().contains(&Effect::LaunchWorker { incarnation: Incarnation(0), replacement: false })
    );
    bench.ready();
    let commands = bench.commands();
    let [WorkerCommand::StartProgram { program, .. }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(program.scene.picture, PictureSpec::Slate);
    assert_eq!(bench.answer(ticket), None);
}

#[test]
fn a_start_that_takes_too_long_is_undone() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    let (ticket, request) = bench.begin_cast(camera("alice"), &[hls()]);
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, 0, true))));
    let keys = bench.create_outputs();
    bench.reply(request, Ok(ReplyOk::ProgramStarted));
    bench.effects();
    bench.pass(Duration::from_secs(16));
    assert_eq!(bench.answer(ticket), None, "answered when all is undone");
    let stopping = bench.wind_down();
    assert!(stopping.contains(&Effect::EndHub));
    assert!(stopping.contains(&Effect::StopOutput(keys[0])));
    let reason = "output hls was not playable within 15000 ms".to_owned();
    assert_eq!(bench.error(ticket), &ControlError::CastFailed(reason.clone()));
    let view = cast(&bench);
    assert_eq!((view.state, view.error), (CastState::Failed, Some(reason)));
    bench.go_live(camera("alice"), &[hls()]);
    assert_eq!(cast(&bench).state, CastState::Live);
}

#[test]
fn an_output_that_ends_before_it_is_playable_fails_the_start_at_once() {
    let mut bench = Bench::new();
    let ticket = bench.ask(Ask::StartCast(start(Source::Slate, &[hls()])));
    bench.ready();
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, 0, true))));
    let key = bench.create_outputs()[0];
    bench.feed(Input::OutputPlayable { key, playable: false });
    bench.wind_down();
    let reason = "output hls ended before it was playable".to_owned();
    assert_eq!(bench.error(ticket), &ControlError::CastFailed(reason));
}

#[test]
fn a_program_that_cannot_start_fails_the_cast() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    let (ticket, request) = bench.begin_cast(camera("alice"), &[hls()]);
    bench.reply(request, Err(ReplyError::Internal { detail: "/dev/secret".to_owned() }));
    bench.wind_down();
    let ControlError::CastFailed(reason) = bench.error(ticket) else { panic!() };
    assert!(!reason.contains("secret"));
    assert_eq!(cast(&bench).state, CastState::Failed);
}

#[test]
fn a_switch_answers_when_it_happened() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    let zero = bench.now.media.as_millis();
    let ticket = ask_switch(&mut bench, camera("bob"));
    let composes = bench.composes();
    let [(request, scene, true)] = &composes[..] else { panic!("{composes:?}") };
    assert_eq!(heard(scene), [1]);
    assert_eq!(cast(&bench).source, Some(camera("alice")));
    bench.reply(*request, composed(zero + 1234));
    let Reply::Switched(switched) = bench.ok(ticket) else { panic!() };
    assert_eq!(switched.program_pts, MediaTime::from_millis(1234));
    assert_eq!(switched.took, Duration::from_millis(40));
    assert_eq!(cast(&bench).source, Some(camera("bob")));
    assert_eq!(bench.effects(), []);
}

#[test]
fn a_failed_switch_keeps_the_old_source_and_says_why() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    for (reply, error) in [
        (ReplyError::MediaNotReady { which: SourceId(1) }, ControlError::MediaNotReady("bob".to_owned())),
        (ReplyError::Timeout, ControlError::SwitchTimeout(3000)),
        (ReplyError::Superseded, ControlError::SwitchSuperseded),
        (ReplyError::Internal { detail: "x".to_owned() }, ControlError::Internal),
    ] {
        let ticket = ask_switch(&mut bench, camera("bob"));
        let request = bench.composes()[0].0;
        bench.reply(request, Err(reply));
        assert_eq!(bench.error(ticket), &error);
        assert_eq!(cast(&bench).source, Some(camera("alice")));
    }
    let ticket = ask_switch(&mut bench, camera("nobody"));
    assert_eq!(bench.error(ticket), &ControlError::ParticipantNotFound(who("nobody")));
    assert_eq!(bench.effects(), []);
}

#[test]
fn the_newest_switch_wins_and_tiles_wait_for_it() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    bench.go_live(everybody(), &[hls()]);
    let older = ask_switch(&mut bench, camera("alice"));
    let newer = ask_switch(&mut bench, camera("bob"));
    let composes = bench.composes();
    // Somebody leaves while they are on their way: a re-flow now would supersede them.
    let remove = bench.ask(Ask::RemoveParticipant(who("alice")));
    bench.ok(remove);
    assert!(bench.composes().is_empty());
    bench.reply(composes[0].0, Err(ReplyError::Superseded));
    assert_eq!(bench.error(older), &ControlError::SwitchSuperseded);
    bench.reply(composes[1].0, Err(ReplyError::Timeout));
    assert_eq!(bench.error(newer), &ControlError::SwitchTimeout(3000));
    let reflow = bench.composes();
    let [(_, scene, false)] = &reflow[..] else { panic!("{reflow:?}") };
    assert_eq!(tiles(scene), [(Some(1), "bob")]);
}

#[test]
fn a_worker_that_forgets_a_switch_does_not_hold_its_client() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(Source::Slate, &[hls()]);
    let ticket = ask_switch(&mut bench, camera("alice"));
    let request = bench.composes()[0].0;
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.error(ticket), &ControlError::SwitchTimeout(3000));
    // It did happen after all: what the program shows is what counts.
    bench.reply(request, composed(9000));
    assert_eq!(cast(&bench).source, Some(camera("alice")));
}

#[test]
fn tiles_re_flow_when_somebody_comes_leaves_or_is_muted() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(everybody(), &[hls()]);
    let joining = bench.ask_publish("bob", "camera");
    let commands = bench.commands();
    let [WorkerCommand::OpenIngest { request, .. }] = commands[..] else { panic!("{commands:?}") };
    bench.reply(request, Ok(ReplyOk::IngestOpened { answer: String::new() }));
    bench.ok(joining);
    let composes = bench.composes();
    let [(reflow, scene, false)] = &composes[..] else { panic!("{composes:?}") };
    assert_eq!(tiles(scene), [(Some(0), "alice"), (Some(1), "bob")]);
    assert_eq!(heard(scene), [0, 1]);
    let patch = ParticipantPatch { audio_muted: Some(true), video_muted: Some(true), gain_db: None };
    bench.ask(Ask::PatchParticipant { participant: who("alice"), patch });
    assert!(bench.composes().is_empty(), "one re-flow at a time");
    bench.reply(*reflow, composed(5000));
    let composes = bench.composes();
    let [(_, scene, false)] = &composes[..] else { panic!("{composes:?}") };
    assert_eq!(heard(scene), [1]);
    let PictureSpec::Grid(grid) = &scene.picture else { panic!() };
    assert!(grid[0].video_muted && !grid[1].video_muted);
}

#[test]
fn a_stop_ends_program_hub_and_outputs_in_this_order() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    let keys = bench.go_live(camera("alice"), &[hls(), rtmp("yt", "rtmp://h/a/k")]);
    let stops = [bench.ask(Ask::StopCast), bench.ask(Ask::StopCast)];
    assert_eq!(cast(&bench).state, CastState::Stopping);
    let told = bench.wind_down();
    assert!(matches!(told[0], Effect::Command(WorkerCommand::StopProgram { .. })));
    assert_eq!(told[1..], [Effect::EndHub, Effect::StopOutput(keys[0]), Effect::StopOutput(keys[1])]);
    for stop in stops {
        let Reply::Cast(view) = bench.ok(stop) else { panic!() };
        assert_eq!(view.state, CastState::Stopped);
        assert_eq!(view.stopped_at, Some(bench.now.wall));
        assert_eq!(view.outputs.len(), 2);
    }
    let idle = bench.ask(Ask::StopCast);
    assert_eq!(bench.error(idle), &ControlError::CastNotStarted);
    bench.go_live(camera("alice"), &[hls()]);
    assert_eq!((cast(&bench).state, cast(&bench).stopped_at), (CastState::Live, None));
}

#[test]
fn a_program_that_does_not_stop_costs_its_worker() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    let stop = bench.ask(Ask::StopCast);
    bench.effects();
    bench.pass(Duration::from_secs(3));
    let effects = bench.effects();
    assert_eq!(effects[0], Effect::KillWorker);
    assert!(effects.contains(&Effect::EndHub));
    let Some(Effect::StopOutput(key)) = effects.last() else { panic!("{effects:?}") };
    let status = OutputStatus::connecting(bench.now.wall);
    bench.feed(Input::OutputStopped { key: *key, status });
    assert!(matches!(bench.ok(stop), Reply::Cast(view) if view.state == CastState::Stopped));
}

#[test]
fn a_stop_interrupts_a_start() {
    let mut bench = Bench::new();
    let ticket = bench.ask(Ask::StartCast(start(Source::Slate, &[hls()])));
    let stop = bench.ask(Ask::StopCast);
    bench.wind_down();
    assert_eq!(bench.error(ticket).code_and_status().0, "cast_failed");
    assert!(matches!(bench.ok(stop), Reply::Cast(view) if view.state == CastState::Stopped));
}

#[test]
fn an_output_that_is_connected_before_the_start_is_answered_gets_its_keyframe() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.begin_cast(camera("alice"), &[rtmp("yt", "rtmp://h/a/k")]);
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, 1000, true))));
    bench.create_outputs();
    bench.commands();
    bench.feed(Input::KeyframeWanted);
    assert_eq!(bench.commands(), [WorkerCommand::RequestKeyframe]);
}

#[test]
fn outputs_come_and_go_while_live() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    let add = bench.ask(Ask::AddOutput(rtmp("yt", "rtmp://h/a/k")));
    let keys = bench.create_outputs();
    let Reply::Output(view) = bench.ok(add) else { panic!() };
    assert_eq!((view.id.as_str(), view.kind), ("yt", "rtmp"));
    assert!(bench.commands().contains(&WorkerCommand::RequestKeyframe));
    let twice = bench.ask(Ask::AddOutput(rtmp("yt", "rtmp://h/a/k2")));
    assert_eq!(bench.error(twice), &ControlError::OutputExists("yt".parse().unwrap()));
    let same_stream = bench.ask(Ask::AddOutput(rtmp("other", "rtmps://u:p@h:1935/a/k")));
    assert_eq!(bench.error(same_stream), &ControlError::OutputUrlTaken("yt".parse().unwrap()));
    let remove = bench.ask(Ask::RemoveOutput("yt".parse().unwrap()));
    assert_eq!(bench.answer(remove), None);
    assert_eq!(bench.effects(), [Effect::StopOutput(keys[0])]);
    bench.feed(Input::OutputStopped { key: keys[0], status: OutputStatus::connecting(bench.now.wall) });
    bench.ok(remove);
    assert_eq!(cast(&bench).outputs.len(), 1);
    let again = bench.ask(Ask::RemoveOutput("yt".parse().unwrap()));
    assert_eq!(bench.error(again), &ControlError::OutputNotFound("yt".parse().unwrap()));
    let failing = bench.ask(Ask::AddOutput(rtmp("yt", "rtmp://h/a/k")));
    let effects = bench.effects();
    let [Effect::CreateOutput { key, .. }] = &effects[..] else { panic!("{effects:?}") };
    bench.feed(Input::OutputCreated { key: *key, result: Err("no".to_owned()) });
    assert_eq!(bench.error(failing).field(), Some("outputs"));
    assert_eq!((cast(&bench).outputs.len(), cast(&bench).state), (1, CastState::Live));
}

#[test]
fn a_new_worker_takes_the_cast_over() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("bob", "camera");
    bench.go_live(everybody(), &[hls()]);
    let report = |frames| {
        let mut report = WorkerReport::default();
        report.program.frames = frames;
        Input::Worker(WorkerEvent::Heartbeat(report))
    };
    bench.feed(report(100));
    let switch = ask_switch(&mut bench, camera("bob"));
    let before = bench.composes().remove(0);
    bench.pass(Duration::from_secs(60));
    bench.feed(Input::WorkerGone);
    assert_eq!(bench.error(switch).code_and_status().0, "switch_timeout");
    let effects = bench.effects();
    assert_eq!(
        effects.last(),
        Some(&Effect::LaunchWorker { incarnation: Incarnation(1), replacement: true })
    );
    assert!(!effects.contains(&Effect::EndHub));
    assert_eq!(cast(&bench).state, CastState::Live);
    let unavailable = ask_switch(&mut bench, camera("bob"));
    assert_eq!(bench.error(unavailable), &ControlError::WorkerUnavailable);
    bench.ready();
    let commands = bench.commands();
    let [WorkerCommand::StartProgram { request, program }] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(tiles(&program.scene), [(Some(0), "alice"), (Some(1), "bob")]);
    assert_eq!(program.encoding.width, 640);
    // The late reply of the lost worker's switch can no longer come, whatever its number.
    bench.reply(before.0, composed(1));
    assert_eq!(cast(&bench).source, Some(everybody()));
    let at = bench.now.media.as_millis();
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, at, true))));
    let effects = bench.effects();
    let [Effect::Discontinuity(Incarnation(1)), Effect::Frame(first)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(first.pts, MediaTime::from_millis(60_000));
    bench.reply(*request, Ok(ReplyOk::ProgramStarted));
    bench.feed(report(7));
    assert_eq!(cast(&bench).program.frames, 107);
    assert_eq!(bench.state.view(bench.now).worker_restarts, 1);
    // Alice does not come back: her tile is given up.
    bench.publish("bob", "camera");
    bench.pass(Duration::from_secs(11));
    let composes = bench.composes();
    assert_eq!(tiles(&composes[0].1), [(Some(1), "bob")]);
}

#[test]
fn a_failed_program_costs_its_worker_and_goes_on_with_the_next() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    bench.feed(Input::Worker(WorkerEvent::ProgramFailed { detail: "x264".to_owned() }));
    let effects = bench.effects();
    assert_eq!(effects.first(), Some(&Effect::KillWorker));
    assert!(matches!(effects.last(), Some(Effect::LaunchWorker { replacement: true, .. })));
    bench.ready();
    let request = bench.start_request();
    bench.reply(request, Err(ReplyError::Internal { detail: String::new() }));
    assert_eq!(bench.effects().first(), Some(&Effect::KillWorker));
    bench.pass(Duration::from_secs(1));
    assert!(matches!(bench.effects().last(), Some(Effect::LaunchWorker { replacement: true, .. })));
    assert_eq!(cast(&bench).state, CastState::Live);
}

#[test]
fn a_start_survives_a_lost_worker() {
    let mut bench = Bench::new();
    let ticket = bench.ask(Ask::StartCast(start(Source::Slate, &[rtmp("yt", "rtmp://h/a/k")])));
    bench.ready();
    bench.effects();
    bench.feed(Input::WorkerGone);
    bench.ready();
    let request = bench.start_request();
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, 0, true))));
    bench.reply(request, Ok(ReplyOk::ProgramStarted));
    assert_eq!(bench.answer(ticket), None, "the output is not created yet");
    bench.create_outputs();
    assert!(matches!(bench.ok(ticket), Reply::Cast(view) if view.state == CastState::Live));
    assert!(!bench.effects().iter().any(|effect| matches!(effect, Effect::Discontinuity(_))));
}

#[test]
fn the_source_is_live_stalled_or_absent() {
    let mut bench = Bench::new();
    let (session, source) = bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    let state = |bench: &Bench| (cast(bench).source_state, cast(bench).source_age_ms);
    assert_eq!(state(&bench), (SourceState::Stalled, None));
    let video = Some(VideoReport { width: 640, height: 360, frames: 1, age_ms: 30, decoded: true });
    let sources = vec![SourceReport { source, session: session.clone(), video, audio_age_ms: None }];
    let report = WorkerReport { sources, ..WorkerReport::default() };
    bench.feed(Input::Worker(WorkerEvent::Heartbeat(report)));
    assert_eq!(state(&bench), (SourceState::Live, Some(30)));
    assert_eq!(bench.state.view(bench.now).participants[0].streams[0].width, Some(640));
    bench.pass(Duration::from_millis(970));
    assert_eq!(state(&bench), (SourceState::Live, Some(1000)));
    bench.pass(Duration::from_millis(1));
    assert_eq!(state(&bench), (SourceState::Stalled, Some(1001)));
    bench.ask(Ask::HangUp(session));
    assert_eq!(state(&bench), (SourceState::Absent, None));
}

#[test]
fn a_cast_that_nobody_is_in_stops_in_the_end_and_the_conference_with_it() {
    let mut bench = Bench::new();
    let (session, _) = bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    bench.ask(Ask::HangUp(session));
    bench.pass(Duration::from_secs(299));
    assert_eq!(cast(&bench).state, CastState::Live);
    bench.effects();
    bench.pass(Duration::from_secs(1));
    assert_eq!(cast(&bench).state, CastState::Stopping);
    bench.wind_down();
    assert_eq!(cast(&bench).state, CastState::Stopped);
    bench.pass(Duration::from_secs(31));
    assert_eq!(bench.effects(), [Effect::Finish { answer: Vec::new() }]);
}

#[test]
fn the_end_stops_the_cast_first() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.go_live(camera("alice"), &[hls()]);
    let switch = ask_switch(&mut bench, Source::Slate);
    let end = bench.ask(Ask::End);
    let also = bench.ask(Ask::End);
    assert_eq!(bench.error(switch), &ControlError::CastNotStarted);
    let told = bench.wind_down();
    assert_eq!(told.last(), Some(&Effect::Finish { answer: vec![end, also] }));
    assert!(told.contains(&Effect::EndHub));
    assert!(told.contains(&Effect::SessionClosed("s1".into())));
}

#[test]
fn sound_follows_the_picture_or_is_everybodys() {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    bench.publish("alice", "screen");
    bench.publish("bob", "camera");
    let screen = Source::Participant { participant: who("alice"), stream: "screen".parse().unwrap() };
    bench.go_live(screen, &[hls()]);
    let scene_of = |bench: &mut Bench, source, audio| {
        bench.ask(Ask::Switch(Switch { source, audio: Some(audio), transition: Transition::Cut, at: None }));
        let (request, scene, _) = bench.composes().remove(0);
        bench.reply(request, composed(5000));
        scene
    };
    // Who shows the screen speaks into the camera's microphone.
    let screen = Source::Participant { participant: who("alice"), stream: "screen".parse().unwrap() };
    assert_eq!(heard(&scene_of(&mut bench, screen, AudioChoice::Source)), [0, 1]);
    assert_eq!(heard(&scene_of(&mut bench, camera("bob"), AudioChoice::Mix)), [0, 1, 2]);
    assert_eq!(heard(&scene_of(&mut bench, Source::Slate, AudioChoice::Source)), [0; 0]);
    let speaker = Source::Speaker { focus: Focus::Participant(who("bob")) };
    let scene = scene_of(&mut bench, speaker, AudioChoice::Source);
    let PictureSpec::Speaker { focus, others } = &scene.picture else { panic!() };
    assert_eq!((focus.source, others.len(), others[0].source), (Some(SourceId(2)), 1, Some(SourceId(0))));
    let patch = ParticipantPatch { gain_db: Some(-20.0), ..Default::default() };
    bench.ask(Ask::PatchParticipant { participant: who("bob"), patch });
    let (_, scene, _) = bench.composes().remove(0);
    assert!((scene.sound[2].gain - 0.1).abs() < 1e-6);
}
