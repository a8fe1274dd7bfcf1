//! Layouts that somebody arranged: presets with their settings, and tiles anywhere.

use crate::{
    ids::{ParticipantId, StreamName},
    layout::{Area, Corner, EdgeSpec, Fit, Fraction},
};

/// How several share the picture. Its *slots* are filled by a request's `participants`, or by everybody in order of
/// joining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrangement {
    /// Slot 0 fills the frame, slot 1 stands above it in a corner.
    Pip {
        corner: Corner,
        /// The inset's part of the frame's width and height.
        size: Fraction,
    },
    /// Slots 0 and 1 have a half each.
    SideBySide { fit: Fit },
    /// Anywhere; in the order in which they were written.
    Custom(Vec<Tile>),
}

/// A tile of a custom layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    pub who: Who,
    /// Which of their streams; the one that stands for them when absent.
    pub stream: Option<StreamName>,
    pub area: Area,
    /// Higher ones are above; among equals the later one.
    pub z: i32,
    pub fit: Fit,
    pub edge: EdgeSpec,
}

/// Whom a tile shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Always the same.
    Participant(ParticipantId),
    /// Whoever fills that slot.
    Slot {
        index: usize,
        /// It was written down; else it is the tile's place among those of nobody in particular.
        explicit: bool,
    },
}

impl Arrangement {
    /// What it is called: `pip`, `side_by_side` or `custom`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pip { .. } => "pip",
            Self::SideBySide { .. } => "side_by_side",
            Self::Custom(_) => "custom",
        }
    }

    /// Slots there are: as many participants can be named.
    pub fn slots(&self) -> usize {
        match self {
            Self::Pip { .. } | Self::SideBySide { .. } => 2,
            Self::Custom(tiles) => {
                let slot = |tile: &Tile| match tile.who {
                    Who::Slot { index, .. } => index + 1,
                    Who::Participant(_) => 0,
                };
                tiles.iter().map(slot).max().unwrap_or(0)
            }
        }
    }

    /// Tiles there are.
    pub fn tiles(&self) -> usize {
        match self {
            Self::Pip { .. } | Self::SideBySide { .. } => 2,
            Self::Custom(tiles) => tiles.len(),
        }
    }

    /// Those who are on it by name.
    pub fn named(&self) -> impl Iterator<Item = &ParticipantId> {
        let tiles = match self {
            Self::Custom(tiles) => tiles.as_slice(),
            Self::Pip { .. } | Self::SideBySide { .. } => &[],
        };
        tiles.iter().filter_map(|tile| match &tile.who {
            Who::Participant(participant) => Some(participant),
            Who::Slot { .. } => None,
        })
    }
}
