//! RTMP play over real sockets: other people's players pull real media.

use crate::{
    flv_frames::{self, Clip},
    push::patiently,
};
use meetingcast::{
    config::RtmpConfig,
    egress::{
        hub::Hub,
        output::OutputState,
        rtmp::player::{RtmpPlay, RtmpPlayError, RtmpPlayServer},
    },
    ids::ConferenceId,
    media::Track,
    units::MediaTime,
};
use std::{process::Stdio, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    task::JoinHandle,
};

/// A cast that is played, and a programme that runs in real time.
struct Stage {
    hub: Hub,
    output: RtmpPlay,
    url: String,
    programme: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

fn server(change: impl FnOnce(&mut RtmpConfig)) -> RtmpPlayServer {
    let mut config = RtmpConfig {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        stage_timeout_ms: 20_000,
        ..RtmpConfig::default()
    };
    change(&mut config);
    let check =
        |room: &ConferenceId, token: Option<&str>| room.to_string() != "secret" || token == Some("let-me-in");
    RtmpPlayServer::new(config, None, Arc::new(check))
}

fn room(name: &str) -> ConferenceId {
    name.parse().unwrap()
}

impl Stage {
    async fn open(name: &str, change: impl FnOnce(&mut RtmpConfig)) -> Self {
        Self::open_with(name, 0, change).await
    }

    /// Each picture has so many bytes more, which decoders pass over.
    async fn open_with(name: &str, filler: usize, change: impl FnOnce(&mut RtmpConfig)) -> Self {
        let server = server(change);
        let dir = tempfile::tempdir().unwrap();
        let clip = flv_frames::clip(dir.path(), 3);
        let hub = Hub::new();
        clip.configs.iter().for_each(|config| hub.set_config(config.clone()));
        let output = server.play(&hub, room(name)).unwrap();
        let url = output.status().play_url.unwrap();
        assert!(url.starts_with("rtmp://127.0.0.1:") && url.ends_with(&format!("/live/{name}")), "{url}");
        assert_eq!(output.status().state, OutputState::Connecting);
        let playable = output.playable();
        let programme = tokio::spawn(run(hub.clone(), clip, filler));
        assert!(patiently(playable).await);
        assert_eq!(output.status().state, OutputState::Live);
        Self { hub, output, url, programme, _dir: dir }
    }

    /// Until sockets took so many bytes more.
    async fn until_sent(&self, bytes: u64) {
        let enough = self.output.status().bytes_sent + bytes;
        let sent = async {
            while self.output.status().bytes_sent < enough {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        patiently(sent).await;
    }

    /// The programme is over.
    async fn end(self) {
        self.programme.abort();
        self.hub.end();
        assert_eq!(patiently(self.output.stop()).await.state, OutputState::Stopped);
    }
}

/// The clip over and over at its own pace, on a cast's timeline that has run for an hour.
async fn run(hub: Hub, clip: Clip, filler: usize) {
    let began = tokio::time::Instant::now();
    let start = MediaTime::from_millis(3_600_000);
    // A NAL unit of type 12 (H.264 §7.3.2.7) behind its length.
    let mut nal = vec![0xFF; filler + 5];
    nal[..4].copy_from_slice(&(filler as u32 + 1).to_be_bytes());
    nal[4] = 12;
    if let Some(last) = nal.last_mut().filter(|_| filler > 0) {
        *last = 0x80;
    }
    for mut frame in clip.endless(start) {
        if filler > 0 && frame.track == Track::Video {
            frame.data = [&frame.data[..], &nal].concat().into();
        }
        let at = Duration::from_nanos(frame.dts.0 - start.0);
        tokio::time::sleep_until(began + at).await;
        hub.push(frame);
    }
}

/// 30 pictures a second of so many bytes fill any socket's buffers in seconds.
const FILLER: usize = 100_000;

fn probe(url: &str, frames: u32) -> Command {
    let mut probe = Command::new("ffprobe");
    probe
        .args(["-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time,flags"])
        .args(["-of", "csv=p=0", "-read_intervals", &format!("%+#{frames}"), url])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    probe
}

/// Presentation times in milliseconds and keyframes of the first pictures.
async fn packets(url: &str, frames: u32) -> Vec<(u64, bool)> {
    let output = patiently(probe(url, frames).output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| {
            let mut fields = line.split(',');
            let seconds: f64 = fields.next().unwrap().parse().unwrap();
            ((seconds * 1000.0).round() as u64, fields.next().unwrap().starts_with('K'))
        })
        .collect()
}

/// ffmpeg decodes what it pulls; gives what it complained of.
fn pull(url: &str) -> tokio::process::Child {
    Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-i",
            url,
            "-map",
            "0:v",
            "-f",
            "framehash",
            "-fps_mode",
            "passthrough",
        ])
        .args(["-enc_time_base", "1:1000", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("ffmpeg must be installed (apt install ffmpeg)")
}

/// Decoding times of a framehash, milliseconds.
fn times(output: &std::process::Output) -> Vec<i64> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(',').nth(2).unwrap().trim().parse().unwrap()).collect()
}

/// No frame is missing: 30 a second. Where it was cut off, the B-frames before the last picture may not have
/// been sent, which comes first in decoding order.
fn assert_whole(output: &std::process::Output) {
    let times = times(output);
    let odd: Vec<_> =
        times.windows(2).rev().skip(1).filter(|pair| !(30..=37).contains(&(pair[1] - pair[0]))).collect();
    assert!(times.len() > 30 && odd.is_empty(), "{odd:?} of {} frames", times.len());
}

#[tokio::test]
async fn players_begin_at_once_with_a_keyframe_at_zero() {
    let stage = Stage::open("room", |_| {}).await;
    for _ in 0..2 {
        let packets = packets(&stage.url, 60).await;
        assert!(packets.len() >= 30, "{packets:?}");
        // The clip has two B-frames: the first picture is shown that much later than it is decoded.
        assert!(packets[0].1 && packets[0].0 <= 100, "{packets:?}");
        assert!(packets.iter().all(|(pts, _)| *pts < 10_000), "{packets:?}");
    }
    assert!(stage.output.status().bytes_sent > 10_000);
    stage.end().await;
}

#[tokio::test]
async fn the_end_reaches_a_player_behind_every_frame() {
    let stage = Stage::open("room", |_| {}).await;
    let player = pull(&stage.url);
    // Long enough for a player to be in the middle of it.
    stage.until_sent(300_000).await;
    stage.end().await;
    let output = patiently(player.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_whole(&output);
}

#[tokio::test]
async fn gstreamer_plays_it_to_the_end() {
    let stage = Stage::open("room", |_| {}).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pulled.h264");
    let player = Command::new("gst-launch-1.0")
        .args(["-q", "rtmp2src", &format!("location={}", stage.url), "!", "flvdemux", "name=demux"])
        .args(["demux.audio", "!", "queue", "!", "fakesink", "sync=false"])
        .args(["demux.video", "!", "queue", "!", "h264parse", "!", "video/x-h264,stream-format=byte-stream"])
        .args(["!", "filesink", &format!("location={}", file.display())])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("gst-launch-1.0 must be installed (apt install gstreamer1.0-tools)");
    stage.until_sent(300_000).await;
    stage.end().await;
    let output = patiently(player.wait_with_output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let frames = patiently(
        Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-select_streams", "v", "-show_entries"])
            .args(["stream=nb_read_frames", "-of", "csv=p=0"])
            .arg(&file)
            .output(),
    );
    let output = frames.await.unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let frames: u32 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert!(frames > 30 && complaints.is_empty(), "{frames} frames; {complaints}");
}

#[tokio::test]
async fn who_may_not_play_is_refused() {
    let stage = Stage::open("secret", |config| config.max_players = 1).await;
    for url in [
        stage.url.clone(),
        format!("{}?token=wrong", stage.url),
        stage.url.replace("/secret", "/nothing"),
        stage.url.replace("/live/", "/vod/"),
    ] {
        let output = patiently(pull(&url).wait_with_output()).await.unwrap();
        assert!(!output.status.success(), "{url}");
        assert!(times(&output).is_empty());
    }
    let allowed = format!("{}?token=let-me-in", stage.url);
    assert!(packets(&allowed, 10).await.len() >= 5);
    // One player is all there may be.
    let first = pull(&allowed);
    stage.until_sent(20_000).await;
    let second = patiently(pull(&allowed).wait_with_output()).await.unwrap();
    assert!(!second.status.success());
    stage.end().await;
    assert!(patiently(first.wait_with_output()).await.unwrap().status.success());
}

#[tokio::test]
async fn a_publisher_is_refused() {
    let stage = Stage::open("room", |_| {}).await;
    let mut publish = Command::new("ffmpeg");
    publish
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10", "-t", "5"])
        .args(["-c:v", "libx264", "-f", "flv", &stage.url])
        .kill_on_drop(true);
    let output = patiently(publish.output()).await.unwrap();
    assert!(!output.status.success());
    assert!(packets(&stage.url, 10).await.len() >= 5);
    stage.end().await;
}

#[tokio::test]
async fn a_player_that_takes_nothing_loses_frames_is_cut_and_harms_nobody() {
    let stage = Stage::open_with("room", FILLER, |config| {
        config.stall_timeout_ms = 5000;
        config.max_queue_bytes = 65_536;
        config.max_players = 2;
    })
    .await;
    let healthy = pull(&stage.url);
    stage.until_sent(1_000_000).await;
    let stuck = pull(&stage.url);
    stage.until_sent(20 * FILLER as u64).await;
    let pid = rustix::process::Pid::from_raw(stuck.id().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let lost = async {
        while stage.output.status().frames_dropped == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    patiently(lost).await;
    // Its place is free once it has been cut.
    let next = async { while !patiently(probe(&stage.url, 1).output()).await.unwrap().status.success() {} };
    patiently(next).await;
    stage.end().await;
    let output = patiently(healthy.wait_with_output()).await.unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_whole(&output);
}

#[tokio::test]
async fn what_is_no_rtmp_is_cut() {
    let stage = Stage::open("room", |config| config.stage_timeout_ms = 300).await;
    let address = stage.url["rtmp://".len()..].split('/').next().unwrap().to_owned();
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b""] {
        let mut socket = TcpStream::connect(&address).await.unwrap();
        socket.write_all(words).await.unwrap();
        let mut heard = Vec::new();
        // A reset is an end as well.
        let _ = patiently(socket.read_to_end(&mut heard)).await;
    }
    assert!(packets(&stage.url, 10).await.len() >= 5);
    stage.end().await;
}

#[tokio::test]
async fn one_port_is_bound_once_and_what_is_in_the_way_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let busy = server(|config| config.listen = Some(address));
    let error = busy.play(&Hub::new(), room("a")).err().unwrap();
    assert!(matches!(error, RtmpPlayError::PortInUse(at) if at == address), "{error}");
    assert!(error.to_string().starts_with(&address.to_string()));
    drop(taken);
    // Once the way is free it works, and the second cast uses the same listener.
    let first = busy.play(&Hub::new(), room("a")).unwrap();
    let second = busy.play(&Hub::new(), room("b")).unwrap();
    assert_eq!(first.status().play_url.unwrap(), format!("rtmp://{address}/live/a"));
    assert_eq!(second.status().play_url.unwrap(), format!("rtmp://{address}/live/b"));
    let off = server(|config| config.listen = None);
    let error = off.play(&Hub::new(), room("a")).err().unwrap();
    assert_eq!(error.to_string(), "RTMP play is switched off on this server (rtmp.listen = \"\")");
}
