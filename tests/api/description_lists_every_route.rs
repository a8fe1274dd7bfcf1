use super::harness::Api;
use serde_json::Value;
use std::collections::BTreeSet;

/// The contract's table, and the pages.
const ROUTES: [&str; 61] = [
    "GET /v1/conferences",
    "PUT /v1/conferences/{conference}",
    "GET /v1/conferences/{conference}",
    "DELETE /v1/conferences/{conference}",
    "GET /v1/conferences/{conference}/participants",
    "GET /v1/conferences/{conference}/participants/{participant}",
    "PATCH /v1/conferences/{conference}/participants/{participant}",
    "DELETE /v1/conferences/{conference}/participants/{participant}",
    "POST /v1/conferences/{conference}/whip",
    "GET /v1/conferences/{conference}/whip",
    "OPTIONS /v1/conferences/{conference}/whip",
    "POST /v1/conferences/{conference}/participants/{participant}/whep",
    "GET /v1/conferences/{conference}/participants/{participant}/whep",
    "OPTIONS /v1/conferences/{conference}/participants/{participant}/whep",
    "POST /v1/conferences/{conference}/program/whep",
    "GET /v1/conferences/{conference}/program/whep",
    "OPTIONS /v1/conferences/{conference}/program/whep",
    "PATCH /v1/sessions/{session}",
    "DELETE /v1/sessions/{session}",
    "GET /v1/sessions/{session}",
    "OPTIONS /v1/sessions/{session}",
    "GET /v1/conferences/{conference}/cast",
    "POST /v1/conferences/{conference}/cast/start",
    "POST /v1/conferences/{conference}/cast/switch",
    "POST /v1/conferences/{conference}/cast/file",
    "POST /v1/conferences/{conference}/cast/stop",
    "POST /v1/conferences/{conference}/cast/cues",
    "GET /v1/conferences/{conference}/cast/cues",
    "DELETE /v1/conferences/{conference}/cast/cues",
    "POST /v1/conferences/{conference}/cast/cues/next",
    "POST /v1/conferences/{conference}/cast/cues/{cue}/go",
    "POST /v1/conferences/{conference}/cast/outputs",
    "DELETE /v1/conferences/{conference}/cast/outputs/{output}",
    "GET /v1/conferences/{conference}/cast/snapshot.jpg",
    "GET /v1/conferences/{conference}/cast/overlay",
    "PATCH /v1/conferences/{conference}/cast/overlay",
    "GET /v1/conferences/{conference}/pictures",
    "PUT /v1/conferences/{conference}/pictures/{picture}",
    "DELETE /v1/conferences/{conference}/pictures/{picture}",
    "GET /v1/layouts",
    "GET /v1/media",
    "GET /v1/recordings",
    "GET /v1/recordings/{recording}",
    "DELETE /v1/recordings/{recording}",
    "GET /v1/recordings/{recording}/file.mp4",
    "GET /v1/recordings/{recording}/index.m3u8",
    "GET /v1/signal",
    "GET /v1/events",
    "GET /v1/webhooks",
    "GET /v1/webhooks/deliveries",
    "POST /v1/webhooks/{endpoint}/test",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /docs",
    "GET /",
    "GET /watch/{conference}",
    "GET /call",
    "GET /sdk/{file}",
    "GET /assets/{file}",
];

async fn description() -> Value {
    let reply = Api::with_tokens().get("/openapi.json").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

#[tokio::test]
async fn the_description_and_the_contract_name_the_same_routes() {
    let description = description().await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut described = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let expected: BTreeSet<_> = ROUTES.iter().map(|route| (*route).to_owned()).collect();
    assert_eq!(described, expected);
}

#[tokio::test]
async fn operations_have_names_of_their_own_and_references_that_lead_somewhere() {
    let description = description().await;
    let mut names = BTreeSet::new();
    for item in description["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} stands twice");
        }
    }
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(description.pointer(pointer.trim_start_matches('#')).is_some(), "{pointer} leads nowhere");
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let reply = Api::open().get("/docs").await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").unwrap().starts_with("text/html"));
    assert!(reply.text().contains("fetch(\"/openapi.json\")"));
    assert!(!reply.text().contains("http://") && !reply.text().contains("https://"));
    assert!(reply.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
}

#[tokio::test]
async fn json_is_gzipped_on_request_and_sdp_is_not() {
    let api = Api::open();
    let zipped = api.call("GET", "/openapi.json", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(zipped.body[..2], [0x1f, 0x8b]);
    assert_eq!(api.get("/openapi.json").await.header("content-encoding"), None);
    let headers = [("accept-encoding", "gzip"), ("content-type", "application/sdp")];
    let answer = api.call("POST", "/v1/conferences/room/whip", &headers, super::harness::OFFER).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (201, None));
}
