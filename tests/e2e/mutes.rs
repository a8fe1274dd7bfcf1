//! Participants without picture or sound, mutes and gains, as the program shows and plays them: tiled, large
//! and alone; and the slate.

use crate::{
    film::{Film, bright, card, ground, is_colour, tile},
    server::{figure, one_at_a_time},
    stage::Stage,
};
use meetingcast::{
    layout::{self, Rect},
    publisher::{palette::Colour, pattern, planes::Picture},
    worker::program::card::field_colour,
};
use serde_json::{Value, json};
use std::time::Duration;

const SIZE: (u32, u32) = (640, 360);
const FRAME: Duration = Duration::from_nanos(33_333_333);
/// `program.background` by default: the ground and the slate.
const GROUND: u32 = 0x0010_1820;
/// The participants' numbers: colour and tone.
const ANN: usize = 0;
const BOB: usize = 1;
const CYD: usize = 2;

/// What stands in a rectangle.
#[derive(Debug, Clone, Copy)]
enum Sight {
    Picture(usize),
    Name(&'static str),
}

/// A stretch of the program and what it must be.
struct Shot {
    what: &'static str,
    from_ms: u64,
    to_ms: u64,
    /// Empty: the slate.
    picture: Vec<(Rect, Sight)>,
    /// Of each participant, how loud, as a share of what was sent.
    sound: [f32; 3],
}

struct Script {
    stage: Stage,
    shots: Vec<Shot>,
}

impl Script {
    /// Shows `source` and has it looked at for a second.
    fn shot(&mut self, what: &'static str, switch: Value, picture: Vec<(Rect, Sight)>, sound: [f32; 3]) {
        let from = self.stage.switch(switch.clone());
        std::thread::sleep(Duration::from_millis(800));
        // The same again changes nothing and tells the program's time.
        let to = self.stage.switch(switch);
        assert!(to.pts_ms > from.pts_ms + 600, "{what}: {from:?} {to:?}");
        self.shots.push(Shot { what, from_ms: from.pts_ms, to_ms: to.pts_ms, picture, sound });
    }
}

#[test]
fn names_stand_for_missing_pictures_and_mutes_act_on_the_program() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let mut bob = stage.options(BOB, "bob");
    bob.video = false;
    let mut cyd = stage.options(CYD, "cyd");
    cyd.audio = false;
    let publishers = [stage.join(stage.options(ANN, "ann")), stage.join(bob), stage.join(cyd)];
    stage.seen("ann");
    stage.seen("cyd");
    let take = stage.start(json!({"layout": "grid"}), SIZE.0, SIZE.1);
    let mut script = Script { stage, shots: Vec::new() };

    let grid = || json!({"source": {"layout": "grid"}, "audio": "source"});
    let rects = layout::grid(3, SIZE.0, SIZE.1);
    let tiles =
        |ann: Sight| vec![(rects[0], ann), (rects[1], Sight::Name("bob")), (rects[2], Sight::Picture(CYD))];
    let normal = tiles(Sight::Picture(ANN));
    // Cards are drawn in the background when they are first needed; that is all that is waited for here.
    std::thread::sleep(Duration::from_millis(500));
    script.shot("grid", grid(), normal.clone(), [1.0, 1.0, 0.0]);

    let full = Rect::full(SIZE.0, SIZE.1);
    let one = |who: &str, audio: &str| json!({"source": {"participant": who}, "audio": audio});
    script.shot("sound only", one("bob", "source"), vec![(full, Sight::Name("bob"))], [0.0, 1.0, 0.0]);
    script.shot("picture only", one("cyd", "source"), vec![(full, Sight::Picture(CYD))], [0.0; 3]);
    script.shot("picture only, mix", one("cyd", "mix"), vec![(full, Sight::Picture(CYD))], [1.0, 1.0, 0.0]);

    script.stage.patch("ann", json!({"audio_muted": true}));
    script.shot("ann's sound muted", grid(), normal.clone(), [0.0, 1.0, 0.0]);
    script.stage.patch("ann", json!({"audio_muted": false, "video_muted": true}));
    script.shot("ann's picture muted", grid(), tiles(Sight::Name("ann")), [1.0, 1.0, 0.0]);
    script.shot("ann alone, muted", one("ann", "source"), vec![(full, Sight::Name("ann"))], [1.0, 0.0, 0.0]);
    script.stage.patch("ann", json!({"video_muted": false, "gain_db": -6.0}));
    script.shot("ann at -6 dB", grid(), normal.clone(), [0.501, 1.0, 0.0]);
    script.stage.patch("ann", json!({"gain_db": 0.0}));
    script.stage.patch("bob", json!({"gain_db": 6.0}));
    script.shot("bob at +6 dB", grid(), normal, [1.0, 1.995, 0.0]);
    script.stage.patch("bob", json!({"gain_db": 0.0}));

    let (large, strip) = layout::speaker(2, SIZE.0, SIZE.1);
    let speaker = json!({"source": {"layout": "speaker", "focus": "cyd"}, "audio": "source"});
    let places =
        vec![(large, Sight::Picture(CYD)), (strip[0], Sight::Picture(ANN)), (strip[1], Sight::Name("bob"))];
    script.shot("speaker", speaker, places, [1.0, 1.0, 0.0]);
    script.shot("slate", json!({"source": {"slate": true}, "audio": "source"}), Vec::new(), [0.0; 3]);

    let Script { stage, shots } = script;
    let (cast, film) = stage.cut(take, "mutes");
    figure(&format!("mutes: program {}", cast["program"]));
    film.cadence_is_unbroken(FRAME);
    check_pictures(&film, &shots);
    for shot in &shots {
        // A gain takes 10 ms to move, a window is 20 ms long, the encoder smears a frame of 21 ms.
        let tones = film.tones(shot.from_ms + 100, shot.to_ms - 50);
        for (number, share) in shot.sound.into_iter().enumerate() {
            let (level, wanted) = (tones[number], 0.1 * share);
            // 1 dB for the two codecs; what a codec spills into a neighbouring tone is 30 dB below it.
            let near = if share == 0.0 { level < 0.008 } else { (level / wanted).log10().abs() * 20.0 < 1.0 };
            assert!(near, "{}: tone {number} at {level:.4}, not {wanted:.4}", shot.what);
        }
    }
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
}

fn check_pictures(film: &Film, shots: &[Shot]) {
    let mut looked = vec![0; shots.len()];
    film.each(|time, picture| {
        let ms = time / 1_000_000;
        for (shot, looked) in shots.iter().zip(&mut looked) {
            // The frame at the switch's own time is the first one; three frames for a card to be drawn that
            // was never shown in that size (until then its field stands there).
            if ms >= shot.from_ms && ms < shot.to_ms {
                *looked += 1;
                check(picture, shot, ms, ms >= shot.from_ms + 400);
            }
        }
    });
    for (shot, looked) in shots.iter().zip(looked) {
        assert!(looked >= 18, "{}: {looked} frames", shot.what);
    }
}

fn check(picture: &Picture<'_>, shot: &Shot, ms: u64, drawn: bool) {
    let what = shot.what;
    let full = Rect::full(SIZE.0, SIZE.1);
    if shot.picture.is_empty() {
        let text = card(picture, full, GROUND);
        assert!(text.is_some_and(|bright| bright > 50), "{what} at {ms} ms: {text:?}");
        return;
    }
    let mut covered = Vec::new();
    for (rect, sight) in &shot.picture {
        match sight {
            Sight::Picture(number) => {
                let inner = rect.fit(16, 9);
                let reading = pattern::read(picture, tile(inner));
                let colour = reading.and_then(|reading| reading.colour);
                assert_eq!(colour, Some(Colour::of(*number)), "{what} at {ms} ms: {rect:?} {reading:?}");
                covered.push(inner);
            }
            Sight::Name(name) => {
                let text = card(picture, *rect, field_colour(name));
                let least = if drawn { 20 } else { 0 };
                assert!(text.is_some_and(|bright| bright >= least), "{what} at {ms} ms: {rect:?} {text:?}");
                assert!(!is_colour(picture, *rect, GROUND));
                covered.push(*rect);
            }
        }
    }
    let plain = ground(picture, &covered, GROUND);
    assert!(plain > 0.99, "{what} at {ms} ms: {plain} of the ground is free; {}", bright(picture, full));
}
