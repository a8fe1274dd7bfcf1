//! Casts whose pictures pass through, on a real server: RTMP, HLS and a recording of them, over switches, stalls
//! and a lost worker; and what they cost.

use crate::{
    film::{Film, is_colour},
    on_air::{FRAME, output, video, view},
    overlay::put_picture,
    recording::{download, only_if},
    server::{Helper, Server, browser, ffprobe, figure, load, one_at_a_time, publish, signal_pid, wait_for},
};
use meetingcast::{
    demo::{
        hls_recorder::{HlsRecorder, HlsRecording},
        rtmp_sink::{ReceivedTag, RtmpSink, TagKind},
    },
    layout::Rect,
    publisher::{palette::Colour, recording::Recording},
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const GREEN: u32 = 0x0020_a040;
const PAUSE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='80' height='50'>\
    <rect width='80' height='50' fill='#20a040'/></svg>";

/// The participants: id, colour and tone, size.
const ANN: (&str, usize, (&str, &str)) = ("ann", 0, ("640", "360"));
const BOB: (&str, usize, (&str, &str)) = ("bob", 1, ("480", "270"));

fn join(server: &Server, (id, who, (width, height)): (&str, usize, (&str, &str)), more: &[&str]) -> Helper {
    let pattern = Colour::of(who).name();
    let mut arguments = vec!["--pattern", pattern, "--width", width, "--height", height];
    arguments.extend_from_slice(more);
    let publisher = publish(&server.whip("room", id), &arguments);
    server.wait_for_picture("room", id);
    publisher
}

/// A passthrough cast with its receivers.
struct Show {
    server: Server,
    runtime: Runtime,
    sink: RtmpSink,
    recorder: HlsRecorder,
    directory: tempfile::TempDir,
}

/// What was received, and the playlist as it was before the end.
struct Received {
    tags: Vec<ReceivedTag>,
    flv: PathBuf,
    hls: HlsRecording,
    playlist: String,
    stopped: Value,
    _directory: tempfile::TempDir,
}

impl Show {
    fn start(server: Server, more: &[Value]) -> Self {
        let runtime = Runtime::new().unwrap();
        let sink = runtime.block_on(RtmpSink::bind("127.0.0.1:0")).unwrap();
        let mut outputs = vec![
            json!({"id": "push", "type": "rtmp", "url": format!("rtmp://{}/live/room", sink.local_addr())}),
            json!({"id": "hls", "type": "hls"}),
        ];
        outputs.extend_from_slice(more);
        let body = json!({"participant": "ann", "encoding": {"mode": "passthrough"}, "outputs": outputs});
        let started = server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
        let directory = tempfile::tempdir().unwrap();
        let recorder =
            HlsRecorder::start(started["play"]["hls"].as_str().unwrap(), directory.path()).unwrap();
        wait_for("RTMP to be live", Duration::from_secs(10), || {
            (output(&server.cast("room"), "push")["state"] == "live").then_some(())
        });
        Self { server, runtime, sink, recorder, directory }
    }

    fn watch(&self, length: Duration) {
        let last = |tags: &[ReceivedTag]| video(tags).last().map_or(0, |tag| tag.timestamp_ms);
        let until = last(&self.sink.tags()) + length.as_millis() as u32;
        let enough = self.sink.wait_for(|tags| last(tags) >= until);
        let patience = length + Duration::from_secs(20);
        let came = self.runtime.block_on(async { tokio::time::timeout(patience, enough).await });
        assert!(came.is_ok(), "no {length:?} of video came ({})", load());
    }

    fn switch(&self, body: Value) -> Value {
        self.server.ok("POST", "/v1/conferences/room/cast/switch", Some(body))
    }

    fn refused(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String, String) {
        let answer = self.server.call(method, &format!("/v1/conferences/room/cast/{path}"), body);
        let text = |field: &str| answer.body[field].as_str().unwrap_or_default().to_owned();
        (answer.status, text("code"), text("detail"))
    }

    fn playlist(&self) -> String {
        let answer = self.server.call("GET", "/hls/room/video/media.m3u8", None);
        answer.body.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the cast says that about its source.
    fn until_source_is(&self, state: &str) {
        wait_for(&format!("source_state {state}"), Duration::from_secs(15), || {
            (self.server.cast("room")["source_state"] == state).then_some(())
        });
    }

    fn stop(self) -> (Server, Received) {
        let playlist = self.playlist();
        let stopped = self.server.ok("POST", "/v1/conferences/room/cast/stop", None);
        let hls = self.recorder.finish().unwrap();
        wait_for("the RTMP stream to end", Duration::from_secs(5), || {
            (self.sink.publishers().1 > 0).then_some(())
        });
        let flv = self.directory.path().join("passthrough.flv");
        self.runtime.block_on(self.sink.write_flv(&flv)).unwrap();
        let tags = self.sink.tags();
        (self.server, Received { tags, flv, hls, playlist, stopped, _directory: self.directory })
    }
}

/// Another's parser and decoder find nothing wrong. Gives the pictures that it decoded.
fn decodes_cleanly(path: &Path) -> usize {
    let decoded = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-count_frames"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&decoded.stderr).into_owned();
    assert!(decoded.status.success() && said.is_empty(), "{}: {said}", path.display());
    String::from_utf8_lossy(&decoded.stdout).trim().parse().unwrap()
}

/// Steps of more than two frames and a half on the RTMP connection: milliseconds, and the picture behind each.
fn holes(tags: &[ReceivedTag]) -> Vec<(u32, &ReceivedTag)> {
    let frames: Vec<_> = video(tags).collect();
    let steps = frames.windows(2).map(|pair| {
        (pair[1].timestamp_ms.checked_sub(pair[0].timestamp_ms).expect("time goes back"), pair[1])
    });
    steps.filter(|(step, _)| *step > 84).collect()
}

fn headers(tags: &[ReceivedTag]) -> usize {
    tags.iter().filter(|tag| tag.kind == TagKind::VideoHeader).count()
}

/// What an HLS playlist must hold however regularly keyframes come: one target duration, which the first segment
/// may have made a second longer than asked for, and no segment that is longer.
fn judge_playlist(playlist: &str) {
    let values = |tag: &'static str| playlist.lines().filter_map(move |line| line.strip_prefix(tag));
    let targets: Vec<f64> = values("#EXT-X-TARGETDURATION:").map(|target| target.parse().unwrap()).collect();
    assert!(matches!(targets[..], [target] if target == 2.0 || target == 3.0), "{playlist}");
    for line in values("#EXTINF:") {
        let seconds: f64 = line.trim_end_matches(',').parse().unwrap();
        assert!(seconds.round() <= targets[0], "a segment of {seconds} s\n{playlist}");
    }
}

/// The pictures of one stretch are those of one participant, each once and in order, but for `lost` holes.
fn shows_only(what: &str, recording: &Recording, who: usize, lost: usize) {
    let report = recording.report(0, FRAME);
    assert_eq!(report.backward_frames, 0, "{what}: ({})\n{report}", load());
    let others = recording.video.iter().filter(|frame| {
        frame.reading(0).and_then(|reading| reading.colour).is_some_and(|colour| colour != Colour::of(who))
    });
    assert_eq!(others.count(), 0, "{what}: somebody else's picture\n{report}");
    let odd = crate::on_air::odd_steps(recording);
    assert!(odd.len() <= lost, "{what}: counter steps at ms: {odd:?} ({})", load());
}

#[test]
fn rtmp_hls_and_a_recording_carry_what_the_participants_send() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let _ann = join(&server, ANN, &[]);
    let _bob = join(&server, BOB, &[]);
    let _carl = join(&server, ("carl", 2, ("640", "360")), &["--codec", "vp8"]);
    let body = json!({"participant": "carl", "encoding": {"mode": "passthrough"}});
    let refused = server.call("POST", "/v1/conferences/room/cast/start", Some(body));
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("codec_unsupported")), "{refused:?}");

    let show = Show::start(server, &[json!({"id": "file", "type": "recording"})]);
    let cast = show.server.cast("room");
    assert_eq!(cast["encoding"]["mode"], "passthrough");
    assert_eq!((&cast["encoding"]["width"], &cast["encoding"]["height"]), (&json!(640), &json!(360)));
    show.watch(Duration::from_secs(6));
    let (status, code, detail) = show.refused("POST", "switch", Some(json!({"participant": "carl"})));
    assert_eq!((status, &*code), (409, "codec_unsupported"));
    assert!(detail.contains("carl sends vp8"), "{detail}");
    let grid = json!({"source": {"layout": "grid"}});
    let (status, code, _) = show.refused("POST", "switch", Some(grid));
    assert_eq!((status, &*code), (422, "source_unsupported"));
    let (status, code, _) = show.refused("GET", "snapshot.jpg", None);
    assert_eq!((status, &*code), (409, "snapshot_unavailable"));

    let mut promised = Vec::new();
    let mut took = Vec::new();
    for who in [BOB, ANN] {
        let switched = show.switch(json!({"participant": who.0}));
        promised.push(switched["program_pts_ms"].as_u64().unwrap());
        took.push(switched["took_ms"].as_u64().unwrap());
        show.watch(Duration::from_secs(6));
    }
    // Everybody is heard, and the picture stays.
    show.switch(json!({"participant": "ann", "audio": "mix"}));
    show.watch(Duration::from_secs(2));
    let (server, received) = show.stop();
    figure(&format!("passthrough: switches took {took:?} ms, program {}", received.stopped["program"]));

    assert!(received.tags.iter().all(|tag| tag.connection == 0), "one RTMP connection");
    assert_eq!(headers(&received.tags), 3, "a sequence header for each change of parameters");
    // A packet that does not come through in time costs the rest of its GOP; on loopback that is a machine without
    // time, and not as a rule.
    let holes = holes(&received.tags);
    figure(&format!(
        "passthrough: holes {:?} ms ({})",
        holes.iter().map(|(step, _)| step).collect::<Vec<_>>(),
        load()
    ));
    assert!(holes.len() <= 1 && holes.iter().all(|(_, tag)| tag.is_keyframe()), "({})", load());
    assert_eq!(decodes_cleanly(&received.flv), video(&received.tags).count(), "every picture decodes");
    let recording = view(&received.flv);
    assert_eq!(recording.video.len(), video(&received.tags).count(), "and with ours");
    let report = recording.report(0, FRAME);
    figure(&format!("passthrough, RTMP: {report}"));
    let switches = recording.switches(0);
    assert_eq!(switches.len(), 2, "{switches:?}");
    for switch in &switches {
        let distance = switch.distance_ns.expect("the tone changes too");
        assert!(distance.abs() <= 40_000_000, "sound and picture {} ms apart", distance / 1_000_000);
    }
    let apart = (switches[1].video_ns - switches[0].video_ns) / 1_000_000;
    assert!(apart.abs_diff(promised[1] - promised[0]) <= 2, "{apart} ms, promised {promised:?}");

    assert!(received.hls.ended && received.hls.missed == 0, "{:?}", received.hls);
    assert_eq!(received.hls.files.len(), 3, "an initialisation segment for each change: {:?}", received.hls);
    let changes = received.playlist.matches("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=").count();
    assert_eq!(changes, 2, "{}", received.playlist);
    judge_playlist(&received.playlist);
    let size = |path: &Path| {
        let streams = ffprobe(path.to_str().unwrap(), &["-select_streams", "v:0", "-show_streams"]);
        let stream = &streams["streams"][0];
        (stream["width"].clone(), stream["height"].clone(), stream["profile"].clone())
    };
    let mut pictures = 0;
    for (part, (_, who, (width, height))) in received.hls.files.iter().zip([ANN, BOB, ANN]) {
        assert!(decodes_cleanly(part) > 0);
        let number = |text: &str| json!(text.parse::<u32>().unwrap());
        assert_eq!(size(part), (number(width), number(height), json!("Constrained Baseline")));
        let seen = view(part);
        shows_only(&format!("HLS, {}", Colour::of(who).name()), &seen, who, holes.len());
        pictures += seen.video.len();
    }
    // HLS begins where RTMP does or a keyframe before; none of the pictures between is missing.
    assert!(pictures >= recording.video.len(), "{pictures} of {}", recording.video.len());

    // The recording has them too, with the parameters in the stream.
    let ready = wait_for("the finished recording", Duration::from_secs(10), || only_if(&server, "ready"));
    let folder = tempfile::tempdir().unwrap();
    let file = download(&server, &ready, folder.path(), "passthrough");
    assert_eq!(decodes_cleanly(&file), pictures, "as many as HLS has");
    let recorded = view(&file);
    let sizes: Vec<_> = recorded.sizes.iter().map(|(_, size)| (size.width, size.height)).collect();
    assert_eq!(sizes, [(640, 360), (480, 270), (640, 360)]);
    assert_eq!(recorded.video.len(), pictures, "as many as HLS has");
}

#[test]
fn stalls_and_a_lost_worker_are_bridged_by_the_slate() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let ann = join(&server, ANN, &["--reconnect"]);
    let show = Show::start(server, &[]);
    show.until_source_is("live");
    // Of the overlay only the slate can be changed, and not to a clip.
    let (status, _) = put_picture(&show.server, "pause", "image/svg+xml", PAUSE.as_bytes());
    assert_eq!(status, 201);
    for body in [json!({"labels": true}), json!({"slate": null, "title": null})] {
        let (status, code, _) = show.refused("PATCH", "overlay", Some(body));
        assert_eq!((status, code.as_str()), (409, "overlay_unavailable"));
    }
    let slate = json!({"slate": {"picture": "pause"}});
    let set = show.server.ok("PATCH", "/v1/conferences/room/cast/overlay", Some(slate));
    assert_eq!((&set["slate"]["fit"], &set["program_pts_ms"]), (&json!("cover"), &Value::Null));
    show.watch(Duration::from_secs(2));
    ann.signal(Signal::STOP);
    show.until_source_is("stalled");
    show.watch(Duration::from_secs(2));
    ann.signal(Signal::CONT);
    show.until_source_is("live");
    show.watch(Duration::from_secs(4));

    let worker = show.server.worker("room").expect("a worker");
    let lost_at = Instant::now();
    signal_pid(worker, Signal::KILL);
    wait_for("another worker", Duration::from_secs(10), || {
        show.server.worker("room").filter(|pid| *pid != worker)
    });
    show.server.wait_for_picture("room", "ann");
    show.until_source_is("live");
    show.watch(Duration::from_secs(4));
    let cast = show.server.cast("room");
    assert_eq!((&cast["state"], &output(&cast, "push")["retries"]), (&json!("live"), &json!(0)), "{cast}");
    let (_server, received) = show.stop();

    assert!(received.tags.iter().all(|tag| tag.connection == 0), "one RTMP connection");
    // His, the slate's, his, the next worker's slate, his.
    assert_eq!(headers(&received.tags), 5);
    let frames: Vec<_> = video(&received.tags).collect();
    let holes = holes(&received.tags);
    figure(&format!("passthrough: holes {:?} ms", holes.iter().map(|(step, _)| step).collect::<Vec<_>>()));
    let [(held, _), (lost, next)] = holes[..] else { panic!("{} holes ({})", holes.len(), load()) };
    assert!((950..=1200).contains(&held), "the stall was held for {held} ms ({})", load());
    let back = next.received_at.duration_since(lost_at);
    figure(&format!(
        "passthrough: the next worker's slate after {} ms ({lost} ms without a picture)",
        back.as_millis()
    ));
    assert!(back < Duration::from_secs(3) && next.is_keyframe(), "back after {back:?} ({})", load());

    assert_eq!(decodes_cleanly(&received.flv), frames.len(), "every picture decodes");
    let recording = view(&received.flv);
    assert_eq!(recording.video.len(), frames.len(), "and with ours");
    let sizes: Vec<_> = recording.sizes.iter().map(|(_, size)| (size.width, size.height)).collect();
    assert_eq!(sizes, [(640, 360)], "the slate has the stream's size, also the next worker's");
    let middle = Rect { x: 200, y: 100, width: 200, height: 100 };
    let mut green = Vec::new();
    Film::open(&received.flv).each(|_, picture| green.push(is_colour(picture, middle, GREEN)));
    let mut sights: Vec<bool> = Vec::new();
    for (frame, green) in recording.video.iter().zip(green) {
        let his = frame.reading(0).and_then(|reading| reading.colour) == Some(Colour::of(ANN.1));
        assert_ne!(his, green, "him, or the picture that is the slate, also the next worker's");
        if sights.last() != Some(&his) {
            sights.push(his);
        }
    }
    assert_eq!(sights, [true, false, true, false, true], "him, the slate, him, the slate, him");
    assert!(received.hls.ended && received.hls.missed == 0, "{:?}", received.hls);
    let span = |file: &PathBuf| {
        let probed = ffprobe(file.to_str().unwrap(), &["-show_entries", "format=start_time,duration"]);
        let seconds = |field: &str| probed["format"][field].as_str().unwrap_or("?").to_owned();
        (seconds("start_time"), seconds("duration"))
    };
    let spans: Vec<_> = received.hls.files.iter().map(span).collect();
    figure(&format!("passthrough: eras of HLS (start, duration) {spans:?}"));
    assert_eq!(spans.len(), 5, "{:?}\n{}", received.hls, received.playlist);
    received.hls.files.iter().for_each(|part| assert!(decodes_cleanly(part) > 0));
    judge_playlist(&received.playlist);
}

#[test]
fn a_browsers_pictures_pass_through() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let whip = server.whip("room", "ann");
    let colour: String = Colour::of(0).rgb().iter().map(|part| format!("{part:02x}")).collect();
    let tone = meetingcast::publisher::tone::Tone::of(0).hz().to_string();
    let mut page = browser(
        "publish.mjs",
        &["--whip", &whip, "--codec", "h264", "--colour", &colour, "--tone", &tone, "--seconds", "120"],
    );
    page.event("connected", Duration::from_secs(40));
    server.wait_for_picture("room", "ann");
    let show = Show::start(server, &[]);
    show.watch(Duration::from_secs(12));
    let (_server, received) = show.stop();

    assert_eq!(decodes_cleanly(&received.flv), video(&received.tags).count(), "every picture decodes");
    let recording = view(&received.flv);
    assert_eq!(recording.video.len(), video(&received.tags).count(), "and with ours");
    let keyframes: Vec<u32> =
        video(&received.tags).filter(|tag| tag.is_keyframe()).map(|tag| tag.timestamp_ms).collect();
    let distance = keyframes.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(u32::MAX);
    figure(&format!(
        "passthrough of Chromium: {} pictures of sizes {:?}, {} sequence headers, keyframes {distance} ms apart at most, \
         holes {:?} ms ({})",
        recording.video.len(),
        recording.sizes.iter().map(|(_, size)| (size.width, size.height)).collect::<Vec<_>>(),
        headers(&received.tags),
        holes(&received.tags).iter().map(|(step, _)| step).collect::<Vec<_>>(),
        load()
    ));
    // It makes none of its own accord. Measured at load 6: 2001 ms; a request is repeated after 500 ms.
    assert!(distance <= 2500, "{distance} ms between keyframes ({})", load());
    let others = recording
        .video
        .iter()
        .filter(|frame| frame.reading(0).and_then(|reading| reading.colour) != Some(Colour::of(0)));
    assert!(others.count() <= 2, "not the browser's picture");
    assert!(received.hls.ended && received.hls.missed == 0, "{:?}", received.hls);
    assert_eq!(received.hls.files.len(), headers(&received.tags), "{:?}", received.hls);
    received.hls.files.iter().for_each(|part| assert!(decodes_cleanly(part) > 0));
    judge_playlist(&received.playlist);
}
