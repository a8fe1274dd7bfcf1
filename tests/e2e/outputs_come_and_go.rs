//! Outputs are added to a live cast and taken away again: the ones that stay miss no frame.

use crate::{
    on_air::{OnAir, output},
    server::{Server, figure, one_at_a_time, wait_for},
};
use meetingcast::demo::rtmp_sink::{RtmpSink, TagKind};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::runtime::Runtime;

const OUTPUTS: &str = "/v1/conferences/room/cast/outputs";

#[test]
fn outputs_that_come_and_go_cost_the_others_no_frame() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let server = Server::start_with(&[("LIMITS__MAX_OUTPUTS", "4")]);
    let on_air = OnAir::start(&server, &runtime, "room", 0, &[]);
    on_air.watch(&runtime, Duration::from_secs(1));
    for round in 0..3 {
        let sink = runtime.block_on(RtmpSink::bind("127.0.0.1:0")).unwrap();
        let url = format!("rtmp://{}/live/s3cretkey", sink.local_addr());
        let added = server.ok("POST", OUTPUTS, Some(json!({"id": "late", "type": "rtmp", "url": url})));
        assert_eq!(added["id"], "late", "{added}");
        wait_for("the late output to be live", Duration::from_secs(10), || {
            (on_air.output(&server, "late")["state"] == "live").then_some(())
        });
        if round == 0 {
            refuse_what_is_there(&server, &url);
        }
        on_air.watch(&runtime, Duration::from_secs(2));
        let removed = server.call("DELETE", &format!("{OUTPUTS}/late"), None);
        assert_eq!(removed.status, 204, "{removed:?}");
        let cast = server.cast("room");
        assert!(cast["outputs"].as_array().unwrap().iter().all(|output| output["id"] != "late"), "{cast}");
        wait_for("the late stream to end cleanly", Duration::from_secs(5), || {
            (sink.publishers() == (1, 1)).then_some(())
        });
        let tags = sink.tags();
        let first = tags.iter().find(|tag| tag.kind == TagKind::Video).expect("a picture");
        assert!(first.is_keyframe() && first.timestamp_ms < 100, "{first:?}");
        figure(&format!("round {round}: {} messages to the late output", tags.len()));
    }
    let received = on_air.stop(&server, &runtime).view();
    received.assert_whole("beside outputs that come and go");
    assert_eq!(output(&received.stopped, "push")["frames_dropped"], 0);
}

/// A name, a URL, a second stream at the conference's HLS address, and one output too many.
fn refuse_what_is_there(server: &Server, url: &str) {
    let add = |body: Value| {
        let answer = server.call("POST", OUTPUTS, Some(body));
        (answer.status, answer.body["code"].as_str().unwrap_or_default().to_owned())
    };
    let exists = (409, "output_exists".to_owned());
    assert_eq!(add(json!({"id": "late", "type": "rtmp", "url": "rtmp://127.0.0.1/live/other"})), exists);
    assert_eq!(add(json!({"id": "twice", "type": "rtmp", "url": url})), exists);
    assert_eq!(add(json!({"id": "more", "type": "hls"})).1, "invalid_request");
    let far = |id: &str| json!({"id": id, "type": "rtmp", "url": format!("rtmp://127.0.0.1:1/live/{id}")});
    assert_eq!(add(far("fourth")).0, 201);
    assert_eq!(add(far("fifth")).1, "too_many_outputs");
    assert_eq!(server.call("DELETE", &format!("{OUTPUTS}/fourth"), None).status, 204);
    assert_eq!(server.call("DELETE", &format!("{OUTPUTS}/fourth"), None).status, 404);
}
