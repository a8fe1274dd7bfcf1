//! Texts as pictures: titles, names on tiles, the clock. Shaping, direction and fonts are Pango's; a text is only ever a
//! text, never markup.

use super::{
    picture::{self, PictureError},
    rgba::Rgba,
};
use crate::worker::pipeline_file::{ParamValue, PipelineFile, Role};
use gst::{glib, prelude::*};

/// A title longer than this is refused by control; a name is cut.
const MAX_TEXT: usize = 200;
/// What white letters stand on: nearly black, and let a third of the picture through.
const BOX: u32 = 0x0c1014;
const BOX_OPACITY: u8 = 170;
/// Stands for what did not fit.
const ELLIPSIS: char = '…';
/// A text of one line has so many tries to become short enough: each knows how much the one before was too long.
const TRIES: usize = 4;

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// One line, as wide as it is, cut with an ellipsis where it is wider than its room.
    Name,
    /// Lines of the room's width at most, centred.
    Title,
    /// One line in a box of the room's width: so its digits do not move.
    Clock,
}

/// A text to be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lettering {
    pub text: String,
    pub style: Style,
    /// Pixels of the font's size.
    pub px: u32,
    /// Pixels that the box may have at most.
    pub width: u32,
    pub height: u32,
}

impl Lettering {
    /// Between the letters and the edge of their box.
    const fn margin(&self) -> u32 {
        self.px * 2 / 5
    }

    /// A line's height with the room that tall scripts need.
    const fn line(&self) -> u32 {
        self.px * 7 / 4
    }
}

/// How letters stand in the picture that they are drawn into.
struct Setting {
    size: (u32, u32),
    across: &'static str,
    down: &'static str,
    wrap: &'static str,
}

/// Draws a text in its box now; takes some ten milliseconds. Not for a streaming or async thread.
///
/// # Errors
/// [`PictureError`]; among others where there is nothing to be seen of it.
pub fn draw(order: &Lettering) -> Result<Rgba, LetteringError> {
    let text: String = order.text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    let letters = match order.style {
        Style::Name => name(order, &text)?,
        Style::Title => title(order, &text)?,
        Style::Clock => {
            let size = (order.width, order.line());
            letters(&text, order.px, &Setting { size, across: "center", down: "baseline", wrap: "none" })?
        }
    };
    let aside = if order.style == Style::Clock { 0 } else { order.margin() };
    let above = if order.style == Style::Title { order.margin() } else { 0 };
    let (width, height) = (letters.width() + 2 * aside, letters.height() + 2 * above);
    let mut boxed = Rgba::plain(width, height, BOX, BOX_OPACITY);
    boxed.put(&letters, aside, above);
    Ok(boxed.rounded(order.px / 4))
}

/// Why there is no lettering.
#[derive(Debug, thiserror::Error)]
pub enum LetteringError {
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("describing the picture that the letters are drawn into")]
    Format(#[source] glib::BoolError),
    #[error("the text leaves nothing to be seen")]
    Empty,
}

fn name(order: &Lettering, text: &str) -> Result<Rgba, LetteringError> {
    let room = order.width.saturating_sub(2 * order.margin()).max(order.px);
    // Twice the room, so that what is too long can be measured.
    let size = (room * 2, order.line());
    // On one line, whatever its letters: names beside each other stand alike.
    let setting = Setting { size, across: "left", down: "baseline", wrap: "none" };
    let mut shown = text.to_owned();
    let mut kept = text.chars().count();
    for _ in 0..TRIES {
        let letters = letters(&shown, order.px, &setting)?;
        let (x, _) = letters.ink().ok_or(LetteringError::Empty)?;
        if x[1] - x[0] <= room || kept <= 1 {
            return Ok(letters.cut([x[0], x[1].min(x[0] + room)], [0, letters.height()]));
        }
        // At least one less each time.
        kept = (kept * room as usize / (x[1] - x[0]) as usize).clamp(1, kept - 1);
        shown = text.chars().take(kept).chain([ELLIPSIS]).collect();
    }
    let letters = letters(&shown, order.px, &setting)?;
    let (x, _) = letters.ink().ok_or(LetteringError::Empty)?;
    Ok(letters.cut([x[0], x[1].min(x[0] + room)], [0, letters.height()]))
}

fn title(order: &Lettering, text: &str) -> Result<Rgba, LetteringError> {
    let margin = 2 * order.margin();
    let size = (order.width.saturating_sub(margin), order.height.saturating_sub(margin));
    let setting = Setting { size, across: "center", down: "top", wrap: "wordchar" };
    let letters = letters(text, order.px, &setting)?;
    let (x, y) = letters.ink().ok_or(LetteringError::Empty)?;
    Ok(letters.cut(x, y))
}

/// White letters on nothing.
fn letters(text: &str, px: u32, setting: &Setting) -> Result<Rgba, LetteringError> {
    let (width, height) = (setting.size.0.max(2), setting.size.1.max(2));
    let file = PipelineFile::of(Role::Lettering).map_err(PictureError::Build)?;
    let word = |text: &str| ParamValue::Text(text.to_owned());
    // In a box of seven quarters of the size, capitals and digits then stand in the middle: measured from 10 to 48 pixels.
    let rise = if setting.down == "baseline" { px / 4 } else { 0 };
    let pipeline = file
        .pipeline(&[
            // textoverlay takes Pango markup: escaped, a text is only ever a text.
            ("text", word(&glib::markup_escape_text(text))),
            ("font", ParamValue::Text(format!("Sans {px}px"))),
            ("across", word(setting.across)),
            ("down", word(setting.down)),
            ("rise", ParamValue::Int(rise.into())),
            ("wrap", word(setting.wrap)),
        ])
        .map_err(PictureError::Build)?;
    let source: gst_app::AppSrc = file.typed(&pipeline, "in").map_err(PictureError::Build)?;
    let out: gst_app::AppSink = file.typed(&pipeline, "out").map_err(PictureError::Build)?;
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgba, width, height)
        .fps(gst::Fraction::new(30, 1))
        .build()
        .map_err(LetteringError::Format)?;
    source.set_caps(Some(&info.to_caps().map_err(LetteringError::Format)?));
    let started = pipeline.set_state(gst::State::Playing).map_err(PictureError::Run);
    let mut buffer = gst::Buffer::from_slice(vec![0; info.size()]);
    if let Some(header) = buffer.get_mut() {
        header.set_pts(gst::ClockTime::ZERO);
        header.set_duration(gst::ClockTime::from_mseconds(33));
    }
    let sample = started.and_then(|_| {
        source.push_buffer(buffer).map_err(PictureError::Push)?;
        Ok(out.try_pull_sample(gst::ClockTime::from_seconds(5)))
    });
    let stopped = pipeline.set_state(gst::State::Null);
    let image = sample?.as_ref().and_then(picture::to_rgba).ok_or(LetteringError::Empty)?;
    stopped.map_err(PictureError::Run)?;
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str, style: Style) -> Lettering {
        gst::init().unwrap();
        Lettering { text: text.to_owned(), style, px: 32, width: 400, height: 300 }
    }

    /// How much ink a text has, and how wide its box is.
    fn ink(text: &str, style: Style) -> (usize, u32, u32) {
        let drawn = draw(&order(text, style)).unwrap();
        (bright(&drawn).len(), drawn.width(), drawn.height())
    }

    /// The pixels that are letters.
    fn bright(drawn: &Rgba) -> Vec<(u32, u32)> {
        let points = (0..drawn.height()).flat_map(|y| (0..drawn.width()).map(move |x| (x, y)));
        points.filter(|(x, y)| drawn.at(*x, *y)[..3].iter().all(|v| *v > 150)).collect()
    }

    #[test]
    fn a_text_is_white_in_a_dark_box() {
        let drawn = draw(&order("Anna", Style::Name)).unwrap();
        assert!(bright(&drawn).len() > 200, "{}", bright(&drawn).len());
        // Between its corner and its letters.
        assert_eq!(drawn.at(4, drawn.height() / 2), [0x0c, 0x10, 0x14, BOX_OPACITY]);
        assert_eq!(drawn.at(0, 0)[3], 0, "its corners are round");
        assert_eq!(drawn.height(), 56);
        // A capital and the rest of it: in the middle.
        let rows: Vec<u32> = bright(&drawn).iter().map(|(_, y)| *y).collect();
        let middle = (rows.iter().min().unwrap() + rows.iter().max().unwrap()) / 2;
        assert!(middle.abs_diff(28) <= 2, "{middle}");
        assert!(drawn.width() < 200, "{}", drawn.width());
    }

    #[test]
    fn names_beside_each_other_stand_on_one_line() {
        let foot = |text: &str| {
            let drawn = draw(&order(text, Style::Name)).unwrap();
            bright(&drawn).iter().map(|(_, y)| *y).max()
        };
        assert_eq!(foot("ann"), foot("Hind"));
        assert!(foot("Peggy") > foot("ann"), "what reaches below the line does");
    }

    #[test]
    fn markup_is_shown_and_not_obeyed() {
        for text in ["<b>x</b>", "<span size=\"100000\">x</span>", "&lt;", "a & b <", "<!-- x -->", "%s \\n"]
        {
            let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
            // In one line.
            let drawn =
                |text: &str| draw(&Lettering { px: 16, width: 1200, ..order(text, Style::Title) }).unwrap();
            let (marked, bare) = (drawn(text), drawn(&plain));
            let ink = |drawn: &Rgba| bright(drawn).len();
            assert!(marked.width() > bare.width() && ink(&marked) > ink(&bare), "{text} {plain}");
        }
    }

    #[test]
    fn scripts_that_join_their_letters_and_go_from_right_to_left_are_shaped() {
        // Three letters that join: as a word, and each for itself (a zero-width non-joiner between them).
        let (joined, apart) =
            (draw(&order("سلم", Style::Name)), draw(&order("س\u{200c}ل\u{200c}م", Style::Name)));
        let (joined, apart) = (joined.unwrap(), apart.unwrap());
        assert_ne!(bright(&joined), bright(&apart), "Arabic letters join");
        // Written in their order from the right: the first letter of a Hebrew word is at the right edge.
        let (word, first) =
            (draw(&order("אלל", Style::Name)).unwrap(), draw(&order("א", Style::Name)).unwrap());
        let column = |drawn: &Rgba, from_right: u32| {
            let x = drawn.width() - 1 - from_right;
            (0..drawn.height()).filter(|y| drawn.at(x, *y)[0] > 150).count()
        };
        let margin = order("", Style::Name).margin();
        let alike = (margin..margin + 12).all(|n| column(&word, n).abs_diff(column(&first, n)) <= 1);
        assert!(alike, "the first letter stands right");
        // Latin in it keeps its own direction: neither is the other reversed.
        assert_ne!(bright(&draw(&order("אבג abc", Style::Name)).unwrap()).len(), 0);
    }

    #[test]
    fn a_name_that_is_too_long_ends_with_an_ellipsis() {
        let long = "Maximiliane von Hohenfels-Weissenberg zu Lichtenstein";
        let drawn = draw(&order(long, Style::Name)).unwrap();
        assert!((300..=400).contains(&drawn.width()), "{}", drawn.width());
        let longer = draw(&order(&long.repeat(3), Style::Name)).unwrap();
        assert_eq!(bright(&drawn), bright(&longer), "the same beginning, and dots");
        // It is not just cut.
        let cut = draw(&order(&long[..long.len() / 3], Style::Name)).unwrap();
        assert_ne!(bright(&drawn), bright(&cut));
    }

    #[test]
    fn a_title_is_broken_into_lines_within_its_room() {
        let one = ink("A title", Style::Title);
        let many = ink(&"many words ".repeat(12), Style::Title);
        assert!(one.2 < 70 && many.2 > 2 * one.2, "{one:?} {many:?}");
        assert!(many.1 <= 400 && many.2 <= 300, "{many:?}");
        // What does not fit is left out, and the room is kept.
        let most = ink(&"many words ".repeat(18), Style::Title);
        assert!(most.1 <= 400 && most.2 <= 300, "{most:?}");
    }

    #[test]
    fn a_clocks_digits_stay_where_they_are() {
        let [a, b] = ["11:11:11", "08:08:08"].map(|text| draw(&order(text, Style::Clock)).unwrap());
        assert_eq!((a.width(), a.height()), (b.width(), b.height()));
        let colons = |drawn: &Rgba| {
            let (x, _) = drawn.ink().unwrap();
            x
        };
        assert_eq!(colons(&a), colons(&b));
    }

    #[test]
    fn nothing_is_nothing() {
        assert!(matches!(draw(&order("", Style::Title)), Err(LetteringError::Empty)));
        assert!(matches!(draw(&order("\u{7}", Style::Name)), Err(LetteringError::Empty)));
    }
}
