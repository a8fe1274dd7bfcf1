//! From places to what stands in them, pure: which rectangle shows which source, or which card.

use crate::{
    ids::SourceId,
    layout::{Edge, Fit, Place, Rect},
};

/// A source's picture at a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Nobody feeds the source (any more), and the last picture is too old to be held.
    Gone,
    /// Somebody does, without video in the offer.
    SoundOnly,
    /// Video was offered, but there is no picture, or none for too long.
    Stalled,
    /// A picture, `u32`×`u32` pixels.
    Seen(u32, u32),
}

/// What stands in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The source's picture, at its aspect inside the place or filling it; `rect` is with its edge.
    Live { source: SourceId, rect: Rect, fit: Fit, edge: Edge },
    /// The name on a coloured field.
    NameCard { rect: Rect, label: String, edge: Edge },
    /// Nothing: the slate shows.
    Slate,
}

/// What a place shows, given the sight of its source.
pub fn content(place: &Place<'_>, sight: impl Fn(SourceId) -> Sight) -> Content {
    let (edge, fit) = (place.edge, place.fit);
    let card = || Content::NameCard { rect: place.rect, label: place.tile.label.clone(), edge };
    let Some(source) = place.tile.source else { return card() };
    if place.tile.video_muted {
        return card();
    }
    match sight(source) {
        Sight::Seen(width, height) => {
            let rect = match fit {
                Fit::Contain => place.rect.shrunk(edge.border).fit(width, height).grown(edge.border),
                Fit::Cover => place.rect,
            };
            Content::Live { source, rect, fit, edge }
        }
        Sight::SoundOnly => card(),
        Sight::Gone | Sight::Stalled if place.main => Content::Slate,
        Sight::Gone | Sight::Stalled => card(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ipc::{CustomTile, PictureSpec, TileSpec},
        layout::{Area, EdgeSpec, Fraction, places},
    };

    fn tile(source: Option<u32>, muted: bool) -> TileSpec {
        TileSpec { source: source.map(SourceId), label: "Ann".to_owned(), video_muted: muted }
    }

    fn shown(picture: &PictureSpec, sight: Sight) -> Vec<Content> {
        places(picture, 1280, 720).iter().map(|place| content(place, |_| sight)).collect()
    }

    #[test]
    fn a_full_frame_is_letterboxed_and_falls_back_to_the_slate() {
        let full = PictureSpec::Full(tile(Some(1), false));
        let rect = Rect { x: 160, y: 0, width: 960, height: 720 };
        assert_eq!(
            shown(&full, Sight::Seen(640, 480)),
            [Content::Live { source: SourceId(1), rect, fit: Fit::Contain, edge: Edge::default() }]
        );
        assert_eq!(shown(&full, Sight::Stalled), [Content::Slate]);
        assert_eq!(shown(&full, Sight::Gone), [Content::Slate]);
        let card =
            Content::NameCard { rect: Rect::full(1280, 720), label: "Ann".to_owned(), edge: Edge::default() };
        assert_eq!(shown(&full, Sight::SoundOnly), std::slice::from_ref(&card));
        assert_eq!(
            shown(&PictureSpec::Full(tile(Some(1), true)), Sight::Seen(640, 480)),
            std::slice::from_ref(&card)
        );
        assert_eq!(shown(&PictureSpec::Full(tile(None, false)), Sight::Gone), [card]);
    }

    #[test]
    fn a_grid_shows_names_where_there_is_no_picture() {
        let grid = PictureSpec::Grid(vec![tile(Some(1), false), tile(None, false)]);
        let contents = shown(&grid, Sight::Stalled);
        assert!(contents.iter().all(|content| matches!(content, Content::NameCard { .. })), "{contents:?}");
        assert_eq!(shown(&PictureSpec::Slate, Sight::Gone), []);
    }

    #[test]
    fn a_custom_tile_is_filled_or_fitted_inside_its_edge() {
        let half =
            Area { x: Fraction::HALF, y: Fraction::ZERO, width: Fraction::HALF, height: Fraction::WHOLE };
        let edge = EdgeSpec { border: Fraction::percent(1), colour: 0x00ff_ffff, radius: Fraction::ZERO };
        let custom =
            |fit| PictureSpec::Custom(vec![CustomTile { tile: tile(Some(1), false), area: half, fit, edge }]);
        // A hundredth of 720, in even pixels.
        let edge = Edge { border: 8, colour: 0x00ff_ffff, radius: 0 };
        let whole = Rect { x: 640, y: 0, width: 640, height: 720 };
        let live = |rect, fit| [Content::Live { source: SourceId(1), rect, fit, edge }];
        assert_eq!(shown(&custom(Fit::Cover), Sight::Seen(1280, 720)), live(whole, Fit::Cover));
        // 624 wide inside the edge, so 351 high: 350, and the edge around it.
        let fitted = Rect { x: 640, y: 176, width: 640, height: 366 };
        assert_eq!(shown(&custom(Fit::Contain), Sight::Seen(1280, 720)), live(fitted, Fit::Contain));
        let card = Content::NameCard { rect: whole, label: "Ann".to_owned(), edge };
        assert_eq!(shown(&custom(Fit::Cover), Sight::Gone), [card]);
    }
}
