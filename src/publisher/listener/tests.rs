use super::*;
use crate::publisher::tone::{BEEP_SAMPLES, Tone};
use proptest::prelude::*;

fn sound(tone: Tone, from: u64, length: usize) -> Vec<f32> {
    (from..).take(length).map(|n| tone.sample(n)).collect()
}

fn heard(samples: &[f32]) -> Heard {
    let mut listener = Listener::new();
    // Odd pieces: how samples are cut into buffers must not matter.
    samples.chunks(997).for_each(|piece| listener.push(piece));
    listener.finish()
}

const SECOND: usize = RATE as usize;

#[test]
fn each_tone_is_heard_as_itself_and_alone() {
    for participant in 0..TONES.len() {
        let heard = heard(&sound(Tone::of(participant), 0, SECOND));
        assert_eq!(heard.windows.len(), 99);
        for window in &heard.windows {
            assert_eq!(window.present().collect::<Vec<_>>(), [participant], "at sample {}", window.centre);
            assert!((window.levels[participant] - 0.1).abs() < 0.02);
        }
        assert!(heard.silences.is_empty() && heard.clicks.is_empty());
    }
}

#[test]
fn a_mix_of_tones_is_told_apart() {
    let parts = [0, 1, 5, 15];
    let sounds = parts.map(|participant| sound(Tone::of(participant), 12_345, SECOND));
    let mix: Vec<f32> = (0..SECOND).map(|n| sounds.iter().map(|sound| sound[n]).sum()).collect();
    let heard = heard(&mix);
    // Beeps of four add up to 1.6 and spill further; they end with the first 60 ms.
    for window in heard.windows.iter().filter(|window| window.centre > 10_000 && window.centre < 34_000) {
        assert_eq!(window.present().collect::<Vec<_>>(), parts, "at sample {}", window.centre);
    }
}

#[test]
fn a_cut_between_tones_shows_in_the_loudest() {
    let mut samples = sound(Tone::of(2), 0, SECOND);
    samples.truncate(24_000);
    samples.extend(sound(Tone::of(9), 24_000, 24_000));
    let heard = heard(&samples);
    for window in &heard.windows {
        let expected = if window.centre < 24_000 { 2 } else { 9 };
        if window.centre != 24_000 {
            assert_eq!(window.loudest(), Some(expected), "at sample {}", window.centre);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn beeps_are_found_where_they_begin(
        participant in 0..TONES.len(), from in 3000u64..48_000, gain in 0.25f32..1.5, others in 0usize..3,
    ) {
        let mut samples = sound(Tone::of(participant), from, 3 * SECOND);
        for other in 1..=others {
            // Others' tones without their beeps.
            let tone = Tone::of(participant + other);
            for (n, sample) in samples.iter_mut().enumerate() {
                let in_second = (n as u64 + from) % SECOND as u64;
                if in_second >= BEEP_SAMPLES {
                    *sample += tone.sample(n as u64 + from);
                }
            }
        }
        samples.iter_mut().for_each(|sample| *sample *= gain);
        let heard = heard(&samples);
        let expected: Vec<f64> = (1..4)
            .map(|second| second as f64 * SECOND as f64 - from as f64)
            .filter(|onset| *onset < (3 * SECOND) as f64 - 3000.0)
            .collect();
        prop_assert_eq!(heard.beeps.len(), expected.len());
        for (beep, onset) in heard.beeps.iter().zip(expected) {
            prop_assert!((beep.onset - onset).abs() < 24.0, "{} instead of {}", beep.onset, onset);
            prop_assert!((beep.level / gain - 0.398).abs() < 0.05, "level {}", beep.level);
        }
    }

    #[test]
    fn silences_are_measured_to_the_millisecond(start in 5000usize..40_000, ms in 22usize..200) {
        let mut samples = sound(Tone::of(4), 0, SECOND);
        let end = (start + ms * 48).min(SECOND);
        samples[start..end].fill(0.0);
        let heard = heard(&samples);
        prop_assert_eq!(heard.silences.len(), 1);
        let silence = heard.silences[0];
        prop_assert!(silence.start.abs_diff(start as u64) <= 48);
        prop_assert!((silence.start + silence.length).abs_diff(end as u64) <= 48);
    }
}

#[test]
fn short_silences_and_quiet_noise_are_not_reported() {
    let mut samples = sound(Tone::of(4), 0, SECOND);
    samples[20_000..20_000 + 15 * 48].fill(0.0);
    assert!(heard(&samples).silences.is_empty());
    let silent = heard(&vec![0.0005; SECOND]);
    assert_eq!(silent.silences, [Silence { start: 0, length: SECOND as u64 }]);
    assert!(silent.windows.iter().all(|window| window.loudest().is_none()));
}

#[test]
fn a_step_is_a_click_and_a_ramp_is_not() {
    let tone = Tone::of(3);
    let mut step = sound(tone, 4000, SECOND);
    step[9999..].iter_mut().for_each(|sample| *sample += 0.05);
    assert_eq!(heard(&step).clicks.len(), 1);
    assert!(heard(&step).clicks[0].abs_diff(9999) <= 3);
    // The same step within 2 ms.
    let mut ramp = sound(tone, 4000, SECOND);
    for (n, sample) in ramp.iter_mut().enumerate() {
        *sample += 0.05 * (n.saturating_sub(9999) as f32 / 96.0).min(1.0);
    }
    assert!(heard(&ramp).clicks.is_empty());
}
