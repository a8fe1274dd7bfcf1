use super::{
    harness::{Api, bearer, token_config},
    hook_receiver::{HookReceiver, SECRET},
};
use meetingcast::{
    config::{Config, webhooks::WebhookEndpoint},
    control::{
        auth::Grant,
        events::news::{EndReason, News},
    },
    ids::ConferenceId,
    redacted::Redacted,
};
use serde_json::{Value, json};

pub fn endpoint(receiver: &HookReceiver) -> WebhookEndpoint {
    WebhookEndpoint {
        id: "crm".to_owned(),
        url: Redacted::new(receiver.url.clone()),
        secret: Redacted::new(SECRET.to_owned()),
        events: Vec::new(),
        conferences: Vec::new(),
    }
}

pub fn with_endpoint(mut config: Config, endpoint: WebhookEndpoint) -> Config {
    config.webhooks.endpoints.push(endpoint);
    config.webhooks.backoff_min_ms = 100;
    config.webhooks.backoff_max_ms = 200;
    config
}

fn room() -> ConferenceId {
    "room".parse().unwrap()
}

fn restarted(restarts: u32) -> News {
    News::WorkerRestarted { restarts }
}

fn is_restart(number: u64) -> impl Fn(&Value) -> bool {
    move |event| event["data"]["restarts"] == number
}

#[tokio::test]
async fn an_event_that_is_refused_twice_comes_again_with_the_same_id_and_before_the_next() {
    let receiver = HookReceiver::start().await;
    receiver.answer(&[500, 302]);
    let api = Api::new(with_endpoint(Config::default(), endpoint(&receiver)));
    api.events.publish(&room(), &restarted(1));
    api.events.publish(&room(), &restarted(2));
    let second = receiver.taken(is_restart(2)).await;
    assert_eq!((second["type"].as_str(), second["sequence"].as_u64()), (Some("worker.restarted"), Some(2)));
    assert_eq!(second["conference"], "room");
    let seen = receiver.seen();
    let order: Vec<_> =
        seen.iter().map(|one| (one.event["data"]["restarts"].as_u64().unwrap(), one.status)).collect();
    assert_eq!(order, [(1, 500), (1, 302), (1, 204), (2, 204)]);
    assert_eq!(seen[0].id, seen[2].id);
    assert_ne!(seen[0].id, seen[3].id);

    // The log follows the answer by a moment.
    let log = loop {
        let log = api.get("/v1/webhooks/deliveries?conference=room&endpoint=crm").await.json();
        if log["deliveries"].as_array().unwrap().len() == 4 {
            break log;
        }
        tokio::task::yield_now().await;
    };
    let entries = log["deliveries"].as_array().unwrap();
    let states: Vec<_> =
        entries.iter().map(|one| (one["state"].as_str().unwrap(), one["status"].as_u64())).collect();
    assert_eq!(
        states,
        [("delivered", Some(204)), ("delivered", Some(204)), ("retry", Some(302)), ("retry", Some(500))]
    );
    assert_eq!(entries[3]["event"], seen[0].id.as_str());
    assert_eq!((entries[1]["attempt"].as_u64(), &entries[1]["next_attempt_at"]), (Some(3), &Value::Null));
    assert!(entries[3]["next_attempt_at"].as_str() > entries[3]["at"].as_str());
    let shown = receiver.url.split('?').next().unwrap().replace("user:hush@", "");
    assert_eq!(entries[0]["url"], shown);

    let list = api.get("/v1/webhooks").await.json();
    let webhook = &list["webhooks"][0];
    assert_eq!((webhook["id"].as_str(), webhook["state"].as_str()), (Some("crm"), Some("enabled")));
    assert_eq!(
        (&webhook["delivered"], &webhook["failed_attempts"], &webhook["queued"]),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!((&webhook["url"], &webhook["events"]), (&json!(shown), &json!(["*"])));
}

#[tokio::test]
async fn only_what_was_chosen_is_sent_and_other_conferences_do_not_wait() {
    let receiver = HookReceiver::start().await;
    let chosen = WebhookEndpoint {
        events: vec!["worker.*".to_owned()],
        conferences: vec!["room".to_owned(), "other".to_owned()],
        ..endpoint(&receiver)
    };
    let mut config = with_endpoint(Config::default(), chosen);
    (config.webhooks.backoff_min_ms, config.webhooks.backoff_max_ms) = (60_000, 60_000);
    let api = Api::new(config);
    receiver.answer(&[503]);
    api.events.publish(&room(), &restarted(1));
    while receiver.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    let other: ConferenceId = "other".parse().unwrap();
    api.events.publish(&room(), &restarted(2));
    api.events.publish(&"third".parse().unwrap(), &restarted(3));
    api.events.publish(&other, &News::ConferenceEnded { reason: EndReason::Deleted });
    api.events.publish(&other, &restarted(4));
    let fourth = receiver.taken(is_restart(4)).await;
    assert_eq!(fourth["sequence"], 2, "what was not chosen is a gap");
    assert_eq!(receiver.seen().len(), 2, "room waits for its first event");
    // The last chance: what waits goes now, in order.
    let left =
        api.events.webhooks().drain(std::time::Instant::now() + std::time::Duration::from_secs(20)).await;
    assert_eq!(left, 0);
    let numbers: Vec<_> = receiver.seen().iter().map(|one| one.event["data"]["restarts"].clone()).collect();
    assert_eq!(numbers, [1, 4, 1, 2]);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_left_until_a_test_succeeds() {
    let receiver = HookReceiver::start().await;
    receiver.answer(&[410, 500]);
    let api = Api::new(with_endpoint(Config::default(), endpoint(&receiver)));
    api.events.publish(&room(), &restarted(1));
    let state = async || api.get("/v1/webhooks").await.json()["webhooks"][0].clone();
    while state().await["state"] != "disabled" {
        tokio::task::yield_now().await;
    }
    api.events.publish(&room(), &restarted(2));
    assert_eq!(state().await["lost"], 2);
    let refused = api.json("POST", "/v1/webhooks/crm/test", json!({})).await;
    assert_eq!(refused.status, 200);
    assert_eq!((&refused.json()["delivered"], &refused.json()["status"]), (&json!(false), &json!(500)));
    assert_eq!(state().await["state"], "disabled");
    let taken = api.json("POST", "/v1/webhooks/crm/test", json!({})).await.json();
    assert_eq!((&taken["delivered"], &taken["status"]), (&json!(true), &json!(204)));
    assert_eq!(state().await["state"], "enabled");
    api.events.publish(&room(), &restarted(3));
    receiver.taken(is_restart(3)).await;
    assert_eq!(receiver.kinds(), ["webhook.test", "worker.restarted"]);
    api.json("POST", "/v1/webhooks/nobody/test", json!({})).await.is(404, "endpoint_not_found");
}

#[tokio::test]
async fn nobody_listens_and_the_log_says_so() {
    let receiver = HookReceiver::start().await;
    let mut nobody = endpoint(&receiver);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    nobody.url = Redacted::new(format!("http://user:hush@127.0.0.1:{port}/?hush"));
    let api = Api::new(with_endpoint(Config::default(), nobody));
    api.events.publish(&room(), &restarted(1));
    let left =
        api.events.webhooks().drain(std::time::Instant::now() + std::time::Duration::from_secs(20)).await;
    assert_eq!(left, 1);
    let log = api.get("/v1/webhooks/deliveries?limit=1").await.json();
    let entry = &log["deliveries"][0];
    assert_eq!((&entry["status"], &entry["error"]), (&Value::Null, &json!("no connection could be made")));
    assert_eq!(entry["state"], "given_up");
}

#[tokio::test]
async fn the_endpoints_are_for_administrators_of_all_and_the_log_for_those_of_its_conferences() {
    let receiver = HookReceiver::start().await;
    let api = Api::new(with_endpoint(token_config(), endpoint(&receiver)));
    for (conference, restarts) in [("room", 1), ("other", 2)] {
        api.events.publish(&conference.parse().unwrap(), &restarted(restarts));
        receiver.taken(is_restart(restarts.into())).await;
    }
    let get = async |path: &str, token: &str| api.call("GET", path, &[("authorization", token)], "").await;
    let all = bearer("ops", "*", &[Grant::Admin]);
    let one = bearer("ops", "room", &[Grant::Admin]);
    let cast = bearer("ops", "*", &[Grant::Cast]);
    while get("/v1/webhooks", &all).await.json()["webhooks"][0]["delivered"] != 2 {
        tokio::task::yield_now().await;
    }
    get("/v1/webhooks", &one).await.is(403, "forbidden");
    get("/v1/webhooks", &cast).await.is(403, "forbidden");
    api.call("POST", "/v1/webhooks/crm/test", &[("authorization", &one)], "").await.is(403, "forbidden");
    let conferences = |reply: &Value| {
        let all = reply["deliveries"].as_array().unwrap().iter();
        all.map(|one| one["conference"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(conferences(&get("/v1/webhooks/deliveries", &all).await.json()), ["other", "room"]);
    assert_eq!(conferences(&get("/v1/webhooks/deliveries", &one).await.json()), ["room"]);
    get("/v1/webhooks/deliveries?conference=other", &one).await.is(403, "forbidden");
    get("/v1/webhooks/deliveries", &cast).await.is(403, "forbidden");
    api.get("/v1/webhooks/deliveries").await.is(401, "token_missing");
    get("/v1/webhooks/deliveries?limit=0", &all).await.is(400, "invalid_request");
    get("/v1/webhooks/deliveries?page=2", &all).await.is(400, "invalid_request");
}
