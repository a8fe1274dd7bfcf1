//! The pages and the seeds' samples, used as people use them, in Chromium.

use crate::server::{Server, browser, one_at_a_time};
use std::{path::PathBuf, process::Command, time::Duration};

/// A dozen pages' starts and half a minute on air, on a busy machine.
const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn studio_watch_and_call_work_and_axe_finds_no_serious_fault() {
    let _turn = one_at_a_time();
    let server = Server::start();
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let arguments = ["--server", server.base.as_str(), "--pictures", pictures.to_str().unwrap()];
    let events = browser("look.mjs", &arguments).succeed(LIMIT);
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("plays"), count("device")), (6, 2), "{events:?}");
}

#[test]
fn a_pasted_token_is_replaced_before_it_expires() {
    let _turn = one_at_a_time();
    // Long enough to sign in on a busy machine; the last quarter is for asking.
    const FIRST_S: &str = "40";
    let keys = r#"[{id = "k", secret = "of this test, 32 bytes and more."}]"#;
    let server = Server::start_with(&[("AUTH__MODE", "token"), ("AUTH__KEYS", keys)]);
    let token = |ttl_s: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_meetingcast"))
            .args(["token", "--conference", "room", "--participant", "ann"])
            .args(["--grants", "publish,subscribe,cast", "--ttl-s", ttl_s])
            .env("MEETINGCAST__AUTH__KEYS", keys)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let (first, second) = (token(FIRST_S), token("3600"));
    let arguments = [
        "--server",
        &server.base,
        "--first",
        &first,
        "--second",
        &second,
        "--pictures",
        pictures.to_str().unwrap(),
    ];
    let events = browser("renew.mjs", &arguments).succeed(LIMIT);
    assert!(events.iter().any(|event| event["event"] == "renewed"), "{events:?}");
}

#[test]
fn the_seeds_calls_conference_and_cast_run_as_printed() {
    let _turn = one_at_a_time();
    // Wilddog's cast has an RTMP URL, too.
    let server = Server::start_with(&[("RTMP__LISTEN", "127.0.0.1:0")]);
    let events = browser("seeds.mjs", &["--server", server.base.as_str()]).succeed(LIMIT);
    let passed: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "sample" && event["passed"] == true)
        .filter_map(|event| event["name"].as_str())
        .collect();
    assert_eq!(passed, ["S0", "S0-hear", "S1", "S3", "S4", "S2-cast", "S2-see", "S2-hear"], "{events:?}");
    let heard =
        events.iter().filter(|event| event["event"] == "receives" && event["peak"].as_f64() > Some(0.01));
    // Both ends of S0-hear, S3, S4 and S2-hear; the other samples send only video.
    assert_eq!(heard.count(), 8, "{events:?}");
}
