use super::harness::Api;
use serde_json::{Value, json};

const CUES: &str = "/v1/conferences/room/cast/cues";

async fn put(api: &Api, cues: Value) -> super::harness::Reply {
    api.json("POST", CUES, json!({"cues": cues})).await
}

#[tokio::test]
async fn a_list_is_put_read_taken_and_cleared() {
    let api = Api::open();
    let empty = json!({"conference": "room", "next": null, "on": null, "cues": []});
    assert_eq!(api.get(CUES).await.json(), empty);
    let list = json!([
        {"id": "cue-1", "name": "Welcome", "participant": "alice", "at": "2099-11-27T13:00:00+01:00"},
        {"id": "both", "name": "Both", "source": {"layout": "grid"}, "audio": "mix", "after_ms": 8000,
         "transition": {"type": "fade"}},
        {"id": "cue-2", "name": "Nobody", "source": {"slate": true}, "at_pts_ms": 83366},
        {"id": "cue-3", "name": "Guest", "participant": "bob"},
    ]);
    let reply = put(&api, list).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let waits = json!({"planned_pts_ms": null, "program_pts_ms": null, "error": null});
    let cue = |more: Value| {
        let mut cue = waits.clone();
        cue.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cue
    };
    let cut = json!({"type": "cut"});
    let camera = |who: &str| json!({"participant": who, "stream": "camera"});
    let expected = json!({"conference": "room", "next": "cue-1", "on": null, "cues": [
        cue(json!({"id": "cue-1", "name": "Welcome", "source": camera("alice"), "transition": cut,
                   "at": "2099-11-27T12:00:00Z", "state": "next"})),
        cue(json!({"id": "both", "name": "Both", "source": {"layout": "grid"}, "audio": "mix",
                   "transition": {"type": "fade", "duration_ms": 500}, "after_ms": 8000, "state": "waiting"})),
        cue(json!({"id": "cue-2", "name": "Nobody", "source": {"slate": true}, "transition": cut,
                   "at_pts_ms": 83366, "state": "waiting"})),
        cue(json!({"id": "cue-3", "name": "Guest", "source": camera("bob"), "transition": cut, "state": "waiting"})),
    ]});
    assert_eq!(reply.json(), expected);
    assert_eq!(api.get(CUES).await.json(), expected);

    api.json("POST", &format!("{CUES}/next"), Value::Null).await.is(409, "cast_not_started");
    api.json("POST", "/v1/conferences/room/cast/start", json!({"source": {"slate": true}})).await;
    let reply = api.json("POST", &format!("{CUES}/next"), Value::Null).await;
    let taken =
        json!({"source": camera("alice"), "took_ms": 41, "program_pts_ms": 83366, "transition": "cut"});
    assert_eq!((reply.status.as_u16(), reply.json()), (200, taken), "as a switch is answered");
    let list = api.get(CUES).await.json();
    assert_eq!((&list["on"], &list["next"]), (&json!("cue-1"), &json!("both")));
    assert_eq!(list["cues"][0]["program_pts_ms"], 83366);
    api.json("POST", &format!("{CUES}/cue-3/go"), Value::Null).await.is(404, "participant_not_found");
    let failed = &api.get(CUES).await.json()["cues"][3];
    assert_eq!(
        (&failed["state"], &failed["error"]["code"]),
        (&json!("failed"), &json!("participant_not_found"))
    );
    api.json("POST", &format!("{CUES}/other/go"), Value::Null).await.is(404, "cue_not_found");
    assert_eq!(api.call("DELETE", CUES, &[], "").await.status, 204);
    assert_eq!(api.get(CUES).await.json(), empty);
    api.json("POST", &format!("{CUES}/next"), Value::Null).await.is(409, "no_next_cue");
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place_and_changes_nothing() {
    let api = Api::open();
    let good = json!({"name": "n", "source": {"slate": true}});
    assert_eq!(put(&api, json!([good])).await.status, 200);
    for (cues, field) in [
        (json!([]), "cues"),
        (json!(vec![good.clone(); 101]), "cues"),
        (json!([good, {"name": "n"}]), "cues[1].source"),
        (json!([good, good, {"source": {"slate": true}}]), "cues[2].name"),
        (json!([good, {"name": "n", "source": {"slate": true, "colour": 1}}]), "cues[1].source.colour"),
        (json!([good, {"name": "n", "source": {"layout": "pip", "focus": "a"}}]), "cues[1].source.inset"),
        (json!([{"name": "n", "participant": "a", "fade": 1}]), "cues[0].fade"),
        (json!([{"name": "n", "participant": "a", "at_pts_ms": -1}]), "cues[0].at_pts_ms"),
        (
            json!([{"name": "n", "participant": "a", "transition": {"type": "wipe"}}]),
            "cues[0].transition.type",
        ),
        (json!([{"name": "n", "participant": "a", "after_ms": 5}]), "cues[0].after_ms"),
    ] {
        let reply = put(&api, cues).await;
        reply.is(400, "invalid_request");
        assert_eq!(reply.json()["field"], field, "{}", reply.text());
    }
    assert_eq!(api.get(CUES).await.json()["cues"].as_array().unwrap().len(), 1);
    let reply = api.json("POST", "/v1/conferences/nowhere/cast/cues", json!({"cues": [good]})).await;
    reply.is(404, "conference_not_found");
}
