//! The overlay in a conference's record. This is a stored form: what the API writes, member by member.

use crate::control::{
    http::wire::overlay::{OverlayBody, OverlayJson},
    overlay::{Overlay, OverlayPatch, OverlayView},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An overlay as `PATCH …/cast/overlay` takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OverlayRecord(Value);

impl OverlayRecord {
    /// The record of an overlay; of one that draws nothing there is none.
    pub fn new(overlay: &Overlay) -> Option<Self> {
        if *overlay == Overlay::default() {
            return None;
        }
        let view = OverlayView { overlay: overlay.clone(), program_pts: None };
        // Texts and numbers: writing them cannot fail. What is null is of the moment, or is not there.
        let written = serde_json::to_value(OverlayJson::from(&view)).unwrap_or_default();
        let members = written.as_object().cloned().unwrap_or_default();
        Some(Self(members.into_iter().filter(|(_, member)| !member.is_null()).collect()))
    }

    /// The overlay it holds. A member that cannot be read (of a newer server, or of a time zone that is gone) is
    /// left out, with a warning.
    pub fn overlay(self) -> Overlay {
        let Value::Object(members) = self.0 else {
            tracing::warn!("a stored overlay is left out: it is no object");
            return Overlay::default();
        };
        members.into_iter().fold(Overlay::default(), |overlay, (name, member)| match read(&name, member) {
            Ok(patch) => patch.applied(&overlay),
            Err(error) => {
                tracing::warn!(member = name, error, "a part of a stored overlay is left out");
                overlay
            }
        })
    }
}

fn read(name: &str, member: Value) -> Result<OverlayPatch, String> {
    let alone = Value::Object(Map::from_iter([(name.to_owned(), member)]));
    let body: OverlayBody = serde_json::from_value(alone).map_err(|error| error.to_string())?;
    body.into_patch().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overlay(body: Value) -> Overlay {
        let body: OverlayBody = serde_json::from_value(body).unwrap();
        body.into_patch().unwrap().applied(&Overlay::default())
    }

    #[test]
    fn what_is_stored_is_what_is_read() {
        let whole = json!({
            "labels": true,
            "title": {"text": "<b>Ж</b> שלום", "position": "top"},
            "logo": {"picture": "mark", "corner": "bottom_left", "size": 0.17, "opacity": 0.3},
            "background": {"picture": "wall"},
            "clock": {"corner": "top_left", "zone": "Europe/Berlin", "seconds": false},
            "slate": {"file": "break.mp4", "fit": "contain"},
        });
        let others = json!({"background": {"color": "#00ff7f"}, "slate": {"picture": "wall"}});
        for body in [whole.clone(), others] {
            let overlay = overlay(body);
            let record = OverlayRecord::new(&overlay).unwrap();
            let text = serde_json::to_string(&record).unwrap();
            let read: OverlayRecord = serde_json::from_str(&text).unwrap();
            assert_eq!(read.overlay(), overlay, "{text}");
        }
        assert_eq!(OverlayRecord::new(&overlay(whole)).unwrap().0.get("program_pts_ms"), None);
        assert_eq!(OverlayRecord::new(&Overlay::default()), None);
    }

    #[test]
    fn what_cannot_be_read_is_left_out_alone() {
        let record = OverlayRecord(json!({
            "title": {"text": "Hello"}, "subtitle": "of a newer server", "clock": {"zone": "Moon/Sea"},
            "logo": {"picture": "../x"},
        }));
        assert_eq!(record.overlay(), overlay(json!({"title": {"text": "Hello"}})));
        assert_eq!(OverlayRecord(json!([])).overlay(), Overlay::default());
    }
}
