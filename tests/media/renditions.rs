//! Smaller renditions are the program's pictures: the same ones at the same times, keyframes at the same
//! places, and what they show is what the program shows.

use crate::{
    direct_publisher::DirectPublisher,
    flv_file,
    switching::only,
    turn::one_at_a_time,
    worker_process::{WorkerProcess, monotonic_ns, small_program},
};
use meetingcast::{
    ipc::{RenditionSpec, ReplyOk, WorkerCommand, WorkerEvent},
    media::{EncodedFrame, RenditionIndex, Track, TrackConfig, VideoConfig},
    publisher::{
        options::VideoCodec,
        planes::PictureSize,
        recording::{Layout, Recording},
        viewer,
    },
};

/// What came of one rendition.
pub struct Rendition {
    pub configs: Vec<VideoConfig>,
    pub frames: Vec<EncodedFrame>,
}

pub fn rendition(worker: &WorkerProcess, index: u8) -> Rendition {
    let mut found = Rendition { configs: Vec::new(), frames: Vec::new() };
    for event in &worker.others {
        match event {
            WorkerEvent::RenditionConfig { rendition: RenditionIndex(of), config } if *of == index => {
                assert!(found.frames.is_empty(), "parameters come once, before the first frame");
                found.configs.push(config.clone());
            }
            WorkerEvent::RenditionFrame { rendition: RenditionIndex(of), frame } if *of == index => {
                found.frames.push(frame.clone());
            }
            _ => {}
        }
    }
    found
}

pub fn times(frames: &[&EncodedFrame]) -> Vec<(u64, bool)> {
    frames.iter().map(|frame| (frame.pts.0, frame.keyframe)).collect()
}

/// Decodes pictures and reads the frame counter of each.
pub fn counters(name: &str, config: &VideoConfig, frames: &[EncodedFrame]) -> (Recording, Vec<Option<u32>>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("{name}.flv"));
    flv_file::write(&path, &[TrackConfig::Video(config.clone())], frames);
    if let Ok(keep) = std::env::var("KEEP_MEDIA") {
        std::fs::copy(&path, std::path::Path::new(&keep).join(format!("{name}.flv"))).unwrap();
    }
    let layout = Layout::Single(PictureSize { width: 640, height: 360 });
    let recording = viewer::view_file(&path, layout).unwrap();
    let read =
        recording.video.iter().map(|frame| frame.reading(0).and_then(|reading| reading.counter)).collect();
    (recording, read)
}

#[tokio::test(flavor = "multi_thread")]
async fn smaller_renditions_are_the_programs_pictures() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let _ann = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, monotonic_ns()).await;
    let mut program = small_program();
    (program.encoding.width, program.encoding.height, program.encoding.video_kbps) = (640, 360, 1500);
    program.encoding.renditions = vec![
        RenditionSpec { width: 320, height: 180, video_kbps: 500 },
        RenditionSpec { width: 160, height: 90, video_kbps: 150 },
    ];
    program.scene = only(0);
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    worker.until("some frames", |worker| worker.track(Track::Video).len() >= 100).await;
    worker.commands.send(&WorkerCommand::RequestKeyframe).await.unwrap();
    worker.until("more frames", |worker| worker.track(Track::Video).len() >= 160).await;
    let stopped = worker.ask(|request| WorkerCommand::StopProgram { request }).await;
    assert_eq!(stopped, Ok(ReplyOk::ProgramStopped));

    let own = times(&worker.track(Track::Video));
    let asked = own.iter().enumerate().filter(|(n, (_, keyframe))| *keyframe && n % 30 != 0).count();
    assert_eq!(asked, 1, "the keyframe that was asked for");
    let program: Vec<EncodedFrame> = worker.track(Track::Video).into_iter().cloned().collect();
    let Some(TrackConfig::Video(config)) =
        worker.configs.iter().find(|config| config.track() == Track::Video)
    else {
        panic!("no parameters of the program")
    };
    let (_, shown) = counters("program", config, &program);
    assert!(shown.iter().flatten().count() > 150, "{shown:?}");
    for (index, (width, height)) in [(0, (320, 180)), (1, (160, 90))] {
        let Rendition { configs, frames } = rendition(&worker, index);
        assert_eq!(times(&frames.iter().collect::<Vec<_>>()), own, "{height}");
        let [config] = &configs[..] else { panic!("{configs:?}") };
        assert_eq!((config.width, config.height, config.fps), (width, height, 30));
        assert_eq!((config.avcc[0], config.avcc[1]), (1, 77), "main profile");
        let (recording, seen) = counters(&format!("{height}p"), config, &frames);
        // What the decoder finds in the parameter sets.
        let sizes: Vec<_> = recording.sizes.iter().map(|(_, size)| (size.width, size.height)).collect();
        assert_eq!(sizes, [(width as usize, height as usize)]);
        let colours = recording.video.iter().filter_map(|frame| frame.reading(0)?.colour);
        assert!(colours.count() > 150, "{height}: the participant's colour");
        if height == 180 {
            assert_eq!(seen, shown, "the same picture at the same time");
        }
    }
    // A test picture needs less than it may have; none takes more.
    let kbps = |frames: &[EncodedFrame]| {
        frames.iter().map(|frame| frame.data.len() as f64).sum::<f64>() * 8.0 * 30.0
            / frames.len() as f64
            / 1000.0
    };
    let rates = [kbps(&program), kbps(&rendition(&worker, 0).frames), kbps(&rendition(&worker, 1).frames)];
    println!("kbit/s: {rates:.0?}");
    for (rate, target) in rates.iter().zip([1500.0, 500.0, 150.0]) {
        assert!(*rate < target * 1.1, "{rates:?}");
    }
}

/// Pictures that a rendition is not given cost nothing, and nothing else changes: those it has are the program's,
/// every second or fourth, counted from the last keyframe, which it has with the program.
#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_with_fewer_pictures_keeps_the_programs_keyframes_and_times() {
    let _turn = one_at_a_time();
    let mut worker = WorkerProcess::start().await;
    let _ann = DirectPublisher::join(&mut worker, 0, VideoCodec::H264, monotonic_ns()).await;
    let mut program = small_program();
    let small = RenditionSpec { width: 160, height: 90, video_kbps: 150 };
    program.encoding.renditions = vec![small, RenditionSpec { video_kbps: 100, ..small }];
    program.scene = only(0);
    let started = worker.ask(|request| WorkerCommand::StartProgram { request, program }).await;
    assert_eq!(started, Ok(ReplyOk::ProgramStarted));
    worker.until("some frames", |worker| worker.track(Track::Video).len() >= 40).await;
    worker.commands.send(&WorkerCommand::PaceRenditions { every: vec![2, 4] }).await.unwrap();
    worker.until("fewer pictures", |worker| worker.track(Track::Video).len() >= 130).await;
    worker.commands.send(&WorkerCommand::RequestKeyframe).await.unwrap();
    worker.until("a keyframe out of turn", |worker| worker.track(Track::Video).len() >= 170).await;
    worker.commands.send(&WorkerCommand::PaceRenditions { every: vec![1, 1] }).await.unwrap();
    worker.until("all pictures again", |worker| worker.track(Track::Video).len() >= 240).await;
    worker.ask(|request| WorkerCommand::StopProgram { request }).await.unwrap();

    let own = times(&worker.track(Track::Video));
    let keyframes = |times: &[(u64, bool)]| times.iter().filter(|(_, key)| *key).copied().collect::<Vec<_>>();
    for (index, every) in [(0, 2), (1, 4)] {
        let frames = rendition(&worker, index).frames;
        let seen = times(&frames.iter().collect::<Vec<_>>());
        assert_eq!(keyframes(&seen), keyframes(&own), "{every}");
        let positions: Vec<usize> = seen
            .iter()
            .map(|one| own.iter().position(|time| time == one).expect("a picture of the program"))
            .collect();
        assert_eq!((positions[0], positions.last()), (0, Some(&(own.len() - 1))), "all, at the ends");
        let steps: Vec<usize> = positions.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let paced = steps.iter().filter(|step| **step == every).count();
        // 170 - 40 pictures, less what is on its way when the worker is told and what keyframes cut short.
        assert!(paced >= 100 / every, "{every}: {steps:?}");
        assert!(steps.iter().all(|step| *step <= every), "{steps:?}");
        let early =
            positions.windows(2).filter(|pair| (2..every).contains(&(pair[1] - pair[0])) && !own[pair[1]].1);
        assert!(early.count() <= 1, "only keyframes come out of step, and the first of all: {steps:?}");
    }
}
