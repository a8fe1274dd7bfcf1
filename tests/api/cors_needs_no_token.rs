use super::harness::Api;

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", "https://app.example"),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization,content-type"),
];

#[tokio::test]
async fn a_preflight_lists_what_the_route_takes() {
    let api = Api::with_tokens();
    for (path, methods) in [
        ("/v1/conferences", "GET,HEAD"),
        ("/v1/conferences/room", "GET,HEAD,PUT,DELETE"),
        ("/v1/conferences/room/cast/start", "POST"),
        ("/v1/conferences/room/whip", "GET,HEAD,OPTIONS,POST"),
        ("/v1/sessions/0123456789abcdef0123456789abcdef", "DELETE,GET,HEAD,OPTIONS,PATCH"),
    ] {
        let reply = api.call("OPTIONS", path, &PREFLIGHT, "").await;
        assert_eq!(reply.status, 200, "{path}");
        let sorted = |text: &str| {
            let mut words: Vec<_> = text.split(',').map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(sorted(reply.header("allow").unwrap()), sorted(methods), "{path}");
        let all = reply.header("access-control-allow-methods").unwrap();
        for method in methods.split(',') {
            assert!(all.split(", ").any(|allowed| allowed == method), "{path}: {method} is not in {all}");
        }
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let headers = reply.header("access-control-allow-headers").unwrap();
        for header in ["authorization", "content-type", "if-match"] {
            assert!(headers.contains(header), "{path}: {headers}");
        }
    }
}

#[tokio::test]
async fn a_path_that_is_not_there_stays_404() {
    let reply = Api::open().call("OPTIONS", "/nowhere", &PREFLIGHT, "").await;
    reply.is(404, "not_found");
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn whip_tells_what_may_be_posted() {
    let reply = Api::with_tokens().call("OPTIONS", "/v1/conferences/room/whip", &[], "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("accept-post"), Some("application/sdp"));
}

#[tokio::test]
async fn answers_and_errors_can_be_read_by_any_page() {
    let api = Api::with_tokens();
    for path in ["/v1/conferences", "/nowhere", "/healthz"] {
        let reply = api.get(path).await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
        let exposed = reply.header("access-control-expose-headers").unwrap();
        for header in ["location", "link", "etag"] {
            assert!(exposed.contains(header), "{exposed}");
        }
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
}
