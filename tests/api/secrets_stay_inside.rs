//! Stream keys, tokens and secrets are marked `hush` here: no answer and no log line may hold it.

use super::{
    captured_log,
    harness::{Api, bearer, key, token_config},
    hook_receiver::{HookReceiver, SECRET},
    webhooks_are_signed_and_retried::{endpoint, with_endpoint},
};
use meetingcast::{
    config::webhooks::WebhookEndpoint,
    control::{auth::Grant, events::news::News},
    redacted::Redacted,
};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn no_answer_and_no_log_line_holds_a_secret() {
    let mut config = token_config();
    config.webrtc.turn_servers = vec!["turn:user:hush@t.example:3478".to_owned()];
    let receiver = HookReceiver::start().await;
    receiver.answer(&[500, 410]);
    let endpoint = endpoint(&receiver);
    let nobody = WebhookEndpoint {
        id: "nobody".to_owned(),
        url: Redacted::new("http://user:hush@127.0.0.1:1/?hush".to_owned()),
        ..endpoint.clone()
    };
    let mut config = with_endpoint(config, endpoint);
    config.webhooks.endpoints.push(nobody);
    let api = Api::new(config);
    let token = bearer("alice", "room", &[Grant::Admin]);
    let secret = token.trim_start_matches("Bearer ").to_owned();
    let signature = secret.rsplit('.').next().unwrap().to_owned();
    let cast = "/v1/conferences/room/cast";
    let url = "rtmp://user:hush@a.example/live/hush?auth=hush";
    let mut answers = String::new();
    for (method, path, body) in [
        ("POST", format!("{cast}/start"), json!({"participant": "alice", "outputs": url})),
        ("POST", format!("{cast}/start"), json!({"participant": "alice", "outputs": [url]})),
        ("POST", format!("{cast}/start"), json!({"participant": "alice", "outputs": [{"type": url}]})),
        (
            "POST",
            format!("{cast}/start"),
            json!({"participant": "alice", "outputs": [{"type": "hls", "url": url}]}),
        ),
        (
            "POST",
            format!("{cast}/start"),
            json!({"participant": "alice", "outputs": [{"type": "rtmp", "url": "rtmp://hush"}]}),
        ),
        (
            "POST",
            format!("{cast}/start"),
            json!({"participant": "alice", "outputs": [{"type": "rtmp", "url": url.replace("rtmp", "rtmps")}]}),
        ),
        (
            "POST",
            format!("{cast}/start"),
            json!({"participant": "alice", "outputs": [{"type": "rtmp", "url": url}]}),
        ),
        ("POST", format!("{cast}/outputs"), json!({"type": "rtmp", "url": url})),
        ("POST", format!("{cast}/outputs"), json!({"type": "rtmp", "url": url.replace("rtmp", "http")})),
        ("GET", format!("{cast}?token={secret}"), json!(null)),
        ("GET", "/v1/conferences/panics".to_owned(), json!(null)),
        ("GET", format!("/nowhere/hush?token={secret}"), json!(null)),
        ("GET", "/metrics".to_owned(), json!(null)),
        ("GET", "/v1/webhooks/deliveries".to_owned(), json!(null)),
    ] {
        for authorization in [token.as_str(), "Bearer hush", "Basic hush", &format!("{token}x")] {
            let headers = [("content-type", "application/json"), ("authorization", authorization)];
            let reply = api.call(method, &path, &headers, &body.to_string()).await;
            answers.push_str(&format!("{:?} {}\n", reply.headers, reply.text()));
        }
    }
    api.events.publish(&"room".parse().unwrap(), &News::WorkerRestarted { restarts: 1 });
    while receiver.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
    api.events.webhooks().drain(Instant::now() + Duration::from_secs(20)).await;
    let operator = bearer("ops", "*", &[Grant::Admin]);
    for (method, path) in [
        ("GET", "/v1/webhooks"),
        ("GET", "/v1/webhooks/deliveries"),
        ("POST", "/v1/webhooks/crm/test"),
        ("POST", "/v1/webhooks/nobody/test"),
        ("POST", "/v1/webhooks/hush%20/test"),
    ] {
        let reply = api.call(method, path, &[("authorization", operator.as_str())], "").await;
        answers.push_str(&format!("{:?} {}\n", reply.headers, reply.text()));
    }
    assert!(
        answers.contains("\"state\":\"given_up\"") && answers.contains("\"delivered\":true"),
        "{answers}"
    );
    let webhook_secret = SECRET.trim_start_matches("whsec_");
    let log = captured_log::text();
    assert!(log.contains("webhook endpoint is gone"), "{log}");
    assert!(log.contains("request answered") && log.contains("conference=room"), "{log}");
    // The panic of the fake holds a key, which a real panic of ours must not; its line is the one
    // exception, and it goes to the log only.
    let log: Vec<_> = log.lines().filter(|line| !line.contains("a handler panicked")).collect();
    for text in [answers.as_str(), &log.join("\n")] {
        for word in ["hush", key("k1").secret.expose(), &secret, &signature, webhook_secret] {
            assert!(!text.contains(word), "{word} is in\n{text}");
        }
    }
}
