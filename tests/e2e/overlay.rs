//! What is drawn over the program, by what is seen: each change whole at the frame that was answered, texts as they are
//! written, colours as they were uploaded, a clock that turns each second, and no frame lost for it.

use crate::{
    film::{is_colour, mean},
    server::{Server, figure, one_at_a_time},
    stage::{ROOM, Stage},
};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use meetingcast::{
    ipc::overlay::{PictureFile, PictureKind, TitlePosition},
    layout::{Rect, grid},
    publisher::planes::Picture,
    worker::program::overlay::{
        lettering::{Lettering, Style, draw},
        picture::decode,
        places::Frame as Places,
        rgba::Rgba,
    },
};
use serde_json::{Value, json};
use std::time::Duration;

const FRAME: Duration = Duration::from_nanos(33_333_333);
const SIZE: Places = Places { width: 1280, height: 720 };
const OVERLAY: &str = "/v1/conferences/room/cast/overlay";
const TITLE: &str = "<b>x</b> & Привет שלום سلام";
/// Bob sends 4:3: beside his picture there are 160 pixels.
const BESIDE: Rect = Rect { x: 4, y: 300, width: 140, height: 200 };
const GREEN: u32 = 0x0020_a040;
const LOGO: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='100'>\
    <rect width='100' height='100' fill='#ff0000'/><rect x='100' width='100' height='100' fill='#0000ff'/></svg>";
const YELLOW: u32 = 0x00e0_d020;
const PAUSE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='200'>\
    <rect width='100' height='200' fill='#20a040'/><rect x='100' width='100' height='200' fill='#e0d020'/></svg>";
/// A tenth of the width in the corner: its halves, and beside it.
const RED: Rect = Rect { x: 1280 - 20 - 128 + 6, y: 26, width: 50, height: 50 };
const BLUE: Rect = Rect { x: 1280 - 20 - 64 + 6, y: 26, width: 50, height: 50 };

/// How much what is seen at a place is like a drawing: 1 is the same, 0 is anything else.
fn likeness(picture: &Picture<'_>, place: (u32, u32), drawing: &Rgba) -> f32 {
    let mut pairs = Vec::new();
    for y in 0..drawing.height() {
        let line = &picture.y.data[(place.1 + y) as usize * picture.y.stride..];
        for x in 0..drawing.width() {
            let [r, g, b, a] = drawing.at(x, y).map(f32::from);
            if a > 100.0 {
                pairs.push(((r + g + b) * a / 765.0, f32::from(line[(place.0 + x) as usize])));
            }
        }
    }
    let count = pairs.len() as f32;
    let (mean_a, mean_b) =
        pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0 / count, b + pair.1 / count));
    let (mut both, mut own, mut other) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        let (a, b) = (a - mean_a, b - mean_b);
        (both, own, other) = (both + a * b, own + a * a, other + b * b);
    }
    both / (own * other).sqrt().max(1e-6)
}

/// A text as it should look, and where it should stand.
struct Expected {
    drawing: Rgba,
    place: (u32, u32),
}

impl Expected {
    fn seen(&self, picture: &Picture<'_>) -> f32 {
        likeness(picture, self.place, &self.drawing)
    }

    fn title(text: &str) -> Self {
        let (px, [width, height]) = SIZE.title();
        let drawing = lettered(text, Style::Title, px, width, height);
        let place = SIZE.place_title(TitlePosition::Bottom, [even(drawing.width()), even(drawing.height())]);
        Self { drawing, place }
    }

    fn name(text: &str, tile: Rect) -> Self {
        let (px, width) = SIZE.name(tile);
        let drawing = lettered(text, Style::Name, px, width, tile.height);
        let place = SIZE.place_name(tile, even(drawing.height()));
        Self { drawing, place }
    }

    fn clock(text: &str) -> Self {
        let (px, width) = SIZE.clock(8);
        let drawing = lettered(text, Style::Clock, px, width, SIZE.height);
        // Upper left, without a logo there.
        Self { drawing, place: (20, 20) }
    }
}

fn even(size: u32) -> u32 {
    size.next_multiple_of(2)
}

fn lettered(text: &str, style: Style, px: u32, width: u32, height: u32) -> Rgba {
    draw(&Lettering { text: text.to_owned(), style, px, width, height }).unwrap()
}

/// A change that must succeed; the program's time of its first frame.
fn change(stage: &Stage, patch: Value) -> u64 {
    let done = stage.server.ok("PATCH", OVERLAY, Some(patch));
    done["program_pts_ms"].as_u64().unwrap_or_else(|| panic!("not on the program: {done}"))
}

fn upload(stage: &Stage, name: &str, kind: &str, data: &[u8]) -> (u16, Value) {
    put_picture(&stage.server, name, kind, data)
}

/// Uploads a picture; what is answered.
pub fn put_picture(server: &Server, name: &str, kind: &str, data: &[u8]) -> (u16, Value) {
    let url = format!("{}/v1/conferences/{ROOM}/pictures/{name}", server.base);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.put(&url).header("content-type", kind).send(data).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
}

/// The program as it looks now.
fn snapshot(stage: &Stage) -> Rgba {
    let url = format!("{}/v1/conferences/{ROOM}/cast/snapshot.jpg", stage.server.base);
    let data = ureq::get(&url).call().unwrap().body_mut().read_to_vec().unwrap();
    decode(&PictureFile { kind: PictureKind::Jpeg, data: Bytes::from(data) }).unwrap()
}

fn wait(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn what_is_drawn_over_the_program_is_seen_from_the_frame_that_was_answered() {
    let _turn = one_at_a_time();
    gst::init().unwrap();
    let stage = Stage::set(&[]);
    let mut bob = stage.options(1, "bob");
    (bob.size.width, bob.size.height) = (240, 180);
    let publishers = [stage.join(stage.options(0, "ann")), stage.join(bob)];
    stage.seen("ann");
    stage.seen("bob");
    refuses(&stage);
    let (status, logo) = upload(&stage, "logo", "image/svg+xml", LOGO.as_bytes());
    assert_eq!((status, &logo["width"], &logo["height"]), (201, &json!(200), &json!(100)));

    let take = stage.start(json!({"participant": "bob"}), SIZE.width, SIZE.height);
    wait(1500);
    let background = change(&stage, json!({"background": {"color": "#20a040"}}));
    wait(800);
    let title = change(
        &stage,
        json!({"title": {"text": TITLE}, "logo": {"picture": "logo", "size": 0.1, "corner": "top_right"}}),
    );
    wait(1200);
    let began = Timestamp::now();
    let clock = change(&stage, json!({"clock": {"zone": "UTC", "corner": "top_left"}}));
    wait(5200);
    // Names on tiles, as soon as there are tiles; the title does not fade with the scene.
    change(&stage, json!({"labels": true, "clock": null}));
    let switched = stage.switch(json!({
        "source": {"layout": "grid", "participants": ["ann", "bob"]},
        "transition": {"type": "fade", "duration_ms": 500}
    }));
    wait(1500);
    let still = snapshot(&stage);
    let bare = change(&stage, json!({"labels": false, "title": null, "logo": null, "background": null}));
    wait(800);
    let (cast, film) = stage.cut(take, "overlay");
    assert_eq!((&cast["program"]["dropped"], &cast["source_state"]), (&json!(0), &json!("live")), "{cast}");
    film.cadence_is_unbroken(FRAME);

    let right = Expected::title(TITLE);
    let others = ["x & Привет שלום سلام", "<b>x</b> & Привет םולש مالس", "<b>y</b> & Прибет שלום سلام"];
    let others = others.map(Expected::title);
    let tiles = grid(2, SIZE.width, SIZE.height);
    let in_tile = |n: usize, text: &str| Expected::name(text, tiles[n].fit([320, 240][n], 180));
    let (ann, bob, swapped) = (in_tile(0, "ann"), in_tile(1, "bob"), in_tile(0, "bob"));
    let seconds: Vec<Expected> = (-1..12)
        .map(|n| {
            let at = began + SignedDuration::from_secs(n);
            Expected::clock(&at.strftime("%H:%M:%S").to_string())
        })
        .collect();

    let mut looks = Vec::new();
    film.each(|time, picture| {
        let best = |all: &[Expected]| {
            let scores = all.iter().map(|one| one.seen(picture)).enumerate();
            scores.fold((0, f32::MIN), |best, one| if one.1 > best.1 { one } else { best })
        };
        looks.push(Look {
            ms: time / 1_000_000,
            green: is_colour(picture, BESIDE, GREEN),
            logo: is_red(picture) && is_colour(picture, BLUE, 0x0000_00ff),
            title: right.seen(picture),
            other: best(&others).1,
            clock: best(&seconds),
            names: [ann.seen(picture), bob.seen(picture), swapped.seen(picture)],
        });
    });
    // Times of the file and of the program differ by what the file begins with.
    let first = looks.iter().position(|look| look.green).expect("the background changes");
    let at = |pts: u64| first + (((pts - background) as f64) * 0.03).round() as usize;
    let [title, clock, grid, bare] = [title, clock, switched.pts_ms, bare].map(at);
    figure(&format!(
        "title {:.3} like what was asked for, {:.3} like another; names {:.3}; {} frames",
        looks[title + 5].title,
        looks[title + 5].other,
        looks[grid + 20].names[0].min(looks[grid + 20].names[1]),
        looks.len()
    ));

    for (n, look) in looks.iter().enumerate() {
        // Bob's picture has bars until the grid, whose tiles have the title's background between them, too.
        assert!(look.green == (first..grid).contains(&n) || n >= grid, "frame {n}, {} ms: {look:?}", look.ms);
        let on = (title..bare).contains(&n);
        assert_eq!(look.logo, on, "frame {n}: {look:?}, from {title} to {bare}");
        assert_eq!(look.title > 0.85, on, "frame {n}: {look:?}, from {title} to {bare}");
        assert!(!on || look.other < look.title - 0.1, "frame {n}: {look:?}");
    }
    // The clock: every second for thirty frames, one after the other.
    let ticks: Vec<(usize, f32)> = looks[clock..clock + 150].iter().map(|look| look.clock).collect();
    assert!(ticks.iter().all(|(_, like)| *like > 0.85), "{ticks:?}");
    assert!(looks[clock - 1].clock.1 < 0.5, "{:?}", looks[clock - 1]);
    let turns: Vec<usize> = (1..ticks.len()).filter(|n| ticks[*n].0 != ticks[n - 1].0).collect();
    assert!(turns.len() >= 4, "{ticks:?}");
    assert!(turns.iter().all(|n| ticks[*n].0 == ticks[n - 1].0 + 1), "{ticks:?}");
    assert!(turns.windows(2).all(|pair| (29..=31).contains(&(pair[1] - pair[0]))), "{turns:?}");
    // Names, when the fade is over: each on its own tile.
    for (n, look) in looks.iter().enumerate().take(bare).skip(grid + 15) {
        let [ann, bob, swapped] = look.names;
        assert!(ann > 0.8 && bob > 0.8 && swapped < 0.7, "frame {n}: {look:?}");
    }
    assert!(looks[bare + 2].names[0] < 0.7, "{:?}", looks[bare + 2]);

    // A still has it all.
    let [r, g, b, _] = still.at(RED.x + 20, RED.y + 20);
    assert!(r > 220 && g < 40 && b < 40, "{:?}", still.at(RED.x + 20, RED.y + 20));
    the_next_cast_begins_with_what_was_set(&stage);
    stage.runtime.block_on(async {
        for publisher in publishers {
            publisher.stop().await.unwrap();
        }
    });
}

/// And without a frame before it. The slate is a picture, until it is the card again.
fn the_next_cast_begins_with_what_was_set(stage: &Stage) {
    assert_eq!(upload(stage, "pause", "image/svg+xml", PAUSE.as_bytes()).0, 201);
    let set = json!({
        "logo": {"picture": "logo", "size": 0.1, "corner": "top_right"},
        "slate": {"picture": "pause", "fit": "contain"}
    });
    let set = stage.server.ok("PATCH", OVERLAY, Some(set));
    assert_eq!(set["program_pts_ms"], Value::Null);
    let take = stage.start(json!({"slate": true}), SIZE.width, SIZE.height);
    wait(1000);
    let person = stage.switch(json!({"source": {"participant": "ann"}})).pts_ms;
    wait(700);
    let fade = json!({"type": "fade", "duration_ms": 500});
    let faded = stage.switch(json!({"source": {"slate": true}, "transition": fade})).pts_ms;
    wait(1200);
    let path = format!("/v1/conferences/{ROOM}/pictures/pause");
    assert_eq!(stage.server.call("DELETE", &path, None).body["code"], "picture_in_use");
    let card = change(stage, json!({"slate": null}));
    wait(500);
    let (_, film) = stage.cut(take, "overlay-kept");
    let mut seen = Vec::new();
    film.each(|time, picture| {
        assert!(is_red(picture), "no logo at {} ms", time / 1_000_000);
        // A square: beside it is the program's background.
        let place = |x, colour| is_colour(picture, Rect { x, y: 200, width: 60, height: 300 }, colour);
        seen.push([place(480, GREEN), place(740, YELLOW), place(100, GREEN), place(1100, YELLOW)]);
    });
    // The film begins with the program, or with one of its first keyframes.
    let cut = seen.iter().position(|at| at != &[true, true, false, false]).expect("ann");
    let at = |pts: u64| cut + (((pts - person) as f64) * 0.03).round() as usize;
    let (faded, card) = (at(faded), at(card));
    assert!(cut >= 10, "the first frames are the picture's: {:?}", &seen[..cut + 2]);
    for (n, at) in seen.iter().enumerate() {
        let slate = (faded + 15..card).contains(&n) || n < cut;
        let fades = (faded..faded + 15).contains(&n);
        assert!(fades || at == &[slate, slate, false, false], "frame {n}: {at:?}, {cut}, {faded}, {card}");
    }
    figure(&format!("a picture as slate: {} frames in colour, none without it", cut + card - faded - 15));
}

/// What one frame looks like.
#[derive(Debug)]
struct Look {
    ms: u64,
    green: bool,
    logo: bool,
    title: f32,
    other: f32,
    clock: (usize, f32),
    names: [f32; 3],
}

fn is_red(picture: &Picture<'_>) -> bool {
    let [_, cb, cr] = mean(picture, RED);
    cb < 110.0 && cr > 220.0
}

/// What is no picture, and what is no overlay.
fn refuses(stage: &Stage) {
    for (kind, data) in
        [("image/png", &b"no picture"[..]), ("image/jpeg", b"\xff\xd8\xff"), ("image/svg+xml", b"<svg")]
    {
        let (status, problem) = upload(stage, "bad", kind, data);
        assert_eq!((status, &problem["code"]), (422, &json!("picture_invalid")), "{problem}");
    }
    let (status, problem) = upload(stage, "bad", "image/gif", b"GIF89a");
    assert_eq!((status, &problem["code"]), (415, &json!("codec_unsupported")), "{problem}");
    let nobody = json!({"logo": {"picture": "bad"}});
    let reply = stage.server.call("PATCH", OVERLAY, Some(nobody));
    assert_eq!(reply.body["code"], "picture_not_found", "{}", reply.body);
}
