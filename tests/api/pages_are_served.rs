use super::harness::Api;

#[tokio::test]
async fn pages_come_with_a_policy_and_need_no_token() {
    for path in ["/", "/watch/room", "/call", "/?conference=room"] {
        let reply = Api::with_tokens().get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        // What a page names is there.
        let html = reply.text();
        let named: Vec<&str> = ["src=\"/", "href=\"/"]
            .iter()
            .flat_map(|before| html.split(before).skip(1).filter_map(|rest| rest.split('"').next()))
            .collect();
        assert!(named.len() >= 3, "{path}: {named:?}");
        for file in named {
            assert_eq!(Api::open().get(&format!("/{file}")).await.status, 200, "{path} names {file}");
        }
        assert!(!html.contains("http"), "{path} names another server");
    }
}

#[tokio::test]
async fn the_sdk_is_a_module_that_caches_ask_after() {
    let api = Api::open();
    let reply = api.get("/sdk/meetingcast.js").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("cache-control"), Some("no-cache"));
    let tag = reply.header("etag").unwrap().to_owned();

    let again =
        api.call("GET", "/sdk/meetingcast.js", &[("if-none-match", &format!("\"x\", {tag}"))], "").await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(tag.as_str()));
    let other = api.call("GET", "/sdk/meetingcast.js", &[("if-none-match", "\"x\"")], "").await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn what_is_not_built_is_not_found() {
    for path in ["/sdk/other.js", "/assets/index.html", "/sdk/..%2Findex.html", "/assets/"] {
        Api::open().get(path).await.is(404, "not_found");
    }
}
