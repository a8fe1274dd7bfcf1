//! `GET /v1/events`: what happens in conferences, as server-sent events (WHATWG HTML §9.2).

use super::{
    problem::{HttpError, Problem},
    state::AppState,
    wire::event::{self, EventJson},
};
use crate::{
    control::{
        auth::{Grant, Identity},
        error::ControlError,
        events::{
            kind::EventKinds,
            stream::{EventStream, Told, Wanted},
        },
    },
    ids::{ConferenceId, EventId},
};
use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use std::{convert::Infallible, time::Duration};

/// What a browser's `EventSource` says when it comes back; its query cannot change.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A comment when nothing happens for so long. Less than half of the 30 s after which an HTTP/2 connection
/// without movement is left, and than proxies' usual 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A client that lost its connection comes back after.
const RETRY: Duration = Duration::from_secs(1);

/// `?conference=…&types=…&last_event_id=…&token=…`
#[derive(Debug, Default)]
struct EventsQuery {
    conference: Option<ConferenceId>,
    kinds: Option<EventKinds>,
    last_event_id: Option<String>,
    token: Option<String>,
}

impl EventsQuery {
    fn parse(query: &str) -> Result<Self, ControlError> {
        let mut parsed = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "conference" => parsed.conference = Some(value.parse()?),
                "types" => {
                    let kinds = EventKinds::of(value.split(','));
                    let kinds =
                        kinds.map_err(|error| ControlError::invalid("types", format!("types: {error}")))?;
                    parsed.kinds = Some(kinds);
                }
                "last_event_id" => parsed.last_event_id = Some(value.into_owned()),
                "token" => parsed.token = Some(value.into_owned()),
                _ => {
                    let detail = "the query has an unknown parameter; allowed here: conference, types, \
                                  last_event_id, token";
                    return Err(ControlError::InvalidRequest { detail: detail.to_owned(), field: None });
                }
            }
        }
        Ok(parsed)
    }
}

/// Read what happens, as server-sent events: `event` is the type, `id` the event's id, `data` an Event on one line.
/// With `conference`: the grant `subscribe` there; without: the grant `admin`, and all conferences that the token
/// covers. A client that comes back with `Last-Event-ID` goes on behind that event; when it is too long ago, or of
/// another run of the server, the first event is `events.missed` and what is still known follows. The stream ends
/// when the client does not follow, and with the server.
#[utoipa::path(get, path = "/v1/events", tag = "events", operation_id = "read_events",
    params(("conference" = Option<String>, Query, description = "only of this conference"),
           ("types" = Option<String>, Query, description = "only these: types, `group.*` or `*`, with commas between"),
           ("last_event_id" = Option<String>, Query, description = "as the header, which counts more"),
           ("token" = Option<String>, Query, description = "the token, for browsers' `EventSource`"),
           ("Last-Event-ID" = Option<String>, Header, description = "the last event that was read")),
    responses(
    (status = 200, content_type = "text/event-stream", body = EventJson),
    (status = 400, body = Problem, description = "`invalid_request`"),
    (status = 401, body = Problem, description = "`token_missing`, `token_expired`, `token_invalid`"),
    (status = 403, body = Problem, description = "`forbidden`"),
    (status = 422, body = Problem, description = "`invalid_id`"),
    (status = 429, body = Problem, description = "`too_many_event_streams`"),
    (status = 503, body = Problem, description = "`shutting_down`")))]
pub async fn read(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    // The token first: without one nobody learns what a query may be.
    let query = query.unwrap_or_default();
    let identity = identify(&app, &query, &headers)?;
    let query = EventsQuery::parse(&query)?;
    match &query.conference {
        Some(conference) => identity.require_in(Grant::Subscribe, conference)?,
        None => identity.require(Grant::Admin)?,
    }
    let by_header = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let after = by_header.or(query.last_event_id).filter(|id| !id.is_empty());
    let after = after.map(|id| id.parse::<EventId>()).transpose().map_err(ControlError::InvalidId)?;
    let kinds = query.kinds.unwrap_or(EventKinds::ALL);
    let wanted = Wanted { identity, conference: query.conference, kinds };
    let events = app.events.stream(wanted, after.as_ref())?;
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(written(events)).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would collect events otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn identify(app: &AppState, query: &str, headers: &HeaderMap) -> Result<Identity, ControlError> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(key, _)| key == "token") {
        Some((_, token)) => app.auth.identify_token(&token),
        None => app.auth.identify(headers),
    }
}

fn written(events: EventStream) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let told = stream::unfold(events, |mut events| async move {
        let told = events.next().await?;
        Some((written_one(&told), events))
    });
    let greeting = sse::Event::default().retry(RETRY);
    stream::once(async { greeting }).chain(told).map(Ok)
}

fn written_one(told: &Told) -> sse::Event {
    match told {
        Told::Missed { after } => sse::Event::default().event("events.missed").data(event::missed(after)),
        Told::Event(event) => {
            // JSON of ours is UTF-8 on one line.
            let body = std::str::from_utf8(&event.body).unwrap_or_default();
            sse::Event::default().event(event.kind.name()).id(event.id.as_str()).data(body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_read_whole_or_refused() {
        let query =
            EventsQuery::parse("conference=room&types=cast.*,load.shed&token=t&last_event_id=x").unwrap();
        assert_eq!(query.conference, Some("room".parse().unwrap()));
        assert_eq!(query.kinds, EventKinds::of(["cast.*", "load.shed"]).ok());
        assert_eq!(EventsQuery::parse("types=cast.begun").unwrap_err().field(), Some("types"));
        assert_eq!(EventsQuery::parse("conference=a%20b").unwrap_err().code_and_status().0, "invalid_id");
        assert_eq!(EventsQuery::parse("type=cast").unwrap_err().code_and_status().0, "invalid_request");
    }
}
