use super::*;
use crate::{
    publisher::{palette::Colour, pattern::Pattern, tone::Tone},
    units::FrameRate,
};

const SIZE: PictureSize = PictureSize { width: 160, height: 90 };
const RATE_30: FrameRate = FrameRate(30);

/// Records pictures given as (participant, frame number), `None` for black, one every 1/30 s.
fn pictures(recorder: &mut Recorder, frames: &[Option<(usize, u64)>]) {
    let mut data = vec![0; SIZE.bytes()];
    for (n, frame) in frames.iter().enumerate() {
        match frame {
            Some((participant, number)) => {
                Pattern::new(Colour::of(*participant), "x", SIZE, RATE_30).unwrap().draw(*number, &mut data);
            }
            None => {
                data.fill(128);
                data[..SIZE.luma_bytes()].fill(16);
            }
        }
        recorder.frame(RATE_30.frame_time(n as u64).0, &Picture::new(SIZE, &data).unwrap());
    }
}

fn recorder() -> Recorder {
    Recorder::new(Layout::Single(SIZE))
}

#[test]
fn a_clean_recording_has_nothing_to_report() {
    let mut recorder = recorder();
    let frames: Vec<_> = (0..90).map(|n| Some((4, 100 + n))).collect();
    pictures(&mut recorder, &frames);
    // The sound of the same media time: frame 100 stands for sample 160 000.
    let sound: Vec<f32> = (160_000..160_000 + 3 * 48_000).map(|n| Tone::of(4).sample(n)).collect();
    for (n, block) in sound.chunks(1024).enumerate() {
        recorder.sound(n as u64 * 1024 * 1_000_000_000 / 48_000, block);
    }
    assert_eq!(recorder.taken(), (90, 144_000));
    let report = recorder.finish().report(0, RATE_30.frame_duration());
    assert_eq!(report.cadence, Cadence { frames: 90, ..Cadence::default() });
    assert_eq!((report.gaps.len(), report.switches.len(), report.frozen.len()), (0, 0, 0));
    assert_eq!((report.black.len(), report.silences.len(), report.clicks_ns.len()), (0, 0, 0));
    assert_eq!((report.audio_steps_ns.len(), report.backward_frames), (0, 0));
    assert_eq!(report.av_offsets.len(), 3);
    assert!(report.av_offsets.iter().all(|av| av.offset_ns.abs() < 500_000), "{report}");
    assert!(report.to_string().contains("median +0.0 ms") || report.to_string().contains("median -0.0 ms"));
}

#[test]
fn faults_of_the_picture_are_named() {
    let mut recorder = recorder();
    let mut frames: Vec<_> = (0..10).map(|n| Some((1, n))).collect();
    frames.extend([Some((1, 9)), Some((1, 9)), Some((1, 9))]); // frozen for four frames
    frames.push(Some((1, 12))); // 10 and 11 left out
    frames.push(Some((1, 11))); // back
    frames.extend([None, None]); // black
    frames.extend((500..510).map(|n| Some((2, n))));
    pictures(&mut recorder, &frames);
    let report = recorder.finish().report(0, RATE_30.frame_duration());
    let cadence = Cadence { frames: 27, repeated: 3, skipped: 2, backwards: 1, unreadable: 0, nobody: 2 };
    assert_eq!(report.cadence, cadence);
    let span = |from: u64, to: u64| {
        let start_ns = RATE_30.frame_time(from).0;
        Span { start_ns, length_ns: RATE_30.frame_time(to).0 - start_ns }
    };
    assert_eq!(report.frozen, [span(9, 13)]);
    assert_eq!(report.black, [span(15, 17)]);
    assert_eq!(report.switches.len(), 1);
    let switch = &report.switches[0];
    assert_eq!((switch.from, switch.to, switch.between), ("orange", "jade", 2));
    assert_eq!((switch.video_ns, switch.audio_ns), (RATE_30.frame_time(17).0, None));
}

#[test]
fn a_cut_of_sound_is_timed_against_the_cut_of_the_picture() {
    for late in [0u64, 2400] {
        let mut recorder = recorder();
        let frames: Vec<_> = (0..60).map(|n| Some((if n < 40 { 6 } else { 11 }, n))).collect();
        pictures(&mut recorder, &frames);
        let cut = 40 * 1600 + late;
        let sound: Vec<f32> = (0..96_000).map(|n| Tone::of(if n < cut { 6 } else { 11 }).sample(n)).collect();
        recorder.sound(0, &sound);
        let recording = recorder.finish();
        let switches = recording.switches(0);
        let distance = switches[0].distance_ns.unwrap() - late as i64 * 1_000_000 / 48;
        assert!(distance.abs() < 2_000_000, "{distance}");
        assert_eq!(recording.audio.tone_changes().len(), 1);
    }
}

#[test]
fn missing_frames_and_jumping_sound_are_found_on_the_timeline() {
    let mut recorder = recorder();
    let data = vec![128; SIZE.bytes()];
    for ms in [0, 33, 67, 167, 200] {
        recorder.frame(ms * 1_000_000, &Picture::new(SIZE, &data).unwrap());
    }
    recorder.sound(5_000_000, &[0.1; 480]);
    recorder.sound(15_900_000, &[0.1; 480]); // rounding, not a jump
    recorder.sound(125_000_000, &[0.1; 480]);
    let recording = recorder.finish();
    let gaps = recording.gaps(Duration::from_millis(33));
    assert_eq!(gaps, [Span { start_ns: 100_000_000, length_ns: 67_000_000 }]);
    let steps: Vec<_> = recording.audio.steps().map(|step| (step.pts_ns, step.step_ns)).collect();
    assert_eq!(steps, [(125_000_000, 100_000_000)]);
    assert_eq!(recording.audio.time_ns(48.0), 6_000_000);
    assert_eq!(recording.audio.time_ns(960.0 + 48.0), 126_000_000);
}
