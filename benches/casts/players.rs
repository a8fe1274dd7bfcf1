//! Players of HLS in numbers, against an nginx that serves the same files: requests a second on kept connections,
//! and what each costs the server; and how far the last of many who wait for the same part is behind the first.
//! Server, nginx, and the load come from the same few cores, so the rates are what is left for all of them; the CPU
//! time of a request is the server's alone.

mod client;
mod static_files;

use crate::{
    Bench,
    costs::CAMERA,
    ours, process,
    row::{Mode, Row},
    server::{Server, wait_for},
    spread::Spread,
};
use client::Client;
use meetingcast::demo::rtmp_sink::RtmpSink;
use static_files::StaticFiles;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::Barrier, task::JoinSet};

const CLIENTS: [usize; 4] = [1, 100, 1000, 3000];
/// How long each side is asked.
const WINDOW: Duration = Duration::from_secs(4);
/// How long parts are waited for.
const HELD: Duration = Duration::from_secs(8);
const PLAYLIST: &str = "/hls/bench/video/media.m3u8";

/// Prints the tables.
pub fn run(bench: &Bench) {
    if !bench.wants("players") {
        return;
    }
    let row = Row { name: "players", clip: CAMERA, told: CAMERA, people: 1, mode: Mode::Passthrough };
    let settings = [("LIMITS__MAX_LOAD", "0"), ("LIMITS__MAX_CONNECTIONS", "8000")];
    let server = Server::start_with(&settings);
    let _publishers = ours::publishers(&server, "bench", &row.clips());
    let sink = bench.runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
    let mut body = ours::start(&row, &sink);
    body["outputs"] = serde_json::json!([{"type": "hls"}]);
    server.ok("POST", "/v1/conferences/bench/cast/start", Some(body));
    wait_for("some segments", Duration::from_secs(30), || (newest(&server)?.1 >= 4).then_some(()));
    let address: SocketAddr = server.base.trim_start_matches("http://").parse().expect("an address");
    println!(
        "\n| file | clients | ours, requests/s | nginx, requests/s | ratio | CPU of a request, µs: ours | nginx |"
    );
    println!("|---|---|---|---|---|---|---|");
    for what in ["segment", "playlist"] {
        for clients in CLIENTS {
            print_rates(bench, &server, address, what, clients);
        }
    }
    println!(
        "\n| clients that wait for each part | playlists/s | behind the first, ms: p50 | p95 | max | p99 |"
    );
    println!("|---|---|---|---|---|---|");
    for clients in CLIENTS {
        print_held(&bench.runtime, &server, address, clients);
    }
}

/// The newest segment of the playlist, and how many there are.
fn newest(server: &Server) -> Option<(String, usize)> {
    let playlist = server.call("GET", PLAYLIST, None).body;
    let text = playlist.as_str()?;
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().rposition(|line| line.starts_with("#EXTINF"))?;
    let uri = lines[at..].iter().find(|line| !line.starts_with('#'))?;
    Some((format!("/hls/bench/video/{uri}"), text.matches("#EXTINF").count()))
}

fn print_rates(bench: &Bench, server: &Server, address: SocketAddr, what: &str, clients: usize) {
    let mut rounds = Vec::new();
    for _ in 0..bench.rounds {
        let path = match what {
            "playlist" => PLAYLIST.to_owned(),
            // It stays for as long as it is asked for: the window is six segments of two seconds.
            _ => newest(server).expect("a segment").0,
        };
        let body = bench.runtime.block_on(async { Client::connect(address).await?.get(&path).await });
        let nginx = StaticFiles::start(&path, &body.expect("the file").body);
        let ours = asked(&bench.runtime, address, server.process.child.id(), &path, clients);
        let theirs = asked(&bench.runtime, nginx.address, nginx.pid(), &path, clients);
        eprintln!("{what}, {clients} clients: ours {ours:?}, nginx {theirs:?}");
        rounds.push((ours, theirs));
    }
    let median =
        |of: &dyn Fn(&(Rate, Rate)) -> f64| Spread::of(rounds.iter().map(of).collect()).percentile(50);
    println!(
        "| {what} | {clients} | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} |",
        median(&|(ours, _)| ours.per_second),
        median(&|(_, theirs)| theirs.per_second),
        median(&|(ours, theirs)| ours.per_second / theirs.per_second),
        median(&|(ours, _)| ours.cpu_us),
        median(&|(_, theirs)| theirs.cpu_us),
    );
}

/// What a server did for its clients.
#[derive(Debug, Clone, Copy)]
struct Rate {
    per_second: f64,
    /// CPU time of the server for each.
    cpu_us: f64,
}

/// All clients connect, then ask again and again for `WINDOW`.
fn asked(runtime: &Runtime, address: SocketAddr, pid: u32, path: &str, clients: usize) -> Rate {
    let path: Arc<str> = path.into();
    runtime.block_on(async {
        let ready = Arc::new(Barrier::new(clients + 1));
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let (path, ready) = (path.clone(), ready.clone());
            tasks.spawn(async move {
                let mut client = Client::connect(address).await.expect("a connection");
                ready.wait().await;
                let until = Instant::now() + WINDOW;
                let mut count = 0_u64;
                while Instant::now() < until {
                    let answer = client.get(&path).await.expect("an answer");
                    assert_eq!(answer.status, 200, "{path}");
                    count += 1;
                }
                count
            });
        }
        ready.wait().await;
        let (began, before) = (Instant::now(), process::cpu_time(pid));
        let count: u64 = tasks.join_all().await.iter().sum();
        let (took, cpu) = (began.elapsed(), process::cpu_time(pid) - before);
        Rate { per_second: count as f64 / took.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / count as f64 }
    })
}

/// The part that comes next: `(media sequence number, part)`.
fn hinted(playlist: &str) -> Option<(u64, usize)> {
    let line = playlist.lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT"))?;
    let (_, name) = line.split_once("part-")?;
    let (msn, part) = name.split_once(".m4s")?.0.split_once('.')?;
    Some((msn.parse().ok()?, part.parse().ok()?))
}

fn print_held(runtime: &Runtime, server: &Server, address: SocketAddr, clients: usize) {
    let arrivals: Vec<((u64, usize), Instant)> = runtime.block_on(async {
        let ready = Arc::new(Barrier::new(clients));
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let ready = ready.clone();
            tasks.spawn(async move { follow(address, &ready).await });
        }
        tasks.join_all().await.into_iter().flatten().collect()
    });
    let mut first: HashMap<(u64, usize), Instant> = HashMap::new();
    for (part, at) in &arrivals {
        let earliest = first.entry(*part).or_insert(*at);
        *earliest = (*earliest).min(*at);
    }
    let behind = arrivals.iter().map(|(part, at)| (*at - first[part]).as_secs_f64() * 1e3).collect();
    let behind = Spread::of(behind);
    println!(
        "| {clients} | {:.0} | {behind} | {:.0} |",
        behind.count() as f64 / HELD.as_secs_f64(),
        behind.percentile(99)
    );
    assert!(server.worker("bench").is_some(), "the worker is gone");
}

/// Waits for part after part, as a player does, and notes when each playlist was there.
async fn follow(address: SocketAddr, ready: &Barrier) -> Vec<((u64, usize), Instant)> {
    let mut client = Client::connect(address).await.expect("a connection");
    ready.wait().await;
    let text = |body: Vec<u8>| String::from_utf8(body).expect("a playlist is text");
    let mut playlist = text(client.get(PLAYLIST).await.expect("a playlist").body);
    let (until, mut arrivals) = (Instant::now() + HELD, Vec::new());
    while Instant::now() < until {
        let (msn, part) = hinted(&playlist).expect("a live playlist");
        let path = format!("{PLAYLIST}?_HLS_msn={msn}&_HLS_part={part}");
        let answer = client.get(&path).await.expect("a playlist");
        assert_eq!(answer.status, 200, "{path}");
        arrivals.push(((msn, part), Instant::now()));
        playlist = text(answer.body);
    }
    arrivals
}
