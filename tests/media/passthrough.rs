//! A program whose pictures pass through: what goes out is what was sent, byte for byte; a switch lands on a
//! keyframe with its sound; who stalls is replaced by a still and comes back.

use crate::{
    direct_publisher::DirectPublisher,
    flv_file,
    switching::only,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns, small_program},
};
use meetingcast::{
    ipc::{ProgramMode, ProgramSpec, ReplyError, ReplyOk, SourceReport, WorkerCommand, WorkerEvent},
    media::{EncodedFrame, Track, TrackConfig, VideoConfig},
    publisher::{
        options::{PublishOptions, VideoCodec},
        planes::PictureSize,
        recording::{Layout, Recording},
        viewer,
    },
    units::MediaTime,
    worker::coded::nal_units,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

const FRAME: Duration = Duration::from_nanos(33_333_333);
const KEYFRAME_MS: u32 = 1500;

/// The slices of a picture, all together.
type Slices = Vec<u8>;

/// What a publisher's encoder gave away, in order.
type Sent = Arc<Mutex<Vec<Slices>>>;

fn is_slice(unit: &[u8]) -> bool {
    matches!(unit.first().map(|byte| byte & 0x1f), Some(1 | 5))
}

/// The slices of an access unit with start codes (annex B).
fn sent_slices(access_unit: &[u8]) -> Slices {
    let starts: Vec<usize> =
        access_unit.windows(3).enumerate().filter(|(_, w)| **w == [0, 0, 1]).map(|(n, _)| n).collect();
    let ends = starts.iter().skip(1).copied().chain([access_unit.len()]);
    let units = starts.iter().zip(ends).map(|(start, end)| {
        let unit = &access_unit[start + 3..end];
        // A start code of four bytes has its zero before the three; no NAL unit ends with one (H.264 7.4.1).
        let length = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        &unit[..length]
    });
    units.filter(|unit| is_slice(unit)).flatten().copied().collect()
}

/// The slices of an access unit with lengths.
fn slices(frame: &EncodedFrame) -> Slices {
    nal_units(&frame.data).filter(|unit| is_slice(unit)).flatten().copied().collect()
}

async fn join(
    worker: &mut WorkerProcess,
    number: usize,
    size: (usize, usize),
    epoch: u64,
) -> (DirectPublisher, Sent) {
    let mut options = PublishOptions::participant(number, "http://localhost/");
    options.size = PictureSize { width: size.0, height: size.1 };
    let publisher = DirectPublisher::join_with(worker, number, options, epoch).await;
    let sent = Sent::default();
    let log = sent.clone();
    let peer = publisher.peer.as_ref().unwrap();
    peer.on_coded_picture(move |picture| log.lock().unwrap().push(sent_slices(picture)));
    (publisher, sent)
}

fn passthrough(first: u32) -> ProgramSpec {
    let mut program = small_program();
    program.mode = ProgramMode::Passthrough;
    program.encoding.keyframe_ms = KEYFRAME_MS;
    program.scene = only(first);
    program
}

/// The pictures with the parameters that were in force.
fn pictures(worker: &WorkerProcess) -> Vec<(&VideoConfig, &EncodedFrame)> {
    let mut configs = worker
        .configs
        .iter()
        .zip(&worker.configs_at)
        .filter_map(|(config, at)| match config {
            TrackConfig::Video(video) => Some((video, *at)),
            TrackConfig::Audio(_) => None,
        })
        .peekable();
    let mut current = None;
    let mut pictures = Vec::new();
    for (index, frame) in worker.frames.iter().enumerate() {
        while let Some((config, _)) = configs.next_if(|(_, at)| *at <= index) {
            current = Some(config);
        }
        if frame.track == Track::Video {
            pictures.push((current.expect("parameters before the first picture"), frame));
        }
    }
    pictures
}

/// Time rises strictly, decoding time is showing time, parameters change at keyframes only. Gives the largest step.
fn judge_times(pictures: &[(&VideoConfig, &EncodedFrame)]) -> Duration {
    for (n, (config, frame)) in pictures.iter().enumerate() {
        assert_eq!(frame.pts, frame.dts, "no reordering");
        let before = n.checked_sub(1).map(|n| pictures[n]);
        assert!(before.is_none_or(|(_, before)| frame.pts > before.pts), "time goes back at {n}");
        let changed = before.is_none_or(|(before, _)| before != *config);
        assert!(!changed || frame.keyframe, "new parameters without a keyframe at {n}");
    }
    pictures.windows(2).map(|pair| pair[1].1.pts.since(pair[0].1.pts)).max().unwrap()
}

fn view(worker: &WorkerProcess, name: &str) -> Recording {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("{name}.flv"));
    flv_file::write_changing(&path, &worker.configs, &worker.configs_at, &worker.frames);
    if let Ok(keep) = std::env::var("KEEP_MEDIA") {
        std::fs::copy(&path, std::path::Path::new(&keep).join(format!("{name}.flv"))).unwrap();
    }
    viewer::view_file(&path, Layout::Single(PictureSize { width: 640, height: 360 })).unwrap()
}

async fn watch(worker: &mut WorkerProcess, pictures: usize) {
    let until = worker.track(Track::Video).len() + pictures;
    worker.until("pictures", |worker| worker.track(Track::Video).len() >= until).await;
}

async fn reports(worker: &mut WorkerProcess) -> Vec<SourceReport> {
    let seen = worker.others.len();
    let beat = |worker: &WorkerProcess| {
        worker.others[seen..].iter().find_map(|event| match event {
            WorkerEvent::Heartbeat(report) => Some(report.sources.clone()),
            _ => None,
        })
    };
    worker.until("a heartbeat", |worker| beat(worker).is_some()).await;
    beat(worker).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_is_what_was_sent_and_switches_land_on_keyframes() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let epoch = monotonic_ns();
    let (_a, sent_a) = join(&mut worker, 0, (640, 360), epoch).await;
    let (_b, sent_b) = join(&mut worker, 1, (480, 270), epoch).await;
    let program = passthrough(0);
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));

    let mut promised = Vec::new();
    for n in 0..6u32 {
        watch(&mut worker, 50 + 7 * n as usize).await;
        let scene = only((n + 1) % 2);
        let switched = worker.switch(scene, 3000).await;
        let Ok(ReplyOk::Composed { pts, took_ms }) = switched else { panic!("switch {n}: {switched:?}") };
        println!("switch {n}: took {took_ms} ms");
        promised.push(pts);
    }
    watch(&mut worker, 60).await;
    let still = worker.ask(|request| WorkerCommand::Snapshot { request }).await;
    assert!(matches!(still, Err(ReplyError::WrongState { .. })), "{still:?}");
    worker.ask(|request| WorkerCommand::StopProgram { request }).await.unwrap();

    let pictures = pictures(&worker);
    judge_times(&pictures);

    // Each picture is the one after the last one of the same publisher, byte for byte.
    let number = |sent: &Sent| -> HashMap<Slices, usize> {
        sent.lock().unwrap().iter().enumerate().map(|(n, slices)| (slices.clone(), n)).collect()
    };
    let (of_a, of_b) = (number(&sent_a), number(&sent_b));
    let mut before: Option<(usize, usize, MediaTime)> = None;
    let (mut largest, mut lost) = (Duration::ZERO, Vec::new());
    let mut cuts = Vec::new();
    for (config, frame) in &pictures {
        assert!(
            nal_units(&frame.data).all(|unit| !matches!(unit[0] & 0x1f, 7 | 8)),
            "parameter sets in the stream"
        );
        let slices = slices(frame);
        let found = of_a.get(&slices).map(|n| (0, *n)).or(of_b.get(&slices).map(|n| (1, *n)));
        let (who, n) = found.unwrap_or_else(|| {
            let units: Vec<(u8, usize)> = nal_units(&frame.data).map(|unit| (unit[0], unit.len())).collect();
            panic!("nobody sent {units:?}, {config:?}, before: {before:?}")
        });
        assert_eq!((config.width, config.height), [(640, 360), (480, 270)][who]);
        if let Some((same, last, at)) = before {
            if same != who {
                cuts.push(frame.pts);
            }
            if same != who || n == last + 1 {
                largest = largest.max(frame.pts.since(at));
            } else {
                // A packet did not come through in time: nothing can be decoded before the next keyframe.
                assert!(n > last && frame.keyframe, "picture {n} of {who} after {last}");
                lost.push(n - last - 1);
            }
        }
        before = Some((who, n, frame.pts));
    }
    println!("{} pictures, largest step {largest:?}, lost on the way: {lost:?}", pictures.len());
    // A switch may leave out up to a frame of the old and wait up to a frame for the new one.
    assert!(largest < FRAME * 5 / 2, "a step of {largest:?}");
    // On loopback that is the machine's fault, and happens when it has no time at all.
    assert!(lost.len() <= 2, "lost {lost:?}");
    assert_eq!(cuts, promised, "the new one's first picture is the one that was promised");
    let keyframes: Vec<_> =
        pictures.iter().filter(|(_, frame)| frame.keyframe).map(|(_, frame)| frame.pts).collect();
    let distances: Vec<_> =
        keyframes.windows(2).map(|pair| pair[1].since(pair[0]).as_millis() as u64).collect();
    let distance = distances.iter().max().expect("several keyframes");
    println!("largest distance of keyframes {distance} ms");
    // The publisher's own are two seconds apart.
    assert!(
        *distance <= u64::from(KEYFRAME_MS) + 150 || !lost.is_empty(),
        "{distances:?} ms between keyframes"
    );

    let recording = view(&worker, "passthrough");
    let report = recording.report(0, FRAME);
    println!("{report}");
    assert_eq!(recording.video.len(), pictures.len(), "every picture can be decoded");
    assert_eq!(recording.sizes.len(), promised.len() + 1, "{:?}", recording.sizes);
    let switches = recording.switches(0);
    assert_eq!(switches.len(), promised.len(), "{switches:?}");
    for switch in &switches {
        let distance = switch.distance_ns.expect("the tone changes too");
        assert!(distance.abs() <= 40_000_000, "sound and picture {} ms apart", distance / 1_000_000);
        assert_eq!(switch.between, 0);
    }
    let offsets = recording.av_offsets(0);
    assert!(offsets.len() >= 5, "{offsets:?}");
    assert!(offsets.iter().all(|offset| offset.offset_ns.abs() <= 40_000_000), "flash and beep: {offsets:?}");
    let silences = recording.audio.silences();
    assert!(silences.iter().all(|silence| silence.start_ns < 300_000_000), "{silences:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_bridged_by_a_still_of_the_same_size() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let (a, _) = join(&mut worker, 0, (480, 270), monotonic_ns()).await;
    let program = passthrough(0);
    worker.ask(|request| WorkerCommand::StartProgram { request, program }).await.unwrap();
    watch(&mut worker, 40).await;
    let peer = a.peer.as_ref().unwrap();
    peer.pause();
    let quiet = worker.frames.last().unwrap().pts;
    worker
        .until("the still", |worker| worker.frames.last().unwrap().pts.since(quiet) > Duration::from_secs(4))
        .await;
    peer.go_live();
    worker
        .until("him again", |worker| worker.frames.last().unwrap().pts.since(quiet) > Duration::from_secs(6))
        .await;
    worker.ask(|request| WorkerCommand::StopProgram { request }).await.unwrap();

    let pictures = pictures(&worker);
    let largest = judge_times(&pictures);
    let mut stretches: Vec<(&VideoConfig, Vec<&EncodedFrame>)> = Vec::new();
    for (config, frame) in pictures {
        match stretches.last_mut() {
            Some((same, frames)) if *same == config => frames.push(frame),
            _ => stretches.push((config, vec![frame])),
        }
    }
    let [(his, first), (still, stills), (again, last)] = &stretches[..] else {
        panic!("{} stretches", stretches.len())
    };
    assert_eq!(his, again);
    assert_eq!((his.width, his.height), (480, 270));
    assert_eq!((still.width, still.height), (480, 270));
    let held = stills[0].pts.since(first.last().unwrap().pts);
    println!("held for {held:?}, {} stills, largest step {largest:?}", stills.len());
    // A tick late, and a tick that it is longer than.
    assert!((Duration::from_secs(1)..Duration::from_millis(1100)).contains(&held), "held for {held:?}");
    let steps = stills.windows(2).map(|pair| pair[1].pts.since(pair[0].pts));
    assert!(steps.max().unwrap() < FRAME * 3 / 2, "the still is steady");
    assert!(stills.iter().filter(|frame| frame.keyframe).count() >= 2, "and can be joined");
    assert!(last.len() > 30 && last[0].keyframe);
    // He comes on within a tick, and the still before that was of the tick before.
    assert!(last[0].pts.since(stills.last().unwrap().pts) < FRAME * 2);
    let recording = view(&worker, "passthrough-stall");
    assert_eq!(recording.video.len(), first.len() + stills.len() + last.len(), "all can be decoded");
}

#[tokio::test(flavor = "multi_thread")]
async fn decoders_rest_meanwhile_and_go_on_afterwards() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let epoch = monotonic_ns();
    let (_a, _) = join(&mut worker, 0, (640, 360), epoch).await;
    let _b = DirectPublisher::join(&mut worker, 1, VideoCodec::Vp8, epoch).await;
    let program = passthrough(0);
    worker.ask(|request| WorkerCommand::StartProgram { request, program }).await.unwrap();
    watch(&mut worker, 60).await;
    // VP8 cannot come on: its keyframe is waited for in vain. (Control refuses such a switch before.)
    let scene = only(1);
    let refused = worker.switch(scene, 500).await;
    assert_eq!(refused, Err(ReplyError::Timeout));
    // Both are reported as alive, with their sizes.
    let reports = reports(&mut worker).await;
    assert_eq!(reports.len(), 2);
    for report in &reports {
        let video = report.video.unwrap();
        assert!((video.width, video.height) == (640, 360) && video.age_ms < 500, "{report:?}");
    }
    worker.ask(|request| WorkerCommand::StopProgram { request }).await.unwrap();

    // A composed program shows both again.
    let passed = worker.frames.len();
    let mut program = small_program();
    (program.encoding.width, program.encoding.height, program.encoding.video_kbps) = (640, 360, 1500);
    program.scene = only(0);
    worker.ask(|request| WorkerCommand::StartProgram { request, program }).await.unwrap();
    watch(&mut worker, 60).await;
    let scene = only(1);
    let switched = worker.switch(scene, 3000).await;
    assert!(matches!(switched, Ok(ReplyOk::Composed { .. })), "{switched:?}");
    watch(&mut worker, 40).await;
    worker.ask(|request| WorkerCommand::StopProgram { request }).await.unwrap();
    let first = worker.configs_at.iter().filter(|at| **at < passed).count();
    worker.frames.drain(..passed);
    worker.configs.drain(..first);
    worker.configs_at.drain(..first);
    worker.configs_at.iter_mut().for_each(|at| *at -= passed);
    let recording = view(&worker, "composed-afterwards");
    let seen: Vec<usize> = [0, 1]
        .map(|who| {
            let colour = meetingcast::publisher::palette::Colour::of(who);
            recording.video.iter().filter(|f| f.reading(0).and_then(|r| r.colour) == Some(colour)).count()
        })
        .to_vec();
    assert!(seen[0] > 20 && seen[1] > 30, "{seen:?}");
}
