use super::harness::Api;
use axum::{body::Body, http::Request};
use serde_json::json;

const START: &str = "/v1/conferences/room/cast/start";

#[tokio::test]
async fn another_content_type_is_415() {
    let api = Api::open();
    for kind in [vec![], vec![("content-type", "text/plain")], vec![("content-type", "application/sdp")]] {
        api.call("POST", START, &kind, "{\"participant\":\"alice\"}").await.is(415, "codec_unsupported");
    }
    let kind = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(api.call("POST", START, &kind, "{\"participant\":\"alice\"}").await.status, 201);
}

#[tokio::test]
async fn what_is_not_json_is_400() {
    let api = Api::open();
    for body in ["", "garbage", "{", "{\"participant\":}", "[]", "null", "\"alice\"", "{} {}", "\u{0}"] {
        let reply = api.call("POST", START, &[("content-type", "application/json")], body).await;
        reply.is(400, "invalid_request");
    }
    let bytes = Request::post(START)
        .header("content-type", "application/json")
        .body(Body::from(vec![0xff, 0xfe, b'{', 0x80]))
        .unwrap();
    api.send(bytes).await.is(400, "invalid_request");
}

#[tokio::test]
async fn a_body_too_long_is_413_whether_it_says_so_or_not() {
    let api = Api::open();
    let max = 262_144;
    let long = format!("{{\"participant\":\"{}\"}}", "a".repeat(max));
    let said = [("content-type", "application/json"), ("content-length", "99999999")];
    api.call("POST", START, &said, "{}").await.is(413, "body_too_large");
    api.call("POST", START, &[("content-type", "application/json")], &long).await.is(413, "body_too_large");
    let chunks = long.as_bytes().chunks(1000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()));
    let chunks: Vec<_> = chunks.collect();
    let unsaid = Request::post(START)
        .header("content-type", "application/json")
        .body(Body::from_stream(futures::stream::iter(chunks)))
        .unwrap();
    api.send(unsaid).await.is(413, "body_too_large");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_408() {
    let api = Api::open();
    let never = Request::post(START)
        .header("content-type", "application/json")
        .body(Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>()))
        .unwrap();
    api.send(never).await.is(408, "request_timeout");
}

#[tokio::test]
async fn an_unknown_field_is_named() {
    let api = Api::open();
    for (method, path, body, field) in [
        ("POST", START, json!({"participant": "alice", "colour": 1}), "colour"),
        ("POST", START, json!({"source": {"participant": "alice", "zoom": 1}}), "source.zoom"),
        ("POST", START, json!({"participant": "alice", "encoding": {"bitrate": 1}}), "encoding.bitrate"),
        (
            "POST",
            START,
            json!({"participant": "alice", "outputs": [{"type": "hls", "key": 1}]}),
            "outputs[0].key",
        ),
        ("POST", "/v1/conferences/room/cast/switch", json!({"participant": "alice", "fade": 1}), "fade"),
        (
            "POST",
            "/v1/conferences/room/cast/switch",
            json!({"transition": {"type": "cut", "ms": 1}}),
            "transition.ms",
        ),
        ("POST", "/v1/conferences/room/cast/outputs", json!({"type": "hls", "name": 1}), "name"),
        ("PUT", "/v1/conferences/room", json!({"title": 1}), "title"),
        ("PATCH", "/v1/conferences/room/participants/alice", json!({"muted": true}), "muted"),
    ] {
        let reply = api.json(method, path, body).await;
        reply.is(400, "invalid_request");
        let problem = reply.json();
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("; allowed here: "), "{problem}");
    }
}

#[tokio::test]
async fn a_bad_value_is_named_with_what_is_allowed() {
    let api = Api::open();
    for (encoding, field, allowed) in [
        (json!({"width": 1279}), "encoding.width", "even numbers from 16 to 3840 pixels"),
        (json!({"height": 4000}), "encoding.height", "even numbers from 16 to 2160 pixels"),
        (json!({"fps": 61}), "encoding.fps", "5 to 60 frames a second"),
        (json!({"video_kbps": 1}), "encoding.video_kbps", "100 to 50000 kbit/s"),
        (json!({"audio_kbps": 0}), "encoding.audio_kbps", "32 to 320 kbit/s"),
        (json!({"keyframe_ms": 100}), "encoding.keyframe_ms", "500 to 10000 ms"),
        (
            json!({"keyframe_ms": 2050}),
            "encoding.keyframe_ms",
            "a whole number of frames at 30 frames a second, the nearest is 2100 ms",
        ),
        (json!({"fps": "fast"}), "encoding.fps", "a whole number, not negative"),
    ] {
        let reply = api.json("POST", START, json!({"participant": "alice", "encoding": encoding})).await;
        reply.is(400, "invalid_request");
        let problem = reply.json();
        assert_eq!(problem["field"], field);
        assert!(problem["detail"].as_str().unwrap().ends_with(&format!("allowed: {allowed}")), "{problem}");
    }
}
