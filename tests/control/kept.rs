//! Overlays and pictures of real conferences: stored, there again, gone when they are to be.

use super::harness::{Server, camera, publish, start};
use bytes::Bytes;
use meetingcast::{
    config::Config,
    control::{
        conference::{Conference, ConferenceRequest, ConferenceSettings},
        error::ControlError,
        overlay::{Overlay, OverlayPatch, PictureView},
        store::{Store, memory::MemoryStore, redb::RedbStore},
    },
    ids::ConferenceId,
    ipc::{
        WorkerCommand,
        overlay::{LogoSpec, PictureFile, PictureKind, TitlePosition, TitleSpec},
    },
    layout::{Corner, Fraction},
};
use std::{fs, path::Path, sync::Arc};

const LOGO: &[u8] = b"bytes that nobody here looks into";
const WALL: &[u8] = b"others";

fn room_id() -> ConferenceId {
    "room".parse().unwrap()
}

fn settings() -> ConferenceSettings {
    ConferenceSettings { name: Some("Room".to_owned()), max_participants: None }
}

fn with_logo() -> OverlayPatch {
    let title = TitleSpec { text: "<b>Привет</b>".to_owned(), position: TitlePosition::Top };
    let logo = LogoSpec {
        picture: "logo".parse().unwrap(),
        corner: Corner::BottomLeft,
        size: Fraction::percent(17),
        opacity: Fraction::WHOLE,
    };
    OverlayPatch { title: Some(Some(title)), logo: Some(Some(logo)), ..OverlayPatch::default() }
}

/// As the HTTP layer does: answered when it is stored.
async fn put(server: &Server, room: &Conference, name: &str, data: &'static [u8]) {
    let (name, data) = (name.parse().unwrap(), Bytes::from_static(data));
    let file = PictureFile { kind: PictureKind::Png, data };
    room.ask(|answer| ConferenceRequest::PutPicture { name, file, answer }).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
}

async fn patch(server: &Server, room: &Conference, patch: OverlayPatch) -> Overlay {
    let view = room.ask(|answer| ConferenceRequest::PatchOverlay { patch, answer }).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
    view.overlay
}

async fn pictures(room: &Conference) -> Vec<PictureView> {
    room.ask(|answer| ConferenceRequest::Pictures { answer }).await.unwrap()
}

async fn names(room: &Conference) -> Vec<String> {
    pictures(room).await.iter().map(|view| view.name.to_string()).collect()
}

async fn overlay(room: &Conference) -> Overlay {
    room.ask(|answer| ConferenceRequest::Overlay { answer }).await.unwrap().overlay
}

/// Every file below, by its path from there.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path()).into_iter().map(|file| format!("{name}/{file}"))),
            false => found.push(name),
        }
    }
    found.sort();
    found
}

async fn a_restart_keeps_them(open: impl Fn() -> Arc<dyn Store>) {
    let server = Server::with(Config::default(), open()).await;
    server.directory.put(&room_id(), settings()).await.unwrap();
    let room = server.directory.find(&room_id()).await.unwrap();
    put(&server, &room, "logo", LOGO).await;
    put(&server, &room, "wall", WALL).await;
    let set = patch(&server, &room, with_logo()).await;
    // Other settings leave it alone.
    server.directory.put(&room_id(), settings()).await.unwrap();
    let had = pictures(&room).await;
    server.directory.drain().await;
    drop((server, room));

    let server = Server::with(Config::default(), open()).await;
    let room = server.directory.find(&room_id()).await.unwrap();
    assert_eq!((overlay(&room).await, pictures(&room).await), (set, had));
    // The next cast's worker gets what it needs, before it begins.
    publish(&room, "alice").await.unwrap();
    start(&room, camera("alice")).await.unwrap();
    let told = server.workers.told(0);
    let given = told.iter().filter_map(|command| match command {
        WorkerCommand::AddPicture { file, .. } => Some(&file.data[..]),
        _ => None,
    });
    assert_eq!(given.collect::<Vec<_>>(), [LOGO]);
    let at = |find: fn(&WorkerCommand) -> bool| told.iter().position(find).unwrap();
    let set =
        at(|command| matches!(command, WorkerCommand::SetOverlay { overlay, .. } if overlay.logo.is_some()));
    assert!(set < at(|command| matches!(command, WorkerCommand::StartProgram { .. })));
    // Removed is removed.
    let name = "wall".parse().unwrap();
    room.ask(|answer| ConferenceRequest::RemovePicture { name, answer }).await.unwrap();
    let nothing = OverlayPatch { title: Some(None), logo: Some(None), ..OverlayPatch::default() };
    patch(&server, &room, nothing).await;
    server.directory.drain().await;
    drop((server, room));
    let record = open().conference(room_id()).await.unwrap().unwrap();
    assert_eq!((record.overlay, record.pictures.len()), (None, 1));
}

#[tokio::test]
async fn what_was_put_survives_a_restart() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    a_restart_keeps_them(|| store.clone()).await;
    let directory = tempfile::tempdir().unwrap();
    a_restart_keeps_them(|| Arc::new(RedbStore::open(directory.path()).unwrap())).await;
}

#[tokio::test]
async fn nothing_is_left_on_the_disk_of_what_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(directory.path()).unwrap());
    let server = Server::with(Config::default(), store.clone()).await;
    let kept = || files(&directory.path().join("pictures"));
    let room = server.room().await;
    put(&server, &room, "logo", LOGO).await;
    assert_eq!((kept(), store.conferences().await.unwrap()), (vec![], vec![]), "it was only joined");
    // Set up afterwards, it is kept with what it has: when that is answered.
    server.directory.put(&room_id(), settings()).await.unwrap();
    let record = store.conference(room_id()).await.unwrap().unwrap();
    assert_eq!(kept(), [format!("room/{}", record.pictures[0].sha256)]);
    put(&server, &room, "logo", WALL).await;
    put(&server, &room, "twin", WALL).await;
    let record = store.conference(room_id()).await.unwrap().unwrap();
    assert_eq!(kept(), [format!("room/{}", record.pictures[1].sha256)], "the same bytes are kept once");
    let name = "twin".parse().unwrap();
    room.ask(|answer| ConferenceRequest::RemovePicture { name, answer }).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
    assert_eq!(kept().len(), 1, "the other one still has them");
    server.directory.end(&room_id()).await.unwrap();
    server.directory.stored(&room_id()).await.unwrap();
    assert_eq!((kept(), store.conferences().await.unwrap()), (vec![], vec![]));
    assert_eq!(files(directory.path()), ["control.redb"]);
}

#[tokio::test]
async fn broken_files_and_lower_limits_leave_out_what_they_concern() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Arc::new(RedbStore::open(directory.path()).unwrap());
    let server = Server::with(Config::default(), open()).await;
    server.directory.put(&room_id(), settings()).await.unwrap();
    let room = server.directory.find(&room_id()).await.unwrap();
    for (name, data) in [("logo", LOGO), ("wall", WALL), ("zebra", b"a third one".as_slice())] {
        put(&server, &room, name, data).await;
    }
    patch(&server, &room, with_logo()).await;
    server.directory.drain().await;
    drop((server, room));

    let start = |config: Config| async {
        let server = Server::with(config, open()).await;
        let room = server.directory.find(&room_id()).await.unwrap();
        let seen = (names(&room).await, overlay(&room).await);
        server.directory.drain().await;
        seen
    };
    let mut few = Config::default();
    few.limits.max_pictures = 2;
    assert_eq!(start(few).await.0, ["logo", "wall"]);
    let mut small = Config::default();
    small.limits.max_picture_bytes = LOGO.len() - 1;
    let (there, shown) = start(small).await;
    assert_eq!(there, ["wall", "zebra"]);
    assert!(shown.title.is_some() && shown.logo.is_none(), "{shown:?}");
    // Nothing was changed meanwhile: with the limits as they were all is there again.
    let (there, shown) = start(Config::default()).await;
    assert!(there.len() == 3 && shown.logo.is_some());

    let folder = directory.path().join("pictures/room");
    for (name, broken) in [(LOGO, &b"less"[..]), (WALL, b"")] {
        let path = files(&folder).into_iter().map(|file| folder.join(file));
        let path = path.into_iter().find(|path| fs::read(path).unwrap() == name).unwrap();
        match broken.is_empty() {
            true => fs::remove_file(path).unwrap(),
            false => fs::write(path, broken).unwrap(),
        }
    }
    // And what a server that was killed left behind.
    fs::write(folder.join(format!("{}.new", "a".repeat(64))), b"half").unwrap();
    fs::create_dir_all(directory.path().join("pictures/gone")).unwrap();
    fs::write(directory.path().join("pictures/gone").join("b".repeat(64)), b"old").unwrap();
    assert_eq!(start(Config::default()).await.0, ["zebra"]);
    assert_eq!(files(&directory.path().join("pictures")).len(), 2, "of the broken and the whole one");
    // Put again it is whole again.
    let server = Server::with(Config::default(), open()).await;
    let room = server.directory.find(&room_id()).await.unwrap();
    put(&server, &room, "logo", LOGO).await;
    server.directory.drain().await;
    drop((server, room));
    assert_eq!(start(Config::default()).await.0, ["logo", "zebra"]);
}

#[tokio::test]
async fn who_waits_is_told_when_it_cannot_be_stored() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(Config::default(), Arc::new(RedbStore::open(directory.path()).unwrap())).await;
    server.directory.put(&room_id(), settings()).await.unwrap();
    let room = server.directory.find(&room_id()).await.unwrap();
    // No folder can be made where a file is.
    fs::write(directory.path().join("pictures"), b"").unwrap();
    let (name, data) = ("logo".parse().unwrap(), Bytes::from_static(LOGO));
    let file = PictureFile { kind: PictureKind::Png, data };
    room.ask(|answer| ConferenceRequest::PutPicture { name, file, answer }).await.unwrap();
    assert_eq!(server.directory.stored(&room_id()).await, Err(ControlError::Internal));
    // What comes later is stored with what was not, as soon as that can be done.
    fs::remove_file(directory.path().join("pictures")).unwrap();
    patch(&server, &room, with_logo()).await;
    assert_eq!(files(&directory.path().join("pictures")).len(), 1);
}
