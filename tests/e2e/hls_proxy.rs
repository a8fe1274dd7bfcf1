//! docs/nginx-hls.conf before the server: a hundred low-latency viewers cost the server about what one does,
//! every one of them gets every part, and hls.js plays through it.

use crate::{
    server::{Helper, Server, browser, figure, load, one_at_a_time, publish, wait_for},
    viewers::{self, Arrivals},
};
use meetingcast::publisher::palette::Colour;
use serde_json::json;
use std::{
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const VIEWERS: usize = 100;
const WATCHED: Duration = Duration::from_secs(8);
/// What a hundred may cost more than one: those who come first ask for the plain playlist side by side.
const MOST: f64 = 1.5;

/// nginx with the configuration of the documents, in a directory of its own.
struct Proxy {
    _process: Helper,
    directory: tempfile::TempDir,
    base: String,
}

impl Proxy {
    fn start(origin: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text =
            std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/nginx-hls.conf"));
        let mut text = text.unwrap();
        for (theirs, ours) in [
            ("server 127.0.0.1:8080;", format!("server {};", origin.trim_start_matches("http://"))),
            ("listen 127.0.0.1:8088;", format!("listen 127.0.0.1:{port};")),
            ("max_size=2g", "max_size=64m".to_owned()),
        ] {
            assert!(text.contains(theirs), "docs/nginx-hls.conf has no {theirs:?}");
            text = text.replace(theirs, &ours);
        }
        // Only what a test needs: no daemon, and nothing outside of its directory.
        let directories: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path temp_{kind};\n"))
            .collect();
        let text = text.replacen("http {\n", &format!("http {{\n{directories}"), 1);
        let text =
            format!("daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log warn;\n{text}");
        std::fs::write(directory.path().join("nginx.conf"), text).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.args(["-p", directory.path().to_str().unwrap(), "-c", "nginx.conf", "-e", "error.log"]);
        let mut process = Helper::start(command);
        wait_for("nginx to listen", Duration::from_secs(20), || {
            assert!(process.child.try_wait().unwrap().is_none(), "nginx ended: {}", process.said());
            TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())
        });
        Self { _process: process, directory, base: format!("http://127.0.0.1:{port}") }
    }

    /// Requests so far, and how many of them went on to the server.
    fn requests(&self) -> (usize, usize) {
        let log = std::fs::read_to_string(self.directory.path().join("access.log")).unwrap_or_default();
        (log.lines().count(), log.lines().filter(|line| !line.starts_with("HIT ")).count())
    }
}

#[test]
fn a_hundred_viewers_behind_a_cache_cost_what_one_does() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let server = Server::start();
    let _publisher = publish(&server.whip("room", "ann"), &["--pattern", Colour::of(0).name()]);
    server.wait_for_picture("room", "ann");
    let body = json!({"participant": "ann", "encoding": {"width": 640, "height": 360, "video_kbps": 600}});
    let cast = server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
    let index = cast["play"]["hls"].as_str().unwrap().to_owned();
    let media = index.replace("index.m3u8", "video/media.m3u8");

    // One viewer behind a cache of its own, then a hundred behind another, and beside them one without.
    let alone = Proxy::start(&server.base);
    let one = watch(&runtime, &media.replace(&server.base, &alone.base), 1);
    let (_, cost_of_one) = alone.requests();
    let proxy = Proxy::start(&server.base);
    let (many, direct) = runtime.block_on(async {
        let until = Instant::now() + WATCHED;
        let proxied = media.replace(&server.base, &proxy.base);
        tokio::join!(viewers::watch(&proxied, VIEWERS, until), viewers::watch(&media, 1, until))
    });
    let (requests, cost_of_many) = proxy.requests();
    let ratio = cost_of_many as f64 / cost_of_one as f64;
    figure(&format!(
        "{VIEWERS} viewers made {requests} requests, {cost_of_many} of them to the server; one viewer {cost_of_one}: {ratio:.2} times"
    ));
    let late = lateness(&many, &direct[0]);
    figure(&format!(
        "behind the cache a part comes p50 {:.0} ms, p95 {:.0} ms later than without it",
        late[late.len() / 2],
        late[late.len() * 95 / 100]
    ));
    assert!(ratio <= MOST, "{ratio:.2} times ({})", load());
    assert!(requests > 50 * cost_of_many, "{requests} requests, {cost_of_many} to the server");
    for arrivals in many.iter().chain(&one) {
        assert_complete(arrivals);
    }

    let player = browser(
        "play.mjs",
        &["--url", &index.replace(&server.base, &proxy.base), "--seconds", "10", "--max-latency", "3.5"],
    );
    let events = player.succeed(Duration::from_secs(60));
    let summary = events.iter().find(|event| event["event"] == "summary").unwrap();
    figure(&format!(
        "hls.js through the cache: {} s behind, {} stalls",
        summary["latency_s"], summary["stalls"]
    ));
}

fn watch(runtime: &Runtime, media: &str, count: usize) -> Vec<Arrivals> {
    runtime.block_on(viewers::watch(media, count, Instant::now() + WATCHED))
}

/// Milliseconds by which each part came later than to the viewer without a cache, sorted.
fn lateness(viewers: &[Arrivals], direct: &Arrivals) -> Vec<f64> {
    let mut late = Vec::new();
    for (part, at) in viewers.iter().flatten() {
        if let Some(first) = direct.get(part) {
            let signed = at.saturating_duration_since(*first).as_secs_f64()
                - first.saturating_duration_since(*at).as_secs_f64();
            late.push(signed * 1000.0);
        }
    }
    late.sort_by(f64::total_cmp);
    assert!(late.len() > 5 * VIEWERS, "{} parts were seen by both", late.len());
    late
}

/// No part is missing between a viewer's first and last one.
fn assert_complete(arrivals: &Arrivals) {
    let parts: Vec<_> = arrivals.keys().copied().collect();
    assert!(parts.len() > 8, "{parts:?}");
    for pair in parts.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        assert!(to == (from.0, from.1 + 1) || to == (from.0 + 1, 0), "{from:?} is followed by {to:?}");
    }
}
