//! Events: the one JSON form that webhooks and `GET /v1/events` have in common.

use super::{
    cast::{CastJson, ShedJson, source_state_name},
    cue::CueJson,
    output::OutputJson,
    overlay::OverlayJson,
    participant::ParticipantJson,
    picture::PicturesJson,
    recording::RecordingJson,
    source::SourceJson,
    switch::SwitchResultJson,
};
use crate::{
    control::{
        conference::presence::StreamTold,
        events::{Event, kind::EventKind, news::News},
    },
    ids::{ConferenceId, EventId},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(title = "Event")]
pub struct EventJson {
    /// The same in every delivery of it: what was taken once need not be taken again.
    #[schema(example = "evt_0123456789abcdef0123456789abcdef")]
    pub id: String,
    /// `conference.created`, `conference.ended`, `conference.pictures`, `participant.connected`, `participant.disconnected`,
    /// `stream.added`, `stream.removed`, `cast.starting`, `cast.started`, `cast.switched`, `cast.speaker`, `cast.cues`,
    /// `cast.cue`, `cast.overlay`, `cast.stopped`, `cast.failed`, `cast.source_state`, `cast.encoder_changed`,
    /// `output.added`, `output.changed`, `output.removed`, `recording.ready`, `recording.failed`, `load.shed`,
    /// `load.restored`, `worker.restarted`, `events.lost` (webhooks only), `webhook.test` (webhooks only). More may come.
    #[serde(rename = "type")]
    #[schema(example = "cast.switched")]
    pub kind: &'static str,
    /// When it happened.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Where; `null` in `webhook.test`.
    pub conference: Option<String>,
    /// One more than that of the conference's event before, since the server's start; a conference that was not
    /// heard of for long may begin anew at 1. A gap tells that events are missing, or were not chosen.
    pub sequence: u64,
    /// What happened, by `type`.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// Makes an event of what happened now.
pub fn write(conference: &ConferenceId, sequence: u64, news: &News, base_url: &str) -> Event {
    finish(EventId::generate(), news.kind(), conference, sequence, data(news, base_url))
}

/// The event in the place of `count` events from `first` to `last` that could not be kept for a receiver. `id` is
/// that of the first, which nobody will see.
pub fn lost(id: EventId, conference: &ConferenceId, count: u64, (first, last): (u64, u64)) -> Event {
    let data = json!({"count": count, "first_sequence": first, "last_sequence": last});
    finish(id, EventKind::EventsLost, conference, last, data)
}

/// The body of a test delivery.
pub fn test(id: &EventId) -> String {
    let event = EventJson {
        id: id.to_string(),
        kind: EventKind::WebhookTest.name(),
        created_at: Timestamp::now().to_string(),
        conference: None,
        sequence: 0,
        data: json!({}),
    };
    text(&event)
}

/// `events.missed`, which stands in a stream only and has no id.
pub fn missed(after: &EventId) -> String {
    json!({"type": "events.missed", "created_at": Timestamp::now().to_string(), "data": {"after": after.as_str()}})
        .to_string()
}

fn finish(id: EventId, kind: EventKind, conference: &ConferenceId, sequence: u64, data: Value) -> Event {
    let at = Timestamp::now();
    let event = EventJson {
        id: id.to_string(),
        kind: kind.name(),
        created_at: at.to_string(),
        conference: Some(conference.to_string()),
        sequence,
        data,
    };
    let body = text(&event).into();
    Event { id, kind, at, conference: conference.clone(), sequence, body }
}

fn text(event: &EventJson) -> String {
    // Strings, numbers and JSON values cannot fail to be written.
    serde_json::to_string(event).unwrap_or_default()
}

fn data(news: &News, base_url: &str) -> Value {
    match news {
        News::ConferenceCreated { settings, kept, restored } => json!({
            "name": settings.name,
            "max_participants": settings.max_participants,
            "kept": kept,
            "restored": restored,
        }),
        News::ConferenceEnded { reason } => json!({"reason": reason.name()}),
        News::ConferencePictures(views) => json!(PicturesJson::from(&views[..])),
        News::ParticipantConnected(view) => json!({"participant": ParticipantJson::from(view)}),
        News::ParticipantDisconnected { participant, reason } => {
            json!({"participant": participant.as_str(), "reason": reason.name()})
        }
        News::StreamAdded { participant, stream } | News::StreamRemoved { participant, stream } => {
            let StreamTold { name, audio, video } = stream;
            let stream = json!({"name": name.as_str(), "audio": audio, "video": video});
            json!({"participant": participant.as_str(), "stream": stream})
        }
        News::CastStarting(cast)
        | News::CastStarted(cast)
        | News::CastStopped(cast)
        | News::CastFailed(cast) => json!({"cast": CastJson::new(cast, base_url)}),
        News::CastSwitched(switched) => json!(SwitchResultJson::from(switched)),
        News::CastSpeaker { participant, at } => {
            json!({"participant": participant.as_str(), "program_pts_ms": at.as_millis()})
        }
        News::CastCues { count } => json!({"count": count}),
        News::CastCue(cue) => json!({"cue": CueJson::from(cue)}),
        News::CastOverlay(view) => json!({"overlay": OverlayJson::from(view)}),
        News::CastSourceState { source, state, age_ms } => json!({
            "source": SourceJson::from(source),
            "source_state": source_state_name(*state),
            "source_age_ms": age_ms,
        }),
        News::CastEncoderChanged { encoder, previous, fallbacks } => {
            json!({"encoder": encoder.name(), "previous": previous.name(), "encoder_fallbacks": fallbacks})
        }
        News::OutputAdded(output) | News::OutputChanged(output) | News::OutputRemoved(output) => {
            json!({"output": OutputJson::from(output)})
        }
        News::Recording { recording, store } => {
            json!({"recording": RecordingJson::new(recording, store.clone(), base_url)})
        }
        News::Load { snapshots, renditions, .. } => {
            let renditions: Vec<_> = renditions.iter().map(ShedJson::from).collect();
            json!({"snapshots": snapshots, "renditions": renditions})
        }
        News::WorkerRestarted { restarts } => json!({"restarts": restarts}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::events::news::EndReason;

    #[test]
    fn an_event_is_one_line_with_its_fields_in_this_order() {
        let news = News::ConferenceEnded { reason: EndReason::Deleted };
        let event = write(&"room".parse().unwrap(), 7, &news, "");
        let (id, at) = (&event.id, event.at);
        assert_eq!(
            std::str::from_utf8(&event.body).unwrap(),
            format!(
                "{{\"id\":\"{id}\",\"type\":\"conference.ended\",\"created_at\":\"{at}\",\"conference\":\"room\",\
                 \"sequence\":7,\"data\":{{\"reason\":\"deleted\"}}}}"
            )
        );
    }

    #[test]
    fn events_that_were_lost_are_told_in_their_place() {
        let id = EventId::generate();
        let event = lost(id.clone(), &"room".parse().unwrap(), 3, (5, 8));
        let body: Value = serde_json::from_slice(&event.body).unwrap();
        assert_eq!((body["id"].as_str(), body["type"].as_str()), (Some(id.as_str()), Some("events.lost")));
        assert_eq!(body["sequence"], 8);
        assert_eq!(body["data"], json!({"count": 3, "first_sequence": 5, "last_sequence": 8}));
    }
}
