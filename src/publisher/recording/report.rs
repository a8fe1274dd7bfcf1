//! Questions to a recording.

use super::{AudioTrack, Recording, VideoSample};
use crate::publisher::{
    palette::Colour,
    pattern::{COUNTER_BITS, Reading},
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// A flash and a beep, or a cut of picture and sound, belong together when they are nearer than half
/// the distance of two flashes.
const PAIR_NS: u64 = 500_000_000;

/// A stretch of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// When it begins, nanoseconds.
    pub start_ns: u64,
    /// How long it is, nanoseconds.
    pub length_ns: u64,
}

/// How the frame counter moved from each frame to the next, as long as the participant was the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cadence {
    /// Frames in all.
    pub frames: u64,
    /// The counter stood still: a frame shown once more.
    pub repeated: u64,
    /// Numbers that were left out.
    pub skipped: u64,
    /// The counter went back.
    pub backwards: u64,
    /// No counter could be read although the colour could.
    pub unreadable: u64,
    /// No participant's colour.
    pub nobody: u64,
}

/// A change from one participant to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Switch {
    /// The first frame of the new participant, nanoseconds.
    pub video_ns: u64,
    /// Whose picture it was, by colour name.
    pub from: &'static str,
    /// Whose it is now.
    pub to: &'static str,
    /// Frames between the two that show nobody (a fade, black, the slate).
    pub between: u64,
    /// When the tone with the new colour's number took over, nanoseconds.
    pub audio_ns: Option<u64>,
    /// `audio_ns − video_ns`.
    pub distance_ns: Option<i64>,
}

/// When the loudest tone changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ToneChange {
    /// Nanoseconds, exact to about 2 ms.
    pub at_ns: u64,
    /// Number of the tone before.
    pub from: usize,
    /// Number of the tone after.
    pub to: usize,
}

/// How far sound and picture lie apart at one full second of the participant's media time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AvOffset {
    /// The first white frame of the sync cell, nanoseconds.
    pub flash_ns: u64,
    /// The beginning of the beep, nanoseconds.
    pub beep_ns: u64,
    /// `beep_ns − flash_ns`: positive when the sound is late.
    pub offset_ns: i64,
}

impl AudioTrack {
    /// Stretches of 20 ms or more without sound.
    pub fn silences(&self) -> Vec<Span> {
        let silences = self.heard.silences.iter();
        silences
            .map(|silence| {
                let start_ns = self.time_ns(silence.start as f64);
                let end_ns = self.time_ns((silence.start + silence.length - 1) as f64);
                Span { start_ns, length_ns: end_ns.saturating_sub(start_ns) }
            })
            .collect()
    }

    /// When the beeps begin, nanoseconds.
    pub fn beeps_ns(&self) -> Vec<u64> {
        self.heard.beeps.iter().map(|beep| self.time_ns(beep.onset)).collect()
    }

    /// Where the waveform has a step, nanoseconds.
    pub fn clicks_ns(&self) -> Vec<u64> {
        self.heard.clicks.iter().map(|sample| self.time_ns(*sample as f64)).collect()
    }

    /// When one tone became louder than the one before. Windows without any tone are passed over.
    pub fn tone_changes(&self) -> Vec<ToneChange> {
        let mut changes = Vec::new();
        let mut before: Option<(usize, &crate::publisher::listener::ToneWindow)> = None;
        for window in &self.heard.windows {
            let Some(tone) = window.loudest() else { continue };
            if let Some((from, last)) = before
                && from != tone
            {
                // Both levels are taken as straight lines between the two windows' centres.
                let (lead, lag) =
                    (last.levels[from] - last.levels[tone], window.levels[tone] - window.levels[from]);
                let fraction = f64::from(lead / (lead + lag).max(f32::MIN_POSITIVE));
                let at = last.centre as f64 + fraction * (window.centre - last.centre) as f64;
                changes.push(ToneChange { at_ns: self.time_ns(at), from, to: tone });
            }
            before = Some((tone, window));
        }
        changes
    }
}

impl Recording {
    /// The frames whose tile could be looked at, with what it said.
    fn readings(&self, tile: usize) -> impl Iterator<Item = (u64, Reading)> {
        self.video
            .iter()
            .filter_map(move |sample| sample.reading(tile).map(|reading| (sample.pts_ns, reading)))
    }

    /// Distances between frames of more than one and a half times `frame`: when the frame before
    /// was due to end, and how long nothing came.
    pub fn gaps(&self, frame: Duration) -> Vec<Span> {
        let frame = frame.as_nanos() as u64;
        let pairs = self.video.windows(2).map(|pair| (pair[0].pts_ns, pair[1].pts_ns));
        pairs
            .filter(|(a, b)| b.saturating_sub(*a) > frame + frame / 2)
            .map(|(a, b)| Span { start_ns: a + frame, length_ns: b - a - frame })
            .collect()
    }

    /// Frames that are not shown after the one decoded before them.
    pub fn backward_frames(&self) -> u64 {
        self.video.windows(2).filter(|pair| pair[1].pts_ns <= pair[0].pts_ns).count() as u64
    }

    /// How the counter moved in a tile.
    pub fn cadence(&self, tile: usize) -> Cadence {
        let mut cadence = Cadence::default();
        let mut before: Option<(Colour, u32)> = None;
        for (_, reading) in self.readings(tile) {
            cadence.frames += 1;
            let Some(colour) = reading.colour else {
                cadence.nobody += 1;
                continue;
            };
            let Some(counter) = reading.counter else {
                cadence.unreadable += 1;
                continue;
            };
            if let Some((_, last)) = before.filter(|(last, _)| *last == colour) {
                const HALF: u32 = 1 << (COUNTER_BITS - 1);
                match counter.wrapping_sub(last) % (1 << COUNTER_BITS) {
                    0 => cadence.repeated += 1,
                    step if step < HALF => cadence.skipped += u64::from(step - 1),
                    _ => cadence.backwards += 1,
                }
            }
            before = Some((colour, counter));
        }
        cadence
    }

    /// Changes of the participant in a tile, with the change of tone that belongs to each: the one to
    /// the tone that has the new colour's number, nearest in time and within half a second.
    pub fn switches(&self, tile: usize) -> Vec<Switch> {
        let tones = self.audio.tone_changes();
        let mut switches = Vec::new();
        let mut before: Option<Colour> = None;
        let mut between = 0;
        for (video_ns, reading) in self.readings(tile) {
            let Some(colour) = reading.colour else {
                between += 1;
                continue;
            };
            if let Some(from) = before.filter(|from| *from != colour) {
                let audio_ns = tones
                    .iter()
                    .filter(|change| change.to == colour.index())
                    .map(|change| change.at_ns)
                    .min_by_key(|at| at.abs_diff(video_ns))
                    .filter(|at| at.abs_diff(video_ns) < PAIR_NS);
                switches.push(Switch {
                    video_ns,
                    from: from.name(),
                    to: colour.name(),
                    between,
                    audio_ns,
                    distance_ns: audio_ns.map(|at| at as i64 - video_ns as i64),
                });
            }
            before = Some(colour);
            between = 0;
        }
        switches
    }

    /// Sound against picture, once a second: each flash that begins while its participant is shown,
    /// with the nearest beep.
    pub fn av_offsets(&self, tile: usize) -> Vec<AvOffset> {
        let beeps = self.audio.beeps_ns();
        let mut offsets = Vec::new();
        let mut before: Option<Reading> = None;
        for (flash_ns, reading) in self.readings(tile) {
            let begins = before.is_some_and(|last| !last.flash && last.colour == reading.colour);
            if begins && reading.flash && reading.colour.is_some() {
                let nearest = beeps.iter().copied().min_by_key(|beep| beep.abs_diff(flash_ns));
                if let Some(beep_ns) = nearest.filter(|beep| beep.abs_diff(flash_ns) < PAIR_NS) {
                    offsets.push(AvOffset { flash_ns, beep_ns, offset_ns: beep_ns as i64 - flash_ns as i64 });
                }
            }
            before = Some(reading);
        }
        offsets
    }

    /// Stretches of at least `min` in which a tile showed the same frame of the same participant.
    pub fn frozen(&self, tile: usize, min: Duration) -> Vec<Span> {
        self.runs(tile, min, |a, b| a.counter.is_some() && a.counter == b.counter && a.colour == b.colour)
    }

    /// Stretches of at least `min` in which a tile was black.
    pub fn black(&self, tile: usize, min: Duration) -> Vec<Span> {
        self.runs(tile, min, |a, b| a.is_black() && b.is_black())
    }

    /// Stretches of frames each of which is `alike` the one before it, up to the first that is not.
    fn runs(&self, tile: usize, min: Duration, alike: impl Fn(&Reading, &Reading) -> bool) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut run: Option<(u64, Reading)> = None;
        let mut end = |start: u64, end: u64| {
            let length_ns = end.saturating_sub(start);
            if u128::from(length_ns) >= min.as_nanos() {
                spans.push(Span { start_ns: start, length_ns });
            }
        };
        let mut last_ns = 0;
        for (pts_ns, reading) in self.readings(tile) {
            match run {
                Some((_, first)) if alike(&first, &reading) => {}
                Some((start, first)) => {
                    if alike(&first, &first) {
                        end(start, pts_ns);
                    }
                    run = Some((pts_ns, reading));
                }
                None => run = Some((pts_ns, reading)),
            }
            last_ns = pts_ns;
        }
        if let Some((start, first)) = run
            && alike(&first, &first)
        {
            end(start, last_ns);
        }
        spans
    }

    /// All answers for one tile at once. `frame` is how long a frame should last.
    pub fn report(&self, tile: usize, frame: Duration) -> Report {
        Report {
            cadence: self.cadence(tile),
            gaps: self.gaps(frame),
            backward_frames: self.backward_frames(),
            switches: self.switches(tile),
            av_offsets: self.av_offsets(tile),
            // Three frames: one repetition is a matter of the frame rates, two are seen.
            frozen: self.frozen(tile, frame * 3),
            black: self.black(tile, Duration::ZERO),
            silences: self.audio.silences(),
            clicks_ns: self.audio.clicks_ns(),
            audio_steps_ns: self.audio.steps().map(|anchor| (anchor.pts_ns, anchor.step_ns)).collect(),
        }
    }
}

impl VideoSample {
    /// What a tile said.
    pub fn reading(&self, tile: usize) -> Option<Reading> {
        self.tiles.get(tile).copied().flatten()
    }
}

/// All answers for one tile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub cadence: Cadence,
    /// Where frames are missing on the timeline.
    pub gaps: Vec<Span>,
    /// Frames whose timestamp does not grow.
    pub backward_frames: u64,
    pub switches: Vec<Switch>,
    pub av_offsets: Vec<AvOffset>,
    /// Three frames or longer.
    pub frozen: Vec<Span>,
    pub black: Vec<Span>,
    /// 20 ms or longer.
    pub silences: Vec<Span>,
    pub clicks_ns: Vec<u64>,
    /// Where the sound's timestamps jump, and by how much.
    pub audio_steps_ns: Vec<(u64, i64)>,
}

impl Report {
    /// The median distance of sound and picture, nanoseconds; `None` without any flash or beep.
    pub fn av_offset_ns(&self) -> Option<i64> {
        let mut offsets: Vec<i64> = self.av_offsets.iter().map(|av| av.offset_ns).collect();
        offsets.sort_unstable();
        offsets.get(offsets.len() / 2).copied()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |ns: i64| ns as f64 / 1e6;
        let spans = |spans: &[Span]| {
            let list = spans
                .iter()
                .map(|s| format!("{:.3} s (+{:.0} ms)", s.start_ns as f64 / 1e9, ms(s.length_ns as i64)));
            if spans.is_empty() { "none".to_owned() } else { list.collect::<Vec<_>>().join(", ") }
        };
        let c = &self.cadence;
        writeln!(
            f,
            "frames {}: repeated {}, skipped {}, backwards {}, unreadable {}, nobody {}",
            c.frames, c.repeated, c.skipped, c.backwards, c.unreadable, c.nobody
        )?;
        writeln!(f, "gaps: {}; timestamps going back: {}", spans(&self.gaps), self.backward_frames)?;
        for s in &self.switches {
            let distance =
                s.distance_ns.map_or("no change of tone".to_owned(), |d| format!("sound {:+.1} ms", ms(d)));
            let at = s.video_ns as f64 / 1e9;
            writeln!(
                f,
                "switch at {at:.3} s: {} to {}, {} frames between, {distance}",
                s.from, s.to, s.between
            )?;
        }
        match self.av_offset_ns() {
            Some(offset) => {
                writeln!(
                    f,
                    "sound against picture: median {:+.1} ms of {}",
                    ms(offset),
                    self.av_offsets.len()
                )?;
            }
            None => writeln!(f, "sound against picture: no flash with a beep")?,
        }
        writeln!(f, "frozen: {}; black: {}", spans(&self.frozen), spans(&self.black))?;
        write!(
            f,
            "silences: {}; clicks: {}; timestamp steps of the sound: {}",
            spans(&self.silences),
            self.clicks_ns.len(),
            self.audio_steps_ns.len()
        )
    }
}
