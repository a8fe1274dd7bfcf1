//! A conference on a real server: publishers of our own within the test, one cast, and its recording.

use crate::{
    film::Film,
    server::{Server, keep},
};
use meetingcast::{
    demo::hls_recorder::HlsRecorder,
    publisher::{client::Publisher, options::PublishOptions},
};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// The conference's name.
pub const ROOM: &str = "room";

/// A server with one conference in it.
pub struct Stage {
    pub server: Server,
    pub runtime: Runtime,
    directory: tempfile::TempDir,
}

/// A cast that is being recorded from HLS.
pub struct Take {
    recorder: HlsRecorder,
}

/// What a switch answered.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub pts_ms: u64,
    pub took_ms: u64,
}

impl Stage {
    /// With settings from the environment, see [`Server::start_with`].
    pub fn set(settings: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        Self { server: Server::start_with(settings), runtime, directory: tempfile::tempdir().unwrap() }
    }

    /// What participant `number` sends, in its colour and tone: small and slow, since many of them and the
    /// server share the machine.
    pub fn options(&self, number: usize, id: &str) -> PublishOptions {
        let mut options = PublishOptions::participant(number, &self.server.whip(ROOM, id));
        options.size.width = 320;
        options.size.height = 180;
        options.rate.0 = 15;
        options.video_kbps.0 = 200;
        options
    }

    /// Lets somebody join; returns when media flows.
    pub fn join(&self, options: PublishOptions) -> Publisher {
        self.runtime.block_on(async {
            let mut publisher = Publisher::start(options).unwrap();
            assert!(publisher.connected().await, "{:?}\n{}", publisher.stats(), self.server.process.said());
            publisher
        })
    }

    /// Lets somebody hang up.
    pub fn leave(&self, publisher: Publisher) {
        self.runtime.block_on(publisher.stop()).unwrap();
    }

    /// Waits until `participant`'s picture is decoded.
    pub fn seen(&self, participant: &str) {
        self.server.wait_for_picture(ROOM, participant);
    }

    /// Starts the cast with one HLS output and records it.
    pub fn start(&self, source: Value, width: u32, height: u32) -> Take {
        self.start_with(json!({"source": source, "encoding": {"width": width, "height": height}}))
    }

    /// Starts a cast of that body with one HLS output and records it.
    pub fn start_with(&self, mut body: Value) -> Take {
        body["outputs"] = json!([{"id": "hls", "type": "hls"}]);
        let cast = self.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/start"), Some(body));
        let url = cast["play"]["hls"].as_str().unwrap();
        Take { recorder: HlsRecorder::start(url, self.directory.path()).unwrap() }
    }

    /// A switch that must succeed.
    pub fn switch(&self, body: Value) -> Cut {
        let done = self.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/switch"), Some(body));
        let number = |field: &str| done[field].as_u64().unwrap_or_else(|| panic!("{done}"));
        Cut { pts_ms: number("program_pts_ms"), took_ms: number("took_ms") }
    }

    /// Changes a participant's mutes and gain.
    pub fn patch(&self, participant: &str, body: Value) {
        self.server.ok("PATCH", &format!("/v1/conferences/{ROOM}/participants/{participant}"), Some(body));
    }

    /// Stops the cast; gives the final Cast object and the recording.
    pub fn stop(&self, take: Take, name: &str) -> (Value, PathBuf) {
        let cast = self.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/stop"), None);
        let hls = take.recorder.finish().unwrap();
        assert!(hls.ended && hls.missed == 0, "{hls:?}");
        assert_eq!(hls.files.len(), 1, "one initialisation segment: no discontinuity");
        let path = self.directory.path().join(format!("{name}.mp4"));
        std::fs::rename(&hls.files[0], &path).unwrap();
        keep(&path);
        (cast, path)
    }

    /// [`Self::stop`], to be looked at.
    pub fn cut(&self, take: Take, name: &str) -> (Value, Film) {
        let (cast, path) = self.stop(take, name);
        (cast, Film::open(&path))
    }

    /// The ids of those who are in, in order.
    pub fn present(&self) -> Vec<String> {
        let list = self.server.call("GET", &format!("/v1/conferences/{ROOM}/participants"), None).body;
        let ids = list["participants"].as_array().into_iter().flatten();
        ids.filter_map(|one| Some(one["id"].as_str()?.to_owned())).collect()
    }

    /// Whether ICE and DTLS of a participant's first stream are up.
    pub fn is_connected(&self, participant: &str) -> bool {
        let path = format!("/v1/conferences/{ROOM}/participants/{participant}");
        self.server.call("GET", &path, None).body["streams"][0]["connected"] == true
    }

    /// The worker's process id.
    pub fn worker(&self) -> u32 {
        self.server.worker(ROOM).unwrap_or_else(|| panic!("no worker\n{}", self.server.process.said()))
    }
}

/// CPU time of a process so far, user and system.
pub fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Fields 14 and 15 (proc(5)), in ticks of 10 ms; the name before them may hold spaces.
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let ticks: u64 =
        rest.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// How many cores some processes use, over `time`.
pub fn cores(pids: &[u32], time: Duration) -> Vec<f64> {
    let (began, before): (_, Vec<_>) = (Instant::now(), pids.iter().map(|pid| cpu_time(*pid)).collect());
    std::thread::sleep(time);
    let wall = began.elapsed().as_secs_f64();
    pids.iter().zip(before).map(|(pid, before)| (cpu_time(*pid) - before).as_secs_f64() / wall).collect()
}
