use super::{
    fake::{SILENT, SUBSCRIBED},
    harness::{Api, OFFER, bearer},
};
use meetingcast::control::auth::Grant;
use serde_json::{Value, json};

const WHEP: &str = "/v1/conferences/room/participants/alice/whep";

#[tokio::test]
async fn a_subscriber_is_answered_and_may_trickle_and_hang_up() {
    let api = Api::open();
    let reply = api.sdp(WHEP, OFFER).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.text(), "v=0\r\ns=forwarded\r\n");
    assert_eq!(reply.header("content-type"), Some("application/sdp"));
    let location = format!("/v1/sessions/{SUBSCRIBED}");
    assert_eq!(reply.header("location"), Some(location.as_str()));
    assert!(reply.header("etag").is_some());
    assert_eq!(api.call("DELETE", &location, &[], "").await.status, 200);
    assert_eq!(api.seen.lock().unwrap().hung_up[0].as_str(), SUBSCRIBED);
    let options = api.call("OPTIONS", WHEP, &[], "").await;
    assert_eq!(options.header("accept-post"), Some("application/sdp"));
}

#[tokio::test]
async fn what_cannot_be_received_has_its_code() {
    let api = Api::open();
    let at = |participant: &str| format!("/v1/conferences/room/participants/{participant}/whep");
    api.sdp(&at("nobody"), OFFER).await.is(404, "participant_not_found");
    api.sdp(&format!("{WHEP}?stream=screen"), OFFER).await.is(404, "stream_not_found");
    api.sdp(&at(SILENT), OFFER).await.is(409, "media_not_ready");
    api.sdp(WHEP, "v=0\r\na=rtpmap:only-av1").await.is(406, "codec_unsupported");
    api.sdp(WHEP, "nonsense").await.is(422, "sdp_invalid");
    api.sdp(&format!("{WHEP}?stream=A!"), OFFER).await.is(422, "invalid_id");
    api.sdp("/v1/conferences/nowhere/participants/alice/whep", OFFER).await.is(404, "conference_not_found");
    api.call("POST", WHEP, &[], OFFER).await.is(415, "codec_unsupported");
}

#[tokio::test]
async fn subscribing_needs_its_own_grant() {
    let api = Api::with_tokens();
    let location = format!("/v1/sessions/{SUBSCRIBED}");
    for (grant, status) in [(Grant::Publish, 403), (Grant::Subscribe, 201)] {
        let token = bearer("bob", "room", &[grant]);
        let headers = [("content-type", "application/sdp"), ("authorization", token.as_str())];
        assert_eq!(api.call("POST", WHEP, &headers, OFFER).await.status, status);
        let hung_up = api.call("DELETE", &location, &headers[1..], "").await.status;
        assert_eq!(hung_up, if status == 201 { 200 } else { 403 });
    }
    api.sdp(WHEP, OFFER).await.is(401, "token_missing");
}

const PROGRAM: &str = "/v1/conferences/room/program/whep";

#[tokio::test]
async fn the_program_can_be_watched_while_a_cast_runs() {
    let api = Api::open();
    api.sdp(PROGRAM, OFFER).await.is(409, "cast_not_started");
    assert_eq!(api.get("/v1/conferences/room/cast").await.json()["play"]["whep"], Value::Null);
    let started =
        api.json("POST", "/v1/conferences/room/cast/start", json!({"participant": "alice"})).await.json();
    let whep = started["play"]["whep"].as_str().unwrap();
    assert!(whep.starts_with("http") && whep.ends_with(PROGRAM), "{whep}");
    let reply = api.sdp(PROGRAM, OFFER).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.text(), "v=0\r\ns=forwarded\r\n");
    assert_eq!(reply.header("location"), Some(format!("/v1/sessions/{SUBSCRIBED}").as_str()));
    api.sdp(PROGRAM, "v=0\r\na=rtpmap:only-av1").await.is(406, "codec_unsupported");
    api.sdp("/v1/conferences/nowhere/program/whep", OFFER).await.is(404, "conference_not_found");
    api.call("POST", PROGRAM, &[], OFFER).await.is(415, "codec_unsupported");
    let options = api.call("OPTIONS", PROGRAM, &[], "").await;
    assert_eq!(options.header("accept-post"), Some("application/sdp"));
    Api::with_tokens().sdp(PROGRAM, OFFER).await.is(401, "token_missing");
}
