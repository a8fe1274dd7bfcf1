//! A source's coded pictures that have not had their turn, pure.

use crate::units::MediaTime;
use std::collections::VecDeque;

/// Pictures waiting at most: some four seconds at 60 a second. What has its turn is fetched thirty times a second,
/// so only a burst after a hole gets near it.
const CAPACITY: usize = 256;

/// A picture on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit<P> {
    /// When it is shown, on the source's time.
    pub pts: MediaTime,
    /// Decoding can start here.
    pub idr: bool,
    /// The picture itself.
    pub picture: P,
}

/// Whether a picture that is no IDR can be decoded by who has what is in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// Nothing came yet of who feeds it: what it refers to is not here, and nobody misses it.
    Fresh,
    /// Something was left out: what follows is lost up to the next IDR.
    Lossy,
    Open,
}

/// The pictures of one source, in the order in which they came, which is the order of decoding.
#[derive(Debug)]
pub struct CodedLine<P> {
    waiting: VecDeque<Unit<P>>,
    gate: Gate,
    newest_idr: Option<MediaTime>,
    lost: u64,
}

impl<P> Default for CodedLine<P> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), gate: Gate::Fresh, newest_idr: None, lost: 0 }
    }
}

impl<P> CodedLine<P> {
    /// A picture came.
    pub fn push(&mut self, unit: Unit<P>) {
        if unit.idr {
            self.gate = Gate::Open;
            self.newest_idr = Some(unit.pts);
        } else if self.waiting.len() >= CAPACITY {
            self.gate = Gate::Lossy;
        }
        match self.gate {
            Gate::Open => {}
            Gate::Lossy => {
                self.lost += 1;
                return;
            }
            Gate::Fresh => return,
        }
        if self.waiting.len() >= CAPACITY {
            // A line that begins anew at the IDR: nothing that stays refers to what goes.
            self.lost += self.waiting.len() as u64;
            self.waiting.clear();
        }
        self.waiting.push_back(unit);
    }

    /// Somebody else feeds it from now on: his pictures refer to nothing that is here.
    pub fn change_hands(&mut self) {
        self.gate = Gate::Fresh;
    }

    /// The next picture, if it has its turn before `until`.
    pub fn due(&self, until: MediaTime) -> Option<&Unit<P>> {
        self.waiting.front().filter(|unit| unit.pts < until)
    }

    /// Takes the next picture, if it has its turn before `until`.
    pub fn take_due(&mut self, until: MediaTime) -> Option<Unit<P>> {
        self.due(until)?;
        self.waiting.pop_front()
    }

    /// Forgets pictures that have their turn before `until` up to the first IDR.
    pub fn skip_to_idr(&mut self, until: MediaTime) {
        while self.due(until).is_some_and(|unit| !unit.idr) {
            self.waiting.pop_front();
        }
    }

    /// Forgets pictures that had their turn before `until`.
    pub fn skip(&mut self, until: MediaTime) {
        while self.due(until).is_some() {
            self.waiting.pop_front();
        }
    }

    /// Time of the last IDR that came.
    pub fn newest_idr(&self) -> Option<MediaTime> {
        self.newest_idr
    }

    /// Pictures that found no place, since the last time this was asked.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(ms: u64, idr: bool) -> Unit<u64> {
        Unit { pts: MediaTime::from_millis(ms), idr, picture: ms }
    }

    #[test]
    fn a_full_line_goes_on_at_the_next_idr() {
        let mut line = CodedLine::default();
        for n in 0..CAPACITY as u64 + 10 {
            line.push(unit(n, n == 0));
        }
        assert_eq!(line.take_lost(), 10);
        line.push(unit(1000, false));
        line.push(unit(1001, true));
        line.push(unit(1002, false));
        let rest: Vec<u64> = std::iter::from_fn(|| line.take_due(MediaTime::from_millis(9999)))
            .map(|unit| unit.picture)
            .collect();
        assert_eq!(rest, [1001, 1002]);
        assert_eq!((line.take_lost(), line.take_lost()), (1 + CAPACITY as u64, 0));
        assert_eq!(line.newest_idr(), Some(MediaTime::from_millis(1001)));
    }

    #[test]
    fn who_takes_over_begins_with_an_idr() {
        let mut line = CodedLine::default();
        for (ms, idr) in [(10, false), (20, true), (30, false)] {
            line.push(unit(ms, idr));
        }
        line.change_hands();
        for (ms, idr) in [(40, false), (50, true), (60, false)] {
            line.push(unit(ms, idr));
        }
        let all: Vec<u64> = std::iter::from_fn(|| line.take_due(MediaTime::from_millis(99)))
            .map(|unit| unit.picture)
            .collect();
        assert_eq!((all, line.take_lost()), (vec![20, 30, 50, 60], 0));
    }

    #[test]
    fn skipping_stops_at_what_is_not_due() {
        let mut line = CodedLine::default();
        for (ms, idr) in [(5, true), (10, false), (20, true), (30, false), (90, false)] {
            line.push(unit(ms, idr));
        }
        assert_eq!(line.take_due(MediaTime::from_millis(40)).map(|unit| unit.picture), Some(5));
        line.skip_to_idr(MediaTime::from_millis(40));
        assert_eq!(line.due(MediaTime::from_millis(40)).map(|unit| unit.picture), Some(20));
        line.skip(MediaTime::from_millis(40));
        assert_eq!(line.due(MediaTime::from_millis(100)).map(|unit| unit.picture), Some(90));
    }
}
