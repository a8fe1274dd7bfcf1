//! Overlays: `PATCH …/cast/overlay`, and what is read of them.

mod slate;

pub use slate::SlateJson;

use crate::{
    config::layouts::CornerName,
    control::{
        conference::setup::colour,
        error::ControlError,
        overlay::{Overlay, OverlayPatch, OverlayView},
    },
    ids::PictureName,
    ipc::overlay::{BackgroundSpec, ClockSpec, LogoSpec, TitlePosition, TitleSpec},
    layout::{Corner, Fraction},
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::RangeInclusive;
use utoipa::ToSchema;

/// A title's characters: four lines at most.
const TITLE_CHARS: RangeInclusive<usize> = 1..=200;
/// A logo's width, of the frame's.
const LOGO_SIZE: RangeInclusive<f64> = 0.02..=0.5;
const USUAL_LOGO: f64 = 0.15;

/// A change of the overlay. What is absent stays as it is, `null` removes it, anything else takes its place whole.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "OverlayPatch", example = json!({"labels": true, "title": {"text": "Good evening"}, "logo": null}))]
pub struct OverlayBody {
    /// The name of each tile that shows a picture, in its lower left corner.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    labels: Option<Option<bool>>,
    /// A line of text, or a few.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<TitleJson>)]
    title: Option<Option<TitleJson>>,
    /// A picture in a corner.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<LogoJson>)]
    logo: Option<Option<LogoJson>>,
    /// What shows between and beside tiles, instead of `program.background`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<BackgroundJson>)]
    background: Option<Option<BackgroundJson>>,
    /// The time of day.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ClockJson>)]
    clock: Option<Option<ClockJson>>,
    /// What the program shows when there is nothing else, instead of the card with the conference's name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<SlateJson>)]
    slate: Option<Option<SlateJson>>,
}

/// A title.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "Title")]
pub struct TitleJson {
    /// 1 to 200 characters of any script, without control characters; shown as it is, never read as markup.
    #[schema(min_length = 1, max_length = 200, example = "Good evening")]
    pub text: String,
    /// `bottom` when absent.
    #[serde(default)]
    pub position: PositionName,
}

/// Where a title stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PositionName {
    Top,
    #[default]
    Bottom,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "Logo")]
pub struct LogoJson {
    /// The name of one of the conference's pictures, or of the server's.
    #[schema(example = "logo")]
    pub picture: String,
    /// `top_right` when absent.
    #[serde(default = "top_right")]
    pub corner: CornerName,
    /// Its width, of the frame's: 0.02 to 0.5; 0.15 when absent.
    #[serde(default = "usual_logo")]
    #[schema(minimum = 0.02, maximum = 0.5)]
    pub size: f64,
    /// 0 to 1; 1 when absent. What is transparent in it stays so.
    #[serde(default = "opaque")]
    #[schema(minimum = 0, maximum = 1)]
    pub opacity: f64,
}

/// A background: a colour or a picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "Background", example = json!({"color": "#203040"}))]
pub struct BackgroundJson {
    /// `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// The name of a picture, which fills the frame; what does not fit is cut on both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// A clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(title = "Clock")]
pub struct ClockJson {
    /// `top_left` when absent. In the logo's corner it stands above or below the logo.
    #[serde(default = "top_left")]
    pub corner: CornerName,
    /// A time zone's IANA name; `UTC` when absent.
    #[serde(default = "utc")]
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
    /// Hours and minutes only with false; true when absent.
    #[serde(default = "yes")]
    pub seconds: bool,
}

/// The overlay as it is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Overlay")]
pub struct OverlayJson {
    /// Names are shown on tiles.
    pub labels: bool,
    /// The title, where there is one.
    pub title: Option<TitleJson>,
    /// The logo, where there is one.
    pub logo: Option<LogoJson>,
    /// The background, where there is one of its own.
    pub background: Option<BackgroundJson>,
    /// The clock, where there is one.
    pub clock: Option<ClockJson>,
    /// The slate, where it is not the card.
    pub slate: Option<SlateJson>,
    /// Of a change: the program's time of the first frame that shows it. Null where no program runs, or does not show
    /// it within three seconds; then it is shown from the first frame on that can. Of a slate: the first frame that would.
    pub program_pts_ms: Option<u64>,
}

const fn top_right() -> CornerName {
    CornerName::TopRight
}

const fn top_left() -> CornerName {
    CornerName::TopLeft
}

const fn usual_logo() -> f64 {
    USUAL_LOGO
}

const fn opaque() -> f64 {
    1.0
}

const fn yes() -> bool {
    true
}

fn utc() -> String {
    "UTC".to_owned()
}

/// Tells `null` from what is absent.
fn present<'de, T, D>(reader: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(reader).map(Some)
}

/// A part of a change: what stays stays, what goes goes, what comes is checked.
fn part<T, U>(
    given: Option<Option<T>>,
    check: impl FnOnce(T) -> Result<U, ControlError>,
) -> Result<Option<Option<U>>, ControlError> {
    given.map(|given| given.map(check).transpose()).transpose()
}

impl OverlayBody {
    /// The domain's change.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_id`.
    pub fn into_patch(self) -> Result<OverlayPatch, ControlError> {
        Ok(OverlayPatch {
            labels: self.labels.map(Option::unwrap_or_default),
            title: part(self.title, TitleJson::into_title)?,
            logo: part(self.logo, LogoJson::into_logo)?,
            background: part(self.background, BackgroundJson::into_background)?,
            clock: part(self.clock, ClockJson::into_clock)?,
            slate: part(self.slate, SlateJson::into_slate)?,
        })
    }
}

impl TitleJson {
    fn into_title(self) -> Result<TitleSpec, ControlError> {
        let Self { text, position } = self;
        let bad = !TITLE_CHARS.contains(&text.chars().count())
            || text.chars().any(char::is_control)
            || text.trim().is_empty();
        if bad {
            return Err(ControlError::invalid(
                "title.text",
                "title.text is not allowed; allowed: 1 to 200 characters, no control characters, not only spaces",
            ));
        }
        let position = match position {
            PositionName::Top => TitlePosition::Top,
            PositionName::Bottom => TitlePosition::Bottom,
        };
        Ok(TitleSpec { text, position })
    }
}

impl LogoJson {
    fn into_logo(self) -> Result<LogoSpec<PictureName>, ControlError> {
        let Self { picture, corner, size, opacity } = self;
        let range = |field: &str, value: f64, range: RangeInclusive<f64>| {
            Fraction::new(value).filter(|_| range.contains(&value)).ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                let detail = format!("{field} = {value} is not allowed; allowed: {least} to {most}");
                ControlError::invalid(field, detail)
            })
        };
        Ok(LogoSpec {
            picture: picture.parse()?,
            corner: Corner::from(corner),
            size: range("logo.size", size, LOGO_SIZE)?,
            opacity: range("logo.opacity", opacity, 0.0..=1.0)?,
        })
    }
}

impl BackgroundJson {
    fn into_background(self) -> Result<BackgroundSpec<PictureName>, ControlError> {
        match (self.color, self.picture) {
            (Some(text), None) => colour(&text).map(BackgroundSpec::Colour).map_err(|_| {
                let detail = "background.color is not a colour; allowed: #rrggbb, six hexadecimal digits";
                ControlError::invalid("background.color", detail)
            }),
            (None, Some(picture)) => Ok(BackgroundSpec::Picture(picture.parse()?)),
            (Some(_), Some(_)) | (None, None) => Err(ControlError::invalid(
                "background",
                "background is one of {\"color\": \"#rrggbb\"} and {\"picture\": …}",
            )),
        }
    }
}

impl ClockJson {
    fn into_clock(self) -> Result<ClockSpec, ControlError> {
        let Self { corner, zone, seconds } = self;
        // A name of this server's list of time zones. No path: a name is looked up, not opened.
        let plain =
            zone.len() <= 64 && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
        if !plain || TimeZone::get(&zone).is_err() {
            return Err(ControlError::invalid(
                "clock.zone",
                "clock.zone is no time zone that this server knows; allowed: UTC, Europe/Berlin and other IANA names",
            ));
        }
        Ok(ClockSpec { corner: Corner::from(corner), zone, seconds })
    }
}

impl From<&OverlayView> for OverlayJson {
    fn from(view: &OverlayView) -> Self {
        let Overlay { labels, title, logo, background, clock, slate } = &view.overlay;
        Self {
            labels: *labels,
            title: title.as_ref().map(|title| TitleJson {
                text: title.text.clone(),
                position: match title.position {
                    TitlePosition::Top => PositionName::Top,
                    TitlePosition::Bottom => PositionName::Bottom,
                },
            }),
            logo: logo.as_ref().map(|logo| LogoJson {
                picture: logo.picture.to_string(),
                corner: CornerName::from(logo.corner),
                size: logo.size.value(),
                opacity: logo.opacity.value(),
            }),
            background: background.as_ref().map(|background| match background {
                BackgroundSpec::Colour(colour) => {
                    BackgroundJson { color: Some(format!("#{colour:06x}")), picture: None }
                }
                BackgroundSpec::Picture(name) => {
                    BackgroundJson { color: None, picture: Some(name.to_string()) }
                }
            }),
            clock: clock.as_ref().map(|clock| ClockJson {
                corner: CornerName::from(clock.corner),
                zone: clock.zone.clone(),
                seconds: clock.seconds,
            }),
            slate: slate.as_ref().map(SlateJson::from),
            program_pts_ms: view.program_pts.map(|pts| pts.as_millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Fit;
    use serde_json::{Value, json};

    fn patch(value: Value) -> Result<OverlayPatch, ControlError> {
        serde_json::from_value::<OverlayBody>(value).unwrap().into_patch()
    }

    #[test]
    fn what_is_read_can_be_sent_back() {
        let whole = json!({
            "labels": true,
            "title": {"text": "<b>Ж</b> שלום", "position": "top"},
            "logo": {"picture": "mark", "corner": "bottom_left", "size": 0.2, "opacity": 0.5},
            "background": {"color": "#00ff7f"},
            "clock": {"corner": "top_left", "zone": "Europe/Berlin", "seconds": false},
            "slate": {"file": "breaks/one.mp4", "fit": "contain"},
        });
        let overlay = patch(whole.clone()).unwrap().applied(&Overlay::default());
        let read = serde_json::to_value(OverlayJson::from(&OverlayView { overlay, program_pts: None }));
        let mut read = read.unwrap();
        assert_eq!(read.as_object_mut().unwrap().remove("program_pts_ms"), Some(Value::Null));
        assert_eq!(read, whole);
    }

    #[test]
    fn null_is_not_absent() {
        let nothing = patch(json!({})).unwrap();
        assert_eq!(nothing, OverlayPatch::default());
        let all = json!({
            "labels": null, "title": null, "logo": null, "background": null, "clock": null, "slate": null
        });
        let expected = OverlayPatch {
            labels: Some(false),
            title: Some(None),
            logo: Some(None),
            background: Some(None),
            clock: Some(None),
            slate: Some(None),
        };
        assert_eq!(patch(all).unwrap(), expected);
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let usual = patch(json!({"logo": {"picture": "mark"}, "clock": {}, "title": {"text": "x"}})).unwrap();
        let logo = usual.logo.unwrap().unwrap();
        assert_eq!((logo.corner, logo.size.value(), logo.opacity), (Corner::TopRight, 0.15, Fraction::WHOLE));
        let clock = usual.clock.unwrap().unwrap();
        assert_eq!((clock.corner, clock.zone.as_str(), clock.seconds), (Corner::TopLeft, "UTC", true));
        assert_eq!(usual.title.unwrap().unwrap().position, TitlePosition::Bottom);
        let slate = patch(json!({"slate": {"picture": "wall"}})).unwrap().slate.unwrap().unwrap();
        assert_eq!(slate.fit, Fit::Cover);
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        for (value, field) in [
            (json!({"title": {"text": ""}}), "title.text"),
            (json!({"title": {"text": "   "}}), "title.text"),
            (json!({"title": {"text": "a\nb"}}), "title.text"),
            (json!({"title": {"text": "x".repeat(201)}}), "title.text"),
            (json!({"logo": {"picture": "mark", "size": 0.01}}), "logo.size"),
            (json!({"logo": {"picture": "mark", "size": 0.51}}), "logo.size"),
            (json!({"logo": {"picture": "mark", "opacity": 1.1}}), "logo.opacity"),
            (json!({"background": {}}), "background"),
            (json!({"background": {"color": "#000000", "picture": "mark"}}), "background"),
            (json!({"background": {"color": "red"}}), "background.color"),
            (json!({"clock": {"zone": "Nowhere/Land"}}), "clock.zone"),
            (json!({"clock": {"zone": "../../etc/passwd"}}), "clock.zone"),
            (json!({"slate": {}}), "slate"),
            (json!({"slate": {"fit": "cover"}}), "slate"),
            (json!({"slate": {"picture": "wall", "file": "break.mp4"}}), "slate"),
            (json!({"slate": {"file": "../break.mp4"}}), "slate.file"),
            (json!({"slate": {"file": ""}}), "slate.file"),
        ] {
            assert_eq!(patch(value.clone()).unwrap_err().field(), Some(field), "{value}");
        }
        for body in [json!({"logo": {"picture": "../logo"}}), json!({"slate": {"picture": "A B"}})] {
            assert_eq!(patch(body).unwrap_err().code_and_status(), ("invalid_id", 422));
        }
        assert!(
            serde_json::from_value::<OverlayBody>(json!({"slate": {"picture": "x", "loop": true}})).is_err()
        );
        assert!(serde_json::from_value::<OverlayBody>(json!({"title": {"text": "x", "size": 3}})).is_err());
        assert!(serde_json::from_value::<OverlayBody>(json!({"subtitle": "x"})).is_err());
        // Two hundred of any script.
        assert!(patch(json!({"title": {"text": "日".repeat(200)}})).is_ok());
    }
}
