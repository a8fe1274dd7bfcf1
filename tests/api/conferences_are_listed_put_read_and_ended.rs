use super::{fake::MAX_CONFERENCES, harness::Api};
use serde_json::json;

#[tokio::test]
async fn put_creates_and_then_changes() {
    let api = Api::open();
    let reply = api.json("PUT", "/v1/conferences/new", json!({"name": "Team", "max_participants": 4})).await;
    assert_eq!(reply.status, 201);
    let conference = reply.json();
    assert_eq!((&conference["id"], &conference["name"]), (&json!("new"), &json!("Team")));
    assert_eq!(conference["max_participants"], 4);
    assert_eq!(conference["created_at"], "2026-01-01T00:00:00Z");
    assert_eq!(conference["cast"]["state"], "idle");

    // Without a body the defaults are meant.
    let reply = api.call("PUT", "/v1/conferences/new", &[], "").await;
    assert_eq!(reply.status, 200);
    assert_eq!((&reply.json()["name"], &reply.json()["max_participants"]), (&json!(null), &json!(16)));
}

#[tokio::test]
async fn the_list_has_a_line_each() {
    let api = Api::open();
    api.call("PUT", "/v1/conferences/attic", &[], "").await;
    assert_eq!(
        api.get("/v1/conferences").await.json(),
        json!({"conferences": [
            {"id": "attic", "name": null, "created_at": "2026-01-01T00:00:00Z", "participant_count": 1, "cast_state": "idle"},
            {"id": "room", "name": null, "created_at": "2026-01-01T00:00:00Z", "participant_count": 1, "cast_state": "idle"},
        ]})
    );
}

#[tokio::test]
async fn an_ended_conference_is_gone() {
    let api = Api::open();
    assert_eq!(api.get("/v1/conferences/room").await.status, 200);
    let reply = api.call("DELETE", "/v1/conferences/room", &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (204, ""));
    api.get("/v1/conferences/room").await.is(404, "conference_not_found");
    api.call("DELETE", "/v1/conferences/room", &[], "").await.is(404, "conference_not_found");
}

#[tokio::test]
async fn unknown_and_invalid_ids_are_told_apart() {
    let api = Api::open();
    for path in ["", "/participants", "/participants/alice", "/cast"] {
        api.get(&format!("/v1/conferences/nowhere{path}")).await.is(404, "conference_not_found");
        for bad in ["a%2Fb", "%20", "%C3%A4", "%ff", ".", "a,b", &"x".repeat(129)] {
            api.get(&format!("/v1/conferences/{bad}{path}")).await.is(422, "invalid_id");
        }
    }
    let odd = "a.b_c~d-e@f:g+h";
    let reply = api.json("PUT", &format!("/v1/conferences/{odd}"), json!({})).await;
    assert_eq!(reply.json()["id"], odd);
}

#[tokio::test]
async fn a_full_server_says_so() {
    let api = Api::open();
    for number in 1..MAX_CONFERENCES {
        assert_eq!(api.call("PUT", &format!("/v1/conferences/c{number}"), &[], "").await.status, 201);
    }
    api.call("PUT", "/v1/conferences/more", &[], "").await.is(429, "too_many_conferences");
    api.sdp("/v1/conferences/more/whip", super::harness::OFFER).await.is(429, "too_many_conferences");
}

#[tokio::test]
async fn settings_out_of_range_are_named() {
    let api = Api::open();
    for (body, field) in
        [(json!({"max_participants": 17}), "max_participants"), (json!({"name": ""}), "name")]
    {
        let reply = api.json("PUT", "/v1/conferences/new", body).await;
        reply.is(400, "invalid_request");
        assert_eq!(reply.json()["field"], field);
    }
    api.get("/v1/conferences/new").await.is(404, "conference_not_found");
}
