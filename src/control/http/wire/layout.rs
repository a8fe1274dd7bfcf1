//! Layouts: in `source` of a request, and in the list of what there is.

use super::source::{SourceBody, SourceJson};
use crate::{
    config::layouts::{BUILT_IN, BadLayout, LayoutsConfig, TileNumbers, custom, pip, side_by_side},
    control::{
        cast::{Arrangement, Focus, Source},
        error::ControlError,
    },
    ids::{LayoutName, ParticipantId},
};
use serde::Serialize;
use std::{collections::HashSet, sync::Arc};
use utoipa::ToSchema;

/// Tiles that a worker composes of a grid at most (`ipc::PictureSpec::Grid`).
const MAX_GRID: usize = 16;

/// The layouts that a source can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Layouts")]
pub struct LayoutsJson {
    /// The built-in ones first, then those of the configuration by name.
    pub layouts: Vec<LayoutLine>,
}

/// One layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(title = "Layout")]
pub struct LayoutLine {
    /// What `source.layout` is to be.
    pub name: String,
    /// The built-in layout that it is, with settings of its own where the name is another.
    pub layout: String,
    /// The most `participants` that it takes; 0: none.
    pub participants: usize,
}

impl LayoutsJson {
    /// The built-in ones and those of the configuration.
    pub fn new(layouts: &LayoutsConfig) -> Self {
        let built_in = BUILT_IN.iter().map(|name| LayoutLine {
            name: (*name).to_owned(),
            layout: (*name).to_owned(),
            participants: match *name {
                "grid" => MAX_GRID,
                "side_by_side" => 2,
                "custom" => crate::config::layouts::MAX_TILES,
                _ => 0,
            },
        });
        // A configuration with a layout that cannot be is not started with.
        let named = layouts.iter().filter_map(|(name, layout)| {
            let arrangement = layout.arrangement().ok()?;
            let (layout, participants) = (arrangement.kind().to_owned(), arrangement.slots());
            Some(LayoutLine { name: name.clone(), layout, participants })
        });
        Self { layouts: built_in.chain(named).collect() }
    }
}

impl SourceBody {
    /// The source that `layout` and its companions name.
    ///
    /// # Errors
    /// `invalid_request` for what does not go together or is out of range, `invalid_id`.
    pub(super) fn into_layout(self, layout: &str, layouts: &LayoutsConfig) -> Result<Source, ControlError> {
        let own = layouts.get(layout);
        if own.is_none() && !BUILT_IN.contains(&layout) {
            let known: Vec<_> = BUILT_IN.into_iter().chain(layouts.keys().map(String::as_str)).collect();
            let detail =
                format!("source.layout has a value that is not allowed; allowed: {}", known.join(", "));
            return Err(ControlError::invalid("source.layout", detail));
        }
        // A field, whether it is there, the layouts it goes with.
        let companions: [(&str, bool, &[&str]); 9] = [
            ("participant", self.participant.is_some(), &["screen"]),
            ("participants", self.participants.is_some(), &["grid", "side_by_side", "custom"]),
            ("focus", self.focus.is_some(), &["speaker", "pip"]),
            ("follow", self.follow.is_some(), &["speaker"]),
            ("inset", self.inset.is_some(), &["pip"]),
            ("corner", self.corner.is_some(), &["pip"]),
            ("size", self.size.is_some(), &["pip"]),
            ("fit", self.fit.is_some(), &["side_by_side"]),
            ("tiles", self.tiles.is_some(), &["custom"]),
        ];
        for (field, there, homes) in companions {
            let at_home = homes.contains(&layout) || (own.is_some() && field == "participants");
            if there && !at_home {
                let homes = homes.iter().map(|home| format!("\"{home}\"")).collect::<Vec<_>>().join(", ");
                let detail = format!("source.{field} goes with layout {homes} only");
                return Err(ControlError::invalid(&format!("source.{field}"), detail));
            }
        }
        let needed = |field: &str, value: Option<String>| -> Result<ParticipantId, ControlError> {
            let missing = || {
                let detail = format!("layout \"{layout}\" needs source.{field}");
                ControlError::invalid(&format!("source.{field}"), detail)
            };
            Ok(value.ok_or_else(missing)?.parse()?)
        };
        let focus = self.follow.is_some().then(|| self.hold()).transpose()?;
        if let Some(own) = own {
            // Checked when the server was started: neither fails.
            let arrangement = Arc::new(own.arrangement().map_err(bad)?);
            let name = Some(layout.parse::<LayoutName>()?);
            let participants = fill(&arrangement, self.participants)?;
            return Ok(Source::Arranged { name, arrangement, participants });
        }
        let (arrangement, participants) = match layout {
            "grid" => return grid(self.participants),
            "speaker" => {
                let focus = match (self.focus, focus) {
                    (Some(_), Some(_)) => {
                        let detail =
                            "layout \"speaker\" takes source.focus or source.follow; allowed: one of them";
                        return Err(ControlError::invalid("source.follow", detail));
                    }
                    (None, Some(hold)) => Focus::ActiveSpeaker { hold },
                    (named, None) => Focus::Participant(needed("focus", named)?),
                };
                return Ok(Source::Speaker { focus });
            }
            "screen" => return Ok(Source::Screen { participant: needed("participant", self.participant)? }),
            "pip" => {
                let pair = vec![needed("focus", self.focus)?, needed("inset", self.inset)?];
                (pip(self.corner, self.size).map_err(bad)?, Some(pair))
            }
            "side_by_side" => {
                let arrangement = side_by_side(self.fit);
                let participants = fill(&arrangement, self.participants)?;
                (arrangement, participants)
            }
            _ => {
                let missing =
                    || ControlError::invalid("source.tiles", "layout \"custom\" needs source.tiles");
                let arrangement = custom(&self.tiles.ok_or_else(missing)?).map_err(bad)?;
                let participants = fill(&arrangement, self.participants)?;
                (arrangement, participants)
            }
        };
        Ok(Source::Arranged { name: None, arrangement: Arc::new(arrangement), participants })
    }
}

fn bad(bad: BadLayout) -> ControlError {
    ControlError::invalid(&format!("source.{}", bad.field), format!("source.{bad}"))
}

fn ids(names: &[String]) -> Result<Vec<ParticipantId>, ControlError> {
    Ok(names.iter().map(|name| name.parse()).collect::<Result<_, _>>()?)
}

/// `participants` for a layout's slots.
fn fill(
    arrangement: &Arrangement,
    participants: Option<Vec<String>>,
) -> Result<Option<Vec<ParticipantId>>, ControlError> {
    let Some(names) = participants else { return Ok(None) };
    let (field, most) = ("source.participants", arrangement.slots());
    if !(1..=most).contains(&names.len()) {
        let allowed = match most {
            0 => "no such field, since every tile names its participant".to_owned(),
            1 => "1".to_owned(),
            most => format!("1 to {most}"),
        };
        let detail = format!("{field} has {} entries; allowed: {allowed}", names.len());
        return Err(ControlError::invalid(field, detail));
    }
    ids(&names).map(Some)
}

fn grid(participants: Option<Vec<String>>) -> Result<Source, ControlError> {
    let Some(names) = participants else { return Ok(Source::Grid { participants: None }) };
    let field = "source.participants";
    if !(1..=MAX_GRID).contains(&names.len()) {
        let detail = format!("{field} has {} entries; allowed: 1 to {MAX_GRID}", names.len());
        return Err(ControlError::invalid(field, detail));
    }
    let ids = ids(&names)?;
    let mut seen = HashSet::new();
    if let Some(twice) = ids.iter().find(|id| !seen.insert(*id)) {
        return Err(ControlError::invalid(field, format!("{field} names {twice} twice")));
    }
    Ok(Source::Grid { participants: Some(ids) })
}

impl SourceJson {
    /// A layout by its name, without what goes with it.
    pub(super) fn layout(name: &str) -> Self {
        Self::Layout {
            layout: name.to_owned(),
            participants: None,
            focus: None,
            follow: None,
            hold_ms: None,
            inset: None,
            corner: None,
            size: None,
            fit: None,
            participant: None,
            tiles: None,
        }
    }

    /// An arrangement as it was asked for.
    pub(super) fn arranged(
        own: Option<&LayoutName>,
        arrangement: &Arrangement,
        filled: Option<&[ParticipantId]>,
    ) -> Self {
        let mut json = Self::layout(own.map_or(arrangement.kind(), LayoutName::as_str));
        let Self::Layout { participants, focus, inset, corner, size, fit, tiles, .. } = &mut json else {
            return json;
        };
        let names = filled.map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        match arrangement {
            _ if own.is_some() => *participants = names,
            Arrangement::Pip { corner: at, size: of } => {
                let mut names = names.into_iter().flatten();
                (*focus, *inset) = (names.next(), names.next());
                (*corner, *size) = (Some((*at).into()), Some(of.value()));
            }
            Arrangement::SideBySide { fit: how } => {
                (*participants, *fit) = (names, Some((*how).into()));
            }
            Arrangement::Custom(placed) => {
                *participants = names;
                *tiles = Some(placed.iter().map(TileNumbers::from).collect());
            }
        }
        json
    }
}
