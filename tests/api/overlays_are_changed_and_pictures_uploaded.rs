//! What is drawn over the program, and the pictures for it.

use super::harness::{Api, Reply, bearer, token_config};
use meetingcast::{config::Config, control::auth::Grant};
use serde_json::{Value, json};

const OVERLAY: &str = "/v1/conferences/room/cast/overlay";
const LOGO: &str = "/v1/conferences/room/pictures/logo";

async fn put(api: &Api, path: &str, kind: &str, body: &str) -> Reply {
    api.call("PUT", path, &[("content-type", kind)], body).await
}

#[tokio::test]
async fn an_overlay_is_changed_part_by_part() {
    let api = Api::open();
    let empty = json!({
        "labels": false, "title": null, "logo": null, "background": null, "clock": null, "slate": null,
        "program_pts_ms": null
    });
    assert_eq!(api.get(OVERLAY).await.json(), empty);
    let reply = api.json("PATCH", OVERLAY, json!({"labels": true, "title": {"text": "<b>Hi</b>"}})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["title"], json!({"text": "<b>Hi</b>", "position": "bottom"}));
    let reply =
        api.json("PATCH", OVERLAY, json!({"title": null, "clock": {"zone": "Asia/Tokyo"}})).await.json();
    assert_eq!((&reply["labels"], &reply["title"]), (&json!(true), &Value::Null));
    let clock = json!({"corner": "top_left", "zone": "Asia/Tokyo", "seconds": true});
    assert_eq!(reply["clock"], clock);
    // On the program, once there is one.
    let start = api.json("POST", "/v1/conferences/room/cast/start", json!({"participant": "alice"})).await;
    assert_eq!(start.status, 201);
    let reply = api.json("PATCH", OVERLAY, json!({"background": {"color": "#102030"}})).await.json();
    assert_eq!((&reply["program_pts_ms"], &reply["clock"]), (&json!(83_366), &clock));
}

#[tokio::test]
async fn what_cannot_be_is_named() {
    let api = Api::open();
    for (body, field) in [
        (json!({"subtitle": "x"}), "subtitle"),
        (json!({"title": {"text": "x", "size": 1}}), "title.size"),
        (json!({"title": {"text": 5}}), "title.text"),
        (json!({"title": {"text": ""}}), "title.text"),
        (json!({"title": {"text": "x", "position": "left"}}), "title.position"),
        (json!({"logo": {}}), "logo.picture"),
        (json!({"logo": {"picture": "logo", "size": 2}}), "logo.size"),
        (json!({"background": {"color": "blue"}}), "background.color"),
        (json!({"clock": {"zone": "Moon/Sea"}}), "clock.zone"),
        (json!({"slate": {"picture": "a", "file": "b.mp4"}}), "slate"),
        (json!({"slate": {"picture": "a", "fit": "stretch"}}), "slate.fit"),
        (json!({"slate": {"file": "../../etc/passwd"}}), "slate.file"),
        (json!({"slate": {"text": "x"}}), "slate.text"),
    ] {
        let reply = api.json("PATCH", OVERLAY, body.clone()).await;
        reply.is(400, "invalid_request");
        assert_eq!(reply.json()["field"], field, "{body}");
    }
    api.json("PATCH", OVERLAY, json!({"logo": {"picture": "none"}})).await.is(404, "picture_not_found");
    api.json("PATCH", OVERLAY, json!({"logo": {"picture": "../x"}})).await.is(422, "invalid_id");
    let nowhere = "/v1/conferences/nowhere/cast/overlay";
    api.json("PATCH", nowhere, json!({})).await.is(404, "conference_not_found");
}

#[tokio::test]
async fn pictures_are_put_listed_used_and_deleted() {
    let api = Api::open();
    assert_eq!(api.get("/v1/conferences/room/pictures").await.json(), json!({"pictures": []}));
    let reply = put(&api, LOGO, "image/png", "a picture").await;
    assert_eq!(reply.status, 201);
    let logo = json!({
        "name": "logo", "content_type": "image/png", "bytes": 9, "width": 64, "height": 48, "server": false
    });
    assert_eq!(reply.json(), logo);
    assert_eq!(put(&api, LOGO, "image/svg+xml; charset=utf-8", "<svg/>").await.status, 200);
    let list = api.get("/v1/conferences/room/pictures").await.json();
    assert_eq!(list["pictures"][0]["content_type"], "image/svg+xml");
    let used = api.json("PATCH", OVERLAY, json!({"logo": {"picture": "logo", "size": 0.1}})).await.json();
    assert_eq!(used["logo"], json!({"picture": "logo", "corner": "top_right", "size": 0.1, "opacity": 1.0}));
    api.call("DELETE", LOGO, &[], "").await.is(409, "picture_in_use");
    api.json("PATCH", OVERLAY, json!({"logo": null})).await;
    assert_eq!(api.call("DELETE", LOGO, &[], "").await.status, 204);
    api.call("DELETE", LOGO, &[], "").await.is(404, "picture_not_found");
}

#[tokio::test]
async fn the_slate_is_the_card_a_picture_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("break.mp4"), "a film").unwrap();
    let mut config = Config::default();
    config.media.dir = folder.path().to_str().unwrap().to_owned();
    let api = Api::new(config);
    let change = |slate: Value| api.json("PATCH", OVERLAY, json!({"slate": slate}));
    assert_eq!(put(&api, LOGO, "image/png", "a picture").await.status, 201);
    let reply = change(json!({"picture": "logo"})).await.json();
    assert_eq!(reply["slate"], json!({"picture": "logo", "fit": "cover"}));
    api.call("DELETE", LOGO, &[], "").await.is(409, "picture_in_use");
    let reply = change(json!({"file": "break.mp4", "fit": "contain"})).await.json();
    assert_eq!(reply["slate"], json!({"file": "break.mp4", "fit": "contain"}));
    assert_eq!(api.call("DELETE", LOGO, &[], "").await.status, 204);
    let reply = change(json!({"file": "none.mp4"})).await;
    reply.is(404, "file_not_found");
    assert_eq!(reply.json()["field"], "slate.file");
    change(json!({"picture": "logo"})).await.is(404, "picture_not_found");
    assert_eq!(api.get(OVERLAY).await.json()["slate"]["file"], "break.mp4");
    assert_eq!(change(Value::Null).await.json()["slate"], Value::Null);
    // A server without a folder.
    let reply = Api::open().json("PATCH", OVERLAY, json!({"slate": {"file": "break.mp4"}})).await;
    reply.is(403, "media_disabled");
}

#[tokio::test]
async fn pictures_are_bounded_and_of_few_kinds() {
    let mut config = Config::default();
    config.limits.max_picture_bytes = 1024;
    let api = Api::new(config);
    put(&api, LOGO, "image/gif", "GIF89a").await.is(415, "codec_unsupported");
    put(&api, LOGO, "application/json", "{}").await.is(415, "codec_unsupported");
    put(&api, LOGO, "image/png", &"x".repeat(1025)).await.is(413, "body_too_large");
    put(&api, LOGO, "image/png", "").await.is(422, "picture_invalid");
    put(&api, LOGO, "image/png", "bad").await.is(422, "picture_invalid");
    put(&api, "/v1/conferences/room/pictures/LOGO", "image/png", "x").await.is(422, "invalid_id");
    put(&api, "/v1/conferences/nowhere/pictures/a", "image/png", "x").await.is(404, "conference_not_found");
}

#[tokio::test]
async fn it_takes_the_grant_to_cast() {
    let api = Api::new(token_config());
    let reader = bearer("alice", "room", &[Grant::Subscribe, Grant::Publish]);
    let director = bearer("alice", "room", &[Grant::Cast]);
    for (method, path) in [
        ("GET", OVERLAY),
        ("PATCH", OVERLAY),
        ("GET", "/v1/conferences/room/pictures"),
        ("PUT", LOGO),
        ("DELETE", LOGO),
    ] {
        api.call(method, path, &[], "").await.is(401, "token_missing");
        api.call(method, path, &[("authorization", &reader)], "").await.is(403, "forbidden");
    }
    let reply = api.call("GET", OVERLAY, &[("authorization", &director)], "").await;
    assert_eq!(reply.status, 200);
}
