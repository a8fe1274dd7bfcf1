//! A cast whose pictures pass through: what it can show, and what of it survives a worker.

use super::{super::*, bench::*};
use crate::{
    control::{
        cast::{AudioChoice, Focus, Source, SourceState, Switch, Transition},
        conference::Publish,
    },
    ipc::{ProgramMode, ReplyOk, SourceReport, VideoCodec, VideoReport, WorkerReport},
    media::Track,
};

/// Alice sends H.264, Bob VP8, Carol sound alone.
fn room() -> Bench {
    let mut bench = Bench::new();
    bench.publish("alice", "camera");
    publish(&mut bench, "bob", |publish| {
        if let Some(video) = &mut publish.offer.video {
            video.codec = VideoCodec::Vp8;
        }
    });
    publish(&mut bench, "carol", |publish| publish.offer.video = None);
    bench.effects();
    bench
}

fn publish(bench: &mut Bench, id: &str, change: impl FnOnce(&mut Publish)) {
    let mut publish = publication(id, "camera");
    change(&mut publish);
    bench.ask(Ask::Publish { publish, session: SessionId::from(id) });
    let open = bench.commands().into_iter().find_map(|command| match command {
        WorkerCommand::OpenIngest { request, .. } => Some(request),
        _ => None,
    });
    bench.reply(open.unwrap(), Ok(ReplyOk::IngestOpened { answer: "answer".to_owned() }));
}

fn passing(source: Source) -> Ask {
    let mut start = start(source, &[hls()]);
    start.encoding.mode = ProgramMode::Passthrough;
    Ask::StartCast(start)
}

fn refused(bench: &mut Bench, ask: Ask) -> (&'static str, u16, String) {
    let ticket = bench.ask(ask);
    let error = bench.error(ticket);
    let (code, status) = error.code_and_status();
    (code, status, error.to_string())
}

/// Alice's pictures are on the air.
fn live() -> Bench {
    let mut bench = room();
    let ticket = bench.ask(passing(camera("alice")));
    let effects = bench.effects();
    assert_eq!(effects[0], Effect::OpenHub { renditions: Vec::new(), steady: false });
    let Effect::Command(WorkerCommand::StartProgram { request, program }) = &effects[1] else {
        panic!("{effects:?}")
    };
    assert_eq!(program.mode, ProgramMode::Passthrough);
    let config = VideoConfig { avcc: vec![1].into(), width: 1280, height: 720, fps: 30, kbps: 0 };
    bench.feed(Input::Worker(WorkerEvent::Config(TrackConfig::Video(config))));
    bench.feed(Input::Worker(WorkerEvent::Frame(frame(Track::Video, 0, true))));
    let keys = bench.create_outputs();
    bench.reply(*request, Ok(ReplyOk::ProgramStarted));
    bench.feed(Input::OutputPlayable { key: keys[0], playable: true });
    assert!(matches!(bench.ok(ticket), Reply::Cast(_)));
    bench.effects();
    bench
}

#[test]
fn only_one_participants_h264_passes_through() {
    let mut bench = room();
    let (code, status, text) = refused(&mut bench, passing(camera("bob")));
    assert_eq!((code, status), ("codec_unsupported", 409));
    assert!(text.contains("bob sends vp8 in camera"), "{text}");
    let (code, _, text) = refused(&mut bench, passing(camera("carol")));
    assert_eq!(code, "codec_unsupported");
    assert!(text.contains("carol sends no picture"), "{text}");
    for layout in [
        Source::Grid { participants: None },
        Source::Grid { participants: Some(vec![who("alice")]) },
        Source::Speaker { focus: Focus::Participant(who("alice")) },
        Source::Slate,
    ] {
        let (code, status, text) = refused(&mut bench, passing(layout));
        assert_eq!((code, status), ("source_unsupported", 422));
        assert!(text.contains("allowed sources"), "{text}");
    }
    assert_eq!(refused(&mut bench, passing(camera("nobody"))).0, "participant_not_found");
    assert!(bench.commands().is_empty(), "nothing was begun");
}

#[test]
fn a_switch_follows_the_same_rule_and_may_mix_the_sound() {
    let mut bench = live();
    let switch = |source, audio| Ask::Switch(Switch { source, audio, transition: Transition::Cut, at: None });
    assert_eq!(refused(&mut bench, switch(camera("bob"), None)).0, "codec_unsupported");
    assert_eq!(refused(&mut bench, switch(Source::Slate, None)).0, "source_unsupported");
    bench.ask(switch(camera("alice"), Some(AudioChoice::Mix)));
    let (_, scene, wait_ready) = bench.composes().remove(0);
    assert_eq!((scene.sound.len(), wait_ready), (3, true), "everybody is heard");
}

#[test]
fn there_is_no_picture_to_give_out() {
    let mut bench = live();
    let (code, status, _) = refused(&mut bench, Ask::Snapshot);
    assert_eq!((code, status), ("snapshot_unavailable", 409));
    assert!(bench.commands().is_empty());
}

#[test]
fn the_next_workers_slate_has_the_size_of_what_was_on() {
    let mut bench = live();
    let view = bench.state.cast_view(bench.now);
    assert_eq!(view.encoding.map(|encoding| (encoding.width, encoding.height)), Some((1280, 720)));
    bench.feed(Input::WorkerGone);
    bench.effects();
    bench.ready();
    let program = bench.commands().into_iter().find_map(|command| match command {
        WorkerCommand::StartProgram { program, .. } => Some(program),
        _ => None,
    });
    let program = program.unwrap();
    assert_eq!(program.mode, ProgramMode::Passthrough);
    assert_eq!((program.encoding.width, program.encoding.height), (1280, 720));
}

#[test]
fn who_comes_back_with_another_codec_is_not_live() {
    let mut bench = live();
    let report = |bench: &mut Bench, session: &str| {
        let video = Some(VideoReport { width: 1280, height: 720, frames: 9, age_ms: 20, decoded: true });
        let source = crate::ids::SourceId(0);
        let sources = vec![SourceReport { source, session: session.into(), video, audio_age_ms: None }];
        bench.feed(Input::Worker(WorkerEvent::Heartbeat(WorkerReport { sources, ..Default::default() })));
        bench.state.cast_view(bench.now).source_state
    };
    assert_eq!(report(&mut bench, "s1"), SourceState::Live);
    publish(&mut bench, "alice", |publish| {
        if let Some(video) = &mut publish.offer.video {
            video.codec = VideoCodec::Vp8;
        }
    });
    assert_eq!(report(&mut bench, "alice"), SourceState::Stalled);
}
