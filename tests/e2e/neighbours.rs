//! The show of what outputs are worth: one cast to an RTMP server that is well, one that is cut again and
//! again and one that takes nothing, to low-latency HLS in three sizes, and into a recording. What is well
//! has every frame; memory and queues stay small. `SHOW_SECONDS=600` is the long one.

use crate::{
    capture_clock::CaptureClock,
    on_air::{FRAME, odd_steps, output, view},
    part_follower::{Followed, PartFollower},
    rogue::{Pen, Rogue, Then},
    server::{Server, figure, keep, load, one_at_a_time, wait_for},
};
use meetingcast::{
    demo::rtmp_sink::{ReceivedTag, RtmpSink, TagKind},
    publisher::{client::Publisher, options::PublishOptions, recording::Recording},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinHandle,
};

/// In continuous integration; enough for one cut, some retries and ten segments.
const DEFAULT_SECONDS: u64 = 26;
/// The fickle server cuts each connection after so long.
const CUT_EVERY: Duration = Duration::from_secs(20);
/// In short runs, so that there is a cut at all.
const CUT_SOON: Duration = Duration::from_secs(9);
/// Bytes the sinks may keep: ten minutes of 4 Mbit/s.
const CAPACITY: usize = 320 * 1024 * 1024;
/// What is allowed to come and go: buffers of the allocator, playlists, segments in memory.
const GROWTH_KB: u64 = 24 * 1024;
/// Part of a run after which memory should have settled.
const SETTLED: f64 = 0.3;

#[test]
fn what_is_well_has_every_frame_beside_neighbours_that_are_not() {
    let _turn = one_at_a_time();
    let seconds = std::env::var("SHOW_SECONDS").map_or(DEFAULT_SECONDS, |text| text.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let server = Server::start_with(&[
        ("RTMP__STALL_TIMEOUT_MS", "4000"),
        ("RTMP__BACKOFF_MAX_MS", "4000"),
        // The full rate, so that buffers towards the deaf server fill up.
        ("ENCODING__FILLER", "true"),
    ]);
    let mut publisher = runtime.block_on(async {
        Publisher::start(PublishOptions::participant(0, &server.whip("room", "ann"))).unwrap()
    });
    assert!(runtime.block_on(publisher.connected()));
    server.wait_for_picture("room", "ann");

    let sink = || runtime.block_on(RtmpSink::with_capacity("127.0.0.1:0", CAPACITY)).unwrap();
    let (well, behind_scissors) = (sink(), sink());
    let cut_every = if seconds > 3 * CUT_EVERY.as_secs() { CUT_EVERY } else { CUT_SOON };
    let scissors = runtime.block_on(Scissors::start(behind_scissors.local_addr(), cut_every));
    let deaf =
        runtime.block_on(Rogue::start(|_| Pen::new().chunk_size(4096).published().script(Then::Freeze)));
    let body = json!({
        "participant": "ann",
        "encoding": {"renditions": [{"height": 360, "video_kbps": 600}, {"height": 180, "video_kbps": 250}]},
        "outputs": [
            {"id": "well", "type": "rtmp", "url": format!("rtmp://{}/live/x", well.local_addr())},
            {"id": "cut", "type": "rtmp", "url": format!("rtmp://{}/live/x", scissors.address)},
            {"id": "wedged", "type": "rtmp", "url": deaf.url()},
            {"id": "hls", "type": "hls"},
            {"id": "recording", "type": "recording"},
        ],
    });
    let cast = server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
    let directory = tempfile::tempdir().unwrap();
    let index = cast["play"]["hls"].as_str().unwrap().to_owned();
    let follower = PartFollower::start(&index.replace("index.m3u8", "video/media.m3u8"), directory.path());
    let clock = CaptureClock::of(&publisher);

    let mut watch = Watch::new(&server);
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(500));
        watch.look(&server);
    }
    let followed = follower.finish();
    let stopped = server.ok("POST", "/v1/conferences/room/cast/stop", None);
    runtime.block_on(publisher.stop()).unwrap();

    watch.report(&stopped);
    let pushed = check_well(&runtime, &well, directory.path());
    check_recording(&server, directory.path(), &pushed);
    check_delay(&followed, &clock);
    check_cuts(&behind_scissors.tags(), &scissors.cuts());
    for id in ["well", "cut", "wedged", "hls", "recording"] {
        assert_eq!(output(&stopped, id)["state"], "stopped", "{stopped}");
    }
    assert!(output(&stopped, "wedged")["retries"].as_u64() > Some(0), "{stopped}");
    assert_eq!(output(&stopped, "well")["retries"], 0, "{stopped}");
}

/// Every picture of the program, in order. What the machine costs the publisher shows in all outputs alike, so
/// the program's own steps are told and not judged: tests of the program do that.
fn check_well(runtime: &Runtime, sink: &RtmpSink, directory: &Path) -> Vec<Option<u32>> {
    assert_eq!(sink.left_out(), 0, "the sink was too small");
    let flv = directory.join("well.flv");
    runtime.block_on(sink.write_flv(&flv)).unwrap();
    let recording = view(&flv);
    let sent = sink.tags().iter().filter(|tag| tag.kind == TagKind::Video).count();
    assert_eq!(recording.video.len(), sent, "frames decoded of frames sent");
    let report = recording.report(0, FRAME);
    let steps = odd_steps(&recording);
    figure(&format!("the healthy RTMP output has {sent} frames; the program's own odd steps: {steps:?}"));
    assert!(report.gaps.is_empty() && report.backward_frames == 0, "({})\n{report}", load());
    counters(&recording)
}

/// The number in each frame.
fn counters(recording: &Recording) -> Vec<Option<u32>> {
    recording.video.iter().map(|frame| frame.reading(0).and_then(|reading| reading.counter)).collect()
}

/// It has exactly the frames of the RTMP output, none missing and none twice.
fn check_recording(server: &Server, directory: &Path, pushed: &[Option<u32>]) {
    let listed = wait_for("the recording to be ready", Duration::from_secs(60), || {
        let list = server.ok("GET", "/v1/recordings?conference=room", None);
        let recording = list["recordings"][0].clone();
        (recording["state"] == "ready").then_some(recording)
    });
    let path = directory.join("recording.mp4");
    let mut response = ureq::get(listed["download"].as_str().unwrap()).call().unwrap();
    std::io::copy(&mut response.body_mut().as_reader(), &mut std::fs::File::create(&path).unwrap()).unwrap();
    keep(&path);
    let recorded = counters(&view(&path));
    figure(&format!("the recording has {} frames, {} bytes", recorded.len(), listed["bytes"]));
    // RTMP begins with the keyframe that was asked for when it connected, some frames after the cast's first.
    let before = recorded.len().checked_sub(pushed.len());
    let before = before.unwrap_or_else(|| panic!("{} recorded, {} pushed", recorded.len(), pushed.len()));
    assert!(before <= 90, "{before} frames before the first pushed one");
    assert!(recorded[before..] == *pushed, "the recording and the RTMP output differ");
}

/// How long after its capture the newest frame of each part had come, read from the frame counter.
fn check_delay(followed: &Followed, clock: &CaptureClock) {
    let mut delays = followed.delays_ms(&view(&followed.file), clock, FRAME);
    delays.sort_by(f64::total_cmp);
    assert!(delays.len() * 10 > followed.parts.len() * 9, "{} of {}", delays.len(), followed.parts.len());
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    let (p50, p95) = (at(0.5), at(0.95));
    figure(&format!(
        "LL-HLS: a part's newest frame is with the client p50 {p50:.0} ms, p95 {p95:.0} ms, max {:.0} ms after its \
         capture; {} parts, {} reloads",
        at(1.0),
        followed.parts.len(),
        followed.reloads
    ));
    // Program and encoder 200 ms, the sound that ends the part 100 ms; the rest is the machine.
    assert!(p50 < 700.0, "{p50} ms ({})", load());
}

/// After each cut the stream is there again with a keyframe; how long that took.
fn check_cuts(tags: &[ReceivedTag], cuts: &[Instant]) {
    assert!(!cuts.is_empty());
    let mut times = Vec::new();
    for connection in 1..=tags.iter().map(|tag| tag.connection).max().unwrap_or(0) {
        let first = tags.iter().find(|tag| tag.connection == connection && tag.kind == TagKind::Video);
        let Some(first) = first else { continue };
        assert!(first.is_keyframe(), "connection {connection} begins with {first:?}");
        let cut = cuts.iter().rev().find(|cut| **cut < first.received_at).expect("a cut before it");
        times.push(first.received_at.duration_since(*cut).as_millis());
    }
    times.sort_unstable();
    assert!(times.len() + 1 >= cuts.len() && !times.is_empty(), "{} of {} cuts", times.len(), cuts.len());
    figure(&format!(
        "{} cuts: the first picture after a cut came after {} ms (median), {} ms at most",
        cuts.len(),
        times[times.len() / 2],
        times[times.len() - 1]
    ));
    // A connection that lasts less than `rtmp.backoff_reset_s` is none that is well: the waits go on doubling, here
    // up to four seconds; then come a connection and a keyframe.
    assert!(times[times.len() - 1] < 6000, "{times:?} ({})", load());
}

/// Memory and queues, as time goes by.
struct Watch {
    began: Instant,
    pids: [(&'static str, u32); 2],
    /// Since when, and kilobytes of each process.
    memory: Vec<(Duration, [u64; 2])>,
    most_queued: BTreeMap<String, (u64, u64)>,
}

impl Watch {
    fn new(server: &Server) -> Self {
        let worker = server.worker("room").expect("a worker");
        let pids = [("server", server.process.child.id()), ("worker", worker)];
        Self { began: Instant::now(), pids, memory: Vec::new(), most_queued: BTreeMap::new() }
    }

    fn look(&mut self, server: &Server) {
        self.memory.push((self.began.elapsed(), self.pids.map(|(_, pid)| resident_kb(pid))));
        for output in server.cast("room")["outputs"].as_array().unwrap() {
            let number = |field: &str| output[field].as_u64().unwrap();
            let most = self.most_queued.entry(output["id"].as_str().unwrap().to_owned()).or_default();
            *most = (most.0.max(number("queued_bytes")), most.1.max(number("queued_ms")));
        }
    }

    fn report(&self, stopped: &Value) {
        for (id, (bytes, ms)) in &self.most_queued {
            let output = output(stopped, id);
            figure(&format!(
                "{id}: queued {bytes} bytes, {ms} ms at most; {} retries, {} frames dropped, {} bytes sent",
                output["retries"], output["frames_dropped"], output["bytes_sent"]
            ));
            assert!(*bytes <= 8_388_608 && *ms <= 5100, "{id}: {bytes} bytes, {ms} ms");
        }
        let total = self.memory.last().expect("looked at least once").0;
        let settled = self.memory.iter().position(|(at, _)| *at >= total.mul_f64(SETTLED)).unwrap();
        for (number, (name, _)) in self.pids.iter().enumerate() {
            let at = |index: usize| self.memory[index].1[number];
            let (first, then, last) = (at(0), at(settled), at(self.memory.len() - 1));
            figure(&format!(
                "{name}: {first} kB at first, {then} kB after {SETTLED} of the time, {last} kB at last"
            ));
            assert!(last <= then + GROWTH_KB, "{name} grew from {then} to {last} kB");
        }
    }
}

/// `VmRSS` of a process.
fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Passes connections on, and cuts each after a while.
struct Scissors {
    address: SocketAddr,
    cuts: std::sync::Arc<std::sync::Mutex<Vec<Instant>>>,
    task: JoinHandle<()>,
}

impl Scissors {
    async fn start(to: SocketAddr, every: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = cuts.clone();
        let task = tokio::spawn(async move {
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                let noted = noted.clone();
                tokio::spawn(async move {
                    let mut onward = TcpStream::connect(to).await.unwrap();
                    let copied = tokio::io::copy_bidirectional(&mut from, &mut onward);
                    if tokio::time::timeout(every, copied).await.is_err() {
                        // Both ends learn of it the hard way.
                        let _ = rustix::net::sockopt::set_socket_linger(&from, Some(Duration::ZERO));
                        noted.lock().unwrap().push(Instant::now());
                    }
                });
            }
        });
        Self { address, cuts, task }
    }

    fn cuts(&self) -> Vec<Instant> {
        self.cuts.lock().unwrap().clone()
    }
}

impl Drop for Scissors {
    fn drop(&mut self) {
        self.task.abort();
    }
}
