use super::{
    fake::{SILENT, SLOW},
    harness::Api,
};
use meetingcast::config::Config;
use serde_json::{Value, json};

const CAST: &str = "/v1/conferences/room/cast";

async fn post(api: &Api, verb: &str, body: Value) -> super::harness::Reply {
    api.json("POST", &format!("{CAST}/{verb}"), body).await
}

#[tokio::test]
async fn the_cast_object_is_there_before_the_first_start() {
    let reply = Api::open().get(CAST).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({
            "conference": "room", "state": "idle", "source": null, "source_state": "absent",
            "file": null, "source_age_ms": null, "audio": "source", "started_at": null, "stopped_at": null,
            "encoding": null, "play": {"hls": null, "rtmp": null, "whep": null}, "outputs": [],
            "shed": [],
            "program": {
                "frames": 0, "repeated": 0, "dropped": 0, "rendition_dropped": 0, "encoder": null, "encoder_fallbacks": 0
            },
            "error": null
        })
    );
}

#[tokio::test]
async fn one_participant_is_a_whole_start() {
    let api = Api::open();
    let reply = post(&api, "start", json!({"participant": "alice"})).await;
    assert_eq!(reply.status, 201);
    let cast = reply.json();
    assert_eq!(cast["state"], "live");
    assert_eq!(cast["source"], json!({"participant": "alice", "stream": "camera"}));
    assert_eq!(cast["play"]["hls"], "http://cast.example/hls/room/index.m3u8");
    assert_eq!(cast["started_at"], "2026-01-01T00:00:01Z");
    assert_eq!(
        cast["encoding"],
        json!({"mode": "compose", "width": 1280, "height": 720, "fps": 30, "video_kbps": 2500,
               "audio_kbps": 128, "keyframe_ms": 2000, "loudness_lufs": null, "renditions": []})
    );
    assert_eq!(cast["outputs"][0]["id"], "hls");
    assert_eq!(cast["outputs"][0]["state"], "connecting");

    post(&api, "start", json!({"participant": "alice"})).await.is(409, "cast_already_started");
    let reply = post(&api, "stop", Value::Null).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        (&reply.json()["state"], &reply.json()["stopped_at"]),
        (&json!("stopped"), &json!("2026-01-01T00:00:02Z"))
    );
    post(&api, "stop", Value::Null).await.is(409, "cast_not_started");
}

#[tokio::test]
async fn a_passthrough_cast_says_so_and_refuses_what_needs_an_encoder() {
    let api = Api::open();
    let start = |encoding: Value| json!({"participant": "alice", "encoding": encoding});
    for (more, field) in [
        (json!({"mode": "passthrough", "video_kbps": 900}), "encoding.video_kbps"),
        (
            json!({"mode": "passthrough", "renditions": [{"height": 180, "video_kbps": 200}]}),
            "encoding.renditions",
        ),
        (json!({"mode": "passthrough", "keyframe_ms": 500}), "encoding.keyframe_ms"),
    ] {
        let reply = post(&api, "start", start(more)).await;
        reply.is(400, "invalid_request");
        assert_eq!(reply.json()["field"], field, "{}", reply.text());
    }
    let reply = post(&api, "start", start(json!({"mode": "passthrough", "renditions": []}))).await;
    assert_eq!(reply.status, 201);
    assert_eq!(
        reply.json()["encoding"],
        json!({"mode": "passthrough", "width": 1280, "height": 720, "fps": 30, "video_kbps": null,
               "audio_kbps": 128, "keyframe_ms": 2000, "loudness_lufs": null, "renditions": []})
    );
}

#[tokio::test]
async fn everything_of_a_start_reaches_the_conference() {
    let api = Api::open();
    let reply = post(
        &api,
        "start",
        json!({
            "source": {"layout": "speaker", "focus": "alice"}, "audio": "mix",
            "encoding": {"mode": "compose", "width": 640, "height": 360, "fps": 25, "video_kbps": 800,
                         "audio_kbps": 96, "keyframe_ms": 1000},
            "outputs": [{"id": "yt", "type": "rtmp", "url": "rtmp://a.example/live/hush"}, {"type": "hls"}]
        }),
    )
    .await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let cast = reply.json();
    assert_eq!(cast["source"], json!({"layout": "speaker", "focus": "alice"}));
    assert_eq!(cast["audio"], "mix");
    assert_eq!(cast["encoding"]["fps"], 25);
    assert_eq!(cast["outputs"][0]["url"], "rtmp://a.example/live/****");
    assert_eq!(cast["outputs"][1]["id"], "hls");
}

#[tokio::test]
async fn a_switch_tells_when_it_was_on_the_program() {
    let api = Api::open();
    post(&api, "start", json!({"source": {"slate": true}})).await;
    let reply = post(&api, "switch", json!({"participant": "alice"})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({"source": {"participant": "alice", "stream": "camera"}, "took_ms": 41,
               "program_pts_ms": 83366, "transition": "cut"})
    );
}

#[tokio::test]
async fn what_the_conference_refuses_has_its_code() {
    let api = Api::open();
    let alice = json!({"participant": "alice"});
    post(&api, "switch", alice.clone()).await.is(409, "cast_not_started");
    post(&api, "start", json!({"participant": "bob"})).await.is(404, "participant_not_found");
    post(&api, "start", alice).await;
    for (body, status, code) in [
        (json!({"participant": "bob"}), 404, "participant_not_found"),
        (json!({"source": {"participant": "alice", "stream": "screen"}}), 404, "stream_not_found"),
        (json!({"participant": SILENT}), 409, "media_not_ready"),
        (json!({"participant": SLOW}), 504, "switch_timeout"),
        (json!({"participant": "a/b"}), 422, "invalid_id"),
        (json!({}), 400, "invalid_request"),
    ] {
        post(&api, "switch", body).await.is(status, code);
    }
}

#[tokio::test]
async fn outputs_of_a_start_are_checked() {
    let api = Api::open();
    let outputs = |outputs: Value| json!({"participant": "alice", "outputs": outputs});
    let hls = json!({"type": "hls"});
    for (list, status, code) in [
        (json!([{"type": "rtmp", "url": "http://a.example/live/key"}]), 422, "output_url_invalid"),
        (json!([{"type": "rtmp", "url": ""}]), 422, "output_url_invalid"),
        (
            json!([{"id": "x", "type": "rtmp", "url": "rtmp://h/a/k"}, {"id": "x", "type": "hls"}]),
            409,
            "output_exists",
        ),
        (json!([{"id": "", "type": "hls"}]), 422, "invalid_id"),
        (json!([]), 400, "invalid_request"),
        (json!([{"type": "dash"}]), 400, "invalid_request"),
        (json!([hls, hls, hls, hls, hls, hls, hls, hls, hls]), 429, "too_many_outputs"),
    ] {
        post(&api, "start", outputs(list)).await.is(status, code);
    }
    assert_eq!(api.get(CAST).await.json()["state"], "idle");
}

#[tokio::test]
async fn the_operator_may_refuse_casts_and_hosts() {
    let mut config = Config::default();
    config.cast.enabled = false;
    post(&Api::new(config), "start", json!({"participant": "alice"})).await.is(403, "cast_disabled");

    let mut config = Config::default();
    config.cast.allowed_output_hosts = vec!["a.example".to_owned()];
    let api = Api::new(config);
    let to = |host: &str| json!({"participant": "alice", "outputs": [{"type": "rtmp", "url": format!("rtmp://{host}/live/hush")}]});
    post(&api, "start", to("169.254.169.254")).await.is(403, "output_url_forbidden");
    assert_eq!(post(&api, "start", to("a.example")).await.status, 201);
}

#[tokio::test]
async fn a_live_cast_can_be_looked_at() {
    let api = Api::open();
    let path = "/v1/conferences/room/cast/snapshot.jpg";
    api.get(path).await.is(409, "cast_not_started");
    api.json("POST", "/v1/conferences/room/cast/start", json!({"participant": "alice"})).await;
    let still = api.get(path).await;
    assert_eq!(still.status, 200);
    assert_eq!(still.headers["content-type"], "image/jpeg");
    assert_eq!(still.headers["cache-control"], "private, max-age=1");
    assert!(still.body.starts_with(b"\xff\xd8\xff"));
    api.get("/v1/conferences/nowhere/cast/snapshot.jpg").await.is(404, "conference_not_found");
    Api::with_tokens().get(path).await.is(401, "token_missing");
}
