//! A cast is recorded: through a switch and the death of its worker, removed while the cast goes on, played by
//! Chromium; and a killed server's recording is there after the next start.

use crate::{
    clip::clip,
    kept::Kept,
    on_air::OnAir,
    server::{Server, browser, ffprobe, figure, load, one_at_a_time, publish, signal_pid, wait_for},
};
use meetingcast::{
    config::RecordingConfig,
    egress::{
        hub::Hub,
        recording::{RecordingLibrary, RecordingOutput},
    },
    ids::Incarnation,
    publisher::{
        palette::Colour,
        planes::PictureSize,
        recording::{Layout, Recording, VideoSample},
        viewer,
    },
    units::MediaTime,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// A frame of the test picture: whose, and its number.
type Frame = Option<(Colour, u32)>;

#[test]
fn a_recording_has_every_frame_that_rtmp_has_and_plays() {
    let _turn = one_at_a_time();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let bob = publish(&server.whip("room", "bob"), &["--pattern", Colour::of(1).name(), "--reconnect"]);
    server.wait_for_picture("room", "bob");
    let on_air = OnAir::start(&server, &runtime, "room", 0, &[json!({"id": "file", "type": "recording"})]);
    wait_for("the recording to be live", Duration::from_secs(10), || {
        (on_air.output(&server, "file")["state"] == "live").then_some(())
    });
    let growing = only(&server, "recording");
    // Playable at every moment.
    let so_far = download(&server, &growing, folder.path(), "growing");
    assert!(packets(&so_far) >= 30, "{}", packets(&so_far));

    on_air.watch(&runtime, Duration::from_secs(3));
    server.ok("POST", "/v1/conferences/room/cast/switch", Some(json!({"participant": "bob"})));
    on_air.watch(&runtime, Duration::from_secs(3));
    let killed = server.worker("room").expect("a worker");
    signal_pid(killed, Signal::KILL);
    wait_for("another worker", Duration::from_secs(12), || {
        server.worker("room").filter(|pid| *pid != killed)
    });
    server.wait_for_picture("room", "bob");
    on_air.watch(&runtime, Duration::from_secs(4));

    // Removed, it ends; the cast does not.
    server.ok("DELETE", "/v1/conferences/room/cast/outputs/file", None);
    on_air.watch(&runtime, Duration::from_secs(1));
    assert_eq!(server.cast("room")["state"], "live");
    let ready = wait_for("the finished recording", Duration::from_secs(10), || {
        let found = only_if(&server, "ready");
        found.filter(|found| found["error"].is_null())
    });
    let file = download(&server, &ready, folder.path(), "ready");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), ready["bytes"].as_u64().unwrap());
    assert_eq!((&ready["width"], &ready["height"]), (&json!(1280), &json!(720)));
    drop(bob);
    let received = on_air.stop(&server, &runtime).view();

    let recorded = view(&file);
    let report = recorded.report(0, crate::on_air::FRAME);
    figure(&format!(
        "recorded: {} frames, {} ms, {} bytes",
        recorded.video.len(),
        ready["duration_ms"],
        ready["bytes"]
    ));
    assert_eq!(report.gaps.len(), 1, "the lost worker's ({})\n{report}", load());
    assert_eq!(report.backward_frames, 0, "{report}");
    assert_eq!(packets(&file), recorded.video.len(), "every frame can be decoded");
    let duration_ms = ready["duration_ms"].as_u64().unwrap();
    let seen_ms = recorded.video.last().unwrap().pts_ns / 1_000_000;
    assert!(duration_ms.abs_diff(seen_ms) < 150, "{duration_ms} {seen_ms}");
    same_frames(&recorded.video, &received.rtmp.video);
    for colour in [Colour::of(0), Colour::of(1)] {
        let shows = |frame: &VideoSample| read(frame).is_some_and(|(seen, _)| seen == colour);
        assert!(recorded.video.iter().any(shows), "{colour:?} is not in it");
    }

    let playlist =
        server.call("GET", &format!("/v1/recordings/{}/index.m3u8", ready["id"].as_str().unwrap()), None);
    let breaks = playlist.body.as_str().unwrap().matches("#EXT-X-DISCONTINUITY\n").count();
    assert!(breaks <= 1, "{}", playlist.body);
    let colours = [rgb(0), rgb(1)].join(",");
    let seconds = (duration_ms / 1000 + 10).to_string();
    let breaks = format!("--expect-discontinuities={breaks}");
    // The file's gap is played as a picture that stands still; the list's is skipped.
    let more = ["--seconds", &seconds, "--expect-colours", &colours, "--other-colours-ok"];
    plays(&ready, "download", recorded.video.len(), &[&more[..], &["--file"]].concat());
    plays(&ready, "playlist", recorded.video.len(), &[&more[..], &[&breaks]].concat());
    server.ok("DELETE", &format!("/v1/recordings/{}", ready["id"].as_str().unwrap()), None);
    assert_eq!(server.ok("GET", "/v1/recordings", None)["recordings"], json!([]));
}

/// And what was drawn over it, which its conference keeps.
#[test]
fn a_killed_servers_recording_is_there_after_the_next_start() {
    let _turn = one_at_a_time();
    let data = tempfile::tempdir().unwrap();
    let at = [("SERVER__DATA_DIR", data.path().to_str().unwrap())];
    let mut server = Server::start_with(&at);
    server.ok("PUT", "/v1/conferences/room", Some(json!({})));
    let slate = json!({"source": {"slate": true}, "outputs": [{"type": "recording"}]});
    server.ok("POST", "/v1/conferences/room/cast/start", Some(slate));
    let kept = Kept::set(&server, "room");
    let before = wait_for("three fragments", Duration::from_secs(20), || {
        only_if(&server, "recording").filter(|found| found["duration_ms"].as_u64() >= Some(5900))
    });
    server.process.signal(Signal::KILL);
    server.process.child.wait().unwrap();
    drop(server);

    let server = Server::start_with(&at);
    let after = wait_for("the finished recording", Duration::from_secs(10), || only_if(&server, "ready"));
    assert_eq!((&after["id"], &after["conference"]), (&before["id"], &json!("room")));
    // What was said to be on the disk is in it.
    assert!(after["duration_ms"].as_u64() >= before["duration_ms"].as_u64(), "{before} {after}");
    let file = download(&server, &after, data.path(), "killed");
    let frames = packets(&file) as u64;
    let expected = after["duration_ms"].as_u64().unwrap() * 30 / 1000;
    assert!(frames.abs_diff(expected) <= 2, "{frames} of {expected}");
    figure(&format!("recorded by a killed server: {frames} frames, {} ms", after["duration_ms"]));
    kept.is_there_again(&server, data.path());
}

/// Two workers whose encoders differ, even in the picture's size, made one file: Chromium plays all of it.
#[test]
fn chromium_plays_on_when_a_new_worker_has_other_parameters() {
    let _turn = one_at_a_time();
    let data = tempfile::tempdir().unwrap();
    let clips = [clip(data.path(), 4, (320, 240), "main"), clip(data.path(), 4, (640, 360), "high")];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let library = RecordingLibrary::open(&RecordingConfig::default(), data.path()).unwrap();
        let (hub, epoch) = (Hub::new(), jiff::Timestamp::now());
        let output = RecordingOutput::spawn(&hub, "room".parse().unwrap(), epoch, library);
        for (turn, clip) in (0..).zip(&clips) {
            hub.discontinuity(Incarnation(turn));
            clip.configs().into_iter().for_each(|config| hub.set_config(config));
            clip.frames_from(MediaTime::from_millis(u64::from(turn) * 4700))
                .for_each(|frame| hub.push(frame));
        }
        output.stop().await;
    });
    // The server finishes it, if that is not done yet.
    drop(runtime);
    let server = Server::start_with(&[("SERVER__DATA_DIR", data.path().to_str().unwrap())]);
    let ready = wait_for("the recording", Duration::from_secs(10), || only_if(&server, "ready"));
    let more = ["--seconds", "20"];
    plays(&ready, "download", 240, &[&more[..], &["--file"]].concat());
    plays(&ready, "playlist", 240, &[&more[..], &["--expect-discontinuities", "1"]].concat());
}

/// Chromium plays what a recording's `field` names to its end, and shows its frames.
fn plays(recording: &Value, field: &str, frames: usize, more: &[&str]) {
    let arguments = ["--url", recording[field].as_str().unwrap(), "--allow-gap-ms", "4000"];
    let seen = browser("play.mjs", &[&arguments, more].concat()).succeed(Duration::from_secs(90));
    let last = |event: &str| seen.iter().rfind(|line| line["event"] == event);
    let summary = last("summary").expect("a summary");
    assert!(last("finished").is_some(), "{field} plays to its end: {summary}");
    let shown = summary["frames"].as_u64().unwrap() as usize;
    figure(&format!("Chromium, {field}: {shown} of {frames} frames in {} s", summary["position_s"]));
    assert!(shown + 15 >= frames, "{field}: {summary}");
}

/// The recording's frames are the receiver's, from one of its first ones on: the receiver came later and
/// stayed longer.
fn same_frames(recorded: &[VideoSample], received: &[VideoSample]) {
    let frames = |samples: &[VideoSample]| samples.iter().map(read).collect::<Vec<Frame>>();
    let (recorded, received) = (frames(recorded), frames(received));
    let fits = |from: &usize| received.starts_with(&recorded[*from..]);
    let from = (0..recorded.len().min(300)).find(fits);
    let Some(from) = from else {
        // Where the best alignment breaks, for whoever reads this.
        let broken = (0..recorded.len().min(300))
            .map(|from| (recorded[from..].iter().zip(&received).take_while(|(a, b)| a == b).count(), from))
            .max();
        panic!(
            "the frames differ: {broken:?} (equal frames, from), {} and {}",
            recorded.len(),
            received.len()
        );
    };
    assert!(recorded.len() - from > 240, "{} frames compared", recorded.len() - from);
    figure(&format!("{} frames compared with RTMP's, none missing, none twice", recorded.len() - from));
}

fn read(sample: &VideoSample) -> Frame {
    let reading = sample.reading(0)?;
    Some((reading.colour?, reading.counter?))
}

fn view(path: &Path) -> Recording {
    viewer::view_file(path, Layout::Single(PictureSize { width: 640, height: 360 })).unwrap()
}

/// `RRGGBB` of a participant's colour.
fn rgb(number: usize) -> String {
    let [r, g, b] = Colour::of(number).rgb();
    format!("{r:02x}{g:02x}{b:02x}")
}

pub fn only_if(server: &Server, state: &str) -> Option<Value> {
    let list = server.ok("GET", "/v1/recordings?conference=room", None);
    let recordings = list["recordings"].as_array().unwrap();
    assert!(recordings.len() <= 1, "{list}");
    recordings.first().filter(|found| found["state"] == state).cloned()
}

fn only(server: &Server, state: &str) -> Value {
    only_if(server, state).unwrap_or_else(|| panic!("no {state} recording\n{}", server.process.said()))
}

fn packets(path: &Path) -> usize {
    let what = ["-select_streams", "v", "-count_packets", "-show_entries", "stream=nb_read_packets"];
    let probed = ffprobe(path.to_str().unwrap(), &what);
    probed["streams"][0]["nb_read_packets"].as_str().unwrap().parse().unwrap()
}

/// The recording's file, fetched in two ranges.
pub fn download(server: &Server, recording: &Value, folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("recording-{name}.mp4"));
    let mut file = File::create(&path).unwrap();
    let url = recording["download"].as_str().unwrap();
    assert!(url.starts_with(&server.base), "{url}");
    let middle = recording["bytes"].as_u64().unwrap() / 2;
    for range in [format!("bytes=0-{}", middle - 1), format!("bytes={middle}-")] {
        let mut answer = ureq::get(url).header("range", &range).call().unwrap();
        assert_eq!(answer.status(), 206);
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        file.write_all(&body).unwrap();
    }
    crate::server::keep(&path);
    path
}
