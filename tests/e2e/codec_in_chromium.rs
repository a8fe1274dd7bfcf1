//! A page with the SDK that sends VP8 hears that a passthrough cast begins, publishes H.264 and can be put on.

use crate::server::{Server, browser, figure, one_at_a_time, publish, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

/// A browser's start and its camera's, on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn who_sends_vp8_publishes_h264_when_pictures_pass_through() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let _ann = publish(&server.whip("room", "ann"), &[]);
    server.wait_for_picture("room", "ann");
    let page =
        browser("codec.mjs", &["--server", &server.base, "--conference", "room", "--participant", "bob"]);
    let published = |count: usize| {
        wait_for("the page to publish", LIMIT, || {
            let events = page.events();
            let mut all = events.into_iter().filter(|event| event["event"] == "publishes");
            all.nth(count - 1)
        })
    };
    assert_eq!(published(1)["sends"], "video/VP8");

    let body = json!({"participant": "ann", "encoding": {"mode": "passthrough"}});
    server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
    let again = published(2);
    assert_eq!((&again["offered_first"], &again["sends"]), (&json!("H264"), &json!("video/H264")));
    let told: Vec<Value> =
        page.events().into_iter().filter(|event| event["event"] == "codec_wanted").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["stream"], &told[0]["republished"]), (&json!("camera"), &json!(true)));

    let switched = wait_for("bob to come on", LIMIT, || {
        let answer =
            server.call("POST", "/v1/conferences/room/cast/switch", Some(json!({"participant": "bob"})));
        (answer.status == 200).then_some(answer.body)
    });
    figure(&format!("on after {} ms", switched["took_ms"]));
    assert_eq!(server.cast("room")["source"]["participant"], "bob");
}
