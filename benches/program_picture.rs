//! What it costs to tile four 720p pictures into one: the program's canvas against GStreamer's compositor,
//! in turn in the same run. Prints CPU seconds per thousand frames and the median ratio.
//!
//! `cargo bench --bench program_picture`

use gst::prelude::*;
use meetingcast::{
    layout::{self, Edge},
    units::FrameRate,
    worker::program::{
        canvas::{Canvas, Layer},
        fade::Fade,
        frame::{self, Frame},
        overlay::{
            lettering::{Lettering, Style, draw},
            places::Frame as Places,
            rgba::Rgba,
            sprite::{Placed, Sprite},
        },
    },
};
use std::{sync::Arc, time::Duration};

const FRAMES: usize = 300;
const ROUNDS: usize = 5;
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const COLOURS: [u32; 4] = [0xff0000, 0x00ff00, 0x0000ff, 0xffff00];
/// Round corners, as a tile may have. (A border makes its picture smaller, which is another matter: it is then scaled, not halved.)
const EDGE: Edge = Edge { border: 0, colour: 0xffffff, radius: 32 };

fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn measured(work: impl FnOnce()) -> f64 {
    let before = cpu_time();
    work();
    (cpu_time() - before).as_secs_f64() * 1000.0 / FRAMES as f64
}

/// Two pictures per source, shown in turn, so that nothing can be taken from the frame before.
fn pictures() -> Vec<[Frame; 2]> {
    COLOURS.iter().map(|c| [Frame::plain(WIDTH, HEIGHT, *c), Frame::plain(WIDTH, HEIGHT, *c)]).collect()
}

fn ours(pictures: &[[Frame; 2]], edge: Edge) {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, 0x101820).expect("a canvas");
    let tiles = layout::grid(4, WIDTH, HEIGHT);
    for n in 0..FRAMES {
        let layers: Vec<Layer> = tiles
            .iter()
            .zip(pictures)
            .map(|(tile, pair)| Layer { edge, ..Layer::plain(tile.fit(WIDTH, HEIGHT), pair[n % 2].clone()) })
            .collect();
        canvas.draw(&layers).expect("a picture");
    }
}

/// The middle of a fade between two such grids: both are drawn, and blended.
fn fading(pictures: &[[Frame; 2]]) {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, 0x101820).expect("a canvas");
    let mut under = canvas.another().expect("a canvas");
    let mut fade = Fade::new(Duration::from_secs(2), FrameRate(30)).expect("more than a frame");
    let tiles = layout::grid(4, WIDTH, HEIGHT);
    for n in 0..FRAMES {
        let layers = |which: usize| -> Vec<Layer> {
            let pairs = tiles.iter().zip(pictures);
            pairs.map(|(tile, pair)| Layer::plain(tile.fit(WIDTH, HEIGHT), pair[which].clone())).collect()
        };
        let below = under.draw(&layers(n % 2)).expect("a picture");
        let above = canvas.draw(&layers((n + 1) % 2)).expect("a picture");
        // Beyond its end it stays whole, which costs the same.
        canvas.blend(&below, &above, fade.advance()).expect("a picture");
    }
}

/// What an overlay is made of: a title, a logo of a tenth of the width, and a name for each of four tiles.
struct Overlay {
    over: Vec<Placed>,
    names: Vec<Placed>,
}

impl Overlay {
    fn new() -> Self {
        let places = Places { width: WIDTH, height: HEIGHT };
        let text = |text: &str, style, (px, width): (u32, u32)| {
            let lettering = Lettering { text: text.to_owned(), style, px, width, height: HEIGHT / 3 };
            Arc::new(Sprite::of(&draw(&lettering).expect("a text")))
        };
        let (px, [width, _]) = places.title();
        let title = text("A title as they are: a name and what it is about", Style::Title, (px, width));
        let logo = Arc::new(Sprite::of(&Rgba::plain(128, 72, 0xff0000, 200)));
        let names = layout::grid(4, WIDTH, HEIGHT).into_iter().map(|tile| {
            let sprite = text("Maximiliane Musterfrau", Style::Name, places.name(tile));
            let (x, y) = places.place_name(tile, sprite.height());
            Placed { x, y, sprite }
        });
        let over = vec![Placed { x: 200, y: 620, sprite: title }, Placed { x: 1132, y: 20, sprite: logo }];
        Self { over, names: names.collect() }
    }
}

/// Such a grid with names on its tiles, and a title and a logo over it.
fn overlaid(pictures: &[[Frame; 2]], overlay: &Overlay) {
    let mut canvas = Canvas::new(WIDTH, HEIGHT, 0x101820).expect("a canvas");
    let tiles = layout::grid(4, WIDTH, HEIGHT);
    for n in 0..FRAMES {
        let layers: Vec<Layer> = tiles
            .iter()
            .zip(pictures)
            .zip(&overlay.names)
            .map(|((tile, pair), name)| Layer {
                name: Some(name.clone()),
                ..Layer::plain(tile.fit(WIDTH, HEIGHT), pair[n % 2].clone())
            })
            .collect();
        let below = canvas.draw(&layers).expect("a picture");
        canvas.over(&below, &overlay.over).expect("a picture");
    }
}

fn compositor(pictures: &[[Frame; 2]]) {
    let tiles = layout::grid(4, WIDTH, HEIGHT);
    let pads: String = tiles
        .iter()
        .enumerate()
        .map(|(n, t)| {
            format!(
                " sink_{n}::xpos={} sink_{n}::ypos={} sink_{n}::width={} sink_{n}::height={}",
                t.x, t.y, t.width, t.height
            )
        })
        .collect();
    let inputs: String = (0..4)
        .map(|n| format!(" appsrc name=in{n} format=time max-buffers=8 block=true ! mix.sink_{n}"))
        .collect();
    let text = format!(
        "compositor name=mix background=black{pads} ! \
         video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate=30/1 ! fakesink name=out sync=false{inputs}"
    );
    let pipeline =
        gst::parse::launch(&text).expect("a pipeline").downcast::<gst::Pipeline>().expect("a pipeline");
    let caps = frame::info(WIDTH, HEIGHT).to_caps().expect("caps");
    let sources: Vec<gst_app::AppSrc> = (0..4)
        .map(|n| pipeline.by_name(&format!("in{n}")).expect("a source").downcast().expect("an appsrc"))
        .collect();
    for source in &sources {
        source.set_caps(Some(&caps));
    }
    pipeline.set_state(gst::State::Playing).expect("playing");
    for n in 0..FRAMES {
        for (source, pair) in sources.iter().zip(pictures) {
            let mut buffer = pair[n % 2].buffer().copy();
            let header = buffer.get_mut().expect("a fresh header");
            header.set_pts(gst::ClockTime::from_nseconds(n as u64 * 1_000_000_000 / 30));
            header.set_duration(gst::ClockTime::from_nseconds(33_333_333));
            source.push_buffer(buffer).expect("pushed");
        }
    }
    for source in &sources {
        source.end_of_stream().expect("ended");
    }
    let bus = pipeline.bus().expect("a bus");
    let last = bus.timed_pop_filtered(
        gst::ClockTime::from_seconds(60),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    assert!(matches!(last.expect("an end").view(), gst::MessageView::Eos(_)), "the compositor failed");
    pipeline.set_state(gst::State::Null).expect("stopped");
}

fn main() {
    gst::init().expect("GStreamer");
    let pictures = pictures();
    let overlay = Overlay::new();
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let (plain, theirs) =
            (measured(|| ours(&pictures, Edge::default())), measured(|| compositor(&pictures)));
        let edged = measured(|| ours(&pictures, EDGE));
        let faded = measured(|| fading(&pictures));
        let drawn_over = measured(|| overlaid(&pictures, &overlay));
        println!(
            "round {round}: canvas {plain:.2} s, with round corners {edged:.2} s, in a fade {faded:.2} s, with an overlay {drawn_over:.2} s, compositor {theirs:.2} s CPU per 1000 frames"
        );
        ratios.push(plain / theirs);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio canvas / compositor: {:.2}", ratios[ROUNDS / 2]);
}
