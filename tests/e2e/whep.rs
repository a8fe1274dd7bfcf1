//! Subscribers over HTTP: they see and hear one participant, mutes act on them, errors have their codes.

use crate::{
    sdp::{fragment, send, without_candidates},
    server::{figure, load, wait_for},
    stage::{ROOM, Stage, cores},
    turn::one_at_a_time,
};
use meetingcast::publisher::{
    client::Publisher, options::VideoCodec, palette::Colour, subscriber::Subscriber,
};
use serde_json::{Value, json};
use std::time::Duration;

/// What WHEP answered.
struct Posted {
    status: u16,
    location: String,
    tag: String,
    body: String,
}

fn post(stage: &Stage, path: &str, offer: &str) -> Posted {
    let headers = [("content-type", "application/sdp")];
    let (status, headers, body) = send(&stage.server, "POST", path, &headers, offer.as_bytes());
    let header =
        |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    Posted { status, location: header("location"), tag: header("etag"), body }
}

fn code(stage: &Stage, path: &str, offer: &str) -> (u16, String) {
    let Posted { status, body, .. } = post(stage, path, offer);
    let problem: Value = serde_json::from_str(&body).unwrap();
    (status, problem["code"].as_str().unwrap().to_owned())
}

fn whep(participant: &str) -> String {
    format!("/v1/conferences/{ROOM}/participants/{participant}/whep")
}

fn subscribe(stage: &Stage, path: &str) -> (Subscriber, Posted) {
    let (subscriber, offer) = Subscriber::open(VideoCodec::H264).unwrap();
    let posted = post(stage, path, &offer);
    assert_eq!(posted.status, 201, "{}", posted.body);
    subscriber.answer(&posted.body).unwrap();
    let took = subscriber.first_picture().unwrap();
    figure(&format!("whep: first picture {} ms after the answer", took.as_millis()));
    assert!(took < Duration::from_millis(1500), "{took:?}");
    (subscriber, posted)
}

#[test]
fn a_subscriber_sees_hears_and_is_hung_up() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[("LIMITS__MAX_SUBSCRIBERS", "2")]);
    let ann = stage.join(stage.options(1, "ann"));
    stage.seen("ann");
    let (first, Posted { location, .. }) = subscribe(&stage, &whep("ann"));
    std::thread::sleep(Duration::from_secs(1));
    let (late, _) = subscribe(&stage, &whep("ann"));
    std::thread::sleep(Duration::from_secs(1));
    for subscriber in [&first, &late] {
        let (frames, reading) = subscriber.seen();
        assert!(frames > 10, "{frames}");
        assert_eq!(reading.and_then(|reading| reading.colour), Some(Colour::of(1)));
        assert!(subscriber.heard().windows.iter().any(|window| window.loudest() == Some(1)));
    }

    let (_full, offer) = Subscriber::open(VideoCodec::H264).unwrap();
    assert_eq!(code(&stage, &whep("ann"), &offer), (429, "too_many_subscribers".to_owned()));
    assert_eq!(code(&stage, &whep("bob"), &offer), (404, "participant_not_found".to_owned()));
    let (_other, offer) = Subscriber::open(VideoCodec::Vp8).unwrap();
    assert_eq!(code(&stage, &whep("ann"), &offer), (406, "codec_unsupported".to_owned()));

    stage.patch("ann", json!({"audio_muted": true, "video_muted": true}));
    std::thread::sleep(Duration::from_millis(700));
    let (frames, _) = (first.seen().0, first.heard());
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(first.seen().0, frames);
    assert!(first.heard().windows.iter().all(|window| window.loudest().is_none()));
    stage.patch("ann", json!({"audio_muted": false, "video_muted": false}));
    std::thread::sleep(Duration::from_secs(2));
    assert!(first.seen().0 > frames);

    assert_eq!(stage.server.call("DELETE", &location, None).status, 200);
    assert_eq!(stage.server.call("DELETE", &location, None).status, 404);
    stage.leave(ann);
}

/// Waits until a viewer sees this participant's colour and hears nothing but its tone.
fn shows(viewer: &Subscriber, number: usize) {
    wait_for("the participant's picture and sound", Duration::from_secs(3), || {
        let colour = viewer.seen().1.and_then(|reading| reading.colour);
        let heard = viewer.heard();
        let last = heard.windows.last().and_then(|window| window.loudest());
        (colour == Some(Colour::of(number)) && last == Some(number)).then_some(())
    });
}

#[test]
fn the_program_is_watched_by_whep_and_follows_the_switches() {
    let _turn = one_at_a_time();
    let program = format!("/v1/conferences/{ROOM}/program/whep");
    let stage = Stage::set(&[]);
    let ann = stage.join(stage.options(1, "ann"));
    let mut options = stage.options(2, "bob");
    options.rate.0 = 30;
    let bob = stage.join(options);
    stage.seen("ann");
    stage.seen("bob");
    let (_early, offer) = Subscriber::open(VideoCodec::H264).unwrap();
    assert_eq!(code(&stage, &program, &offer), (409, "cast_not_started".to_owned()));
    let start = json!({"participant": "ann", "encoding": {"width": 640, "height": 360}});
    let cast = stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/start"), Some(start));
    let url = cast["play"]["whep"].as_str().unwrap();
    assert!(url.ends_with(&program), "{url}");
    let (_other, vp8) = Subscriber::open(VideoCodec::Vp8).unwrap();
    assert_eq!(code(&stage, &program, &vp8), (406, "codec_unsupported".to_owned()));

    // Nothing but what the PATCH says can connect the two.
    let (viewer, offer) = Subscriber::open(VideoCodec::H264).unwrap();
    let Posted { status, location, tag, body } = post(&stage, &program, &without_candidates(&offer));
    assert_eq!(status, 201, "{body}");
    viewer.answer(&without_candidates(&body)).unwrap();
    let trickle = |tag: &str| {
        let headers = [("content-type", "application/trickle-ice-sdpfrag"), ("if-match", tag)];
        send(&stage.server, "PATCH", &location, &headers, fragment(&offer).as_bytes()).0
    };
    assert_eq!(trickle("\"other\""), 412);
    assert_eq!(trickle(&tag), 204);
    viewer.first_picture().unwrap();
    shows(&viewer, 1);
    stage.switch(json!({"participant": "bob"}));
    shows(&viewer, 2);

    // From bob's camera to the viewer's decoder, by his frames' counters.
    let before = viewer.counters().len();
    std::thread::sleep(Duration::from_secs(4));
    let clock = bob.clock();
    let mut delays: Vec<f64> =
        viewer.delays_ms(|counter| clock.capture_ns(counter)).into_iter().skip(before).collect();
    assert!(delays.len() >= 80, "{} frames in four seconds ({})", delays.len(), load());
    delays.sort_by(f64::total_cmp);
    let at = |part: f64| delays[(delays.len() as f64 * part) as usize];
    figure(&format!("whep: publisher to viewer p50 {:.0} ms, p95 {:.0} ms", at(0.5), at(0.95)));
    assert!(at(0.95) <= 400.0, "p95 {:.0} ms ({})", at(0.95), load());

    let cast = stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/stop"), None);
    assert_eq!(cast["play"]["whep"], Value::Null);
    wait_for("the viewer's end", Duration::from_secs(3), || {
        (stage.server.call("GET", &location, None).status == 404).then_some(())
    });
    stage.leave(ann);
    stage.leave(bob);
}

/// Four participants, each of whom sees the three others: what a forwarded stream costs, and whether it is whole,
/// with one viewer more who loses a tenth of what it is sent and asks for it again and again.
#[test]
fn four_see_each_other_and_one_bad_line_harms_nobody() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[]);
    let names = ["ann", "bob", "cem", "dee"];
    let here: Vec<Publisher> =
        names.iter().enumerate().map(|(n, name)| stage.join(stage.options(n, name))).collect();
    names.iter().for_each(|name| stage.seen(name));
    let worker = stage.worker();
    let window = Duration::from_secs(4);
    let alone = cores(&[worker], window)[0];
    let mut viewers = Vec::new();
    for (n, name) in names.iter().enumerate() {
        for _ in 0..3 {
            viewers.push((n, subscribe(&stage, &whep(name)).0));
        }
    }
    let (bad, _) = subscribe(&stage, &whep("ann"));
    let together = cores(&[worker], window)[0];
    let each = (together - alone) / viewers.len() as f64;
    figure(&format!(
        "whep: worker {alone:.3} core with 4 publishers, {together:.3} with 13 viewers of 200 kbit/s: {each:.4} \
         core for each"
    ));
    bad.lose_every(10);
    for (_, viewer) in &viewers {
        viewer.heard();
    }
    let began: Vec<usize> = viewers.iter().map(|(_, viewer)| viewer.counters().len()).collect();
    std::thread::sleep(window);
    for ((n, viewer), began) in viewers.iter().zip(began) {
        let counters = &viewer.counters()[began..];
        assert!(counters.len() >= 50, "{} frames of {} ({})", counters.len(), names[*n], load());
        let missing: Vec<_> = counters.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
        assert!(missing.is_empty(), "{}: {missing:?} ({})", names[*n], load());
        let heard = viewer.heard();
        assert!(heard.silences.is_empty() && heard.clicks.is_empty(), "{:?}", heard.silences);
        assert!(heard.windows.iter().all(|window| window.loudest() == Some(*n)));
    }
    assert!(bad.counters().len() > 30, "the bad line shows something");
    for publisher in here {
        stage.leave(publisher);
    }
}

#[test]
fn the_program_is_watched_by_whep_while_pictures_pass_through() {
    let _turn = one_at_a_time();
    let program = format!("/v1/conferences/{ROOM}/program/whep");
    let stage = Stage::set(&[]);
    let _ann = stage.join(stage.options(1, "ann"));
    let mut options = stage.options(2, "bob");
    (options.size.width, options.size.height, options.rate.0) = (480, 270, 30);
    let _bob = stage.join(options);
    stage.seen("ann");
    stage.seen("bob");
    let start = json!({"participant": "ann", "encoding": {"mode": "passthrough"}});
    stage.server.ok("POST", &format!("/v1/conferences/{ROOM}/cast/start"), Some(start));
    let (viewer, _) = subscribe(&stage, &program);
    shows(&viewer, 1);
    // Another size, with other parameter sets.
    for (id, number) in [("bob", 2), ("ann", 1)] {
        stage.switch(json!({"participant": id}));
        shows(&viewer, number);
    }
}
