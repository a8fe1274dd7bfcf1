//! Run-downs of real conferences: taken, told of, stored.

use super::harness::{Server, camera, publish, start, stop};
use jiff::{SignedDuration, Timestamp};
use meetingcast::{
    config::Config,
    control::{
        cast::{Cue, CueState, CueTime, RundownView, Source, SwitchTime, Transition},
        conference::{Conference, ConferenceRequest, ConferenceSettings},
        error::ControlError,
        store::{Store, memory::MemoryStore, redb::RedbStore},
    },
    ids::ConferenceId,
    units::MediaTime,
};
use std::{sync::Arc, time::Duration};

fn cue(id: &str, source: Source, when: CueTime) -> Cue {
    let (id, name) = (id.parse().unwrap(), format!("cue {id}"));
    Cue { id, name, source, audio: None, transition: Transition::Cut, when }
}

fn in_ms(ms: i64) -> CueTime {
    CueTime::At(SwitchTime::Wall(Timestamp::now() + SignedDuration::from_millis(ms)))
}

async fn put(room: &Conference, cues: Vec<Cue>) -> Result<RundownView, ControlError> {
    room.ask(|answer| ConferenceRequest::PutCues { cues, answer }).await
}

async fn states(room: &Conference) -> Vec<CueState> {
    let view = room.ask(|answer| ConferenceRequest::Cues { answer }).await.unwrap();
    view.cues.iter().map(|cue| cue.state).collect()
}

async fn next(room: &Conference) -> Result<Source, ControlError> {
    room.ask(|answer| ConferenceRequest::NextCue { answer }).await.map(|switched| switched.source)
}

fn room_id() -> ConferenceId {
    "room".parse().unwrap()
}

#[tokio::test]
async fn a_list_runs_by_the_clock_and_by_hand() {
    let server = Server::start().await;
    let room = server.room().await;
    publish(&room, "alice").await.unwrap();
    publish(&room, "bob").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    let list = vec![
        cue("bob", camera("bob"), in_ms(200)),
        cue("carol", camera("carol"), CueTime::Manual),
        cue("slate", Source::Slate, CueTime::Manual),
    ];
    put(&room, list).await.unwrap();
    // The fake worker takes what it is told at once, a second before the real one would.
    while states(&room).await[0] != CueState::On {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(matches!(next(&room).await, Err(ControlError::ParticipantNotFound(_))));
    assert_eq!(next(&room).await, Ok(Source::Slate));
    assert_eq!(states(&room).await, [CueState::Done, CueState::Failed, CueState::On]);
    assert_eq!(next(&room).await, Err(ControlError::NoNextCue));
    stop(&room).await.unwrap();
}

async fn a_restart_keeps_the_list(open: impl Fn() -> Arc<dyn Store>) {
    let server = Server::with(Config::default(), open()).await;
    let named = ConferenceSettings { name: Some("Room".to_owned()), max_participants: None };
    server.directory.put(&room_id(), named.clone()).await.unwrap();
    let room = server.directory.find(&room_id()).await.unwrap();
    publish(&room, "alice").await.unwrap();
    let list = vec![
        cue("a", camera("alice"), CueTime::Manual),
        cue("b", Source::Slate, CueTime::Manual),
        cue("c", Source::Slate, CueTime::At(SwitchTime::Program(MediaTime::from_millis(3_600_000)))),
        cue("d", Source::Grid { participants: None }, in_ms(7_200_000)),
        cue("e", camera("alice"), CueTime::After(Duration::from_secs(5))),
    ];
    put(&room, list.clone()).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
    start(&room, Source::Slate).await.unwrap();
    assert_eq!(next(&room).await, Ok(camera("alice")));
    // Other settings leave it alone.
    server.directory.put(&room_id(), named).await.unwrap();
    server.directory.drain().await;
    drop((server, room));

    let store = open();
    let record = store.conference(room_id()).await.unwrap().unwrap();
    assert_eq!(record.name.as_deref(), Some("Room"));
    assert_eq!(record.rundown.as_ref().map(|rundown| (rundown.begun, rundown.cues.len())), Some((false, 5)));
    let server = Server::with(Config::default(), store).await;
    let room = server.directory.find(&room_id()).await.unwrap();
    let view = room.ask(|answer| ConferenceRequest::Cues { answer }).await.unwrap();
    let cues: Vec<Cue> = view.cues.iter().map(|cue| cue.cue.clone()).collect();
    assert_eq!(cues, list);
    assert!(view.cues[0].program_pts.is_some());
    use CueState::{Done, Next, Skipped, Waiting};
    assert_eq!(states(&room).await, [Done, Next, Skipped, Waiting, Waiting]);
    // Cleared is cleared.
    put(&room, Vec::new()).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
    server.directory.drain().await;
    drop((server, room));
    assert_eq!(open().conference(room_id()).await.unwrap().unwrap().rundown, None);
}

#[tokio::test]
async fn what_was_put_survives_a_restart() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    a_restart_keeps_the_list(|| store.clone()).await;
    let directory = tempfile::tempdir().unwrap();
    a_restart_keeps_the_list(|| Arc::new(RedbStore::open(directory.path()).unwrap())).await;
}

#[tokio::test]
async fn a_conference_that_was_only_joined_is_not_stored_with_it() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let server = Server::with(Config::default(), store.clone()).await;
    let room = server.room().await;
    put(&room, vec![cue("a", Source::Slate, CueTime::Manual)]).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
    assert_eq!(store.conferences().await.unwrap(), []);
    // Set up afterwards, it is kept with what it has.
    server.directory.put(&room_id(), ConferenceSettings::default()).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
    let record = store.conference(room_id()).await.unwrap().unwrap();
    assert_eq!(record.rundown.unwrap().cues.len(), 1);
    server.directory.end(&room_id()).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
    assert_eq!(store.conferences().await.unwrap(), []);
}
