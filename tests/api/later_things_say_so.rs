use super::harness::Api;
use serde_json::json;

#[tokio::test]
async fn fields_of_later_are_501_and_never_ignored() {
    let api = Api::open();
    let body = json!({"source": {"follow": "active_speaker", "hold_ms": 1500}});
    let reply = api.json("POST", "/v1/conferences/room/cast/start", body).await;
    reply.is(501, "not_implemented");
    assert!(
        reply.json()["detail"].as_str().unwrap().ends_with(" is not implemented yet"),
        "{}",
        reply.text()
    );
    assert_eq!(api.get("/v1/conferences/room/cast").await.json()["state"], "idle");
}
