//! Cards: still pictures with a text in the middle (the slate, a participant's name).
//!
//! Text is drawn by a small pipeline in a thread of its own, since that takes tens of milliseconds; the
//! program shows the plain colour until the card is there.

use super::frame::Frame;
use crate::worker::pipeline_file::{ParamValue, PipelineFile, PipelineFileError, Role};
use gst::{glib, prelude::*};
use std::{
    collections::HashMap,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

/// Cards kept; a conference of 16 in two sizes fits twice.
const CACHE: usize = 64;
/// Text longer than this is cut: it would not be readable anyway.
const MAX_TEXT: usize = 120;

/// What a card looks like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CardSpec {
    pub width: u32,
    pub height: u32,
    /// 0xRRGGBB.
    pub colour: u32,
    pub text: String,
}

/// Why a card could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    #[error("building the card pipeline")]
    Build(#[from] PipelineFileError),
    #[error("running the card pipeline")]
    Run(#[from] gst::StateChangeError),
    #[error("the card pipeline drew nothing")]
    Empty,
}

/// Muted colours, so that a name tile is not mistaken for a picture; white text is readable on each.
const FIELDS: [u32; 8] = [0x37474f, 0x4e342e, 0x1b5e20, 0x283593, 0x6a1b9a, 0x880e4f, 0x00695c, 0x5d4037];

/// The colour of a participant's name tile: the same label always has the same one.
pub fn field_colour(label: &str) -> u32 {
    // FNV-1a, 32 bits: small and the same on every machine.
    let hash =
        label.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    FIELDS[(hash >> 8) as usize % FIELDS.len()]
}

/// Draws a card now; takes tens of milliseconds. Not for a streaming or async thread.
pub fn draw(spec: &CardSpec) -> Result<Frame, CardError> {
    let file = PipelineFile::of(Role::Card)?;
    let text: String = spec.text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    let caps = format!(
        "video/x-raw,format=I420,width={},height={},framerate=30/1,colorimetry=bt601",
        spec.width, spec.height
    );
    let pipeline = file.pipeline(&[
        ("colour", ParamValue::Int(0xff00_0000 | i64::from(spec.colour))),
        ("caps", ParamValue::Text(caps)),
        // textoverlay takes pango markup: escaped, a text is only ever a text.
        ("text", ParamValue::Text(glib::markup_escape_text(&text).to_string())),
    ])?;
    let out: gst_app::AppSink = file.typed(&pipeline, "out")?;
    pipeline.set_state(gst::State::Playing)?;
    let sample = out.try_pull_sample(gst::ClockTime::from_seconds(5));
    let stopped = pipeline.set_state(gst::State::Null);
    let frame = sample.and_then(|sample| Frame::from_sample(&sample)).ok_or(CardError::Empty)?;
    stopped?;
    Ok(frame)
}

/// Cards by specification, drawn in the background.
pub struct Cards {
    ready: HashMap<CardSpec, Frame>,
    requests: SyncSender<CardSpec>,
    drawn: Receiver<(CardSpec, Frame)>,
}

impl Default for Cards {
    fn default() -> Self {
        Self::new()
    }
}

impl Cards {
    /// Starts the drawing thread; it ends when this is dropped.
    pub fn new() -> Self {
        let (requests, inbox) = sync_channel::<CardSpec>(CACHE);
        let (done, drawn) = sync_channel(CACHE);
        std::thread::spawn(move || {
            while let Ok(spec) = inbox.recv() {
                match draw(&spec) {
                    Ok(frame) => {
                        if done.send((spec, frame)).is_err() {
                            return;
                        }
                    }
                    // The plain field stays, which is what a card without text would be.
                    Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "card not drawn"),
                }
            }
        });
        Self { ready: HashMap::new(), requests, drawn }
    }

    /// Puts a card in that was drawn elsewhere.
    pub fn insert(&mut self, spec: CardSpec, frame: Frame) {
        if self.ready.len() >= CACHE {
            self.ready.clear();
        }
        self.ready.insert(spec, frame);
    }

    /// The card; its plain field until it is drawn. Never waits.
    pub fn get(&mut self, spec: &CardSpec) -> Frame {
        while let Ok((spec, frame)) = self.drawn.try_recv() {
            self.insert(spec, frame);
        }
        if let Some(frame) = self.ready.get(spec) {
            return frame.clone();
        }
        let plain = Frame::plain(spec.width, spec.height, spec.colour);
        // A full queue is asked again when this entry has been thrown out; until then the field stays.
        if self.requests.try_send(spec.clone()).is_ok() {
            self.insert(spec.clone(), plain.clone());
        }
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> CardSpec {
        CardSpec { width: 320, height: 180, colour: 0x283593, text: text.to_owned() }
    }

    fn bright_pixels(frame: &Frame) -> usize {
        frame.luma().iter().filter(|y| **y > 180).count()
    }

    #[test]
    fn a_card_holds_its_text_and_its_colour() {
        gst::init().unwrap();
        let empty = draw(&spec("")).unwrap();
        let named = draw(&spec("Алиса & <b>Bob</b>")).unwrap();
        assert_eq!(bright_pixels(&empty), 0);
        assert!(bright_pixels(&named) > 200, "{}", bright_pixels(&named));
        // Markup is shown, not obeyed: more letters, more white.
        let plain = draw(&spec("Алиса & Bob")).unwrap();
        assert!(bright_pixels(&named) > bright_pixels(&plain) * 11 / 10);
        // The same colour as the plain field, within rounding.
        let (card, field) = (empty.luma()[0], Frame::plain(320, 180, 0x283593).luma()[0]);
        assert!(card.abs_diff(field) <= 2, "{card} {field}");
    }

    #[test]
    fn a_card_appears_by_itself() {
        gst::init().unwrap();
        let mut cards = Cards::new();
        assert_eq!(bright_pixels(&cards.get(&spec("name"))), 0);
        let (drawn, frame) = cards.drawn.recv().unwrap();
        cards.insert(drawn, frame);
        assert!(bright_pixels(&cards.get(&spec("name"))) > 100);
    }
}
