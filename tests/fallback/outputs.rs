//! A cast whose encoder dies, on a real server: RTMP, HLS and a recording go on.

use crate::{
    choice::Fakes,
    on_air::{OnAir, assert_whole, video, view},
    server::{Server, figure, load, one_at_a_time, publish, wait_for},
};
use meetingcast::{demo::rtmp_sink::TagKind, publisher::recording::VideoSample};
use serde_json::json;
use std::time::Duration;
use tokio::runtime::Runtime;

pub fn outputs_follow_an_encoder_that_dies() {
    let _turn = one_at_a_time();
    let runtime = Runtime::new().unwrap();
    let fakes = Fakes::with("v4l2=die:200");
    let server = Server::start_program(&std::env::current_exe().unwrap(), &fakes.environment(), &[]);
    let recording = json!({"id": "file", "type": "recording"});
    let on_air = OnAir::start(&server, &runtime, "room", 0, &[recording]);
    let worker = server.worker("room").expect("a worker");
    let program = |server: &Server| server.cast("room")["program"].clone();
    wait_for("the report of the encoder", Duration::from_secs(5), || {
        (program(&server)["encoder"] == "v4l2").then_some(())
    });
    wait_for("another encoder", Duration::from_secs(30), || {
        (program(&server)["encoder_fallbacks"] == 1).then_some(())
    });
    assert_eq!(program(&server)["encoder"], "x264");
    on_air.watch(&runtime, Duration::from_secs(6));
    let metrics = server.call("GET", "/metrics", None).body;
    assert!(
        metrics.as_str().is_some_and(|text| {
            text.contains("meetingcast_encoder{conference=\"room\",encoder=\"x264\"} 1")
                && text.contains("meetingcast_encoder_fallbacks_total{conference=\"room\"} 1")
        }),
        "{metrics}"
    );
    assert_eq!(server.worker("room"), Some(worker), "the worker lives on");
    let said = server.process.said();
    assert!(said.contains("the program's encoder failed"), "{said}");
    let landed = on_air.stop(&server, &runtime);
    let file = wait_for("the finished recording", Duration::from_secs(10), || {
        let all = server.ok("GET", "/v1/recordings", None);
        let ready = all["recordings"].as_array()?.iter().find(|one| one["state"] == "ready")?;
        Some(ready["download"].as_str()?.to_owned())
    });
    let directory = tempfile::tempdir().unwrap();
    let recorded = directory.path().join("fallback.mp4");
    let bytes = ureq::get(&file).call().unwrap().body_mut().with_config().limit(1 << 30).read_to_vec();
    std::fs::write(&recorded, bytes.unwrap()).unwrap();
    drop(server);
    let received = landed.view();

    let stopped = &received.stopped["program"];
    figure(&format!("a cast whose encoder died: {stopped}"));
    assert_eq!((&stopped["encoder"], &stopped["encoder_fallbacks"]), (&json!("x264"), &json!(1)));
    assert!(received.tags.iter().all(|tag| tag.connection == 0), "one RTMP connection");
    let headers = received.tags.iter().filter(|tag| tag.kind == TagKind::VideoHeader).count();
    assert_eq!(headers, 2, "a sequence header for each encoder");
    let second = received.tags.iter().rposition(|tag| tag.kind == TagKind::VideoHeader).unwrap();
    assert!(video(&received.tags[second..]).next().is_some_and(|tag| tag.is_keyframe()), "an IDR first");
    assert_whole("RTMP", &received.rtmp, 0);

    assert!(received.hls.ended && received.hls.missed == 0, "{:?}", received.hls);
    assert_eq!(received.hls.files.len(), 2, "an initialisation segment each: {:?}", received.hls);
    let pictures: usize = received.hls_parts.iter().map(|part| part.video.len()).sum();
    // HLS begins where RTMP does or a keyframe before; none of the pictures between is missing.
    assert!(
        pictures >= received.rtmp.video.len(),
        "{pictures} of {} ({})",
        received.rtmp.video.len(),
        load()
    );
    let counter = |picture: Option<&VideoSample>| picture.and_then(|picture| picture.reading(0)?.counter);
    let (before, after) = (&received.hls_parts[0], &received.hls_parts[1]);
    let (last, first) = (counter(before.video.last()), counter(after.video.first()));
    assert!(last.is_some() && first == last.map(|last| last + 1), "HLS: {last:?}, then {first:?}");
    assert_eq!(view(&recorded).video.len(), pictures, "the recording has as many as HLS");
}

/// Two sizes: each has its discontinuity at the same segment, and the same segments.
pub fn hls_divides_all_sizes_where_the_encoder_died() {
    let _turn = one_at_a_time();
    let fakes = Fakes::with("v4l2=die:150");
    let server = Server::start_program(&std::env::current_exe().unwrap(), &fakes.environment(), &[]);
    let _ann = publish(&server.whip("room", "ann"), &[]);
    server.wait_for_picture("room", "ann");
    let encoding = json!({
        "width": 640, "height": 360, "video_kbps": 1000, "renditions": [{"height": 180, "video_kbps": 300}]
    });
    let body = json!({"participant": "ann", "encoding": encoding, "outputs": [{"type": "hls"}]});
    server.ok("POST", "/v1/conferences/room/cast/start", Some(body));
    let frames = |server: &Server| server.cast("room")["program"]["frames"].as_u64();
    wait_for("another encoder, and pictures of it", Duration::from_secs(40), || {
        let cast = server.cast("room");
        (cast["program"]["encoder_fallbacks"] == 1 && frames(&server) >= Some(350)).then_some(())
    });
    let stopped = server.ok("POST", "/v1/conferences/room/cast/stop", None);
    let get = |path: &str| server.call("GET", &format!("/hls/room/{path}"), None).body;
    let index = get("index.m3u8").as_str().unwrap().to_owned();
    // The sound alone is offered too.
    let lines: Vec<&str> = index.lines().collect();
    let sizes = lines.windows(2).filter(|pair| pair[0].contains("RESOLUTION="));
    let lists: Vec<&str> = sizes.map(|pair| pair[1]).collect();
    assert_eq!(lists.len(), 2, "{index}");
    let mut shapes = Vec::new();
    for list in &lists {
        let playlist = get(list).as_str().unwrap().to_owned();
        assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
        let shape: Vec<String> = playlist
            .lines()
            .filter(|line| line.starts_with("#EXTINF") || *line == "#EXT-X-DISCONTINUITY")
            .map(str::to_owned)
            .collect();
        shapes.push(shape);
    }
    figure(&format!("two sizes in HLS: {:?}, {}", shapes[0], stopped["program"]));
    assert_eq!(shapes[0], shapes[1], "the same segments");
    let breaks = shapes[0].iter().filter(|line| *line == "#EXT-X-DISCONTINUITY").count();
    assert_eq!(breaks, 1, "{:?} ({})", shapes[0], load());
    // Keyframes are counted from the successor's first: each segment ends at one.
    let behind = shapes[0].rsplit(|line| line == "#EXT-X-DISCONTINUITY").next().unwrap();
    let lengths: Vec<f64> = behind.iter().filter_map(|line| extinf(line)).collect();
    let (_, whole) = lengths.split_last().expect("segments behind the change");
    assert!(
        whole.len() >= 2 && whole.iter().all(|length| (length - 2.0).abs() < 0.05),
        "{lengths:?} ({})",
        load()
    );
}

/// Seconds of a segment.
fn extinf(line: &str) -> Option<f64> {
    line.strip_prefix("#EXTINF:")?.split(',').next()?.parse().ok()
}
