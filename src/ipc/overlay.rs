//! What is drawn over the program's scene, what is shown where there is no scene, and the pictures for it.

use super::file::FileSpec;
use crate::{
    ids::PictureId,
    layout::{Corner, Fit, Fraction},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is drawn over a program, behind its tiles, and instead of them. `P` is what a picture is named by, a number for the
/// worker; `F` what a media file is named by, for the worker where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverlaySpec<P = PictureId, F = FileSpec> {
    /// The name of each tile that shows a picture, in its lower left corner.
    pub labels: bool,
    /// A line of text, or a few.
    pub title: Option<TitleSpec>,
    pub logo: Option<LogoSpec<P>>,
    /// What shows between and beside tiles; the slate's colour otherwise.
    pub background: Option<BackgroundSpec<P>>,
    pub clock: Option<ClockSpec>,
    /// What the program shows when there is nothing else; its card otherwise.
    pub slate: Option<StandIn<P, F>>,
}

/// A slate that is not the card. Pictures that pass through have the card instead of a clip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn<P = PictureId, F = FileSpec> {
    pub shows: StandInMedia<P, F>,
    /// How it fills the frame. With [`Fit::Contain`] the background is beside it.
    pub fit: Fit,
}

/// What such a slate is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StandInMedia<P = PictureId, F = FileSpec> {
    Picture(P),
    /// A film without its sound, again and again, from its beginning whenever the slate comes.
    Clip(F),
}

/// A title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TitleSpec {
    /// Never parsed as markup.
    pub text: String,
    pub position: TitlePosition,
}

/// Where a title stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TitlePosition {
    Top,
    #[default]
    Bottom,
}

/// A picture in a corner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoSpec<P = PictureId> {
    pub picture: P,
    pub corner: Corner,
    /// Its width, of the program's.
    pub size: Fraction,
    /// Of all of it; what is transparent in it stays so.
    pub opacity: Fraction,
}

/// What shows where no tile is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackgroundSpec<P = PictureId> {
    /// 0xRRGGBB.
    Colour(u32),
    /// Fills the frame; what does not fit is cut on both sides.
    Picture(P),
}

/// The time of day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSpec {
    pub corner: Corner,
    /// IANA name, known to be one.
    pub zone: String,
    pub seconds: bool,
}

impl<P, F> Default for OverlaySpec<P, F> {
    fn default() -> Self {
        Self { labels: false, title: None, logo: None, background: None, clock: None, slate: None }
    }
}

impl<P, F> StandIn<P, F> {
    /// The picture that it is.
    pub const fn picture(&self) -> Option<&P> {
        match &self.shows {
            StandInMedia::Picture(picture) => Some(picture),
            StandInMedia::Clip(_) => None,
        }
    }

    /// The media file that it plays.
    pub const fn clip(&self) -> Option<&F> {
        match &self.shows {
            StandInMedia::Clip(clip) => Some(clip),
            StandInMedia::Picture(_) => None,
        }
    }
}

impl<P, F> OverlaySpec<P, F> {
    /// The pictures in it.
    pub fn pictures(&self) -> impl Iterator<Item = &P> {
        let logo = self.logo.as_ref().map(|logo| &logo.picture);
        let ground = self.background.as_ref().and_then(|background| match background {
            BackgroundSpec::Picture(picture) => Some(picture),
            BackgroundSpec::Colour(_) => None,
        });
        let slate = self.slate.as_ref().and_then(StandIn::picture);
        logo.into_iter().chain(ground).chain(slate)
    }

    /// The same with its pictures and files named otherwise; those without another name are left out.
    pub fn renamed<Q, G>(
        &self,
        name: impl Fn(&P) -> Option<Q>,
        file: impl Fn(&F) -> Option<G>,
    ) -> OverlaySpec<Q, G> {
        OverlaySpec {
            labels: self.labels,
            title: self.title.clone(),
            logo: self.logo.as_ref().and_then(|logo| {
                let LogoSpec { picture, corner, size, opacity } = logo;
                Some(LogoSpec { picture: name(picture)?, corner: *corner, size: *size, opacity: *opacity })
            }),
            background: self.background.as_ref().and_then(|background| {
                Some(match background {
                    BackgroundSpec::Colour(colour) => BackgroundSpec::Colour(*colour),
                    BackgroundSpec::Picture(picture) => BackgroundSpec::Picture(name(picture)?),
                })
            }),
            clock: self.clock.clone(),
            slate: self.slate.as_ref().and_then(|slate| {
                let shows = match &slate.shows {
                    StandInMedia::Picture(picture) => StandInMedia::Picture(name(picture)?),
                    StandInMedia::Clip(clip) => StandInMedia::Clip(file(clip)?),
                };
                Some(StandIn { shows, fit: slate.fit })
            }),
        }
    }
}

/// What a picture's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PictureKind {
    Png,
    Jpeg,
    Svg,
}

impl PictureKind {
    /// As MIME has it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Svg => "image/svg+xml",
        }
    }

    /// The kind that MIME calls so.
    pub fn of_content_type(text: &str) -> Option<Self> {
        [Self::Png, Self::Jpeg, Self::Svg].into_iter().find(|kind| kind.content_type() == text)
    }
}

/// A picture as it came: control does not look into it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureFile {
    pub kind: PictureKind,
    pub data: Bytes,
}

impl fmt::Debug for PictureFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PictureFile({:?}, {} bytes)", self.kind, self.data.len())
    }
}
