//! Blocking reload and delta updates: what `_HLS_msn`, `_HLS_part` and `_HLS_skip` ask for, and when that is
//! there (draft-pantos-hls-rfc8216bis §6.2.5). Pure; the waiting is the caller's.

use crate::egress::hls::store::Edge;
use std::time::Duration;
use url::form_urlencoded;

/// A player may ask for the parts of the next three seconds, or the next three parts (§6.2.5.2).
const ADVANCE: Duration = Duration::from_secs(3);
/// A segment number may be ahead of the newest segment's by so much (§6.2.5.2).
const MSN_AHEAD: u64 = 2;

/// What a request for a media playlist says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// The reply must have got so far.
    pub position: Option<Position>,
    /// A delta update will do.
    pub skip: bool,
}

/// A place in a playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub msn: u64,
    /// None: all of the segment.
    pub part: Option<usize>,
}

/// Directives that make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDirectives {
    #[error("{0} must be a decimal number")]
    NotANumber(&'static str),
    #[error("{0} must not stand twice")]
    Twice(&'static str),
    #[error("_HLS_part needs _HLS_msn")]
    PartAlone,
    #[error("what is asked for is too far ahead of the playlist")]
    TooFarAhead,
}

impl Directives {
    /// Reads a query. Other names, and other values of `_HLS_skip`, are ignored.
    ///
    /// # Errors
    /// What makes no sense whatever the playlist is.
    pub fn parse(query: &str) -> Result<Self, BadDirectives> {
        let (mut msn, mut part, mut skip) = (None, None, false);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (name, slot) = match name.as_ref() {
                "_HLS_msn" => ("_HLS_msn", &mut msn),
                "_HLS_part" => ("_HLS_part", &mut part),
                "_HLS_skip" => {
                    skip = matches!(value.as_ref(), "YES" | "v2");
                    continue;
                }
                _ => continue,
            };
            // A sign is no digit, though the parser would take it.
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            let number = value.parse::<u64>().ok().filter(|_| digits);
            if slot.replace(number.ok_or(BadDirectives::NotANumber(name))?).is_some() {
                return Err(BadDirectives::Twice(name));
            }
        }
        let part = part.map(|part| usize::try_from(part).unwrap_or(usize::MAX));
        let position = match (msn, part) {
            (Some(msn), part) => Some(Position { msn, part }),
            (None, Some(_)) => return Err(BadDirectives::PartAlone),
            (None, None) => None,
        };
        Ok(Self { position, skip })
    }
}

impl Position {
    /// The playlist has got so far. A part after a segment's last one is the next segment's first.
    pub fn is_in(self, edge: &Edge) -> bool {
        let Self { msn, part } = self;
        match part {
            None => msn < edge.next_msn,
            Some(part) if msn == edge.next_msn => part < edge.parts,
            Some(part) => {
                let newest = msn.checked_add(1) == Some(edge.next_msn);
                msn < edge.next_msn && !(newest && part >= edge.last_parts && edge.parts == 0)
            }
        }
    }

    /// Whether a player that follows the playlist may ask for it.
    ///
    /// # Errors
    /// [`BadDirectives::TooFarAhead`]
    pub fn check(self, edge: &Edge) -> Result<(), BadDirectives> {
        // `next_msn` is one more than the newest segment's number.
        let ahead = self.msn.saturating_sub(edge.next_msn);
        if ahead >= MSN_AHEAD {
            return Err(BadDirectives::TooFarAhead);
        }
        let (Some(part), Some(target)) = (self.part, edge.part_target) else { return Ok(()) };
        let limit = if target < Duration::from_secs(1) && !target.is_zero() {
            usize::try_from(ADVANCE.as_nanos().div_ceil(target.as_nanos())).unwrap_or(usize::MAX)
        } else {
            3
        };
        // Of the parts before it that are not there yet, those of a whole segment count as the last one's.
        let before = if ahead > 0 { edge.last_parts.max(edge.parts) } else { 0 };
        let number = before.saturating_add(part);
        if self.msn >= edge.next_msn && number >= edge.parts.saturating_add(limit) {
            return Err(BadDirectives::TooFarAhead);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of four parts up to 99, and of segment 100 two parts.
    const EDGE: Edge = Edge {
        next_msn: 100,
        parts: 2,
        last_parts: 4,
        target_duration: 2,
        part_target: Some(Duration::from_millis(500)),
        listed: true,
        ended: false,
    };

    fn position(msn: u64, part: Option<usize>) -> Position {
        Position { msn, part }
    }

    #[test]
    fn directives_are_read_or_refused() {
        let parse = Directives::parse;
        assert_eq!(parse(""), Ok(Directives::default()));
        assert_eq!(parse("token=x&_HLS_report=1"), Ok(Directives::default()));
        let both = Directives { position: Some(position(7, Some(2))), skip: true };
        assert_eq!(parse("_HLS_msn=7&_HLS_part=2&_HLS_skip=YES"), Ok(both.clone()));
        assert_eq!(parse("_HLS_skip=v2&_HLS_part=2&_HLS_msn=7"), Ok(both));
        assert_eq!(parse("_HLS_msn=7&_HLS_skip=no").unwrap().position, Some(position(7, None)));
        for bad in ["", "x", "-1", "+1", "1.5", " 1", "99999999999999999999"] {
            let query = format!("_HLS_msn={}", bad.replace('+', "%2B"));
            assert_eq!(parse(&query), Err(BadDirectives::NotANumber("_HLS_msn")), "{bad}");
            let query = format!("_HLS_msn=1&_HLS_part={}", bad.replace('+', "%2B"));
            assert_eq!(parse(&query), Err(BadDirectives::NotANumber("_HLS_part")), "{bad}");
        }
        assert_eq!(parse("_HLS_part=0"), Err(BadDirectives::PartAlone));
        assert_eq!(parse("_HLS_msn=1&_HLS_msn=1"), Err(BadDirectives::Twice("_HLS_msn")));
    }

    #[test]
    fn a_position_is_there_or_not() {
        for (msn, part, there) in [
            (0, None, true),
            (99, None, true),
            (100, None, false),
            (100, Some(1), true),
            (100, Some(2), false),
            (99, Some(3), true),
            // Past the end of 99: the first part of 100, which is there.
            (99, Some(9), true),
            (101, Some(0), false),
            (u64::MAX, Some(0), false),
        ] {
            assert_eq!(position(msn, part).is_in(&EDGE), there, "{msn} {part:?}");
        }
        let fresh = Edge { parts: 0, ..EDGE };
        assert!(position(99, Some(3)).is_in(&fresh) && position(98, Some(4)).is_in(&fresh));
        assert!(!position(99, Some(4)).is_in(&fresh) && !position(100, Some(0)).is_in(&fresh));
    }

    #[test]
    fn only_the_near_future_may_be_asked_for() {
        for (msn, part, fine) in [
            (0, None, true),
            (0, Some(500), true),
            (101, None, true),
            (102, None, false),
            (u64::MAX, None, false),
            // Three seconds are six parts; the newest is 100.1.
            (100, Some(7), true),
            (100, Some(8), false),
            (101, Some(3), true),
            (101, Some(4), false),
            (100, Some(usize::MAX), false),
            (101, Some(usize::MAX), false),
        ] {
            assert_eq!(position(msn, part).check(&EDGE).is_ok(), fine, "{msn} {part:?}");
        }
        let long = Edge { part_target: Some(Duration::from_secs(1)), ..EDGE };
        assert!(position(100, Some(4)).check(&long).is_ok() && position(100, Some(5)).check(&long).is_err());
    }
}
