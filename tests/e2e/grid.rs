//! `grid`: everybody in a tile of his own, from one participant to nine, who come and go while it is live.

use crate::{
    film::{card, ground, tile},
    server::{figure, load, one_at_a_time, wait_for},
    stage::{Stage, cores},
};
use meetingcast::{
    layout,
    publisher::{
        palette::Colour,
        pattern,
        planes::{Picture, PictureSize},
    },
    worker::program::card::field_colour,
};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

const SIZE: (u32, u32) = (1280, 720);
const FRAME: Duration = Duration::from_nanos(33_333_333);
/// `program.background` by default.
const GROUND: u32 = 0x0010_1820;

/// The nine: one of them sends 4:3, one sends portrait.
fn picture_size(number: usize) -> PictureSize {
    match number {
        1 => PictureSize { width: 320, height: 240 },
        2 => PictureSize { width: 180, height: 320 },
        _ => PictureSize { width: 320, height: 180 },
    }
}

fn id(number: usize) -> String {
    format!("p{number}")
}

/// Who was in, from some frame on, and what was seen of it.
struct Scene {
    /// By number, in order of joining.
    present: Vec<usize>,
    frames: usize,
    /// When every tile showed its picture: time, and how many frames.
    complete: Option<(u64, u64)>,
    complete_frames: usize,
    counters: BTreeSet<(usize, u32)>,
}

#[test]
fn tiles_stand_at_their_places_and_reflow_at_one_frame() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let mut publishers = Vec::new();
    let mut history: Vec<Vec<usize>> = Vec::new();
    let mut present: Vec<usize> = Vec::new();
    let mut take = None;
    // Judged is what was recorded; the pauses only make sure that there is something to see.
    let pause = |ms| std::thread::sleep(Duration::from_millis(ms));

    for number in 0..9 {
        let mut options = stage.options(number, &id(number));
        options.size = picture_size(number);
        publishers.push(stage.join(options));
        present.push(number);
        history.push(present.clone());
        stage.seen(&id(number));
        if number == 0 {
            take = Some(stage.start(json!({"layout": "grid"}), SIZE.0, SIZE.1));
        }
        // One, two, three, four and nine are looked at for longer.
        pause(if number < 4 { 1000 } else { 200 });
    }
    let used = cores(&[stage.worker(), stage.server.process.child.id()], Duration::from_secs(4));
    figure(&format!(
        "grid of 9 (320x180, 15 fps each) at 1280x720p30: worker {:.2} cores, server {:.2} cores ({})",
        used[0],
        used[1],
        load()
    ));
    // The last, the first, and one of the middle row leave; somebody comes back.
    for number in [8, 0, 4] {
        let at = present.iter().position(|one| *one == number).unwrap();
        stage.leave(publishers.remove(at));
        present.remove(at);
        history.push(present.clone());
        wait_for("the participant to be gone", Duration::from_secs(5), || {
            (!stage.present().contains(&id(number))).then_some(())
        });
        pause(500);
    }
    publishers.push(stage.join(stage.options(0, &id(0))));
    present.push(0);
    history.push(present.clone());
    stage.seen(&id(0));
    pause(700);
    let (cast, film) = stage.cut(take.unwrap(), "grid");
    figure(&format!("grid: program {}, {} frames", cast["program"], film.times_ns.len()));

    film.cadence_is_unbroken(FRAME);
    let mut scenes: Vec<Scene> = history
        .into_iter()
        .map(|present| Scene {
            present,
            frames: 0,
            complete: None,
            complete_frames: 0,
            counters: BTreeSet::new(),
        })
        .collect();
    let mut at = 0;
    film.each(|time, picture| {
        // Each frame is exactly one layout: the present one, or from now on the next.
        let seen = look(picture, &scenes[at].present).or_else(|| {
            at += 1;
            look(picture, &scenes.get(at)?.present)
        });
        let Some(seen) = seen else {
            panic!(
                "the frame at {} ms is no layout, neither {} nor {at} of the history",
                time / 1_000_000,
                at - 1
            );
        };
        let scene = &mut scenes[at];
        scene.frames += 1;
        if seen.iter().all(Option::is_some) {
            let first = scene.complete.map_or(time, |(first, _)| first);
            scene.complete = Some((first, time));
            scene.complete_frames += 1;
        }
        scene
            .counters
            .extend(scene.present.iter().zip(seen).filter_map(|(who, counter)| Some((*who, counter?))));
    });
    assert_eq!(at, scenes.len() - 1, "not every layout was seen");
    for scene in &scenes {
        let count = scene.present.len();
        let (from, to) =
            scene.complete.unwrap_or_else(|| panic!("{:?} never had all pictures", scene.present));
        // Fifteen frames a second, for as long as all were there; the odd one comes late on a busy machine.
        for who in &scene.present {
            let moved = scene.counters.iter().filter(|(whose, _)| whose == who).count() as u64;
            let least = (to - from) * 15 / 1_000_000_000 * 8 / 10;
            assert!(moved >= least, "p{who} among {count}: {moved} frames, {least} expected ({})", load());
        }
        if count == 9 {
            assert!(scene.complete_frames > 90, "nine for {} frames only", scene.complete_frames);
        }
    }

    // Everybody who is seen is heard, and nobody else.
    for scene in &scenes {
        let (from, to) = scene.complete.map(|(from, to)| (from / 1_000_000 + 200, to / 1_000_000)).unwrap();
        if to < from + 300 {
            continue;
        }
        let tones = film.tones(from, to);
        for (number, level) in tones.iter().enumerate().take(9) {
            let expected = if scene.present.contains(&number) { 0.1 } else { 0.0 };
            assert!(
                (level - expected).abs() < 0.03,
                "p{number} sounds at {level:.3} among {:?}, from {from} to {to} ms",
                scene.present
            );
        }
    }
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
}

/// Each tile's frame number, `None` for one that shows a name card; `None` when the picture is not the grid
/// of those who are `present`.
fn look(picture: &Picture<'_>, present: &[usize]) -> Option<Vec<Option<u32>>> {
    let mut covered = Vec::new();
    let mut seen = Vec::new();
    for (rect, number) in layout::grid(present.len(), SIZE.0, SIZE.1).into_iter().zip(present) {
        let size = picture_size(*number);
        let inner = rect.fit(size.width as u32, size.height as u32);
        let reading = pattern::read(picture, tile(inner))?;
        if reading.colour == Some(Colour::of(*number)) && reading.counter.is_some() {
            covered.push(inner);
            seen.push(reading.counter);
        } else {
            card(picture, rect, field_colour(&id(*number)))?;
            covered.push(rect);
            seen.push(None);
        }
    }
    // Between the tiles, and beside the pictures inside of them, nothing is left of another layout.
    (ground(picture, &covered, GROUND) > 0.995).then_some(seen)
}
