//! Finished recordings in an S3-compatible store: uploaded, read back, deleted; through an outage and over a
//! restart of ours.

use crate::{
    clip::clip,
    recording_files::{file, in_state, spawn, until},
    s3::S3,
};
use bytes::Bytes;
use futures::TryStreamExt;
use meetingcast::{
    config::RecordingConfig,
    egress::{
        hub::Hub,
        recording::{
            RecordingLibrary,
            library::LibraryError,
            record::{Recording, RecordingState},
        },
    },
    ids::RecordingId,
    units::MediaTime,
};
use std::{ops::Range, path::Path, time::Duration};

async fn library(config: &RecordingConfig, data: &Path) -> RecordingLibrary {
    let library = RecordingLibrary::open(config, data).unwrap();
    library.recover().await.unwrap();
    library
}

/// Records `seconds` of a clip of five, over and over.
async fn record(library: &RecordingLibrary, folder: &Path, seconds: u64) {
    let clip = clip(folder, 5, (320, 240), "main");
    let hub = Hub::new();
    let output = spawn(&hub, library);
    clip.configs().into_iter().for_each(|config| hub.set_config(config));
    for turn in 0..seconds.div_ceil(5) {
        clip.frames_from(MediaTime::from_millis(turn * 5000)).for_each(|frame| hub.push(frame));
        // As the hub's queue takes 30 s.
        let until_ms = (turn * 5000).saturating_sub(4000);
        until("it follows", || {
            (until_ms == 0 || library.list(|_| true).first()?.duration_ms >= until_ms).then_some(())
        })
        .await;
    }
    output.stop().await;
    assert_eq!(output.status().last_error, None);
}

async fn read(library: &RecordingLibrary, id: &RecordingId, range: Range<u64>) -> Vec<u8> {
    let media = library.movie(id).await.unwrap();
    let chunks: Vec<Bytes> = media.read(range).await.unwrap().try_collect().await.unwrap();
    chunks.concat()
}

async fn check(library: &RecordingLibrary, ready: &Recording, whole: &[u8]) {
    let length = ready.bytes;
    assert_eq!(library.movie(&ready.id).await.unwrap().length, length);
    assert!(read(library, &ready.id, 0..length).await == whole, "the same bytes come back");
    assert_eq!(read(library, &ready.id, 1000..1100).await, whole[1000..1100]);
    assert_eq!(read(library, &ready.id, length - 5..length).await, whole[whole.len() - 5..]);
    let playlist = library.playlist(&ready.id).await.unwrap();
    assert!(playlist.ends_with(b"#EXT-X-ENDLIST\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_recording_goes_to_the_store_and_is_read_from_there() {
    let (data, bucket) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let s3 = S3::start(bucket.path()).await;
    let config = s3.config("casts/main");
    let first = library(&config, data.path()).await;
    record(&first, bucket.path(), 5).await;
    let ready = in_state(&first, RecordingState::Ready).await;
    let key = |name: &str| format!("casts/main/.room:1/{}/{name}", ready.id);
    assert_eq!(s3.objects(), [key("file.mp4"), key("index.m3u8")]);
    assert_eq!(first.store_name(&ready), "s3://recordings/casts/main");
    let local = file(data.path(), &ready);
    until("the local file to go", || (!local.exists()).then_some(())).await;
    let whole = std::fs::read(bucket.path().join("recordings").join(key("file.mp4"))).unwrap();
    assert_eq!(whole.len() as u64, ready.bytes);
    check(&first, &ready, &whole).await;

    // The next run knows it, and takes it away on request.
    let next = library(&config, data.path()).await;
    assert_eq!(next.list(|_| true), std::slice::from_ref(&ready));
    check(&next, &ready, &whole).await;
    next.delete(&ready.id).await.unwrap();
    assert_eq!(s3.objects(), [] as [&str; 0]);
    assert!(matches!(next.movie(&ready.id).await, Err(LibraryError::NotFound)));

    // With another key nothing goes there, and it is said why.
    let mut wrong = config;
    wrong.s3_secret_access_key = meetingcast::redacted::Redacted::new("another".to_owned());
    let refused = library(&wrong, data.path()).await;
    record(&refused, bucket.path(), 5).await;
    let why = until("why", || refused.list(|_| true).first()?.trouble.clone()).await;
    assert_eq!(why, "the recordings' store refuses our key");
    assert_eq!(s3.objects(), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_and_a_restart_delay_an_upload_and_nothing_else() {
    let (data, bucket) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut s3 = S3::start(bucket.path()).await;
    let config = s3.config("");
    s3.go_away().await;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (settings, folder, clips) = (config.clone(), data.path().to_owned(), bucket.path().to_owned());
    // The first run: it ends while it waits for the store.
    let waiting = runtime.spawn(async move {
        let first = library(&settings, &folder).await;
        // More than a part of an upload.
        record(&first, &clips, 140).await;
        let waiting = in_state(&first, RecordingState::Uploading).await;
        until("it to be told", || first.find(&waiting.id)?.trouble).await;
        // The file can be had all the same.
        let media = first.movie(&waiting.id).await.unwrap();
        assert_eq!(media.length, waiting.bytes);
        waiting
    });
    let waiting = waiting.await.unwrap();
    runtime.shutdown_background();
    assert!(waiting.bytes > 8 * 1024 * 1024, "{waiting:?}");
    let whole = std::fs::read(file(data.path(), &waiting)).unwrap();

    // The second run: the store comes back.
    let second = library(&config, data.path()).await;
    until("it to wait again", || second.find(&waiting.id)?.trouble).await;
    s3.come_back().await;
    let ready = in_state(&second, RecordingState::Ready).await;
    assert_eq!((ready.bytes, ready.trouble.as_deref()), (waiting.bytes, None));
    assert_eq!(s3.objects().len(), 2);
    check(&second, &ready, &whole).await;

    // Away again: it cannot be read or deleted, and is still there after that.
    s3.go_away().await;
    let media = second.movie(&ready.id).await.unwrap();
    assert!(media.read(0..10).await.is_err());
    assert!(matches!(second.delete(&ready.id).await, Err(LibraryError::Remote(_))));
    s3.come_back().await;
    check(&second, &ready, &whole).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_takes_the_oldest_finished_ones() {
    let data = tempfile::tempdir().unwrap();
    let clips = tempfile::tempdir().unwrap();
    let config = RecordingConfig { max_total_bytes: 1_000_000, ..RecordingConfig::default() };
    let kept = library(&config, data.path()).await;
    // Each is some 300 kB; the clip's media time says when.
    let clip = clip(clips.path(), 5, (320, 240), "main");
    let mut ids = Vec::new();
    for turn in 0..4 {
        let hub = Hub::new();
        let output = spawn(&hub, &kept);
        clip.configs().into_iter().for_each(|config| hub.set_config(config));
        clip.frames_from(MediaTime::from_millis(turn * 60_000)).for_each(|frame| hub.push(frame));
        output.stop().await;
        let new = || {
            let all = kept.list(|_| true);
            let new = all.into_iter().find(|recording| !ids.contains(&recording.id));
            new.filter(|recording| recording.state() == RecordingState::Ready).map(|recording| recording.id)
        };
        ids.push(until("the next one", new).await);
    }
    until("the oldest to go", || kept.find(&ids[0]).is_none().then_some(())).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let left: Vec<_> = kept.list(|_| true);
    let total: u64 = left.iter().map(|recording| recording.bytes).sum();
    let newest: Vec<_> = left.iter().rev().map(|recording| recording.id.clone()).collect();
    assert_eq!(newest, ids[ids.len() - left.len()..], "the newest ones stay");
    assert!(total <= 1_000_000 && total + left[0].bytes > 1_000_000, "no more than had to: {left:?}");
}
