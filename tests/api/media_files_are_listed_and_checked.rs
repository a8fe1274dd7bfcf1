//! Media files: the list of them, which ones a start or a switch may name, and what can be asked of the one on the program.

use super::harness::Api;
use meetingcast::config::Config;
use serde_json::json;
use std::path::Path;

fn api(dir: &Path) -> Api {
    let mut config = Config::default();
    config.media.dir = dir.to_str().unwrap().to_owned();
    Api::new(config)
}

/// A folder with a file, one in a folder below, and links that lead out of it.
fn folder() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let media = home.path().join("media");
    std::fs::create_dir_all(media.join("jingles")).unwrap();
    std::fs::write(media.join("intro.mp4"), b"12345").unwrap();
    std::fs::write(media.join("jingles/one two.ogg"), b"1").unwrap();
    std::fs::write(media.join(".hidden.mp4"), b"1").unwrap();
    std::fs::write(home.path().join("secret.mp4"), b"1").unwrap();
    std::os::unix::fs::symlink(home.path().join("secret.mp4"), media.join("link.mp4")).unwrap();
    std::os::unix::fs::symlink(home.path(), media.join("up")).unwrap();
    home
}

#[tokio::test]
async fn the_list_has_what_is_in_the_folder_and_nothing_else() {
    let home = folder();
    let reply = api(&home.path().join("media")).get("/v1/media").await;
    assert_eq!(reply.status, 200);
    let files = json!([{"file": "intro.mp4", "bytes": 5}, {"file": "jingles/one two.ogg", "bytes": 1}]);
    assert_eq!(reply.json(), json!({"files": files, "more": false}));
    Api::new(Config::default()).get("/v1/media").await.is(403, "media_disabled");
    Api::with_tokens().get("/v1/media").await.is(401, "token_missing");
}

#[tokio::test]
async fn what_is_not_in_the_folder_is_not_shown() {
    let home = folder();
    let api = api(&home.path().join("media"));
    let start = "/v1/conferences/room/cast/start";
    for name in ["none.mp4", "link.mp4", "up/secret.mp4", "jingles"] {
        let reply = api.json("POST", start, json!({"source": {"file": name}})).await;
        reply.is(404, "file_not_found");
        assert_eq!(reply.json()["field"], "source.file", "{name}");
    }
    for name in
        ["../secret.mp4", "/etc/passwd", "jingles/../../secret.mp4", ".hidden.mp4", "a\\b", "", "intro.mp4/"]
    {
        let reply = api.json("POST", start, json!({"source": {"file": name}})).await;
        reply.is(400, "invalid_request");
        assert_eq!(reply.json()["field"], "source.file", "{name}");
    }
    let reply = api.json("POST", start, json!({"source": {"file": "intro.mp4"}})).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let whole = json!({"file": "intro.mp4", "loop": false, "from_ms": 0, "then": "previous"});
    assert_eq!(reply.json()["source"], whole);
    let switch = "/v1/conferences/room/cast/switch";
    api.json("POST", switch, json!({"source": {"file": "link.mp4"}})).await.is(404, "file_not_found");
    let looped = json!({"file": "jingles/one two.ogg", "loop": true, "from_ms": 500, "then": "previous"});
    let asked = json!({"source": {"file": "jingles/one two.ogg", "loop": true, "from_ms": 500}});
    let reply = api.json("POST", switch, asked).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["source"], looped);
    let none = Api::new(Config::default());
    none.json("POST", start, json!({"source": {"file": "intro.mp4"}})).await.is(403, "media_disabled");
}

#[tokio::test]
async fn the_file_on_the_program_is_paused_and_moved() {
    let home = folder();
    let api = api(&home.path().join("media"));
    let path = "/v1/conferences/room/cast/file";
    api.json("POST", "/v1/conferences/room/cast/start", json!({"participant": "alice"})).await;
    api.json("POST", path, json!({"action": "pause"})).await.is(409, "file_not_playing");
    api.json("POST", "/v1/conferences/room/cast/switch", json!({"source": {"file": "intro.mp4"}})).await;
    let reply = api.json("POST", path, json!({"action": "pause"})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["file"], json!({"position_ms": 1234, "duration_ms": 60000, "paused": true}));
    let reply = api.json("POST", path, json!({"action": "seek", "to_ms": 2500})).await;
    assert_eq!(reply.json()["file"]["position_ms"], 2500);
    for (body, field) in [
        (json!({"action": "seek"}), "to_ms"),
        (json!({"action": "play", "to_ms": 1}), "to_ms"),
        (json!({"action": "rewind"}), "action"),
        (json!({"action": "play", "speed": 2}), "speed"),
    ] {
        let reply = api.json("POST", path, body).await;
        reply.is(400, "invalid_request");
        assert_eq!(reply.json()["field"], field);
    }
}
