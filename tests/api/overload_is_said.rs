//! What the machine has no room for is refused, and said.

use super::harness::{Api, OFFER};
use meetingcast::config::Config;
use serde_json::json;

/// A server that may use next to nothing: it takes one cast, since an idle server takes any.
fn full() -> Api {
    let mut config = Config::default();
    config.limits.max_load = 0.001;
    Api::new(config)
}

#[tokio::test]
async fn a_full_server_takes_no_more_and_says_when_to_come_back() {
    let api = full();
    assert_eq!(api.get("/readyz").await.json()["status"], "ready");
    let start = json!({"participant": "alice"});
    let path = "/v1/conferences/room/cast/start";
    assert_eq!(api.json("POST", path, start.clone()).await.status, 201);
    let reply = api.json("POST", path, start.clone()).await;
    reply.is(503, "overloaded");
    assert_eq!(reply.header("retry-after").unwrap(), "10");
    let reply = api.sdp("/v1/conferences/room/whip", OFFER).await;
    reply.is(503, "overloaded");
    api.get("/readyz").await.is(503, "overloaded");
    assert_eq!(api.get("/healthz").await.status, 200);
    // Nothing of it harms what runs.
    assert_eq!(api.get("/v1/conferences/room/cast").await.status, 200);
}

#[tokio::test]
async fn what_was_refused_for_another_reason_takes_no_room() {
    let api = full();
    let nobody = json!({"participant": "nobody", "source": {"slate": true}});
    for _ in 0..3 {
        api.json("POST", "/v1/conferences/room/cast/start", nobody.clone()).await.is(400, "invalid_request");
    }
    api.json("POST", "/v1/conferences/elsewhere/cast/start", json!({"participant": "alice"}))
        .await
        .is(404, "conference_not_found");
    assert_eq!(api.get("/readyz").await.json()["status"], "ready");
}
