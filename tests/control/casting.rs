//! Starting, switching, stopping.

use super::harness::*;
use meetingcast::{
    control::{
        admission::Admission,
        cast::{CastState, Source},
        conference::ConferenceRequest,
        error::ControlError,
    },
    egress::{hub::HubItem, output::OutputState},
    ipc::WorkerCommand,
    units::MediaTime,
};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn start_switch_and_stop() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    publish(&room, "bob").await.unwrap();
    let cast = start(&room, camera("alice")).await.unwrap();
    assert_eq!(cast.state, CastState::Live);
    assert_eq!(cast.outputs[0].status.state, OutputState::Live);
    assert_eq!(start(&room, camera("bob")).await.unwrap_err(), ControlError::CastAlreadyStarted);

    sleep(Duration::from_secs(3)).await;
    let switched = switch(&room, camera("bob")).await.unwrap();
    assert_eq!(switched.took, Duration::from_millis(40));
    // The fake worker's second keyframe, half a second after the first, made the start complete.
    assert!((3400..3700).contains(&switched.program_pts.as_millis()), "{:?}", switched.program_pts);
    assert_eq!(view(&room).await.cast.source, Some(camera("bob")));

    let cast = stop(&room).await.unwrap();
    assert_eq!(cast.state, CastState::Stopped);
    assert_eq!(cast.outputs[0].status.state, OutputState::Stopped);
    assert!(cast.program.frames >= 60, "{:?}", cast.program);
    assert_eq!(stop(&room).await.unwrap_err(), ControlError::CastNotStarted);
    assert_eq!(switch(&room, camera("bob")).await.unwrap_err(), ControlError::CastNotStarted);

    let items = server.outputs.items();
    assert!(matches!(items.first(), Some(HubItem::Config(_))));
    assert!(matches!(&items[1], HubItem::Frame(frame) if frame.pts == MediaTime::ZERO && frame.keyframe));
    assert_eq!(items.last(), Some(&HubItem::End));
    assert_eq!(start(&room, camera("alice")).await.unwrap().state, CastState::Live);
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_nothing_is_refused() {
    let server = Server::start().await;
    let room = server.room().await;
    assert_eq!(stop(&room).await.unwrap_err(), ControlError::CastNotStarted);
    assert_eq!(view(&room).await.cast.state, CastState::Idle);
}

#[tokio::test(start_paused = true)]
async fn a_switch_times_out_or_is_superseded_and_the_old_source_stays() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    publish(&room, "bob").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    server.workers.behave(|behaviour| behaviour.switch = SwitchBehaviour::TimesOut);
    let asked = Instant::now();
    let (older, newer) = tokio::join!(switch(&room, camera("bob")), switch(&room, Source::Slate));
    assert_eq!(older.unwrap_err(), ControlError::SwitchSuperseded);
    assert_eq!(newer.unwrap_err(), ControlError::SwitchTimeout(3000));
    assert_eq!(asked.elapsed().as_secs(), 3);
    server.workers.behave(|behaviour| behaviour.switch = SwitchBehaviour::NotReady(1));
    let not_ready = switch(&room, camera("bob")).await.unwrap_err();
    assert_eq!(not_ready, ControlError::MediaNotReady("bob".to_owned()));
    assert_eq!(view(&room).await.cast.source, Some(camera("alice")));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_never_playable_fails_and_is_undone() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    server.outputs.stuck.store(true, Ordering::Relaxed);
    let asked = Instant::now();
    let error = start(&room, camera("alice")).await.unwrap_err();
    assert_eq!(error.code_and_status().0, "cast_failed");
    // 15 s until it gives up, 3 s for the output that does not stop by itself.
    assert_eq!(asked.elapsed().as_secs(), 18);
    let cast = view(&room).await.cast;
    assert_eq!(cast.state, CastState::Failed);
    assert_eq!(cast.outputs[0].status.last_error.as_deref(), Some("it did not end cleanly in time"));
    assert!(matches!(server.workers.told(0).last(), Some(WorkerCommand::StopProgram { .. })));
    server.outputs.stuck.store(false, Ordering::Relaxed);
    assert_eq!(start(&room, camera("alice")).await.unwrap().state, CastState::Live);
}

#[tokio::test(start_paused = true)]
async fn outputs_come_and_go_while_live() {
    let server = Server::start().await;
    let room = server.room().await;
    start(&room, everybody()).await.unwrap();
    let output = rtmp("yt");
    let added = room.ask(|answer| ConferenceRequest::AddOutput { output, answer }).await.unwrap();
    assert_eq!(added.url.as_deref(), Some("rtmp://host/app/****"));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(server.workers.told(0).last(), Some(&WorkerCommand::RequestKeyframe));
    server.outputs.orders.lock().unwrap()[1].keyframe.ask();
    sleep(Duration::from_millis(1)).await;
    let asked = server.workers.told(0).into_iter().filter(|told| *told == WorkerCommand::RequestKeyframe);
    assert_eq!(asked.count(), 2);
    let remove = |answer| ConferenceRequest::RemoveOutput { output: "yt".parse().unwrap(), answer };
    room.ask(remove).await.unwrap();
    assert_eq!(view(&room).await.cast.outputs.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cast_stops_when_nobody_comes_for_long() {
    let server = Server::start().await;
    let room = server.room().await;
    start(&room, everybody()).await.unwrap();
    sleep(Duration::from_secs(299)).await;
    assert_eq!(view(&room).await.cast.state, CastState::Live);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(view(&room).await.cast.state, CastState::Stopped);
    assert_eq!(server.outputs.items().last(), Some(&HubItem::End));
    sleep(Duration::from_secs(31)).await;
    assert!(server.directory.list().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cast_takes_its_room_when_it_starts_and_gives_it_back_when_it_does_not() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    // An idle server takes any one cast, and here no second one.
    let admission = Admission::new(0.001);
    let nobody = start_in(&room, camera("nobody"), &admission).await.unwrap_err();
    assert_eq!(nobody, ControlError::ParticipantNotFound("nobody".parse().unwrap()));
    assert!(!admission.is_full(), "what was refused takes none");
    assert_eq!(start_in(&room, camera("alice"), &admission).await.unwrap().state, CastState::Live);
    assert!(admission.is_full());
    let other = server.directory.find_or_create(&"other".parse().unwrap()).await.unwrap();
    publish(&other, "bob").await.unwrap();
    let refused = start_in(&other, camera("bob"), &admission).await.unwrap_err();
    assert!(matches!(refused, ControlError::Overloaded { .. }), "{refused:?}");
    assert_eq!(view(&other).await.cast.state, CastState::Idle);
}
