//! A media file's decoded pictures and sound on their way to the program, pure: what of them is due at a tick.
//!
//! The file is decoded a little ahead, and what comes is kept here by its time in the file. When the file is taken, its first
//! picture gets the time of that tick, and all else follows it: nothing here asks what time it is. A file that repeats is one
//! long strip: each pass is put behind the one before, so that the seam has the distance of two pictures.

use super::sound::{CHANNELS, RATE, sample_at};
use std::collections::VecDeque;

/// Pictures kept ahead: the decoder's start at a repeat, and its hiccups, are shorter (0.4 s at 30 fps).
const PICTURES: usize = 12;
/// Bytes of them at most: of large pictures fewer are kept, but always [`FEWEST`].
const PICTURE_BYTES: usize = 96 << 20;
const FEWEST: usize = 3;
/// Sound kept ahead, samples: half a second.
const SOUND: usize = RATE as usize / 2;
/// Sound that is there before the first tick: two frames of 30 a second and one more.
const FIRST_SOUND: usize = RATE as usize / 10;
/// Coders pad the sound's end by so much at most; what is longer belongs to the file. Nanoseconds.
const PADDING: u64 = 100_000_000;
/// Shorter files are not repeated: there would be no time to decode them again.
const SHORTEST: u64 = 100_000_000;
/// How long a picture lasts that does not say so, and has none before it, nanoseconds.
const USUAL: u64 = 40_000_000;
/// Times of chunks are rounded in files, to a millisecond at worst: within so many samples they are contiguous.
const SLACK: i64 = 96;
/// A gap of more samples is the sound line's business: it fades its edges.
const GAP: i64 = 1920;

/// Where the program is in the strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// Before the first picture.
    Waiting,
    /// The strip's zero is at this time of the sources.
    Rolling { origin: u64 },
    /// It stands there, in the strip's time.
    Still { at: u64 },
}

/// One pass through the file as it comes in.
#[derive(Debug, Default)]
struct Pass {
    /// Where it begins in the strip.
    base: u64,
    /// The time in the file that stands there, once known: the first picture's, of sound alone the first chunk's.
    begins: Option<u64>,
    /// Sound that came before that was known.
    early: Vec<(u64, Vec<f32>)>,
    last_picture: Option<u64>,
    picture_end: u64,
    sound_end: u64,
    pictures_done: bool,
    sound_done: bool,
}

impl Pass {
    fn is_done(&self) -> bool {
        self.pictures_done && self.sound_done
    }

    fn end(&self) -> u64 {
        match self.picture_end {
            0 => self.sound_end,
            end if self.sound_end > end + PADDING => self.sound_end,
            end => end,
        }
    }
}

/// The file's strip.
#[derive(Debug)]
pub struct Reel<F> {
    repeat: bool,
    has_pictures: bool,
    has_sound: bool,
    clock: Clock,
    /// By the strip's time, nanoseconds.
    pictures: VecDeque<(u64, F)>,
    picture_bytes: usize,
    chunks: VecDeque<(u64, Vec<f32>)>,
    buffered: usize,
    pass: Pass,
    /// The end of the pass was told to whoever rewinds.
    rewinding: bool,
    /// Where passes begin: the strip's time, the file's time.
    marks: VecDeque<(u64, u64)>,
    /// The next sample that is given out.
    next_sample: i64,
}

impl<F> Reel<F> {
    /// An empty one.
    pub fn new(repeat: bool) -> Self {
        Self {
            repeat,
            has_pictures: false,
            has_sound: false,
            clock: Clock::Waiting,
            pictures: VecDeque::new(),
            picture_bytes: 0,
            chunks: VecDeque::new(),
            buffered: 0,
            pass: Pass::default(),
            rewinding: false,
            marks: VecDeque::new(),
            next_sample: 0,
        }
    }

    /// What the file has. Before that, nothing comes.
    pub fn holds(&mut self, pictures: bool, sound: bool) {
        (self.has_pictures, self.has_sound) = (pictures, sound);
        (self.pass.pictures_done, self.pass.sound_done) = (!pictures, !sound);
    }

    /// It begins again when it ends.
    pub const fn repeats(&self) -> bool {
        self.repeat
    }

    /// It has pictures.
    pub const fn has_pictures(&self) -> bool {
        self.has_pictures
    }

    /// From somewhere else in the file, with nothing of what was there.
    pub fn clear(&mut self) {
        let (pictures, sound) = (self.has_pictures, self.has_sound);
        *self = Self::new(self.repeat);
        self.holds(pictures, sound);
    }

    /// There is room for a picture.
    pub fn wants_picture(&self) -> bool {
        let count = self.pictures.len();
        !self.pass.pictures_done && (count < FEWEST || count < PICTURES && self.picture_bytes < PICTURE_BYTES)
    }

    /// There is room for sound.
    pub fn wants_sound(&self) -> bool {
        !self.pass.sound_done && self.buffered < SOUND
    }

    /// A picture of this time in the file; `bytes` is what it takes.
    pub fn push_picture(&mut self, at: u64, duration: Option<u64>, bytes: usize, frame: F) {
        let begins = self.begin(at);
        let place = self.pass.base + at.saturating_sub(begins);
        let since = self.pass.last_picture.map(|last| at.saturating_sub(last)).filter(|since| *since > 0);
        self.pass.last_picture = Some(at);
        let duration = duration.or(since).unwrap_or(USUAL);
        self.pass.picture_end = self.pass.picture_end.max(place + duration);
        self.pictures.push_back((place, frame));
        self.picture_bytes += bytes;
    }

    /// Interleaved samples that begin at this time in the file.
    pub fn push_sound(&mut self, at: u64, samples: Vec<f32>) {
        if self.pass.begins.is_none() {
            if !self.pass.pictures_done {
                self.buffered += samples.len() / CHANNELS;
                self.pass.early.push((at, samples));
                return;
            }
            self.begin(at);
        }
        self.place_sound(at, samples);
    }

    fn place_sound(&mut self, at: u64, mut samples: Vec<f32>) {
        let begins = self.pass.begins.unwrap_or(at);
        let early = (sample_at(begins) - sample_at(at)).max(0) as usize * CHANNELS;
        if early >= samples.len() {
            return;
        }
        samples.drain(..early);
        let place = self.pass.base + at.saturating_sub(begins);
        let count = samples.len() / CHANNELS;
        self.pass.sound_end = self.pass.sound_end.max(place + nanos(count));
        self.buffered += count;
        self.chunks.push_back((place, samples));
    }

    fn begin(&mut self, at: u64) -> u64 {
        if let Some(begins) = self.pass.begins {
            return begins;
        }
        self.pass.begins = Some(at);
        self.marks.push_back((self.pass.base, at));
        for (at, samples) in std::mem::take(&mut self.pass.early) {
            self.buffered -= samples.len() / CHANNELS;
            self.place_sound(at, samples);
        }
        at
    }

    /// No picture comes any more in this pass.
    pub fn finish_pictures(&mut self) {
        self.pass.pictures_done = true;
        // It had none after all.
        if self.pass.begins.is_none()
            && let Some(at) = self.pass.early.first().map(|(at, _)| *at)
        {
            self.begin(at);
        }
    }

    /// No sound comes any more in this pass.
    pub fn finish_sound(&mut self) {
        self.pass.sound_done = true;
    }

    /// All of it came, and there is nothing.
    pub fn is_blank(&self) -> bool {
        self.pass.is_done() && self.marks.is_empty()
    }

    /// The file is to be read from its beginning again, once for each pass.
    pub fn wants_rewind(&mut self) -> bool {
        let due = self.repeat && self.pass.is_done() && !self.rewinding;
        if due && self.pass.end().saturating_sub(self.pass.base) < SHORTEST {
            self.repeat = false;
            return false;
        }
        self.rewinding |= due;
        due
    }

    /// What comes now is the next pass; or there is none.
    pub fn rewound(&mut self, well: bool) {
        self.rewinding = false;
        if !well {
            self.repeat = false;
            return;
        }
        let base = self.pass.end();
        // The coder's padding.
        while let Some((at, samples)) = self.chunks.pop_back() {
            let room = sample_at(base).saturating_sub(sample_at(at)).max(0) as usize * CHANNELS;
            let keep = room.min(samples.len());
            self.buffered -= (samples.len() - keep) / CHANNELS;
            if keep > 0 {
                self.chunks.push_back((at, samples[..keep].to_vec()));
                break;
            }
        }
        self.pass = Pass { base, picture_end: 0, ..Pass::default() };
        (self.pass.pictures_done, self.pass.sound_done) = (!self.has_pictures, !self.has_sound);
    }

    /// Enough is there to begin.
    pub fn is_ready(&self) -> bool {
        self.pass.begins.is_some()
            && (self.pictures.len() >= FEWEST || self.pass.pictures_done)
            && (self.buffered >= FIRST_SOUND || self.pass.sound_done || self.pictures.len() >= PICTURES)
    }

    /// Nothing of it was given out yet.
    pub fn is_waiting(&self) -> bool {
        self.clock == Clock::Waiting
    }

    /// It moves.
    pub fn is_rolling(&self) -> bool {
        matches!(self.clock, Clock::Rolling { .. })
    }

    /// From the tick at `due` on; what is there goes on with it.
    pub fn roll(&mut self, due: u64) {
        let at = match self.clock {
            Clock::Rolling { .. } => return,
            Clock::Waiting => 0,
            Clock::Still { at } => at,
        };
        self.clock = Clock::Rolling { origin: due.saturating_sub(at) };
        // The tick before may have given one sample more than its own.
        self.next_sample = self.next_sample.max(sample_at(due));
    }

    /// Stands still after the tick at `due`, whose picture and sound were given out; frames last `period`.
    pub fn halt(&mut self, due: u64, period: u64) {
        self.clock = match self.clock {
            Clock::Rolling { origin } => Clock::Still { at: (due + period).saturating_sub(origin) },
            Clock::Waiting => Clock::Still { at: 0 },
            still @ Clock::Still { .. } => still,
        };
    }

    /// The picture that it stands at, before it has moved.
    pub fn first(&self) -> Option<&F> {
        self.pictures.front().map(|(_, frame)| frame)
    }

    /// Gives out what the tick at `due` needs, frames lasting `period`: pictures with their times, and all samples until the next
    /// tick with the first one's number.
    pub fn advance(
        &mut self,
        due: u64,
        period: u64,
        size: impl Fn(&F) -> usize,
        mut show: impl FnMut(u64, F),
        mut sound: impl FnMut(i64, &[f32]),
    ) {
        let Clock::Rolling { origin } = self.clock else { return };
        while self.pictures.front().is_some_and(|(at, _)| origin + at <= due + period / 2) {
            let Some((at, frame)) = self.pictures.pop_front() else { break };
            self.picture_bytes = self.picture_bytes.saturating_sub(size(&frame));
            show(origin + at, frame);
        }
        // One more for what rounding takes.
        let until = sample_at(due + period) + 1;
        while self.chunks.front().is_some_and(|(at, _)| sample_at(origin + at) < until) {
            let Some((at, mut samples)) = self.chunks.pop_front() else { break };
            self.buffered -= samples.len() / CHANNELS;
            let off = sample_at(origin + at) - self.next_sample;
            if off > GAP {
                self.next_sample += off;
            } else if off > SLACK {
                sound(self.next_sample, &vec![0.0; off as usize * CHANNELS]);
                self.next_sample += off;
            } else if off < -SLACK {
                samples.drain(..((-off) as usize * CHANNELS).min(samples.len()));
            }
            let room = (until - self.next_sample).max(0) as usize * CHANNELS;
            let taken = room.min(samples.len());
            sound(self.next_sample, &samples[..taken]);
            self.next_sample += (taken / CHANNELS) as i64;
            if taken < samples.len() {
                let rest = samples.split_off(taken);
                self.buffered += rest.len() / CHANNELS;
                let at = (self.next_sample as u64 * 1_000_000_000 / RATE).saturating_sub(origin);
                self.chunks.push_front((at, rest));
                break;
            }
        }
        while self.marks.get(1).is_some_and(|(begins, _)| origin + begins <= due) {
            self.marks.pop_front();
        }
    }

    /// Its last picture has been on long enough: the tick at `due` is the first one after it.
    pub fn has_ended(&self, due: u64, period: u64) -> bool {
        let Clock::Rolling { origin } = self.clock else { return false };
        self.pass.is_done() && !self.repeat && origin + self.pass.end() <= due + period / 2
    }

    /// Where in the file the tick at `due` is, nanoseconds.
    pub fn position(&self, due: u64) -> Option<u64> {
        let at = match self.clock {
            Clock::Waiting => 0,
            Clock::Rolling { origin } => due.saturating_sub(origin),
            Clock::Still { at } => at,
        };
        let at = if self.pass.is_done() && !self.repeat { at.min(self.pass.end()) } else { at };
        let (begins, file) =
            self.marks.iter().rev().find(|(begins, _)| *begins <= at).or(self.marks.front())?;
        Some(file + at.saturating_sub(*begins))
    }

    /// How long it has to go, where that is known by what came.
    pub fn left(&self, due: u64) -> Option<u64> {
        let Clock::Rolling { origin } = self.clock else { return None };
        (self.pass.is_done() && !self.repeat).then(|| (origin + self.pass.end()).saturating_sub(due))
    }
}

fn nanos(samples: usize) -> u64 {
    samples as u64 * 1_000_000_000 / RATE
}

#[cfg(test)]
mod tests;
