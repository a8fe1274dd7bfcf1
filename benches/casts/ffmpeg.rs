//! The other side: the same media by RTP on loopback into one ffmpeg with the same encoder settings, out by RTMP
//! and HLS.

use crate::{
    clips::FPS,
    costs::Measured,
    ours::{SETTLE, frames},
    process,
    row::{Mode, Row},
    server::{Helper, wait_for},
};
use meetingcast::{demo::rtmp_sink::RtmpSink, layout};
use std::{
    net::UdpSocket,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tokio::runtime::Runtime;

/// What ours encodes by default.
const ENCODER: &str = "-c:v libx264 -preset veryfast -tune zerolatency -profile:v main -b:v 2500k -maxrate 2500k \
                       -bufsize 2500k -g 60 -sc_threshold 0";

pub fn cast(runtime: &Runtime, row: &Row, clips: &[PathBuf], window: Duration) -> Measured {
    let directory = tempfile::tempdir().expect("a directory");
    let mut inputs = Vec::new();
    let mut senders = Vec::new();
    for (number, clip) in clips.iter().enumerate() {
        let sdp = directory.path().join(format!("{number}.sdp"));
        senders.push(send(clip, &sdp));
        wait_for("a sender's description", Duration::from_secs(10), || {
            std::fs::read_to_string(&sdp).ok().filter(|text| text.contains("m=audio"))
        });
        inputs.push(sdp);
    }
    let sink = runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "warning", "-y"]);
    for sdp in &inputs {
        command.args(["-protocol_whitelist", "file,udp,rtp", "-thread_queue_size", "1024", "-i"]).arg(sdp);
    }
    match row.mode {
        Mode::Composed => {
            command.args(["-filter_complex", &composition(clips.len()), "-map", "[v]", "-map", "[a]"]);
            command.args(ENCODER.split_whitespace());
        }
        Mode::Passthrough => {
            command.args(["-map", "0:v", "-map", "0:a", "-c:v", "copy"]);
        }
    }
    command.args(["-c:a", "aac", "-b:a", "128k", "-flags", "+global_header", "-f", "tee"]);
    command.arg(format!(
        "[f=flv:flvflags=no_duration_filesize]rtmp://{}/live/theirs|\
         [f=hls:hls_time=2:hls_segment_type=fmp4:hls_list_size=6:hls_flags=delete_segments]{}",
        sink.local_addr(),
        directory.path().join("index.m3u8").display()
    ));
    let ffmpeg = Helper::start(command);
    wait_for("ffmpeg's first pictures", Duration::from_secs(30), || {
        (frames(&sink) > 0).then_some(()).or_else(|| {
            assert!(Path::new(&format!("/proc/{}", ffmpeg.child.id())).exists(), "{}", ffmpeg.said());
            None
        })
    });
    std::thread::sleep(SETTLE);
    let pids = [ffmpeg.child.id()];
    let before = frames(&sink);
    let cores = process::cores(&pids, window);
    Measured { cores, frames: frames(&sink) - before, rss_mb: process::rss_mb(&pids) }
}

/// Sends a clip as it is to two ports that are free now.
fn send(clip: &Path, sdp: &Path) -> Helper {
    let port = || {
        // RTP on an even port, RTCP on the next.
        loop {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
            let port = socket.local_addr().expect("a bound port").port();
            if port.is_multiple_of(2) && UdpSocket::bind(("127.0.0.1", port + 1)).is_ok() {
                return port;
            }
        }
    };
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i"]).arg(clip);
    for medium in ["0:v", "0:a"] {
        command.args(["-map", medium, "-c", "copy", "-f", "rtp", "-sdp_file"]).arg(sdp);
        command.arg(format!("rtp://127.0.0.1:{}?pkt_size=1200", port()));
    }
    Helper::start(command)
}

/// The same tiles at the same places, everybody's sound added up.
fn composition(people: usize) -> String {
    let tiles = layout::grid(people, 1280, 720);
    let mut graph = String::new();
    for (index, tile) in tiles.iter().enumerate() {
        graph += &format!("[{index}:v]fps={FPS},scale={}:{}[v{index}];", tile.width, tile.height);
    }
    let all = |medium: &str| (0..people).map(|index| format!("[{medium}{index}]")).collect::<String>();
    if people == 1 {
        graph += "[v0]null[v];";
    } else {
        let places: Vec<String> = tiles.iter().map(|tile| format!("{}_{}", tile.x, tile.y)).collect();
        graph += &format!(
            "{}xstack=inputs={people}:fill=0x101820:layout={},pad=1280:720:0:0[v];",
            all("v"),
            places.join("|")
        );
    }
    let sounds: String = (0..people).map(|index| format!("[{index}:a]")).collect();
    graph + &format!("{sounds}amix=inputs={people}:normalize=0[a]")
}
