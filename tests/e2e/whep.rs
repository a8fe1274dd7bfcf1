//! Subscribers over HTTP: they see and hear one participant, mutes act on them, errors have their codes.

use crate::{
    server::figure,
    stage::{ROOM, Stage},
    turn::one_at_a_time,
};
use meetingcast::publisher::{options::VideoCodec, palette::Colour, subscriber::Subscriber};
use serde_json::json;
use std::time::Duration;

/// Status, `Location` and body of a POST with an offer.
fn post(stage: &Stage, path: &str, offer: &str) -> (u16, String, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = stage.server.whip(ROOM, "x").split("/v1/").next().unwrap().to_owned() + path;
    let mut reply = agent
        .post(&url)
        .header("content-type", "application/sdp")
        .send(offer.replace("OPUS/48000\r\n", "OPUS/48000/2\r\n"))
        .unwrap();
    let location = reply.headers().get("location").map(|l| l.to_str().unwrap().to_owned());
    let body = reply.body_mut().read_to_string().unwrap();
    (reply.status().as_u16(), location.unwrap_or_default(), body)
}

fn whep(participant: &str) -> String {
    format!("/v1/conferences/{ROOM}/participants/{participant}/whep")
}

fn subscribe(stage: &Stage, participant: &str) -> (Subscriber, String) {
    let (subscriber, offer) = Subscriber::open(VideoCodec::H264).unwrap();
    let (status, location, answer) = post(stage, &whep(participant), &offer);
    assert_eq!(status, 201, "{answer}");
    subscriber.answer(&answer).unwrap();
    let took = subscriber.first_picture().unwrap();
    figure(&format!("whep: first picture {} ms after the answer", took.as_millis()));
    assert!(took < Duration::from_millis(1500), "{took:?}");
    (subscriber, location)
}

#[test]
fn a_subscriber_sees_hears_and_is_hung_up() {
    let _turn = one_at_a_time();
    let stage = Stage::set(&[("LIMITS__MAX_SUBSCRIBERS", "2")]);
    let ann = stage.join(stage.options(1, "ann"));
    stage.seen("ann");
    let (first, location) = subscribe(&stage, "ann");
    std::thread::sleep(Duration::from_secs(1));
    let (late, _) = subscribe(&stage, "ann");
    std::thread::sleep(Duration::from_secs(1));
    for subscriber in [&first, &late] {
        let (frames, reading) = subscriber.seen();
        assert!(frames > 10, "{frames}");
        assert_eq!(reading.and_then(|reading| reading.colour), Some(Colour::of(1)));
        assert!(subscriber.heard().windows.iter().any(|window| window.loudest() == Some(1)));
    }

    let (_full, offer) = Subscriber::open(VideoCodec::H264).unwrap();
    let code = |path: &str, offer: &str| {
        let (status, _, body) = post(&stage, path, offer);
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
        (status, problem["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(code(&whep("ann"), &offer), (429, "too_many_subscribers".to_owned()));
    assert_eq!(code(&whep("bob"), &offer), (404, "participant_not_found".to_owned()));
    let (_other, offer) = Subscriber::open(VideoCodec::Vp8).unwrap();
    assert_eq!(code(&whep("ann"), &offer), (406, "codec_unsupported".to_owned()));

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
