use super::{
    fake::{HANGS, PANICS},
    harness::Api,
};

#[tokio::test]
async fn a_panic_is_an_internal_problem_and_the_next_request_goes_on() {
    let api = Api::open();
    let reply = api.get(&format!("/v1/conferences/{PANICS}")).await;
    reply.is(500, "internal");
    assert!(reply.header("x-request-id").is_some());
    assert!(!reply.text().contains("hush"));
    assert_eq!(api.get("/v1/conferences/room").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_answered_in_time_is_504() {
    let api = Api::open();
    let reply = api.call("PUT", &format!("/v1/conferences/{HANGS}"), &[], "").await;
    reply.is(504, "request_timeout");
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_is_503_with_retry_after() {
    let api = Api::open();
    // The fake's mailbox holds eight, and its actor takes one out and no more. The second wave fills
    // the place of that one, whenever it was taken.
    let mut held = Vec::new();
    for _ in 0..2 {
        for _ in 0..9 {
            let api = api.clone();
            held.push(tokio::spawn(async move {
                api.call("PUT", &format!("/v1/conferences/{HANGS}"), &[], "").await
            }));
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    let reply = api.call("PUT", &format!("/v1/conferences/{HANGS}"), &[], "").await;
    reply.is(503, "overloaded");
    assert_eq!(reply.header("retry-after"), Some("1"));
    held.into_iter().for_each(|task| task.abort());
}
