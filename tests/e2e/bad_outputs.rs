//! Outputs that cannot work beside two that do: each says what is wrong with it, and nothing else suffers.

use crate::{
    on_air::{OnAir, output},
    rogue::{Pen, Rogue, Script, Then},
    server::{Server, figure, load, one_at_a_time, wait_for},
};
use serde_json::{Value, json};
use std::{net::TcpListener, time::Duration};

/// An output has three seconds to end, the program two.
const STOP_LIMIT: Duration = Duration::from_secs(5);
const KEY: &str = "s3cretkey";

/// Answers nothing at all.
fn silent(_: u32) -> Script {
    Script { handshake: false, say: Vec::new(), then: Then::Read }
}

/// Hangs up after the handshake.
fn rude(_: u32) -> Script {
    Pen::new().script(Then::Close)
}

/// Takes the stream and reads nothing of it.
fn deaf(_: u32) -> Script {
    Pen::new().chunk_size(4096).published().script(Then::Freeze)
}

/// Takes the stream and then breaks the connection, again and again.
fn fickle(_: u32) -> Script {
    Pen::new().published().script(Then::ResetAfter(100_000))
}

#[test]
fn outputs_that_fail_say_why_and_neither_hls_nor_the_stop_waits_for_them() {
    let _turn = one_at_a_time();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = Server::start_with(&[
        ("RTMP__STAGE_TIMEOUT_MS", "1500"),
        ("RTMP__STALL_TIMEOUT_MS", "1500"),
        ("RTMP__BACKOFF_MAX_MS", "1000"),
        // The full rate, so that the buffers towards the deaf server are soon full.
        ("ENCODING__FILLER", "true"),
    ]);
    let refusing = TcpListener::bind(("127.78.0.4", 0)).unwrap().local_addr().unwrap();
    let rogue = |script: fn(u32) -> Script| runtime.block_on(Rogue::start(script));
    let (silent, rude, deaf, fickle) = (rogue(silent), rogue(rude), rogue(deaf), rogue(fickle));
    // The output, its URL, and what its sentence must say.
    let bad = [
        ("unknown", format!("rtmp://no-such-host.invalid/live/{KEY}"), "address of no-such-host.invalid"),
        ("refusing", format!("rtmp://{refusing}/live/{KEY}"), "cannot connect to 127.78.0.4 port"),
        ("silent", silent.url(), "the RTMP handshake took longer than 1500 ms: the server does not answer"),
        ("rude", rude.url(), "during the RTMP connect"),
        ("deaf", deaf.url(), "the server has taken no data for 1500 ms"),
        ("fickle", fickle.url(), "the connection broke during the stream"),
    ];
    let outputs: Vec<Value> =
        bad.iter().map(|(id, url, _)| json!({"id": id, "type": "rtmp", "url": url})).collect();
    let on_air = OnAir::start(&server, &runtime, "room", 4, &outputs);

    for (id, _, reason) in &bad {
        let output = wait_for(&format!("the error of {id}"), Duration::from_secs(20), || {
            let output = on_air.output(&server, id);
            output["last_error"].is_string().then_some(output)
        });
        let sentence = output["last_error"].as_str().unwrap();
        figure(&format!("{id}: {}, {sentence}", output["state"]));
        assert!(sentence.contains(reason), "{id}: {sentence:?} is not about {reason:?}");
        assert!(output["retries"].as_u64().unwrap() > 0, "{output}");
        assert!(!output.to_string().contains(KEY), "{output}");
    }
    wait_for("another attempt at each", Duration::from_secs(20), || {
        [&silent, &rude, &deaf, &fickle].iter().all(|rogue| rogue.connections() >= 2).then_some(())
    });
    refuses_what_is_no_rtmp(&server);

    let received = on_air.stop(&server, &runtime).view();
    figure(&format!("stopped after {} ms", received.stop_took.as_millis()));
    assert!(received.stop_took <= STOP_LIMIT, "{:?} ({})", received.stop_took, load());
    for (id, ..) in &bad {
        let output = output(&received.stopped, id);
        assert_eq!(output["state"], "stopped", "{output}");
    }
    received.assert_whole("beside outputs that fail");
    assert!(!server.process.said().contains(KEY), "the key is in the log");
}

fn refuses_what_is_no_rtmp(server: &Server) {
    for url in ["http://127.0.0.1/live/x", "rtmp://127.0.0.1", "live"] {
        let body = json!({"id": "wrong", "type": "rtmp", "url": url});
        let answer = server.call("POST", "/v1/conferences/room/cast/outputs", Some(body));
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (422, &json!("output_url_invalid")),
            "{url}: {answer:?}"
        );
    }
    let cast = server.cast("room");
    assert!(cast["outputs"].as_array().unwrap().iter().all(|output| output["id"] != "wrong"), "{cast}");
}
