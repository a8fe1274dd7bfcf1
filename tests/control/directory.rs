//! Conferences as a whole: found, kept, ended, drained.

use super::harness::*;
use meetingcast::{
    config::Config,
    control::{
        conference::{ConferenceRequest, ConferenceSettings},
        directory::DirectoryStats,
        error::ControlError,
        store::{Store, memory::MemoryStore, redb::RedbStore},
    },
    egress::hub::HubItem,
    ids::ConferenceId,
    ipc::WorkerCommand,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

fn id(text: &str) -> ConferenceId {
    text.parse().unwrap()
}

fn named(name: &str) -> ConferenceSettings {
    ConferenceSettings { name: Some(name.to_owned()), max_participants: Some(5) }
}

#[tokio::test(start_paused = true)]
async fn what_was_put_survives_a_restart_and_what_was_joined_does_not() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = Server::with(Config::default(), store.clone()).await;
    let (created, view) = server.directory.put(&id("b"), named("Bee")).await.unwrap();
    assert!(created);
    assert_eq!(view.settings, named("Bee"));
    server.directory.find_or_create(&id("a")).await.unwrap();
    server.directory.put(&id("gone"), named("Gone")).await.unwrap();
    server.directory.end(&id("gone")).await.unwrap();
    let (created, again) = server.directory.put(&id("b"), named("Bea")).await.unwrap();
    assert!(!created);
    assert_eq!(again.created_at, view.created_at);
    let ids = |list: Vec<meetingcast::control::conference::Conference>| {
        list.iter().map(|one| one.id().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(server.directory.list().await), ["a", "b"]);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(ids(server.directory.list().await), ["b"], "kept although it is empty");
    server.directory.drain().await;

    let server = Server::with(Config::default(), store).await;
    assert_eq!(ids(server.directory.list().await), ["b"]);
    let room = server.directory.find(&id("b")).await.unwrap();
    let restored = room.ask(|answer| ConferenceRequest::View { answer }).await.unwrap();
    assert_eq!((restored.settings, restored.created_at), (named("Bea"), view.created_at));
    assert_eq!(server.workers.spawned(), 0);
}

#[tokio::test]
async fn the_store_on_disk_keeps_conferences() {
    let dir = tempfile::tempdir().unwrap();
    for created in [true, false] {
        let store = Arc::new(RedbStore::open(dir.path()).unwrap());
        let server = Server::with(Config::default(), store.clone()).await;
        assert_eq!(server.directory.put(&id("room:1"), named("One")).await.unwrap().0, created);
        server.directory.drain().await;
        drop(server);
        // The second opening needs the first to be closed: its last holder is the directory.
        assert_eq!(Arc::strong_count(&store), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_a_limit_of_conferences() {
    let mut config = Config::default();
    config.limits.max_conferences = 2;
    let server = Server::with(config, Arc::new(MemoryStore::default())).await;
    for name in ["a", "b", "a"] {
        server.directory.find_or_create(&id(name)).await.unwrap();
    }
    let full = server.directory.find_or_create(&id("c")).await.unwrap_err();
    assert_eq!(full, ControlError::TooManyConferences { max: 2 });
    let full = server.directory.put(&id("c"), named("C")).await.unwrap_err();
    assert_eq!(full, ControlError::TooManyConferences { max: 2 });
    server.directory.end(&id("a")).await.unwrap();
    server.directory.find_or_create(&id("c")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn ending_disconnects_everybody_and_the_name_can_be_used_anew() {
    let server = Server::start().await;
    let room = server.room().await;
    let published = publish(&room, "alice").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    let expected =
        DirectoryStats { conferences: 1, participants: 1, sessions: 1, casts: 1, ..Default::default() };
    assert_eq!(server.directory.stats().await, expected);
    // A worker that does not go by itself makes the end last two seconds.
    server.workers.behave(|behaviour| behaviour.obeys = false);
    let ending = Instant::now();
    let (ended, again) = tokio::join!(server.directory.end(room.id()), async {
        sleep(Duration::from_millis(500)).await;
        assert!(server.directory.find(room.id()).await.is_err());
        let next = server.room().await;
        (next, ending.elapsed())
    });
    ended.unwrap();
    assert_eq!(again.1.as_secs(), 2, "the next of the name begins when the last is over");
    assert!(view(&again.0).await.participants.is_empty());
    assert!(server.directory.by_session(&published.session).await.is_err());
    assert_eq!(server.outputs.items().last(), Some(&HubItem::End));
    assert_eq!(server.workers.alive(), 0);
    assert_eq!(
        server.directory.end(&id("unknown")).await.unwrap_err(),
        ControlError::ConferenceNotFound(id("unknown"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_casts_cleanly_and_takes_nobody_new() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    let (publishing, ()) = tokio::join!(publish(&room, "bob"), async {
        server.directory.drain().await;
    });
    // Whichever came first: an answer it has.
    assert!(matches!(publishing, Ok(_) | Err(ControlError::ConferenceNotFound(_))));
    assert_eq!(server.outputs.items().last(), Some(&HubItem::End));
    assert_eq!(server.workers.alive(), 0);
    assert_eq!(server.workers.told(0).last(), Some(&WorkerCommand::Shutdown));
    assert!(server.workers.told(0).iter().any(|told| matches!(told, WorkerCommand::StopProgram { .. })));
    assert!(server.directory.list().await.is_empty());
    let refused = server.directory.find_or_create(&id("new")).await.unwrap_err();
    assert_eq!(refused, ControlError::ShuttingDown);
    assert!(server.directory.stats().await.draining);
    server.directory.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_nobody_holds_ends_everything() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    let (workers, outputs) = (server.workers.clone(), server.outputs.clone());
    drop(server);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(workers.alive(), 0);
    assert!(outputs.items().is_empty());
    assert!(room.is_closed());
}
