//! How many casts this machine carries at once: one more at a time, each in a conference of its own, until one
//! loses a picture. Their publishers and receivers run on the same machine; how much of it they take is told, too.

use crate::{
    Bench,
    costs::{CAMERA, TILE},
    ours, process,
    row::{Mode, Row},
    server::{Server, wait_for},
};
use meetingcast::{
    demo::rtmp_sink::RtmpSink,
    publisher::{client::Publisher, options::PublishOptions},
};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A cast begins with the connections of its publishers and the encoder's first pictures.
const SETTLE: Duration = Duration::from_secs(4);
/// Every cast must get each picture of so long.
const WINDOW: Duration = Duration::from_secs(8);
/// No machine of a few cores comes so far.
const MOST: usize = 120;

/// Prints the table.
pub fn run(bench: &Bench) {
    if !bench.wants("capacity") {
        return;
    }
    println!(
        "\n| casts at once | carried | cores of server and workers, each cast | cores of publishers and receivers, \
         each cast | first to lose |"
    );
    println!("|---|---|---|---|---|");
    let composed = |name, people, clip| (1, Row { name, clip, told: clip, people, mode: Mode::Composed });
    let kinds = [
        composed("composed, one of 720p30", 1, CAMERA),
        composed("composed, grid of 4 × 360p30 to 720p30", 4, TILE),
        (
            2,
            Row {
                name: "passthrough, 720p30",
                clip: CAMERA,
                told: CAMERA,
                people: 1,
                mode: Mode::Passthrough,
            },
        ),
    ];
    for (step, row) in kinds {
        print_row(&bench.runtime, step, &row);
    }
}

/// A cast at work.
struct Running {
    sink: RtmpSink,
    pushed: usize,
    conference: String,
    _publishers: Vec<Publisher>,
}

fn print_row(runtime: &Runtime, step: usize, row: &Row) {
    let server = Server::start_with(&[("LIMITS__MAX_LOAD", "0"), ("LIMITS__MAX_CONFERENCES", "200")]);
    let mut running: Vec<Running> = Vec::new();
    let (mut carried, mut costs) = (0, (0.0, 0.0));
    let lost = loop {
        match more(runtime, &server, row, step, &mut running) {
            Ok(used) => {
                carried = running.len();
                costs = (used.0 / carried as f64, used.1 / carried as f64);
                eprintln!("{}: {carried} casts, each {costs:.3?} cores", row.name);
                if carried >= MOST {
                    break format!("none of {MOST}");
                }
            }
            Err(lost) => break format!("with {}: {lost}", carried + step),
        }
    };
    println!("| {} | {carried} | {:.3} | {:.3} | {lost} |", row.name, costs.0, costs.1);
}

/// Starts `step` casts more. What [`watch`] says of all, or why one could not begin.
fn more(
    runtime: &Runtime,
    server: &Server,
    row: &Row,
    step: usize,
    running: &mut Vec<Running>,
) -> Result<(f64, f64), String> {
    for _ in 0..step {
        running.push(begin(runtime, server, row, running.len())?);
    }
    std::thread::sleep(SETTLE);
    watch(server, running)
}

fn begin(runtime: &Runtime, server: &Server, row: &Row, number: usize) -> Result<Running, String> {
    let conference = format!("bench-{number}");
    let publish = |(person, clip)| {
        let mut options =
            PublishOptions::participant(person, &server.whip(&conference, &format!("p{person}")));
        options.file = Some(clip);
        runtime.block_on(async {
            let mut publisher = Publisher::start(options).expect("a publisher");
            match publisher.connected().await {
                true => Ok(publisher),
                false => Err(publisher.stats().last_error.unwrap_or_default()),
            }
        })
    };
    let publishers: Vec<Publisher> =
        row.clips().into_iter().enumerate().map(publish).collect::<Result<_, _>>()?;
    ours::connected(server, &conference, row.people);
    let sink = runtime.block_on(RtmpSink::with_capacity("127.0.0.1:0", 256 << 20)).expect("a receiver");
    let path = format!("/v1/conferences/{conference}/cast/start");
    wait_for("the cast to begin", Duration::from_secs(30), || {
        (server.call("POST", &path, Some(ours::start(row, &sink))).status < 300).then_some(())
    });
    Ok(Running { sink, pushed: 0, conference, _publishers: publishers })
}

/// Cores of the server's side and of ours over the window; who lost a picture in it, otherwise.
fn watch(server: &Server, running: &mut [Running]) -> Result<(f64, f64), String> {
    let mut pids: Vec<u32> = server.workers().into_iter().map(|(pid, _)| pid).collect();
    if pids.len() != running.len() {
        return Err(format!("{} of {} workers run", pids.len(), running.len()));
    }
    pids.push(server.process.child.id());
    let dropped = |running: &Running| server.cast(&running.conference)["program"]["dropped"].as_u64();
    let before: Vec<_> = running.iter().map(dropped).collect();
    for one in running.iter_mut() {
        one.pushed = ours::frames(&one.sink);
    }
    let own = std::process::id();
    let (began, before_cpu) = (Instant::now(), process::cpu_time(own));
    let theirs = process::cores(&pids, WINDOW);
    let mine = (process::cpu_time(own) - before_cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    for (one, before) in running.iter().zip(before) {
        let pushed = ours::frames(&one.sink) - one.pushed;
        // Half a second may be on its way at either end.
        let wanted = (WINDOW.as_secs() * 30 - 15) as usize;
        let name = &one.conference;
        if pushed < wanted {
            return Err(format!("{name} got {pushed} pictures of {}", WINDOW.as_secs() * 30));
        }
        let lost = dropped(one).zip(before).map(|(now, before)| now.saturating_sub(before));
        if lost != Some(0) {
            return Err(format!("the program of {name} dropped {lost:?} pictures"));
        }
    }
    Ok((theirs, mine))
}
