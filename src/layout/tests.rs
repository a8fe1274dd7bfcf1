use super::*;
use crate::ipc::CustomTile;
use proptest::prelude::*;

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

fn check(tiles: &[Rect], width: u32, height: u32) {
    for (index, tile) in tiles.iter().enumerate() {
        assert!([tile.x, tile.y, tile.width, tile.height].iter().all(|n| n % 2 == 0), "{tile:?}");
        assert!(tile.width >= 2 && tile.height >= 2, "{tile:?}");
        assert!(tile.x + tile.width <= width && tile.y + tile.height <= height, "{tile:?}");
        assert!(tiles[..index].iter().all(|other| !overlap(tile, other)), "{tiles:?}");
    }
}

#[test]
fn four_tiles_at_720p() {
    let tiles = grid(4, 1280, 720);
    assert_eq!(tiles[0], Rect { x: 0, y: 0, width: 636, height: 356 });
    assert_eq!(tiles[3], Rect { x: 644, y: 364, width: 636, height: 356 });
}

#[test]
fn a_last_row_is_centred() {
    let tiles = grid(3, 1280, 720);
    assert_eq!(tiles[2].x + tiles[2].width / 2, 640);
    let tiles = grid(2, 1280, 720);
    assert_eq!(tiles[0].y, tiles[1].y);
    assert_eq!(tiles[0].y + tiles[0].height / 2, 360);
}

#[test]
fn aspect_is_kept() {
    let frame = Rect::full(1280, 720);
    assert_eq!(frame.fit(640, 360), frame);
    assert_eq!(frame.fit(640, 480), Rect { x: 160, y: 0, width: 960, height: 720 });
    assert_eq!(frame.fit(720, 1280), Rect { x: 438, y: 0, width: 404, height: 720 });
    assert_eq!(frame.fit(2000, 100), Rect { x: 0, y: 328, width: 1280, height: 64 });
}

proptest! {
    #[test]
    fn tiles_stay_inside_and_apart(count in 1usize..=16, width in 8u32..1920, height in 8u32..1080) {
        let (width, height) = (width * 2, height * 2);
        check(&grid(count, width, height), width, height);
        let (focus, mut strip) = speaker(count - 1, width, height);
        strip.push(focus);
        check(&strip, width, height);
    }

    #[test]
    fn a_fitted_picture_is_inside(w in 1u32..5000, h in 1u32..5000, width in 1u32..960, height in 1u32..540) {
        let outer = Rect { x: 4, y: 6, width: width * 2, height: height * 2 };
        let inner = outer.fit(w, h);
        prop_assert!(inner.x >= outer.x && inner.x + inner.width <= outer.x + outer.width);
        prop_assert!(inner.y >= outer.y && inner.y + inner.height <= outer.y + outer.height);
        prop_assert!(inner.width >= 2 && inner.height >= 2);
    }

    #[test]
    fn presets_stay_inside(size in 10u32..=50, width in 8u32..1920, height in 8u32..1080) {
        let (width, height) = (width * 2, height * 2);
        check(&halves(width, height), width, height);
        for corner in [Corner::TopLeft, Corner::TopRight, Corner::BottomLeft, Corner::BottomRight] {
            check(&[corner_inset(corner, Fraction::percent(size), width, height)], width, height);
        }
    }

    /// Whatever fractions: inside, even, not empty, something left inside the edge; and areas that share an edge
    /// have tiles that share it.
    #[test]
    fn custom_tiles_stay_inside(
        numbers in proptest::array::uniform4(0.0f64..=1.0), border in 0.0f64..=1.0, radius in 0.0f64..=1.0,
        width in 8u32..1920, height in 8u32..1080, split in 0.0f64..=1.0,
    ) {
        let (width, height) = (width * 2, height * 2);
        let fraction = |value| Fraction::new(value).unwrap();
        let [x, y, wide, high] = numbers.map(fraction);
        let area = Area { x, y, width: wide, height: high };
        let edge = EdgeSpec { border: fraction(border), colour: 0, radius: fraction(radius) };
        let tile = TileSpec { source: None, label: String::new(), video_muted: false };
        let picture = PictureSpec::Custom(vec![CustomTile { tile, area, fit: Fit::Cover, edge }]);
        let places = places(&picture, width, height);
        let Place { rect, edge, .. } = places[0];
        check(&[rect, rect.shrunk(edge.border)][..1], width, height);
        check(&[rect.shrunk(edge.border)], width, height);
        prop_assert_eq!(rect.shrunk(edge.border).grown(edge.border), rect);
        prop_assert!(2 * edge.radius <= rect.width.min(rect.height) && edge.radius % 2 == 0);

        let (zero, split) = (Fraction::ZERO, fraction(split));
        let whole = Area { x: zero, y: zero, width: Fraction::WHOLE, height: Fraction::WHOLE };
        prop_assert_eq!(whole.rect(width, height), Rect::full(width, height));
        let left = Area { width: split, ..whole }.rect(width, height);
        let right = Area { x: split, width: fraction(1.0 - split.value()), ..whole }.rect(width, height);
        // Not so for what is narrower than a pixel.
        if left.width > 2 && right.width > 2 {
            prop_assert_eq!(left.width, right.x);
            prop_assert_eq!(right.x + right.width, width);
        }
    }
}

#[test]
fn presets_at_720p() {
    assert_eq!(
        halves(1280, 720),
        [Rect { x: 0, y: 0, width: 636, height: 720 }, Rect { x: 644, y: 0, width: 636, height: 720 }]
    );
    let inset = |corner| corner_inset(corner, Fraction::percent(25), 1280, 720);
    assert_eq!(inset(Corner::BottomRight), Rect { x: 940, y: 520, width: 320, height: 180 });
    assert_eq!(inset(Corner::TopLeft), Rect { x: 20, y: 20, width: 320, height: 180 });
}
