//! Publishing, publishing again, hanging up; workers that do not come or do not answer.

use super::harness::*;
use meetingcast::{
    control::{conference::ConferenceRequest, error::ControlError},
    ipc::WorkerCommand,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn publish_replace_and_hang_up() {
    let server = Server::start().await;
    let room = server.room().await;
    let first = publish(&room, "alice").await.unwrap();
    assert_eq!(first.answer, format!("answer to {}", first.session));
    assert_eq!(server.directory.by_session(&first.session).await.unwrap().id(), room.id());
    let second = publish(&room, "alice").await.unwrap();
    assert_ne!(first.session, second.session);
    let gone = server.directory.by_session(&first.session).await;
    assert_eq!(gone.unwrap_err(), ControlError::SessionNotFound);
    let session = second.session.clone();
    room.ask(|answer| ConferenceRequest::HangUp { session, answer }).await.unwrap();
    assert!(server.directory.by_session(&second.session).await.is_err());
    assert!(view(&room).await.participants.is_empty());
    sleep(Duration::from_millis(1)).await;
    let told = server.workers.told(0);
    let [
        WorkerCommand::Configure(_),
        WorkerCommand::OpenIngest { source: a, .. },
        WorkerCommand::OpenIngest { source: b, .. },
        WorkerCommand::CloseIngest { session: closed },
        WorkerCommand::CloseIngest { session: also_closed },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(a, b);
    assert_eq!((closed, also_closed), (&first.session, &second.session));
    assert_eq!(server.workers.spawned(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_not_ready_in_time_is_killed() {
    let server = Server::start().await;
    server.workers.behave(|behaviour| behaviour.ready = false);
    let room = server.room().await;
    let asked = Instant::now();
    assert_eq!(publish(&room, "alice").await.unwrap_err(), ControlError::WorkerUnavailable);
    assert_eq!(asked.elapsed().as_secs(), 10);
    assert_eq!(server.workers.alive(), 0);
    server.workers.behave(|behaviour| behaviour.ready = true);
    publish(&room, "alice").await.unwrap();
    assert_eq!(view(&room).await.worker_restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_worker_is_killed_and_its_sessions_end() {
    let server = Server::start().await;
    let room = server.room().await;
    let published = publish(&room, "alice").await.unwrap();
    server.workers.behave(|behaviour| (behaviour.heartbeats, behaviour.obeys) = (false, false));
    sleep(Duration::from_millis(1900)).await;
    assert_eq!(server.workers.alive(), 1);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(server.workers.alive(), 0);
    assert!(server.directory.by_session(&published.session).await.is_err());
    let people = view(&room).await.participants;
    assert_eq!(people.len(), 1, "the place is kept for a while");
    assert!(people[0].streams.is_empty());
    sleep(Duration::from_secs(10)).await;
    assert!(view(&room).await.participants.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_empty_conference_ends_and_its_worker_with_it() {
    let server = Server::start().await;
    let room = server.room().await;
    let published = publish(&room, "alice").await.unwrap();
    room.ask(|answer| ConferenceRequest::HangUp { session: published.session, answer }).await.unwrap();
    sleep(Duration::from_secs(29)).await;
    assert_eq!(server.workers.alive(), 1);
    server.directory.find(room.id()).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(
        server.directory.find(room.id()).await.unwrap_err(),
        ControlError::ConferenceNotFound(room.id().clone())
    );
    assert_eq!(server.workers.alive(), 0);
    assert_eq!(server.workers.told(0).last(), Some(&WorkerCommand::Shutdown));
    assert!(matches!(publish(&room, "alice").await, Err(ControlError::ConferenceNotFound(_))));
}
