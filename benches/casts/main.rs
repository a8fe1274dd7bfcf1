//! What a cast costs, against an ffmpeg that does the same work on the same media, in turn in the same run.
//!
//! `make bench`, or `cargo bench --bench casts`. `ROWS=composed-4,passthrough` chooses rows, `ROUNDS` (3) and
//! `WINDOW_S` (15) how long. CPU time is that of the processes that cast, by `/proc`: our server and its worker,
//! or ffmpeg; not of those that send and receive. Prints a table in Markdown for docs/BENCHMARKS.md.

#[path = "../../tests/support/server.rs"]
#[allow(dead_code, unused_imports)]
mod server;
#[path = "../../tests/support/turn.rs"]
mod turn;

mod clips;
mod ffmpeg;
mod ours;
mod process;
mod row;

use clips::{Clip, Codec};
use row::{Mode, Row};
use std::time::Duration;

/// One round of one side.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Cores, over the window.
    pub cores: f64,
    /// Pictures that the RTMP receiver got in it.
    pub frames: usize,
    /// Resident memory at its end, MB.
    pub rss_mb: f64,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

fn rows() -> Vec<Row> {
    let composed = |name, clip, people| Row { name, clip, people, mode: Mode::Composed };
    let camera = Clip { codec: Codec::H264, width: 1280, height: 720, kbps: 2500 };
    let tile = Clip { width: 640, height: 360, kbps: 700, ..camera };
    let small = Clip { width: 480, height: 270, kbps: 400, ..camera };
    let smallest = Clip { width: 320, height: 180, kbps: 250, ..camera };
    vec![
        composed("composed-4", camera, 4),
        composed("composed-4-hinted", tile, 4),
        composed("composed-9-hinted", small, 9),
        composed("composed-16-hinted", smallest, 16),
        composed("composed-1", camera, 1),
        composed("composed-4-vp8", Clip { codec: Codec::Vp8, ..camera }, 4),
        Row { name: "passthrough", clip: camera, people: 1, mode: Mode::Passthrough },
    ]
}

fn main() {
    let (rounds, window) = (number("ROUNDS", 3) as usize, Duration::from_secs(number("WINDOW_S", 15)));
    let wanted = std::env::var("ROWS").ok();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!("| row | ours, cores | ffmpeg, cores | ratio | frames of {} | RSS, MB |", window.as_secs() * 30);
    println!("|---|---|---|---|---|---|");
    for row in rows() {
        if wanted.as_ref().is_some_and(|wanted| !wanted.split(',').any(|name| name == row.name)) {
            continue;
        }
        let clips = row.clips();
        let mut pairs = Vec::new();
        for _ in 0..rounds {
            let ours = ours::cast(&runtime, &row, &clips, window);
            let theirs = ffmpeg::cast(&runtime, &row, &clips, window);
            eprintln!("{}: ours {ours:?}, ffmpeg {theirs:?}", row.name);
            pairs.push((ours, theirs));
        }
        let median = |of: &dyn Fn(&(Measured, Measured)) -> f64| {
            let mut values: Vec<f64> = pairs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        println!(
            "| {} | {:.3} | {:.3} | {:.2} | {:.0} / {:.0} | {:.0} / {:.0} |",
            row.name,
            median(&|(ours, _)| ours.cores),
            median(&|(_, theirs)| theirs.cores),
            median(&|(ours, theirs)| ours.cores / theirs.cores),
            median(&|(ours, _)| ours.frames as f64),
            median(&|(_, theirs)| theirs.frames as f64),
            median(&|(ours, _)| ours.rss_mb),
            median(&|(_, theirs)| theirs.rss_mb),
        );
    }
}
