//! The real binary: exit codes and sentences.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output},
};

fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_meetingcast"))
        .args(args)
        .envs(env.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[track_caller]
fn fails(output: &Output, code: i32, sentence: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(error.contains(sentence), "{sentence:?} is not in {error:?}");
}

struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn config(text: &str) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, text).unwrap();
    File { _folder: folder, path }
}

#[test]
fn a_bad_configuration_is_exit_code_2_with_its_sentence() {
    for (text, sentence) in [
        ("[server]\nlistn = 1\n", "c.toml: server.listn is an unknown key; allowed here: listen, public_url"),
        ("[limits]\nmax_outputs = \"x\"\n", "c.toml: limits.max_outputs has the wrong type"),
        ("[encoding]\nfps = 1\n", "encoding.fps = 1 is not allowed; allowed: 5 to 60 frames a second"),
        ("[server\n", "c.toml: line 1: this is not TOML"),
        (
            "[server.tls]\ncert = \"/nowhere/c.pem\"\nkey = \"/nowhere/k.pem\"\n",
            "server.tls cannot be used (reading /nowhere/c.pem failed",
        ),
        (
            "[encoding]\nrenditions = [{ height = 721, video_kbps = 600 }]\n",
            "encoding.renditions[0].height = 721 is not allowed; allowed: even numbers from 16 to 718 pixels",
        ),
    ] {
        let file = config(text);
        let path = file.path.to_str().unwrap();
        fails(&run(&["check-config", path], &[]), 2, sentence);
        fails(&run(&["serve", "--config", path], &[]), 2, sentence);
    }
    fails(
        &run(&["check-config", "/nowhere/c.toml"], &[]),
        2,
        "reading the configuration /nowhere/c.toml failed",
    );
}

#[test]
fn the_environment_is_read_and_checked_too() {
    let file = config("");
    let path = file.path.to_str().unwrap();
    let check = |env: &[(&str, &str)]| run(&["check-config", path], env);
    assert!(
        check(&[("MEETINGCAST__ENCODING__FPS", "25"), ("MEETINGCAST__SERVER__LISTEN", "127.0.0.1:9")])
            .status
            .success()
    );
    fails(
        &check(&[("MEETINGCAST__ENCODING__FPS", "250")]),
        2,
        "encoding.fps = 250 is not allowed; allowed: 5 to 60 frames a second",
    );
    fails(
        &check(&[("MEETINGCAST__ENCODING__FPZ", "25")]),
        2,
        "environment (MEETINGCAST__…): encoding.fpz is an unknown key",
    );
    fails(
        &check(&[("MEETINGCAST__CAST__ENABLED", "hush")]),
        2,
        "cast.enabled has the wrong type: text stands there",
    );
}

#[test]
fn the_manual_is_good() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/config/meetingcast.toml");
    assert!(run(&["check-config", manual], &[]).status.success());
}

#[test]
fn wrong_usage_is_exit_code_2() {
    fails(&run(&["fly"], &[]), 2, "unrecognized subcommand");
    fails(&run(&["serve", "--listen", "nowhere"], &[]), 2, "--listen");
    fails(
        &run(&["serve", "--listen", "0.0.0.0:0"], &[]),
        2,
        "set auth.mode = \"token\", or pass --allow-open-network",
    );
    fails(
        &run(&["token", "--conference", "c", "--participant", "p", "--grants", "publish"], &[]),
        2,
        "auth.keys is empty, so there is nothing to sign with",
    );
}

#[test]
fn a_port_in_use_is_exit_code_1_with_a_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let sentence =
        format!("{listen} is in use by another program; end it, or choose another address with --listen");
    fails(&run(&["serve", "--listen", &listen], &[]), 1, &sentence);
}

#[test]
fn a_token_is_made_and_its_secret_is_not_shown() {
    let file = config(
        "[auth]\nmode = \"token\"\n[[auth.keys]]\nid = \"k1\"\nsecret = \"hush-0123456789abcdef0123456789abcdef\"\n",
    );
    let path = file.path.to_str().unwrap();
    let args = [
        "token",
        "--config",
        path,
        "--conference",
        "room",
        "--participant",
        "alice",
        "--grants",
        "publish,cast",
    ];
    let output = run(&args, &[]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim().split('.').count(), 3);
    assert!(!text.contains("hush"));
    let claims = jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(text.trim()).unwrap();
    assert_eq!(claims.header.kid.as_deref(), Some("k1"));
    assert_eq!(claims.claims["sub"], "alice");
    assert_eq!(claims.claims["grants"], serde_json::json!(["publish", "cast"]));
    fails(&run(&[&args[..], &["--key", "k9"]].concat(), &[]), 2, "there is no key \"k9\"; allowed: k1");
}
