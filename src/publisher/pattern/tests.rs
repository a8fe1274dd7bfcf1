use super::*;
use proptest::prelude::*;

/// Scales by averaging, each target pixel over the source pixels it covers.
fn scaled(size: PictureSize, data: &[u8], to: PictureSize) -> Vec<u8> {
    let source = Picture::new(size, data).unwrap();
    let mut out = vec![0; to.bytes()];
    let (y, chroma) = out.split_at_mut(to.luma_bytes());
    let (u, v) = chroma.split_at_mut(to.chroma_bytes());
    let planes = [
        (source.y, y, to.luma_stride(), size.width, size.height, to.width, to.height),
        (source.u, u, to.chroma_stride(), size.width / 2, size.height / 2, to.width / 2, to.height / 2),
        (source.v, v, to.chroma_stride(), size.width / 2, size.height / 2, to.width / 2, to.height / 2),
    ];
    for (from, target, stride, width, height, to_width, to_height) in planes {
        let (sx, sy) = (width as f32 / to_width as f32, height as f32 / to_height as f32);
        for row in 0..to_height {
            for column in 0..to_width {
                let x = [column as f32 * sx, (column + 1) as f32 * sx];
                let y = [row as f32 * sy, (row + 1) as f32 * sy];
                target[row * stride + column] = from.mean(x, y, width, height).unwrap().round() as u8;
            }
        }
    }
    out
}

fn even(value: f32) -> usize {
    (value / 2.0).round() as usize * 2
}

/// A small generator, so that noise is the same in every run.
fn noise(data: &mut [u8], amplitude: i32, mut state: u32) {
    for byte in data {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let offset = (state >> 16) as i32 % (2 * amplitude + 1) - amplitude;
        *byte = (i32::from(*byte) + offset).clamp(0, 255) as u8;
    }
}

/// Puts a picture into a larger black one.
fn placed(size: PictureSize, data: &[u8], canvas: PictureSize, x: usize, y: usize) -> Vec<u8> {
    let mut out = vec![BLACK; canvas.bytes()];
    out[canvas.luma_bytes()..].fill(GREY_CHROMA);
    for row in 0..size.height {
        let line = &data[row * size.luma_stride()..][..size.width];
        out[(y + row) * canvas.luma_stride() + x..][..size.width].copy_from_slice(line);
    }
    for plane in 0..2 {
        let from = &data[size.luma_bytes() + plane * size.chroma_bytes()..];
        for row in 0..size.height / 2 {
            let line = &from[row * size.chroma_stride()..][..size.width / 2];
            let start = canvas.luma_bytes()
                + plane * canvas.chroma_bytes()
                + (y / 2 + row) * canvas.chroma_stride()
                + x / 2;
            out[start..][..size.width / 2].copy_from_slice(line);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_drawn_is_read_back_scaled_noisy_and_letterboxed(
        width in 80usize..400, height in 45usize..300, colour in 0..crate::publisher::palette::COLOURS,
        frame in 0u64..1 << 25, scale in 0.25f32..=1.0, amplitude in 0i32..24, seed: u32, bars in 0usize..40,
        fps in prop::sample::select(vec![15u32, 24, 25, 30, 60]),
    ) {
        let size = PictureSize { width: width * 2, height: height * 2 };
        let colour = Colour::of(colour);
        let pattern = Pattern::new(colour, "Participant-7", size, FrameRate(fps)).unwrap();
        let mut drawn = vec![0; size.bytes()];
        pattern.draw(frame, &mut drawn);
        let small = PictureSize { width: even(size.width as f32 * scale), height: even(size.height as f32 * scale) };
        let picture = scaled(size, &drawn, small);
        let canvas = PictureSize { width: small.width + 4 * bars, height: small.height + 2 * bars };
        let mut picture = placed(small, &picture, canvas, 2 * bars, bars / 2 * 2);
        noise(&mut picture, amplitude, seed);
        let tile = Tile { x: 2.0 * bars as f32, y: (bars / 2 * 2) as f32, ..Tile::whole(small) };
        let reading = read(&Picture::new(canvas, &picture).unwrap(), tile).unwrap();
        prop_assert_eq!(reading.colour, Some(colour));
        prop_assert_eq!(reading.counter, Some((frame % (1 << 24)) as u32));
        prop_assert_eq!(reading.flash, frame % u64::from(fps) < 2);
    }
}

#[test]
fn a_tile_a_few_pixels_off_is_still_read() {
    let size = PictureSize { width: 640, height: 360 };
    let pattern = Pattern::new(Colour::of(3), "bob", size, FrameRate(30)).unwrap();
    let mut drawn = vec![0; size.bytes()];
    pattern.draw(0x5a_5a5a, &mut drawn);
    let picture = Picture::new(size, &drawn).unwrap();
    for (x, y) in [(-4.0, 4.0), (4.0, -4.0), (3.0, 3.0)] {
        let reading = read(&picture, Tile { x, y, ..Tile::whole(size) }).unwrap();
        assert_eq!(reading.counter, Some(0x5a_5a5a));
    }
}

#[test]
fn plain_pictures_and_blends_hold_no_counter() {
    let size = PictureSize { width: 320, height: 180 };
    let whole = Tile::whole(size);
    for level in 0..=255u8 {
        let data = vec![level; size.bytes()];
        assert_eq!(read(&Picture::new(size, &data).unwrap(), whole).unwrap().counter, None, "{level}");
    }
    let pattern = Pattern::new(Colour::of(0), "a", size, FrameRate(30)).unwrap();
    let (mut a, mut b) = (vec![0; size.bytes()], vec![0; size.bytes()]);
    pattern.draw(1000, &mut a);
    pattern.draw(1001, &mut b);
    let blend: Vec<u8> = a.iter().zip(&b).map(|(a, b)| a.midpoint(*b)).collect();
    assert_eq!(read(&Picture::new(size, &blend).unwrap(), whole).unwrap().counter, None);
}

#[test]
fn black_is_black_and_a_tile_outside_is_nothing() {
    let size = PictureSize { width: 160, height: 90 };
    let mut black = vec![BLACK; size.bytes()];
    black[size.luma_bytes()..].fill(GREY_CHROMA);
    let picture = Picture::new(size, &black).unwrap();
    let reading = read(&picture, Tile::whole(size)).unwrap();
    assert!(reading.is_black() && reading.colour.is_none() && !reading.flash);
    assert_eq!(read(&picture, Tile { x: 500.0, y: 0.0, width: 100.0, height: 50.0 }), None);
}

#[test]
fn every_wrong_bit_is_noticed() {
    for counter in [0, 1, 0xff_ffff, 0x12_3456] {
        for bit in 0..32 {
            assert_eq!(decode(encode(counter) ^ 1 << bit), None);
        }
    }
}

#[test]
fn sizes_and_rates_out_of_range_are_refused() {
    let new = |width, height, fps| {
        Pattern::new(Colour::of(0), "", PictureSize { width, height }, FrameRate(fps)).map(|_| ())
    };
    assert_eq!(new(160, 90, 5), Ok(()));
    for (width, height) in [(158, 90), (160, 88), (161, 90), (640, 361), (3842, 2160)] {
        assert_eq!(new(width, height, 30), Err(InvalidPattern::Size));
    }
    assert_eq!(new(640, 360, 61), Err(InvalidPattern::Rate));
    assert_eq!(new(640, 360, 0), Err(InvalidPattern::Rate));
}

#[test]
fn letterboxing_keeps_the_shape() {
    let tile = Tile::whole(PictureSize { width: 1280, height: 720 })
        .letterboxed(PictureSize { width: 640, height: 480 });
    assert_eq!(tile, Tile { x: 160.0, y: 0.0, width: 960.0, height: 720.0 });
}
