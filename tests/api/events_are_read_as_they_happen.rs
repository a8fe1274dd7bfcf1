use super::{
    event_reader::EventReader,
    harness::{Api, bearer},
};
use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use meetingcast::{
    config::Config,
    control::{
        auth::Grant,
        events::news::{EndReason, News},
    },
};
use tower::ServiceExt;

async fn open(api: &Api, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Body) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = api.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    (parts.status, parts.headers, body)
}

async fn read(api: &Api, path: &str, headers: &[(&str, &str)]) -> EventReader {
    let (status, _, body) = open(api, path, headers).await;
    assert_eq!(status, 200);
    EventReader::new(body)
}

fn restart(api: &Api, conference: &str, restarts: u32) {
    api.events.publish(&conference.parse().unwrap(), &News::WorkerRestarted { restarts });
}

#[tokio::test]
async fn a_reader_gets_what_it_chose_and_goes_on_where_it_was() {
    let api = Api::open();
    let (status, headers, body) = open(&api, "/v1/events", &[("accept-encoding", "gzip")]).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers.get("content-encoding"), None, "gzip would hold events back");
    assert_eq!(headers["cache-control"], "no-store");
    let mut all = EventReader::new(body);
    let mut chosen = read(&api, "/v1/events?conference=other&types=worker.*,cast.started", &[]).await;
    restart(&api, "room", 1);
    restart(&api, "other", 2);
    api.events.publish(&"other".parse().unwrap(), &News::ConferenceEnded { reason: EndReason::Empty });
    restart(&api, "other", 3);
    let first = all.next().await.unwrap();
    assert_eq!((first.event.as_str(), &first.data["type"]), ("worker.restarted", &"worker.restarted".into()));
    assert_eq!(first.id.as_deref(), first.data["id"].as_str());
    assert_eq!((&first.data["conference"], &first.data["sequence"]), (&"room".into(), &1.into()));
    let chosen_ones = [chosen.next().await.unwrap(), chosen.next().await.unwrap()];
    assert_eq!(chosen_ones.each_ref().map(|one| one.data["sequence"].as_u64()), [Some(1), Some(3)]);
    drop(all);

    let id = first.id.unwrap();
    let mut again = read(&api, "/v1/events", &[("last-event-id", &id)]).await;
    let next = again.next().await.unwrap();
    assert_eq!(next, chosen_ones[0], "the same event, and none between");
    let mut by_query = read(&api, &format!("/v1/events?types=conference.*&last_event_id={id}"), &[]).await;
    assert_eq!(by_query.next().await.unwrap().event, "conference.ended");
    restart(&api, "room", 4);
    again.until("conference.ended").await;
    let sequences = [again.next().await.unwrap(), again.next().await.unwrap()]
        .map(|one| one.data["data"]["restarts"].clone());
    assert_eq!(sequences, [3, 4], "what is old goes on with what is new, without a gap");
}

#[tokio::test]
async fn a_reader_from_another_time_hears_that_it_missed_some() {
    let api = Api::open();
    restart(&api, "room", 1);
    let unknown = format!("evt_{}", "0".repeat(32));
    let mut reader = read(&api, "/v1/events", &[("last-event-id", &unknown)]).await;
    let missed = reader.next().await.unwrap();
    assert_eq!((missed.event.as_str(), missed.id), ("events.missed", None));
    assert_eq!(missed.data["data"]["after"], unknown.as_str());
    assert_eq!(reader.next().await.unwrap().data["data"]["restarts"], 1);
    let (status, _, _) = open(&api, "/v1/events", &[("last-event-id", "hush")]).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn a_reader_that_does_not_follow_is_cut_and_told_what_it_missed_when_it_is_back() {
    let api = Api::open();
    let mut slow = read(&api, "/v1/events", &[]).await;
    for restarts in 0..1000 {
        restart(&api, "room", restarts);
    }
    let mut last = None;
    let mut count = 0_u32;
    while let Some(event) = slow.next().await {
        assert_eq!(event.data["data"]["restarts"], count);
        count += 1;
        last = event.id;
    }
    assert_eq!(count, 256, "its queue, and then the end");
    let mut again = read(&api, "/v1/events", &[("last-event-id", &last.unwrap())]).await;
    for restarts in count..1000 {
        assert_eq!(again.next().await.unwrap().data["data"]["restarts"], restarts);
    }
}

#[tokio::test]
async fn readers_are_counted_and_end_with_the_server() {
    let mut config = Config::default();
    config.limits.max_event_streams = 2;
    let api = Api::new(config);
    let mut first = read(&api, "/v1/events", &[]).await;
    let second = read(&api, "/v1/events", &[]).await;
    api.get("/v1/events").await.is(429, "too_many_event_streams");
    drop(second);
    let mut second = read(&api, "/v1/events", &[]).await;
    restart(&api, "room", 1);
    api.events.close();
    for reader in [&mut first, &mut second] {
        assert_eq!(reader.next().await.unwrap().data["data"]["restarts"], 1);
        assert_eq!(reader.next().await, None);
    }
    drop(first);
    api.get("/v1/events").await.is(503, "shutting_down");
}

#[tokio::test]
async fn a_token_opens_its_conference_and_an_administrators_all_that_it_covers() {
    let api = Api::with_tokens();
    let subscriber = bearer("alice", "room", &[Grant::Subscribe]);
    let publisher = bearer("alice", "room", &[Grant::Publish]);
    let admin = bearer("ops", "room", &[Grant::Admin]);
    let status =
        async |path: &str, token: &str| open(&api, path, &[("authorization", token)]).await.0.as_u16();
    assert_eq!(status("/v1/events?conference=room", &subscriber).await, 200);
    assert_eq!(status("/v1/events?conference=other", &subscriber).await, 403);
    assert_eq!(status("/v1/events?conference=room", &publisher).await, 403);
    assert_eq!(status("/v1/events", &subscriber).await, 403);
    assert_eq!(status("/v1/events?types=cast.begun", &admin).await, 400);
    api.get("/v1/events").await.is(401, "token_missing");
    api.get("/v1/events?nonsense=1").await.is(401, "token_missing");
    let token = admin.trim_start_matches("Bearer ");
    let mut reader = read(&api, &format!("/v1/events?token={token}"), &[]).await;
    restart(&api, "other", 1);
    restart(&api, "room", 2);
    assert_eq!(reader.next().await.unwrap().data["data"]["restarts"], 2, "only what the token covers");
}
