use super::harness::{Api, OFFER, bearer};
use axum::{body::Body, http::Request};
use meetingcast::{config::Config, control::auth::Grant};

const WHIP: &str = "/v1/conferences/room/whip";

#[tokio::test]
async fn an_offer_is_answered_as_rfc_9725_says() {
    let mut config = Config::default();
    config.webrtc.stun_server = "stun:s.example:3478".to_owned();
    config.webrtc.turn_servers = vec!["turn:u:p@t.example:3478".to_owned()];
    let api = Api::new(config);
    let reply = api.sdp(&format!("{WHIP}?participant=bob&stream=screen"), OFFER).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.text(), "v=0\r\ns=answer\r\n");
    assert_eq!(reply.header("content-type"), Some("application/sdp"));
    assert_eq!(reply.header("location"), Some("/v1/sessions/0123456789abcdef0123456789abcdef"));
    let tag = reply.header("etag").unwrap();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong tag: {tag}");
    let links: Vec<_> = reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    assert_eq!(links.len(), 2);
    assert!(links.iter().all(|link| link.contains("rel=\"ice-server\"")), "{links:?}");
    assert!(links[1].contains("username=\"u\"; credential=\"p\""), "{links:?}");

    let seen = api.seen.lock().unwrap();
    let publish = &seen.published[0];
    assert_eq!((publish.participant.as_str(), publish.stream.as_str()), ("bob", "screen"));
    assert_eq!(publish.offer.sdp, OFFER);
}

#[tokio::test]
async fn an_unknown_conference_is_made_and_a_nameless_participant_gets_a_name() {
    let api = Api::open();
    assert_eq!(api.sdp("/v1/conferences/fresh/whip", OFFER).await.status, 201);
    assert_eq!(api.get("/v1/conferences/fresh").await.status, 200);
    let seen = api.seen.lock().unwrap();
    assert!(seen.published[0].participant.as_str().starts_with("guest-"));
    assert_eq!(seen.published[0].stream.as_str(), "camera");
}

#[tokio::test]
async fn a_token_names_the_participant() {
    let api = Api::with_tokens();
    let token = bearer("alice", "room", &[Grant::Publish]);
    let headers = [("content-type", "application/sdp"), ("authorization", token.as_str())];
    assert_eq!(api.call("POST", WHIP, &headers, OFFER).await.status, 201);
    assert_eq!(api.call("POST", &format!("{WHIP}?participant=alice"), &headers, OFFER).await.status, 201);
    api.call("POST", &format!("{WHIP}?participant=bob"), &headers, OFFER).await.is(403, "forbidden");
    let seen = api.seen.lock().unwrap();
    assert_eq!(seen.published.len(), 2);
    for publish in &seen.published {
        assert_eq!(publish.participant.as_str(), "alice");
        assert_eq!(publish.name.as_deref(), Some("Alice A."));
    }
}

#[tokio::test]
async fn bad_offers_have_their_codes() {
    let api = Api::open();
    for kind in [vec![], vec![("content-type", "application/json")], vec![("content-type", "text/plain")]] {
        api.call("POST", WHIP, &kind, OFFER).await.is(415, "codec_unsupported");
    }
    for body in ["", "garbage", "v=1", &format!("v=0\r\n{}", "a".repeat(65_536))] {
        api.sdp(WHIP, body).await.is(422, "sdp_invalid");
    }
    api.sdp(WHIP, "v=0\r\na=rtpmap:only-av1\r\n").await.is(406, "codec_unsupported");
    let bytes = Request::post(WHIP)
        .header("content-type", "application/sdp")
        .body(Body::from(vec![b'v', 0xff, 0xfe]))
        .unwrap();
    api.send(bytes).await.is(422, "sdp_invalid");
    assert!(api.seen.lock().unwrap().published.is_empty());
}

#[tokio::test]
async fn bad_names_are_refused() {
    let api = Api::open();
    for query in ["participant=a%2Fb", "participant=", "stream=Camera", "stream="] {
        api.sdp(&format!("{WHIP}?{query}"), OFFER).await.is(422, "invalid_id");
    }
    api.sdp(&format!("{WHIP}?stream=a&stream=b"), OFFER).await.is(400, "invalid_request");
    api.sdp("/v1/conferences/a%2Fb/whip", OFFER).await.is(422, "invalid_id");
    // A bad name of a new conference's first joiner makes no conference.
    api.sdp("/v1/conferences/fresh/whip?stream=A", OFFER).await;
    api.get("/v1/conferences/fresh").await.is(404, "conference_not_found");
}

#[tokio::test]
async fn the_endpoint_has_nothing_to_read() {
    for method in ["GET", "HEAD"] {
        let reply = Api::open().call(method, WHIP, &[], "").await;
        assert_eq!((reply.status.as_u16(), reply.text()), (204, ""));
    }
}
