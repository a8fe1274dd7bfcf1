use super::harness::{Api, bearer, token_config};
use meetingcast::{
    config::Config,
    control::auth::Grant,
    egress::{
        hub::Hub,
        recording::{RecordingOutput, record::RecordingState},
    },
    ids::RecordingId,
    media::{EncodedFrame, Track, TrackConfig, VideoConfig},
    units::FrameRate,
};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};

const AVCC: &[u8] = &[
    1, 0x4d, 0x40, 0x0d, 0xff, 0xe1, 0, 10, 0x67, 0x4d, 0x40, 0x0d, 0xda, 0x05, 0x07, 0xe8, 0x40, 0x00, 1, 0,
    4, 0x68, 0xce, 0x3c, 0x80,
];

fn with_data(mut config: Config, data: &Path) -> Api {
    config.server.data_dir = data.to_owned();
    Api::new(config)
}

/// Starts a recording and pushes `seconds` of pictures; a keyframe each second.
fn record(api: &Api, conference: &str, at: &str, seconds: u64) -> (Hub, RecordingOutput) {
    let hub = Hub::new();
    let epoch = at.parse().unwrap();
    let output = RecordingOutput::spawn(&hub, conference.parse().unwrap(), epoch, api.recordings.clone());
    hub.set_config(TrackConfig::Video(VideoConfig {
        avcc: AVCC.into(),
        width: 320,
        height: 240,
        fps: 30,
        kbps: 500,
    }));
    for n in 0..seconds * 30 {
        let at = FrameRate(30).frame_time(n);
        let duration = FrameRate(30).frame_time(1);
        let data = vec![n as u8; 50].into();
        hub.push(EncodedFrame {
            track: Track::Video,
            pts: at,
            dts: at,
            duration,
            keyframe: n % 30 == 0,
            data,
        });
    }
    (hub, output)
}

async fn until<T>(what: &str, is: impl Fn() -> Option<T>) -> T {
    for _ in 0..2000 {
        if let Some(value) = is() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within twenty seconds: {what}");
}

/// A finished recording.
async fn recorded(api: &Api, conference: &str, at: &str, seconds: u64) -> RecordingId {
    let known: Vec<_> = api.recordings.list(|_| true).into_iter().map(|recording| recording.id).collect();
    let (_hub, output) = record(api, conference, at, seconds);
    output.stop().await;
    until("it is ready", || {
        let new = api.recordings.list(|_| true).into_iter().find(|recording| !known.contains(&recording.id));
        new.filter(|recording| recording.state() == RecordingState::Ready).map(|recording| recording.id)
    })
    .await
}

fn ids(list: &Value) -> Vec<String> {
    let recordings = list["recordings"].as_array().unwrap();
    recordings.iter().map(|recording| recording["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_recording_is_read_downloaded_and_played() {
    let data = tempfile::tempdir().unwrap();
    let api = with_data(Config::default(), data.path());
    let id = recorded(&api, "room:1", "2026-03-04T05:06:07Z", 5).await;
    let url = format!("http://cast.example/v1/recordings/{id}");
    let path = format!("/v1/recordings/{id}");
    let reply = api.get(&path).await;
    assert_eq!(reply.status, 200);
    let found = reply.json();
    let bytes = found["bytes"].as_u64().unwrap();
    assert_eq!(
        found,
        json!({"id": id.as_str(), "conference": "room:1", "state": "ready", "started_at": "2026-03-04T05:06:07Z",
               "ended_at": "2026-03-04T05:06:12Z", "duration_ms": 5000, "bytes": bytes, "width": 320, "height": 240,
               "download": format!("{url}/file.mp4"), "playlist": format!("{url}/index.m3u8"), "store": "local",
               "error": null})
    );

    let file = format!("{path}/file.mp4");
    let whole = api.get(&file).await;
    assert_eq!((whole.status.as_u16(), whole.body.len() as u64), (200, bytes));
    assert_eq!(&whole.body[4..8], b"ftyp");
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    assert_eq!(
        whole.header("content-disposition"),
        Some("attachment; filename=\"room-1-20260304T050607Z.mp4\"")
    );
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-length"), Some(bytes.to_string().as_str()));
    let head = api.call("HEAD", &file, &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), whole.header("content-length"));
    let etag = whole.header("etag").unwrap();

    let range = |value: &'static str, more: Option<(&'static str, String)>| {
        let (api, file) = (api.clone(), file.clone());
        async move {
            let mut headers = vec![("range", value)];
            headers.extend(more.as_ref().map(|(name, value)| (*name, value.as_str())));
            api.call("GET", &file, &headers, "").await
        }
    };
    let part = range("bytes=100-199", None).await;
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), Some(format!("bytes 100-199/{bytes}").as_str()));
    assert_eq!(part.body, whole.body[100..200]);
    let part = range("bytes=-10", Some(("if-range", etag.to_owned()))).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole.body[whole.body.len() - 10..]));
    let other = range("bytes=-10", Some(("if-range", "\"other\"".to_owned()))).await;
    assert_eq!((other.status.as_u16(), other.body.len() as u64), (200, bytes));
    let outside = range("bytes=99999999-", None).await;
    outside.is(416, "range_not_satisfiable");
    assert_eq!(outside.header("content-range"), Some(format!("bytes */{bytes}").as_str()));

    // Each segment of the playlist is a range of the same file.
    let playlist = api.get(&format!("{path}/index.m3u8")).await;
    assert_eq!(playlist.header("content-type"), Some("application/vnd.apple.mpegurl"));
    let mut segments = 0;
    for line in playlist.text().lines().filter_map(|line| line.strip_prefix("#EXT-X-BYTERANGE:")) {
        let (length, offset) = line.split_once('@').unwrap();
        let (length, offset): (usize, usize) = (length.parse().unwrap(), offset.parse().unwrap());
        assert_eq!(&whole.body[offset + 4..offset + 8], b"moof");
        assert!(offset + length <= whole.body.len());
        segments += 1;
    }
    assert_eq!(segments, 3, "{}", playlist.text());
}

#[tokio::test]
async fn the_list_has_pages_and_shows_only_what_the_token_covers() {
    let data = tempfile::tempdir().unwrap();
    let api = with_data(token_config(), data.path());
    let first = recorded(&api, "room", "2026-01-01T00:00:00Z", 1).await.to_string();
    let second = recorded(&api, "room", "2026-01-02T00:00:00Z", 1).await.to_string();
    let other = recorded(&api, "other", "2026-01-03T00:00:00Z", 1).await.to_string();
    let call = |path: String, token: String| {
        let api = api.clone();
        async move { api.call("GET", &path, &[("authorization", &token)], "").await }
    };
    let (room, all) = (bearer("ann", "room", &[Grant::Cast]), bearer("root", "*", &[Grant::Admin]));
    let list = |query: &str, token: &str| call(format!("/v1/recordings{query}"), token.to_owned());

    assert_eq!(ids(&list("", &room).await.json()), [second.clone(), first.clone()], "newest first");
    assert_eq!(ids(&list("", &all).await.json()), [other.clone(), second.clone(), first.clone()]);
    assert_eq!(ids(&list("?conference=other", &all).await.json()), [other.as_str()]);
    list("?conference=other", &room).await.is(403, "forbidden");
    let page = list("?limit=2", &all).await.json();
    assert_eq!((ids(&page), &page["next"]), (vec![other.clone(), second.clone()], &json!(second)));
    let page = list(&format!("?limit=2&after={second}"), &all).await.json();
    assert_eq!((ids(&page), &page["next"]), (vec![first.clone()], &Value::Null));
    list(&format!("?after={other}"), &room).await.is(404, "recording_not_found");
    list("?limit=0", &all).await.is(400, "invalid_request");

    for path in ["", "/file.mp4", "/index.m3u8"] {
        let path = format!("/v1/recordings/{other}{path}");
        api.get(&path).await.is(401, "token_missing");
        call(path.clone(), bearer("ann", "other", &[Grant::Subscribe])).await.is(403, "forbidden");
        call(path.clone(), room.clone()).await.is(403, "forbidden");
        assert_eq!(call(path.clone(), bearer("ann", "other", &[Grant::Cast])).await.status, 200);
        let unknown = path.replace(&other, "0123456789abcdef0123456789abcdef");
        call(unknown, room.clone()).await.is(404, "recording_not_found");
        let strange = path.replace(&other, "..%2f..");
        call(strange, room.clone()).await.is(404, "recording_not_found");
    }
}

#[tokio::test]
async fn a_recording_that_is_being_made_is_not_deleted() {
    let data = tempfile::tempdir().unwrap();
    let api = with_data(Config::default(), data.path());
    let (_hub, output) = record(&api, "room", "2026-01-01T00:00:00Z", 5);
    let id = until("its first fragment", || Some(api.recordings.list(|_| true).first()?.id.clone())).await;
    let path = format!("/v1/recordings/{id}");
    until("two fragments", || (api.recordings.find(&id)?.duration_ms >= 4000).then_some(())).await;
    let found = api.get(&path).await.json();
    assert_eq!(
        (&found["state"], &found["ended_at"], &found["playlist"]),
        (&json!("recording"), &Value::Null, &Value::Null)
    );
    api.call("DELETE", &path, &[], "").await.is(409, "recording_busy");
    api.get(&format!("{path}/index.m3u8")).await.is(409, "recording_busy");
    // What is there so far can be had.
    let so_far = api.get(&format!("{path}/file.mp4")).await;
    assert_eq!(so_far.body.len() as u64, found["bytes"].as_u64().unwrap());

    output.stop().await;
    until("it is ready", || api.recordings.find(&id).filter(|r| r.state() == RecordingState::Ready)).await;
    assert_eq!(api.call("DELETE", &path, &[], "").await.status, 204);
    api.call("DELETE", &path, &[], "").await.is(404, "recording_not_found");
    api.get(&format!("{path}/file.mp4")).await.is(404, "recording_not_found");
    assert_eq!(api.get("/v1/recordings").await.json(), json!({"recordings": [], "next": null}));
}
