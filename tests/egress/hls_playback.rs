//! Real H.264 and AAC through the hub, the HLS output and the HTTP routes, looked at with ffprobe as a
//! player would: the whole playlist over HTTP, and every segment by itself behind its init segment.

use crate::flv::Recording;
use meetingcast::{
    config::HlsConfig,
    control::http::hls::router,
    egress::{
        hls::{HlsLibrary, HlsOutput},
        hub::Hub,
        output::OutputState,
    },
    ids::Incarnation,
    units::MediaTime,
};
use serde_json::Value;
use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Encodes `seconds` of test picture and tone: main profile, 30 fps, a keyframe every 2 s, AAC 48 kHz.
fn record(folder: &Path, seconds: u32) -> Recording {
    let file = folder.join("recording.flv");
    let picture = format!("testsrc2=size=320x240:rate=30:duration={seconds}");
    let tone = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-pix_fmt", "yuv420p"])
        .args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-bf", "0", "-b:v", "500k"])
        .args(["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-f", "flv"])
        .arg(&file)
        .stdin(Stdio::null())
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "ffmpeg failed");
    Recording::parse(&std::fs::read(file).unwrap(), (320, 240), 30, 48_000)
}

/// ffmpeg 5 reads the init segment anew behind a discontinuity and with each live reload, and says so.
const REREAD_INIT: &str = "Found duplicated MOOV Atom. Skipped it";

/// What ffprobe finds; it must find nothing to complain about.
fn probe(input: &str, what: &[&str]) -> Value {
    let output =
        Command::new("ffprobe").args(["-v", "warning", "-of", "json"]).args(what).arg(input).output();
    let output = output.expect("ffprobe runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<_> = stderr.lines().filter(|line| !line.ends_with(REREAD_INIT)).collect();
    assert!(output.status.success() && complaints.is_empty(), "ffprobe {input}: {complaints:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn probe_async(input: String, what: &'static [&'static str]) -> Value {
    tokio::task::spawn_blocking(move || probe(&input, what)).await.unwrap()
}

fn seconds(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// When a stream's packets are shown.
fn times(probed: &Value, kind: &str) -> Vec<f64> {
    let packets = probed["packets"].as_array().unwrap().iter();
    packets.filter(|packet| packet["codec_type"] == kind).map(|packet| seconds(&packet["pts_time"])).collect()
}

fn assert_streams(probed: &Value) {
    let streams = probed["streams"].as_array().unwrap();
    let of = |kind: &str| streams.iter().find(|stream| stream["codec_type"] == kind).unwrap();
    let (video, audio) = (of("video"), of("audio"));
    assert_eq!((&video["codec_name"], &video["profile"]), (&"h264".into(), &"Main".into()));
    assert_eq!((&video["width"], &video["height"]), (&320.into(), &240.into()));
    assert_eq!((&audio["codec_name"], &audio["sample_rate"]), (&"aac".into(), &"48000".into()));
    assert_eq!(audio["channels"], 2);
}

/// The output's whole life, and what it looks like from outside.
struct Watched {
    address: SocketAddr,
    library: HlsLibrary,
    output: HlsOutput,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Watched {
    async fn start(hub: &Hub) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = HlsLibrary::new();
        let output = HlsOutput::spawn(
            hub,
            "room:1".parse().unwrap(),
            "2026-03-04T05:06:07.5Z".parse().unwrap(),
            HlsConfig::default(),
            folder.path().to_owned(),
            library.clone(),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = router(library.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, library, output, server, _folder: folder }
    }

    fn url(&self, file: &str) -> String {
        format!("http://{}/hls/room:1/{file}", self.address)
    }

    fn playlist(&self) -> String {
        let stream = self.library.find(&"room:1".parse().unwrap()).unwrap();
        String::from_utf8(stream.media("video").unwrap().plain.to_vec()).unwrap()
    }

    /// Every segment behind its init segment, as a file of its own.
    async fn segments(&self) -> Vec<Vec<u8>> {
        let stream = self.library.find(&"room:1".parse().unwrap()).unwrap();
        let mut init = Vec::new();
        let mut segments = Vec::new();
        for line in self.playlist().lines() {
            let number = |prefix: &str, suffix: &str| -> Option<u64> {
                line.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()
            };
            if let Some(number) = number("#EXT-X-MAP:URI=\"init-", ".mp4\"") {
                init = stream.init("video", number).unwrap().to_vec();
            }
            if let Some(msn) = number("seg-", ".m4s") {
                let segment = stream.segment("video", msn).await.unwrap().unwrap();
                segments.push([&init[..], &segment].concat());
            }
        }
        segments
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// NAL unit types at the start of the media data, where the first picture is.
fn first_nal_types(segment: &[u8]) -> Vec<u8> {
    let mut data = &segment[segment.windows(4).position(|kind| kind == b"mdat").unwrap() + 4..];
    let mut types = Vec::new();
    // Up to the first slice (1 or 5); other types may come before.
    while types.last().is_none_or(|&kind| kind > 5) {
        let size = u32::from_be_bytes(data[..4].try_into().unwrap()) as usize;
        types.push(data[4] & 0x1f);
        data = &data[4 + size..];
    }
    types
}

fn extinf(playlist: &str) -> Vec<f64> {
    let lines = playlist.lines().filter_map(|line| line.strip_prefix("#EXTINF:"));
    lines.map(|line| line.trim_end_matches(',').parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_sees_one_continuous_stream() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), 15);
    let hub = Hub::new();
    let watched = Watched::start(&hub).await;
    recording.configs().into_iter().for_each(|config| hub.set_config(config));
    recording.frames_from(MediaTime::from_millis(1234)).for_each(|frame| hub.push(frame));
    assert!(watched.output.playable().await);
    assert_eq!(watched.output.status().state, OutputState::Live);
    hub.end();
    watched.output.stop().await;
    assert_eq!(watched.output.status().state, OutputState::Stopped);
    // Only the sound that the encoder adds past the last picture is left out.
    let past_end =
        recording.frames.iter().filter(|frame| frame.pts >= MediaTime::from_millis(15_000)).count();
    assert_eq!(watched.output.status().frames_dropped, past_end as u64);
    assert!(past_end < 3);

    let playlist = watched.playlist();
    assert_eq!(extinf(&playlist), [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0]);
    assert!(playlist.contains("#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:08.734Z\n"), "{playlist}");
    assert!(playlist.contains("#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:10.734Z\n"), "{playlist}");

    // As a player: the multivariant playlist, from there everything over HTTP.
    let whole = probe_async(watched.url("index.m3u8"), &["-show_streams", "-show_packets"]).await;
    assert_streams(&whole);
    for (kind, frame, count) in [("video", 1.0 / 30.0, 450), ("audio", 1024.0 / 48_000.0, 700)] {
        let times = times(&whole, kind);
        assert!(times.len() >= count, "{kind}: {}", times.len());
        for pair in times.windows(2) {
            let step = pair[1] - pair[0];
            assert!((step - frame).abs() < 0.001, "{kind}: {pair:?}");
        }
    }
    let start = |kind| times(&whole, kind)[0];
    assert!((start("video") - start("audio")).abs() < 0.022, "sound and picture start together");

    // Each segment can be decoded by itself and holds what the playlist says.
    let segments = watched.segments().await;
    let mut next: Option<f64> = None;
    for (bytes, length) in segments.iter().zip(extinf(&playlist)) {
        let file = folder.path().join("segment.mp4");
        std::fs::write(&file, bytes).unwrap();
        let probed = probe(file.to_str().unwrap(), &["-show_streams", "-show_packets", "-show_frames"]);
        assert_streams(&probed);
        let frames = probed["packets_and_frames"].as_array().unwrap().iter();
        let pictures: Vec<_> = frames.filter(|item| item["media_type"] == "video").collect();
        assert!(first_nal_types(bytes).contains(&5), "the first picture is an IDR, not only an I-picture");
        let first = pictures[0];
        assert_eq!((&first["key_frame"], &first["pict_type"]), (&1.into(), &"I".into()));
        assert_eq!(pictures.len(), (length * 30.0).round() as usize);
        let start = seconds(&first["pts_time"]);
        assert!(next.is_none_or(|next| (next - start).abs() < 0.0005), "{next:?} {start}");
        next = Some(start + length);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_worker_is_a_discontinuity_and_the_stream_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), 5);
    let hub = Hub::new();
    let watched = Watched::start(&hub).await;
    recording.configs().into_iter().for_each(|config| hub.set_config(config));
    recording.frames.iter().cloned().for_each(|frame| hub.push(frame));
    hub.discontinuity(Incarnation(1));
    // It took the new worker 700 ms.
    recording.frames_from(MediaTime::from_millis(5700)).for_each(|frame| hub.push(frame));
    hub.end();
    watched.output.stop().await;

    let playlist = watched.playlist();
    assert_eq!(extinf(&playlist), [2.0, 2.0, 1.0, 2.0, 2.0, 1.0]);
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1);
    assert_eq!(playlist.matches("#EXT-X-MAP:").count(), 2);
    let (_, after) = playlist.split_once("#EXT-X-DISCONTINUITY\n").unwrap();
    assert!(after.starts_with("#EXT-X-MAP:"), "{playlist}");
    assert!(after.contains("#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:13.200Z"), "{playlist}");
    assert!(playlist.ends_with("#EXT-X-ENDLIST\n"));

    let whole = probe_async(watched.url("index.m3u8"), &["-show_streams", "-show_packets"]).await;
    assert_streams(&whole);
    let times = times(&whole, "video");
    assert_eq!(times.len(), 300);
    let steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|&step| step > 0.0), "time never goes back");
    let gaps: Vec<_> = steps.iter().filter(|&&step| step > 0.034).collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!((gaps[0] - (0.7 + 1.0 / 30.0)).abs() < 0.001, "{gaps:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_that_reads_along_gets_every_frame() {
    let folder = tempfile::tempdir().unwrap();
    let recording = record(folder.path(), 12);
    let hub = Hub::new();
    let watched = Watched::start(&hub).await;
    recording.configs().into_iter().for_each(|config| hub.set_config(config));
    let (early, late): (Vec<_>, Vec<_>) =
        recording.frames.iter().cloned().partition(|frame| frame.pts < MediaTime::from_millis(4500));
    early.into_iter().for_each(|frame| hub.push(frame));
    assert!(watched.output.playable().await);
    // ffprobe has the live playlist open while the rest comes and until ENDLIST.
    let player = tokio::spawn(probe_async(
        watched.url("video/media.m3u8"),
        &["-live_start_index", "0", "-show_packets", "-show_streams"],
    ));
    // In bursts of a GOP, so that the player finds the end of the list more than once. What it must see
    // does not depend on how fast it is: the window holds everything.
    for frame in late {
        if frame.keyframe && frame.track == meetingcast::media::Track::Video {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        hub.push(frame);
    }
    hub.end();
    let probed = player.await.unwrap();
    assert_streams(&probed);
    assert_eq!(times(&probed, "video").len(), 360);
}
