//! What a clock shows, pure.

use jiff::{Timestamp, tz::TimeZone};

/// A clock's face.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    zone: TimeZone,
    seconds: bool,
}

impl Face {
    /// In a time zone of the IANA's; UTC where this machine does not know it (control does, by the same list).
    pub fn new(zone: &str, seconds: bool) -> Self {
        Self { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC), seconds }
    }

    /// What it shows at a moment.
    pub fn text(&self, at: Timestamp) -> String {
        let time = self.zone.to_datetime(at);
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        match self.seconds {
            true => format!("{hour:02}:{minute:02}:{second:02}"),
            false => format!("{hour:02}:{minute:02}"),
        }
    }

    /// The most characters it shows.
    pub const fn characters(&self) -> u32 {
        if self.seconds { 8 } else { 5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_goes_by_its_zone() {
        let noon: Timestamp = "2026-07-01T12:00:59.999Z".parse().unwrap();
        let text = |zone: &str, seconds| Face::new(zone, seconds).text(noon);
        assert_eq!(text("UTC", true), "12:00:59");
        assert_eq!(text("Europe/Berlin", true), "14:00:59");
        assert_eq!(text("Asia/Kolkata", false), "17:30");
        // Summer time is the zone's business.
        let winter: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        assert_eq!(Face::new("Europe/Berlin", true).text(winter), "13:00:00");
        assert_eq!(text("Nowhere/Land", true), "12:00:59");
    }
}
