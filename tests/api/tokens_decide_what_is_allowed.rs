use super::{
    fake::SESSION,
    harness::{Api, Reply, bearer, key},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use meetingcast::control::auth::Grant;
use serde_json::{Value, json};

const CAST: &str = "/v1/conferences/room/cast";

async fn with(api: &Api, authorization: &str, method: &str, path: &str) -> Reply {
    let headers = [("authorization", authorization), ("content-type", "application/json")];
    api.call(method, path, &headers, "{\"participant\":\"alice\"}").await
}

fn claims() -> Value {
    json!({"sub": "alice", "conference": "room", "grants": ["subscribe"], "exp": 4_000_000_000_u64})
}

fn sign(alg: Algorithm, kid: Option<&str>, claims: &Value, secret_of: &str) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(alg) };
    let secret = EncodingKey::from_secret(key(secret_of).secret.expose().as_bytes());
    format!("Bearer {}", jsonwebtoken::encode(&header, claims, &secret).unwrap())
}

fn hs256(claims: &Value) -> String {
    sign(Algorithm::HS256, Some("k1"), claims, "k1")
}

#[tokio::test]
async fn without_a_token_nothing_under_v1_is_told() {
    let api = Api::with_tokens();
    let session = format!("/v1/sessions/{SESSION}");
    for (method, path) in [
        ("GET", "/v1/conferences"),
        ("PUT", "/v1/conferences/room"),
        ("GET", "/v1/conferences/room"),
        ("GET", "/v1/conferences/nowhere"),
        ("GET", "/v1/conferences/a%2Fb"),
        ("DELETE", "/v1/conferences/room"),
        ("GET", "/v1/conferences/room/participants"),
        ("GET", "/v1/conferences/room/participants/alice"),
        ("PATCH", "/v1/conferences/room/participants/alice"),
        ("DELETE", "/v1/conferences/room/participants/alice"),
        ("POST", "/v1/conferences/room/whip"),
        ("PATCH", &session),
        ("DELETE", &session),
        ("GET", &session),
        ("GET", CAST),
        ("POST", "/v1/conferences/room/cast/start"),
        ("POST", "/v1/conferences/room/cast/switch"),
        ("POST", "/v1/conferences/room/cast/stop"),
        ("GET", "/v1/conferences/room/cast/cues"),
        ("POST", "/v1/conferences/room/cast/cues"),
        ("DELETE", "/v1/conferences/room/cast/cues"),
        ("POST", "/v1/conferences/room/cast/cues/next"),
        ("POST", "/v1/conferences/room/cast/cues/one/go"),
        ("POST", "/v1/conferences/room/cast/outputs"),
        ("DELETE", "/v1/conferences/room/cast/outputs/hls"),
    ] {
        let reply = api.call(method, path, &[], "").await;
        reply.is(401, "token_missing");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    with(&api, "Basic YTpi", "GET", CAST).await.is(401, "token_missing");
}

#[tokio::test]
async fn four_faults_have_four_codes() {
    let api = Api::with_tokens();
    assert_eq!(with(&api, &hs256(&claims()), "GET", CAST).await.status, 200);

    let mut expired = claims();
    expired["exp"] = 1_700_000_000.into();
    with(&api, &hs256(&expired), "GET", CAST).await.is(401, "token_expired");

    let mut no_exp = claims();
    no_exp.as_object_mut().unwrap().remove("exp");
    let mut later = claims();
    later["nbf"] = 3_999_999_999_u64.into();
    let mut odd_grant = claims();
    odd_grant["grants"] = json!(["fly"]);
    let good = hs256(&claims());
    let payload = good.split('.').nth(1).unwrap();
    for invalid in [
        hs256(&no_exp),
        hs256(&later),
        hs256(&odd_grant),
        sign(Algorithm::HS256, Some("k1"), &claims(), "k2"),
        sign(Algorithm::HS256, Some("k9"), &claims(), "k9"),
        sign(Algorithm::HS256, None, &claims(), "k1"),
        sign(Algorithm::HS384, Some("k1"), &claims(), "k1"),
        // {"alg":"none","kid":"k1"}
        format!("Bearer eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.{payload}."),
        "Bearer garbage".to_owned(),
        format!("Bearer {}", "a".repeat(20_000)),
        format!("{good}x"),
    ] {
        with(&api, &invalid, "GET", CAST).await.is(401, "token_invalid");
    }

    let mut elsewhere = claims();
    elsewhere["conference"] = "elsewhere".into();
    with(&api, &hs256(&elsewhere), "GET", CAST).await.is(403, "forbidden");
    let mut nothing = claims();
    nothing["grants"] = json!([]);
    with(&api, &hs256(&nothing), "GET", CAST).await.is(403, "forbidden");
}

#[tokio::test]
async fn every_route_asks_for_its_grant() {
    let routes = [
        (Grant::Subscribe, "GET", "/v1/conferences"),
        (Grant::Subscribe, "GET", "/v1/conferences/room"),
        (Grant::Subscribe, "GET", "/v1/conferences/room/participants"),
        (Grant::Subscribe, "GET", "/v1/conferences/room/participants/alice"),
        (Grant::Subscribe, "GET", CAST),
        (Grant::Publish, "POST", "/v1/conferences/room/whip"),
        (Grant::Cast, "POST", "/v1/conferences/room/cast/start"),
        (Grant::Cast, "POST", "/v1/conferences/room/cast/switch"),
        (Grant::Cast, "POST", "/v1/conferences/room/cast/stop"),
        (Grant::Subscribe, "GET", "/v1/conferences/room/cast/cues"),
        (Grant::Cast, "POST", "/v1/conferences/room/cast/cues"),
        (Grant::Cast, "DELETE", "/v1/conferences/room/cast/cues"),
        (Grant::Cast, "POST", "/v1/conferences/room/cast/cues/next"),
        (Grant::Cast, "POST", "/v1/conferences/room/cast/cues/one/go"),
        (Grant::Cast, "POST", "/v1/conferences/room/cast/outputs"),
        (Grant::Cast, "DELETE", "/v1/conferences/room/cast/outputs/hls"),
        (Grant::Admin, "PUT", "/v1/conferences/room"),
        (Grant::Admin, "PATCH", "/v1/conferences/room/participants/alice"),
        (Grant::Admin, "DELETE", "/v1/conferences/room/participants/alice"),
        (Grant::Admin, "DELETE", "/v1/conferences/room"),
    ];
    let api = Api::with_tokens();
    for (needed, method, path) in routes {
        for held in [Grant::Publish, Grant::Subscribe, Grant::Cast] {
            let reply = with(&api, &bearer("alice", "room", &[held]), method, path).await;
            assert_eq!(reply.status == 403, held != needed, "{method} {path} with {held}: {}", reply.text());
            if held != needed {
                reply.is(403, "forbidden");
                assert!(reply.json()["detail"].as_str().unwrap().contains(needed.as_str()));
            }
        }
        let reply = Api::with_tokens();
        let reply = with(&reply, &bearer("root", "*", &[Grant::Admin]), method, path).await;
        assert!(reply.status != 401 && reply.status != 403, "{method} {path} with admin: {}", reply.text());
    }
}

#[tokio::test]
async fn the_list_holds_what_the_token_covers() {
    let api = Api::with_tokens();
    let admin = bearer("root", "*", &[Grant::Admin]);
    api.call("PUT", "/v1/conferences/attic", &[("authorization", &admin)], "").await;
    let ids = |reply: &Reply| {
        let list = reply.json()["conferences"].as_array().unwrap().clone();
        list.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&with(&api, &admin, "GET", "/v1/conferences").await), ["attic", "room"]);
    let own = bearer("alice", "room", &[Grant::Subscribe]);
    assert_eq!(ids(&with(&api, &own, "GET", "/v1/conferences").await), ["room"]);
}
