//! An HLS stream's life beside the packaging: files, replacement, the time after the end, a dead disk.

use bytes::Bytes;
use meetingcast::{
    config::HlsConfig,
    egress::{
        hls::{HlsLibrary, HlsOutput},
        hub::Hub,
        output::{OutputState, OutputStatus},
    },
    ids::ConferenceId,
    media::{EncodedFrame, Track, TrackConfig, VideoConfig},
    units::FrameRate,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const AVCC: &[u8] = &[
    1, 0x4d, 0x40, 0x0d, 0xff, 0xe1, 0, 10, 0x67, 0x4d, 0x40, 0x0d, 0xda, 0x05, 0x07, 0xe8, 0x40, 0x00, 1, 0,
    4, 0x68, 0xce, 0x3c, 0x80,
];

fn room() -> ConferenceId {
    ".room:1".parse().unwrap()
}

fn spawn(hub: &Hub, data_dir: &Path, library: &HlsLibrary) -> HlsOutput {
    let avcc = Bytes::from_static(AVCC);
    hub.set_config(TrackConfig::Video(VideoConfig { avcc, width: 320, height: 240, fps: 30, kbps: 500 }));
    let config = HlsConfig { window_s: 12, ..HlsConfig::default() };
    HlsOutput::spawn(hub, room(), jiff::Timestamp::UNIX_EPOCH, config, data_dir.to_owned(), library.clone())
}

/// Pictures only, a keyframe every 2 s.
fn push(hub: &Hub, seconds: std::ops::Range<u64>) {
    for n in seconds.start * 30..seconds.end * 30 {
        let at = FrameRate(30).frame_time(n);
        hub.push(EncodedFrame {
            track: Track::Video,
            pts: at,
            dts: at,
            duration: FrameRate(30).frame_time(1),
            keyframe: n % 60 == 0,
            data: vec![n as u8; 50].into(),
        });
    }
}

/// The files under `folder`, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Lets the tasks work until it is so. Time is paused: nothing waits for real except file operations.
async fn until(what: &str, is: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("not within ten seconds: {what}");
}

fn listed(library: &HlsLibrary) -> Vec<u64> {
    let media = library.find(&room()).and_then(|stream| stream.media("video"));
    let text = media.map(|media| String::from_utf8(media.plain.to_vec()).unwrap()).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.strip_prefix("seg-")?.strip_suffix(".m4s"));
    names.map(|msn| msn.parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn old_segments_are_read_from_disk_and_files_go_in_the_end() {
    let (hub, library, data) = (Hub::new(), HlsLibrary::new(), tempfile::tempdir().unwrap());
    let output = spawn(&hub, data.path(), &library);
    let mut seen = Vec::new();
    for step in 0..30 {
        push(&hub, step * 2..step * 2 + 2);
        until("the next segment", || listed(&library).last() != seen.last() || step == 0).await;
        seen.extend(listed(&library).last());
    }
    // The last segment is still open. 6 are listed; 7 more can be fetched (RFC 8216 §6.2.2).
    let listed = listed(&library);
    assert_eq!(listed.len(), 6);
    let stream = library.find(&room()).unwrap();
    until("expired files to go", || files(data.path()).len() == 13).await;
    let newest = stream.segment("video", listed[5]).await.unwrap().unwrap();
    for msn in listed[0] - 7..listed[0] {
        let old = stream.segment("video", msn).await.unwrap().expect("it left the list not long ago");
        assert!(old.len().abs_diff(newest.len()) < 10, "{msn}");
    }
    assert!(stream.segment("video", listed[0] - 8).await.unwrap().is_none());
    let folder = data.path().join("hls").join("%2Eroom%3A1");
    assert!(files(data.path()).iter().all(|file| file.starts_with(&folder)), "{:?}", files(data.path()));

    output.stop().await;
    assert_eq!(output.status().state, OutputState::Stopped);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(library.find(&room()).is_some(), "an ended stream can be watched for keep_s");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(library.find(&room()).is_none());
    until("all files to go", || files(data.path()).is_empty() && !folder.exists()).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_cast_takes_the_place_of_the_old_and_no_url_names_two_things() {
    let (library, data) = (HlsLibrary::new(), tempfile::tempdir().unwrap());
    // What a crashed server left behind.
    let crashed = data.path().join("hls/%2Eroom%3A1/0123456789abcdef/video");
    std::fs::create_dir_all(&crashed).unwrap();
    std::fs::write(crashed.join("seg-1.m4s"), "old").unwrap();

    let first = Hub::new();
    let output = spawn(&first, data.path(), &library);
    push(&first, 0..20);
    until("nine segments", || listed(&library).len() == 6).await;
    until("the crashed cast's files to go", || !crashed.exists()).await;
    first.end();
    output.stop().await;
    let before = listed(&library);
    let old = library.find(&room()).unwrap();

    let second = Hub::new();
    let output = spawn(&second, data.path(), &library);
    assert!(listed(&library).is_empty(), "the old stream is gone at once");
    push(&second, 0..5);
    assert!(output.playable().await);
    assert!(listed(&library)[0] > before[before.len() - 1]);
    until("the old files to go", || files(data.path()).len() == 2).await;
    assert!(old.segment("video", before[0]).await.unwrap().is_none());

    // The old stream's time runs out; the new one stays.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(listed(&library).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dead_disk_is_told_and_does_not_stop_the_cast() {
    let (hub, library, data) = (Hub::new(), HlsLibrary::new(), tempfile::tempdir().unwrap());
    std::fs::write(data.path().join("hls"), "a file where the folder should be").unwrap();
    let output = spawn(&hub, data.path(), &library);
    push(&hub, 0..30);
    until("the disk's failure", || output.status().last_error.is_some()).await;
    until("all segments", || listed(&library).len() == 6).await;
    let error = output.status().last_error.unwrap();
    assert!(error.contains("memory") && !error.contains(data.path().to_str().unwrap()), "{error}");
    let stream = library.find(&room()).unwrap();
    for msn in listed(&library) {
        assert!(stream.segment("video", msn).await.unwrap().is_some());
    }
    assert_eq!(output.status().state, OutputState::Live);
    output.stop().await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handle_ends_the_stream() {
    let (hub, library, data) = (Hub::new(), HlsLibrary::new(), tempfile::tempdir().unwrap());
    let output = spawn(&hub, data.path(), &library);
    push(&hub, 0..5);
    assert!(output.playable().await);
    drop(output);
    let ended = || {
        let media = library.find(&room()).unwrap().media("video").unwrap();
        media.plain.ends_with(b"#EXT-X-ENDLIST\n")
    };
    until("ENDLIST", ended).await;
}

#[tokio::test(start_paused = true)]
async fn an_output_that_never_had_a_picture_is_not_playable() {
    let (hub, library, data) = (Hub::new(), HlsLibrary::new(), tempfile::tempdir().unwrap());
    let output = spawn(&hub, data.path(), &library);
    hub.end();
    assert!(!output.playable().await);
    let OutputStatus { state, bytes_sent, .. } = output.status();
    assert_eq!((state, bytes_sent), (OutputState::Stopped, 0));
    // A stop after the end is answered too.
    output.stop().await;
}

#[tokio::test(start_paused = true)]
async fn parameters_that_cannot_be_written_are_told() {
    let (hub, library, data) = (Hub::new(), HlsLibrary::new(), tempfile::tempdir().unwrap());
    let output = spawn(&hub, data.path(), &library);
    let avcc = Bytes::from_static(b"nonsense");
    hub.set_config(TrackConfig::Video(VideoConfig { avcc, width: 320, height: 240, fps: 30, kbps: 500 }));
    push(&hub, 0..5);
    until("the error", || output.status().last_error.is_some()).await;
    assert_eq!(output.status().state, OutputState::Connecting);
    // The next parameters are good again.
    let avcc = Bytes::from_static(AVCC);
    hub.set_config(TrackConfig::Video(VideoConfig { avcc, width: 320, height: 240, fps: 30, kbps: 500 }));
    push(&hub, 6..11);
    assert!(output.playable().await);
    assert_eq!(output.status().last_error, None);
}
