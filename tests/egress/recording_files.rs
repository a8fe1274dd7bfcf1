//! Recordings as files: what they hold after a stop, a crash, a new worker, a restart, on a full disk.
//! Judged by ffprobe, which decodes every frame.

use crate::clip::{clip, look};
use meetingcast::{
    config::RecordingConfig,
    egress::{
        hub::Hub,
        output::OutputState,
        recording::{
            RecordingLibrary, RecordingOutput, fragments,
            library::LibraryError,
            record::{Recording, RecordingState},
        },
    },
    ids::{ConferenceId, Incarnation},
    media::{EncodedFrame, Track},
    units::MediaTime,
};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub const EPOCH: &str = "2026-03-04T05:06:07.5Z";

pub fn room() -> ConferenceId {
    ".room:1".parse().unwrap()
}

pub async fn library(data: &Path) -> RecordingLibrary {
    let library = RecordingLibrary::open(&RecordingConfig::default(), data).unwrap();
    library.recover().await.unwrap();
    library
}

pub fn spawn(hub: &Hub, library: &RecordingLibrary) -> RecordingOutput {
    RecordingOutput::spawn(hub, room(), EPOCH.parse().unwrap(), library.clone())
}

/// Waits for real: files are real.
pub async fn until<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(value) = is() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within half a minute: {what}");
}

/// The one recording, when it is in this state.
pub async fn in_state(library: &RecordingLibrary, state: RecordingState) -> Recording {
    let only = || library.list(|_| true).into_iter().next().filter(|recording| recording.state() == state);
    until(&format!("{state:?}: {:?}", library.list(|_| true)), only).await
}

pub fn file(data: &Path, recording: &Recording) -> PathBuf {
    data.join("recordings/%2Eroom%3A1").join(recording.id.as_str()).join("file.mp4")
}

fn boxes(path: &Path) -> Vec<String> {
    fragments::top_level(&mut File::open(path).unwrap()).unwrap()
}

async fn looked(path: &Path) -> crate::clip::Looked {
    let path = path.to_str().unwrap().to_owned();
    tokio::task::spawn_blocking(move || look(&path)).await.unwrap()
}

fn pictures(frames: &[EncodedFrame]) -> usize {
    frames.iter().filter(|frame| frame.track == Track::Video).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_grows_playable_and_ends_as_a_plain_file() {
    let data = tempfile::tempdir().unwrap();
    let clip = clip(data.path(), 11, (320, 240), "main");
    let (hub, library) = (Hub::new(), library(data.path()).await);
    let output = spawn(&hub, &library);
    clip.configs().into_iter().for_each(|config| hub.set_config(config));
    assert_eq!(output.status().state, OutputState::Connecting);
    let start = MediaTime::from_millis(1234);
    let mut frames: Vec<_> = clip.frames_from(start).collect();
    let late = frames.split_off(frames.iter().position(|f| f.pts >= MediaTime::from_millis(6_300)).unwrap());
    frames.iter().cloned().for_each(|frame| hub.push(frame));
    until("two fragments", || (library.list(|_| true).first()?.duration_ms >= 4000).then_some(())).await;
    assert_eq!(output.status().state, OutputState::Live);

    let growing = in_state(&library, RecordingState::Recording).await;
    assert_eq!((growing.width, growing.height), (Some(320), Some(240)));
    assert_eq!(growing.started_at.to_string(), "2026-03-04T05:06:08.734Z");
    assert_eq!(output.status().bytes_sent, growing.bytes);
    let path = file(data.path(), &growing);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), growing.bytes);
    let so_far = looked(&path).await;
    assert_eq!((so_far.pictures.len(), so_far.gaps()), (120, vec![]), "whole fragments of two seconds");
    assert!(matches!(library.delete(&growing.id).await, Err(LibraryError::Busy)));
    assert!(matches!(library.playlist(&growing.id).await, Err(LibraryError::Busy)));

    late.iter().cloned().for_each(|frame| hub.push(frame));
    output.stop().await;
    let status = output.status();
    assert_eq!((status.state, status.frames_dropped, status.last_error), (OutputState::Stopped, 0, None));
    let ready = in_state(&library, RecordingState::Ready).await;
    assert_eq!(boxes(&path), ["ftyp", "moov", "mdat"], "the tables come first");
    let whole = looked(&path).await;
    assert_eq!(whole.pictures.len(), 330);
    assert_eq!(whole.gaps(), Vec::<f64>::new());
    let sounds = clip.frames.iter().filter(|frame| frame.track == Track::Audio).count();
    assert_eq!(whole.sounds.len(), sounds);
    assert!((whole.pictures[0] - whole.sounds[0]).abs() < 0.022, "sound and picture start together");
    assert!((whole.duration - 11.0).abs() < 0.1, "{}", whole.duration);
    assert!(ready.duration_ms.abs_diff(11_000) < 100, "{ready:?}");
    assert_eq!(ready.bytes, std::fs::metadata(&path).unwrap().len());
    let ended = ready.ended_at.unwrap().duration_since(ready.started_at).as_millis();
    assert!(ended.abs_diff(11_000) < 100, "{ready:?}");

    // The playlist beside it plays the same frames.
    let playlist = String::from_utf8(library.playlist(&ready.id).await.unwrap().to_vec()).unwrap();
    assert!(playlist.contains("#EXT-X-PLAYLIST-TYPE:VOD\n"), "{playlist}");
    assert_eq!(playlist.matches("#EXTINF:2.000000,\n").count(), 5, "{playlist}");
    let listed = looked(&path.with_file_name("index.m3u8")).await;
    assert_eq!((listed.pictures.len(), listed.gaps()), (330, vec![]));

    library.delete(&ready.id).await.unwrap();
    assert!(library.find(&ready.id).is_none());
    assert!(!path.exists() && !data.path().join("recordings/%2Eroom%3A1").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_costs_a_fragment_at_most_and_the_next_run_finishes_the_file() {
    let data = tempfile::tempdir().unwrap();
    let clip = clip(data.path(), 9, (320, 240), "main");
    let (hub, before) = (Hub::new(), library(data.path()).await);
    let output = spawn(&hub, &before);
    clip.configs().into_iter().for_each(|config| hub.set_config(config));
    clip.frames.iter().cloned().for_each(|frame| hub.push(frame));
    until("four fragments", || (before.list(|_| true).first()?.duration_ms >= 8000).then_some(())).await;
    let growing = in_state(&before, RecordingState::Recording).await;
    let folder = file(data.path(), &growing).parent().unwrap().to_owned();

    // What a killed server leaves, cut anywhere: before the first fragment's end, within each, at the end.
    let bytes = std::fs::read(file(data.path(), &growing)).unwrap();
    let record = std::fs::read(folder.join("recording.json")).unwrap();
    let mut seen = Vec::new();
    for tenth in [0, 1, 3, 5, 7, 9, 10] {
        let crashed = tempfile::tempdir().unwrap();
        let there = crashed.path().join("recordings/%2Eroom%3A1").join(growing.id.as_str());
        std::fs::create_dir_all(&there).unwrap();
        std::fs::write(there.join("recording.json"), &record).unwrap();
        let cut = bytes.len() * tenth / 10;
        std::fs::write(there.join("file.mp4"), &bytes[..cut]).unwrap();

        let next = library(crashed.path()).await;
        let fate = until("the fate of it", || match next.list(|_| true).first() {
            None => Some(None),
            Some(found) => (found.state() == RecordingState::Ready).then(|| Some(found.clone())),
        });
        let Some(ready) = fate.await else {
            seen.push(0);
            assert!(!there.exists(), "nothing is left of nothing");
            continue;
        };
        let whole = looked(&there.join("file.mp4")).await;
        assert_eq!(whole.gaps(), Vec::<f64>::new());
        assert_eq!(boxes(&there.join("file.mp4")), ["ftyp", "moov", "mdat"]);
        assert_eq!(ready.duration_ms / 100, (whole.duration * 10.0) as u64);
        assert!(ready.ended_at.is_some());
        seen.push(whole.pictures.len());
        // And the run after that one finds it done.
        let after = library(crashed.path()).await;
        assert_eq!(after.find(&ready.id), Some(ready));
    }
    assert_eq!(seen, [0, 0, 60, 120, 120, 180, 240], "whole fragments");
    output.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_worker_goes_on_in_the_same_file() {
    for (size, profile) in [((320, 240), "main"), ((320, 240), "high"), ((640, 360), "main")] {
        let data = tempfile::tempdir().unwrap();
        let first = clip(data.path(), 5, (320, 240), "main");
        let second = clip(data.path(), 5, size, profile);
        let (hub, library) = (Hub::new(), library(data.path()).await);
        let output = spawn(&hub, &library);
        first.configs().into_iter().for_each(|config| hub.set_config(config));
        first.frames.iter().cloned().for_each(|frame| hub.push(frame));
        hub.discontinuity(Incarnation(1));
        second.configs().into_iter().for_each(|config| hub.set_config(config));
        second.frames_from(MediaTime::from_millis(5700)).for_each(|frame| hub.push(frame));
        hub.end();
        output.stop().await;

        let ready = in_state(&library, RecordingState::Ready).await;
        let path = file(data.path(), &ready);
        let sizes = if size == (320, 240) { vec![(320, 240)] } else { vec![(320, 240), (640, 360)] };
        for input in [path.clone(), path.with_file_name("index.m3u8")] {
            let whole = looked(&input).await;
            assert_eq!(whole.pictures.len(), 300, "{size:?} {profile} {}", input.display());
            assert_eq!(whole.sizes, sizes, "{profile}");
            let [gap] = whole.gaps()[..] else { panic!("{:?}", whole.gaps()) };
            assert!((gap - (0.7 + 1.0 / 30.0)).abs() < 0.002, "{gap}");
        }
        for (file, kind) in [("file.mp4", "mp4"), ("index.m3u8", "m3u8")] {
            let name = format!("two-workers-{}x{}-{profile}.{kind}", size.0, size.1);
            crate::clip::keep(&path.with_file_name(file), &name);
        }
        assert!(ready.duration_ms.abs_diff(10_700) < 100, "{ready:?}");
        assert_eq!(output.status().frames_dropped, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_recorded_leaves_nothing() {
    let data = tempfile::tempdir().unwrap();
    let (hub, library) = (Hub::new(), library(data.path()).await);
    let output = spawn(&hub, &library);
    output.stop().await;
    output.stop().await;
    assert_eq!(output.status().state, OutputState::Stopped);
    assert!(library.list(|_| true).is_empty());
    assert!(!data.path().join("recordings").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_used_fails_the_output_with_a_sentence() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("recordings"), "a file where the folder should be").unwrap();
    let clip = clip(data.path(), 3, (320, 240), "main");
    let hub = Hub::new();
    let library = RecordingLibrary::open(&RecordingConfig::default(), data.path()).unwrap();
    let output = spawn(&hub, &library);
    clip.configs().into_iter().for_each(|config| hub.set_config(config));
    clip.frames.iter().cloned().for_each(|frame| hub.push(frame));
    let failed = until("failed", || Some(output.status()).filter(|s| s.state == OutputState::Failed)).await;
    let sentence = failed.last_error.unwrap();
    assert!(sentence.starts_with("the recording cannot be written: "), "{sentence}");
    assert!(!sentence.contains('/'), "{sentence}");
    assert!(library.list(|_| true).is_empty());
    output.stop().await;
    assert_eq!(output.status().state, OutputState::Failed, "a stop does not make it good");
}

/// The disk is full in the middle: the test runs itself again where it is. As root or where user namespaces
/// are allowed that is a file system of 1 MiB; elsewhere files may not be longer than that (`ulimit -f`).
#[test]
fn a_full_disk_fails_the_output_and_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let namespaces = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|s| s.success());
    let script = if namespaces {
        "mount -t tmpfs -o size=1m tmpfs \"$FULL_DISK\" && exec \"$0\" \"$@\""
    } else {
        "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""
    };
    let mut command = Command::new(if namespaces { "unshare" } else { "env" });
    if namespaces {
        command.arg("-rm");
    }
    let output = command
        .args(["sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "recording_files::on_a_full_disk", "--ignored", "--nocapture"])
        .env("FULL_DISK", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs within the test above, with little space"]
async fn on_a_full_disk() {
    let disk = PathBuf::from(std::env::var_os("FULL_DISK").expect("where there is little space"));
    let elsewhere = tempfile::tempdir().unwrap();
    let clip = clip(elsewhere.path(), 30, (320, 240), "main");
    let (hub, library) = (Hub::new(), library(&disk).await);
    let output = spawn(&hub, &library);
    let mut other = hub.subscribe(meetingcast::egress::hub::QueueLimits {
        bytes: usize::MAX / 2,
        span: Duration::from_secs(100),
    });
    clip.configs().into_iter().for_each(|config| hub.set_config(config));
    clip.frames.iter().cloned().for_each(|frame| hub.push(frame));
    let failed = until("failed", || Some(output.status()).filter(|s| s.state == OutputState::Failed)).await;
    let sentence = failed.last_error.unwrap();
    assert!(sentence.starts_with("the recording cannot be written: "), "{sentence}");
    // The rest of the cast has everything.
    let mut seen = 0;
    while let Some(item) = other.try_recv() {
        seen += usize::from(matches!(item, meetingcast::egress::hub::HubItem::Frame(_)));
    }
    assert_eq!(seen, clip.frames.len());
    output.stop().await;

    // Half a mebibyte and more is there and plays; there may be no room for the plain file.
    let [recording] = &library.list(|_| true)[..] else { panic!("{:?}", library.list(|_| true)) };
    assert!(recording.bytes > 500_000 && recording.bytes == failed.bytes_sent, "{recording:?}");
    assert_eq!(recording.error.as_deref(), Some(sentence.as_str()));
    let kept = file(&disk, recording);
    let whole = looked(&kept).await;
    assert!(whole.pictures.len() >= 60 && whole.pictures.len() < pictures(&clip.frames), "{whole:?}");
    assert!(whole.pictures.len().is_multiple_of(60) && whole.gaps().is_empty(), "{whole:?}");
    // What cannot be finished may be deleted.
    let deletable =
        || library.list(|_| true).first().filter(|r| r.trouble.is_some() || r.is_finished()).cloned();
    let recording = until("it waits, or is done", deletable).await;
    library.delete(&recording.id).await.unwrap();
    assert!(!kept.exists());
}
