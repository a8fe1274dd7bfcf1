//! Which H.264 encoder a program is made with.

use super::EncoderError;
use crate::{media::EncoderChoice, worker::pipeline_file::Role};

/// An encoder there is a pipeline file for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EncoderKind {
    X264,
    Openh264,
}

impl EncoderKind {
    /// What a choice allows, the best first: x264 has the better picture at the same rate.
    const fn candidates(choice: EncoderChoice) -> &'static [Self] {
        match choice {
            EncoderChoice::Auto => &[Self::X264, Self::Openh264],
            EncoderChoice::X264 => &[Self::X264],
            EncoderChoice::Openh264 => &[Self::Openh264],
        }
    }

    /// The first candidate whose element `is_present`.
    pub(super) fn choose(
        choice: EncoderChoice,
        is_present: impl Fn(&str) -> bool,
    ) -> Result<Self, EncoderError> {
        let candidates = Self::candidates(choice);
        candidates.iter().copied().find(|kind| is_present(kind.element())).ok_or_else(|| {
            let elements = candidates.iter().map(|kind| kind.element()).collect::<Vec<_>>().join(" or ");
            EncoderError::NotThere { choice, elements }
        })
    }

    /// The element that it is.
    pub(super) const fn element(self) -> &'static str {
        match self {
            Self::X264 => "x264enc",
            Self::Openh264 => "openh264enc",
        }
    }

    /// Its pipeline file.
    pub(super) const fn role(self) -> Role {
        match self {
            Self::X264 => Role::EncodeX264,
            Self::Openh264 => Role::EncodeOpenh264,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_first_that_is_there_and_a_fixed_choice_no_other() {
        let chosen = |choice, there: &[&str]| EncoderKind::choose(choice, |one| there.contains(&one)).ok();
        let (x264, openh264) = ("x264enc", "openh264enc");
        assert_eq!(chosen(EncoderChoice::Auto, &[openh264, x264]), Some(EncoderKind::X264));
        assert_eq!(chosen(EncoderChoice::Auto, &[openh264]), Some(EncoderKind::Openh264));
        assert_eq!(chosen(EncoderChoice::Openh264, &[openh264, x264]), Some(EncoderKind::Openh264));
        assert_eq!(chosen(EncoderChoice::X264, &[openh264]), None);
        let error = EncoderKind::choose(EncoderChoice::Auto, |_| false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no encoder for encoding.encoder = Auto is installed (it needs x264enc or openh264enc)"
        );
    }
}
