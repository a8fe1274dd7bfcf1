//! A picture with transparency, as it is drawn in the background: pure pixels, red, green, blue and opacity each.

/// Straight (not premultiplied) RGBA, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgba {
    width: u32,
    height: u32,
    pixels: Vec<[u8; 4]>,
}

/// Opacity up to this is nothing that could be seen.
const UNSEEN: u8 = 8;

impl Rgba {
    /// All of one colour, 0xRRGGBB, with this opacity.
    pub fn plain(width: u32, height: u32, colour: u32, opacity: u8) -> Self {
        let [_, r, g, b] = colour.to_be_bytes();
        Self { width, height, pixels: vec![[r, g, b, opacity]; width as usize * height as usize] }
    }

    /// From rows of bytes, `stride` bytes from one to the next; `None` when there are too few.
    pub fn from_rows(width: u32, height: u32, stride: usize, bytes: &[u8]) -> Option<Self> {
        let (wide, rows) = (width as usize * 4, height as usize);
        let mut pixels = Vec::with_capacity(width as usize * rows);
        for row in 0..rows {
            let line = bytes.get(row * stride..)?.get(..wide)?;
            pixels.extend(line.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]));
        }
        Some(Self { width, height, pixels })
    }

    /// Pixels across.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// One pixel; transparent outside.
    pub fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let inside = x < self.width && y < self.height;
        let index = y as usize * self.width as usize + x as usize;
        if inside { self.pixels[index] } else { [0; 4] }
    }

    fn rows(&self) -> impl Iterator<Item = &[[u8; 4]]> {
        self.pixels.chunks(self.width.max(1) as usize)
    }

    /// The columns and rows between which there is something to be seen: first and one after last of each.
    pub fn ink(&self) -> Option<([u32; 2], [u32; 2])> {
        let (mut x, mut y) = ([u32::MAX, 0], [u32::MAX, 0]);
        for (row, line) in (0_u32..).zip(self.rows()) {
            for (column, pixel) in (0_u32..).zip(line) {
                if pixel[3] > UNSEEN {
                    x = [x[0].min(column), x[1].max(column + 1)];
                    y = [y[0].min(row), y[1].max(row + 1)];
                }
            }
        }
        (x[0] < x[1]).then_some((x, y))
    }

    /// A part of it; what is outside is transparent.
    pub fn cut(&self, x: [u32; 2], y: [u32; 2]) -> Self {
        let (width, height) = (x[1].saturating_sub(x[0]), y[1].saturating_sub(y[0]));
        let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (column, row)));
        let pixels = pixels.map(|(column, row)| self.at(x[0] + column, y[0] + row)).collect();
        Self { width, height, pixels }
    }

    /// This with so much of its opacity, 0 to 1.
    pub fn faded(mut self, part: f64) -> Self {
        for pixel in &mut self.pixels {
            pixel[3] = (f64::from(pixel[3]) * part.clamp(0.0, 1.0)).round() as u8;
        }
        self
    }

    /// Puts `above` over it, its upper left corner at `x`, `y`.
    pub fn put(&mut self, above: &Self, x: u32, y: u32) {
        for (row, line) in (y..self.height).zip(above.rows()) {
            for (column, over) in (x..self.width).zip(line) {
                let under = &mut self.pixels[row as usize * self.width as usize + column as usize];
                *under = blended(*under, *over);
            }
        }
    }

    /// Rounds its corners, one pixel soft.
    pub fn rounded(mut self, radius: u32) -> Self {
        let radius = radius.min(self.width / 2).min(self.height / 2);
        let (width, height) = (self.width, self.height);
        for corner_y in 0..radius {
            for corner_x in 0..radius {
                let from_centre = |n: u32| f64::from(radius) - (f64::from(n) + 0.5);
                let distance = from_centre(corner_x).hypot(from_centre(corner_y));
                let part = (f64::from(radius) - distance + 0.5).clamp(0.0, 1.0);
                for x in [corner_x, width - 1 - corner_x] {
                    for y in [corner_y, height - 1 - corner_y] {
                        let pixel = &mut self.pixels[y as usize * width as usize + x as usize];
                        pixel[3] = (f64::from(pixel[3]) * part).round() as u8;
                    }
                }
            }
        }
        self
    }

    /// In another size.
    pub fn scaled(&self, width: u32, height: u32) -> Self {
        if (width, height) == (self.width, self.height) || self.pixels.is_empty() {
            return self.clone();
        }
        let (columns, rows) = (taps(self.width, width), taps(self.height, height));
        // First every row to its new width, as colour times opacity: what is transparent has no colour to give.
        let narrow: Vec<[f32; 4]> = self
            .rows()
            .flat_map(|line| columns.iter().map(move |taps| taps.sum(|n| premultiplied(line[n]))))
            .collect();
        let (wide, narrow) = (width as usize, &narrow);
        let pixels = rows
            .iter()
            .flat_map(|taps| (0..wide).map(move |x| straight(taps.sum(|n| narrow[n * wide + x]))))
            .collect();
        Self { width, height, pixels }
    }

    /// Fills a size with its middle part.
    pub fn covering(&self, width: u32, height: u32) -> Self {
        let (w, h) = (u64::from(self.width.max(1)), u64::from(self.height.max(1)));
        let (to_w, to_h) = (u64::from(width), u64::from(height));
        let (part_w, part_h) = if w * to_h >= to_w * h {
            ((h * to_w / to_h.max(1)).clamp(1, w), h)
        } else {
            (w, (w * to_h / to_w.max(1)).clamp(1, h))
        };
        // Neither is above this picture's own size, which is a u32.
        let (part_w, part_h) = (part_w as u32, part_h as u32);
        let (x, y) = ((self.width.saturating_sub(part_w)) / 2, (self.height.saturating_sub(part_h)) / 2);
        self.cut([x, x + part_w], [y, y + part_h]).scaled(width, height)
    }
}

fn blended(under: [u8; 4], over: [u8; 4]) -> [u8; 4] {
    let (above, below) = (premultiplied(over), premultiplied(under));
    let keep = 1.0 - above[3];
    straight(std::array::from_fn(|n| above[n] + below[n] * keep))
}

/// Colours times opacity, 0 to 1 each.
fn premultiplied(pixel: [u8; 4]) -> [f32; 4] {
    let [r, g, b, a] = pixel.map(|value| f32::from(value) / 255.0);
    [r * a, g * a, b * a, a]
}

fn straight(pixel: [f32; 4]) -> [u8; 4] {
    let a = pixel[3];
    let colour = |value: f32| if a > 0.0 { value / a } else { 0.0 };
    [colour(pixel[0]), colour(pixel[1]), colour(pixel[2]), a]
        .map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8)
}

/// What one pixel of the new size is made of: pixels of the old one from `first` on, with their shares.
struct Taps {
    first: usize,
    shares: Vec<f32>,
}

impl Taps {
    fn sum(&self, value: impl Fn(usize) -> [f32; 4]) -> [f32; 4] {
        let mut sum = [0.0; 4];
        for (n, share) in self.shares.iter().enumerate() {
            let value = value(self.first + n);
            for (sum, value) in sum.iter_mut().zip(value) {
                *sum += value * share;
            }
        }
        sum
    }
}

/// Triangles as wide as a pixel of the coarser size: linear between pixels where it grows, the mean of what is covered
/// where it shrinks.
fn taps(from: u32, to: u32) -> Vec<Taps> {
    let step = f64::from(from) / f64::from(to.max(1));
    let reach = step.max(1.0);
    let last = f64::from(from.saturating_sub(1));
    (0..to)
        .map(|n| {
            let centre = (f64::from(n) + 0.5) * step - 0.5;
            let first = (centre - reach).ceil().clamp(0.0, last);
            let end = (centre + reach).floor().clamp(first, last);
            let mut shares: Vec<f32> = (first as usize..=end as usize)
                .map(|pixel| (1.0 - (pixel as f64 - centre).abs() / reach).max(0.0) as f32)
                .collect();
            let sum: f32 = shares.iter().sum();
            if sum > 0.0 {
                shares.iter_mut().for_each(|share| *share /= sum);
            } else if let Some(share) = shares.first_mut() {
                *share = 1.0;
            }
            Taps { first: first as usize, shares }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_cut_out() {
        let mut picture = Rgba::plain(20, 10, 0, 0);
        picture.put(&Rgba::plain(3, 2, 0xff0000, 255), 5, 4);
        assert_eq!(picture.ink(), Some(([5, 8], [4, 6])));
        let cut = picture.cut([5, 8], [4, 6]);
        assert_eq!(cut, Rgba::plain(3, 2, 0xff0000, 255));
        assert_eq!(Rgba::plain(4, 4, 0xffffff, 3).ink(), None);
        // Beyond the edge there is nothing.
        assert_eq!(cut.cut([2, 5], [0, 1]).at(1, 0), [0; 4]);
        picture.put(&Rgba::plain(30, 30, 0x00ff00, 255), 18, 9);
        assert_eq!((picture.at(19, 9), picture.at(17, 9)[3]), ([0, 255, 0, 255], 0));
    }

    #[test]
    fn half_of_a_colour_lets_half_of_another_through() {
        let mut picture = Rgba::plain(1, 1, 0x000000, 255);
        picture.put(&Rgba::plain(1, 1, 0xffffff, 128), 0, 0);
        assert_eq!(picture.at(0, 0), [128, 128, 128, 255]);
        let mut clear = Rgba::plain(1, 1, 0xff00ff, 0);
        clear.put(&Rgba::plain(1, 1, 0x204060, 128), 0, 0);
        assert_eq!(clear.at(0, 0), [0x20, 0x40, 0x60, 128], "what is transparent has no colour");
    }

    #[test]
    fn scaling_keeps_colours_and_does_not_mix_in_what_is_transparent() {
        let plain = Rgba::plain(7, 5, 0x336699, 255);
        for (width, height) in [(1, 1), (3, 2), (14, 10), (640, 3)] {
            assert_eq!(plain.scaled(width, height), Rgba::plain(width, height, 0x336699, 255));
        }
        // The left half red, the right one transparent black: no dark edge.
        let mut half = Rgba::plain(8, 2, 0x000000, 0);
        half.put(&Rgba::plain(4, 2, 0xff0000, 255), 0, 0);
        let small = half.scaled(3, 1);
        assert_eq!(small.at(1, 0)[..3], [255, 0, 0]);
        assert!((100..156).contains(&small.at(1, 0)[3]), "{:?}", small.at(1, 0));
        // The mean of a checkerboard.
        let mut board = Rgba::plain(64, 64, 0x000000, 255);
        for n in 0..64_u32 * 32 {
            let (x, y) = ((n % 32) * 2 + (n / 32) % 2, n / 32);
            board.put(&Rgba::plain(1, 1, 0xffffff, 255), x, y);
        }
        let grey = board.scaled(8, 8).at(4, 4)[0];
        assert!(grey.abs_diff(128) <= 2, "{grey}");
    }

    #[test]
    fn what_covers_is_the_middle() {
        let mut wide = Rgba::plain(30, 10, 0x0000ff, 255);
        wide.put(&Rgba::plain(10, 10, 0xff0000, 255), 10, 0);
        let square = wide.covering(4, 4);
        assert_eq!(square, Rgba::plain(4, 4, 0xff0000, 255));
        assert_eq!((wide.covering(2, 40).width(), wide.covering(2, 40).height()), (2, 40));
    }

    #[test]
    fn corners_are_round() {
        let round = Rgba::plain(20, 20, 0xffffff, 200).rounded(8);
        assert_eq!((round.at(0, 0)[3], round.at(19, 19)[3], round.at(10, 0)[3]), (0, 0, 200));
        assert_eq!(round.at(3, 3)[3], 200);
    }
}
