//! The HLS routes as players, caches and strangers use them, without a network.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
};
use bytes::Bytes;
use flate2::read::GzDecoder;
use meetingcast::{
    config::HlsConfig,
    control::http::hls::router,
    egress::{
        hls::{HlsLibrary, HlsOutput},
        hub::Hub,
    },
    media::{AudioConfig, EncodedFrame, Track, TrackConfig, VideoConfig},
    units::{FrameRate, MediaTime},
};
use serde_json::Value;
use std::io::Read;
use tower::ServiceExt;

/// The avcC of a 320x240 main profile stream.
const AVCC: &[u8] = &[
    1, 0x4d, 0x40, 0x0d, 0xff, 0xe1, 0, 10, 0x67, 0x4d, 0x40, 0x0d, 0xda, 0x05, 0x07, 0xe8, 0x40, 0x00, 1, 0,
    4, 0x68, 0xce, 0x3c, 0x80,
];

fn configure(hub: &Hub) {
    configure_picture(hub, 240, 500);
    let asc = Bytes::from_static(&[0x11, 0x90]);
    hub.set_config(TrackConfig::Audio(AudioConfig { asc, sample_rate: 48_000, channels: 2, kbps: 128 }));
}

/// The same parameter sets whatever the height: nobody decodes these pictures.
pub fn configure_picture(hub: &Hub, height: u32, kbps: u32) {
    let avcc = Bytes::from_static(AVCC);
    hub.set_config(TrackConfig::Video(VideoConfig { avcc, width: height * 4 / 3, height, fps: 30, kbps }));
}

/// `seconds` of frames from `from` s on, a keyframe every 2 s.
pub fn push(hub: &Hub, from: u64, seconds: u64) {
    push_frames(hub, from * 30..(from + seconds) * 30);
}

/// These pictures, and before each the sound that begins with it or after the one before.
pub fn push_frames(hub: &Hub, frames: std::ops::Range<u64>) {
    let audio_frame = |n: u64| MediaTime(n * 1024 * 1_000_000_000 / 48_000);
    let after = frames.start.checked_sub(1).map(|last| FrameRate(30).frame_time(last));
    let mut sound = after.map_or(0, |after| (0..).find(|&n| audio_frame(n) > after).unwrap());
    for n in frames {
        let at = FrameRate(30).frame_time(n);
        while audio_frame(sound) <= at {
            hub.push(frame(Track::Audio, audio_frame(sound), audio_frame(1), true));
            sound += 1;
        }
        hub.push(frame(Track::Video, at, FrameRate(30).frame_time(1), n % 60 == 0));
    }
}

pub fn frame(track: Track, at: MediaTime, duration: MediaTime, keyframe: bool) -> EncodedFrame {
    EncodedFrame { track, pts: at, dts: at, duration, keyframe, data: vec![0; 100].into() }
}

pub struct Site {
    pub app: Router,
    pub output: HlsOutput,
    pub hub: Hub,
    pub library: HlsLibrary,
    pub folder: tempfile::TempDir,
}

impl Site {
    pub fn start(config: HlsConfig) -> Self {
        Self::start_on(Hub::new(), config)
    }

    pub fn start_on(hub: Hub, config: HlsConfig) -> Self {
        let (folder, library) = (tempfile::tempdir().unwrap(), HlsLibrary::new());
        configure(&hub);
        let epoch = "2026-03-04T05:06:07Z".parse().unwrap();
        let room = "room".parse().unwrap();
        let output = HlsOutput::spawn(&hub, room, epoch, config, folder.path().to_owned(), library.clone());
        Self { app: router(library.clone()), output, hub, library, folder }
    }

    /// A stream with three segments and more to come.
    pub async fn live() -> Self {
        Self::live_with(HlsConfig::default()).await
    }

    pub async fn live_with(config: HlsConfig) -> Self {
        let site = Self::start(config);
        push(&site.hub, 0, 7);
        assert!(site.output.playable().await);
        // The first segment is there; ask until the others are.
        while site.segment_names().await.len() < 3 {
            tokio::task::yield_now().await;
        }
        site
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::to(self.app.clone(), request.body(Body::empty()).unwrap()).await
    }

    /// Asks without waiting for the reply.
    pub fn ask(&self, path: &str) -> tokio::task::JoinHandle<Reply> {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        tokio::spawn(Reply::to(self.app.clone(), request))
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers).await
    }

    pub async fn segment_names(&self) -> Vec<String> {
        let media = self.get("/hls/room/video/media.m3u8", &[]).await.text();
        media
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|name| format!("/hls/room/video/{name}"))
            .collect()
    }
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    async fn to(app: Router, request: Request<Body>) -> Self {
        let response = app.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body: to_bytes(body, 10_000_000).await.unwrap() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status.as_u16());
        assert!(problem["type"].is_string() && problem["title"].is_string() && problem["detail"].is_string());
        problem["code"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn playlists_have_their_type_and_are_asked_for_again() {
    let site = Site::live().await;
    let index = site.get("/hls/room/index.m3u8", &[]).await;
    assert_eq!(index.status, StatusCode::OK);
    assert_eq!(index.header("content-type"), "application/vnd.apple.mpegurl");
    assert_eq!(index.header("cache-control"), "no-cache");
    let text = index.text();
    assert!(text.contains("CODECS=\"avc1.4d400d,mp4a.40.2\",RESOLUTION=320x240,FRAME-RATE=30.000"), "{text}");
    assert!(text.ends_with("\nvideo/media.m3u8\n"), "{text}");
    let rate = |name: &str| -> u64 {
        let (_, rest) = text.split_once(name).unwrap();
        rest.split(',').next().unwrap().parse().unwrap()
    };
    // 628 kbit/s of media and the boxes around it; a quarter more at the peak.
    let average = rate(",AVERAGE-BANDWIDTH=");
    assert!((628_000..640_000).contains(&average), "{average}");
    assert_eq!(rate(":BANDWIDTH="), average + average / 4);

    let media = site.get("/hls/room/video/media.m3u8", &[]).await;
    assert!(media.text().starts_with("#EXTM3U\n") && !media.text().contains("ENDLIST"));
    let tag = media.header("etag").to_owned();
    let again = site.get("/hls/room/video/media.m3u8", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    site.output.stop().await;
    let changed = site.get("/hls/room/video/media.m3u8", &[("if-none-match", &tag)]).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert!(changed.text().ends_with("#EXT-X-ENDLIST\n"));
}

#[tokio::test]
async fn playlists_are_compressed_for_those_who_ask() {
    let site = Site::live().await;
    for path in ["/hls/room/index.m3u8", "/hls/room/video/media.m3u8"] {
        let plain = site.get(path, &[]).await;
        let packed = site.get(path, &[("accept-encoding", "gzip, deflate, br")]).await;
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"));
        assert_eq!((plain.header("vary"), packed.header("vary")), ("accept-encoding", "accept-encoding"));
        assert_eq!(packed.header("content-type"), "application/vnd.apple.mpegurl");
        let mut unpacked = String::new();
        GzDecoder::new(&packed.body[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.text());
    }
}

#[tokio::test]
async fn segments_have_their_type_and_stay_in_caches() {
    let site = Site::live().await;
    let names = site.segment_names().await;
    let segment = site.get(&names[1], &[("accept-encoding", "gzip")]).await;
    assert_eq!(segment.status, StatusCode::OK);
    assert_eq!(segment.header("content-type"), "video/iso.segment");
    assert_eq!(segment.header("content-encoding"), "");
    let caching = segment.header("cache-control");
    assert!(caching.contains("public") && caching.contains("max-age=") && caching.contains("immutable"));
    assert_eq!(&segment.body[4..8], b"styp");

    let media = site.get("/hls/room/video/media.m3u8", &[]).await.text();
    let (_, init) = media.split_once("#EXT-X-MAP:URI=\"").unwrap();
    let init = site.get(&format!("/hls/room/video/{}", init.split('"').next().unwrap()), &[]).await;
    assert_eq!(init.header("content-type"), "video/mp4");
    assert_eq!(init.header("cache-control"), caching);
    assert_eq!(&init.body[4..8], b"ftyp");
}

#[tokio::test]
async fn parts_of_a_segment_can_be_asked_for() {
    let site = Site::live().await;
    let name = site.segment_names().await[0].clone();
    let whole = site.get(&name, &[]).await;
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let len = whole.body.len();

    let part = site.get(&name, &[("range", "bytes=4-7")]).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.header("content-range"), format!("bytes 4-7/{len}"));
    assert_eq!(part.header("content-length"), "4");
    assert_eq!(&part.body[..], b"styp");
    let rest = site.get(&name, &[("range", "bytes=100-")]).await;
    assert_eq!(rest.body, whole.body.slice(100..));
    let tail = site.get(&name, &[("range", "bytes=-10")]).await;
    assert_eq!(tail.body, whole.body.slice(len - 10..));

    let beyond = site.get(&name, &[("range", &format!("bytes={len}-"))]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header("content-range"), format!("bytes */{len}"));
    assert_eq!(beyond.code(), "range_not_satisfiable");
    for ignored in ["bytes=0-1,4-5", "items=0-1", "bytes=7-4"] {
        let reply = site.get(&name, &[("range", ignored)]).await;
        assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, len), "{ignored}");
    }
    let other_version = site.get(&name, &[("range", "bytes=0-1"), ("if-range", "\"x\"")]).await;
    assert_eq!(other_version.status, StatusCode::OK);
}

#[tokio::test]
async fn head_says_what_get_would() {
    let site = Site::live().await;
    let names = site.segment_names().await;
    for path in ["/hls/room/index.m3u8", "/hls/room/video/media.m3u8", &names[0]] {
        let get = site.get(path, &[]).await;
        let head = site.send(Method::HEAD, path, &[("range", "bytes=0-1")]).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{path}");
        assert_eq!(head.header("content-length"), get.body.len().to_string());
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_read() {
    let site = Site::live().await;
    let name = site.segment_names().await[0].clone();
    for path in ["/hls/room/index.m3u8", &name, "/hls/nobody/index.m3u8", "/hls/room/nothing"] {
        let reply = site.get(path, &[("origin", "https://example.org")]).await;
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        let exposed = reply.header("access-control-expose-headers").to_lowercase();
        assert!(exposed.contains("content-range") && exposed.contains("content-length"), "{exposed}");
    }
    let ask = [
        ("origin", "https://example.org"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let preflight = site.send(Method::OPTIONS, &name, &ask).await;
    assert!(preflight.status.is_success());
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert!(preflight.header("access-control-allow-methods").contains("GET"));
    assert!(["*", "range"].contains(&preflight.header("access-control-allow-headers")));
    let post = site.send(Method::POST, &name, &[]).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_that_is_not_cached() {
    let site = Site::live().await;
    let last = site.segment_names().await.pop().unwrap();
    let msn: u64 = last.rsplit_once("seg-").unwrap().1.strip_suffix(".m4s").unwrap().parse().unwrap();
    let next = format!("/hls/room/video/seg-{}.m4s", msn + 1);
    for (path, code) in [
        ("/hls/nobody/index.m3u8", "conference_not_found"),
        (&next, "segment_not_found"),
        ("/hls/room/video/init-0.mp4", "segment_not_found"),
        ("/hls/room/audio/media.m3u8", "playlist_not_found"),
        ("/hls/room/video/seg-..%2f..%2fx.m4s", "not_found"),
        ("/hls/room/..%2f..%2fetc%2fpasswd", "not_found"),
        ("/hls/room/video/../index.m3u8", "not_found"),
        ("/hls/room/video/", "not_found"),
    ] {
        let reply = site.get(path, &[]).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::NOT_FOUND, code), "{path}");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let traversal = site.get("/hls/%2e%2e/index.m3u8", &[]).await;
    assert_eq!(traversal.code(), "invalid_id");
    assert!(!traversal.text().contains(site.folder.path().to_str().unwrap()));
}

#[tokio::test]
async fn there_is_no_playlist_before_the_first_segment() {
    let site = Site::start(HlsConfig::default());
    push(&site.hub, 0, 1);
    tokio::task::yield_now().await;
    for path in ["/hls/room/index.m3u8", "/hls/room/video/media.m3u8"] {
        assert_eq!(site.get(path, &[]).await.code(), "playlist_not_found");
    }
    // Stopped within the first segment: what there is can be watched.
    site.output.stop().await;
    assert_eq!(site.segment_names().await.len(), 1);
    assert!(site.output.playable().await);
}
