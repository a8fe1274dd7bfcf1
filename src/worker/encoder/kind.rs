//! Which H.264 encoder a program is made with, and which one when that fails.

use crate::{
    media::{EncoderChoice, EncoderKind},
    worker::pipeline_file::Role,
};

/// Every encoder, the best first: hardware costs no cores; x264 has the better picture at the same rate. VA-API's newer
/// plugin goes before the older one, which GStreamer has given up.
const ORDER: [EncoderKind; 6] = [
    EncoderKind::Nvenc,
    EncoderKind::Va,
    EncoderKind::Vaapi,
    EncoderKind::V4l2,
    EncoderKind::X264,
    EncoderKind::Openh264,
];

impl EncoderKind {
    /// The element that it is.
    pub(crate) const fn element(self) -> &'static str {
        match self {
            Self::Nvenc => "nvh264enc",
            Self::Va => "vah264enc",
            Self::Vaapi => "vaapih264enc",
            Self::V4l2 => "v4l2h264enc",
            Self::X264 => "x264enc",
            Self::Openh264 => "openh264enc",
        }
    }

    /// Its pipeline file.
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Nvenc => Role::EncodeNvenc,
            Self::Va => Role::EncodeVa,
            Self::Vaapi => Role::EncodeVaapi,
            Self::V4l2 => Role::EncodeV4l2,
            Self::X264 => Role::EncodeX264,
            Self::Openh264 => Role::EncodeOpenh264,
        }
    }

    /// Whether its element being there says nothing about whether it works.
    pub(crate) const fn is_hardware(self) -> bool {
        !matches!(self, Self::X264 | Self::Openh264)
    }

    /// All that are [hardware](Self::is_hardware).
    pub(super) fn hardware() -> impl Iterator<Item = Self> {
        ORDER.into_iter().filter(|kind| kind.is_hardware())
    }
}

/// What the encoders of a worker are known to do.
#[derive(Debug, Default)]
pub struct Selection {
    /// The hardware's that worked when they were tried.
    works: Vec<EncoderKind>,
    failed: Vec<EncoderKind>,
}

impl Selection {
    /// A program begins. The hardware that works has been found by trying; what failed in an earlier program of this
    /// worker stays out if it is hardware, which may be in any state. Software has none.
    pub(super) fn begin(&mut self, works: Vec<EncoderKind>) {
        self.works = works;
        self.failed.retain(|kind| kind.is_hardware());
    }

    /// The encoder failed: it is not taken again.
    pub(super) fn fail(&mut self, kind: EncoderKind) {
        if !self.failed.contains(&kind) {
            self.failed.push(kind);
        }
    }

    /// The best that is left; none when there is nothing more to try. `is_present` says whether an element can be made.
    pub(super) fn best(
        &self,
        choice: EncoderChoice,
        is_present: impl Fn(&str) -> bool,
    ) -> Option<EncoderKind> {
        allowed(choice).find(|kind| {
            !self.failed.contains(kind)
                && if kind.is_hardware() { self.works.contains(kind) } else { is_present(kind.element()) }
        })
    }
}

/// What a choice allows, the best first.
fn allowed(choice: EncoderChoice) -> impl Iterator<Item = EncoderKind> {
    ORDER.into_iter().filter(move |kind| match choice {
        EncoderChoice::Auto => true,
        EncoderChoice::X264 => *kind == EncoderKind::X264,
        EncoderChoice::Openh264 => *kind == EncoderKind::Openh264,
    })
}

/// The elements that a choice can do with, for a message. Hardware is not something to be installed.
pub(super) fn needed(choice: EncoderChoice) -> String {
    let software = allowed(choice).filter(|kind| !kind.is_hardware());
    software.map(EncoderKind::element).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn auto_takes_hardware_that_works_else_software_and_a_fixed_choice_no_other() {
        let chosen = |choice, works: &[EncoderKind], there: &[&str]| {
            let mut selection = Selection::default();
            selection.begin(works.to_vec());
            selection.best(choice, |one| there.contains(&one))
        };
        let all = ["nvh264enc", "vah264enc", "vaapih264enc", "v4l2h264enc", "x264enc", "openh264enc"];
        let auto = EncoderChoice::Auto;
        assert_eq!(chosen(auto, &[EncoderKind::V4l2, EncoderKind::Va], &all), Some(EncoderKind::Va));
        assert_eq!(chosen(auto, &[], &all), Some(EncoderKind::X264), "there, but it does not work");
        assert_eq!(chosen(auto, &[], &["openh264enc"]), Some(EncoderKind::Openh264));
        assert_eq!(chosen(auto, &[], &[]), None);
        let works = [EncoderKind::Nvenc];
        assert_eq!(chosen(EncoderChoice::X264, &works, &all), Some(EncoderKind::X264));
        assert_eq!(chosen(EncoderChoice::Openh264, &works, &all), Some(EncoderKind::Openh264));
        assert_eq!(chosen(EncoderChoice::X264, &works, &["openh264enc"]), None);
        assert_eq!(needed(auto), "x264enc or openh264enc");
    }

    #[test]
    fn hardware_that_failed_stays_out_and_software_is_tried_again() {
        let mut selection = Selection::default();
        selection.begin(vec![EncoderKind::Va]);
        selection.fail(EncoderKind::Va);
        selection.fail(EncoderKind::X264);
        assert_eq!(selection.best(EncoderChoice::Auto, |_| true), Some(EncoderKind::Openh264));
        selection.begin(vec![EncoderKind::Va]);
        assert_eq!(selection.best(EncoderChoice::Auto, |_| true), Some(EncoderKind::X264));
    }

    proptest! {
        /// Whatever works and whatever is there: each is tried once, in order, software last, and nobody gives up before.
        #[test]
        fn falling_back_tries_everything_once(
            works in proptest::sample::subsequence(EncoderKind::hardware().collect::<Vec<_>>(), 0..=4),
            software in proptest::sample::subsequence(vec![EncoderKind::X264, EncoderKind::Openh264], 0..=2),
        ) {
            let is_present = |element: &str| software.iter().any(|kind| kind.element() == element);
            let mut selection = Selection::default();
            selection.begin(works.clone());
            let mut tried = Vec::new();
            while let Some(kind) = selection.best(EncoderChoice::Auto, is_present) {
                prop_assert!(!tried.contains(&kind), "{kind:?} again after {tried:?}");
                tried.push(kind);
                selection.fail(kind);
            }
            let expected: Vec<_> = works.into_iter().chain(software).collect();
            prop_assert_eq!(tried, expected);
        }
    }
}
