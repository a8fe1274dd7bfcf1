//! What happens in real conferences, told by a webhook and to a reader: the same, in the same order.

use super::{
    harness::{Server, camera, publish, start, stop, switch},
    hook_receiver::{HookReceiver, SECRET},
};
use meetingcast::{
    config::{Config, webhooks::WebhookEndpoint},
    control::{
        auth::Identity,
        conference::ConferenceSettings,
        events::{
            kind::EventKinds,
            stream::{EventStream, Told, Wanted},
        },
        store::memory::MemoryStore,
    },
    redacted::Redacted,
};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Whatever is waited for comes at once; a test that waits so long has found a fault.
const LIMIT: Duration = Duration::from_secs(30);

fn config(receiver: &HookReceiver) -> Config {
    let mut config = Config::default();
    config.webhooks.backoff_min_ms = 100;
    config.webhooks.endpoints.push(WebhookEndpoint {
        id: "crm".to_owned(),
        url: Redacted::new(receiver.url.clone()),
        secret: Redacted::new(SECRET.to_owned()),
        events: Vec::new(),
        conferences: Vec::new(),
    });
    config
}

fn reader(server: &Server) -> EventStream {
    let wanted = Wanted { identity: Identity::anybody(), conference: None, kinds: EventKinds::ALL };
    server.events.stream(wanted, None).unwrap()
}

/// Reads up to an event of that type.
async fn until(stream: &mut EventStream, kind: &str, all: &mut Vec<Value>) {
    loop {
        let told = tokio::time::timeout(LIMIT, stream.next()).await;
        let Ok(Some(Told::Event(event))) = told else { panic!("{told:?} instead of {kind} after {all:#?}") };
        all.push(serde_json::from_slice(&event.body).unwrap());
        if event.kind.name() == kind {
            return;
        }
    }
}

fn kinds(all: &[Value]) -> Vec<&str> {
    all.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_casts_life_is_told_in_order_whatever_the_receiver_does() {
    let receiver = HookReceiver::start().await;
    receiver.answer(&[503, 204, 204, 500, 500]);
    let server = Server::with(config(&receiver), Arc::new(MemoryStore::default())).await;
    let (mut stream, mut read) = (reader(&server), Vec::new());
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    publish(&room, "bob").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    let switched = switch(&room, camera("bob")).await.unwrap();
    until(&mut stream, "cast.switched", &mut read).await;
    let event = read.last().unwrap();
    assert_eq!(event["data"]["source"]["participant"], "bob");
    assert_eq!(event["data"]["program_pts_ms"], switched.program_pts.as_millis());
    assert_eq!(event["data"]["took_ms"], 40);
    server.workers.crash();
    until(&mut stream, "worker.restarted", &mut read).await;
    let stopped = stop(&room).await.unwrap();
    until(&mut stream, "cast.stopped", &mut read).await;
    let cast = &read.last().unwrap()["data"]["cast"];
    assert_eq!(cast["state"], "stopped");
    assert_eq!(cast["stopped_at"], stopped.stopped_at.unwrap().to_string());
    server.directory.end(room.id()).await.unwrap();
    until(&mut stream, "conference.ended", &mut read).await;
    assert_eq!(read.last().unwrap()["data"]["reason"], "deleted");

    let story = [
        "conference.created",
        "participant.connected",
        "stream.added",
        "cast.starting",
        "cast.started",
        "cast.switched",
        "stream.removed",
        "worker.restarted",
        "cast.stopped",
        "participant.disconnected",
        "conference.ended",
    ];
    let mut told = kinds(&read).into_iter();
    for part in story {
        assert!(told.any(|kind| kind == part), "no {part} in its place in {:#?}", kinds(&read));
    }
    for (index, event) in read.iter().enumerate() {
        assert_eq!(
            (event["sequence"].as_u64(), event["conference"].as_str()),
            (Some(index as u64 + 1), Some("room"))
        );
    }
    receiver.taken(|event| event["type"] == "conference.ended").await;
    let taken: Vec<_> =
        receiver.seen().into_iter().filter(|one| one.status == 204).map(|one| one.event).collect();
    assert_eq!(taken, read, "the same events in the same order");
}

#[tokio::test]
async fn the_end_of_the_server_is_told_before_it_ends() {
    let receiver = HookReceiver::start().await;
    let server = Server::with(config(&receiver), Arc::new(MemoryStore::default())).await;
    let (mut stream, mut read) = (reader(&server), Vec::new());
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    server.directory.drain().await;
    server.events.close();
    assert_eq!(server.events.webhooks().drain(Instant::now() + LIMIT).await, 0);
    until(&mut stream, "conference.ended", &mut read).await;
    assert_eq!(stream.next().await, None, "nothing comes behind the end");
    assert_eq!(read.last().unwrap()["data"]["reason"], "shutdown");
    assert_eq!(receiver.kinds(), kinds(&read));
    assert!(kinds(&read).contains(&"cast.stopped"));
}

#[tokio::test]
async fn a_conference_that_was_kept_is_told_as_restored() {
    let store = Arc::new(MemoryStore::default());
    let server = Server::with(Config::default(), store.clone()).await;
    let settings = ConferenceSettings { name: Some("Board".to_owned()), max_participants: None };
    let (mut stream, mut read) = (reader(&server), Vec::new());
    server.directory.put(&"room".parse().unwrap(), settings).await.unwrap();
    until(&mut stream, "conference.created", &mut read).await;
    assert_eq!((&read[0]["data"]["restored"], &read[0]["data"]["kept"]), (&false.into(), &true.into()));
    server.directory.drain().await;

    let receiver = HookReceiver::start().await;
    let _server = Server::with(config(&receiver), store).await;
    let created = receiver.taken(|event| event["type"] == "conference.created").await;
    assert_eq!((&created["data"]["restored"], &created["data"]["name"]), (&true.into(), &"Board".into()));
}
