//! A conference with one publisher of ours, cast to an RTMP receiver of ours and to HLS, and what came out
//! at both ends.

use crate::server::{Helper, Server, keep, load, publish, wait_for};
use meetingcast::{
    demo::{
        hls_recorder::{HlsRecorder, HlsRecording},
        rtmp_sink::{ReceivedTag, RtmpSink, TagKind},
    },
    publisher::{
        palette::Colour,
        planes::PictureSize,
        recording::{Layout, Recording},
        viewer,
    },
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

pub const FRAME: Duration = Duration::from_nanos(33_333_333);
/// Silences up to one AAC frame are a breath of the codec.
pub const SILENCE_NS: u64 = 21_400_000;
/// AAC swells in at the beginning of a stream.
const SETTLE_NS: u64 = 500_000_000;
/// So early a frame may be shown twice: while encoder and first segment start on a busy machine, one that
/// was about to be shown as early as possible may come too late for that, and is shown at its time instead.
const START_MS: u64 = 1000;

/// The cast and everybody around it.
pub struct OnAir {
    pub room: String,
    /// The publisher's number: its colour and its tone.
    who: usize,
    pub sink: RtmpSink,
    pub hls_url: String,
    recorder: HlsRecorder,
    _publisher: Helper,
    directory: tempfile::TempDir,
}

/// What was received, not looked at yet.
pub struct Landed {
    who: usize,
    tags: Vec<ReceivedTag>,
    flv: PathBuf,
    hls: HlsRecording,
    stopped: Value,
    stop_took: Duration,
    _directory: tempfile::TempDir,
}

/// What was received.
pub struct Received {
    who: usize,
    pub tags: Vec<ReceivedTag>,
    pub rtmp: Recording,
    pub hls: HlsRecording,
    /// One for each initialisation segment.
    pub hls_parts: Vec<Recording>,
    /// The Cast object of the stop, and how long that took.
    pub stopped: Value,
    pub stop_took: Duration,
}

impl OnAir {
    /// Returns when RTMP is live. The outputs are `push` (ours), `hls` and `more`.
    pub fn start(server: &Server, runtime: &Runtime, room: &str, who: usize, more: &[Value]) -> Self {
        let pattern = Colour::of(who).name();
        let publisher = publish(&server.whip(room, "ann"), &["--pattern", pattern, "--reconnect"]);
        server.wait_for_picture(room, "ann");
        let sink = runtime.block_on(RtmpSink::bind("127.0.0.1:0")).unwrap();
        let mut outputs = vec![
            json!({"id": "push", "type": "rtmp", "url": format!("rtmp://{}/live/{room}", sink.local_addr())}),
            json!({"id": "hls", "type": "hls"}),
        ];
        outputs.extend_from_slice(more);
        let body = json!({"participant": "ann", "outputs": outputs});
        let started = server.ok("POST", &format!("/v1/conferences/{room}/cast/start"), Some(body));
        let hls_url = started["play"]["hls"].as_str().unwrap().to_owned();
        let directory = tempfile::tempdir().unwrap();
        let recorder = HlsRecorder::start(&hls_url, directory.path()).unwrap();
        let on_air =
            Self { room: room.to_owned(), who, sink, hls_url, recorder, _publisher: publisher, directory };
        wait_for("RTMP to be live", Duration::from_secs(10), || {
            (on_air.output(server, "push")["state"] == "live").then_some(())
        });
        on_air
    }

    /// An output in the Cast object.
    pub fn output(&self, server: &Server, id: &str) -> Value {
        output(&server.cast(&self.room), id)
    }

    /// Waits until the receiver has so much more video.
    pub fn watch(&self, runtime: &Runtime, length: Duration) {
        let last = |tags: &[ReceivedTag]| video(tags).last().map_or(0, |tag| tag.timestamp_ms);
        let until = last(&self.sink.tags()) + length.as_millis() as u32;
        let enough = self.sink.wait_for(|tags| last(tags) >= until);
        let patience = length + Duration::from_secs(20);
        let came = runtime.block_on(async { tokio::time::timeout(patience, enough).await });
        assert!(came.is_ok(), "{}: no {length:?} of video came ({})", self.room, load());
    }

    /// Stops the cast. What came is only kept: decoding it at full speed would take the cores from whatever
    /// else is still on the air.
    pub fn stop(self, server: &Server, runtime: &Runtime) -> Landed {
        let began = Instant::now();
        let stopped = server.ok("POST", &format!("/v1/conferences/{}/cast/stop", self.room), None);
        let stop_took = began.elapsed();
        let hls = self.recorder.finish().unwrap();
        wait_for("the RTMP stream to end", Duration::from_secs(5), || {
            (self.sink.publishers().1 > 0).then_some(())
        });
        let flv = self.directory.path().join(format!("{}.flv", self.room));
        runtime.block_on(self.sink.write_flv(&flv)).unwrap();
        let tags = self.sink.tags();
        Landed { who: self.who, tags, flv, hls, stopped, stop_took, _directory: self.directory }
    }
}

impl Landed {
    /// Looks at everything that came. To be called when nothing is on the air any more.
    pub fn view(self) -> Received {
        let Self { who, tags, flv, hls, stopped, stop_took, _directory } = self;
        let rtmp = view(&flv);
        // Every frame that was sent can be decoded.
        assert_eq!(rtmp.video.len(), video(&tags).count(), "{}: frames decoded of tags", flv.display());
        let hls_parts = hls.files.iter().map(|file| view(file)).collect();
        Received { who, tags, rtmp, hls, hls_parts, stopped, stop_took }
    }
}

/// An output in a Cast object.
pub fn output(cast: &Value, id: &str) -> Value {
    let outputs = cast["outputs"].as_array().unwrap();
    outputs.iter().find(|output| output["id"] == id).unwrap_or_else(|| panic!("no {id} in {cast}")).clone()
}

/// The pictures among the tags.
pub fn video(tags: &[ReceivedTag]) -> impl Iterator<Item = &ReceivedTag> {
    tags.iter().filter(|tag| tag.kind == TagKind::Video)
}

/// Decodes what was received.
pub fn view(path: &Path) -> Recording {
    keep(path);
    viewer::view_file(path, Layout::Single(PictureSize { width: 640, height: 360 })).unwrap()
}

impl Received {
    /// Both outputs have every frame of the publisher, and nothing else.
    pub fn assert_whole(&self, what: &str) {
        assert_eq!(
            (self.hls.ended, self.hls.missed, self.hls.files.len()),
            (true, 0, 1),
            "{what}: {:?}",
            self.hls
        );
        assert_whole(&format!("{what}, RTMP"), &self.rtmp, self.who);
        assert_whole(&format!("{what}, HLS"), &self.hls_parts[0], self.who);
        let connections = self.tags.iter().map(|tag| tag.connection).max();
        assert_eq!(connections, Some(0), "{what}: one RTMP connection");
    }
}

/// The recording holds each frame of one publisher once and in its place, and its sound without a hole.
pub fn assert_whole(what: &str, recording: &Recording, who: usize) {
    let report = recording.report(0, FRAME);
    let cadence = report.cadence;
    let mut odd = odd_steps(recording);
    odd.retain(|(at_ms, step)| *at_ms > START_MS || *step != 0);
    assert!(odd.is_empty(), "{what}: counter steps at ms: {odd:?} ({})\n{report}", load());
    assert_eq!(report.backward_frames, 0, "{what}: ({})\n{report}", load());
    assert!(report.gaps.is_empty() && report.black.is_empty(), "{what}: ({})\n{report}", load());
    // A cast may begin with a frame of the slate: its start waits for nobody.
    let nobody = recording.video.iter().filter(|frame| {
        frame.pts_ns / 1_000_000 > START_MS && frame.reading(0).is_none_or(|reading| reading.colour.is_none())
    });
    assert_eq!((nobody.count(), cadence.unreadable), (0, 0), "{what}:\n{report}");
    assert!(shows_only(recording, who), "{what}: somebody else's picture\n{report}");
    assert!(sounds_only(recording, who), "{what}: somebody else's tone\n{report}");
    let began = recording.video.first().map_or(0, |frame| frame.pts_ns);
    let silent = report.silences.iter().any(|s| s.length_ns > SILENCE_NS && s.start_ns > began + SETTLE_NS);
    assert!(!silent, "{what}: silence ({})\n{report}", load());
}

/// Where the frame counter did not move on by one: when, milliseconds, and by how much.
pub fn odd_steps(recording: &Recording) -> Vec<(u64, i64)> {
    let counters = recording.video.iter().filter_map(|frame| {
        let counter = frame.reading(0)?.counter?;
        Some((frame.pts_ns / 1_000_000, i64::from(counter)))
    });
    let counters: Vec<_> = counters.collect();
    let steps = counters.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1));
    steps.filter(|(_, step)| *step != 1).collect()
}

/// No frame shows another participant.
pub fn shows_only(recording: &Recording, who: usize) -> bool {
    let mut colours = recording.video.iter().filter_map(|frame| frame.reading(0)?.colour);
    colours.all(|colour| colour == Colour::of(who))
}

/// No tone of another participant is heard.
pub fn sounds_only(recording: &Recording, who: usize) -> bool {
    let heard: Vec<usize> =
        recording.audio.heard.windows.iter().filter_map(|window| window.loudest()).collect();
    !heard.is_empty() && heard.iter().all(|tone| *tone == who)
}
