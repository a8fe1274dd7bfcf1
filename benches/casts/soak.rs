//! A cast with joins, leaves and switches for half an hour: what it holds, and whether sound and picture drift.

use crate::{
    Bench, number, process,
    stage::{ROOM, Stage},
};
use meetingcast::{
    demo::rtmp_sink::RtmpSink,
    publisher::{
        client::Publisher,
        planes::PictureSize,
        recording::{Layout, Report},
        viewer,
    },
};
use serde_json::json;
use std::time::{Duration, Instant};

const SIZE: PictureSize = PictureSize { width: 320, height: 180 };
const FRAME: Duration = Duration::from_nanos(33_333_333);
/// Between two switches.
const SWITCH: Duration = Duration::from_secs(3);
/// Each so manieth switch somebody leaves and comes again.
const REJOIN: usize = 5;
/// An output that is added for so long is looked at whole.
const SAMPLE: Duration = Duration::from_secs(8);

/// Prints the table; only where it was asked for.
pub fn run(bench: &Bench) {
    if !bench.names("soak") {
        return;
    }
    let minutes = number("SOAK_MINUTES", 30);
    let stage = Stage::set(&[("LIMITS__MAX_LOAD", "0"), ("WEBRTC__INACTIVITY_TIMEOUT_S", "2")]);
    let mut people: Vec<Option<Publisher>> = (0..4).map(|number| Some(join(&stage, number))).collect();
    let body = json!({
        "source": {"layout": "grid"}, "encoding": {"width": 640, "height": 360},
        "outputs": [{"id": "hls", "type": "hls"}]
    });
    stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/start"), Some(body));
    println!(
        "\n| minute | switches | joins | CPU, cores: server | worker | RSS, MB: server | worker | descriptors | \
         sound behind picture, ms | program: frames | dropped | odd frames of the sample |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let began = Instant::now();
    let (mut switches, mut joins) = (0, 4);
    for minute in 0..=minutes {
        let pids = [stage.server.process.child.id(), stage.worker()];
        let (since, used) = (Instant::now(), pids.map(process::cpu_time));
        let sample = sample(bench, &stage);
        while began.elapsed() < Duration::from_secs(60 * (minute + 1)) && minute < minutes {
            switches += 1;
            let body = match switches % 4 {
                0 => json!({"source": {"layout": "grid"}}),
                who => json!({"participant": format!("p{who}")}),
            };
            stage.switch(body);
            if switches % REJOIN == 0 {
                // p0 is never alone on the program.
                stage.leave(people[0].take().expect("p0 is in"));
                people[0] = Some(join(&stage, 0));
                joins += 1;
            }
            std::thread::sleep(SWITCH);
        }
        let wall = since.elapsed().as_secs_f64();
        let cores = [0, 1].map(|n| (process::cpu_time(pids[n]) - used[n]).as_secs_f64() / wall);
        let rss = pids.map(|pid| process::rss_mb(&[pid]));
        let descriptors: usize = pids.map(process::descriptors).iter().sum();
        let program = &stage.server.cast(ROOM)["program"];
        println!(
            "| {minute} | {switches} | {joins} | {:.2} | {:.2} | {:.1} | {:.1} | {descriptors} | {} | {} | {} | {} |",
            cores[0], cores[1], rss[0], rss[1], sample.0, program["frames"], program["dropped"], sample.1
        );
    }
    people.into_iter().flatten().for_each(|publisher| stage.leave(publisher));
}

fn join(stage: &Stage, number: usize) -> Publisher {
    let id = format!("p{number}");
    let mut options = stage.options(number, &id);
    options.rate.0 = 30;
    let publisher = stage.join(options);
    stage.seen(&id);
    publisher
}

/// p1 for some seconds on an output of its own: the median distance of beep and flash, and frames that were
/// repeated or left out.
fn sample(bench: &Bench, stage: &Stage) -> (String, u64) {
    stage.switch(json!({"participant": "p1"}));
    let sink = bench.runtime.block_on(RtmpSink::bind("127.0.0.1:0")).expect("a receiver");
    let outputs = format!("/v1/conferences/{ROOM}/cast/outputs");
    let url = format!("rtmp://{}/live/x", sink.local_addr());
    stage.server.ok("POST", &outputs, Some(json!({"id": "sample", "type": "rtmp", "url": url})));
    std::thread::sleep(SAMPLE);
    stage.server.ok("DELETE", &format!("{outputs}/sample"), None);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sample.flv");
    bench.runtime.block_on(sink.write_flv(&path)).expect("a file");
    let report: Report =
        viewer::view_file(&path, Layout::Single(SIZE)).expect("a recording").report(0, FRAME);
    let median = report.av_offset_ns().map_or("none".to_owned(), |ns| format!("{:.1}", ns as f64 / 1e6));
    (median, report.cadence.repeated + report.cadence.skipped)
}
