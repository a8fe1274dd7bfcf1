//! A recording as pixels and levels: for what the test picture's own reader does not see (name cards, bars,
//! the ground between tiles).

use meetingcast::{
    layout::Rect,
    publisher::{
        pattern::Tile,
        planes::{Picture, PictureSize},
        recording::{AudioTrack, Layout},
        tone::TONES,
        viewer,
    },
};
use std::{
    io::{BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// A recorded file.
pub struct Film {
    path: PathBuf,
    pub size: PictureSize,
    /// When each frame is shown.
    pub times_ns: Vec<u64>,
    pub sound: AudioTrack,
}

impl Film {
    /// Decodes it once, for times and sound.
    pub fn open(path: &Path) -> Self {
        let recording = viewer::view_file(path, Layout::Tiles(Vec::new())).unwrap();
        assert_eq!(recording.sizes.len(), 1, "the picture changed its size: {:?}", recording.sizes);
        Self {
            path: path.to_owned(),
            size: recording.sizes[0].1,
            times_ns: recording.video.iter().map(|frame| frame.pts_ns).collect(),
            sound: recording.audio,
        }
    }

    /// Shows every frame, in order, with its time.
    pub fn each(&self, mut look: impl FnMut(u64, &Picture<'_>)) {
        let mut ffmpeg = Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(&self.path)
            .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ffmpeg is installed");
        let mut out = BufReader::with_capacity(1 << 20, ffmpeg.stdout.take().unwrap());
        // Raw video has no padding; that our strides have none either is a matter of the size.
        assert!(self.size.width.is_multiple_of(8), "{:?}", self.size);
        let mut bytes = vec![0; self.size.bytes()];
        for time in &self.times_ns {
            out.read_exact(&mut bytes).unwrap_or_else(|error| panic!("the frame at {time} ns: {error}"));
            look(*time, &Picture::new(self.size, &bytes).unwrap());
        }
        assert_eq!(out.read(&mut bytes).unwrap(), 0, "more frames than times");
        assert!(ffmpeg.wait().unwrap().success());
    }

    /// Every frame has its place, none is missing: the program's cadence.
    pub fn cadence_is_unbroken(&self, frame: Duration) {
        for pair in self.times_ns.windows(2) {
            let off = pair[1].wrapping_sub(pair[0]) as i64 - frame.as_nanos() as i64;
            assert!(
                off.abs() < 2_000_000,
                "a step of {} ms at {} ms",
                pair[1].wrapping_sub(pair[0]) / 1_000_000,
                pair[0] / 1_000_000
            );
        }
        let steps: Vec<_> = self.sound.steps().collect();
        assert!(steps.is_empty(), "the sound's timestamps jump: {steps:?}");
    }

    /// Each tone's median level within a stretch of the program.
    pub fn tones(&self, from_ms: u64, to_ms: u64) -> [f32; TONES.len()] {
        let inside = |centre: u64| {
            let ms = self.sound.time_ns(centre as f64) / 1_000_000;
            (from_ms..to_ms).contains(&ms)
        };
        let windows: Vec<_> =
            self.sound.heard.windows.iter().filter(|window| inside(window.centre)).collect();
        assert!(windows.len() > 10, "{} windows from {from_ms} to {to_ms} ms", windows.len());
        std::array::from_fn(|tone| {
            let mut levels: Vec<f32> = windows.iter().map(|window| window.levels[tone]).collect();
            levels.sort_by(f32::total_cmp);
            levels[levels.len() / 2]
        })
    }
}

/// A rectangle as the picture's reader wants it.
pub fn tile(rect: Rect) -> Tile {
    Tile { x: rect.x as f32, y: rect.y as f32, width: rect.width as f32, height: rect.height as f32 }
}

/// Mean Y, Cb, Cr of a rectangle.
pub fn mean(picture: &Picture<'_>, rect: Rect) -> [f32; 3] {
    let PictureSize { width, height } = picture.size;
    let (x, y) =
        ([rect.x as f32, (rect.x + rect.width) as f32], [rect.y as f32, (rect.y + rect.height) as f32]);
    let half = |span: [f32; 2]| span.map(|edge| edge / 2.0);
    [
        picture.y.mean(x, y, width, height).unwrap(),
        picture.u.mean(half(x), half(y), width / 2, height / 2).unwrap(),
        picture.v.mean(half(x), half(y), width / 2, height / 2).unwrap(),
    ]
}

/// The mean of a rectangle is this colour (0xRRGGBB), as far as an encoder keeps it.
pub fn is_colour(picture: &Picture<'_>, rect: Rect, rgb: u32) -> bool {
    mean(picture, rect).iter().zip(yuv(rgb)).all(|(seen, wanted)| (seen - wanted).abs() <= 8.0)
}

/// BT.601, limited range (ITU-R BT.601 §2.5).
fn yuv(rgb: u32) -> [f32; 3] {
    let [_, r, g, b] = rgb.to_be_bytes().map(f32::from);
    [
        16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0,
        128.0 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255.0,
        128.0 + (112.0 * r - 93.786 * g - 18.214 * b) / 255.0,
    ]
}

/// A card: one colour up to its corners, and, once it is drawn, white text in the middle. How many
/// bright pixels that text has; `None` when it is no such card.
pub fn card(picture: &Picture<'_>, rect: Rect, rgb: u32) -> Option<usize> {
    let (w, h) = (rect.width / 8, rect.height / 8);
    let corners = [(0, 0), (7, 0), (0, 7), (7, 7)];
    let at =
        |(column, row): (u32, u32)| Rect { x: rect.x + column * w, y: rect.y + row * h, width: w, height: h };
    corners.iter().all(|corner| is_colour(picture, at(*corner), rgb)).then(|| bright(picture, rect))
}

/// Pixels that only white text has: the brightest card field has a luma of 80.
pub fn bright(picture: &Picture<'_>, rect: Rect) -> usize {
    (rect.y..rect.y + rect.height)
        .map(|row| {
            let line = &picture.y.data[row as usize * picture.y.stride..][rect.x as usize..];
            line[..rect.width as usize].iter().filter(|luma| **luma > 140).count()
        })
        .sum()
}

/// How much of the frame outside of `rects` shows the ground, from 0 to 1; 1 where nothing is outside.
pub fn ground(picture: &Picture<'_>, rects: &[Rect], rgb: u32) -> f32 {
    // An edge is smeared over a pixel or two by scaler and encoder.
    const EDGE: u32 = 2;
    let wanted = yuv(rgb)[0];
    let (mut outside, mut plain) = (0u32, 0u32);
    for y in (1..picture.size.height as u32 - 1).step_by(3) {
        let line = &picture.y.data[y as usize * picture.y.stride..];
        for x in (1..picture.size.width as u32 - 1).step_by(3) {
            let covered = rects.iter().any(|r| {
                x + EDGE >= r.x && x < r.x + r.width + EDGE && y + EDGE >= r.y && y < r.y + r.height + EDGE
            });
            if !covered {
                outside += 1;
                plain += u32::from((f32::from(line[x as usize]) - wanted).abs() < 16.0);
            }
        }
    }
    if outside == 0 { 1.0 } else { plain as f32 / outside as f32 }
}
