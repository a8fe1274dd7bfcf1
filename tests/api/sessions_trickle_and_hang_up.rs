use super::{
    fake::SESSION,
    harness::{Api, OFFER, Reply, bearer},
};
use meetingcast::control::auth::Grant;

const FRAGMENT: &str =
    "a=ice-ufrag:abcd\r\na=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\na=end-of-candidates\r\n";

fn path() -> String {
    format!("/v1/sessions/{SESSION}")
}

/// Publishes, and tells the ETag.
async fn publish(api: &Api) -> String {
    let reply = api.sdp("/v1/conferences/room/whip?participant=alice", OFFER).await;
    assert_eq!(reply.header("location"), Some(path().as_str()));
    reply.header("etag").unwrap().to_owned()
}

async fn patch(api: &Api, if_match: Option<&str>, body: &str) -> Reply {
    let mut headers = vec![("content-type", "application/trickle-ice-sdpfrag")];
    headers.extend(if_match.map(|tag| ("if-match", tag)));
    api.call("PATCH", &path(), &headers, body).await
}

#[tokio::test]
async fn candidates_reach_the_conference() {
    let api = Api::open();
    let tag = publish(&api).await;
    let reply = patch(&api, Some(&tag), FRAGMENT).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (204, ""));
    let seen = api.seen.lock().unwrap();
    assert_eq!(seen.candidates.len(), 1);
    assert!(seen.candidates[0].candidate.starts_with("candidate:1 1 udp"));
}

#[tokio::test]
async fn the_condition_must_be_there_and_hold() {
    let api = Api::open();
    let tag = publish(&api).await;
    patch(&api, None, FRAGMENT).await.is(428, "precondition_required");
    for bad in ["\"x\"", "abc", "\"\"", &format!("W/{tag}"), &tag.replace('-', "")] {
        patch(&api, Some(bad), FRAGMENT).await.is(412, "precondition_failed");
    }
    assert!(api.seen.lock().unwrap().candidates.is_empty());
}

#[tokio::test]
async fn an_ice_restart_is_refused_and_the_session_lives() {
    let api = Api::open();
    let tag = publish(&api).await;
    for star in ["*", "\"*\""] {
        patch(&api, Some(star), FRAGMENT).await.is(422, "ice_restart_unsupported");
    }
    let other = FRAGMENT.replace("abcd", "wxyz");
    patch(&api, Some(&tag), &other).await.is(422, "ice_restart_unsupported");
    assert_eq!(patch(&api, Some(&tag), FRAGMENT).await.status, 204);
}

#[tokio::test]
async fn bad_fragments_have_their_codes() {
    let api = Api::open();
    let tag = publish(&api).await;
    patch(&api, Some(&tag), "garbage").await.is(422, "sdp_invalid");
    patch(&api, Some(&tag), &"a".repeat(70_000)).await.is(422, "sdp_invalid");
    let many = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n".repeat(101);
    patch(&api, Some(&tag), &many).await.is(422, "sdp_invalid");
    for kind in ["application/sdp", "text/plain"] {
        let headers = [("content-type", kind), ("if-match", tag.as_str())];
        api.call("PATCH", &path(), &headers, FRAGMENT).await.is(415, "codec_unsupported");
    }
}

#[tokio::test]
async fn delete_hangs_up() {
    let api = Api::open();
    let reply = api.call("DELETE", &path(), &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, ""));
    assert_eq!(api.seen.lock().unwrap().hung_up.len(), 1);
    assert_eq!(api.get(&path()).await.status, 204);
}

#[tokio::test]
async fn unknown_sessions_are_404() {
    let api = Api::open();
    for id in ["ffffffffffffffffffffffffffffffff", "x", "%20", &"f".repeat(500)] {
        let path = format!("/v1/sessions/{id}");
        api.call("DELETE", &path, &[], "").await.is(404, "session_not_found");
        api.call("PATCH", &path, &[], "").await.is(404, "session_not_found");
        api.get(&path).await.is(404, "session_not_found");
    }
}

#[tokio::test]
async fn a_session_needs_the_right_to_publish_where_it_is() {
    let api = Api::with_tokens();
    api.call("DELETE", &path(), &[], "").await.is(401, "token_missing");
    for (conference, grant) in [("elsewhere", Grant::Publish), ("room", Grant::Subscribe)] {
        let token = bearer("alice", conference, &[grant]);
        api.call("DELETE", &path(), &[("authorization", &token)], "").await.is(403, "forbidden");
    }
    let token = bearer("alice", "room", &[Grant::Publish]);
    assert_eq!(api.call("DELETE", &path(), &[("authorization", &token)], "").await.status, 200);
}
