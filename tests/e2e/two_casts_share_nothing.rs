//! Two conferences on the air at once: what one does or suffers is not to be seen in the other.

use crate::{
    on_air::OnAir,
    server::{Server, figure, one_at_a_time, wait_for},
};
use meetingcast::demo::rtmp_sink::RtmpSink;
use serde_json::json;
use std::{net::TcpListener, time::Duration};

#[test]
fn each_shows_its_own_and_what_happens_to_one_costs_the_other_no_frame() {
    let _turn = one_at_a_time();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Server::start();
    let one = OnAir::start(&server, &runtime, "one", 2, &[]);
    let two = OnAir::start(&server, &runtime, "two", 3, &[]);

    // An address where nobody listens, of our own so that nobody will.
    let nobody = TcpListener::bind(("127.78.0.3", 0)).unwrap().local_addr().unwrap();
    let bad = json!({"id": "bad", "type": "rtmp", "url": format!("rtmp://{nobody}/live/x")});
    let added = server.ok("POST", "/v1/conferences/one/cast/outputs", Some(bad));
    assert_eq!(added["id"], "bad", "{added}");
    wait_for("the refusal to be noticed", Duration::from_secs(5), || {
        (one.output(&server, "bad")["state"] == "retrying").then_some(())
    });

    let sink = runtime.block_on(RtmpSink::bind("127.0.0.1:0")).unwrap();
    let late = json!({"id": "late", "type": "rtmp", "url": format!("rtmp://{}/live/x", sink.local_addr())});
    server.ok("POST", "/v1/conferences/one/cast/outputs", Some(late));
    let enough = sink.wait_for(|tags| tags.iter().filter(|tag| tag.is_keyframe()).count() >= 2);
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(10), enough).await })
        .expect("the added output delivers");
    for id in ["late", "bad"] {
        server.ok("DELETE", &format!("/v1/conferences/one/cast/outputs/{id}"), None);
        let cast = server.cast("one");
        assert!(cast["outputs"].as_array().unwrap().iter().all(|output| output["id"] != id), "{cast}");
    }
    wait_for("the removed output to end cleanly", Duration::from_secs(2), || {
        (sink.publishers() == (1, 1)).then_some(())
    });
    one.watch(&runtime, Duration::from_secs(1));

    let one = one.stop(&server, &runtime);
    two.watch(&runtime, Duration::from_secs(2));
    assert_eq!(server.cast("two")["state"], "live");
    let two = two.stop(&server, &runtime);
    let (one, two) = (one.view(), two.view());
    figure(&format!("frames: {} and {}", one.rtmp.video.len(), two.rtmp.video.len()));
    one.assert_whole("the cast whose outputs came and went");
    two.assert_whole("the cast beside it");
}
