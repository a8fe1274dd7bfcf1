//! OpenH264 makes the same program as x264 does: cadence, keyframes, sizes, and what is on the picture.

use crate::{
    direct_publisher::DirectPublisher,
    renditions::{counters, rendition, times},
    switching::only,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns, small_program},
};
use meetingcast::{
    ipc::{RenditionSpec, ReplyOk, WorkerCommand},
    media::{EncodedFrame, EncoderChoice, Track, TrackConfig},
    publisher::options::VideoCodec,
};

#[tokio::test(flavor = "multi_thread")]
async fn openh264_makes_the_same_program() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let _ann = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, monotonic_ns()).await;
    let mut program = small_program();
    (program.encoding.width, program.encoding.height, program.encoding.video_kbps) = (640, 360, 1500);
    program.encoding.encoder = EncoderChoice::Openh264;
    program.encoding.renditions = vec![RenditionSpec { width: 320, height: 180, video_kbps: 500 }];
    program.scene = only(0);
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    worker.until("some frames", |worker| worker.track(Track::Video).len() >= 70).await;
    worker.commands.send(&WorkerCommand::RequestKeyframe).await.unwrap();
    worker.until("more frames", |worker| worker.track(Track::Video).len() >= 125).await;
    let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
    assert_eq!(stopped, Ok(ReplyOk::ProgramStopped));

    let pictures: Vec<EncodedFrame> = worker.track(Track::Video).into_iter().cloned().collect();
    let own = times(&pictures.iter().collect::<Vec<_>>());
    for (n, (pts, _)) in own.iter().enumerate() {
        let due = own[0].0 + n as u64 * 1_000_000_000 / 30;
        assert!(pts.abs_diff(due) <= 1, "frame {n} at {pts} instead of {due}");
    }
    let keyframes: Vec<usize> = (0..own.len()).filter(|n| own[*n].1).collect();
    let grid: Vec<usize> = keyframes.iter().copied().filter(|n| n % 30 == 0).collect();
    assert_eq!(grid[..5], [0, 30, 60, 90, 120], "{keyframes:?}");
    assert_eq!(keyframes.len(), grid.len() + 1, "and the one that was asked for: {keyframes:?}");
    // Parameter sets stand before the track, not in it (`avc1`).
    for frame in &pictures {
        let mut rest = &frame.data[..];
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let (unit, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
            assert!(!matches!(unit[0] & 0x1f, 7 | 8), "a parameter set in a sample");
            rest = behind;
        }
    }

    let Some(TrackConfig::Video(config)) =
        worker.configs.iter().find(|config| config.track() == Track::Video)
    else {
        panic!("no parameters of the program")
    };
    println!("profile {} constraints {:#x} level {}", config.avcc[1], config.avcc[2], config.avcc[3]);
    let (recording, shown) = counters("openh264", config, &pictures);
    assert!(shown.iter().flatten().count() > 110, "{shown:?}");
    let colours = recording.video.iter().filter_map(|frame| frame.reading(0)?.colour).count();
    assert!(colours > 110, "the participant's colour: {colours}");

    let small = rendition(&worker, 0);
    assert_eq!(times(&small.frames.iter().collect::<Vec<_>>()), own, "the rendition");
    let (_, seen) = counters("openh264-180p", &small.configs[0], &small.frames);
    assert_eq!(seen, shown, "the same picture at the same time");
}
