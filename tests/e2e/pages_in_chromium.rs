//! The pages, used as people use them, in Chromium.

use crate::{
    counting_clip::counting_clip,
    server::{Server, browser, one_at_a_time},
};
use std::{path::PathBuf, process::Command, time::Duration};

/// A dozen pages' starts and half a minute on air, on a busy machine.
const LIMIT: Duration = Duration::from_secs(360);

#[test]
fn studio_watch_and_call_work_and_axe_finds_no_serious_fault() {
    let _turn = one_at_a_time();
    let media = tempfile::tempdir().unwrap();
    counting_clip(&media.path().join("clip.mp4"), 3, "-c:v libx264 -preset veryfast -c:a aac");
    let server = Server::start_with(&[("MEDIA__DIR", media.path().to_str().unwrap())]);
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let arguments =
        ["--server", server.base.as_str(), "--pictures", pictures.to_str().unwrap(), "--media", "clip.mp4"];
    let events = browser("look.mjs", &arguments).succeed(LIMIT);
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    let counts = ["plays", "device", "layout", "overlay", "rundown", "file"].map(count);
    assert_eq!(counts, [6, 2, 4, 1, 1, 1], "{events:?}");
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
