use super::harness::Api;
use serde_json::json;

const ALICE: &str = "/v1/conferences/room/participants/alice";

#[tokio::test]
async fn a_participant_tells_what_it_sends() {
    let api = Api::open();
    let alice = json!({
        "id": "alice", "name": "Alice", "joined_at": "2026-01-01T00:00:00Z", "user_data": null, "audio_muted": false,
        "video_muted": false, "gain_db": 0.0,
        "streams": [{"name": "camera", "audio": true, "video": true, "video_codec": "h264", "width": 1280,
                     "height": 720, "connected": true}]
    });
    assert_eq!(api.get(ALICE).await.json(), alice);
    assert_eq!(api.get("/v1/conferences/room/participants").await.json(), json!({"participants": [alice]}));
}

#[tokio::test]
async fn absent_fields_of_a_patch_stay() {
    let api = Api::open();
    let reply = api.json("PATCH", ALICE, json!({"audio_muted": true, "gain_db": -6.0})).await;
    assert_eq!(reply.status, 200);
    let reply = api.json("PATCH", ALICE, json!({"video_muted": true})).await.json();
    assert_eq!(
        (&reply["audio_muted"], &reply["video_muted"], &reply["gain_db"]),
        (&json!(true), &json!(true), &json!(-6.0))
    );
}

#[tokio::test]
async fn bad_patches_are_named() {
    let api = Api::open();
    for (body, field) in [
        (json!({"gain_db": 21}), "gain_db"),
        (json!({"gain_db": "loud"}), "gain_db"),
        (json!({"audio_muted": 1}), "audio_muted"),
    ] {
        let reply = api.json("PATCH", ALICE, body).await;
        reply.is(400, "invalid_request");
        assert_eq!(reply.json()["field"], field);
    }
}

#[tokio::test]
async fn a_removed_participant_is_gone() {
    let api = Api::open();
    assert_eq!(api.call("DELETE", ALICE, &[], "").await.status, 204);
    api.call("DELETE", ALICE, &[], "").await.is(404, "participant_not_found");
    api.get(ALICE).await.is(404, "participant_not_found");
    api.json("PATCH", ALICE, json!({})).await.is(404, "participant_not_found");
    api.get("/v1/conferences/room/participants/a%20b").await.is(422, "invalid_id");
}
