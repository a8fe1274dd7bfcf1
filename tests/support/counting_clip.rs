//! A clip that counts: every picture shows its number, and each second begins with a flash and a beep.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Its pictures a second.
pub const FPS: u64 = 30;
/// A picture's width and height.
pub const SIZE: (u32, u32) = (320, 180);
/// The number's bits, eight of them, in squares of so many pixels across.
const SQUARE: u32 = 40;

/// Makes a clip whose every picture shows its number in black and white squares, and whose sound is silent but for a beep of
/// 50 ms at each whole second, when the picture's lower half is white too.
pub fn counting_clip(path: &Path, seconds: u32, coders: &str) {
    let squares: Vec<String> = (0..8)
        .map(|bit| {
            format!(
                "if(between(X,{},{}),255*mod(floor(N/{}),2)",
                bit * SQUARE,
                (bit + 1) * SQUARE - 1,
                1 << bit
            )
        })
        .collect();
    let luma = format!("{},0{}", squares.join(","), ")".repeat(8));
    let (width, height) = SIZE;
    let flash = format!("255*eq(mod(N,{FPS}),0)");
    let picture = format!(
        "nullsrc=size={width}x{height}:rate={FPS}:duration={seconds},format=yuv420p,\
         geq=lum='if(lt(Y,90),{luma},{flash})':cb=128:cr=128"
    );
    let sound = format!("aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.05)':s=48000:d={seconds}:c=stereo");
    let made = Command::new("ffmpeg")
        .args(["-y", "-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound])
        .args(coders.split(' '))
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .expect("ffmpeg runs");
    assert!(made.success());
}

/// The number of a picture and whether it flashes, by the mean brightness of its rectangles (x, y, width, height, in the clip's own
/// pixels); `None` when it is no picture of such a clip.
pub fn read(mean: impl Fn(u32, u32, u32, u32) -> f64) -> Option<(u64, bool)> {
    let clear = |value: f64| (value < 50.0).then_some(false).or((value > 190.0).then_some(true));
    let bits = (0..8).map(|bit| clear(mean(bit * SQUARE + 8, 20, SQUARE - 16, 50)));
    let bits: Vec<bool> = bits.collect::<Option<_>>()?;
    let number = bits.iter().enumerate().filter(|(_, is)| **is).map(|(bit, _)| 1 << bit).sum();
    Some((number, clear(mean(20, 110, 280, 60))?))
}
