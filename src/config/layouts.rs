//! What a layout may be: one rule for `[layouts.name]` and for `source` of a request.

use crate::{
    control::{
        cast::{Arrangement, Tile, Who},
        conference::setup::colour,
    },
    ids::{LayoutName, ParticipantId},
    layout::{Area, Corner, EdgeSpec, Fit, Fraction},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::RangeInclusive};
use utoipa::ToSchema;

/// Names that mean something already.
pub const BUILT_IN: [&str; 6] = ["grid", "speaker", "pip", "side_by_side", "screen", "custom"];
/// Layouts of the configuration's own.
pub const MAX_LAYOUTS: usize = 100;
/// Tiles of a custom layout: each may cost a decoder and is scaled for every frame. Five times five.
pub const MAX_TILES: usize = 25;
/// Participants that can be asked for by their place.
pub const SLOTS: RangeInclusive<u32> = 0..=24;
/// A tile's width and height, of the frame's: 25 by 14 pixels at 720p.
pub const TILE_SIZE: RangeInclusive<f64> = 0.02..=1.0;
/// An inset's part of the frame's width and height. Above a half it would hide whom it stands beside.
pub const INSET_SIZE: RangeInclusive<f64> = 0.1..=0.5;
/// A border's width, of the frame's height: up to 36 pixels at 720p.
pub const BORDER: RangeInclusive<f64> = 0.0..=0.05;
/// A corner's radius, of the frame's height.
pub const RADIUS: RangeInclusive<f64> = 0.0..=0.5;
/// What lies above what.
pub const Z: RangeInclusive<i32> = -100..=100;
/// Three thirds, each written with three digits, may be more than one by so much.
const TOLERANCE: f64 = 0.002;
/// An inset's size when none is named.
const USUAL_INSET: f64 = 0.25;

/// `[layouts]`, by name.
pub type LayoutsConfig = BTreeMap<String, LayoutConfig>;

/// `[layouts.name]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayoutConfig {
    /// `pip`, `side_by_side` or `custom`.
    pub layout: String,
    /// With `pip`: where the inset stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corner: Option<CornerName>,
    /// With `pip`: the inset's size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<f64>,
    /// With `side_by_side`: how the halves are filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<FitName>,
    /// With `custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiles: Option<Vec<TileNumbers>>,
}

/// A corner of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CornerName {
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// How a picture fills its tile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FitName {
    /// All of it, as large as it goes; what is under the tile shows beside it.
    #[default]
    Contain,
    /// The tile is filled; what does not fit is cut on both sides.
    Cover,
}

/// A tile of a custom layout. Its place is in parts of the frame: 0.5 is the middle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "Tile")]
pub struct TileNumbers {
    /// Whom it shows. Their name stands on a coloured field as long as they have no picture. Without it, who fills
    /// `slot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// Whom it shows: the how manyth, from 0, of `participants`, or of everybody who is on no tile by name, in order of
    /// joining. When absent as `participant` is: 0 for the first such tile, 1 for the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 24)]
    pub slot: Option<u32>,
    /// Which of their streams; their camera when absent, or what they send instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Its left edge, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub x: f64,
    /// Its upper edge, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub y: f64,
    /// 0.02 to 1; `x` and `width` together 1 at most.
    #[schema(minimum = 0.02, maximum = 1)]
    pub width: f64,
    /// 0.02 to 1; `y` and `height` together 1 at most.
    #[schema(minimum = 0.02, maximum = 1)]
    pub height: f64,
    /// Higher ones are above, among equals the later one; 0 when absent.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    pub z: i32,
    /// `contain` when absent.
    #[serde(default)]
    pub fit: FitName,
    /// A frame around the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub border: Option<BorderNumbers>,
    /// Round corners, in parts of the frame's height: 0 (when absent) to 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 0.5)]
    pub radius: Option<f64>,
}

/// A frame around a tile's picture, inside the tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "Border")]
pub struct BorderNumbers {
    /// In parts of the frame's height, 0 to 0.05; 0.01 is about 8 pixels at 720p.
    #[schema(minimum = 0, maximum = 0.05)]
    pub width: f64,
    /// `#rrggbb`.
    #[schema(example = "#ffffff")]
    pub color: String,
}

/// A layout that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {fault}; allowed: {allowed}")]
pub struct BadLayout {
    /// `tiles[0].width`, …
    pub field: String,
    /// What is wrong.
    pub fault: String,
    /// What is allowed.
    pub allowed: String,
}

impl BadLayout {
    fn new(field: impl Into<String>, fault: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { field: field.into(), fault: fault.into(), allowed: allowed.into() }
    }
}

/// Picture in picture.
///
/// # Errors
/// `size` out of range.
pub fn pip(corner: Option<CornerName>, size: Option<f64>) -> Result<Arrangement, BadLayout> {
    let size = fraction("size", size.unwrap_or(USUAL_INSET), &INSET_SIZE)?;
    Ok(Arrangement::Pip { corner: corner.map_or_else(Corner::default, Into::into), size })
}

/// Two halves, filled unless it is said otherwise.
pub fn side_by_side(fit: Option<FitName>) -> Arrangement {
    Arrangement::SideBySide { fit: fit.map_or(Fit::Cover, Into::into) }
}

/// Tiles anywhere.
///
/// # Errors
/// The first number that is out of range.
pub fn custom(tiles: &[TileNumbers]) -> Result<Arrangement, BadLayout> {
    if !(1..=MAX_TILES).contains(&tiles.len()) {
        let fault = format!("has {} entries", tiles.len());
        return Err(BadLayout::new("tiles", fault, format!("1 to {MAX_TILES}")));
    }
    let mut anonymous = 0;
    let mut placed = Vec::with_capacity(tiles.len());
    for (index, numbers) in tiles.iter().enumerate() {
        let within = |bad: BadLayout| BadLayout { field: format!("tiles[{index}].{}", bad.field), ..bad };
        placed.push(tile(numbers, &mut anonymous).map_err(within)?);
    }
    Ok(Arrangement::Custom(placed))
}

fn tile(numbers: &TileNumbers, anonymous: &mut usize) -> Result<Tile, BadLayout> {
    let who = match (&numbers.participant, numbers.slot) {
        (Some(_), Some(_)) => {
            return Err(BadLayout::new("slot", "stands beside participant", "one of them"));
        }
        (Some(name), None) => {
            let id: Result<ParticipantId, _> = name.parse();
            Who::Participant(id.map_err(|_| {
                BadLayout::new("participant", "is no participant id", "an id, or no such field")
            })?)
        }
        (None, slot) => {
            let index = slot.map_or(*anonymous, |slot| slot as usize);
            *anonymous += 1;
            if slot.is_some_and(|slot| !SLOTS.contains(&slot)) {
                let allowed = format!("{} to {}", SLOTS.start(), SLOTS.end());
                return Err(BadLayout::new("slot", format!("= {index} is not allowed"), allowed));
            }
            Who::Slot { index, explicit: slot.is_some() }
        }
    };
    let stream = numbers.stream.as_deref().map(str::parse).transpose();
    let stream = stream.map_err(|_| {
        BadLayout::new("stream", "is no stream name", "a name such as \"camera\", \"screen\"")
    })?;
    let along = |at: (&str, f64), size: (&str, f64)| {
        let start = fraction(at.0, at.1, &(0.0..=1.0))?;
        let length = fraction(size.0, size.1, &TILE_SIZE)?;
        if at.1 + size.1 > 1.0 + TOLERANCE {
            let fault = format!("= {} is too much", size.1);
            let allowed = format!("with {} = {} together 1 at most", at.0, at.1);
            return Err(BadLayout::new(size.0, fault, allowed));
        }
        Ok((start, length))
    };
    let (x, width) = along(("x", numbers.x), ("width", numbers.width))?;
    let (y, height) = along(("y", numbers.y), ("height", numbers.height))?;
    if !Z.contains(&numbers.z) {
        let allowed = format!("{} to {}", Z.start(), Z.end());
        return Err(BadLayout::new("z", format!("= {} is not allowed", numbers.z), allowed));
    }
    let (border, colour) = match &numbers.border {
        None => (Fraction::ZERO, 0),
        Some(border) => {
            let colour = colour(&border.color).map_err(|_| {
                BadLayout::new("border.color", "is not a colour", "#rrggbb, six hexadecimal digits")
            })?;
            (fraction("border.width", border.width, &BORDER)?, colour)
        }
    };
    let radius = fraction("radius", numbers.radius.unwrap_or(0.0), &RADIUS)?;
    Ok(Tile {
        who,
        stream,
        area: Area { x, y, width, height },
        z: numbers.z,
        fit: numbers.fit.into(),
        edge: EdgeSpec { border, colour, radius },
    })
}

fn fraction(field: &str, value: f64, range: &RangeInclusive<f64>) -> Result<Fraction, BadLayout> {
    Fraction::new(value).filter(|_| range.contains(&value)).ok_or_else(|| {
        let allowed = format!("{} to {}", range.start(), range.end());
        BadLayout::new(field, format!("= {value} is not allowed"), allowed)
    })
}

impl LayoutConfig {
    /// What it is.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn arrangement(&self) -> Result<Arrangement, BadLayout> {
        let kind = self.layout.as_str();
        if !["pip", "side_by_side", "custom"].contains(&kind) {
            let fault = format!("= {kind:?} is not allowed");
            return Err(BadLayout::new("layout", fault, "\"pip\", \"side_by_side\", \"custom\""));
        }
        for (field, there, home) in [
            ("corner", self.corner.is_some(), "pip"),
            ("size", self.size.is_some(), "pip"),
            ("fit", self.fit.is_some(), "side_by_side"),
            ("tiles", self.tiles.is_some(), "custom"),
        ] {
            if there && home != kind {
                return Err(BadLayout::new(field, "is of no use", format!("with layout = {home:?} only")));
            }
        }
        match kind {
            "pip" => pip(self.corner, self.size),
            "side_by_side" => Ok(side_by_side(self.fit)),
            _ => custom(self.tiles.as_deref().unwrap_or_default()),
        }
    }
}

/// Everything that is wrong with `[layouts]`, one sentence each.
pub fn faults(layouts: &LayoutsConfig) -> Vec<String> {
    let mut faults = Vec::new();
    if layouts.len() > MAX_LAYOUTS {
        faults.push(format!("layouts has {} entries; allowed: at most {MAX_LAYOUTS}", layouts.len()));
    }
    for (name, layout) in layouts {
        if BUILT_IN.contains(&name.as_str()) {
            faults.push(format!(
                "layouts.{name} has a name that is taken; allowed: any but {}",
                BUILT_IN.join(", ")
            ));
        }
        if let Err(invalid) = name.parse::<LayoutName>() {
            faults.push(format!("layouts.{name:?} has a name that is not allowed; the {invalid}"));
        }
        if let Err(bad) = layout.arrangement() {
            faults.push(format!("layouts.{name}.{bad}"));
        }
    }
    faults
}

impl From<CornerName> for Corner {
    fn from(name: CornerName) -> Self {
        match name {
            CornerName::TopLeft => Self::TopLeft,
            CornerName::TopRight => Self::TopRight,
            CornerName::BottomLeft => Self::BottomLeft,
            CornerName::BottomRight => Self::BottomRight,
        }
    }
}

impl From<Corner> for CornerName {
    fn from(corner: Corner) -> Self {
        match corner {
            Corner::TopLeft => Self::TopLeft,
            Corner::TopRight => Self::TopRight,
            Corner::BottomLeft => Self::BottomLeft,
            Corner::BottomRight => Self::BottomRight,
        }
    }
}

impl From<FitName> for Fit {
    fn from(name: FitName) -> Self {
        match name {
            FitName::Contain => Self::Contain,
            FitName::Cover => Self::Cover,
        }
    }
}

impl From<Fit> for FitName {
    fn from(fit: Fit) -> Self {
        match fit {
            Fit::Contain => Self::Contain,
            Fit::Cover => Self::Cover,
        }
    }
}

impl From<&Tile> for TileNumbers {
    fn from(tile: &Tile) -> Self {
        let (participant, slot) = match &tile.who {
            Who::Participant(participant) => (Some(participant.to_string()), None),
            // A bounded index; what was not written down is not told.
            Who::Slot { index, explicit } => (None, explicit.then_some(*index as u32)),
        };
        let EdgeSpec { border, colour, radius } = tile.edge;
        Self {
            participant,
            slot,
            stream: tile.stream.as_ref().map(ToString::to_string),
            x: tile.area.x.value(),
            y: tile.area.y.value(),
            width: tile.area.width.value(),
            height: tile.area.height.value(),
            z: tile.z,
            fit: tile.fit.into(),
            border: (border > Fraction::ZERO)
                .then(|| BorderNumbers { width: border.value(), color: format!("#{colour:06x}") }),
            radius: (radius > Fraction::ZERO).then(|| radius.value()),
        }
    }
}

#[cfg(test)]
mod tests;
