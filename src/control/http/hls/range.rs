//! `Range` (RFC 9110 §14), single byte ranges only.

/// What of a file a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestedRange {
    /// All of it: no range, one we do not understand, or several (which may be answered like this).
    Whole,
    /// Both ends belong to it; `last` is below the length.
    Part { first: u64, last: u64 },
    /// Nothing of it exists.
    Unsatisfiable,
}

impl RequestedRange {
    /// Reads the header's value for a file of `len` bytes.
    pub fn parse(value: &[u8], len: u64) -> Self {
        let Ok(value) = std::str::from_utf8(value) else { return Self::Whole };
        let Some((unit, range)) = value.trim().split_once('=') else { return Self::Whole };
        let Some((first, last)) = range.trim().split_once('-') else { return Self::Whole };
        if !unit.eq_ignore_ascii_case("bytes") {
            return Self::Whole;
        }
        match (number(first), number(last)) {
            (Some(Number::None), Some(Number::At(suffix))) => match suffix.min(len) {
                0 => Self::Unsatisfiable,
                suffix => Self::Part { first: len - suffix, last: len - 1 },
            },
            (Some(Number::At(first)), Some(Number::None)) => Self::between(first, u64::MAX, len),
            (Some(Number::At(first)), Some(Number::At(last))) if first <= last => {
                Self::between(first, last, len)
            }
            _ => Self::Whole,
        }
    }

    fn between(first: u64, last: u64, len: u64) -> Self {
        if first < len { Self::Part { first, last: last.min(len - 1) } } else { Self::Unsatisfiable }
    }
}

enum Number {
    None,
    At(u64),
}

/// Digits, or nothing; `None` for anything else. More digits than fit lie beyond every file.
fn number(text: &str) -> Option<Number> {
    if text.is_empty() {
        return Some(Number::None);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| Number::At(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let part = |first, last| RequestedRange::Part { first, last };
        for (value, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-99", part(0, 99)),
            ("bytes=10-", part(10, 99)),
            ("Bytes=10-20", part(10, 20)),
            ("bytes=90-1000", part(90, 99)),
            ("bytes=-1", part(99, 99)),
            ("bytes=-1000", part(0, 99)),
            ("bytes=100-", RequestedRange::Unsatisfiable),
            ("bytes=100-200", RequestedRange::Unsatisfiable),
            ("bytes=99999999999999999999999-", RequestedRange::Unsatisfiable),
            ("bytes=-0", RequestedRange::Unsatisfiable),
            ("bytes=20-10", RequestedRange::Whole),
            ("bytes=0-1,5-6", RequestedRange::Whole),
            ("bytes=-", RequestedRange::Whole),
            ("bytes=+1-2", RequestedRange::Whole),
            ("lines=0-1", RequestedRange::Whole),
            ("nonsense", RequestedRange::Whole),
        ] {
            assert_eq!(RequestedRange::parse(value.as_bytes(), 100), expected, "{value}");
        }
        assert_eq!(RequestedRange::parse(b"bytes=0-", 0), RequestedRange::Unsatisfiable);
        assert_eq!(RequestedRange::parse(b"bytes=-5", 0), RequestedRange::Unsatisfiable);
    }
}
