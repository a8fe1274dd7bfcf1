//! Layouts: the list of them, and what a start says of one that cannot be.

use super::harness::Api;
use meetingcast::config::Config;
use serde_json::json;

fn api() -> Api {
    let layouts = json!({"panel": {"layout": "custom", "tiles": [
        {"x": 0, "y": 0, "width": 0.5, "height": 1}, {"x": 0.5, "y": 0, "width": 0.5, "height": 1}
    ]}});
    Api::new(Config { layouts: serde_json::from_value(layouts).unwrap(), ..Config::default() })
}

#[tokio::test]
async fn the_list_has_the_built_in_ones_and_those_of_the_configuration() {
    let reply = api().get("/v1/layouts").await;
    assert_eq!(reply.status, 200);
    let list = reply.json();
    let names: Vec<_> =
        list["layouts"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["grid", "speaker", "pip", "side_by_side", "screen", "custom", "panel"]);
    assert_eq!(list["layouts"][6], json!({"name": "panel", "layout": "custom", "participants": 2}));
    Api::with_tokens().get("/v1/layouts").await.is(401, "token_missing");
}

#[tokio::test]
async fn what_cannot_be_is_named_with_what_is_allowed() {
    let tile = |x: f64, width: f64| json!({"participant": "a", "x": x, "y": 0, "width": width, "height": 1});
    for (source, field, allowed) in [
        (
            json!({"layout": "mosaic"}),
            "source.layout",
            "grid, speaker, pip, side_by_side, screen, custom, panel",
        ),
        (
            json!({"layout": "custom", "tiles": [tile(0.0, 0.5), tile(0.5, 0.6)]}),
            "source.tiles[1].width",
            "1 at most",
        ),
        (json!({"layout": "custom", "tiles": [tile(0.0, 0.0)]}), "source.tiles[0].width", "0.02 to 1"),
        (json!({"layout": "custom", "tiles": vec![tile(0.0, 1.0); 26]}), "source.tiles", "1 to 25"),
        (json!({"layout": "pip", "focus": "a", "inset": "b", "size": 0.9}), "source.size", "0.1 to 0.5"),
        (json!({"layout": "panel", "participants": ["a", "b", "c"]}), "source.participants", "1 to 2"),
        (json!({"layout": "panel", "tiles": []}), "source.tiles", "custom"),
    ] {
        let reply = api().json("POST", "/v1/conferences/room/cast/start", json!({"source": source})).await;
        reply.is(400, "invalid_request");
        let problem = reply.json();
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(allowed), "{problem}");
    }
    // What serde refuses has its place in the answer too.
    for source in [
        json!({"layout": "custom", "tiles": [{"participant": "a", "x": 0, "y": 0, "width": 1, "height": 1, "fit": "fill"}]}),
        json!({"layout": "custom", "tiles": [{"participant": "a", "x": 0, "y": 0, "width": 1}]}),
        json!({"layout": "custom", "tiles": [{"participant": "a", "x": 0, "y": 0, "width": 1, "height": 1, "colour": 1}]}),
        json!({"layout": "pip", "focus": "a", "inset": "b", "corner": "middle"}),
    ] {
        let reply = api().json("POST", "/v1/conferences/room/cast/start", json!({"source": source})).await;
        reply.is(400, "invalid_request");
        assert!(reply.json()["field"].as_str().unwrap().starts_with("source."), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_cast_and_a_switch_say_the_layout_that_was_asked_for() {
    let api = api();
    let custom = json!({"layout": "custom", "tiles": [
        {"participant": "alice", "stream": "screen", "x": 0.0, "y": 0.0, "width": 0.7, "height": 1.0, "z": 1, "fit": "cover",
         "border": {"width": 0.01, "color": "#ffcc00"}, "radius": 0.05},
        {"x": 0.7, "y": 0.1, "width": 0.3, "height": 0.333, "z": 0, "fit": "contain"}
    ], "participants": ["bob"]});
    let reply = api.json("POST", "/v1/conferences/room/cast/start", json!({"source": custom})).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.json()["source"], custom);
    for source in [
        json!({"layout": "panel", "participants": ["bob", "alice"]}),
        json!({"layout": "pip", "focus": "alice", "inset": "bob", "corner": "bottom_right", "size": 0.25}),
        json!({"layout": "side_by_side", "fit": "cover"}),
        json!({"layout": "screen", "participant": "alice"}),
    ] {
        let reply = api.json("POST", "/v1/conferences/room/cast/switch", json!({"source": source})).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["source"], source);
    }
}
