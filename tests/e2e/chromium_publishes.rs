//! Chromium joins by WHIP with either codec, with sound or picture alone, with its transport's lines at
//! session level as OBS writes them; it leaves, and comes back under the same id.

use crate::server::{Helper, Server, browser, figure, one_at_a_time, wait_for};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A browser's start on a busy machine.
const CONNECT: Duration = Duration::from_secs(40);
/// A page that says goodbye, by DELETE or by DTLS, is gone long before the 15 seconds after which one that
/// just fell silent is.
const GONE: Duration = Duration::from_secs(5);

#[test]
fn a_page_joins_is_listed_leaves_and_comes_back_under_its_id() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let page = join(&server, "ann", &["--codec", "h264", "--end", "close"]);
    wait_for_camera(
        &server,
        "ann",
        json!({"video_codec": "h264", "audio": true, "width": 640, "height": 360}),
    );
    leave(&server, page, "ann", "closed connection");

    let page = join(&server, "ann", &["--codec", "vp8", "--width", "320", "--height", "180"]);
    wait_for_camera(
        &server,
        "ann",
        json!({"video_codec": "vp8", "audio": true, "width": 320, "height": 180}),
    );
    leave(&server, page, "ann", "DELETE");
}

#[test]
fn pages_with_sound_or_picture_alone_join() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let sound = join(&server, "sound", &["--only", "audio"]);
    wait_for_camera(
        &server,
        "sound",
        json!({"video_codec": null, "audio": true, "video": false, "width": null}),
    );
    let picture = join(&server, "picture", &["--only", "video", "--session-level"]);
    wait_for_camera(
        &server,
        "picture",
        json!({"video_codec": "h264", "audio": false, "video": true, "width": 640}),
    );
    leave(&server, sound, "sound", "DELETE");
    leave(&server, picture, "picture", "DELETE");
}

#[test]
fn an_offer_with_the_transport_at_session_level_joins_and_its_silence_ends_it() {
    let _turn = one_at_a_time();
    // Instead of 15 seconds; the page of this test also vanishes without a word, as a crashed one does.
    let server = Server::start_with(&[("WEBRTC__INACTIVITY_TIMEOUT_S", "3")]);
    let page = join(&server, "obs", &["--session-level", "--end", "vanish"]);
    wait_for_camera(
        &server,
        "obs",
        json!({"video_codec": "h264", "audio": true, "width": 640, "height": 360}),
    );
    leave(&server, page, "obs", "page that vanished");
}

/// A page that publishes until its stdin closes.
fn join(server: &Server, id: &str, more: &[&str]) -> Helper {
    let whip = server.whip("room", id);
    let mut page = browser("publish.mjs", &[&["--whip", &whip, "--seconds", "120"], more].concat());
    page.event("connected", CONNECT);
    // It judges itself by its statistics, so it must have some.
    page.event("stats", CONNECT);
    page
}

fn participant(server: &Server, id: &str) -> Option<Value> {
    let listed = server.call("GET", "/v1/conferences/room/participants", None);
    // The conference comes with its first participant; after its last it stays for a while.
    let listed =
        if listed.status == 200 { listed.body["participants"].as_array()?.clone() } else { Vec::new() };
    listed.into_iter().find(|participant| participant["id"] == id)
}

/// Waits until the list shows the participant connected, with these properties of its one stream.
fn wait_for_camera(server: &Server, id: &str, expected: Value) {
    let mut listed = None;
    let expected = expected.as_object().unwrap();
    let done = || {
        listed = participant(server, id);
        let streams = listed.as_ref()?["streams"].as_array()?;
        let [stream] = &streams[..] else { return None };
        let as_expected = expected.iter().all(|(key, value)| &stream[key] == value);
        (stream["name"] == "camera" && stream["connected"] == true && as_expected).then_some(())
    };
    wait_for(&format!("{id} to be listed with {expected:?}"), Duration::from_secs(20), done);
}

/// Ends the page; its participant leaves the list.
fn leave(server: &Server, mut page: Helper, id: &str, how: &str) {
    page.close_stdin();
    page.event("ended", CONNECT);
    let began = Instant::now();
    wait_for(&format!("{id} to be gone after a {how}"), GONE, || {
        participant(server, id).is_none().then_some(())
    });
    figure(&format!("gone {} ms after a {how}", began.elapsed().as_millis()));
    page.succeed(CONNECT);
}
