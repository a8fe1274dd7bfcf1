use super::*;
use proptest::prelude::*;

/// A thirtieth of a second.
const FRAME: u64 = 33_333_333;
/// When the program takes it.
const TAKEN: u64 = 5_000_000_000;

fn at(n: u64) -> u64 {
    n * 1_000_000_000 / 30
}

/// A file of so many pictures, 30 a second, that begins at `zero`, and of a sound that counts its samples, 1024 at a time,
/// `pad` longer than the pictures.
struct File {
    pictures: u64,
    zero: u64,
    pad: usize,
}

impl File {
    fn samples(&self) -> usize {
        (self.pictures * RATE / 30) as usize + self.pad
    }

    /// Puts what fits into the reel, as a decoder does; `read` is how far it is.
    fn read(&self, reel: &mut Reel<u64>, read: &mut (u64, usize)) {
        while reel.wants_picture() {
            if read.0 == self.pictures {
                reel.finish_pictures();
                break;
            }
            let duration = read.0.is_multiple_of(2).then_some(FRAME);
            reel.push_picture(self.zero + at(read.0), duration, 1, read.0);
            read.0 += 1;
        }
        while reel.wants_sound() {
            if read.1 == self.samples() {
                reel.finish_sound();
                break;
            }
            let count = 1024.min(self.samples() - read.1);
            let samples = (read.1..read.1 + count).flat_map(|n| [n as f32 + 1.0; CHANNELS]).collect();
            reel.push_sound(self.zero + nanos(read.1), samples);
            read.1 += count;
        }
    }
}

/// What the program got of a file, tick by tick.
#[derive(Default)]
struct Shown {
    /// The picture that each tick brought.
    pictures: Vec<Option<u64>>,
    /// Samples of one channel since the first tick.
    sound: Vec<f32>,
}

impl Shown {
    fn tick(&mut self, reel: &mut Reel<u64>, due: u64) {
        let mut new = None;
        let sound = &mut self.sound;
        let begin = sample_at(TAKEN);
        reel.advance(
            due,
            FRAME,
            |_| 1,
            |time, picture| {
                assert!(time <= due + FRAME / 2);
                new = Some(picture);
            },
            |first, samples| {
                assert!(first >= begin + sound.len() as i64, "samples overlap");
                sound.resize((first - begin) as usize, 0.0);
                sound.extend(samples.iter().step_by(CHANNELS));
            },
        );
        self.pictures.push(new);
    }
}

fn play(file: &File, repeat: bool, ticks: u64) -> (Shown, Vec<u64>, Option<u64>) {
    let mut reel = Reel::new(repeat);
    reel.holds(true, true);
    let (mut read, mut shown, mut places, mut end) = ((0, 0), Shown::default(), Vec::new(), None);
    file.read(&mut reel, &mut read);
    assert!(reel.is_ready() && reel.is_waiting());
    reel.roll(TAKEN);
    for n in 0..ticks {
        let due = TAKEN + at(n);
        file.read(&mut reel, &mut read);
        if reel.wants_rewind() {
            reel.rewound(true);
            read = (0, 0);
            file.read(&mut reel, &mut read);
        }
        if reel.has_ended(due, FRAME) {
            end.get_or_insert(n);
        }
        shown.tick(&mut reel, due);
        places.push(reel.position(due).unwrap());
    }
    (shown, places, end)
}

#[test]
fn every_picture_is_shown_once_and_the_end_is_the_tick_after_the_last() {
    let file = File { pictures: 50, zero: 21_000_000, pad: 700 };
    let (shown, places, end) = play(&file, false, 60);
    assert_eq!(shown.pictures[..50], (0..50).map(Some).collect::<Vec<_>>());
    assert_eq!((shown.pictures[50], end), (None, Some(50)));
    assert!((0..40_000).all(|n| shown.sound[n] == n as f32 + 1.0), "every sample where it belongs");
    assert_eq!(places[..2], [21_000_000, 21_000_000 + at(1)]);
    assert_eq!(places[59], *places[49..].iter().max().unwrap(), "not beyond its end");
}

#[test]
fn passes_are_put_behind_each_other_without_a_seam() {
    let file = File { pictures: 15, zero: 7_000_000, pad: 900 };
    let (shown, places, end) = play(&file, true, 100);
    assert_eq!(end, None);
    assert_eq!(shown.pictures, (0..100).map(|n| Some(n % 15)).collect::<Vec<_>>());
    // Half a second of sound a pass: the coder's padding is not heard.
    for n in 0..70_000 {
        let wanted = (n % 24_000) as f32 + 1.0;
        assert!((shown.sound[n] - wanted).abs() <= 1.0, "sample {n}: {} instead of {wanted}", shown.sound[n]);
    }
    assert!(places.iter().enumerate().all(|(n, place)| place.abs_diff(7_000_000 + at(n as u64 % 15)) <= 20));
}

#[test]
fn what_stands_still_goes_on_where_it_was() {
    let file = File { pictures: 50, zero: 0, pad: 0 };
    let mut reel = Reel::new(false);
    reel.holds(true, true);
    let (mut read, mut shown) = ((0, 0), Shown::default());
    file.read(&mut reel, &mut read);
    reel.roll(TAKEN);
    for n in 0..40 {
        file.read(&mut reel, &mut read);
        let due = TAKEN + at(n);
        match n {
            9 => {
                shown.tick(&mut reel, due);
                reel.halt(due, FRAME);
                continue;
            }
            20 => reel.roll(due),
            _ => {}
        }
        shown.tick(&mut reel, due);
        let place = reel.position(due).unwrap();
        assert!(!(10..20).contains(&n) || place.abs_diff(at(10)) < 3, "{place}");
    }
    let wanted = |n: u64| match n {
        0..10 => Some(n),
        10..20 => None,
        n => Some(n - 10),
    };
    assert_eq!(shown.pictures, (0..40).map(wanted).collect::<Vec<_>>());
    assert!(shown.sound[16_010..31_990].iter().all(|sample| *sample == 0.0));
    for n in 32_010..60_000 {
        assert!((shown.sound[n] - (n as f32 - 15_999.0)).abs() <= 2.0, "sample {n}: {}", shown.sound[n]);
    }
}

#[test]
fn sound_alone_has_an_end_and_a_file_of_nothing_is_blank() {
    let mut reel = Reel::<u64>::new(false);
    reel.holds(false, true);
    for n in 0..10 {
        reel.push_sound(n * 20_000_000, vec![0.5; 960 * CHANNELS]);
    }
    reel.finish_sound();
    assert!(reel.is_ready());
    reel.roll(TAKEN);
    assert!(!reel.has_ended(TAKEN + at(5), FRAME) && reel.has_ended(TAKEN + at(6), FRAME));
    let mut blank = Reel::<u64>::new(true);
    blank.holds(true, true);
    blank.finish_pictures();
    blank.finish_sound();
    assert!(blank.is_blank() && !blank.is_ready());
}

#[test]
fn a_file_too_short_to_be_repeated_ends() {
    let (_, _, end) = play(&File { pictures: 3, zero: 0, pad: 0 }, false, 5);
    assert_eq!(end, Some(3));
    let mut reel = Reel::new(true);
    reel.holds(true, false);
    reel.push_picture(0, Some(FRAME), 1, 0_u64);
    reel.finish_pictures();
    assert!(!reel.wants_rewind());
    reel.roll(TAKEN);
    assert!(reel.has_ended(TAKEN + FRAME, FRAME));
}

proptest! {
    /// Whatever a decoder gives and however it is paused: pictures come in order, once each, and never too soon.
    #[test]
    fn pictures_come_in_order_and_memory_is_bounded(
        pictures in 4_u64..80, zero in 0_u64..60_000_000, pad in 0_usize..4000, stops in prop::collection::vec(1_u64..20, 0..6),
    ) {
        let file = File { pictures, zero, pad };
        let mut reel = Reel::new(false);
        reel.holds(true, true);
        let (mut read, mut shown, mut stops, mut next) = ((0, 0), Shown::default(), stops, 0);
        file.read(&mut reel, &mut read);
        reel.roll(TAKEN);
        for n in 0..pictures + 150 {
            file.read(&mut reel, &mut read);
            let due = TAKEN + at(n);
            prop_assert!(reel.pictures.len() <= PICTURES && reel.buffered <= SOUND + 1024);
            if n >= next {
                reel.roll(due);
            }
            shown.tick(&mut reel, due);
            if n >= next && let Some(stop) = stops.pop() {
                reel.halt(due, FRAME);
                next = n + stop;
            }
        }
        let seen: Vec<u64> = shown.pictures.iter().flatten().copied().collect();
        prop_assert_eq!(seen, (0..pictures).collect::<Vec<_>>());
        prop_assert!(reel.has_ended(TAKEN + at(pictures + 200), FRAME));
    }
}
