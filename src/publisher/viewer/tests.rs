//! Real encoders, real containers, and everything read back.

use super::*;
use crate::{
    publisher::{
        palette::Colour,
        pattern::{Pattern, Tile},
        recording::Cadence,
        tone::{RATE, Tone},
    },
    units::FrameRate,
};

const FPS: FrameRate = FrameRate(30);
const SIZE: PictureSize = PictureSize { width: 640, height: 360 };

/// Encodes `seconds` of a participant's picture from media time zero and of its sound from sample
/// `first` on, both with timestamps from zero.
fn encode(path: &Path, launch: &str, participant: usize, seconds: u64, first: u64) {
    gst::init().unwrap();
    let pipeline = gst::parse::launch(launch).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path.to_str().unwrap());
    let source = |name: &str, caps: &str| {
        let source = pipeline.by_name(name).unwrap().downcast::<gst_app::AppSrc>().unwrap();
        source.set_caps(Some(&caps.parse::<gst::Caps>().unwrap()));
        source.set_format(gst::Format::Time);
        source.set_max_bytes(0);
        source
    };
    let video =
        source("video", "video/x-raw,format=I420,width=640,height=360,framerate=30/1,colorimetry=bt601");
    let audio = source("audio", "audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved");
    pipeline.set_state(gst::State::Playing).unwrap();
    let pattern = Pattern::new(Colour::of(participant), "alice", SIZE, FPS).unwrap();
    for n in 0..seconds * 30 {
        let mut data = vec![0; SIZE.bytes()];
        pattern.draw(n, &mut data);
        let mut buffer = gst::Buffer::from_mut_slice(data);
        let timed = buffer.get_mut().unwrap();
        timed.set_pts(gst::ClockTime::from_nseconds(FPS.frame_time(n).0));
        timed.set_duration(gst::ClockTime::from_nseconds(FPS.frame_time(n + 1).0 - FPS.frame_time(n).0));
        video.push_buffer(buffer).unwrap();
    }
    let tone = Tone::of(participant);
    for block in 0..seconds * 100 {
        let mut samples = [0i16; 480];
        tone.fill(first + block * 480, &mut samples);
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        let timed = buffer.get_mut().unwrap();
        timed.set_pts(gst::ClockTime::from_mseconds(block * 10));
        timed.set_duration(gst::ClockTime::from_mseconds(10));
        audio.push_buffer(buffer).unwrap();
    }
    video.end_of_stream().unwrap();
    audio.end_of_stream().unwrap();
    let end = pipeline.bus().unwrap().timed_pop_filtered(
        gst::ClockTime::from_seconds(120),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    let end = end.expect("the encoder ends within two minutes");
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    pipeline.set_state(gst::State::Null).unwrap();
}

/// `avenc_aac` gives its first packet, which holds nothing but 1024 samples of priming, the time of
/// the first sample that went in: all is heard 21.3 ms late. Sound that is given to it 1024 samples
/// early is heard in time.
const PRIMING: u64 = 1024;

const X264_AAC: &str = "appsrc name=video \
    ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=800 key-int-max=60 ! h264parse ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux. \
    appsrc name=audio ! audioconvert ! avenc_aac name=aac bitrate=128000 ! aacparse ! queue ! mux. ";

fn check_clean(recording: &Recording, participant: usize, seconds: u64) -> super::super::recording::Report {
    let report = recording.report(0, FPS.frame_duration());
    println!("{report}");
    assert_eq!(recording.video.len() as u64, seconds * 30);
    for (n, sample) in recording.video.iter().enumerate() {
        let reading = sample.reading(0).unwrap();
        assert_eq!(reading.counter, Some(n as u32));
        assert_eq!(reading.colour, Some(Colour::of(participant)));
        assert_eq!(reading.flash, n % 30 < 2);
    }
    assert_eq!((report.gaps.len(), report.frozen.len(), report.black.len()), (0, 0, 0));
    // Sound that begins or ends in the middle of a beep does so with a click.
    let inside = 50_000_000..seconds * 1_000_000_000;
    assert!(!report.clicks_ns.iter().any(|at| inside.contains(at)), "{:?}", report.clicks_ns);
    assert!(report.audio_steps_ns.is_empty(), "{:?}", report.audio_steps_ns);
    let windows = &recording.audio.heard.windows;
    assert!(windows.len() as u64 >= seconds * 100 - 10);
    // Beside codec start and end, and the 60 ms of the beep with its edges, the tone stands alone.
    for window in &windows[10..windows.len() - 10] {
        let in_second = window.centre % u64::from(RATE);
        if (7_200..46_000).contains(&in_second) {
            assert_eq!(window.present().collect::<Vec<_>>(), [participant], "at sample {}", window.centre);
        }
    }
    report
}

#[test]
fn what_x264_and_aac_made_of_it_is_read_from_mp4_and_flv() {
    let folder = tempfile::tempdir().unwrap();
    for (name, muxer) in [
        ("a.mp4", "mp4mux name=mux ! filesink name=file"),
        ("b.mp4", "mp4mux name=mux fragment-duration=1000 ! filesink name=file"),
        ("c.flv", "flvmux name=mux ! filesink name=file"),
    ] {
        let path = folder.path().join(name);
        encode(&path, &format!("{X264_AAC} {muxer}"), 3, 4, PRIMING);
        let recording = view_file(&path, Layout::Single(SIZE)).unwrap();
        println!("{name}");
        let report = check_clean(&recording, 3, 4);
        assert_eq!(report.av_offsets.len(), 3, "{name}");
        for av in &report.av_offsets {
            assert!(av.offset_ns.abs() < 10_000_000, "{name}: {av:?}");
        }
    }
}

#[test]
fn sound_that_is_late_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.mp4");
    encode(&path, &format!("{X264_AAC} mp4mux name=mux ! filesink name=file"), 3, 4, 0);
    let report = view_file(&path, Layout::Single(SIZE)).unwrap().report(0, FPS.frame_duration());
    let late = report.av_offset_ns().unwrap() - (PRIMING * 1_000_000_000 / u64::from(RATE)) as i64;
    assert!(late.abs() < 1_000_000, "{report}");
}

#[test]
fn what_vp8_and_opus_made_of_it_is_read_from_matroska() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    let launch = "appsrc name=video ! vp8enc deadline=1 cpu-used=16 target-bitrate=600000 keyframe-max-dist=60 ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux. \
        appsrc name=audio ! audioconvert ! opusenc bitrate=64000 ! queue ! mux. matroskamux name=mux ! filesink name=file";
    encode(&path, launch, 14, 4, 0);
    let report = check_clean(&view_file(&path, Layout::Single(SIZE)).unwrap(), 14, 4);
    for av in &report.av_offsets {
        assert!(av.offset_ns.abs() < 10_000_000, "{av:?}");
    }
    assert_eq!(report.av_offsets.len(), 3);
}

#[test]
fn tiles_made_by_a_real_scaler_are_read_each_by_its_rectangle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiles.mp4");
    let launch = "compositor name=c background=black sink_0::width=320 sink_0::height=180 \
        sink_1::xpos=330 sink_1::ypos=190 sink_1::width=160 sink_1::height=90 \
        ! video/x-raw,width=640,height=360 ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=600 ! h264parse ! queue ! mux. \
        appsrc name=video ! tee name=t t. ! queue ! c.sink_0 t. ! queue ! c.sink_1 \
        appsrc name=audio ! audioconvert ! avenc_aac ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! mux. mp4mux name=mux ! filesink name=file";
    encode(&path, launch, 6, 2, 0);
    let tile = |x, y, width, height| Tile { x, y, width, height };
    let tiles = vec![
        tile(0.0, 0.0, 320.0, 180.0),
        tile(330.0, 190.0, 160.0, 90.0),
        tile(330.0, 0.0, 160.0, 90.0),
        tile(640.0, 0.0, 160.0, 90.0),
    ];
    let recording = view_file(&path, Layout::Tiles(tiles)).unwrap();
    assert_eq!(recording.sizes, [(0, SIZE)]);
    for tile in [0, 1] {
        let clean = Cadence { frames: 60, ..Cadence::default() };
        assert_eq!(recording.cadence(tile), clean, "tile {tile}");
        assert_eq!(recording.video[59].reading(tile).unwrap().counter, Some(59));
    }
    assert_eq!(recording.cadence(2).nobody, 60);
    assert_eq!(recording.black(2, Duration::from_secs(1)).len(), 1);
    assert_eq!(recording.cadence(3), Cadence::default(), "outside of the frame");
}

#[test]
fn a_file_that_is_no_recording_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not-a-recording.flv");
    std::fs::write(&path, vec![7u8; 100_000]).unwrap();
    let error = view_file(&path, Layout::Single(SIZE)).unwrap_err();
    assert!(error.to_string().contains("not-a-recording.flv"), "{error}");
    let missing = view_file(&folder.path().join("missing.mp4"), Layout::Single(SIZE)).unwrap_err();
    assert!(missing.to_string().contains("missing.mp4"), "{missing}");
}
