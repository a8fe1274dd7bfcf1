//! What a cast costs, against an ffmpeg that does the same work on the same media, in turn in the same run.
//!
//! CPU time is that of the processes that cast, by `/proc`: our server and its worker, or ffmpeg; not of those that
//! send and receive.

use crate::{
    Bench,
    clips::{Clip, Codec},
    ffmpeg, ours,
    row::{Mode, Row},
    spread::Spread,
};
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

/// What a participant without hints sends.
pub const CAMERA: Clip = Clip { codec: Codec::H264, width: 1280, height: 720, kbps: 2500 };
/// What one sends who was told that his tile is a quarter of the frame.
pub const TILE: Clip = Clip { width: 640, height: 360, kbps: 700, ..CAMERA };

fn rows() -> Vec<Row> {
    let composed = |name, clip, people| Row { name, clip, told: clip, people, mode: Mode::Composed };
    let small = Clip { width: 480, height: 270, kbps: 400, ..CAMERA };
    let smallest = Clip { width: 320, height: 180, kbps: 250, ..CAMERA };
    vec![
        composed("composed-4", CAMERA, 4),
        // Those who publish by our SDK send what their tile can use, since they are told; nobody tells ffmpeg's.
        Row { told: TILE, ..composed("composed-4-sdk", CAMERA, 4) },
        // The same streams for both: what the hints alone do not explain.
        composed("composed-4-tiles", TILE, 4),
        composed("composed-9-tiles", small, 9),
        composed("composed-16-tiles", smallest, 16),
        composed("composed-1", CAMERA, 1),
        composed("composed-4-vp8", Clip { codec: Codec::Vp8, ..CAMERA }, 4),
        Row { name: "passthrough", clip: CAMERA, told: CAMERA, people: 1, mode: Mode::Passthrough },
    ]
}

/// Prints the table.
pub fn run(bench: &Bench) {
    let rows: Vec<Row> = rows().into_iter().filter(|row| bench.wants(row.name)).collect();
    if rows.is_empty() {
        return;
    }
    let window = bench.window;
    println!(
        "\n| row | ours, cores | ffmpeg, cores | ratio | frames of {} | RSS, MB |",
        window.as_secs() * 30
    );
    println!("|---|---|---|---|---|---|");
    for row in rows {
        print_row(bench, &row, window);
    }
}

fn print_row(bench: &Bench, row: &Row, window: Duration) {
    let (clips, theirs) = (row.clips(), row.unhinted_clips());
    let mut pairs = Vec::new();
    for _ in 0..bench.rounds {
        let ours = ours::cast(&bench.runtime, row, &clips, window);
        let theirs = ffmpeg::cast(&bench.runtime, row, &theirs, window);
        eprintln!("{}: ours {ours:?}, ffmpeg {theirs:?}", row.name);
        pairs.push((ours, theirs));
    }
    let median =
        |of: &dyn Fn(&(Measured, Measured)) -> f64| Spread::of(pairs.iter().map(of).collect()).percentile(50);
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
