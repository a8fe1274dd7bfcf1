use super::harness::Api;
use serde_json::json;

#[tokio::test]
async fn readiness_ends_with_the_drain_and_health_does_not() {
    let api = Api::with_tokens();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(api.get("/healthz").await.json(), json!({"status": "ok", "version": version}));
    assert_eq!(api.get("/readyz").await.json(), json!({"status": "ready", "version": version}));
    api.readiness.begin_drain();
    assert_eq!(api.get("/healthz").await.status, 200);
    let reply = api.get("/readyz").await;
    reply.is(503, "shutting_down");
    assert!(reply.header("retry-after").is_some());
}

#[tokio::test]
async fn metrics_are_text_without_a_token() {
    let reply = Api::with_tokens().get("/metrics").await;
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
}

/// Requests are counted by route: no id of a conference, a participant or a session gets into a label.
#[test]
fn figures_name_routes_and_never_ids() {
    let recorder = meetingcast::telemetry::metrics_builder().unwrap().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let api = Api::open();
            api.get("/v1/conferences/room/participants/alice").await;
            api.get("/nowhere/room").await;
            api.call("BREW", "/v1/conferences/room", &[], "").await;
        });
    });
    let text = handle.render();
    for line in [
        "meetingcast_http_requests_total{method=\"GET\",route=\"/v1/conferences/{conference}/participants/{participant}\",status=\"200\"} 1",
        "meetingcast_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "meetingcast_http_requests_total{method=\"other\",route=\"/v1/conferences/{conference}\",status=\"405\"} 1",
        "meetingcast_http_request_duration_seconds_bucket{method=\"GET\",route=\"unmatched\",le=\"30\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains("room") && !text.contains("alice"), "{text}");
}
