//! What a conference and a cast take of memory, and how long it is from a publisher's first request to his picture
//! on the program, where nothing ran before.

use crate::{
    Bench,
    costs::CAMERA,
    ours, process,
    row::{Mode, Row},
    server::{Server, wait_for},
    spread::Spread,
};
use meetingcast::{
    demo::rtmp_sink::{RtmpSink, TagKind},
    publisher::{client::Publisher, options::PublishOptions},
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Conferences, and their casts, of which one is the mean.
const CONFERENCES: usize = 4;
const SETTLE: Duration = Duration::from_secs(5);

/// Prints the tables.
pub fn run(bench: &Bench) {
    if !bench.wants("joining") {
        return;
    }
    print_memory(bench);
    print_times(bench);
}

fn print_memory(bench: &Bench) {
    println!("\n| resident memory, MB | server | each worker |");
    println!("|---|---|---|");
    let row = Row { name: "joining", clip: CAMERA, told: CAMERA, people: 1, mode: Mode::Passthrough };
    for mode in [Mode::Passthrough, Mode::Composed] {
        let server = Server::start_with(&[("LIMITS__MAX_LOAD", "0")]);
        let print = |what: &str| {
            std::thread::sleep(SETTLE);
            let workers: Vec<u32> = server.workers().into_iter().map(|(pid, _)| pid).collect();
            let each = match workers.len() {
                0 => "none".to_owned(),
                count => format!("{:.1}", process::rss_mb(&workers) / count as f64),
            };
            println!("| {what} | {:.1} | {each} |", process::rss_mb(&[server.process.child.id()]));
        };
        if mode == Mode::Passthrough {
            print("nothing");
        }
        let mut publishers = Vec::new();
        for number in 0..CONFERENCES {
            publishers.extend(ours::publishers(&server, &format!("bench-{number}"), &row.clips()));
        }
        if mode == Mode::Passthrough {
            print(&format!("{CONFERENCES} conferences of one"));
        }
        let row = Row { mode, ..row };
        let sinks: Vec<RtmpSink> = (0..CONFERENCES)
            .map(|number| {
                let sink = bench.runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
                let path = format!("/v1/conferences/bench-{number}/cast/start");
                server.ok("POST", &path, Some(ours::start(&row, &sink)));
                sink
            })
            .collect();
        // A whole window of segments.
        std::thread::sleep(Duration::from_secs(12));
        print(&format!("{CONFERENCES} casts, {mode:?}, RTMP and HLS"));
        drop(sinks);
    }
}

fn print_times(bench: &Bench) {
    println!("\n| from a publisher's start, ms | p50 | p95 | max |");
    println!("|---|---|---|---|");
    let (mut connected, mut started, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.rounds.max(5) {
        let server = Server::start();
        let sink = bench.runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
        let began = Instant::now();
        let options = PublishOptions::participant(0, &server.whip("bench", "p0"));
        let publisher = bench.runtime.block_on(async {
            let mut publisher = Publisher::start(options).expect("a publisher");
            assert!(publisher.connected().await, "{:?}", publisher.stats());
            publisher
        });
        connected.push(began.elapsed().as_secs_f64() * 1e3);
        let body = json!({"participant": "p0", "outputs": [
            {"type": "rtmp", "url": format!("rtmp://{}/live/x", sink.local_addr())}
        ]});
        wait_for("the cast to begin", Duration::from_secs(20), || {
            let answer = server.call("POST", "/v1/conferences/bench/cast/start", Some(body.clone()));
            (answer.status < 300).then_some(())
        });
        started.push(began.elapsed().as_secs_f64() * 1e3);
        let received = wait_for("a picture", Duration::from_secs(20), || {
            sink.tags().into_iter().find(|tag| tag.kind == TagKind::Video)
        });
        first.push(received.received_at.duration_since(began).as_secs_f64() * 1e3);
        bench.runtime.block_on(publisher.stop()).expect("it ends");
    }
    println!("| media flows to a worker that was started for it | {} |", Spread::of(connected));
    println!("| a cast of him, asked for at once, is live | {} |", Spread::of(started));
    println!("| its first picture is with the RTMP receiver | {} |", Spread::of(first));
}
