use super::harness::Api;

#[tokio::test]
async fn an_unknown_path_is_a_404_problem() {
    let api = Api::open();
    for path in
        ["/nowhere", "/v1", "/v1/nowhere", "/v1/conferences/room/nowhere", "/v1/conferences/room/cast/"]
    {
        api.get(path).await.is(404, "not_found");
    }
}

#[tokio::test]
async fn a_method_too_many_is_a_405_problem_with_allow() {
    let api = Api::with_tokens();
    let reply = api.call("POST", "/v1/conferences", &[], "").await;
    reply.is(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("GET,HEAD"));
    api.call("DELETE", "/v1/conferences/room/cast", &[], "").await.is(405, "method_not_allowed");
    api.call("BREW", "/healthz", &[], "").await.is(405, "method_not_allowed");
}

#[tokio::test]
async fn head_is_get_without_content() {
    let api = Api::open();
    for path in ["/healthz", "/v1/conferences", "/v1/conferences/room", "/v1/conferences/room/cast", "/docs"]
    {
        let get = api.get(path).await;
        let head = api.call("HEAD", path, &[], "").await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    let head = api.call("HEAD", "/v1/conferences/nowhere", &[], "").await;
    assert_eq!(head.status, 404);
}

#[tokio::test]
async fn problems_are_not_kept_by_caches() {
    let reply = Api::open().get("/nowhere").await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
}
