use super::harness::Api;

#[tokio::test]
async fn a_harmless_id_comes_back_and_another_is_replaced() {
    let api = Api::open();
    let with = |id: &'static str| {
        let api = api.clone();
        async move {
            let reply = api.call("GET", "/healthz", &[("x-request-id", id)], "").await;
            reply.header("x-request-id").unwrap().to_owned()
        }
    };
    assert_eq!(with("trace-1:a.b_c").await, "trace-1:a.b_c");
    let long: &'static str = "x".repeat(129).leak();
    for bad in ["", "a b", "\"quoted\"", long] {
        let id = with(bad).await;
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{bad:?} became {id:?}");
    }
}

#[tokio::test]
async fn every_answer_has_one_and_none_repeats() {
    let api = Api::with_tokens();
    let mut seen = std::collections::HashSet::new();
    for path in ["/healthz", "/nowhere", "/v1/conferences", "/v1/conferences/a%2Fb"] {
        let reply = api.get(path).await;
        assert!(seen.insert(reply.header("x-request-id").unwrap().to_owned()), "{path}");
    }
}
