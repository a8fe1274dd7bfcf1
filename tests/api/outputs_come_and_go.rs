use super::harness::Api;
use serde_json::{Value, json};

const OUTPUTS: &str = "/v1/conferences/room/cast/outputs";

async fn add(api: &Api, body: Value) -> super::harness::Reply {
    api.json("POST", OUTPUTS, body).await
}

#[tokio::test]
async fn outputs_are_added_with_free_ids_and_removed() {
    let api = Api::open();
    let rtmp = json!({"type": "rtmp", "url": "rtmp://a.example/live/hush"});
    add(&api, rtmp.clone()).await.is(409, "cast_not_started");
    api.json("POST", "/v1/conferences/room/cast/start", json!({"participant": "alice"})).await;

    let reply = add(&api, rtmp.clone()).await;
    assert_eq!(reply.status, 201);
    assert_eq!(
        reply.json(),
        json!({"id": "rtmp-1", "type": "rtmp", "url": "rtmp://a.example/live/****", "backup_url": null,
               "on_backup": false, "state": "connecting", "since": "2026-01-01T00:00:01Z", "retries": 0,
               "bytes_sent": 0, "frames_dropped": 0, "queued_ms": 0, "queued_bytes": 0, "last_error": null})
    );
    let second = add(
        &api,
        json!({"type": "rtmp", "url": "rtmps://user:hush@b.example/live/hush",
               "backup_url": "rtmp://c.example:1936/live/hush"}),
    )
    .await;
    assert_eq!(second.status, 201);
    assert_eq!(second.json()["id"], "rtmp-2");
    assert_eq!(second.json()["url"], "rtmps://b.example/live/****");
    assert_eq!(second.json()["backup_url"], "rtmp://c.example:1936/live/****");
    let mut named = rtmp;
    named["id"] = json!("rtmp-2");
    add(&api, named).await.is(409, "output_exists");
    add(&api, json!({"type": "hls"})).await.is(409, "output_exists");

    let path = format!("{OUTPUTS}/rtmp-2");
    assert_eq!(api.call("DELETE", &path, &[], "").await.status, 204);
    api.call("DELETE", &path, &[], "").await.is(404, "output_not_found");
    api.call("DELETE", &format!("{OUTPUTS}/a%2Fb"), &[], "").await.is(422, "invalid_id");
}

#[tokio::test]
async fn bad_outputs_are_named() {
    let api = Api::open();
    for (body, status, code) in [
        (json!({"type": "rtmp", "url": "https://a.example/live/hush"}), 422, "output_url_invalid"),
        (json!({"type": "rtmp"}), 400, "invalid_request"),
        (
            json!({"type": "rtmp", "url": "rtmp://a.example/live/hush", "backup_url": "hush"}),
            422,
            "output_url_invalid",
        ),
        (json!({"type": "rtmp", "url": "rtmp://hush@a.example/live/hush"}), 422, "output_url_invalid"),
        (json!({"type": "hls", "url": "rtmp://a.example/live/hush"}), 400, "invalid_request"),
        (json!({"url": "rtmp://a.example/live/hush"}), 400, "invalid_request"),
        (json!({"id": "a b", "type": "hls"}), 422, "invalid_id"),
    ] {
        add(&api, body).await.is(status, code);
    }
}
