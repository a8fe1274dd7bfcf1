//! What is drawn over the program's scene, and the pictures for it.

use crate::{
    ids::PictureId,
    layout::{Corner, Fraction},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is drawn over a program, and behind its tiles. `P` is what a picture is named by: a number for the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverlaySpec<P = PictureId> {
    /// The name of each tile that shows a picture, in its lower left corner.
    pub labels: bool,
    /// A line of text, or a few.
    pub title: Option<TitleSpec>,
    pub logo: Option<LogoSpec<P>>,
    /// What shows between and beside tiles; the slate's colour otherwise.
    pub background: Option<BackgroundSpec<P>>,
    pub clock: Option<ClockSpec>,
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

impl<P> Default for OverlaySpec<P> {
    fn default() -> Self {
        Self { labels: false, title: None, logo: None, background: None, clock: None }
    }
}

impl<P> OverlaySpec<P> {
    /// The pictures in it.
    pub fn pictures(&self) -> impl Iterator<Item = &P> {
        let logo = self.logo.as_ref().map(|logo| &logo.picture);
        let ground = self.background.as_ref().and_then(|background| match background {
            BackgroundSpec::Picture(picture) => Some(picture),
            BackgroundSpec::Colour(_) => None,
        });
        logo.into_iter().chain(ground)
    }

    /// The same with its pictures named otherwise; those without another name are left out.
    pub fn renamed<Q>(&self, name: impl Fn(&P) -> Option<Q>) -> OverlaySpec<Q> {
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
