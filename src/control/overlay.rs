//! What a conference's programs have drawn over them, and the pictures for it. Control names pictures and passes their
//! bytes on; it never looks into them.

use crate::{
    ids::PictureName,
    ipc::overlay::{
        BackgroundSpec, ClockSpec, LogoSpec, OverlaySpec, PictureFile, PictureKind, StandIn, TitleSpec,
    },
    media_dir::MediaName,
    units::MediaTime,
};
use std::collections::BTreeMap;

/// An overlay whose pictures and files have names.
pub type Overlay = OverlaySpec<PictureName, MediaName>;

/// A slate that is not the card, by names.
pub type NamedSlate = StandIn<PictureName, MediaName>;

/// The server's own pictures: `[pictures]`.
pub type ServerPictures = BTreeMap<PictureName, PictureFile>;

/// A change of an overlay: what is absent stays, what is `None` goes, what is there takes the place of what was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OverlayPatch {
    pub labels: Option<bool>,
    pub title: Option<Option<TitleSpec>>,
    pub logo: Option<Option<LogoSpec<PictureName>>>,
    pub background: Option<Option<BackgroundSpec<PictureName>>>,
    pub clock: Option<Option<ClockSpec>>,
    pub slate: Option<Option<NamedSlate>>,
}

impl OverlayPatch {
    /// What becomes of an overlay by it.
    pub fn applied(self, overlay: &Overlay) -> Overlay {
        let Overlay { labels, title, logo, background, clock, slate } = overlay.clone();
        Overlay {
            labels: self.labels.unwrap_or(labels),
            title: self.title.unwrap_or(title),
            logo: self.logo.unwrap_or(logo),
            background: self.background.unwrap_or(background),
            clock: self.clock.unwrap_or(clock),
            slate: self.slate.unwrap_or(slate),
        }
    }

    /// The clip that it makes the slate.
    pub fn clip(&self) -> Option<&MediaName> {
        self.slate.as_ref()?.as_ref()?.clip()
    }

    /// It changes nothing but the slate, and that is no clip: pictures that pass through can have it.
    pub fn suits_passthrough(&self) -> bool {
        let Self { labels, title, logo, background, clock, slate } = self;
        let rest =
            labels.is_some() || title.is_some() || logo.is_some() || background.is_some() || clock.is_some();
        slate.is_some() && !rest && self.clip().is_none()
    }
}

/// An overlay as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayView {
    pub overlay: Overlay,
    /// The program's time of the first frame that shows a change; `None` where no program shows it yet.
    pub program_pts: Option<MediaTime>,
}

/// A picture, as read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureView {
    pub name: PictureName,
    pub kind: PictureKind,
    pub bytes: usize,
    /// In pixels; the server's own are not decoded before they are used.
    pub size: Option<(u32, u32)>,
    /// One of the server's own: it stays.
    pub server: bool,
}

/// A picture of a conference's own, as it is kept: what a restart of the server is to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPicture {
    pub name: PictureName,
    pub file: PictureFile,
    /// In pixels, as a worker decoded it.
    pub size: (u32, u32),
}

/// A picture that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PicturePut {
    pub picture: PictureView,
    /// There was none of this name.
    pub created: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ipc::overlay::{StandInMedia, TitlePosition},
        layout::Fit,
    };

    #[test]
    fn what_is_absent_stays_and_what_is_none_goes() {
        let title = TitleSpec { text: "Hello".to_owned(), position: TitlePosition::Top };
        let patch = OverlayPatch {
            labels: Some(true),
            title: Some(Some(title.clone())),
            background: Some(Some(BackgroundSpec::Colour(1))),
            ..OverlayPatch::default()
        };
        let first = patch.applied(&Overlay::default());
        assert!(first.labels && first.title == Some(title.clone()) && first.clock.is_none());
        let second = OverlayPatch { background: Some(None), ..OverlayPatch::default() }.applied(&first);
        assert_eq!(second, Overlay { labels: true, title: Some(title), ..Overlay::default() });
        assert_eq!(OverlayPatch::default().applied(&second), second);
    }

    #[test]
    fn what_passes_through_can_have_another_slate_and_nothing_else() {
        let of = |shows| Some(Some(StandIn { shows, fit: Fit::Cover }));
        let picture = of(StandInMedia::Picture("wall".parse().unwrap()));
        let clip = of(StandInMedia::Clip("break.mp4".parse().unwrap()));
        let with = |slate, labels| OverlayPatch { slate, labels, ..OverlayPatch::default() };
        assert!(
            with(picture.clone(), None).suits_passthrough() && with(Some(None), None).suits_passthrough()
        );
        for other in [with(picture, Some(false)), with(clip.clone(), None), with(None, None)] {
            assert!(!other.suits_passthrough(), "{other:?}");
        }
        let named = with(clip, None).applied(&Overlay::default());
        assert_eq!(with(None, Some(true)).applied(&named).slate, named.slate);
        assert_eq!(with(Some(None), None).applied(&named), Overlay::default());
    }
}
