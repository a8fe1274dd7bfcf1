//! What each thing that a director can ask for costs, beside the same cast without it, in turn in the same run.
//!
//! CPU is that of server and worker together. Four publishers; 720p30, to one RTMP receiver and HLS.

use crate::{
    Bench,
    costs::{CAMERA, TILE},
    ours, process,
    row::{Mode, Row},
    server::Server,
    spread::Spread,
};
use meetingcast::demo::rtmp_sink::RtmpSink;
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

const CAST: &str = "/v1/conferences/bench/cast";

/// One thing, and the cast without it.
struct Feature {
    name: &'static str,
    /// Source and encoding of the cast without it, and of the cast with it.
    without: [Value; 2],
    with: [Value; 2],
    /// What is asked for again and again meanwhile.
    again: Option<fn(usize) -> Value>,
    /// What lies over the program.
    overlay: Option<Value>,
    /// Participants who hear the program without themselves; in the cast without it they hear it whole.
    minus: usize,
}

fn features(file: &str) -> Vec<Feature> {
    let grid = || [json!({"layout": "grid"}), json!({})];
    let tile = |n: usize, more: Value| {
        let mut tile = json!({
            "slot": n, "x": 0.5 * (n % 2) as f64, "y": 0.5 * (n / 2) as f64, "width": 0.5, "height": 0.5, "fit": "cover"
        });
        if let (Some(tile), Some(more)) = (tile.as_object_mut(), more.as_object()) {
            tile.extend(more.clone());
        }
        tile
    };
    let tiles = |more: Value| {
        let tiles: Vec<_> = (0..4).map(|n| tile(n, more.clone())).collect();
        [json!({"layout": "custom", "tiles": tiles}), json!({})]
    };
    vec![
        Feature {
            name: "fades without a pause, grid to grid",
            without: grid(),
            with: grid(),
            again: Some(|n| {
                let source = json!({"layout": "grid", "participants": rotated(n)});
                json!({"source": source, "transition": {"type": "fade", "duration_ms": 1000}})
            }),
            overlay: None,
            minus: 0,
        },
        Feature {
            name: "a move without a pause, grid to grid",
            without: grid(),
            with: grid(),
            again: Some(|n| {
                let source = json!({"layout": "grid", "participants": rotated(n)});
                json!({"source": source, "animate_ms": 1000})
            }),
            overlay: None,
            minus: 0,
        },
        Feature {
            name: "custom tiles with border and round corners",
            without: tiles(json!({})),
            with: tiles(json!({"border": {"width": 0.006, "color": "#ffffff"}, "radius": 0.03})),
            again: None,
            overlay: None,
            minus: 0,
        },
        Feature {
            name: "speaker layout by voice (levels ten times a second)",
            without: [json!({"layout": "speaker", "focus": "p0"}), json!({})],
            with: [json!({"layout": "speaker", "follow": "active_speaker"}), json!({})],
            again: None,
            overlay: None,
            minus: 0,
        },
        Feature {
            name: "loudness towards -16 LUFS",
            without: grid(),
            with: [json!({"layout": "grid"}), json!({"loudness_lufs": -16})],
            again: None,
            overlay: None,
            minus: 0,
        },
        Feature {
            name: "names, title and clock over the grid",
            without: grid(),
            with: grid(),
            again: None,
            overlay: Some(
                json!({"labels": true, "title": {"text": "Good evening"}, "clock": {"corner": "top_right"}}),
            ),
            minus: 0,
        },
        Feature {
            name: "mix-minus for one of the listeners",
            without: grid(),
            with: grid(),
            again: None,
            overlay: None,
            minus: 1,
        },
        Feature {
            name: "mix-minus for four listeners",
            without: grid(),
            with: grid(),
            again: None,
            overlay: None,
            minus: 4,
        },
        Feature {
            name: "a media file (720p30 H.264) instead of a participant (640x360)",
            without: [json!({"participant": "p0"}), json!({})],
            with: [json!({"file": file, "loop": true}), json!({})],
            again: None,
            overlay: None,
            minus: 0,
        },
    ]
}

/// The four people, another one first each time.
fn rotated(n: usize) -> Vec<String> {
    let mut people: Vec<_> = (0..4).map(|one| format!("p{one}")).collect();
    people.rotate_left(n % 4);
    people
}

/// Prints the table.
pub fn run(bench: &Bench) {
    if !bench.wants("features") {
        return;
    }
    println!("\n| feature | without, cores | with, cores | ratio |\n|---|---|---|---|");
    let row = Row { name: "features", clip: TILE, told: TILE, people: 4, mode: Mode::Composed };
    let clips = row.clips();
    let camera = CAMERA.file(0);
    let (Some(folder), Some(file)) = (camera.parent(), camera.file_name()) else { return };
    let (folder, file) = (folder.to_string_lossy(), file.to_string_lossy());
    for feature in features(&file) {
        let server = Server::start_with(&[("LIMITS__MAX_LOAD", "0"), ("MEDIA__DIR", &folder)]);
        let _publishers = ours::publishers(&server, "bench", &clips);
        let mut pairs = Vec::new();
        for _ in 0..bench.rounds {
            let nothing = json!({"labels": false, "title": null, "clock": null});
            server.ok("PATCH", &format!("{CAST}/overlay"), Some(nothing));
            let whole = vec![String::new(); feature.minus];
            let without = cast(bench, &server, &feature.without, None, &whole);
            if let Some(overlay) = &feature.overlay {
                server.ok("PATCH", &format!("{CAST}/overlay"), Some(overlay.clone()));
            }
            let minus: Vec<_> = (0..feature.minus).map(|n| format!("?without=p{n}")).collect();
            let with = cast(bench, &server, &feature.with, feature.again, &minus);
            eprintln!("{}: without {without:.3}, with {with:.3}", feature.name);
            pairs.push((without, with));
        }
        let median =
            |of: &dyn Fn(&(f64, f64)) -> f64| Spread::of(pairs.iter().map(of).collect()).percentile(50);
        println!(
            "| {} | {:.3} | {:.3} | {:.2} |",
            feature.name,
            median(&|(without, _)| *without),
            median(&|(_, with)| *with),
            median(&|(without, with)| with / without),
        );
    }
}

/// Cores that a cast of this source and encoding uses.
fn cast(
    bench: &Bench,
    server: &Server,
    [source, more]: &[Value; 2],
    again: Option<fn(usize) -> Value>,
    listeners: &[String],
) -> f64 {
    let sink = bench.runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
    let mut encoding = json!({"width": 1280, "height": 720, "fps": 30, "video_kbps": 2500});
    if let (Some(encoding), Some(more)) = (encoding.as_object_mut(), more.as_object()) {
        encoding.extend(more.clone());
    }
    let outputs = json!([
        {"type": "rtmp", "url": format!("rtmp://{}/live/ours", sink.local_addr())},
        {"type": "hls", "low_latency": false},
    ]);
    let body = json!({"source": source, "audio": "mix", "encoding": encoding, "outputs": outputs});
    let play = server.ok("POST", &format!("{CAST}/start"), Some(body));
    let whep = play["play"]["whep"].as_str().expect("a URL");
    let _listeners: Vec<_> = listeners.iter().map(|query| ours::viewer(&format!("{whep}{query}"))).collect();
    let over = AtomicBool::new(false);
    let cores = std::thread::scope(|scope| {
        if let Some(body) = again {
            let over = &over;
            scope.spawn(move || {
                for n in 1.. {
                    if over.load(Relaxed) {
                        return;
                    }
                    server.ok("POST", &format!("{CAST}/switch"), Some(body(n)));
                    // A fade is a second long, and answered at its first step.
                    std::thread::sleep(Duration::from_millis(950));
                }
            });
        }
        std::thread::sleep(ours::SETTLE);
        let pids = [server.process.child.id(), server.worker("bench").expect("a worker")];
        let cores = process::cores(&pids, bench.window);
        over.store(true, Relaxed);
        cores
    });
    server.ok("POST", &format!("{CAST}/stop"), None);
    cores
}
