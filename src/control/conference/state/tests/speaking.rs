//! Following the active speaker, and who is told how loud everybody is.

use super::{super::*, bench::*};
use crate::{
    control::{
        cast::{Focus, Source, Switch, Transition},
        conference::{
            Join, ParticipantPatch,
            presence::{ConferenceEvent, InputLevel},
        },
    },
    ids::{RequestId, SourceId, StreamName},
    ipc::{LevelReport, OfferedVideo, PictureSpec, ProgramMode, ReplyError, ReplyOk, SceneSpec, VideoCodec},
    media::Track,
    units::Dbov,
};

const HOLD: Duration = Duration::from_millis(1500);
const FOLLOW: Source = Source::Follow { hold: HOLD };

/// Everybody's camera is connected; alice has source 0, bob 1, and so on.
fn meeting(people: &[&str]) -> Bench {
    let mut bench = Bench::new();
    for id in people {
        let (session, _) = bench.publish(id, "camera");
        bench.feed(Input::Worker(WorkerEvent::SessionConnected { session }));
    }
    bench
}

fn live(people: &[&str], source: Source) -> Bench {
    let mut bench = meeting(people);
    bench.go_live(source, &[hls()]);
    bench.news();
    bench
}

/// For so long, the sources with these numbers speak and the others are quiet; what was composed meanwhile.
fn talk(bench: &mut Bench, time: Duration, loud: &[u32]) -> Vec<(RequestId, SceneSpec, bool)> {
    let mut composed = Vec::new();
    let end = bench.now.at + time;
    while bench.now.at < end {
        bench.pass(Duration::from_millis(100));
        let level = |n: u32| (SourceId(n), Dbov::below(if loud.contains(&n) { 25 } else { 80 }));
        let report = LevelReport { sources: (0..4).map(level).collect(), program: Some(Dbov::below(25)) };
        bench.feed(Input::Worker(WorkerEvent::Levels(report)));
        composed.extend(bench.composes());
    }
    composed
}

fn alone(scene: &SceneSpec) -> u32 {
    let PictureSpec::Full(tile) = &scene.picture else { panic!("{scene:?}") };
    tile.source.unwrap().0
}

fn done(bench: &mut Bench, request: RequestId) {
    bench.reply(request, Ok(ReplyOk::Composed { pts: bench.now.media, took_ms: 30 }));
}

fn speaker(bench: &Bench) -> Option<String> {
    bench.state.cast_view(bench.now).speaker.map(|who| who.to_string())
}

#[test]
fn who_speaks_comes_on_when_their_picture_is_there() {
    let mut bench = live(&["alice", "bob"], FOLLOW);
    assert_eq!(speaker(&bench).as_deref(), Some("alice"), "somebody has to be on");
    assert_eq!(talk(&mut bench, HOLD, &[]), []);
    let composed = talk(&mut bench, Duration::from_secs(2), &[1]);
    let [(request, scene, true)] = &composed[..] else { panic!("{composed:?}") };
    assert_eq!((alone(scene), scene.sound.len()), (1, 2), "all are heard, or nobody could come on");
    assert_eq!(speaker(&bench).as_deref(), Some("alice"), "until it happened");
    done(&mut bench, *request);
    assert_eq!(speaker(&bench).as_deref(), Some("bob"));
    let news = bench.news();
    let [News::CastSpeaker { participant, .. }] = &news[..] else { panic!("{news:?}") };
    assert_eq!(*participant, who("bob"));
    assert_eq!(talk(&mut bench, Duration::from_secs(5), &[]), [], "and stays");
}

#[test]
fn a_speaker_layout_changes_who_is_large() {
    let source = Source::Speaker { focus: Focus::ActiveSpeaker { hold: HOLD } };
    let mut bench = live(&["alice", "bob", "carol"], source);
    let composed = talk(&mut bench, Duration::from_secs(3), &[2]);
    let [(request, scene, true)] = &composed[..] else { panic!("{composed:?}") };
    let PictureSpec::Speaker { focus, others } = &scene.picture else { panic!("{scene:?}") };
    assert_eq!((focus.label.as_str(), others.len()), ("carol", 2));
    done(&mut bench, *request);
}

#[test]
fn who_cannot_be_shown_is_not_tried_again_at_once_and_the_picture_stays() {
    let mut bench = live(&["alice", "bob"], FOLLOW);
    let composed = talk(&mut bench, Duration::from_secs(2), &[1]);
    bench.reply(composed[0].0, Err(ReplyError::MediaNotReady { which: SourceId(1) }));
    assert_eq!(talk(&mut bench, Duration::from_millis(1900), &[1]), []);
    assert_eq!(speaker(&bench).as_deref(), Some("alice"));
    let again = talk(&mut bench, Duration::from_secs(3), &[1]);
    assert_eq!(again.iter().map(|(_, scene, _)| alone(scene)).collect::<Vec<_>>(), [1]);
}

#[test]
fn the_muted_and_the_gone_lose_their_place() {
    let mut bench = live(&["alice", "bob", "carol"], FOLLOW);
    let composed = talk(&mut bench, Duration::from_secs(2), &[1]);
    done(&mut bench, composed[0].0);
    let patch = ParticipantPatch { audio_muted: Some(true), ..ParticipantPatch::default() };
    bench.ask(Ask::PatchParticipant { participant: who("bob"), patch });
    let reflow = bench.composes();
    done(&mut bench, reflow[0].0);
    let composed = talk(&mut bench, Duration::from_millis(100), &[1, 2]);
    assert_eq!(composed.iter().map(|(_, scene, _)| alone(scene)).collect::<Vec<_>>(), [0]);
    done(&mut bench, composed[0].0);
    let composed = talk(&mut bench, Duration::from_secs(2), &[1, 2]);
    assert_eq!(composed.iter().map(|(_, scene, _)| alone(scene)).collect::<Vec<_>>(), [2]);
    done(&mut bench, composed[0].0);
    bench.ask(Ask::RemoveParticipant(who("carol")));
    let composed = bench.composes();
    for (request, ..) in &composed {
        done(&mut bench, *request);
    }
    let composed = talk(&mut bench, Duration::from_millis(300), &[]);
    let shown: Vec<_> = composed.iter().map(|(_, scene, _)| alone(scene)).collect();
    assert_eq!(shown, [0], "bob is muted");
}

#[test]
fn an_operators_switch_takes_the_place_of_a_speakers() {
    let mut bench = live(&["alice", "bob"], FOLLOW);
    let composed = talk(&mut bench, Duration::from_secs(2), &[1]);
    let switch = Switch { source: camera("alice"), audio: None, transition: Transition::Cut, at: None };
    let ticket = bench.ask(Ask::Switch(switch));
    let (request, ..) = bench.composes().remove(0);
    bench.reply(composed[0].0, Err(ReplyError::Superseded));
    done(&mut bench, request);
    assert!(matches!(bench.ok(ticket), Reply::Switched(_)));
    assert_eq!(speaker(&bench), None, "nobody is followed");
    assert_eq!(talk(&mut bench, Duration::from_secs(5), &[1]), []);
    // And back: whoever spoke last is known.
    bench.ask(Ask::Switch(Switch { source: FOLLOW, audio: None, transition: Transition::Cut, at: None }));
    let (_, scene, _) = bench.composes().remove(0);
    assert_eq!(alone(&scene), 1);
}

#[test]
fn what_passes_through_follows_whom_it_can_show() {
    let mut bench = meeting(&["alice"]);
    let session = SessionId::from("vp8");
    let mut publish = publication("bob", "camera");
    publish.offer.video = publish.offer.video.map(|video| OfferedVideo { codec: VideoCodec::Vp8, ..video });
    bench.ask(Ask::Publish { publish, session: session.clone() });
    let open = bench.commands().into_iter().find_map(|command| match command {
        WorkerCommand::OpenIngest { request, .. } => Some(request),
        _ => None,
    });
    bench.reply(open.unwrap(), Ok(ReplyOk::IngestOpened { answer: "answer".to_owned() }));
    bench.feed(Input::Worker(WorkerEvent::SessionConnected { session }));
    let (session, _) = bench.publish("carol", "camera");
    bench.feed(Input::Worker(WorkerEvent::SessionConnected { session }));
    let mut wanted = start(FOLLOW, &[hls()]);
    wanted.encoding.mode = ProgramMode::Passthrough;
    let ticket = bench.ask(Ask::StartCast(wanted));
    assert!(bench.answer(ticket).is_none(), "it begins");
    let request = bench.start_request();
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, 0, true))));
    let keys = bench.create_outputs();
    bench.reply(request, Ok(ReplyOk::ProgramStarted));
    for key in keys {
        bench.feed(Input::OutputPlayable { key, playable: true });
    }
    let composed = talk(&mut bench, Duration::from_secs(3), &[1]);
    assert_eq!(composed, [], "bob sends VP8");
    let composed = talk(&mut bench, Duration::from_secs(3), &[1, 2]);
    assert_eq!(composed.iter().map(|(_, scene, _)| alone(scene)).collect::<Vec<_>>(), [2]);
}

#[test]
fn levels_are_told_five_times_a_second_to_those_who_ask() {
    let mut bench = meeting(&["alice", "bob"]);
    let seat = SeatId(7);
    let join = Join { participant: who("eve"), name: None, user_data: serde_json::Value::Null, seat };
    bench.ask(Ask::Join(join));
    bench.effects();
    let ask = bench.ask(Ask::Levels { seat: SeatId(8), on: true });
    assert!(bench.error(ask).code_and_status().0 == "conference_not_found", "nobody sits there");
    let told = |bench: &mut Bench| {
        let told = bench.effects().into_iter().filter_map(|effect| match effect {
            Effect::Tell { audience: Audience::One(SeatId(7)), event } => match &event.1 {
                ConferenceEvent::Levels { inputs, program } => Some((inputs.clone(), *program)),
                _ => None,
            },
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let report = LevelReport { sources: vec![(SourceId(1), Dbov::below(30))], program: None };
    bench.feed(Input::Worker(WorkerEvent::Levels(report.clone())));
    assert_eq!(told(&mut bench), []);
    let ask = bench.ask(Ask::Levels { seat, on: true });
    bench.ok(ask);
    let paces = |bench: &mut Bench| {
        let pace = |command| match command {
            WorkerCommand::MeasureLevels { every_ms } => Some(every_ms),
            _ => None,
        };
        bench.commands().into_iter().filter_map(pace).collect::<Vec<_>>()
    };
    assert_eq!(paces(&mut bench), [200]);
    let mut heard = Vec::new();
    for _ in 0..10 {
        bench.pass(Duration::from_millis(100));
        bench.feed(Input::Worker(WorkerEvent::Levels(report.clone())));
        heard.extend(told(&mut bench));
    }
    let input = InputLevel { participant: who("bob"), stream: StreamName::default(), level: Dbov::below(30) };
    assert_eq!(heard, vec![(vec![input], None); 5]);
    let off = bench.ask(Ask::Levels { seat, on: false });
    bench.ok(off);
    assert_eq!(paces(&mut bench), [1000]);
}
