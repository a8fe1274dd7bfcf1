//! How long a switch takes, from the request to the new participant's first frame on the program, and what is to be
//! seen of it: with everybody decoded, and where only those are who are seen.

use crate::{
    Bench, number,
    spread::Spread,
    stage::{Cut, Stage},
};
use meetingcast::publisher::{client::Publisher, planes::PictureSize, recording::Layout, viewer};
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How the decoders of those who are not seen stand, and a pause from switch to switch after which they do.
const STANDBYS: [(&str, Duration); 2] =
    [("hot", Duration::from_millis(600)), ("cold", Duration::from_millis(1250))];
const SIZE: PictureSize = PictureSize { width: 640, height: 360 };
const FRAME: Duration = Duration::from_nanos(33_333_333);

/// Prints the table.
pub fn run(bench: &Bench) {
    if !bench.wants("switches") {
        return;
    }
    let count = number("SWITCHES", 100);
    println!(
        "\n| switches | took, ms: p50 | p95 | max | picture off its promise, ms, max | sound from picture, ms, max | \
         frames of nobody | repeated | skipped |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (standby, pause) in STANDBYS {
        let stage = Stage::set(&[("SWITCHING__STANDBY", standby)]);
        let publishers: Vec<Publisher> = (0..3)
            .map(|number| {
                let mut options = stage.options(number, &format!("p{number}"));
                (options.rate.0, options.size, options.video_kbps.0) = (30, SIZE, 600);
                stage.join(options)
            })
            .collect();
        (0..3).for_each(|number| stage.seen(&format!("p{number}")));
        let take = stage.start(json!({"participant": "p0"}), SIZE.width as u32, SIZE.height as u32);
        std::thread::sleep(Duration::from_secs(3));
        let began = Instant::now();
        let mut cuts = Vec::new();
        for n in 1..=count {
            // Every phase within a frame has its turn.
            let due = pause * n as u32 + Duration::from_millis(n * 7 % 33);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            cuts.push(stage.switch(json!({"participant": format!("p{}", n % 3)})));
        }
        std::thread::sleep(Duration::from_secs(1));
        let (_, path) = stage.stop(take, standby);
        print_row(standby, &cuts, &path);
        publishers.into_iter().for_each(|publisher| stage.leave(publisher));
    }
}

fn print_row(standby: &str, cuts: &[Cut], path: &Path) {
    let report = viewer::view_file(path, Layout::Single(SIZE)).expect("a recording").report(0, FRAME);
    assert_eq!(report.switches.len(), cuts.len(), "{report}");
    let took = Spread::of(cuts.iter().map(|cut| cut.took_ms as f64).collect());
    let seen = report.switches.iter();
    let off =
        seen.clone().zip(cuts).map(|(seen, cut)| (seen.video_ns as f64 / 1e6 - cut.pts_ms as f64).abs());
    let sound = seen.filter_map(|seen| Some(seen.distance_ns?.unsigned_abs() as f64 / 1e6)).collect();
    println!(
        "| {standby}, {} | {took} | {:.1} | {:.1} | {} | {} | {} |",
        took.count(),
        off.fold(0.0, f64::max),
        Spread::of(sound).percentile(100),
        report.cadence.nobody,
        report.cadence.repeated,
        report.cadence.skipped,
    );
}
